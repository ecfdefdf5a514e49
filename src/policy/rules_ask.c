/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions that the gate's policy answers. Each says yes, or no with a code, the
 * line of the policy that decided, and a sentence; nothing is yes because no rule was
 * found.
 */
#include "policy/rules.h"

#include <inttypes.h>
#include <stdio.h>

static void put_rule(struct s2c_verdict *verdict, const char *fmt, ...) S2C_PRINTF(2, 3);
static bool deny(struct s2c_verdict *verdict, const char *code, const char *fmt, ...)
	S2C_PRINTF(3, 4);

static void put_rule(struct s2c_verdict *verdict, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(verdict->rule, sizeof(verdict->rule), fmt, args);
	va_end(args);
}

/* Sets code and reason; the rule is there already. False. */
static bool deny(struct s2c_verdict *verdict, const char *code, const char *fmt, ...)
{
	va_list args;

	verdict->code = code;
	va_start(args, fmt);
	(void)vsnprintf(verdict->reason, sizeof(verdict->reason), fmt, args);
	va_end(args);
	return false;
}

static bool allow(struct s2c_verdict *verdict)
{
	verdict->code = NULL;
	verdict->reason[0] = '\0';
	return true;
}

/* "subjects[0].memory" or "defaults.memory": where the value is set. */
static void value_rule(
	struct s2c_verdict *verdict, const struct s2c_subject *subject, size_t offset)
{
	for (size_t i = 0; i < s2c_n_value_fields; i++) {
		bool own = subject->own >> i & 1;

		if (s2c_value_fields[i].offset == offset)
			put_rule(verdict, "%s.%s", own ? subject->path : "defaults",
				s2c_value_fields[i].key);
	}
}

#define VALUE_RULE(verdict, subject, field)                                              \
	value_rule(verdict, subject, offsetof(struct s2c_rules_values, field))

/* ---- who ---- */

