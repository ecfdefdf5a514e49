/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/session.h"

#include <stdio.h>
#include <sys/socket.h>

#include "gate/estate.h"
#include "image/manifest.h"
#include "util/clock.h"
#include "util/escape.h"

/* Bytes of a sentence for the client. */
#define MESSAGE_MAX 1024

/* ---- the core ---- */

struct s2c_gate_policy *s2c_core_policy(struct s2c_core *core)
{
	s2c_monitor_enter(core->lock);
	struct s2c_gate_policy *policy = core->policy;
	policy->users++;
	s2c_monitor_leave(core->lock);
	return policy;
}

void s2c_core_let_go(struct s2c_core *core, struct s2c_gate_policy *policy)
{
	s2c_monitor_enter(core->lock);
	bool last = --policy->users == 0;
	s2c_monitor_leave(core->lock);
	if (last) {
		s2c_rules_free(policy->rules);
		free(policy);
	}
}

void s2c_core_images_changed(struct s2c_core *core)
{
	CLEAN_ERROR struct s2c_error *why = NULL;

	if (core->private_)
		return;
	s2c_monitor_enter(core->estate);
	int rc = s2c_estate_save(core->instance->state, core->ledger, &why);
	s2c_monitor_leave(core->estate);
	if (rc < 0)
		s2c_emit_log(core->ctx, S2C_ERROR,
			"who owns which images cannot be written down: %s",
			s2c_error_message(why));
}

/* ---- no ---- */

int s2c_deny(struct s2c_session *session, enum s2c_gate_code code, struct s2c_error **err,
	const char *fmt, ...)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_ERROR_MESSAGE_MAX);
	char sentence[MESSAGE_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	session->code = code;
	return s2c_fail(err, S2C_EDENIED, "%s", sentence);
}

int s2c_deny_by(struct s2c_session *session, const struct s2c_verdict *verdict,
	struct s2c_error **err)
{
	(void)snprintf(session->rule, sizeof(session->rule), "%s", verdict->rule);
	return s2c_deny(
		session, s2c_gate_code_find(verdict->code), err, "%s", verdict->reason);
}

/* What an error that nobody gave a code to means. */
static enum s2c_gate_code code_of(const struct s2c_error *error)
{
	switch ((int)s2c_error_code(error)) {
	case S2C_ETIMEOUT:
		return S2C_GATE_DEADLINE;
	case S2C_ENET:
	case S2C_EPROTO:
	case S2C_ELIMIT:
	case S2C_EDENIED: /* the engine's socket is another one's */
		return S2C_GATE_UPSTREAM_DOWN;
	default:
		return S2C_GATE_INTERNAL;
	}
}

/* ---- the audit log ---- */

static struct s2c_peer peer_of(const struct s2c_session *session)
{
	return (struct s2c_peer){
		.uid = session->peer.uid,
		.gid = session->peer.gid,
		.groups = session->peer.groups,
		.n_groups = session->peer.n_groups,
		.socket = session->peer.socket,
	};
}

/* What every entry says of who asked for what. */
static int write_entry(struct s2c_session *session, const struct s2c_audit_entry *of,
	struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	struct s2c_peer peer = peer_of(session);
	struct s2c_audit_entry entry = *of;
	char request[32];

	(void)snprintf(request, sizeof(request), "%lu", session->request);
	entry.request = request;
	entry.connection = session->connection;
	entry.peer = &peer;
	entry.pid = (uint32_t)session->peer.pid;
	entry.route = s2c_gate_op_name((enum s2c_gate_op)ask->op);
	if (!session->core->audit ||
		s2c_audit_write(session->core->audit, &entry, err) == 0)
		return 0;
	s2c_metrics_add(session->core->metrics, S2C_METRIC_AUDIT_ERRORS, 0, 0, 1);
	return -1;
}

static int record(struct s2c_session *session, enum s2c_gate_code code,
	const char *container, const char *image, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	struct s2c_audit_entry entry = {
		.event = S2C_AUDIT_DECISION,
		.method = ask->method,
		.path = ask->path,
		.code = code == S2C_GATE_OK ? NULL : s2c_gate_code_name(code),
		.rule = *session->rule ? session->rule : NULL,
		.detail = ask->detail,
		.container = container ? container : ask->object,
		.image = ask->image ? ask->image : ask->name,
		.image_id = image,
		.user = ask->user,
		.network = ask->network,
	};

	s2c_metrics_add(
		session->core->metrics, S2C_METRIC_REQUESTS, (unsigned)ask->op, code, 1);
	return write_entry(session, &entry, err);
}

