/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: what a client may look at, fetch, make, name, send away and remove.
 */
#include <stdio.h>

#include "gate/filtered.h"
#include "gate/images.h"
#include "gate/template.h"
#include "image/manifest.h"
#include "registry/engine_auth.h"

#define LIBPOD_VERSION "4.0.0" /* of podman's own API, where docker's lacks something */
/* Bytes of what an engine tells about the progress of a pull or push. */
#define PROGRESS_MAX (64ull * 1024 * 1024)

/* ---- names ---- */

/* "repo" and "tag", or a digest in the place of the tag, as one reference. */
static int join_name(struct s2c_session *session, const char *repo, const char *tag,
	struct s2c_reference *out, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;

	if (!tag || !*tag)
		text = xstrdup(repo);
	else
		text = xasprintf("%s%s%s", repo, strchr(tag, ':') ? "@" : ":", tag);
	if (s2c_reference_parse(text, out, err) < 0) {
		session->code = S2C_GATE_FIELD_VALUE;
		return -1;
	}
	return 0;
}

/* Engines take such a name for an id, or refuse it when it is too late. */
static bool looks_like_id(const struct s2c_reference *name)
{
	static const char digits[] = "0123456789abcdef";
	const char *last = strrchr(name->repository, '/');

	last = last ? last + 1 : name->repository;
	return streq(last, "sha256") ||
	       (strlen(last) == 64 && strspn(last, digits) == 64);
}

/* The engine did not describe the image of that name: is it because there is none? */
static int is_unused(
	struct s2c_session *session, const char *name, struct s2c_error **err)
{
	if (session->code != S2C_GATE_NOT_FOUND)
		return s2c_deny(session, S2C_GATE_UPSTREAM_DOWN, err,
			"the engine does not say what '%s' is", name);
	session->code = S2C_GATE_OK;
	return 0;
}

/*
 * Whether the name may be given to an image of the client's: not if it is a builder's,
 * and not if the engine has it for an image that is not the client's.
 */
static int check_output(struct s2c_session *session, const struct s2c_reference *name,
	struct s2c_error **err)
{
	CLEAN_GATE_IMAGE struct s2c_gate_image there = {0};
	CLEAN_JSON struct s2c_json *answer = NULL;
	char text[S2C_REFERENCE_MAX + 1], own[72], id[72];
	char target[S2C_UPSTREAM_TARGET_MAX];
	struct s2c_verdict verdict = {0};
	const char *found;

	if (*name->digest)
		return s2c_deny(session, S2C_GATE_OUTPUT_NOT_ALLOWED, err,
			"a digest is no name to give");
	if (looks_like_id(name))
		return s2c_deny(session, S2C_GATE_OUTPUT_NOT_ALLOWED, err,
			"the name '%s' looks like an id", name->repository);
	if (!s2c_rules_output(session->policy->rules, session->subject, name, &verdict))
		return s2c_deny_by(session, &verdict, err);
	if (session->core->private_)
		return 0;
	s2c_gate_canonical(name, text);
	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/images/%s/json", text);
	if (s2c_session_engine(session, S2C_HTTP1_GET, target, NULL, &answer, NULL) < 0)
		return is_unused(session, text, err);
	found = s2c_json_str(s2c_json_get(answer, "Id"));
	if (!found || !s2c_gate_image_id(found, id))
		return s2c_fail(
			err, S2C_EPROTO, "the engine does not say what '%s' is", text);
	if (s2c_ledger_find_image(session->core->ledger, session->owner, id, own))
		return 0;
	return s2c_deny(session, S2C_GATE_OUTPUT_NOT_ALLOWED, err,
		"the name '%s' is in use", text);
}

/* What a name means so far, if that is to be known. */
static void find_replaced(struct s2c_session *session, const char *text, char id[72])
{
	CLEAN_JSON struct s2c_json *answer = NULL;
	char target[S2C_UPSTREAM_TARGET_MAX];
	const char *found;

	*id = '\0';
	if (!session->core->takes_over)
		return;
	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/images/%s/json", text);
	if (s2c_session_engine(session, S2C_HTTP1_GET, target, NULL, &answer, NULL) < 0)
		return;
	found = s2c_json_str(s2c_json_get(answer, "Id"));
	if (!found || !s2c_gate_image_id(found, id))
		*id = '\0';
}

