/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/template.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "gate/inside.h"
#include "image/config.h"
#include "image/signal.h"

#define SHM_BYTES (64 * 1024 * 1024)
#define HOSTS "/etc/hosts"

/* ---- create ---- */

static void set_null(struct s2c_json *object, const char *key)
{
	CLEAN_JSON struct s2c_json *null = NULL;

	if (s2c_json_parse("null", 4, (struct s2c_json_limits){0}, &null, NULL) == 0)
		s2c_json_set(object, key, TAKE(null));
}

static void set_logs(struct s2c_json *host, uint64_t bytes)
{
	struct s2c_json *log = s2c_json_object_at(host, "LogConfig");
	struct s2c_json *config = s2c_json_object_at(log, "Config");
	char size[32];

	if (!bytes) {
		s2c_json_set_str(log, "Type", "none");
		return;
	}
	(void)snprintf(size, sizeof(size), "%" PRIu64, bytes);
	s2c_json_set_str(log, "Type", "json-file");
	s2c_json_set_str(config, "max-size", size);
	s2c_json_set_str(config, "max-file", "1");
}

static void set_limits(struct s2c_json *host, const struct s2c_limits *limits)
{
	int64_t memory = (int64_t)limits->memory;

	s2c_json_set_int(host, "Memory", memory);
	s2c_json_set_int(host, "MemorySwap", memory);
	s2c_json_set_int(host, "NanoCpus", (int64_t)limits->milli_cpus * 1000000);
	s2c_json_set_int(host, "PidsLimit", limits->pids);
	s2c_json_set_int(host, "ShmSize", SHM_BYTES);
}

static void put_list(struct s2c_json *host, const char *key, const struct s2c_strv *list)
{
	struct s2c_json *array = s2c_json_array_at(host, key);

	for (size_t i = 0; list && i < list->len; i++)
		s2c_json_add_str(array, list->items[i]);
}

static void add_hosts(struct s2c_json *host, const char *path)
{
	struct s2c_json *mount = s2c_json_new_object();

	s2c_json_set_str(mount, "Type", "bind");
	s2c_json_set_str(mount, "Source", path);
	s2c_json_set_str(mount, "Target", HOSTS);
	s2c_json_set_bool(mount, "ReadOnly", true);
	s2c_json_add(s2c_json_array_at(host, "Mounts"), mount);
}

static struct s2c_json *host_config(const struct s2c_gate_spec *spec)
{
	struct s2c_json *host = s2c_json_new_object();
	struct s2c_json *restart = s2c_json_object_at(host, "RestartPolicy");

	put_list(host, "Binds", spec->binds);
	if (spec->extra_hosts && spec->extra_hosts->len)
		put_list(host, "ExtraHosts", spec->extra_hosts);
	s2c_json_set_str(host, "NetworkMode", spec->network);
	s2c_json_set_bool(host, "Privileged", false);
	(void)s2c_json_array_at(host, "CapAdd");
	s2c_json_add_str(s2c_json_array_at(host, "CapDrop"), "ALL");
	s2c_json_add_str(s2c_json_array_at(host, "SecurityOpt"), "no-new-privileges");
	s2c_json_set_str(host, "PidMode", "");
	s2c_json_set_str(host, "IpcMode", "private");
	s2c_json_set_str(host, "UTSMode", "");
	s2c_json_set_str(host, "UsernsMode", "");
	s2c_json_set_str(host, "CgroupnsMode", "private");
	s2c_json_set_str(restart, "Name", "no");
	s2c_json_set_int(restart, "MaximumRetryCount", 0);
	s2c_json_set_bool(host, "AutoRemove", false);
	s2c_json_set_bool(host, "PublishAllPorts", false);
	(void)s2c_json_object_at(host, "PortBindings");
	(void)s2c_json_array_at(host, "GroupAdd");
	/* Empty lists would uncover what engines mask. */
	set_null(host, "MaskedPaths");
	set_null(host, "ReadonlyPaths");
	set_limits(host, &spec->limits);
	set_logs(host, spec->log_bytes);
	if (spec->hosts)
		add_hosts(host, spec->hosts);
	return host;
}

static void set_labels(struct s2c_json *root, const struct s2c_strv *labels)
{
	struct s2c_json *object = s2c_json_object_at(root, "Labels");

	for (size_t i = 0; i + 1 < labels->len; i += 2)
		s2c_json_set_str(object, labels->items[i], labels->items[i + 1]);
}