int s2c_allow(struct s2c_session *session, const char *container, const char *image,
	struct s2c_error **err)
{
	if (record(session, S2C_GATE_OK, container, image, err) < 0) {
		session->code = S2C_GATE_AUDIT_FAILED;
		return -1;
	}
	session->recorded = true;
	return 0;
}

void s2c_session_note(struct s2c_session *session, const struct s2c_audit_entry *event)
{
	CLEAN_ERROR struct s2c_error *why = NULL;

	if (write_entry(session, event, &why) < 0)
		s2c_emit_log(session->ctx, S2C_ERROR, "the audit log: %s",
			s2c_error_message(why));
}

void s2c_session_exited(struct s2c_session *session, const char *id, int exit_code)
{
	struct s2c_core *core = session->core;

	if (!s2c_ledger_exited(core->ledger, id, exit_code))
		return;
	if (exit_code)
		s2c_metrics_add(
			core->metrics, S2C_METRIC_BUILDS, S2C_METRIC_FAILED, 0, 1);
	s2c_session_note(session, &(struct s2c_audit_entry){.event = S2C_AUDIT_EXIT,
					  .container = id,
					  .exit_code = exit_code});
}

/* ---- answers ---- */

static int send_head(
	struct s2c_session *session, struct s2c_gate_head *head, struct s2c_error **err)
{
	session->answered = true;
	return s2c_wire_send_head(&session->wire, head, err);
}

int s2c_answer_status(struct s2c_session *session, int status, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = (uint64_t)status, .follow = S2C_FOLLOW_NOTHING};

	return send_head(session, &head, err);
}

int s2c_answer_stream(struct s2c_session *session, struct s2c_gate_head *head,
	struct s2c_reader *body, uint64_t most, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *out = s2c_wire_body_writer(&session->wire);
	CLEAN_READER struct s2c_reader *limited = s2c_reader_limit(
		body, false, most, "the answer");
	struct s2c_copy silent = {0};

	if (send_head(session, head, err) < 0 ||
		s2c_copy(session->ctx, limited, out, &silent, NULL, err) < 0)
		return -1;
	return s2c_finish(out, err);
}

int s2c_answer_body(struct s2c_session *session, const char *content_type,
	struct s2c_reader *body, uint64_t most, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 200, .follow = S2C_FOLLOW_BODY};

	s2c_strv_addf(&head.headers, "Content-Type: %s", content_type);
	return s2c_answer_stream(session, &head, body, most, err);
}

/* A status with a text as body. */
static int send_text(struct s2c_session *session, struct s2c_gate_head *head,
	const char *text, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *out = s2c_wire_body_writer(&session->wire);

	s2c_strv_add(&head->headers, "Content-Type: application/json");
	/* The answer to HEAD ends with its head. */
	if (session->ask->method && streq(session->ask->method, "HEAD"))
		return send_head(session, head, err);
	head->follow = S2C_FOLLOW_BODY;
	if (send_head(session, head, err) < 0 ||
		s2c_write(out, text, strlen(text), err) < 0)
		return -1;
	return s2c_finish(out, err);
}

int s2c_answer_json(struct s2c_session *session, int status, const struct s2c_json *json,
	struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {.status = (uint64_t)status};
	CLEAN_FREE char *text = s2c_json_print(json, S2C_JSON_COMPACT);

	return send_text(session, &head, text, err);
}

/* {"message": "..."} and the code, as a header for programs and in the text for people.
 */
static int answer_no(
	struct s2c_session *session, const struct s2c_error *why, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = (uint64_t)s2c_gate_code_status(session->code)};
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	const char *name = s2c_gate_code_name(session->code);
	CLEAN_FREE char *sentence = xasprintf("s2c gate: %s: %s (request %lu)", name,
		s2c_error_message(why), session->request);
	CLEAN_FREE char *text = NULL;

	s2c_json_set_str(root, "message", sentence);
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	s2c_strv_addf(&head.headers, "S2c-Gate-Code: %s", name);
	return send_text(session, &head, text, err);
}

/* ---- the engine ---- */

static int refused(struct s2c_session *session, int status, const struct s2c_json *answer,
	struct s2c_error **err)
{
	CLEAN_FREE char *words = s2c_escape(s2c_upstream_message(answer),
		strlen(s2c_upstream_message(answer)), MESSAGE_MAX / 2, false);
	enum s2c_gate_code code = status == 404   ? S2C_GATE_NOT_FOUND
				  : status == 409 ? S2C_GATE_STATE
						  : S2C_GATE_UPSTREAM_REFUSED;

	return s2c_deny(
		session, code, err, "the engine says no (status %d): %s", status, words);
}

