/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any tree as the gate's policy. Whatever the file says, some things are never given:
 * user 0, the network of the host, more than the limits, anything to who is in no
 * subject.
 */
#include <stdint.h>

#include "policy/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int find(void *self, enum s2c_name_kind kind, const char *name, uint32_t *out_id,
	struct s2c_error **err)
{
	(void)self;
	if (*name == 'x')
		return s2c_fail(err, S2C_ENOENT, "'%s' is unknown", name);
	*out_id = 1000 + (uint32_t)kind + (uint32_t)strlen(name);
	return 0;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void ask_images(const struct s2c_rules *rules, const struct s2c_subject *subject)
{
	static const char *const names[] = {"python", "docker.io/python:3",
		"registry.example/team/app:v1",
		"registry.example/a@sha256:"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct s2c_builder_choice choice = {.rule = NULL};
		const struct s2c_rule_push *push = NULL;
		struct s2c_verdict verdict = {0};
		struct s2c_reference ref;
		char text[S2C_REFERENCE_MAX + 1];

		must(s2c_reference_parse(names[i], &ref, NULL) == 0);
		if (s2c_rules_builder(rules, subject, &ref, &choice, &verdict)) {
			must(subject->n_builders > 0 && choice.rule &&
				*choice.ref.registry);
			s2c_reference_format(&choice.ref, text);
			must(s2c_reference_parse(text, &ref, NULL) == 0);
		} else {
			must(verdict.code && *verdict.reason);
		}
		must(s2c_reference_parse(names[i], &ref, NULL) == 0);
		if (s2c_rules_push(rules, subject, &ref, &push, &verdict))
			must(push && s2c_rules_output(rules, subject, &ref, &verdict));
		(void)s2c_rules_output(rules, subject, &ref, &verdict);
	}
}

static void ask(const struct s2c_rules *rules, const struct s2c_subject *subject)
{
	struct s2c_limits much = {UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX}, got;
	struct s2c_verdict verdict = {0};
	const char *network = NULL;

	for (size_t i = 0; i <= rules->n_builders; i++) {
		const struct s2c_rule_builder *builder = i < rules->n_builders
								 ? &rules->builders[i]
								 : NULL;

		must(!s2c_rules_user(subject, builder, 0, 0, &verdict));
		must(!s2c_rules_network(subject, builder, "host", &network, &verdict));
		must(!s2c_rules_network(
			subject, builder, "container:x", &network, &verdict));
		must(s2c_rules_network(subject, builder, NULL, &network, &verdict));
	}
	must(s2c_rules_limits(subject, &much, &got, &verdict));
	must(got.memory == subject->values.memory && got.memory > 0 && got.disk == 0);
	must(got.pids == subject->values.pids && got.pids > 0);
	ask_images(rules, subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_name_resolver resolver = {.find = find};
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_RULES struct s2c_rules *rules = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	const struct s2c_subject *subject = NULL;
	struct s2c_verdict verdict = {0};

	if (s2c_json_parse((const char *)data, size, (struct s2c_json_limits){0}, &root,
		    &err) < 0)
		return 0;
	if (s2c_rules_load(root, &resolver, &rules, &err) < 0) {
		must(err && !rules);
		return 0;
	}
	for (size_t i = 0; i < rules->n_subjects && i < 8; i++)
		ask(rules, &rules->subjects[i]);
	must(!s2c_rules_subject(rules,
		&(struct s2c_peer){.uid = 7, .gid = 7, .socket = ""}, &subject,
		&verdict));
	must(!s2c_rules_subject(rules,
		&(struct s2c_peer){.uid = 4294967295u, .gid = 4294967295u}, &subject,
		&verdict));
	return 0;
}