static int give_name(struct s2c_session *session, const char *id,
	const struct s2c_reference *name, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	char text[S2C_REFERENCE_MAX + 1], repo[S2C_REFERENCE_MAX + 1], replaced[72];

	s2c_reference_name(name, repo);
	s2c_gate_canonical(name, text);
	find_replaced(session, text, replaced);
	if (s2c_buf_printf(&target, err, "/v" S2C_UPSTREAM_VERSION "/images/%s/tag", id) <
			0 ||
		s2c_http1_query_add(&target, "repo", repo, err) < 0 ||
		s2c_http1_query_add(&target, "tag", name->tag, err) < 0 ||
		s2c_session_engine(session, S2C_HTTP1_POST, s2c_buf_str(&target), NULL,
			NULL, err) < 0)
		return -1;
	s2c_ledger_add_name(session->core->ledger, session->owner, id, text);
	if (*replaced && !streq(replaced, id))
		s2c_ledger_add_image(session->core->ledger, session->owner, replaced);
	s2c_core_images_changed(session->core);
	return 0;
}

/*
 * Finds out that a name may be given, and lets nobody else do the same until
 * s2c_ledger_unclaim(). `text`: room for S2C_REFERENCE_MAX + 1.
 */
static int claim_name(struct s2c_session *session, const struct s2c_reference *name,
	char *text, struct s2c_error **err)
{
	struct s2c_ledger *ledger = session->core->ledger;

	s2c_gate_canonical(name, text);
	if (!s2c_ledger_claim(ledger, session->owner, text))
		return s2c_deny(session, S2C_GATE_OUTPUT_NOT_ALLOWED, err,
			"the name '%s' is being given to another image", text);
	if (check_output(session, name, err) == 0)
		return 0;
	s2c_ledger_unclaim(ledger, session->owner, text);
	return -1;
}

/* ---- inspect, pull ---- */

int s2c_on_image_inspect(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_GATE_IMAGE struct s2c_gate_image image = {0};
	CLEAN_JSON struct s2c_json *shown = NULL;

	/* Asking the engine for its description is all there is to do, so what follows is
	 * allowed before it is known whether it is there. */
	if (s2c_gate_image_find(session, session->ask->object, &image, err) < 0 ||
		s2c_allow(session, NULL, image.id, err) < 0)
		return -1;
	shown = s2c_filtered_image(image.inspect, *image.name ? image.name : NULL);
	return s2c_answer_json(session, 200, shown, err);
}

/* Passes on what the engine tells, once it has begun to. */
static int follow(struct s2c_session *session, const struct s2c_gate_call_opts *opts,
	struct s2c_error **err)
{
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	CLEAN_JSON struct s2c_json *answer = NULL;

	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, opts, &call, err) < 0)
		return -1;
	call.seconds = 0; /* a registry may take its time; the client is watched */
	if (s2c_gate_call_answer(&call, err) < 0)
		return -1;
	if (call.response.status == 200)
		return s2c_answer_body(
			session, "application/json", call.body, PROGRESS_MAX, err);
	return s2c_session_refused(session, &call, err);
}

/* What a client may log in with by itself, if the policy lets it; *out is NULL without.
 */
static int client_auth(struct s2c_session *session, char **out, struct s2c_error **err)
{
	const char *given = session->ask->registry_auth;

	if (!given || session->subject->values.client_auth != S2C_CLIENT_AUTH_ALLOW)
		return 0;
	if (s2c_engine_auth_rewrite(given, out, err) < 0) {
		session->code = S2C_GATE_AUTH_DENIED;
		return -1;
	}
	return 0;
}