static bool in_groups(const struct s2c_peer *peer, uint32_t gid)
{
	if (peer->gid == gid)
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

static bool is_peer(const struct s2c_subject *subject, const struct s2c_peer *peer)
{
	if (peer->socket)
		return subject->kind == S2C_SUBJECT_SOCKET &&
		       streq(subject->socket, peer->socket);
	switch (subject->kind) {
	case S2C_SUBJECT_USER:
		return subject->id == peer->uid;
	case S2C_SUBJECT_GROUP:
		return peer->uid != 0 && peer->uid != S2C_OVERFLOW_ID &&
		       in_groups(peer, subject->id);
	case S2C_SUBJECT_SOCKET:
		return false;
	}
	return false;
}

bool s2c_rules_subject(const struct s2c_rules *rules, const struct s2c_peer *peer,
	const struct s2c_subject **out, struct s2c_verdict *verdict)
{
	for (size_t i = 0; i < rules->n_subjects; i++) {
		if (is_peer(&rules->subjects[i], peer)) {
			*out = &rules->subjects[i];
			put_rule(verdict, "%s", rules->subjects[i].path);
			return allow(verdict);
		}
	}
	put_rule(verdict, "subjects");
	if (peer->socket)
		return deny(verdict, S2C_DENY_SUBJECT,
			"no subject of the policy has this socket");
	return deny(verdict, S2C_DENY_SUBJECT,
		"no subject of the policy is user %" PRIu32 " or one of its groups",
		peer->uid);
}

/* ---- the host ---- */

bool s2c_rules_volume(const struct s2c_subject *subject, const char *path, bool writable)
{
	CLEAN_FREE char *entry = xasprintf("%s:%s", path, writable ? "rw" : "ro");

	return s2c_strv_find(&subject->volumes, entry) >= 0;
}

/* ---- images ---- */

static const char *short_name(const char *repository)
{
	return starts_with(repository, "library/") ? repository + strlen("library/")
						   : repository;
}

/* The alias that a name is, as clients write it; NULL: none. */
static const struct s2c_rule_alias *find_alias(
	const struct s2c_rules *rules, const struct s2c_reference *ref)
{
	if (*ref->registry && !streq(ref->registry, "docker.io"))
		return NULL;
	for (size_t i = 0; i < rules->n_aliases; i++)
		if (streq(short_name(rules->aliases[i].name.repository),
			    short_name(ref->repository)))
			return &rules->aliases[i];
	return NULL;
}

static bool tag_matches(const struct s2c_strv *globs, const char *tag)
{
	s2c_strv_foreach (glob, globs)
		if (s2c_tag_glob_match(glob, tag))
			return true;
	return globs->len == 0;
}

/* The name that a pattern without wildcards is, with tag and digest of `asked`. */
static void plain_reference(const struct s2c_pattern *pattern,
	const struct s2c_reference *asked, struct s2c_reference *out)
{
	size_t at = 0;

	*out = *asked;
	(void)snprintf(out->registry, sizeof(out->registry), "%s", pattern->registry);
	s2c_strv_foreach (segment, &pattern->segments)
		if (at < sizeof(out->repository))
			at += (size_t)snprintf(out->repository + at,
				sizeof(out->repository) - at, "%s%s", at ? "/" : "",
				segment);
}

/* The rule for this image is found: does it take the tag or digest that was asked for? */
static bool check_builder(const struct s2c_rule_builder *rule,
	const struct s2c_reference *asked, struct s2c_builder_choice *out,
	struct s2c_verdict *verdict)
{
	bool pinned = *rule->digest.str;

	if (pinned && *asked->digest && !streq(rule->digest.str, asked->digest))
		return deny(verdict, S2C_DENY_BUILDER,
			"builder '%s' is pinned to another digest", rule->name);
	if (!pinned && *asked->digest && rule->tags.len > 0)
		return deny(verdict, S2C_DENY_BUILDER,
			"builder '%s' is allowed by tag only, as nothing tells which "
			"tags a digest has",
			rule->name);
	if (!*asked->digest && !tag_matches(&rule->tags, asked->tag))
		return deny(verdict, S2C_DENY_BUILDER,
			"builder '%s' is not allowed with tag '%s'", rule->name,
			asked->tag);
	out->rule = rule;
	if (rule->ref.wild)
		out->ref = *asked;
	else
		plain_reference(&rule->ref, asked, &out->ref);
	if (pinned)
		memcpy(out->ref.digest, rule->digest.str, sizeof(out->ref.digest));
	return allow(verdict);
}

bool s2c_rules_builder(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *asked, struct s2c_builder_choice *out,
	struct s2c_verdict *verdict)
{
	const struct s2c_rule_alias *alias = find_alias(rules, asked);
	char name[S2C_REFERENCE_MAX + 1];

	put_rule(verdict, "%s/builders", subject->path);
	if (subject->any_builder) {
		*out = (struct s2c_builder_choice){.ref = *asked};
		return allow(verdict);
	}
	if (!*asked->registry && !alias)
		return deny(verdict, S2C_DENY_BUILDER,
			"image '%s' has no registry and is no alias of the policy",
			asked->repository);
	for (size_t i = 0; i < subject->n_builders; i++) {
		const struct s2c_rule_builder *rule =
			&rules->builders[subject->builders[i]];

		if (alias ? alias->builder != subject->builders[i]
			  : !s2c_pattern_match(&rule->ref, asked))
			continue;
		put_rule(verdict, "%s/builders.%s", subject->path, rule->name);
		return check_builder(rule, asked, out, verdict);
	}
	s2c_reference_name(asked, name);
	return deny(verdict, S2C_DENY_BUILDER, "image '%.*s' is no builder of %.*s", 192,
		name, 80, subject->who);
}

static const struct s2c_rule_push *find_push(const struct s2c_rules *rules,
	const struct s2c_subject *subject, const struct s2c_reference *to)
{
	for (size_t i = 0; i < subject->n_pushes; i++) {
		const struct s2c_rule_push *rule = &rules->pushes[subject->pushes[i]];

		if (s2c_pattern_match(&rule->to, to))
			return rule;
	}
	return NULL;
}

bool s2c_rules_push(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *to, const struct s2c_rule_push **out,
	struct s2c_verdict *verdict)
{
	const struct s2c_rule_push *rule = find_push(rules, subject, to);
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_name(to, name);
	if (rule)
		put_rule(verdict, "%s/push.%s", subject->path, rule->name);
	else
		put_rule(verdict, "%s/push", subject->path);
	if (*to->digest)
		return deny(verdict, S2C_DENY_OUTPUT,
			"a destination is a name with a tag, and has no digest");
	if (!rule && !subject->any_push)
		return deny(verdict, S2C_DENY_OUTPUT, "%.*s may not push to '%.*s'", 80,
			subject->who, 192, name);
	if (rule && !tag_matches(&rule->tags, to->tag))
		return deny(verdict, S2C_DENY_OUTPUT,
			"push rule '%s' does not allow tag '%s'", rule->name, to->tag);
	*out = rule;
	return allow(verdict);
}

/* What a name means to an engine: without a registry it is one of docker.io's. */
static struct s2c_reference engine_name(const struct s2c_reference *name)
{
	struct s2c_reference full = *name;

	if (*name->registry)
		return full;
	(void)snprintf(full.registry, sizeof(full.registry), "docker.io");
	(void)snprintf(full.repository, sizeof(full.repository), "%s%.*s",
		strchr(name->repository, '/') ? "" : "library/", 240, name->repository);
	return full;
}

bool s2c_rules_output(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *name, struct s2c_verdict *verdict)
{
	struct s2c_reference full = engine_name(name);
	const struct s2c_rule_push *rule = NULL;

	if (*name->digest) {
		put_rule(verdict, "%s", subject->path);
		return deny(
			verdict, S2C_DENY_OUTPUT, "a name for an image has no digest");
	}
	if (s2c_rules_push(rules, subject, name, &rule, verdict))
		return true;
	for (size_t i = 0; i < rules->n_builders; i++) {
		if (s2c_pattern_match(&rules->builders[i].ref, &full)) {
			put_rule(verdict, "builders.%s", rules->builders[i].name);
			return deny(
				verdict, S2C_DENY_OUTPUT, "the name is one of a builder");
		}
	}
	if (find_alias(rules, name)) {
		put_rule(verdict, "aliases");
		return deny(
			verdict, S2C_DENY_OUTPUT, "the name is an alias of a builder");
	}
	for (size_t i = 0; i < rules->n_pushes; i++) {
		if (s2c_pattern_match(&rules->pushes[i].to, &full)) {
			put_rule(verdict, "push.%s", rules->pushes[i].name);
			return deny(verdict, S2C_DENY_OUTPUT,
				"the name is one of a destination that it may not push "
				"to");
		}
	}
	put_rule(verdict, "%s", subject->path);
	return allow(verdict);
}

/* ---- containers ---- */

bool s2c_rules_user(const struct s2c_subject *subject,
	const struct s2c_rule_builder *builder, uint32_t uid, uint32_t gid,
	struct s2c_verdict *verdict)
{
	if (builder && builder->has_uid) {
		put_rule(verdict, "builders.%s.uid", builder->name);
		if (uid != builder->uid)
			return deny(verdict, S2C_DENY_USER,
				"containers of builder '%s' run as user %" PRIu32
				", not as %" PRIu32,
				builder->name, builder->uid, uid);
	} else {
		VALUE_RULE(verdict, subject, uids);
		if (!s2c_uids_allow(&subject->values.uids, uid))
			return deny(verdict, S2C_DENY_USER,
				"user %" PRIu32 " is not allowed for a build", uid);
	}
	if (s2c_uids_allow(&subject->values.gids, gid))
		return allow(verdict);
	VALUE_RULE(verdict, subject, gids);
	return deny(verdict, S2C_DENY_USER,
		"group %" PRIu32 " is not allowed for a build", gid);
}

bool s2c_rules_network(const struct s2c_subject *subject,
	const struct s2c_rule_builder *builder, const char *asked, const char **out,
	struct s2c_verdict *verdict)
{
	const struct s2c_strv *networks = &subject->values.networks;
	const char *own = builder ? builder->network : NULL;
	bool wish = asked && *asked && !streq(asked, "default");
	ssize_t at;

	if (own)
		put_rule(verdict, "builders.%s.network", builder->name);
	else
		VALUE_RULE(verdict, subject, networks);
	if (own && wish && !streq(own, asked))
		return deny(verdict, S2C_DENY_NETWORK,
			"containers of builder '%s' get network '%s', not '%.*s'",
			builder->name, own, S2C_RULES_NAME_MAX, asked);
	at = wish && !own ? s2c_strv_find(networks, asked) : 0;
	if (at < 0)
		return deny(verdict, S2C_DENY_NETWORK, "network '%.*s' is not allowed",
			S2C_RULES_NAME_MAX, asked);
	*out = own ? own : networks->items[at];
	return allow(verdict);
}

/* The smaller one of two limits of which 0 is none. */
static uint64_t smaller(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

bool s2c_rules_limits(const struct s2c_subject *subject, const struct s2c_limits *asked,
	struct s2c_limits *out, struct s2c_verdict *verdict)
{
	const struct s2c_rules_values *values = &subject->values;

	VALUE_RULE(verdict, subject, memory);
	if (asked->memory != 0 && asked->memory < S2C_MEMORY_MIN)
		return deny(verdict, S2C_DENY_MEMORY,
			"with %" PRIu64 " bytes of memory nothing starts: ask for %u or "
			"more",
			asked->memory, S2C_MEMORY_MIN);
	*out = (struct s2c_limits){
		.memory = smaller(asked->memory, values->memory),
		.milli_cpus = (uint32_t)smaller(asked->milli_cpus, values->milli_cpus),
		.pids = (uint32_t)smaller(asked->pids, values->pids),
	};
	return allow(verdict);
}

bool s2c_rules_env(const struct s2c_subject *subject, size_t vars, size_t bytes,
	struct s2c_verdict *verdict)
{
	VALUE_RULE(verdict, subject, env_vars);
	if (vars > subject->values.env_vars)
		return deny(verdict, S2C_DENY_ENV,
			"%zu variables are more than the %" PRIu32 " that are allowed",
			vars, subject->values.env_vars);
	VALUE_RULE(verdict, subject, env_bytes);
	if (bytes > subject->values.env_bytes)
		return deny(verdict, S2C_DENY_ENV,
			"variables of %zu bytes are more than the %" PRIu64
			" that are allowed",
			bytes, subject->values.env_bytes);
	return allow(verdict);
}

/* ---- commands ---- */

/* Bytes of the clean absolute path at the start of `text`; 0: there is none. */
static size_t path_len(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
				      "YZ0123456789_.-/";
	size_t len = strspn(text, letters);

	for (size_t i = 0; i < len; i++) {
		size_t part = text[i] == '/' ? strcspn(text + i + 1, "/ ") : 1;

		if (part == 0 || (part == 1 && text[i] == '/' && text[i + 1] == '.') ||
			(part == 2 && text[i] == '/' && text[i + 1] == '.' &&
				text[i + 2] == '.'))
			return 0;
	}
	return *text == '/' ? len : 0;
}

/* An absolute path whose last part is a script of S2I, and nothing behind it. */
static bool is_script(const char *text)
{
	static const char *const scripts[] = {
		"assemble", "save-artifacts", "usage", "assemble-runtime", "run"};
	size_t len = path_len(text);
	const char *slash = strrchr(text, '/');

	if (len == 0 || text[len])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		if (streq(slash + 1, scripts[i]))
			return true;
	return false;
}

/* "SCRIPT" or "tar -C DIR -xf - && SCRIPT", as S2I writes it for a shell. */
static bool is_shell_script(const char *text)
{
	static const char tar[] = "tar -C ", behind[] = " -xf - && ";
	size_t len;

	if (!starts_with(text, tar))
		return is_script(text);
	text += strlen(tar);
	len = path_len(text);
	return len > 0 && starts_with(text + len, behind) &&
	       is_script(text + len + strlen(behind));
}

bool s2c_rules_command(const struct s2c_subject *subject, const struct s2c_strv *argv,
	struct s2c_verdict *verdict)
{
	VALUE_RULE(verdict, subject, command);
	if (subject->values.command == S2C_COMMAND_ANY)
		return allow(verdict);
	if (argv->len == 1 && is_script(argv->items[0]))
		return allow(verdict);
	if (argv->len == 3 && streq(argv->items[0], "/bin/sh") &&
		streq(argv->items[1], "-c") && is_shell_script(argv->items[2]))
		return allow(verdict);
	return deny(verdict, S2C_DENY_COMMAND,
		"the command is no script of S2I (assemble, save-artifacts, usage, "
		"assemble-runtime, run)");
}
