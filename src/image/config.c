/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image configurations. The document itself is the state: fields that s2c does not know
 * (Healthcheck, ArgsEscaped, os.features, ...) stay where and as they are, and setters
 * change single members. Only the diffIDs are mirrored in the struct.
 */
#include "image/config.h"

#include <stdio.h>

#define VOLUME_ID 64 /* digits of the name that an engine gives a volume */

/* --- parsing ---------------------------------------------------------------------- */

/* Members of "config" by type; all are optional and may be null. */
static const char *const string_members[] = {"User", "WorkingDir", "StopSignal"};
static const char *const array_members[] = {
	"Env", "Entrypoint", "Cmd", "OnBuild", "Shell"};
static const char *const set_members[] = {"Volumes", "ExposedPorts"};

/* Keys that must be spelt like this: Go would read them in any case, and s2c would not.
 */
static const char *const root_keys[] = {
	"created", "os", "architecture", "variant", "config", "history", "rootfs", NULL};
static const char *const rootfs_keys[] = {"type", "diff_ids", NULL};
static const char *const run_config_keys[] = {"User", "WorkingDir", "StopSignal", "Env",
	"Entrypoint", "Cmd", "OnBuild", "Shell", "Volumes", "ExposedPorts", "Labels",
	NULL};
static const char *const history_keys[] = {"empty_layer", NULL};

static int check_strings(const struct s2c_json *object, const char *const *keys, size_t n,
	struct s2c_error **err)
{
	for (size_t i = 0; i < n; i++) {
		const char *ignored;

		if (s2c_json_get_str(object, keys[i], S2C_OPTIONAL, &ignored, err) < 0)
			return -1;
	}
	return 0;
}

static int check_arrays(const struct s2c_json *config, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(array_members); i++) {
		CLEAN_STRV struct s2c_strv ignored = S2C_STRV_INIT;

		if (s2c_json_get_strv(
			    config, array_members[i], S2C_OPTIONAL, &ignored, err) < 0)
			return -1;
	}
	if (s2c_json_len(s2c_json_get(config, "Env")) > S2C_CONFIG_ENV_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d environment variables",
			S2C_CONFIG_ENV_MAX);
	return 0;
}