int s2c_on_image_pull(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	CLEAN(s2c_clean_secret) char *auth = NULL;
	struct s2c_builder_choice choice;
	struct s2c_verdict verdict = {0};
	char repo[S2C_REFERENCE_MAX + 1];
	struct s2c_reference ref;

	if (ask->platform && *ask->platform)
		return s2c_deny(session, S2C_GATE_FIELD_VALUE, err,
			"platform '%s': the engine's own is served", ask->platform);
	if (join_name(session, ask->name ? ask->name : "", ask->tag, &ref, err) < 0)
		return -1;
	if (!s2c_rules_builder(
		    session->policy->rules, session->subject, &ref, &choice, &verdict))
		return s2c_deny_by(session, &verdict, err);
	(void)snprintf(session->rule, sizeof(session->rule), "%s", verdict.rule);
	s2c_reference_name(&choice.ref, repo);
	if (client_auth(session, &auth, err) < 0 ||
		s2c_buf_puts(&target, "/v" S2C_UPSTREAM_VERSION "/images/create", err) <
			0 ||
		s2c_http1_query_add(&target, "fromImage", repo, err) < 0 ||
		s2c_http1_query_add(&target, "tag",
			*choice.ref.digest ? choice.ref.digest : choice.ref.tag,
			err) < 0 ||
		s2c_allow(session, NULL, repo, err) < 0)
		return -1;
	return follow(session,
		&(struct s2c_gate_call_opts){.method = S2C_HTTP1_POST,
			.target = s2c_buf_str(&target),
			.auth = auth,
			.watch = session->wire_fd},
		err);
}

/* ---- commit ---- */

/* A number of a health check; JSON of engines holds no more. */
#define HEALTH_NUMBER_MAX (1ull << 53)
#define HEALTH_TIME_MIN 1000000 /* nanoseconds; what engines take */

/*
 * What an image of a build's own may have besides. Nothing of it is run here: containers
 * of a gate have neither health checks nor triggers.
 */
static int check_own_config(struct s2c_session *session, struct s2c_error **err)
{
	static const char *const kinds[] = {"NONE", "CMD", "CMD-SHELL"};
	const struct s2c_gate_ask *ask = session->ask;
	const uint64_t times[] = {
		ask->health_interval, ask->health_timeout, ask->health_start_period};
	bool known = !ask->health.len;

	if (!ask->health.len && !ask->shell.len && !ask->no_triggers)
		return 0;
	/* A worker lets through none of it. */
	if (!session->core->private_)
		return s2c_deny(session, S2C_GATE_FIELD_DENIED, err, "%s",
			ask->health.len  ? "Healthcheck"
			: ask->shell.len ? "Shell"
					 : "OnBuild");
	for (size_t i = 0; ask->health.len && i < ARRAY_SIZE(kinds); i++)
		known = known || streq(ask->health.items[0], kinds[i]);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		known = known && times[i] < HEALTH_NUMBER_MAX &&
			(!times[i] || times[i] >= HEALTH_TIME_MIN);
	if (!known || ask->health_retries >= HEALTH_NUMBER_MAX)
		return s2c_deny(session, S2C_GATE_COMMIT_CONFIG, err,
			"Healthcheck: it is of another kind, or a number is out of "
			"range");
	return 0;
}

/* The config of the result must not ask for what a container here may not be. */
static int check_config(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;

	if (check_own_config(session, err) < 0)
		return -1;
	for (size_t i = 0; i < ask->labels.len; i += 2)
		if (starts_with(ask->labels.items[i], S2C_GATE_LABEL))
			return s2c_deny(session, S2C_GATE_LABEL_RESERVED, err,
				"label '%s'", ask->labels.items[i]);
	s2c_strv_foreach (assignment, &ask->env)
		if (!strchr(assignment, '=') || *assignment == '=')
			return s2c_deny(session, S2C_GATE_COMMIT_CONFIG, err,
				"Env: a variable is NAME=VALUE");
	return 0;
}

/* podman up to 4.3 does not look at the body, but at lines for each part of it. */
static int commit_by_lines(struct s2c_session *session, struct s2c_buf *target,
	const char *body, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;
	int status = 0;

	if (s2c_gate_template_changes(session->ask, &lines, err) < 0)
		return -1;
	s2c_strv_foreach (line, &lines)
		if (s2c_http1_query_add(target, "changes", line, err) < 0)
			return -1;
	if (s2c_upstream_post(session->ctx, &session->core->upstream, s2c_buf_str(target),
		    body, &status, out, err) < 0)
		return -1;
	if (status < 400)
		return 0;
	return s2c_deny(session, S2C_GATE_UPSTREAM_REFUSED, err,
		"the engine does not commit (status %d): %s", status,
		s2c_upstream_message(*out));
}