struct s2c_json *s2c_gate_template_create(const struct s2c_gate_spec *spec)
{
	struct s2c_json *root = s2c_json_new_object();
	char user[24];

	(void)snprintf(user, sizeof(user), "%" PRIu32 ":%" PRIu32, spec->uid, spec->gid);
	s2c_json_set_str(root, "Image", spec->image);
	s2c_json_set_str(root, "User", user);
	s2c_json_set_strv(root, "Env", spec->env);
	if (spec->unset)
		s2c_json_set_strv(root, "unsetenv", spec->unset);
	s2c_json_set_strv(root, "Cmd", spec->cmd);
	if (spec->entrypoint)
		s2c_json_set_strv(root, "Entrypoint", spec->entrypoint);
	s2c_json_set_str(root, "WorkingDir", spec->workdir);
	if (spec->hosts)
		s2c_json_set_bool(root, "NetworkDisabled", true);
	s2c_json_set_bool(root, "Tty", false);
	s2c_json_set_bool(root, "OpenStdin", true);
	s2c_json_set_bool(root, "StdinOnce", true);
	s2c_json_set_bool(root, "AttachStdin", true);
	s2c_json_set_bool(root, "AttachStdout", true);
	s2c_json_set_bool(root, "AttachStderr", true);
	s2c_json_add_str(
		s2c_json_array_at(s2c_json_object_at(root, "Healthcheck"), "Test"),
		"NONE");
	set_labels(root, spec->labels);
	s2c_json_set(root, "HostConfig", host_config(spec));
	return root;
}

/* ---- is it so? ---- */

static int differs(const char *field, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO,
		"the engine did not do what was asked for: '%s' is something else",
		field);
}

static bool is_empty(const struct s2c_json *node)
{
	bool flag;

	if (!node || s2c_json_is_null(node))
		return true;
	if (s2c_json_is_bool(node, &flag))
		return !flag;
	if (s2c_json_is_string(node))
		return !*s2c_json_str(node);
	return (s2c_json_is_array(node) || s2c_json_is_object(node)) &&
	       s2c_json_len(node) == 0;
}

static bool has_only(const struct s2c_json *list, const char *const *choices)
{
	if (s2c_json_len(list) == 0)
		return false;
	s2c_json_foreach (item, list) {
		const char *text = s2c_json_str(item);
		bool fine = false;

		for (size_t i = 0; choices[i]; i++)
			fine = fine || (text && streq(text, choices[i]));
		if (!fine)
			return false;
	}
	return true;
}

static bool same_text(const struct s2c_json *node, const char *text)
{
	const char *found = s2c_json_str(node);

	return streq(found ? found : "", text);
}

static bool same_list(const struct s2c_json *node, const struct s2c_strv *list)
{
	size_t i = 0;

	if (s2c_json_len(node) != list->len)
		return false;
	s2c_json_foreach (item, node) {
		const char *text = s2c_json_str(item);

		if (!text || !streq(text, list->items[i++]))
			return false;
	}
	return true;
}

/* An engine may write "sha256:<hex>" or "<hex>". */
static bool same_id(const struct s2c_json *node, const char *id)
{
	const char *found = s2c_json_str(node);

	if (!found)
		return false;
	if (starts_with(found, "sha256:"))
		found += 7;
	return streq(found, starts_with(id, "sha256:") ? id + 7 : id);
}

/* Engines leave a '/' at the end away. */
static bool same_path(const struct s2c_json *node, const char *path)
{
	const char *found = s2c_json_str(node);

	return found && s2c_gate_path_within(found, path) &&
	       s2c_gate_path_within(path, found);
}

/* A list without elements instead of none, or of the engine's own. */
static bool is_uncovered(const struct s2c_json *list)
{
	return s2c_json_is_array(list) && s2c_json_len(list) == 0;
}

