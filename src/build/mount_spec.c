/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount_spec.h"

#include <ctype.h>
#include <strings.h>

#include "util/strv.h"

static const char *const origins[] = {
	[S2C_SPEC_VOLUME] = "--volume",
	[S2C_SPEC_INJECTION] = "--inject",
	[S2C_SPEC_ARTIFACT] = "--runtime-artifact",
	[S2C_SPEC_SECRET] = "--secret",
	[S2C_SPEC_AGENT] = "--ssh",
	[S2C_SPEC_CACHE] = "--cache-mount",
	[S2C_SPEC_HOST] = "--add-host",
};

static void spec_release(struct s2c_mount_spec *spec)
{
	free(spec->text);
	free(spec->from);
	free(spec->to);
	free(spec->id);
}

void s2c_mount_specs_release(struct s2c_mount_specs *specs)
{
	for (size_t i = 0; i < specs->n; i++)
		spec_release(&specs->items[i]);
	free(specs->items);
}

/* ---- paths ---- */

/*
 * Go's filepath.Clean on Unix: "//" and "." folded, ".." taken with what is before it,
 * "" becomes ".". Caller frees.
 */
static char *clean(const char *path)
{
	CLEAN_STRV struct s2c_strv parts = S2C_STRV_INIT;
	bool absolute = *path == '/';
	size_t len = strlen(path) + 2, at = 0;
	char *out = xcalloc(1, len);

	while (*path) {
		size_t n = strcspn(path, "/");
		CLEAN_FREE char *part = xstrndup(path, n);

		path += n + (path[n] == '/');
		if (!n || streq(part, "."))
			continue;
		if (!streq(part, "..") ||
			(!absolute &&
				(!parts.len || streq(parts.items[parts.len - 1], ".."))))
			s2c_strv_add(&parts, part);
		else if (parts.len)
			s2c_strv_remove(&parts, parts.len - 1);
	}
	if (absolute)
		out[at++] = '/';
	s2c_strv_foreach (part, &parts) {
		size_t n = strlen(part);

		if (at && out[at - 1] != '/')
			out[at++] = '/';
		memcpy(out + at, part, n);
		at += n;
	}
	if (!at)
		out[at++] = '.';
	return out;
}

static char *unquoted(const char *text, size_t len)
{
	while (len && strchr("\"'", *text)) {
		text++;
		len--;
	}
	while (len && strchr("\"'", text[len - 1]))
		len--;
	return xstrndup(text, len);
}

/* ---- the forms ---- */

static int parse_injection(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	static const char forbidden[] = ";*?\"<>|%#$!+{}&[],\"'`";
	const char *text = spec->text, *colon = strrchr(text, ':');
	CLEAN_FREE char *from = NULL;
	CLEAN_FREE char *to = NULL;

	if (!*text)
		return s2c_fail(err, S2C_EINVAL, "nothing is named; write SRC:DST");
	from = unquoted(text, colon ? (size_t)(colon - text) : strlen(text));
	to = unquoted(colon ? colon + 1 : "", colon ? strlen(colon + 1) : 0);
	spec->from = clean(from);
	spec->to = clean(to);
	if (strpbrk(spec->from, forbidden) || strpbrk(spec->to, forbidden))
		return s2c_fail(err, S2C_EINVAL,
			"the paths hold characters that are not allowed here (%s)",
			forbidden);
	return 0;
}