static int ask_commit(struct s2c_session *session, const char *container,
	struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(1024u * 1024);
	CLEAN_JSON struct s2c_json *body = s2c_gate_template_commit(session->ask);
	CLEAN_FREE char *text = s2c_json_print(body, S2C_JSON_COMPACT);
	/* The one form of an image in which podman keeps no triggers. */
	bool oci = session->core->podman && session->ask->no_triggers;
	int rc = oci ? s2c_buf_printf(&target, err,
			       "/v" LIBPOD_VERSION
			       "/libpod/commit?container=%s&pause=false&format=oci",
			       container)
		     : s2c_buf_printf(&target, err,
			       "/v" S2C_UPSTREAM_VERSION "/commit?container=%s&pause=0",
			       container);

	if (rc < 0)
		return -1;
	if (session->core->podman)
		return commit_by_lines(session, &target, text, out, err);
	return s2c_session_engine(
		session, S2C_HTTP1_POST, s2c_buf_str(&target), body, out, err);
}

/* What an engine made otherwise does not stay. */
static int discard(struct s2c_session *session, const char *id)
{
	char where[S2C_UPSTREAM_TARGET_MAX];

	(void)snprintf(where, sizeof(where), "/v" S2C_UPSTREAM_VERSION "/images/%s", id);
	(void)!s2c_session_engine(session, S2C_HTTP1_DELETE, where, NULL, NULL, NULL);
	session->code = S2C_GATE_UPSTREAM_MISMATCH;
	return -1;
}

/* podman does not tell of triggers, but of the form of an image, and one has none. */
static int check_form(struct s2c_session *session, const char *id, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *found = NULL;
	char where[S2C_UPSTREAM_TARGET_MAX];
	const char *form;

	if (!session->core->podman || !session->ask->no_triggers)
		return 0;
	(void)snprintf(
		where, sizeof(where), "/v" LIBPOD_VERSION "/libpod/images/%s/json", id);
	if (s2c_session_engine(session, S2C_HTTP1_GET, where, NULL, &found, err) < 0)
		return -1;
	form = s2c_json_str(s2c_json_get(found, "ManifestType"));
	return form && streq(form, S2C_MT_OCI_MANIFEST)
		       ? 0
		       : s2c_fail(err, S2C_EPROTO,
				 "the engine did not do what was asked for: the image "
				 "may still have triggers");
}

/* Makes the image; nobody can name it before it was looked at. */
static int commit(struct s2c_session *session, const char *container, char out_id[72],
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = NULL;
	CLEAN_JSON struct s2c_json *found = NULL;
	char where[S2C_UPSTREAM_TARGET_MAX];
	const char *id;

	/* An image that was asked for is there, whether the client waits or not. */
	session->steady = true;
	if (ask_commit(session, container, &answer, err) < 0)
		return -1;
	id = s2c_json_str(s2c_json_get(answer, "Id"));
	if (!id || !s2c_gate_image_id(id, out_id))
		return s2c_fail(err, S2C_EPROTO, "the engine gave no id for an image");
	(void)snprintf(where, sizeof(where), "/v" S2C_UPSTREAM_VERSION "/images/%s/json",
		out_id);
	if (s2c_session_engine(session, S2C_HTTP1_GET, where, NULL, &found, err) < 0)
		return -1;
	if (s2c_gate_template_check_commit(session->ask, found, err) < 0 ||
		check_form(session, out_id, err) < 0)
		return discard(session, out_id);
	return 0;
}

/* What could not get its name does not stay without one. */
static int commit_named(struct s2c_session *session, const char *container,
	const struct s2c_reference *name, char id[72], struct s2c_error **err)
{
	struct s2c_ledger *ledger = session->core->ledger;
	char target[S2C_UPSTREAM_TARGET_MAX];
	enum s2c_gate_code code;

	if (s2c_allow(session, container, NULL, err) < 0 ||
		commit(session, container, id, err) < 0)
		return -1;
	s2c_ledger_add_image(ledger, session->owner, id);
	if (!name)
		s2c_core_images_changed(session->core);
	if (!name || give_name(session, id, name, err) == 0)
		return 0;
	code = session->code;
	(void)snprintf(
		target, sizeof(target), "/v" S2C_UPSTREAM_VERSION "/images/%s", id);
	(void)!s2c_session_engine(session, S2C_HTTP1_DELETE, target, NULL, NULL, NULL);
	s2c_ledger_remove_image(ledger, session->owner, id);
	session->code = code;
	return -1;
}