/* Nobody else's: engines say in several ways that it is the container's own. */
static bool is_own_ipc(const struct s2c_json *mode)
{
	static const char *const own[] = {"", "private", "none", "shareable"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (same_text(mode, own[i]))
			return true;
	return false;
}

/* Nothing is published. podman lists the ports that an image exposes, with null for each.
 */
static bool publishes_nothing(const struct s2c_json *bindings)
{
	if (!s2c_json_is_object(bindings))
		return is_empty(bindings);
	s2c_json_foreach (list, bindings)
		if (!s2c_json_is_null(list))
			return false;
	return true;
}

/* podman lists capabilities by name instead of "ALL". */
static bool drops_all(const struct s2c_json *host, const struct s2c_json *inspect)
{
	static const char *const all[] = {"ALL", "CAP_ALL", NULL};
	const struct s2c_json *drop = s2c_json_get(host, "CapDrop");
	const struct s2c_json *effective = s2c_json_get(inspect, "EffectiveCaps");

	return has_only(drop, all) ||
	       (effective ? s2c_json_len(effective) == 0 : s2c_json_len(drop) >= 11);
}

/*
 * Of the host what was asked for, each as it was; else only what the image declares, in
 * volumes without a name.
 */
static bool has_own_binds(const struct s2c_gate_spec *spec, const struct s2c_json *binds)
{
	size_t asked = spec->binds ? spec->binds->len : 0, found = 0;

	s2c_json_foreach (item, binds) {
		const char *bind = s2c_json_str(item);

		if (bind && asked && s2c_bind_is_one_of(spec->binds, bind))
			found++;
		else if (!bind || !spec->volumes ||
			 !s2c_bind_is_volume_of(spec->volumes, bind))
			return false;
	}
	return found == asked;
}

static bool has_hosts(const struct s2c_gate_spec *spec, const struct s2c_json *hosts)
{
	return spec->extra_hosts && spec->extra_hosts->len
		       ? same_list(hosts, spec->extra_hosts)
		       : is_empty(hosts);
}

/* The one mount of the host's: what it is of, and where, by the name of that member. */
static bool is_hosts(
	const struct s2c_json *mount, const char *path, const char *target_member)
{
	return path && same_text(s2c_json_get(mount, "Type"), "bind") &&
	       same_text(s2c_json_get(mount, "Source"), path) &&
	       same_text(s2c_json_get(mount, target_member), HOSTS);
}

/* What was asked for: it and nothing else, and no writing to it. */
static bool has_asked_mounts(const struct s2c_json *mounts, const char *hosts)
{
	const struct s2c_json *first = s2c_json_first(mounts);
	bool read_only = false;

	if (!hosts)
		return is_empty(mounts);
	return s2c_json_len(mounts) == 1 && is_hosts(first, hosts, "Target") &&
	       s2c_json_is_bool(s2c_json_get(first, "ReadOnly"), &read_only) && read_only;
}

static bool has_own_mounts(
	const struct s2c_gate_spec *spec, const struct s2c_json *mounts)
{
	const char *hosts = spec->hosts;

	s2c_json_foreach (mount, mounts) {
		const char *type = s2c_json_str(s2c_json_get(mount, "Type"));
		const char *at = s2c_json_str(s2c_json_get(mount, "Destination"));
		bool writable = true;

		if (is_hosts(mount, hosts, "Destination") &&
			s2c_json_is_bool(s2c_json_get(mount, "RW"), &writable) &&
			!writable)
			continue;
		if (type && streq(type, "volume") && at && spec->volumes &&
			s2c_strv_find(spec->volumes, at) >= 0)
			continue;
		if (!spec->binds || !s2c_mount_is_one_of(spec->binds, mount))
			return false;
	}
	return true;
}

/* A namespace of the container's own; podman calls that of IPC shareable. */
static bool is_own_mode(const struct s2c_json *mode)
{
	return is_empty(mode) || same_text(mode, "private") ||
	       same_text(mode, "shareable");
}

/* "default" is what an engine calls something else; but never one of these. */
static bool is_network(const struct s2c_json *node, const char *asked)
{
	const char *is = s2c_json_str(node);

	if (!is || !streq(asked, "default"))
		return is && streq(is, asked);
	return !streq(is, "host") && !strchr(is, ':');
}

int s2c_gate_template_check(const struct s2c_gate_spec *spec,
	const struct s2c_json *inspect, struct s2c_error **err)
{
	static const char *const nnp[] = {"no-new-privileges", "no-new-privileges=true",
		"no-new-privileges:true", NULL};
	static const char *const nothing[] = {"CapAdd", "Privileged", "Devices",
		"DeviceCgroupRules", "GroupAdd", "VolumesFrom", "PublishAllPorts",
		"AutoRemove", "Sysctls", "Cgroup", "CgroupParent", "Links", "Tmpfs",
		"DeviceRequests", "Annotations"};
	static const char *const own[] = {"PidMode", "IpcMode", "UTSMode", "UsernsMode"};
	const struct s2c_json *host = s2c_json_get(inspect, "HostConfig");
	const struct s2c_json *config = s2c_json_get(inspect, "Config");
	char user[24];

	(void)snprintf(user, sizeof(user), "%" PRIu32 ":%" PRIu32, spec->uid, spec->gid);
	if (!host || !config)
		return differs("HostConfig", err);
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		if (!is_empty(s2c_json_get(host, nothing[i])))
			return differs(nothing[i], err);
	if (!publishes_nothing(s2c_json_get(host, "PortBindings")))
		return differs("PortBindings", err);
	if (is_uncovered(s2c_json_get(host, "MaskedPaths")) ||
		is_uncovered(s2c_json_get(host, "ReadonlyPaths")))
		return differs("MaskedPaths", err);
	if (!is_own_ipc(s2c_json_get(host, "IpcMode")))
		return differs("IpcMode", err);
	if (!has_hosts(spec, s2c_json_get(host, "ExtraHosts")))
		return differs("ExtraHosts", err);
	if (!has_own_binds(spec, s2c_json_get(host, "Binds")))
		return differs("Binds", err);
	if (!has_asked_mounts(s2c_json_get(host, "Mounts"), spec->hosts) ||
		!has_own_mounts(spec, s2c_json_get(inspect, "Mounts")))
		return differs("Mounts", err);
	/* podman says what docker leaves out. */
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!is_own_mode(s2c_json_get(host, own[i])))
			return differs(own[i], err);
	if (!drops_all(host, inspect))
		return differs("CapDrop", err);
	if (!has_only(s2c_json_get(host, "SecurityOpt"), nnp))
		return differs("SecurityOpt", err);
	if (!is_network(s2c_json_get(host, "NetworkMode"), spec->network))
		return differs("NetworkMode", err);
	if (!same_text(s2c_json_get(config, "User"), user))
		return differs("User", err);
	if (!is_empty(s2c_json_get(config, "Tty")))
		return differs("Tty", err);
	if (*spec->workdir &&
		!same_path(s2c_json_get(config, "WorkingDir"), spec->workdir))
		return differs("WorkingDir", err);
	if (!same_list(s2c_json_get(config, "Cmd"), spec->cmd))
		return differs("Cmd", err);
	if (spec->entrypoint &&
		!same_list(s2c_json_get(config, "Entrypoint"), spec->entrypoint))
		return differs("Entrypoint", err);
	if (!same_id(s2c_json_get(inspect, "Image"), spec->image))
		return differs("Image", err);
	return 0;
}

