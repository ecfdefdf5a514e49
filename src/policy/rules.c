/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's policy in memory: the table of values that every subject has, releasing, and
 * the policy of a private gate, which has no file.
 */
#include "policy/rules.h"

#include <inttypes.h>

#include "policy/rules_impl.h"

#define KI (1024ull)
#define MI (1024 * KI)
#define GI (1024 * MI)
#define TI (1024 * GI)
#define DAY (24 * 3600u)
#define VALUE(field) offsetof(struct s2c_rules_values, field)

const struct s2c_value_field s2c_value_fields[] = {
	{"uids", S2C_VALUE_IDS, VALUE(uids), 1, 0, "1001", {NULL}},
	{"gids", S2C_VALUE_IDS, VALUE(gids), 0, 0, "0,1001", {NULL}},
	{"networks", S2C_VALUE_NETWORKS, VALUE(networks), 0, 0, "none", {NULL}},
	{"memory", S2C_VALUE_SIZE, VALUE(memory), S2C_MEMORY_MIN, 64 * TI, "2Gi", {NULL}},
	{"cpus", S2C_VALUE_CPUS, VALUE(milli_cpus), 0, 0, "2", {NULL}},
	{"pids", S2C_VALUE_COUNT, VALUE(pids), 16, S2C_PIDS_MAX, "512", {NULL}},
	{"deadline", S2C_VALUE_SECONDS, VALUE(deadline), 1, 7 * DAY, "30m", {NULL}},
	{"containers", S2C_VALUE_COUNT, VALUE(containers), 1, 4096, "4", {NULL}},
	{"source_bytes", S2C_VALUE_SIZE, VALUE(source_bytes), KI, 64 * TI, "1Gi", {NULL}},
	{"source_entries", S2C_VALUE_COUNT, VALUE(source_entries), 1, 100000000, "200000",
		{NULL}},
	{"log_bytes", S2C_VALUE_SIZE, VALUE(log_bytes), KI, 64 * TI, "64Mi", {NULL}},
	{"copy_out_bytes", S2C_VALUE_SIZE, VALUE(copy_out_bytes), KI, 64 * TI, "1Gi",
		{NULL}},
	{"env_vars", S2C_VALUE_COUNT, VALUE(env_vars), 0, 4096, "256", {NULL}},
	{"env_bytes", S2C_VALUE_SIZE, VALUE(env_bytes), KI, 4 * MI, "256Ki", {NULL}},
	{"entrypoint", S2C_VALUE_WORD, VALUE(entrypoint), 0, 0, "image",
		{"image", "clear", NULL}},
	{"cmd", S2C_VALUE_WORD, VALUE(command), 0, 0, "s2i", {"s2i", "any", NULL}},
	{"client_auth", S2C_VALUE_WORD, VALUE(client_auth), 0, 0, "deny",
		{"deny", "allow", NULL}},
};
const size_t s2c_n_value_fields = ARRAY_SIZE(s2c_value_fields);

static char *join(const struct s2c_strv *words)
{
	char *all = xstrdup("");

	s2c_strv_foreach (word, words) {
		char *longer = xasprintf("%s%s%s", all, *all ? "," : "", word);

		free(all);
		all = longer;
	}
	return all;
}

char *s2c_value_format(
	const struct s2c_value_field *field, const struct s2c_rules_values *values)
{
	const void *at = (const char *)values + field->offset;
	uint32_t number;

	switch (field->kind) {
	case S2C_VALUE_IDS:
		return s2c_uids_format(at);
	case S2C_VALUE_NETWORKS:
		return join(at);
	case S2C_VALUE_SIZE:
		return xasprintf("%" PRIu64, *(const uint64_t *)at);
	case S2C_VALUE_CPUS:
		number = *(const uint32_t *)at;
		return xasprintf("%" PRIu32 ".%03" PRIu32, number / 1000, number % 1000);
	case S2C_VALUE_SECONDS:
		return xasprintf("%" PRIu32 "s", *(const uint32_t *)at);
	case S2C_VALUE_COUNT:
		return xasprintf("%" PRIu32, *(const uint32_t *)at);
	case S2C_VALUE_WORD:
		return xstrdup(field->words[*(const uint32_t *)at]);
	}
	return xstrdup("");
}

/* ---- memory ---- */

void s2c_values_release(struct s2c_rules_values *values)
{
	s2c_uids_release(&values->uids);
	s2c_uids_release(&values->gids);
	s2c_strv_release(&values->networks);
	*values = (struct s2c_rules_values){.memory = 0};
}