static int check_labels(const struct s2c_json *config, struct s2c_error **err)
{
	const struct s2c_json *labels = NULL;

	if (s2c_json_get_object(config, "Labels", S2C_OPTIONAL, &labels, err) < 0)
		return -1;
	s2c_json_foreach (label, labels)
		if (!s2c_json_is_string(label))
			return s2c_fail(err, S2C_EPROTO, "label '%s' is no string",
				s2c_json_key(label));
	if (s2c_json_len(labels) > S2C_CONFIG_LABELS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d labels", S2C_CONFIG_LABELS_MAX);
	return 0;
}

/* The "config" object: what the container is started with. */
static int check_run_config(const struct s2c_json *root, struct s2c_error **err)
{
	const struct s2c_json *config = NULL, *ignored;

	if (s2c_json_get_object(root, "config", S2C_OPTIONAL, &config, err) < 0 ||
		s2c_json_check_keys(config, run_config_keys, err) < 0 ||
		check_strings(config, string_members, ARRAY_SIZE(string_members), err) <
			0 ||
		check_arrays(config, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(set_members); i++)
		if (s2c_json_get_object(
			    config, set_members[i], S2C_OPTIONAL, &ignored, err) < 0)
			return -1;
	return check_labels(config, err);
}

static int check_history(const struct s2c_json *root, struct s2c_error **err)
{
	const struct s2c_json *history = NULL;
	bool ignored;

	if (s2c_json_get_array(root, "history", S2C_OPTIONAL, &history, err) < 0)
		return -1;
	s2c_json_foreach (entry, history) {
		if (!s2c_json_is_object(entry))
			return s2c_fail(err, S2C_EPROTO, "'history' must hold objects");
		if (s2c_json_check_keys(entry, history_keys, err) < 0 ||
			s2c_json_get_bool(
				entry, "empty_layer", S2C_OPTIONAL, &ignored, err) < 0)
			return -1;
	}
	return 0;
}

static int check_platform(const struct s2c_json *root, struct s2c_error **err)
{
	static const char *const keys[] = {"os", "architecture", "variant"};
	const char *value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		value = "";
		if (s2c_json_get_str(root, keys[i], S2C_OPTIONAL, &value, err) < 0)
			return -1;
		if (strlen(value) >= sizeof(((struct s2c_platform *)0)->os))
			return s2c_fail(err, S2C_EPROTO, "'%s' is too long", keys[i]);
	}
	return 0;
}

static int parse_diff_ids(struct s2c_config *config, struct s2c_error **err)
{
	const struct s2c_json *rootfs = NULL, *ids = NULL;
	const char *type = "layers";
	size_t n;

	if (s2c_json_get_object(config->root, "rootfs", S2C_REQUIRED, &rootfs, err) < 0 ||
		s2c_json_check_keys(rootfs, rootfs_keys, err) < 0 ||
		s2c_json_get_str(rootfs, "type", S2C_OPTIONAL, &type, err) < 0 ||
		s2c_json_get_array(rootfs, "diff_ids", S2C_OPTIONAL, &ids, err) < 0)
		return -1;
	if (!streq(type, "layers"))
		return s2c_fail(
			err, S2C_EPROTO, "rootfs of type '%.100s' is not 'layers'", type);
	n = s2c_json_len(ids);
	if (n > S2C_LAYERS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%zu layers are more than %d", n,
			S2C_LAYERS_MAX);
	config->diff_ids = xcalloc(n, sizeof(*config->diff_ids));
	s2c_json_foreach (id, ids) {
		struct s2c_digest *out = &config->diff_ids[config->n_diff_ids];
		CLEAN_ERROR struct s2c_error *wrong = NULL;

		if (!s2c_json_is_string(id))
			return s2c_fail(err, S2C_EPROTO,
				"'diff_ids' must be an array of strings");
		if (s2c_digest_parse(s2c_json_str(id), out, &wrong) < 0)
			return s2c_fail(err, S2C_EPROTO, "diff_ids: %s",
				s2c_error_message(wrong));
		config->n_diff_ids++;
	}
	return 0;
}

int s2c_config_parse(
	const char *text, size_t len, struct s2c_config **out, struct s2c_error **err)
{
	struct s2c_json_limits limits = {.bytes = S2C_CONFIG_MAX, .mixed_case = true};
	CLEAN_CONFIG struct s2c_config *config = xcalloc(1, sizeof(*config));
	const char *created;

	if (s2c_json_parse(text, len, limits, &config->root, err) < 0)
		return -1;
	if (!s2c_json_is_object(config->root))
		return s2c_fail(
			err, S2C_EPROTO, "an image configuration must be a JSON object");
	if (s2c_json_check_keys(config->root, root_keys, err) < 0 ||
		s2c_json_get_str(config->root, "created", S2C_OPTIONAL, &created, err) <
			0 ||
		check_platform(config->root, err) < 0 ||
		check_run_config(config->root, err) < 0 ||
		check_history(config->root, err) < 0 || parse_diff_ids(config, err) < 0)
		return -1;
	*out = TAKE(config);
	return 0;
}

struct s2c_config *s2c_config_new(const struct s2c_platform *platform)
{
	struct s2c_config *config = xcalloc(1, sizeof(*config));
	struct s2c_json *rootfs;

	config->root = s2c_json_new_object();
	config->diff_ids = xcalloc(0, sizeof(*config->diff_ids));
	s2c_json_set_str(config->root, "architecture", platform->architecture);
	s2c_json_set_str(config->root, "os", platform->os);
	if (platform->variant[0])
		s2c_json_set_str(config->root, "variant", platform->variant);
	(void)s2c_json_object_at(config->root, "config");
	rootfs = s2c_json_object_at(config->root, "rootfs");
	s2c_json_set_str(rootfs, "type", "layers");
	(void)s2c_json_array_at(rootfs, "diff_ids");
	return config;
}

struct s2c_config *s2c_config_copy(const struct s2c_config *config)
{
	struct s2c_config *copy = xmalloc(sizeof(*copy));

	*copy = (struct s2c_config){
		.root = s2c_json_copy(config->root),
		.diff_ids = xcalloc(config->n_diff_ids, sizeof(*copy->diff_ids)),
		.n_diff_ids = config->n_diff_ids,
	};
	memcpy(copy->diff_ids, config->diff_ids,
		config->n_diff_ids * sizeof(*copy->diff_ids));
	return copy;
}

void s2c_config_free(struct s2c_config *config)
{
	if (!config)
		return;
	s2c_json_free(config->root);
	free(config->diff_ids);
	free(config);
}

char *s2c_config_print(const struct s2c_config *config)
{
	return s2c_json_print(config->root, S2C_JSON_COMPACT);
}

/* --- reading ---------------------------------------------------------------------- */

static const struct s2c_json *member(const struct s2c_config *config, const char *key)
{
	return s2c_json_get(s2c_json_get(config->root, "config"), key);
}

static const char *string_or_empty(const struct s2c_json *node)
{
	const char *value = s2c_json_str(node);

	return value ? value : "";
}

const char *s2c_config_user(const struct s2c_config *config)
{
	return string_or_empty(member(config, "User"));
}

const char *s2c_config_workdir(const struct s2c_config *config)
{
	return string_or_empty(member(config, "WorkingDir"));
}

const char *s2c_config_stop_signal(const struct s2c_config *config)
{
	return string_or_empty(member(config, "StopSignal"));
}

const char *s2c_config_created(const struct s2c_config *config)
{
	return string_or_empty(s2c_json_get(config->root, "created"));
}

const char *s2c_config_label(const struct s2c_config *config, const char *key)
{
	return s2c_json_str(s2c_json_get(member(config, "Labels"), key));
}

const struct s2c_json *s2c_config_labels(const struct s2c_config *config)
{
	return member(config, "Labels");
}

void s2c_config_platform(const struct s2c_config *config, struct s2c_platform *out)
{
	const struct s2c_json *root = config->root;

	*out = (struct s2c_platform){0};
	(void)snprintf(out->os, sizeof(out->os), "%s",
		string_or_empty(s2c_json_get(root, "os")));
	(void)snprintf(out->architecture, sizeof(out->architecture), "%s",
		string_or_empty(s2c_json_get(root, "architecture")));
	(void)snprintf(out->variant, sizeof(out->variant), "%s",
		string_or_empty(s2c_json_get(root, "variant")));
}

/* The document without times, its keys sorted; caller frees. */
static char *timeless(const struct s2c_config *config)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_copy(config->root);
	CLEAN_JSON struct s2c_json *history = s2c_json_new_array();

	s2c_json_remove(root, "created");
	s2c_json_foreach (entry, s2c_json_get(config->root, "history")) {
		struct s2c_json *copy = s2c_json_copy(entry);
		s2c_json_remove(copy, "created");
		s2c_json_add(history, copy);
	}
	s2c_json_set(root, "history", TAKE(history));
	s2c_json_sort(root);
	return s2c_json_print(root, S2C_JSON_COMPACT);
}