int s2c_session_refused(
	struct s2c_session *session, struct s2c_gate_call *call, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = NULL;

	if (s2c_gate_call_json(call, &answer, err) < 0)
		return -1;
	return refused(session, call->response.status, answer, err);
}

int s2c_session_engine(struct s2c_session *session, enum s2c_http1_method method,
	const char *target, const struct s2c_json *body, struct s2c_json **out_json,
	struct s2c_error **err)
{
	CLEAN_FREE char *text = body ? s2c_json_print(body, S2C_JSON_COMPACT) : NULL;
	CLEAN_JSON struct s2c_json *answer = NULL;
	struct s2c_gate_call_opts opts = {.method = method,
		.target = target,
		.json = text,
		.watch = session->steady ? -1 : session->wire_fd};
	int status = 0;

	if (s2c_upstream_ask(session->ctx, &session->core->upstream, &opts, &status,
		    &answer, err) < 0)
		return -1;
	if (status >= 400)
		return refused(session, status, answer, err);
	if (out_json)
		*out_json = TAKE(answer);
	return 0;
}

int s2c_own_container(struct s2c_session *session, unsigned states,
	struct s2c_container_record *out, struct s2c_error **err)
{
	struct s2c_core *core = session->core;

	/* The same words for what is not there and for what is another one's. */
	if (!session->ask->object ||
		!s2c_ledger_find(core->ledger, session->owner, session->ask->object, out))
		return s2c_deny(session, S2C_GATE_NOT_FOUND, err, "no such container: %s",
			session->ask->object ? session->ask->object : "");
	if (!(out->state & states))
		return s2c_deny(session, S2C_GATE_STATE, err,
			"the container is %s, which is no time for '%s'",
			s2c_container_state_name(out->state),
			s2c_gate_op_name((enum s2c_gate_op)session->ask->op));
	return 0;
}

/* ---- small ops ---- */

static int on_refused(struct s2c_session *session, struct s2c_error **err)
{
	const char *detail = session->ask->detail;

	return s2c_deny(session, (enum s2c_gate_code)session->ask->refused, err, "%s",
		detail ? detail : "refused");
}

static int on_ping(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 200, .follow = S2C_FOLLOW_BODY};
	CLEAN_WRITER struct s2c_writer *out = s2c_wire_body_writer(&session->wire);
	bool get = streq(session->ask->method, "GET");

	if (s2c_allow(session, NULL, NULL, err) < 0)
		return -1;
	s2c_strv_add(&head.headers, "Api-Version: " S2C_UPSTREAM_VERSION);
	s2c_strv_add(&head.headers, "Ostype: linux");
	s2c_strv_add(&head.headers, "Docker-Experimental: false");
	s2c_strv_add(&head.headers, "Builder-Version: 1");
	s2c_strv_add(&head.headers, "S2c-Gate: 1");
	/* What a container's file system looks like differs. */
	if (session->core->podman)
		s2c_strv_add(&head.headers, "Libpod-Api-Version: 4.0.0");
	s2c_strv_add(&head.headers, "Content-Type: text/plain; charset=utf-8");
	if (!get) {
		head.follow = S2C_FOLLOW_NOTHING;
		return send_head(session, &head, err);
	}
	if (send_head(session, &head, err) < 0 || s2c_write(out, "OK", 2, err) < 0)
		return -1;
	return s2c_finish(out, err);
}

static int on_version(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_platform host;

	s2c_platform_host(&host);
	if (s2c_allow(session, NULL, NULL, err) < 0)
		return -1;
	s2c_json_set_str(root, "Version", "s2c-gate");
	s2c_json_set_str(root, "ApiVersion", S2C_UPSTREAM_VERSION);
	s2c_json_set_str(root, "MinAPIVersion", "1.24");
	s2c_json_set_str(root, "Os", "linux");
	s2c_json_set_str(root, "Arch", host.architecture);
	return s2c_answer_json(session, 200, root, err);
}

/* ---- dispatch ---- */

