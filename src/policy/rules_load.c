/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's policy out of its file's tree. Every object is checked against the keys it
 * may have before anything is taken from it, and nothing that is taken is without effect.
 */
#include "policy/rules_impl.h"

#include <inttypes.h>

struct load {
	const struct s2c_name_resolver *resolver;
	struct s2c_rules *rules;
};

/* ---- shape ---- */

static bool is_value_key(const char *key)
{
	for (size_t i = 0; i < s2c_n_value_fields; i++)
		if (streq(s2c_value_fields[i].key, key))
			return true;
	return false;
}

static bool is_known(const char *key, const char *const *known, bool values)
{
	for (size_t i = 0; known[i]; i++)
		if (streq(known[i], key))
			return true;
	return values && is_value_key(key);
}

/* An object with no other members than these (and those of values), none of them null. */
static int check_object(const struct s2c_json *node, const char *const *known,
	bool values, struct s2c_error **err)
{
	if (!s2c_json_is_object(node))
		return s2c_fail(err, S2C_EPROTO, "it must be a map of keys and values");
	if (s2c_json_check_keys(node, known, err) < 0)
		return -1;
	s2c_json_foreach (member, node) {
		if (!is_known(s2c_json_key(member), known, values))
			return s2c_fail(err, S2C_EINVAL,
				"key '%s' is not known here; see the policy reference",
				s2c_json_key(member));
		if (s2c_json_is_null(member))
			return s2c_fail(err, S2C_EINVAL, "key '%s' has no value",
				s2c_json_key(member));
	}
	return 0;
}

/* A list, or NULL if it is not there. */
static int get_list(const struct s2c_json *node, const char *key, size_t max,
	const struct s2c_json **out, struct s2c_error **err)
{
	const struct s2c_json *list = s2c_json_get(node, key);

	if (list && !s2c_json_is_array(list))
		return s2c_fail(err, S2C_EPROTO, "%s: it must be a list", key);
	if (s2c_json_len(list) > max)
		return s2c_fail(err, S2C_ELIMIT, "%s: more than %zu entries", key, max);
	*out = list;
	return 0;
}

/* Names of builders and the like, which are parts of the paths of rules. */
static int get_name(
	const struct s2c_json *node, const char *key, char **out, struct s2c_error **err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
				      "YZ0123456789_-";
	const char *name = NULL;
	size_t len;

	if (s2c_json_get_str(node, key, S2C_REQUIRED, &name, err) < 0)
		return -1;
	len = strlen(name);
	if (len == 0 || len > S2C_RULES_NAME_MAX || strspn(name, letters) != len)
		return s2c_fail(err, S2C_EINVAL,
			"%s: '%.*s' is no name: letters, digits, '_' and '-', at most %d "
			"bytes",
			key, S2C_RULES_NAME_MAX, name, S2C_RULES_NAME_MAX);
	*out = xstrdup(name);
	return 0;
}

/* An absolute path without anything to resolve in it. Missing: *out is untouched. */
static int get_path(const struct s2c_json *node, const char *key, size_t max, char **out,
	struct s2c_error **err)
{
	const char *path = NULL;

	if (s2c_json_get_str(node, key, S2C_OPTIONAL, &path, err) < 0)
		return -1;
	if (!path)
		return 0;
	CLEAN_FREE char *ended = xasprintf("%s/", path);

	if (*path != '/' || strlen(path) > max || strstr(ended, "//") ||
		strstr(ended, "/./") || strstr(ended, "/../"))
		return s2c_fail(err, S2C_EINVAL,
			"%s: '%.64s' must be an absolute path of at most %zu bytes, "
			"without '//', '.' and '..'",
			key, path, max);
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return s2c_fail(err, S2C_EINVAL,
				"%s: the path holds a control character", key);
	*out = xstrdup(path);
	return 0;
}

static int get_count(const struct s2c_json *node, const char *key, uint64_t max,
	uint32_t *out, struct s2c_error **err)
{
	const struct s2c_json *member = s2c_json_get(node, key);
	uint64_t n = 0;

	if (!member)
		return 0;
	if (s2c_rules_count(member, 1, max, &n, err) < 0)
		return s2c_wrap(err, "%s", key);
	*out = (uint32_t)n;
	return 0;
}