bool s2c_config_same_but_times(const struct s2c_config *a, const struct s2c_config *b)
{
	CLEAN_FREE char *one = timeless(a), *other = timeless(b);

	return streq(one, other);
}

static void add_strings(
	const struct s2c_config *config, const char *key, struct s2c_strv *out)
{
	s2c_json_foreach (item, member(config, key))
		s2c_strv_add(out, s2c_json_str(item));
}

static void add_keys(
	const struct s2c_config *config, const char *key, struct s2c_strv *out)
{
	s2c_json_foreach (item, member(config, key))
		s2c_strv_add(out, s2c_json_key(item));
}

void s2c_config_env(const struct s2c_config *config, struct s2c_strv *out)
{
	add_strings(config, "Env", out);
}

void s2c_config_entrypoint(const struct s2c_config *config, struct s2c_strv *out)
{
	add_strings(config, "Entrypoint", out);
}

void s2c_config_cmd(const struct s2c_config *config, struct s2c_strv *out)
{
	add_strings(config, "Cmd", out);
}

void s2c_config_onbuild(const struct s2c_config *config, struct s2c_strv *out)
{
	add_strings(config, "OnBuild", out);
}

void s2c_config_volumes(const struct s2c_config *config, struct s2c_strv *out)
{
	add_keys(config, "Volumes", out);
}