int s2c_on_commit(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	CLEAN_JSON struct s2c_json *answer = s2c_json_new_object();
	struct s2c_container_record container;
	bool named = ask->repo && *ask->repo;
	unsigned states = S2C_CONTAINER_RUNNING | S2C_CONTAINER_ENDED;
	char id[72], text[S2C_REFERENCE_MAX + 1];
	struct s2c_reference name;
	int rc;

	/* A build may make an image of what it copied in alone. */
	if (session->core->private_)
		states |= S2C_CONTAINER_CREATED;
	if (s2c_own_container(session, states, &container, err) < 0 ||
		s2c_session_refresh(session, &container, err) < 0)
		return -1;
	if (container.state == S2C_CONTAINER_RUNNING)
		return s2c_deny(session, S2C_GATE_STATE, err, "the container is running");
	if (container.exit_code)
		return s2c_deny(session, S2C_GATE_STATE, err,
			"the container failed with status %d, and what fails is not kept",
			container.exit_code);
	if (check_config(session, err) < 0 ||
		(named && (join_name(session, ask->repo, ask->tag, &name, err) < 0 ||
				  claim_name(session, &name, text, err) < 0)))
		return -1;
	rc = commit_named(session, container.id, named ? &name : NULL, id, err);
	if (named)
		s2c_ledger_unclaim(session->core->ledger, session->owner, text);
	if (rc < 0)
		return -1;
	(void)s2c_ledger_move(session->core->ledger, container.id, S2C_CONTAINER_ENDED,
		S2C_CONTAINER_COMMITTED);
	s2c_metrics_add(
		session->core->metrics, S2C_METRIC_BUILDS, S2C_METRIC_SUCCEEDED, 0, 1);
	s2c_session_note(session, &(struct s2c_audit_entry){.event = S2C_AUDIT_COMMIT,
					  .container = container.id,
					  .image_id = id});
	s2c_json_set_str(answer, "Id", id);
	return s2c_answer_json(session, 201, answer, err);
}

/* ---- tag, push, export, delete ---- */

/* An image of the client's own by name or id; others are not there. */
static int find_own(struct s2c_session *session, const char *what, char out_id[72],
	char *out_name, struct s2c_error **err)
{
	struct s2c_ledger *ledger = session->core->ledger;
	struct s2c_reference ref;
	char id[72];

	*out_name = '\0';
	if (s2c_gate_image_id(what, id)) {
		memcpy(out_id, id, sizeof(id));
		if (s2c_ledger_find_image(ledger, session->owner, id, id))
			return 0;
	} else if (s2c_reference_parse(what, &ref, NULL) == 0) {
		s2c_gate_canonical(&ref, out_name);
		if (s2c_ledger_find_image(ledger, session->owner, out_name, out_id))
			return 0;
	}
	return s2c_deny(session, S2C_GATE_NOT_FOUND, err, "no such image: %s", what);
}

int s2c_on_image_tag(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	char id[72], own_name[S2C_REFERENCE_MAX + 1], text[S2C_REFERENCE_MAX + 1];
	struct s2c_reference name;
	int rc;

	if (find_own(session, ask->object, id, own_name, err) < 0 ||
		join_name(session, ask->repo ? ask->repo : "", ask->tag, &name, err) <
			0 ||
		claim_name(session, &name, text, err) < 0)
		return -1;
	rc = s2c_allow(session, NULL, id, err);
	if (rc == 0)
		rc = give_name(session, id, &name, err);
	s2c_ledger_unclaim(session->core->ledger, session->owner, text);
	if (rc < 0)
		return -1;
	return s2c_answer_status(session, 201, err);
}

/* The credentials of the push rule, which clients never see, or the client's own. */
static int push_auth(struct s2c_session *session, const struct s2c_reference *name,
	const struct s2c_rule_push *rule, char **out, struct s2c_error **err)
{
	if (rule && rule->auth) {
		if (s2c_engine_auth_find(session->ctx, rule->auth, name, out, err) == 0)
			return 0;
		session->code = S2C_GATE_INTERNAL;
		return -1;
	}
	return client_auth(session, out, err);
}