static void copy_uids(const struct s2c_uids *from, struct s2c_uids *to)
{
	to->ranges = xcalloc(from->n, sizeof(*from->ranges));
	to->n = from->n;
	for (size_t i = 0; i < from->n; i++)
		to->ranges[i] = from->ranges[i];
}

void s2c_values_copy(const struct s2c_rules_values *from, struct s2c_rules_values *to)
{
	*to = *from;
	to->networks = (struct s2c_strv)S2C_STRV_INIT;
	copy_uids(&from->uids, &to->uids);
	copy_uids(&from->gids, &to->gids);
	s2c_strv_add_all(&to->networks, &from->networks);
}

static void builder_release(struct s2c_rule_builder *builder)
{
	free(builder->name);
	s2c_pattern_release(&builder->ref);
	s2c_strv_release(&builder->tags);
	free(builder->network);
}

static void push_release(struct s2c_rule_push *push)
{
	free(push->name);
	s2c_pattern_release(&push->to);
	free(push->auth);
	s2c_strv_release(&push->tags);
}

static void subject_release(struct s2c_subject *subject)
{
	free(subject->path);
	free(subject->who);
	free(subject->socket);
	free(subject->builders);
	free(subject->pushes);
	s2c_strv_release(&subject->volumes);
	s2c_values_release(&subject->values);
}

void s2c_rules_free(struct s2c_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n_builders; i++)
		builder_release(&rules->builders[i]);
	for (size_t i = 0; i < rules->n_pushes; i++)
		push_release(&rules->pushes[i]);
	for (size_t i = 0; i < rules->n_subjects; i++)
		subject_release(&rules->subjects[i]);
	s2c_values_release(&rules->defaults);
	free(rules->builders);
	free(rules->aliases);
	free(rules->pushes);
	free(rules->subjects);
	free(rules->upstream.socket);
	free(rules->audit.path);
	free(rules->metrics_socket);
	free(rules);
}

/* ---- without a file ---- */

struct s2c_rules *s2c_rules_new(void)
{
	struct s2c_rules *rules = xcalloc(1, sizeof(*rules));

	s2c_values_defaults(&rules->defaults);
	rules->limits.connections = S2C_RULES_CONNECTIONS;
	rules->limits.connections_per_user = S2C_RULES_CONNECTIONS_PER_USER;
	rules->limits.containers = S2C_RULES_CONTAINERS;
	rules->limits.header_timeout = S2C_RULES_HEADER_TIMEOUT;
	rules->audit.fsync = S2C_AUDIT_DENIALS;
	rules->audit.max = S2C_RULES_AUDIT_MAX;
	rules->sandbox_required = true;
	return rules;
}

struct s2c_rules *s2c_rules_private(const struct s2c_private_rules *asked)
{
	struct s2c_rules *rules = s2c_rules_new();
	struct s2c_subject *subject = xcalloc(1, sizeof(*subject));
	struct s2c_rules_values *values = &subject->values;
	struct s2c_uid_range any_gid = {0, 4294967294u};

	rules->subjects = subject;
	rules->n_subjects = 1;
	rules->audit.fsync = S2C_AUDIT_NEVER;
	subject->path = xstrdup("private");
	subject->who = xasprintf("uid %" PRIu32, asked->uid);
	subject->kind = S2C_SUBJECT_USER;
	subject->id = asked->uid;
	subject->any_builder = true;
	subject->any_push = true;
	subject->any_host = true;
	if (asked->volumes)
		s2c_strv_add_all(&subject->volumes, asked->volumes);
	subject->own = UINT64_MAX;
	s2c_values_copy(&rules->defaults, values);
	s2c_uids_release(&values->uids);
	s2c_uids_release(&values->gids);
	copy_uids(asked->uids, &values->uids);
	copy_uids(&(struct s2c_uids){.ranges = &any_gid, .n = 1}, &values->gids);
	s2c_strv_release(&values->networks);
	values->networks = (struct s2c_strv)S2C_STRV_INIT;
	s2c_strv_add_all(&values->networks, asked->networks);
	values->memory = asked->limits.memory;
	values->milli_cpus = asked->limits.milli_cpus;
	values->pids = asked->limits.pids ? asked->limits.pids : S2C_PIDS_DEFAULT;
	values->deadline = asked->deadline;
	values->source_bytes = UINT64_MAX;
	values->source_entries = UINT32_MAX;
	values->log_bytes = UINT64_MAX;
	values->copy_out_bytes = UINT64_MAX;
	values->env_vars = UINT32_MAX;
	values->env_bytes = UINT64_MAX;
	values->command = S2C_COMMAND_ANY;
	values->client_auth = S2C_CLIENT_AUTH_ALLOW;
	return rules;
}