bool s2c_bind_is_volume_of(const struct s2c_strv *volumes, const char *bind)
{
	const char *path = bind + VOLUME_ID;

	if (strspn(bind, "0123456789abcdef") != VOLUME_ID || *path++ != ':')
		return false;
	CLEAN_FREE char *at = xstrndup(path, strcspn(path, ":"));
	return s2c_strv_find(volumes, at) >= 0;
}

/* "ro" among options. */
static bool is_read_only(const char *options)
{
	while (*options) {
		size_t len = strcspn(options, ",");

		if (len == 2 && memcmp(options, "ro", 2) == 0)
			return true;
		options += len + (options[len] == ',');
	}
	return false;
}

/* The one of `binds` that goes from here to there, or NULL. */
static const char *find_bind(
	const struct s2c_strv *binds, const char *from_to, size_t len)
{
	s2c_strv_foreach (bind, binds)
		if (strncmp(bind, from_to, len) == 0 && bind[len] == ':' &&
			!strchr(bind + len + 1, ':'))
			return bind;
	return NULL;
}

bool s2c_bind_is_one_of(const struct s2c_strv *binds, const char *bind)
{
	const char *colon = strchr(bind, ':'), *options;
	size_t len = strlen(bind);

	if (!colon)
		return false;
	options = strchr(colon + 1, ':');
	if (options)
		len = (size_t)(options++ - bind);
	const char *asked = find_bind(binds, bind, len);
	return asked &&
	       is_read_only(asked + len + 1) == is_read_only(options ? options : "");
}

bool s2c_mount_is_one_of(const struct s2c_strv *binds, const struct s2c_json *mount)
{
	const char *type = s2c_json_str(s2c_json_get(mount, "Type"));
	const char *from = s2c_json_str(s2c_json_get(mount, "Source"));
	const char *to = s2c_json_str(s2c_json_get(mount, "Destination"));
	bool writable = true;

	if (!type || !streq(type, "bind") || !from || !to ||
		!s2c_json_is_bool(s2c_json_get(mount, "RW"), &writable))
		return false;
	CLEAN_FREE char *both = xasprintf("%s:%s", from, to);
	const char *asked = find_bind(binds, both, strlen(both));
	return asked && is_read_only(asked + strlen(both) + 1) == !writable;
}

void s2c_config_exposed_ports(const struct s2c_config *config, struct s2c_strv *out)
{
	add_keys(config, "ExposedPorts", out);
}

/* --- changing --------------------------------------------------------------------- */

static struct s2c_json *run_config(struct s2c_config *config)
{
	return s2c_json_object_at(config->root, "config");
}

void s2c_config_set_user(struct s2c_config *config, const char *user)
{
	s2c_json_set_str(run_config(config), "User", user);
}

void s2c_config_set_workdir(struct s2c_config *config, const char *workdir)
{
	s2c_json_set_str(run_config(config), "WorkingDir", workdir);
}

void s2c_config_set_stop_signal(struct s2c_config *config, const char *signal)
{
	s2c_json_set_str(run_config(config), "StopSignal", signal);
}

void s2c_config_set_created(struct s2c_config *config, const char *rfc3339)
{
	s2c_json_set_str(config->root, "created", rfc3339);
}

void s2c_config_set_label(struct s2c_config *config, const char *key, const char *value)
{
	s2c_json_set_str(s2c_json_object_at(run_config(config), "Labels"), key, value);
}

void s2c_config_set_labels(struct s2c_config *config, const struct s2c_strv *pairs)
{
	s2c_strv_foreach (pair, pairs) {
		const char *equals = strchr(pair, '=');
		CLEAN_FREE char *key = xstrndup(pair, (size_t)(equals - pair));

		s2c_config_set_label(config, key, equals + 1);
	}
}