static int get_word(const struct s2c_json *node, const char *key,
	const char *const *words, uint32_t *out, struct s2c_error **err)
{
	const struct s2c_json *member = s2c_json_get(node, key);

	if (member && s2c_rules_word(member, words, out, err) < 0)
		return s2c_wrap(err, "%s", key);
	return 0;
}

/* ---- one of a kind ---- */

static int load_upstream(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	static const char *const known[] = {"socket", "owner_uid", "flavor", NULL};
	static const char *const flavors[] = {"auto", "docker", "podman", NULL};
	const struct s2c_json *uid;
	uint32_t flavor = S2C_FLAVOR_AUTO;
	uint64_t owner = 0;

	if (check_object(node, known, false, err) < 0 ||
		get_path(node, "socket", S2C_RULES_PATH_MAX,
			&load->rules->upstream.socket, err) < 0 ||
		get_word(node, "flavor", flavors, &flavor, err) < 0)
		return -1;
	uid = s2c_json_get(node, "owner_uid");
	if (uid && s2c_rules_count(uid, 0, UINT32_MAX - 1, &owner, err) < 0)
		return s2c_wrap(err, "owner_uid");
	load->rules->upstream.owner_uid = (uint32_t)owner;
	load->rules->upstream.flavor = (enum s2c_flavor)flavor;
	return 0;
}

static int load_limits(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	static const char *const known[] = {"connections", "connections_per_user",
		"containers", "header_timeout", NULL};
	const struct s2c_json *timeout;
	uint64_t seconds = S2C_RULES_HEADER_TIMEOUT;

	if (check_object(node, known, false, err) < 0 ||
		get_count(node, "connections", 4096, &load->rules->limits.connections,
			err) < 0 ||
		get_count(node, "connections_per_user", 4096,
			&load->rules->limits.connections_per_user, err) < 0 ||
		get_count(node, "containers", 4096, &load->rules->limits.containers,
			err) < 0)
		return -1;
	timeout = s2c_json_get(node, "header_timeout");
	if (timeout && s2c_rules_seconds(timeout, &seconds, err) < 0)
		return s2c_wrap(err, "header_timeout");
	if (seconds < 1 || seconds > 600)
		return s2c_fail(err, S2C_EINVAL, "header_timeout: it must be 1s to 600s");
	load->rules->limits.header_timeout = (uint32_t)seconds;
	return 0;
}

static int load_audit(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	static const char *const known[] = {"path", "fsync", "max", NULL};
	static const char *const fsyncs[] = {"never", "denials", "always", NULL};
	const struct s2c_json *max;
	uint32_t fsync = S2C_AUDIT_DENIALS;
	uint64_t bytes = S2C_RULES_AUDIT_MAX;

	if (check_object(node, known, false, err) < 0 ||
		get_path(node, "path", S2C_RULES_FILE_MAX, &load->rules->audit.path,
			err) < 0 ||
		get_word(node, "fsync", fsyncs, &fsync, err) < 0)
		return -1;
	max = s2c_json_get(node, "max");
	if (max && s2c_rules_size(max, &bytes, err) < 0)
		return s2c_wrap(err, "max");
	if (bytes < 64 * 1024 || bytes > 1ull << 40)
		return s2c_fail(err, S2C_EINVAL, "max: it must be 64Ki to 1Ti");
	load->rules->audit.fsync = (enum s2c_audit_fsync)fsync;
	load->rules->audit.max = bytes;
	if (!load->rules->audit.path)
		return s2c_fail(err, S2C_EINVAL, "'path' is missing");
	return 0;
}

static int load_metrics(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	static const char *const known[] = {"socket", NULL};

	if (check_object(node, known, false, err) < 0)
		return -1;
	if (get_path(node, "socket", S2C_RULES_PATH_MAX, &load->rules->metrics_socket,
		    err) < 0)
		return -1;
	if (!load->rules->metrics_socket)
		return s2c_fail(err, S2C_EINVAL, "'socket' is missing");
	return 0;
}