/* ---- commit ---- */

/* What is more than a letter in a line of a Dockerfile. */
#define BLANKS_AND_SIGNS " \t\n\r\"'\\$[]#"

static void set_keys(
	struct s2c_json *root, const char *field, const struct s2c_strv *keys)
{
	struct s2c_json *object;

	if (!keys->len)
		return;
	object = s2c_json_object_at(root, field);
	s2c_strv_foreach (key, keys)
		(void)s2c_json_object_at(object, key);
}

/* Members of a health check that are numbers. */
static const struct {
	const char *name;
	size_t offset; /* of a uint64_t in the ask; 0 there: not given */
} health_numbers[] = {
	{"Interval", offsetof(struct s2c_gate_ask, health_interval)},
	{"Timeout", offsetof(struct s2c_gate_ask, health_timeout)},
	{"StartPeriod", offsetof(struct s2c_gate_ask, health_start_period)},
	{"Retries", offsetof(struct s2c_gate_ask, health_retries)},
};

static int64_t health_number(const struct s2c_gate_ask *ask, size_t i)
{
	return (int64_t) *
	       (const uint64_t *)((const char *)ask + health_numbers[i].offset);
}

static void set_health(struct s2c_json *root, const struct s2c_gate_ask *ask)
{
	struct s2c_json *health = s2c_json_object_at(root, "Healthcheck");

	s2c_json_set_strv(health, "Test", &ask->health);
	for (size_t i = 0; i < ARRAY_SIZE(health_numbers); i++)
		if (health_number(ask, i))
			s2c_json_set_int(
				health, health_numbers[i].name, health_number(ask, i));
}