static int parse_artifact(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	if (parse_injection(spec, err) < 0)
		return -1;
	if (*spec->from != '/' || streq(spec->from, "/"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is not the absolute path of something in the container",
			spec->from);
	if (*spec->to == '/' || streq(spec->to, "..") || starts_with(spec->to, "../"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is not a directory below WORKDIR of the runtime image",
			spec->to);
	return 0;
}

/* What an engine would take; those of SELinux and of propagation change nothing here. */
static int parse_volume_options(
	struct s2c_mount_spec *spec, const char *options, struct s2c_error **err)
{
	static const char *const known[] = {
		"ro", "rw", "z", "Z", "private", "rprivate", "nocopy"};

	while (*options) {
		size_t len = strcspn(options, ",");
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			found = found || (strlen(known[i]) == len &&
						 memcmp(known[i], options, len) == 0);
		if (!found)
			return s2c_fail(err, S2C_EINVAL,
				"option '%.*s' is not known; there are ro and rw",
				(int)len, options);
		if (len == 2 && options[0] == 'r')
			spec->read_only = options[1] == 'o';
		options += len + (options[len] == ',');
	}
	return 0;
}

static int parse_volume(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	const char *text = spec->text, *colon = strchr(text, ':'), *options;
	size_t len;

	if (!colon || colon == text || colon[1] != '/')
		return s2c_fail(err, S2C_EINVAL,
			"write HOST:PATH or HOST:PATH:ro, PATH being absolute");
	if (!memchr(text, '/', (size_t)(colon - text)) && *text != '.')
		return s2c_fail(err, S2C_EINVAL,
			"'%.*s' would be a volume of an engine; write './%.*s' for a "
			"directory here, or use --cache-mount",
			(int)(colon - text), text, (int)(colon - text), text);
	options = strchr(colon + 1, ':');
	len = options ? (size_t)(options - colon) - 1 : strlen(colon + 1);
	CLEAN_FREE char *to = xstrndup(colon + 1, len);
	CLEAN_FREE char *from = xstrndup(text, (size_t)(colon - text));
	spec->to = clean(to);
	spec->from = clean(from);
	return options ? parse_volume_options(spec, options + 1, err) : 0;
}

int s2c_mount_id_check(const char *id, struct s2c_error **err)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";

	if (!*id || *id == '.' || *id == '-' || strlen(id) > S2C_MOUNT_ID_MAX ||
		id[strspn(id, fine)])
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is no name; use up to %d letters, digits, '.', '_' and '-'",
			id, S2C_MOUNT_ID_MAX);
	return 0;
}

static int set_once(char **slot, const char *value, struct s2c_error **err)
{
	if (*slot || !*value)
		return s2c_fail(err, S2C_EINVAL,
			"write id=NAME with one of src=FILE and env=VARIABLE");
	*slot = xstrdup(value);
	return 0;
}

static int parse_secret(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	CLEAN_FREE char *id = NULL;
	CLEAN_FREE char *to = NULL;
	const char *at = spec->text;

	while (*at) {
		size_t len = strcspn(at, ",");
		CLEAN_FREE char *field = xstrndup(at, len);
		char *equals = strchr(field, '=');
		const char *value = equals ? equals + 1 : "";
		int rc = 0;

		at += len + (at[len] == ',');
		if (equals)
			*equals = '\0';
		if (streq(field, "id"))
			rc = set_once(&id, value, err);
		else if (streq(field, "src") || streq(field, "source"))
			rc = set_once(&spec->from, value, err);
		else if (streq(field, "dst") || streq(field, "target"))
			rc = set_once(&to, value, err);
		else if (streq(field, "env")) {
			rc = set_once(&spec->from, value, err);
			spec->variable = true;
		} else if (!streq(field, "type") ||
			   (!streq(value, "file") && !streq(value, "env")))
			rc = s2c_fail(err, S2C_EINVAL,
				"'%s' is not known; write id=NAME,src=FILE or "
				"id=NAME,env=VARIABLE",
				field);
		if (rc < 0)
			return -1;
	}
	if (!id)
		return set_once(&id, "", err);
	if (s2c_mount_id_check(id, err) < 0)
		return -1;
	/* As docker has it: the variable of that name. */
	if (!spec->from) {
		spec->from = xstrdup(id);
		spec->variable = true;
	}
	spec->to = to ? clean(to) : xasprintf(S2C_SECRETS_DIR "/%s", id);
	spec->id = TAKE(id);
	return 0;
}

static int parse_agent(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	const char *text = spec->text, *equals = strchr(text, '=');
	const char *socket = equals ? equals + 1 : strchr(text, '/') ? text : NULL;

	if (!*text || (socket && !*socket))
		return s2c_fail(err, S2C_EINVAL,
			"write 'default' for the agent of SSH_AUTH_SOCK, or its socket");
	spec->from = socket ? xstrdup(socket) : NULL;
	spec->to = xstrdup(S2C_AGENT_PATH);
	return 0;
}

static int parse_cache(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	const char *text = spec->text, *colon = strchr(text, ':');

	if (!colon || !colon[1])
		return s2c_fail(err, S2C_EINVAL, "write ID:PATH");
	spec->from = xstrndup(text, (size_t)(colon - text));
	spec->to = clean(colon + 1);
	if (s2c_mount_id_check(spec->from, err) < 0)
		return -1;
	if (streq(spec->to, ".") || streq(spec->to, "/") || starts_with(spec->to, ".."))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' cannot be a cache; name a directory below it", colon + 1);
	return 0;
}

