/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/images.h"

#include <stdio.h>

void s2c_gate_image_release(struct s2c_gate_image *image)
{
	s2c_json_free(image->inspect);
	*image = (struct s2c_gate_image){0};
}

void s2c_gate_canonical(const struct s2c_reference *ref, char *out)
{
	struct s2c_reference whole = *ref;

	if (!*whole.registry) {
		(void)snprintf(whole.registry, sizeof(whole.registry), "docker.io");
		if (!strchr(ref->repository, '/'))
			(void)snprintf(whole.repository, sizeof(whole.repository),
				"library/%.247s", ref->repository);
	}
	s2c_reference_format(&whole, out);
}

bool s2c_gate_image_id(const char *text, char out[72])
{
	if (starts_with(text, "sha256:"))
		text += 7;
	if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
		return false;
	(void)snprintf(out, 72, "sha256:%s", text);
	return true;
}

static int inspect(struct s2c_session *session, const char *name,
	struct s2c_gate_image *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = NULL;
	char target[S2C_UPSTREAM_TARGET_MAX];
	const char *id;

	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/images/%s/json", name);
	if (s2c_session_engine(session, S2C_HTTP1_GET, target, NULL, &answer, err) < 0) {
		/* The engine's words may tell of what it has. */
		if (session->code != S2C_GATE_NOT_FOUND)
			return -1;
		if (err) {
			s2c_error_free(*err);
			*err = NULL;
		}
		return s2c_deny(
			session, S2C_GATE_NOT_FOUND, err, "no such image: %s", name);
	}
	id = s2c_json_str(s2c_json_get(answer, "Id"));
	if (!id || !s2c_gate_image_id(id, out->id))
		return s2c_fail(err, S2C_EPROTO, "the engine gave no id for an image");
	out->inspect = TAKE(answer);
	return 0;
}

/* A builder image by its name, which is what the policy knows. */
static int find_builder(struct s2c_session *session, const struct s2c_reference *ref,
	struct s2c_gate_image *out, struct s2c_error **err)
{
	struct s2c_verdict verdict = {0};
	struct s2c_builder_choice choice;
	char name[S2C_REFERENCE_MAX + 1];

	if (!s2c_rules_builder(
		    session->policy->rules, session->subject, ref, &choice, &verdict))
		return s2c_deny_by(session, &verdict, err);
	(void)snprintf(session->rule, sizeof(session->rule), "%s", verdict.rule);
	/* Engines find an image by digest without its tag only. */
	if (*choice.ref.digest)
		*choice.ref.tag = '\0';
	s2c_reference_format(&choice.ref, name);
	out->builder = choice.rule;
	if (inspect(session, name, out, err) < 0)
		return -1;
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

/* Whether one of the names that an engine lists for the image is a builder's. */
static bool is_builder_by(struct s2c_session *session, const struct s2c_json *names,
	struct s2c_gate_image *image)
{
	s2c_json_foreach (item, names) {
		struct s2c_verdict verdict = {0};
		struct s2c_builder_choice choice;
		const char *text = s2c_json_str(item);
		struct s2c_reference ref;

		if (!text || s2c_reference_parse(text, &ref, NULL) < 0 ||
			!s2c_rules_builder(session->policy->rules, session->subject, &ref,
				&choice, &verdict))
			continue;
		/* A pinned builder is known by its digest alone. */
		if (choice.rule && *choice.rule->digest.str && !*ref.digest)
			continue;
		(void)snprintf(session->rule, sizeof(session->rule), "%s", verdict.rule);
		image->builder = choice.rule;
		return true;
	}
	return false;
}

static int find_by_id(struct s2c_session *session, const char *id,
	struct s2c_gate_image *out, struct s2c_error **err)
{
	char own[72];

	out->own = s2c_ledger_find_image(session->core->ledger, session->owner, id, own);
	if (inspect(session, id, out, err) < 0)
		return -1;
	if (out->own || session->core->private_ ||
		is_builder_by(session, s2c_json_get(out->inspect, "RepoDigests"), out) ||
		is_builder_by(session, s2c_json_get(out->inspect, "RepoTags"), out))
		return 0;
	return s2c_deny(session, S2C_GATE_NOT_FOUND, err, "no such image: %s", id);
}

int s2c_gate_image_find(struct s2c_session *session, const char *what,
	struct s2c_gate_image *out, struct s2c_error **err)
{
	char id[72], name[S2C_REFERENCE_MAX + 1];
	struct s2c_reference ref;

	if (s2c_gate_image_id(what, id))
		return find_by_id(session, id, out, err);
	if (s2c_reference_parse(what, &ref, err) < 0) {
		session->code = S2C_GATE_FIELD_VALUE;
		return -1;
	}
	s2c_gate_canonical(&ref, name);
	if (!s2c_ledger_find_image(session->core->ledger, session->owner, name, id))
		return find_builder(session, &ref, out, err);
	out->own = true;
	if (inspect(session, id, out, err) < 0)
		return -1;
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}
