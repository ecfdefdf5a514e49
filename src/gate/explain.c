/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says to one peer, in words. */
#include "gate/check.h"

void s2c_explain_verdict(
	struct s2c_buf *out, const char *what, const struct s2c_verdict *verdict)
{
	if (verdict->code)
		s2c_buf_must_printf(out, "%s: denied by %s: %s: %s\n", what,
			verdict->rule, verdict->code, verdict->reason);
	else
		s2c_buf_must_printf(out, "%s: allowed by %s\n", what, verdict->rule);
}

static bool explain_builder(const struct s2c_rules *rules,
	const struct s2c_subject *subject, const struct s2c_reference *asked,
	struct s2c_buf *out)
{
	struct s2c_builder_choice choice;
	struct s2c_verdict verdict;
	char text[S2C_REFERENCE_MAX + 1];
	bool yes = s2c_rules_builder(rules, subject, asked, &choice, &verdict);

	s2c_explain_verdict(out, "builder", &verdict);
	if (!yes)
		return false;
	s2c_reference_format(&choice.ref, text);
	s2c_buf_must_printf(out, "  image     %s\n", text);
	if (choice.rule && choice.rule->has_uid)
		s2c_buf_must_printf(out, "  user      %u\n", choice.rule->uid);
	if (choice.rule && choice.rule->network)
		s2c_buf_must_printf(out, "  network   %s\n", choice.rule->network);
	return true;
}

static bool explain_push(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *to, struct s2c_buf *out)
{
	const struct s2c_rule_push *rule = NULL;
	struct s2c_verdict verdict;
	bool yes = s2c_rules_push(rules, subject, to, &rule, &verdict);

	s2c_explain_verdict(out, "push", &verdict);
	if (rule)
		s2c_buf_must_printf(
			out, "  auth      %s\n", rule->auth ? rule->auth : "(none)");
	return yes;
}

static void explain_values(const struct s2c_subject *subject, struct s2c_buf *out)
{
	s2c_buf_must_printf(out, "values:\n");
	for (size_t i = 0; i < s2c_n_value_fields; i++) {
		const struct s2c_value_field *field = &s2c_value_fields[i];
		CLEAN_FREE char *text = s2c_value_format(field, &subject->values);

		s2c_buf_must_printf(out, "  %-14s  %s  (%s)\n", field->key, text,
			subject->own >> i & 1 ? subject->path : "defaults");
	}
}

static void explain_rights(const struct s2c_rules *rules,
	const struct s2c_subject *subject, struct s2c_buf *out)
{
	for (size_t i = 0; i < subject->n_builders; i++) {
		const struct s2c_rule_builder *b = &rules->builders[subject->builders[i]];

		s2c_buf_must_printf(out, "may build with %s (%s)%s%s\n", b->ref.text,
			b->name, *b->digest.str ? " only as " : "", b->digest.str);
	}
	for (size_t i = 0; i < subject->n_pushes; i++) {
		const struct s2c_rule_push *p = &rules->pushes[subject->pushes[i]];

		s2c_buf_must_printf(out, "may push to %s (%s)\n", p->to.text, p->name);
	}
}

bool s2c_explain(const struct s2c_rules *rules, const struct s2c_peer *peer,
	const struct s2c_explain_query *query, struct s2c_buf *out)
{
	const struct s2c_subject *subject = NULL;
	struct s2c_verdict verdict;
	bool yes = true;

	if (!s2c_rules_subject(rules, peer, &subject, &verdict)) {
		s2c_explain_verdict(out, "subject", &verdict);
		return false;
	}
	s2c_buf_must_printf(out, "subject: %s (%s)\n", subject->path, subject->who);
	if (query->builder)
		yes = explain_builder(rules, subject, query->builder, out) && yes;
	if (query->push)
		yes = explain_push(rules, subject, query->push, out) && yes;
	if (query->create)
		yes = s2c_explain_create(rules, subject, query, out) && yes;
	if (!query->builder && !query->push && !query->create)
		explain_rights(rules, subject, out);
	explain_values(subject, out);
	return yes;
}