struct s2c_json *s2c_gate_template_commit(const struct s2c_gate_ask *ask)
{
	struct s2c_json *root = s2c_json_new_object();

	if (ask->user)
		s2c_json_set_str(root, "User", ask->user);
	if (ask->env.len)
		s2c_json_set_strv(root, "Env", &ask->env);
	if (ask->cmd.len)
		s2c_json_set_strv(root, "Cmd", &ask->cmd);
	if (ask->has_entrypoint)
		s2c_json_set_strv(root, "Entrypoint", &ask->entrypoint);
	if (ask->workdir)
		s2c_json_set_str(root, "WorkingDir", ask->workdir);
	if (ask->stop_signal)
		s2c_json_set_str(root, "StopSignal", ask->stop_signal);
	if (ask->labels.len)
		set_labels(root, &ask->labels);
	set_keys(root, "ExposedPorts", &ask->ports);
	set_keys(root, "Volumes", &ask->volumes);
	if (ask->health.len)
		set_health(root, ask);
	if (ask->shell.len)
		s2c_json_set_strv(root, "Shell", &ask->shell);
	return root;
}

static int add_change(
	struct s2c_strv *out, const char *word, const char *value, struct s2c_error **err)
{
	if (strpbrk(value, "\n\r"))
		return s2c_fail(err, S2C_EINVAL,
			"this engine cannot commit a value of several lines (%s)", word);
	s2c_strv_addf(out, "%s %s", word, value);
	return 0;
}

/*
 * The same for a value that must be one word: blanks would end it, quotes and brackets
 * and backslashes mean something, and "$" would be replaced.
 */
static int add_word(
	struct s2c_strv *out, const char *word, const char *value, struct s2c_error **err)
{
	if (!*value || strpbrk(value, BLANKS_AND_SIGNS))
		return s2c_fail(err, S2C_EINVAL, "this engine cannot commit '%s' as %s",
			value, word);
	return add_change(out, word, value, err);
}

static int add_list(struct s2c_strv *out, const char *word, const struct s2c_strv *list,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *array = s2c_json_new_array();
	CLEAN_FREE char *text = NULL;

	s2c_strv_foreach (item, list)
		s2c_json_add_str(array, item);
	text = s2c_json_print(array, S2C_JSON_COMPACT);
	return add_change(out, word, text, err);
}

/* NAME=value, of which the name is a word and the value the rest of the line. */
static int add_assignment(struct s2c_strv *out, const char *word, const char *assignment,
	size_t name, struct s2c_error **err)
{
	if (!name || strcspn(assignment, BLANKS_AND_SIGNS "=") != name ||
		assignment[name] != '=')
		return s2c_fail(err, S2C_EINVAL,
			"this engine cannot commit the name in '%s' (%s)", assignment,
			word);
	return add_change(out, word, assignment, err);
}

/* Then the command is the one that is given, if only none. */
static bool sets_entrypoint(const struct s2c_gate_ask *ask)
{
	return ask->has_entrypoint && ask->entrypoint.len;
}

int s2c_gate_template_changes(
	const struct s2c_gate_ask *ask, struct s2c_strv *out, struct s2c_error **err)
{
	if (ask->health.len || ask->shell.len)
		return s2c_fail(err, S2C_EINVAL, "this engine cannot commit a %s",
			ask->health.len ? "HEALTHCHECK" : "SHELL");
	if ((ask->user && add_word(out, "USER", ask->user, err) < 0) ||
		(ask->workdir && *ask->workdir &&
			add_word(out, "WORKDIR", ask->workdir, err) < 0) ||
		((ask->cmd.len || sets_entrypoint(ask)) &&
			add_list(out, "CMD", &ask->cmd, err) < 0) ||
		(ask->has_entrypoint &&
			add_list(out, "ENTRYPOINT", &ask->entrypoint, err) < 0) ||
		(ask->stop_signal &&
			add_word(out, "STOPSIGNAL", ask->stop_signal, err) < 0))
		return -1;
	s2c_strv_foreach (assignment, &ask->env)
		if (add_assignment(
			    out, "ENV", assignment, strcspn(assignment, "="), err) < 0)
			return -1;
	for (size_t i = 0; i + 1 < ask->labels.len; i += 2) {
		CLEAN_FREE char *label = xasprintf(
			"%s=%s", ask->labels.items[i], ask->labels.items[i + 1]);

		if (add_assignment(
			    out, "LABEL", label, strlen(ask->labels.items[i]), err) < 0)
			return -1;
	}
	s2c_strv_foreach (port, &ask->ports)
		if (add_word(out, "EXPOSE", port, err) < 0)
			return -1;
	s2c_strv_foreach (volume, &ask->volumes)
		if (add_word(out, "VOLUME", volume, err) < 0)
			return -1;
	return 0;
}