/* Values that `node` sets; bit i of *own for each. */
static int load_values(const struct s2c_json *node, struct s2c_rules_values *values,
	uint64_t *own, struct s2c_error **err)
{
	for (size_t i = 0; i < s2c_n_value_fields; i++) {
		const struct s2c_value_field *field = &s2c_value_fields[i];
		const struct s2c_json *member = s2c_json_get(node, field->key);

		if (!member)
			continue;
		if (s2c_value_set(field, member, values, err) < 0)
			return s2c_wrap(err, "%s", field->key);
		*own |= 1ull << i;
	}
	return 0;
}

static int load_defaults(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	static const char *const known[] = {NULL};
	uint64_t own = 0;

	if (check_object(node, known, true, err) < 0)
		return -1;
	return load_values(node, &load->rules->defaults, &own, err);
}

static int load_sandbox(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	static const char *const words[] = {"best-effort", "require", NULL};
	uint32_t word = 0;

	if (s2c_rules_word(node, words, &word, err) < 0)
		return -1;
	load->rules->sandbox_required = word == 1;
	return 0;
}

/* ---- builders, aliases, push ---- */

static int get_tags(
	const struct s2c_json *node, struct s2c_strv *out, struct s2c_error **err)
{
	const struct s2c_json *list = NULL;

	if (get_list(node, "tags", S2C_RULES_ITEMS_MAX, &list, err) < 0)
		return -1;
	if (list && s2c_json_len(list) == 0)
		return s2c_fail(err, S2C_EINVAL,
			"tags: it is empty; leave it out to allow all tags");
	s2c_json_foreach (item, list) {
		const char *glob = s2c_json_str(item);

		if (!glob)
			return s2c_fail(
				err, S2C_EPROTO, "tags: [%zu] is no text", out->len);
		if (s2c_tag_glob_check(glob, err) < 0)
			return s2c_wrap(err, "tags");
		s2c_strv_add(out, glob);
	}
	return 0;
}

static int get_pattern(const struct s2c_json *node, const char *key,
	struct s2c_pattern *out, struct s2c_error **err)
{
	const char *text = NULL;

	if (s2c_json_get_str(node, key, S2C_REQUIRED, &text, err) < 0)
		return -1;
	if (s2c_pattern_parse(text, out, err) < 0)
		return s2c_wrap(err, "%s", key);
	return 0;
}

/* Fills an entry that is in the policy already, which releases it. */
static int load_builder(
	const struct s2c_json *node, struct s2c_rule_builder *out, struct s2c_error **err)
{
	static const char *const known[] = {
		"name", "ref", "digest", "tags", "uid", "network", NULL};
	const struct s2c_json *uid;
	const char *digest = NULL, *network = NULL;
	uint64_t n = 0;

	if (check_object(node, known, false, err) < 0 ||
		get_name(node, "name", &out->name, err) < 0 ||
		get_pattern(node, "ref", &out->ref, err) < 0 ||
		get_tags(node, &out->tags, err) < 0 ||
		s2c_json_get_str(node, "digest", S2C_OPTIONAL, &digest, err) < 0 ||
		s2c_json_get_str(node, "network", S2C_OPTIONAL, &network, err) < 0)
		return -1;
	if (digest && out->ref.wild)
		return s2c_fail(err, S2C_EINVAL,
			"digest: one image has it, but 'ref' is a pattern of several");
	if (digest && s2c_digest_parse(digest, &out->digest, err) < 0)
		return s2c_wrap(err, "digest");
	if (network && s2c_rules_network_name(network, err) < 0)
		return s2c_wrap(err, "network");
	out->network = network ? xstrdup(network) : NULL;
	uid = s2c_json_get(node, "uid");
	if (uid && s2c_rules_count(uid, 1, UINT32_MAX - 1, &n, err) < 0)
		return s2c_wrap(err, "uid");
	out->has_uid = uid != NULL;
	out->uid = (uint32_t)n;
	return 0;
}

static int load_builders(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	struct s2c_rules *rules = load->rules;

	rules->builders = xcalloc(s2c_json_len(node), sizeof(*rules->builders));
	s2c_json_foreach (item, node) {
		struct s2c_rule_builder *one = &rules->builders[rules->n_builders++];

		if (load_builder(item, one, err) < 0)
			return s2c_wrap(err, "builders[%zu]", rules->n_builders - 1);
		for (size_t i = 0; i + 1 < rules->n_builders; i++)
			if (streq(rules->builders[i].name, one->name))
				return s2c_fail(err, S2C_EINVAL,
					"builders[%zu]: name '%s' is that of [%zu]",
					rules->n_builders - 1, one->name, i);
	}
	return 0;
}