static int (*const handlers[S2C_GATE_OPS])(
	struct s2c_session *session, struct s2c_error **err) = {
	[S2C_GATE_REFUSED] = on_refused,
	[S2C_GATE_PING] = on_ping,
	[S2C_GATE_VERSION_GET] = on_version,
	[S2C_GATE_IMAGE_INSPECT] = s2c_on_image_inspect,
	[S2C_GATE_IMAGE_PULL] = s2c_on_image_pull,
	[S2C_GATE_IMAGE_TAG] = s2c_on_image_tag,
	[S2C_GATE_IMAGE_PUSH] = s2c_on_image_push,
	[S2C_GATE_IMAGE_EXPORT] = s2c_on_image_export,
	[S2C_GATE_IMAGE_DELETE] = s2c_on_image_delete,
	[S2C_GATE_CREATE] = s2c_on_create,
	[S2C_GATE_INSPECT] = s2c_on_inspect,
	[S2C_GATE_ATTACH] = s2c_on_attach,
	[S2C_GATE_START] = s2c_on_start,
	[S2C_GATE_WAIT] = s2c_on_wait,
	[S2C_GATE_LOGS] = s2c_on_logs,
	[S2C_GATE_KILL] = s2c_on_kill,
	[S2C_GATE_REMOVE] = s2c_on_remove,
	[S2C_GATE_ARCHIVE_STAT] = s2c_on_archive_stat,
	[S2C_GATE_ARCHIVE_GET] = s2c_on_archive_get,
	[S2C_GATE_ARCHIVE_PUT] = s2c_on_archive_put,
	[S2C_GATE_COMMIT] = s2c_on_commit,
};

static int decide(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_rules *rules = session->policy->rules;
	struct s2c_verdict verdict = {0};
	struct s2c_peer peer = peer_of(session);

	/* Anew for each request: the policy may be another one by now. */
	if (session->ask->op != S2C_GATE_REFUSED &&
		!s2c_rules_subject(rules, &peer, &session->subject, &verdict))
		return s2c_deny_by(session, &verdict, err);
	return handlers[session->ask->op](session, err);
}

static void name_owner(struct s2c_session *session)
{
	const struct s2c_gate_peer *peer = &session->peer;

	if (peer->socket)
		(void)snprintf(
			session->owner, sizeof(session->owner), "s:%s", peer->socket);
	else
		(void)snprintf(session->owner, sizeof(session->owner), "u:%u", peer->uid);
}

/* 0 when the connection may go on. */
static int handle(struct s2c_session *session, const struct s2c_gate_ask *ask,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	int64_t started;
	int rc;

	session->ask = ask;
	session->request = atomic_fetch_add(&session->core->requests, 1) + 1;
	session->code = S2C_GATE_OK;
	session->recorded = session->answered = session->steady = false;
	session->rule[0] = '\0';
	session->policy = s2c_core_policy(session->core);
	started = s2c_now_us();
	rc = decide(session, &why);
	s2c_metrics_observe(session->core->metrics, S2C_METRIC_UPSTREAM_SECONDS,
		(unsigned)ask->op, (uint64_t)(s2c_now_us() - started));
	s2c_core_let_go(session->core, TAKE(session->policy));
	if (rc == 0)
		return 0;
	if (session->code == S2C_GATE_OK)
		session->code = code_of(why);
	/* A no is written down too; that it could not be changes nothing. What was
	 * allowed and did not come to pass is no denial. */
	if (!session->recorded)
		(void)!record(session, session->code, NULL, NULL, NULL);
	else if (s2c_error_code(why) != S2C_ECANCELED)
		s2c_session_note(
			session, &(struct s2c_audit_entry){.event = S2C_AUDIT_UPSTREAM,
					 .code = s2c_gate_code_name(session->code),
					 .detail = s2c_error_message(why),
					 .status = s2c_gate_code_status(session->code)});
	if (session->answered || s2c_error_code(why) == S2C_ECANCELED) {
		s2c_error_move(err, &why);
		return -1;
	}
	return answer_no(session, why, err);
}

static int next_ask(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf payload = {0};
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	enum s2c_gate_frame type;
	int rc = s2c_wire_receive(&session->wire, &type, &payload, err);

	if (rc <= 0)
		return rc;
	if (type != S2C_FRAME_ASK)
		return s2c_fail(err, S2C_EPROTO, "the worker does not ask");
	if (s2c_gate_ask_decode(payload.data, payload.len, &ask, err) < 0 ||
		handle(session, &ask, err) < 0)
		return -1;
	/* The connection was given away. */
	return session->client < 0 ? 0 : 1;
}

void s2c_session_run(
	struct s2c_core *core, const struct s2c_gate_peer *peer, int client, int wire)
{
	struct s2c_session session = {
		.core = core,
		.ctx = core->ctx,
		.peer = *peer,
		.client = client,
		.wire_fd = wire,
		.connection = atomic_fetch_add(&core->connections, 1) + 1,
	};
	int rc;

	name_owner(&session);
	s2c_wire_init(&session.wire, core->ctx, wire);
	do
		rc = next_ask(&session, NULL);
	while (rc > 0);
	s2c_wire_release(&session.wire);
}