static bool has_all(const struct s2c_json *list, const struct s2c_strv *wanted)
{
	s2c_strv_foreach (want, wanted) {
		bool found = false;

		s2c_json_foreach (item, list) {
			const char *text = s2c_json_str(item);

			found = found || (text && streq(text, want));
		}
		if (!found)
			return false;
	}
	return true;
}

/* Whether the object has the names; a port without protocol is one of TCP. */
static bool has_keys(const struct s2c_json *object, const struct s2c_strv *keys)
{
	s2c_strv_foreach (key, keys) {
		CLEAN_FREE char *tcp = xasprintf("%s/tcp", key);

		if (!s2c_json_get(object, key) && !s2c_json_get(object, tcp))
			return false;
	}
	return true;
}

/* podman writes numbers for names. */
static bool same_signal(const struct s2c_json *node, const char *asked)
{
	const char *is = s2c_json_str(node);
	int number = s2c_signal_number(asked);

	return same_text(node, asked) ||
	       (is && number > 0 && s2c_signal_number(is) == number);
}

static bool same_health(const struct s2c_json *is, const struct s2c_gate_ask *ask)
{
	if (!same_list(s2c_json_get(is, "Test"), &ask->health))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(health_numbers); i++) {
		int64_t asked = health_number(ask, i), found = 0;

		if (asked && (s2c_json_get_int(is, health_numbers[i].name, S2C_REQUIRED,
				      &found, NULL) < 0 ||
				     found != asked))
			return false;
	}
	return true;
}

int s2c_gate_template_check_commit(const struct s2c_gate_ask *ask,
	const struct s2c_json *inspect, struct s2c_error **err)
{
	const struct s2c_json *config = s2c_json_get(inspect, "Config");
	const struct s2c_json *labels = s2c_json_get(config, "Labels");

	if (!config)
		return differs("Config", err);
	if (ask->user && !same_text(s2c_json_get(config, "User"), ask->user))
		return differs("User", err);
	if ((ask->cmd.len || sets_entrypoint(ask)) &&
		!same_list(s2c_json_get(config, "Cmd"), &ask->cmd))
		return differs("Cmd", err);
	if (ask->has_entrypoint &&
		!same_list(s2c_json_get(config, "Entrypoint"), &ask->entrypoint))
		return differs("Entrypoint", err);
	if (ask->workdir && *ask->workdir &&
		!same_text(s2c_json_get(config, "WorkingDir"), ask->workdir))
		return differs("WorkingDir", err);
	if (ask->stop_signal &&
		!same_signal(s2c_json_get(config, "StopSignal"), ask->stop_signal))
		return differs("StopSignal", err);
	if (ask->health.len && !same_health(s2c_json_get(config, "Healthcheck"), ask))
		return differs("Healthcheck", err);
	if (ask->shell.len && !same_list(s2c_json_get(config, "Shell"), &ask->shell))
		return differs("Shell", err);
	if (ask->no_triggers && !is_empty(s2c_json_get(config, "OnBuild")))
		return differs("OnBuild", err);
	if (!has_keys(s2c_json_get(config, "ExposedPorts"), &ask->ports))
		return differs("ExposedPorts", err);
	if (!has_keys(s2c_json_get(config, "Volumes"), &ask->volumes))
		return differs("Volumes", err);
	if (!has_all(s2c_json_get(config, "Env"), &ask->env))
		return differs("Env", err);
	for (size_t i = 0; i + 1 < ask->labels.len; i += 2)
		if (!same_text(s2c_json_get(labels, ask->labels.items[i]),
			    ask->labels.items[i + 1]))
			return differs("Labels", err);
	return 0;
}