static int load_push(
	const struct s2c_json *node, struct s2c_rule_push *out, struct s2c_error **err)
{
	static const char *const known[] = {"name", "to", "auth", "tags", NULL};

	if (check_object(node, known, false, err) < 0 ||
		get_name(node, "name", &out->name, err) < 0 ||
		get_pattern(node, "to", &out->to, err) < 0 ||
		get_path(node, "auth", S2C_RULES_FILE_MAX, &out->auth, err) < 0)
		return -1;
	return get_tags(node, &out->tags, err);
}

static int load_pushes(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	struct s2c_rules *rules = load->rules;

	rules->pushes = xcalloc(s2c_json_len(node), sizeof(*rules->pushes));
	s2c_json_foreach (item, node) {
		struct s2c_rule_push *one = &rules->pushes[rules->n_pushes++];

		if (load_push(item, one, err) < 0)
			return s2c_wrap(err, "push[%zu]", rules->n_pushes - 1);
		for (size_t i = 0; i + 1 < rules->n_pushes; i++)
			if (streq(rules->pushes[i].name, one->name))
				return s2c_fail(err, S2C_EINVAL,
					"push[%zu]: name '%s' is that of [%zu]",
					rules->n_pushes - 1, one->name, i);
	}
	return 0;
}

static int find_builder(const struct s2c_rules *rules, const char *name, size_t *out,
	struct s2c_error **err)
{
	for (size_t i = 0; i < rules->n_builders; i++) {
		if (streq(rules->builders[i].name, name)) {
			*out = i;
			return 0;
		}
	}
	return s2c_fail(err, S2C_EINVAL, "'%s' is no name of 'builders'", name);
}

static int find_push(const struct s2c_rules *rules, const char *name, size_t *out,
	struct s2c_error **err)
{
	for (size_t i = 0; i < rules->n_pushes; i++) {
		if (streq(rules->pushes[i].name, name)) {
			*out = i;
			return 0;
		}
	}
	return s2c_fail(err, S2C_EINVAL, "'%s' is no name of 'push'", name);
}

static int load_alias(const struct s2c_json *member, const struct s2c_rules *rules,
	struct s2c_rule_alias *out, struct s2c_error **err)
{
	const char *key = s2c_json_key(member), *to = s2c_json_str(member);

	if (s2c_reference_parse(key, &out->name, err) < 0)
		return -1;
	if (*out->name.registry || *out->name.digest || strchr(key, ':'))
		return s2c_fail(err, S2C_EINVAL,
			"an alias is a name without registry, tag and digest");
	if (!to)
		return s2c_fail(err, S2C_EPROTO, "it must be a name of 'builders'");
	if (find_builder(rules, to, &out->builder, err) < 0)
		return -1;
	if (rules->builders[out->builder].ref.wild)
		return s2c_fail(err, S2C_EINVAL,
			"builder '%s' is a pattern of several images and can have no "
			"alias",
			to);
	return 0;
}

/* docker.io/x and x are one name for clients, and so library/x and x. */
static const char *short_name(const struct s2c_reference *ref)
{
	return starts_with(ref->repository, "library/")
		       ? ref->repository + strlen("library/")
		       : ref->repository;
}