static int parse_host(struct s2c_mount_spec *spec, struct s2c_error **err)
{
	const char *text = spec->text, *colon = strchr(text, ':');
	size_t len;

	if (!colon || colon == text || !colon[1])
		return s2c_fail(err, S2C_EINVAL, "write NAME:ADDRESS");
	spec->from = xstrndup(text, (size_t)(colon - text));
	len = strlen(++colon);
	if (*colon == '[' && colon[len - 1] == ']') {
		colon++;
		len -= 2;
	}
	spec->to = xstrndup(colon, len);
	return 0;
}

/* ---- adding ---- */

static int add_one(struct s2c_mount_specs *specs, enum s2c_mount_spec_kind kind,
	char *text, const char *origin, struct s2c_error **err)
{
	static int (*const parsers[])(struct s2c_mount_spec *, struct s2c_error **) = {
		[S2C_SPEC_VOLUME] = parse_volume,
		[S2C_SPEC_INJECTION] = parse_injection,
		[S2C_SPEC_ARTIFACT] = parse_artifact,
		[S2C_SPEC_SECRET] = parse_secret,
		[S2C_SPEC_AGENT] = parse_agent,
		[S2C_SPEC_CACHE] = parse_cache,
		[S2C_SPEC_HOST] = parse_host,
	};
	CLEAN(spec_release)
	struct s2c_mount_spec spec = {.kind = kind, .text = text, .origin = origin};

	if (specs->n == S2C_MOUNT_SPECS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%s: more than %d of these options",
			origin, S2C_MOUNT_SPECS_MAX);
	if (parsers[kind](&spec, err) < 0)
		return s2c_wrap(err, "%s '%s'", origin, text);
	specs->items = xreallocarray(specs->items, specs->n + 1, sizeof(*specs->items));
	specs->items[specs->n++] = spec;
	spec = (struct s2c_mount_spec){.kind = kind};
	return 0;
}

int s2c_mount_specs_add(struct s2c_mount_specs *specs, enum s2c_mount_spec_kind kind,
	const char *text, struct s2c_error **err)
{
	const char *origin = origins[kind];

	if (kind != S2C_SPEC_INJECTION && kind != S2C_SPEC_ARTIFACT)
		return add_one(specs, kind, xstrdup(text), origin, err);
	for (;;) {
		size_t len = strcspn(text, ";");

		if (add_one(specs, kind, xstrndup(text, len), origin, err) < 0)
			return -1;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

/* Whether an option is about the same path. */
static bool is_taken(const struct s2c_mount_specs *specs, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (specs->items[i].kind != S2C_SPEC_HOST &&
			streq(specs->items[i].to, path))
			return true;
	return false;
}

int s2c_mount_specs_add_label(
	struct s2c_mount_specs *specs, const char *label, struct s2c_error **err)
{
	size_t own = specs->n;

	while (*label) {
		size_t len = strcspn(label, ";");
		CLEAN_FREE char *text = xstrndup(label, len);

		label += len + (label[len] == ';');
		if (!text[strspn(text, " ")])
			continue;
		if (add_one(specs, S2C_SPEC_CACHE, xstrdup(text + strspn(text, " ")),
			    "label '" S2C_LABEL_CACHE_MOUNTS "' of the builder image",
			    err) < 0)
			return -1;
		if (is_taken(specs, own, specs->items[specs->n - 1].to))
			spec_release(&specs->items[--specs->n]);
	}
	return 0;
}

/* ---- capabilities ---- */

int s2c_capabilities_check(const char *text, struct s2c_error **err)
{
	static const char *const names[] = {"all", "audit_control", "audit_read",
		"audit_write", "block_suspend", "bpf", "checkpoint_restore", "chown",
		"dac_override", "dac_read_search", "fowner", "fsetid", "ipc_lock",
		"ipc_owner", "kill", "lease", "linux_immutable", "mac_admin",
		"mac_override", "mknod", "net_admin", "net_bind_service", "net_broadcast",
		"net_raw", "perfmon", "setfcap", "setgid", "setpcap", "setuid",
		"sys_admin", "sys_boot", "sys_chroot", "sys_module", "sys_nice",
		"sys_pacct", "sys_ptrace", "sys_rawio", "sys_resource", "sys_time",
		"sys_tty_config", "syslog", "wake_alarm"};

	while (*text) {
		size_t len = strcspn(text, ",");
		CLEAN_FREE char *name = xstrndup(text, len);
		const char *bare = strncasecmp(name, "CAP_", 4) ? name : name + 4;
		bool found = false;

		text += len + (text[len] == ',');
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			found = found || strcasecmp(names[i], bare) == 0;
		if (!found)
			return s2c_fail(err, S2C_EINVAL,
				"--cap-drop: '%s' is no capability; see capabilities(7)",
				name);
	}
	return 0;
}