int s2c_on_image_push(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	CLEAN(s2c_clean_secret) char *auth = NULL;
	const struct s2c_rule_push *rule = NULL;
	char id[72], repo[S2C_REFERENCE_MAX + 1], text[S2C_REFERENCE_MAX + 1];
	char own_name[S2C_REFERENCE_MAX + 1];
	struct s2c_verdict verdict = {0};
	struct s2c_reference name;

	if (join_name(session, ask->object, ask->tag, &name, err) < 0)
		return -1;
	s2c_reference_format(&name, text);
	if (find_own(session, text, id, own_name, err) < 0)
		return -1;
	if (!s2c_rules_push(
		    session->policy->rules, session->subject, &name, &rule, &verdict))
		return s2c_deny_by(session, &verdict, err);
	(void)snprintf(session->rule, sizeof(session->rule), "%s", verdict.rule);
	s2c_reference_name(&name, repo);
	if (push_auth(session, &name, rule, &auth, err) < 0 ||
		s2c_buf_printf(&target, err, "/v" S2C_UPSTREAM_VERSION "/images/%s/push",
			repo) < 0 ||
		s2c_http1_query_add(&target, "tag", name.tag, err) < 0 ||
		s2c_allow(session, NULL, id, err) < 0)
		return -1;
	s2c_session_note(session,
		&(struct s2c_audit_entry){
			.event = S2C_AUDIT_PUSH, .image_id = id, .reference = text});
	return follow(session,
		&(struct s2c_gate_call_opts){.method = S2C_HTTP1_POST,
			.target = s2c_buf_str(&target),
			/* dockerd 20.10 refuses a push without: "{}" */
			.auth = auth ? auth : "e30=",
			.watch = session->wire_fd},
		err);
}

/* A build may also read the image that it builds on: it can have all files of it. */
static int find_readable(struct s2c_session *session, const char *what, char out_id[72],
	char *out_name, struct s2c_error **err)
{
	CLEAN_GATE_IMAGE struct s2c_gate_image image = {0};

	if (!session->core->private_)
		return find_own(session, what, out_id, out_name, err);
	if (s2c_gate_image_find(session, what, &image, err) < 0)
		return -1;
	memcpy(out_id, image.id, sizeof(image.id));
	(void)snprintf(out_name, S2C_REFERENCE_MAX + 1, "%s", image.name);
	return 0;
}

int s2c_on_image_export(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	char id[72], name[S2C_REFERENCE_MAX + 1];
	char target[S2C_UPSTREAM_TARGET_MAX];
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = target, .watch = session->wire_fd};
	uint64_t most = session->core->private_ ? UINT64_MAX
						: session->subject->values.copy_out_bytes;

	if (find_readable(session, session->ask->object, id, name, err) < 0 ||
		s2c_allow(session, NULL, id, err) < 0)
		return -1;
	(void)snprintf(target, sizeof(target), "/v" S2C_UPSTREAM_VERSION "/images/%s/get",
		*name ? name : id);
	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, &opts, &call, err) < 0)
		return -1;
	call.seconds = 0; /* podman makes all of it before it answers */
	if (s2c_gate_call_answer(&call, err) < 0)
		return -1;
	if (call.response.status != 200)
		return s2c_session_refused(session, &call, err);
	return s2c_answer_body(session, "application/x-tar", call.body, most, err);
}

int s2c_on_image_delete(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = s2c_json_new_array();
	struct s2c_json *one = s2c_json_new_object();
	char id[72], name[S2C_REFERENCE_MAX + 1];
	char target[S2C_UPSTREAM_TARGET_MAX];
	const char *what;

	s2c_json_add(answer, one);
	if (find_own(session, session->ask->object, id, name, err) < 0 ||
		s2c_allow(session, NULL, id, err) < 0)
		return -1;
	what = *name ? name : id;
	(void)snprintf(
		target, sizeof(target), "/v" S2C_UPSTREAM_VERSION "/images/%s", what);
	if (s2c_session_engine(session, S2C_HTTP1_DELETE, target, NULL, NULL, err) < 0)
		return -1;
	s2c_ledger_remove_image(session->core->ledger, session->owner, what);
	s2c_core_images_changed(session->core);
	s2c_json_set_str(one, *name ? "Untagged" : "Deleted", what);
	return s2c_answer_json(session, 200, answer, err);
}