static int load_aliases(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	struct s2c_rules *rules = load->rules;

	if (!s2c_json_is_object(node))
		return s2c_fail(err, S2C_EPROTO, "it must be a map of names to builders");
	if (s2c_json_len(node) > S2C_RULES_ENTRIES_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d entries", S2C_RULES_ENTRIES_MAX);
	rules->aliases = xcalloc(s2c_json_len(node), sizeof(*rules->aliases));
	s2c_json_foreach (member, node) {
		struct s2c_rule_alias *one = &rules->aliases[rules->n_aliases++];

		if (load_alias(member, rules, one, err) < 0)
			return s2c_wrap(err, "'%s'", s2c_json_key(member));
		for (size_t i = 0; i + 1 < rules->n_aliases; i++)
			if (streq(short_name(&rules->aliases[i].name),
				    short_name(&one->name)))
				return s2c_fail(err, S2C_EINVAL, "'%s' is there twice",
					s2c_json_key(member));
	}
	return 0;
}

/* ---- subjects ---- */

static int resolve(const struct load *load, enum s2c_name_kind kind, const char *name,
	uint32_t *out, struct s2c_error **err)
{
	const char *what = kind == S2C_NAME_USER ? "user" : "group";

	if (!*name || strlen(name) > S2C_RULES_NAME_MAX)
		return s2c_fail(err, S2C_EINVAL, "%s: a name has 1 to %d bytes", what,
			S2C_RULES_NAME_MAX);
	if (load->resolver->find(load->resolver->self, kind, name, out, err) < 0)
		return s2c_wrap(err, "%s", what);
	return 0;
}

/* Everybody of another user namespace may look like a member of this one. */
static int check_group(const struct s2c_subject *subject, struct s2c_error **err)
{
	if (subject->kind != S2C_SUBJECT_GROUP || subject->id != S2C_OVERFLOW_ID)
		return 0;
	return s2c_fail(err, S2C_EINVAL,
		"%s: %d is what every group of another user namespace looks like, and "
		"can be no subject",
		subject->who, S2C_OVERFLOW_ID);
}

/* "user: alice" or "uid: 1000", "group: team" or "gid: 27": which and whom. */
static int load_id(const struct s2c_json *selector, const struct load *load,
	struct s2c_subject *out, struct s2c_error **err)
{
	const char *key = s2c_json_key(selector), *name = s2c_json_str(selector);
	bool user = *key == 'u', by_name = streq(key, "user") || streq(key, "group");
	uint64_t n = 0;

	out->kind = user ? S2C_SUBJECT_USER : S2C_SUBJECT_GROUP;
	if (!by_name) {
		if (s2c_rules_count(selector, 0, UINT32_MAX - 1, &n, err) < 0)
			return s2c_wrap(err, "%s", key);
		out->id = (uint32_t)n;
		out->who = xasprintf("%s %" PRIu32, key, out->id);
		return check_group(out, err);
	}
	if (!name)
		return s2c_fail(err, S2C_EPROTO,
			"%s: it must be a name; an id is written '%s'", key,
			user ? "uid" : "gid");
	if (resolve(load, user ? S2C_NAME_USER : S2C_NAME_GROUP, name, &out->id, err) < 0)
		return -1;
	out->who = xasprintf("%s %s", key, name);
	return check_group(out, err);
}

static int load_selector(const struct s2c_json *node, const struct load *load,
	struct s2c_subject *out, struct s2c_error **err)
{
	static const char *const keys[] = {"user", "uid", "group", "gid", "socket"};
	const struct s2c_json *selector = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct s2c_json *member = s2c_json_get(node, keys[i]);

		if (member && selector)
			return s2c_fail(err, S2C_EINVAL,
				"'%s' and '%s' exclude each other: a subject is one of "
				"them",
				s2c_json_key(selector), keys[i]);
		selector = member ? member : selector;
	}
	if (!selector)
		return s2c_fail(err, S2C_EINVAL,
			"one of user, uid, group, gid and socket must say who it is");
	if (!streq(s2c_json_key(selector), "socket"))
		return load_id(selector, load, out, err);
	out->kind = S2C_SUBJECT_SOCKET;
	if (get_path(node, "socket", S2C_RULES_PATH_MAX, &out->socket, err) < 0)
		return -1;
	out->who = xasprintf("socket %s", out->socket);
	return 0;
}

/* A list of names as indices; the list is allocated, also when it is empty. */
static int load_rights(const struct s2c_json *node, const char *key,
	const struct load *load, struct s2c_subject *out, struct s2c_error **err)
{
	bool builders = streq(key, "builders");
	size_t **list = builders ? &out->builders : &out->pushes;
	size_t *n = builders ? &out->n_builders : &out->n_pushes;
	const struct s2c_json *names = NULL;

	if (get_list(node, key, S2C_RULES_ITEMS_MAX, &names, err) < 0)
		return -1;
	*list = xcalloc(s2c_json_len(names), sizeof(**list));
	s2c_json_foreach (item, names) {
		const char *name = s2c_json_str(item);
		size_t index = 0;

		if (!name)
			return s2c_fail(err, S2C_EPROTO, "%s: [%zu] is no text", key, *n);
		if ((builders ? find_builder(load->rules, name, &index, err)
			      : find_push(load->rules, name, &index, err)) < 0)
			return s2c_wrap(err, "%s", key);
		for (size_t i = 0; i < *n; i++)
			if ((*list)[i] == index)
				return s2c_fail(err, S2C_EINVAL,
					"%s: '%s' is there twice", key, name);
		(*list)[(*n)++] = index;
	}
	return 0;
}

