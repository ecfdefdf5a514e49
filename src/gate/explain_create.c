/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the creation of a container: read by the filter that workers read it
 * with, and put to the same questions that the core asks. What the core learns from the
 * engine (the image's own user and working directory) cannot be said here.
 */
#include <inttypes.h>

#include "gate/check.h"
#include "gate/filter.h"
#include "gate/user.h"

static bool explain_image(const struct s2c_rules *rules,
	const struct s2c_subject *subject, const char *image,
	struct s2c_builder_choice *out, struct s2c_buf *text)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_verdict verdict;
	struct s2c_reference ref;
	char name[S2C_REFERENCE_MAX + 1];

	if (image && starts_with(image, "sha256:")) {
		s2c_buf_must_printf(text, "  image     by id: allowed if the user pulled "
					  "it as one of its builders\n");
		return true;
	}
	if (!image || s2c_reference_parse(image, &ref, &err) < 0) {
		s2c_buf_must_printf(text, "image: denied: %s: %s\n", S2C_DENY_BUILDER,
			image ? s2c_error_message(err) : "there is none");
		return false;
	}
	if (!s2c_rules_builder(rules, subject, &ref, out, &verdict)) {
		s2c_explain_verdict(text, "image", &verdict);
		return false;
	}
	s2c_explain_verdict(text, "image", &verdict);
	s2c_reference_format(&out->ref, name);
	s2c_buf_must_printf(text, "  image     %s\n", name);
	return true;
}

static bool explain_user(const struct s2c_subject *subject,
	const struct s2c_rule_builder *builder, const char *user, struct s2c_buf *text)
{
	struct s2c_verdict verdict;
	uint32_t uid = 0, gid = 0;
	bool yes;

	if (!user || !*user) {
		s2c_buf_must_printf(text, "  user      that of the image, if it is "
					  "allowed\n");
		return true;
	}
	if (!s2c_gate_user_parse(user, &uid, &gid)) {
		s2c_buf_must_printf(text,
			"user: denied: %s: it has to be a number, as UID or UID:GID\n",
			S2C_DENY_USER);
		return false;
	}
	yes = s2c_rules_user(subject, builder, uid, gid, &verdict);
	s2c_explain_verdict(text, "user", &verdict);
	if (yes)
		s2c_buf_must_printf(
			text, "  user      %" PRIu32 ":%" PRIu32 "\n", uid, gid);
	return yes;
}

static bool explain_network(const struct s2c_subject *subject,
	const struct s2c_rule_builder *builder, const char *asked, struct s2c_buf *text)
{
	struct s2c_verdict verdict;
	const char *network = NULL;
	bool yes = s2c_rules_network(subject, builder, asked, &network, &verdict);

	s2c_explain_verdict(text, "network", &verdict);
	if (yes)
		s2c_buf_must_printf(text, "  network   %s\n", network);
	return yes;
}

static bool explain_limits(const struct s2c_subject *subject,
	const struct s2c_gate_ask *ask, struct s2c_buf *text)
{
	uint64_t milli = ask->nano_cpus / 1000000;
	struct s2c_limits got,
		asked = {
			.memory = ask->memory,
			.milli_cpus = milli > UINT32_MAX ? UINT32_MAX : (uint32_t)milli,
			.pids = ask->pids > UINT32_MAX ? UINT32_MAX : (uint32_t)ask->pids,
		};
	struct s2c_verdict verdict;
	bool yes = s2c_rules_limits(subject, &asked, &got, &verdict);

	s2c_explain_verdict(text, "limits", &verdict);
	if (yes)
		s2c_buf_must_printf(text,
			"  memory    %" PRIu64 "\n  cpus      %" PRIu32 ".%03" PRIu32
			"\n  pids      %" PRIu32 "\n",
			got.memory, got.milli_cpus / 1000, got.milli_cpus % 1000,
			got.pids);
	return yes;
}

static bool explain_rest(const struct s2c_subject *subject,
	const struct s2c_gate_ask *ask, struct s2c_buf *text)
{
	struct s2c_verdict verdict;
	size_t bytes = 0;
	bool yes;

	s2c_strv_foreach (assignment, &ask->env)
		bytes += strlen(assignment);
	yes = s2c_rules_env(subject, ask->env.len, bytes, &verdict);
	s2c_explain_verdict(text, "env", &verdict);
	if (!s2c_rules_command(subject, &ask->cmd, &verdict))
		yes = false;
	s2c_explain_verdict(text, "cmd", &verdict);
	return yes;
}

bool s2c_explain_create(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_explain_query *query, struct s2c_buf *out)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_builder_choice choice = {.rule = NULL};
	enum s2c_gate_code code = S2C_GATE_OK;
	bool yes;

	/* As a worker has it from the route. */
	ask.op = S2C_GATE_CREATE;
	ask.method = xstrdup("POST");
	ask.path = xstrdup("/containers/create");
	if (s2c_gate_filter(S2C_GATE_BODY_CREATE, query->create, query->create_len, &ask,
		    &code, &err) < 0) {
		s2c_buf_must_printf(out, "request: denied: %s: %s%s%s\n",
			s2c_gate_code_name(code), ask.detail ? ask.detail : "",
			ask.detail ? ": " : "", s2c_error_message(err));
		return false;
	}
	yes = explain_image(rules, subject, ask.image, &choice, out);
	yes = explain_user(subject, choice.rule, ask.user, out) && yes;
	yes = explain_network(subject, choice.rule, ask.network, out) && yes;
	yes = explain_limits(subject, &ask, out) && yes;
	return explain_rest(subject, &ask, out) && yes;
}