void s2c_config_set_env(struct s2c_config *config, const char *assignment)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	s2c_config_env(config, &env);
	s2c_env_put(&env, assignment);
	s2c_json_set_strv(run_config(config), "Env", &env);
}

static void set_argv(
	struct s2c_config *config, const char *key, const struct s2c_strv *argv)
{
	if (argv->len > 0)
		s2c_json_set_strv(run_config(config), key, argv);
	else
		s2c_json_remove(run_config(config), key);
}

void s2c_config_set_entrypoint(struct s2c_config *config, const struct s2c_strv *argv)
{
	set_argv(config, "Entrypoint", argv);
}

void s2c_config_set_cmd(struct s2c_config *config, const struct s2c_strv *argv)
{
	set_argv(config, "Cmd", argv);
}

void s2c_config_shell(const struct s2c_config *config, struct s2c_strv *out)
{
	add_strings(config, "Shell", out);
}

void s2c_config_set_shell(struct s2c_config *config, const struct s2c_strv *argv)
{
	set_argv(config, "Shell", argv);
}

void s2c_config_set_author(struct s2c_config *config, const char *author)
{
	s2c_json_set_str(config->root, "author", author);
}

void s2c_config_set_healthcheck(
	struct s2c_config *config, const struct s2c_healthcheck *check)
{
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{"Interval", check->interval},
		{"Timeout", check->timeout},
		{"StartPeriod", check->start_period},
		{"StartInterval", check->start_interval},
		{"Retries", check->retries},
	};
	struct s2c_json *node = s2c_json_new_object();

	s2c_json_set_strv(node, "Test", &check->test);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].value)
			s2c_json_set_int(node, numbers[i].key, numbers[i].value);
	s2c_json_set(run_config(config), "Healthcheck", node);
}

void s2c_config_add_port(struct s2c_config *config, const char *port)
{
	s2c_json_set(s2c_json_object_at(run_config(config), "ExposedPorts"), port,
		s2c_json_new_object());
}

void s2c_config_add_volume(struct s2c_config *config, const char *path)
{
	s2c_json_set(s2c_json_object_at(run_config(config), "Volumes"), path,
		s2c_json_new_object());
}

void s2c_config_clear_onbuild(struct s2c_config *config)
{
	s2c_json_remove(run_config(config), "OnBuild");
}

/* --- layers and history ------------------------------------------------------------ */

/* True if there is one entry for every layer, as registries demand. */
static bool history_fits(const struct s2c_config *config)
{
	size_t layers = 0;
	bool empty;

	s2c_json_foreach (entry, s2c_json_get(config->root, "history")) {
		if (!s2c_json_is_bool(s2c_json_get(entry, "empty_layer"), &empty) ||
			!empty)
			layers++;
	}
	return layers == config->n_diff_ids;
}

static void add_history(
	struct s2c_config *config, bool empty_layer, const struct s2c_history *history)
{
	struct s2c_json *entry = s2c_json_new_object();

	if (history->created)
		s2c_json_set_str(entry, "created", history->created);
	if (history->created_by)
		s2c_json_set_str(entry, "created_by", history->created_by);
	if (history->comment)
		s2c_json_set_str(entry, "comment", history->comment);
	if (empty_layer)
		s2c_json_set_bool(entry, "empty_layer", true);
	s2c_json_add(s2c_json_array_at(config->root, "history"), entry);
}

void s2c_config_add_layer(struct s2c_config *config, const struct s2c_digest *diff_id,
	const struct s2c_history *history)
{
	if (history_fits(config))
		add_history(config, diff_id == NULL, history);
	else
		s2c_json_remove(config->root, "history");
	if (!diff_id)
		return;
	s2c_json_add_str(
		s2c_json_array_at(s2c_json_object_at(config->root, "rootfs"), "diff_ids"),
		diff_id->str);
	config->diff_ids = xreallocarray(
		config->diff_ids, config->n_diff_ids + 1, sizeof(*config->diff_ids));
	config->diff_ids[config->n_diff_ids++] = *diff_id;
}