static bool same_subject(const struct s2c_subject *a, const struct s2c_subject *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == S2C_SUBJECT_SOCKET ? streq(a->socket, b->socket)
					     : a->id == b->id;
}

static int load_subject(const struct s2c_json *node, const struct load *load,
	struct s2c_subject *out, struct s2c_error **err)
{
	static const char *const known[] = {
		"user", "uid", "group", "gid", "socket", "builders", "push", NULL};

	s2c_values_copy(&load->rules->defaults, &out->values);
	if (check_object(node, known, true, err) < 0 ||
		load_selector(node, load, out, err) < 0 ||
		load_rights(node, "builders", load, out, err) < 0 ||
		load_rights(node, "push", load, out, err) < 0)
		return -1;
	return load_values(node, &out->values, &out->own, err);
}

static int load_subjects(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	struct s2c_rules *rules = load->rules;

	rules->subjects = xcalloc(s2c_json_len(node), sizeof(*rules->subjects));
	s2c_json_foreach (item, node) {
		size_t number = rules->n_subjects++;
		struct s2c_subject *one = &rules->subjects[number];

		one->path = xasprintf("subjects[%zu]", number);
		if (load_subject(item, load, one, err) < 0)
			return s2c_wrap(err, "subjects[%zu]", number);
		for (size_t i = 0; i < number; i++)
			if (same_subject(&rules->subjects[i], one))
				return s2c_fail(err, S2C_EINVAL,
					"subjects[%zu]: %s is [%zu] already, which comes "
					"first",
					number, one->who, i);
	}
	return 0;
}

/* ---- the whole ---- */

static int load_version(
	const struct s2c_json *node, struct load *load, struct s2c_error **err)
{
	const char *text = s2c_json_number(node);

	(void)load;
	if (text && streq(text, "1"))
		return 0;
	return s2c_fail(err, S2C_EINVAL, "it must be 1: this s2c knows no other");
}

/* In the order in which they are read: names before who uses them. */
static const struct section {
	const char *key;
	bool list, required;
	int (*load)(
		const struct s2c_json *node, struct load *load, struct s2c_error **err);
} sections[] = {
	{"version", false, true, load_version},
	{"upstream", false, false, load_upstream},
	{"limits", false, false, load_limits},
	{"audit", false, true, load_audit},
	{"metrics", false, false, load_metrics},
	{"sandbox", false, false, load_sandbox},
	{"defaults", false, false, load_defaults},
	{"builders", true, false, load_builders},
	{"aliases", false, false, load_aliases},
	{"push", true, false, load_pushes},
	{"subjects", true, false, load_subjects},
};

static int load_section(const struct s2c_json *root, const struct section *section,
	struct load *load, struct s2c_error **err)
{
	const struct s2c_json *node = s2c_json_get(root, section->key);

	if (!node && section->required)
		return s2c_fail(err, S2C_EINVAL, "'%s' is missing", section->key);
	if (!node)
		return 0;
	if (section->list &&
		get_list(root, section->key, S2C_RULES_ENTRIES_MAX, &node, err) < 0)
		return -1;
	if (section->load(node, load, err) == 0)
		return 0;
	return section->list ? -1 : s2c_wrap(err, "%s", section->key);
}

int s2c_rules_load(const struct s2c_json *root, const struct s2c_name_resolver *resolver,
	struct s2c_rules **out, struct s2c_error **err)
{
	const char *known[ARRAY_SIZE(sections) + 1] = {NULL};
	CLEAN_RULES struct s2c_rules *rules = s2c_rules_new();
	struct load load = {.resolver = resolver, .rules = rules};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		known[i] = sections[i].key;
	if (check_object(root, known, false, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (load_section(root, &sections[i], &load, err) < 0)
			return -1;
	*out = TAKE(rules);
	return 0;
}
