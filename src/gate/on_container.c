/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a container after its creation: attach, start, wait, logs, kill, remove.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "gate/filtered.h"
#include "gate/relay.h"
#include "gate/session.h"

#define COPY_WAITS 50
#define COPY_WAIT_MS 10
#define ATTACHES_MAX 8 /* streams of one container, over its life */

static void target_of(char out[S2C_UPSTREAM_TARGET_MAX],
	const struct s2c_container_record *container, const char *what)
{
	(void)snprintf(out, S2C_UPSTREAM_TARGET_MAX,
		"/v" S2C_UPSTREAM_VERSION "/containers/%s%s", container->id, what);
}

/* ---- inspect ---- */

/* What the engine says of the container; of that one, and not of something else. */
static int describe(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_json **out,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *found = NULL;
	char target[S2C_UPSTREAM_TARGET_MAX];
	const char *id;

	target_of(target, container, "/json");
	if (s2c_session_engine(session, S2C_HTTP1_GET, target, NULL, &found, err) < 0)
		return -1;
	id = s2c_json_str(s2c_json_get(found, "Id"));
	if (!id || !streq(id, container->id))
		return s2c_fail(
			err, S2C_EPROTO, "the engine does not describe the container");
	*out = TAKE(found);
	return 0;
}

int s2c_on_inspect(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *found = NULL;
	CLEAN_JSON struct s2c_json *shown = NULL;
	struct s2c_container_record container;
	int exit_code;

	if (s2c_own_container(session, S2C_CONTAINER_ANY, &container, err) < 0 ||
		s2c_allow(session, container.id, NULL, err) < 0 ||
		describe(session, &container, &found, err) < 0)
		return -1;
	if (s2c_filtered_has_exited(found, &exit_code))
		s2c_session_exited(session, container.id, exit_code);
	shown = s2c_filtered_container(found);
	return s2c_answer_json(session, 200, shown, err);
}

int s2c_session_refresh(struct s2c_session *session,
	struct s2c_container_record *container, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *found = NULL;
	int exit_code;

	if (container->state != S2C_CONTAINER_RUNNING)
		return 0;
	if (describe(session, container, &found, err) < 0)
		return -1;
	if (!s2c_filtered_has_exited(found, &exit_code))
		return 0;
	s2c_session_exited(session, container->id, exit_code);
	container->state = S2C_CONTAINER_EXITED;
	container->exit_code = exit_code;
	return 0;
}

/* ---- attach ---- */

static int take_stream(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_error **err)
{
	struct s2c_ledger *ledger = session->core->ledger;

	/* Standard input goes to one client. */
	if (!s2c_ledger_attach(
		    ledger, container->id, session->ask->in != 0, ATTACHES_MAX))
		return s2c_deny(session, S2C_GATE_STATE, err,
			"standard input can be attached once, and %d streams in all",
			ATTACHES_MAX);
	return 0;
}

static int attach_target(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_buf *target,
	struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;

	if (s2c_buf_printf(target, err,
		    "/v" S2C_UPSTREAM_VERSION "/containers/%s/attach?stream=1%s%s%s",
		    container->id, ask->in ? "&stdin=1" : "", ask->out ? "&stdout=1" : "",
		    ask->error ? "&stderr=1" : "") < 0)
		return -1;
	return 0;
}

/* The head goes to the client by way of the worker, which then lets the connection go. */
static int hand_over(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 101, .follow = S2C_FOLLOW_UPGRADED};
	CLEAN_BUF struct s2c_buf payload = {0};
	enum s2c_gate_frame type;
	int rc;

	s2c_strv_add(&head.headers, "Content-Type: application/vnd.docker.raw-stream");
	session->answered = true;
	if (s2c_wire_send_head(&session->wire, &head, err) < 0)
		return -1;
	rc = s2c_wire_receive(&session->wire, &type, &payload, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || type != S2C_FRAME_READY)
		return s2c_fail(err, S2C_ECANCELED, "the client is gone");
	return 0;
}

static int pump(
	struct s2c_session *session, struct s2c_gate_call *call, struct s2c_error **err)
{
	const struct s2c_rules_values *values = &session->subject->values;
	char early[S2C_HTTP1_RESPONSE_MAX];
	size_t held = s2c_http1_stream_held(call->stream);
	ssize_t n = 0;

	if (held > sizeof(early))
		held = sizeof(early);
	if (held)
		n = s2c_read(s2c_http1_stream_reader(call->stream), early, held, err);
	if (n < 0)
		return -1;
	struct s2c_relay relay = {
		.client = session->client,
		.engine = call->fd,
		.in = session->ask->in,
		.early = early,
		.n_early = (size_t)n,
		.in_max = values->source_bytes,
		.out_max = values->log_bytes,
	};
	int rc = s2c_relay_run(session->ctx, &relay, err);
	s2c_metrics_add(session->core->metrics, S2C_METRIC_RELAY_BYTES, S2C_METRIC_IN, 0,
		(int64_t)relay.n_in);
	s2c_metrics_add(session->core->metrics, S2C_METRIC_RELAY_BYTES, S2C_METRIC_OUT, 0,
		(int64_t)relay.n_out);
	return rc;
}

/* A build of its own may let one process more clean up behind the first one. */
static int own_startable(struct s2c_session *session,
	struct s2c_container_record *container, struct s2c_error **err)
{
	unsigned states = S2C_CONTAINER_FRESH | S2C_CONTAINER_RUNNING;

	if (session->core->private_)
		states |= S2C_CONTAINER_EXITED;
	if (s2c_own_container(session, states, container, err) < 0)
		return -1;
	if (container->state != S2C_CONTAINER_EXITED ||
		s2c_ledger_renew(session->core->ledger, container->id))
		return 0;
	return s2c_deny(session, S2C_GATE_STATE, err,
		"the container failed with status %d", container->exit_code);
}

int s2c_on_attach(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_container_record container;
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_POST, .upgrade = true, .watch = session->wire_fd};
	int rc;

	if (!session->ask->upgrade || !session->ask->stream)
		return s2c_deny(session, S2C_GATE_FRAMING, err,
			"attach wants 'stream=1' and 'Upgrade: tcp'");
	if (own_startable(session, &container, err) < 0 ||
		attach_target(session, &container, &target, err) < 0 ||
		take_stream(session, &container, err) < 0 ||
		s2c_allow(session, container.id, NULL, err) < 0)
		return -1;
	opts.target = s2c_buf_str(&target);
	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, &opts, &call, err) < 0 ||
		s2c_gate_call_answer(&call, err) < 0)
		return -1;
	if (call.response.status != 101 && call.response.status != 200)
		return s2c_session_refused(session, &call, err);
	if (hand_over(session, err) < 0)
		return -1;
	rc = pump(session, &call, err);
	session->client = -1;
	return rc;
}

/* ---- start, wait ---- */

/*
 * Of two that ask at the same time one gets it. A copy of files that has just been
 * answered may take a moment to be over for the ledger; one that is under way does not
 * end so soon.
 */
static int take_start(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_error **err)
{
	struct pollfd gone = {.fd = session->wire_fd, .events = POLLRDHUP};
	struct s2c_ledger *ledger = session->core->ledger;
	struct s2c_container_record now;

	for (int i = 0; i < COPY_WAITS; i++) {
		int n_ready;

		if (s2c_ledger_move(ledger, container->id, S2C_CONTAINER_FRESH,
			    S2C_CONTAINER_RUNNING))
			return 0;
		if (!s2c_ledger_find(ledger, session->owner, container->id, &now) ||
			!(now.state & S2C_CONTAINER_FRESH))
			return s2c_deny(session, S2C_GATE_STATE, err,
				"the container has been started");
		if (s2c_ctx_poll(session->ctx, &gone, 1, COPY_WAIT_MS, &n_ready, err) < 0)
			return -1;
		if (n_ready)
			return s2c_fail(err, S2C_ECANCELED, "the client is gone");
	}
	return s2c_deny(session, S2C_GATE_STATE, err,
		"files are being copied into the container or out of it");
}

int s2c_on_start(struct s2c_session *session, struct s2c_error **err)
{
	struct s2c_ledger *ledger = session->core->ledger;
	struct s2c_container_record container;
	char target[S2C_UPSTREAM_TARGET_MAX];

	if (s2c_own_container(session, S2C_CONTAINER_FRESH, &container, err) < 0)
		return -1;
	if (take_start(session, &container, err) < 0)
		return -1;
	if (s2c_allow(session, container.id, NULL, err) < 0) {
		(void)s2c_ledger_move(
			ledger, container.id, S2C_CONTAINER_RUNNING, container.state);
		return -1;
	}
	/* Whether the client stays or not, it runs or it does not. */
	session->steady = true;
	s2c_ledger_started(ledger, container.id);
	target_of(target, &container, "/start");
	if (s2c_session_engine(session, S2C_HTTP1_POST, target, NULL, NULL, err) < 0) {
		(void)s2c_ledger_move(ledger, container.id, S2C_CONTAINER_RUNNING,
			S2C_CONTAINER_BROKEN);
		return -1;
	}
	return s2c_answer_status(session, 204, err);
}

/* {"StatusCode": N, "Error": null}, anew. */
static int answer_exit(
	struct s2c_session *session, int64_t status, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_WRITER struct s2c_writer *out = s2c_wire_body_writer(&session->wire);
	CLEAN_FREE char *text = NULL;

	s2c_json_set_int(root, "StatusCode", status);
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	if (s2c_write(out, text, strlen(text), err) < 0)
		return -1;
	return s2c_finish(out, err);
}

static int read_exit(
	struct s2c_gate_call *call, int64_t *out_status, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = NULL;

	if (s2c_gate_call_json(call, &answer, err) < 0)
		return -1;
	if (!answer)
		return s2c_fail(err, S2C_EPROTO, "the engine says nothing");
	return s2c_json_get_int(answer, "StatusCode", S2C_REQUIRED, out_status, err);
}

/*
 * The head goes out at once and the body at the end of the container, as engines do it:
 * clients wait for the head before they start the container.
 */
int s2c_on_wait(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 200, .follow = S2C_FOLLOW_BODY};
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_container_record container;
	const char *condition = session->ask->condition;
	char target[S2C_UPSTREAM_TARGET_MAX];
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_POST, .target = target, .watch = session->wire_fd};
	int64_t status;

	if (!condition || !*condition)
		condition = "not-running";
	if (!streq(condition, "not-running") && !streq(condition, "next-exit"))
		return s2c_deny(session, S2C_GATE_FIELD_VALUE, err,
			"condition '%s': it is 'not-running' or 'next-exit'", condition);
	if (s2c_own_container(session, S2C_CONTAINER_ANY, &container, err) < 0 ||
		s2c_allow(session, container.id, NULL, err) < 0)
		return -1;
	/* What has ended has no next end. */
	if (container.state & ~(unsigned)(S2C_CONTAINER_FRESH | S2C_CONTAINER_RUNNING))
		condition = "not-running";
	target_of(target, &container,
		streq(condition, "next-exit") ? "/wait?condition=next-exit"
					      : "/wait?condition=not-running");
	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, &opts, &call, err) < 0)
		return -1;
	call.seconds = 0; /* as long as the container runs */
	if (s2c_gate_call_answer(&call, err) < 0)
		return -1;
	if (call.response.status != 200)
		return s2c_session_refused(session, &call, err);
	s2c_strv_add(&head.headers, "Content-Type: application/json");
	session->answered = true;
	if (s2c_wire_send_head(&session->wire, &head, err) < 0 ||
		read_exit(&call, &status, err) < 0)
		return -1;
	/*
	 * An engine also answers for a container that was not started yet, and it may be
	 * running by now: what it is, only a look at it tells.
	 */
	if (s2c_ledger_find(
		    session->core->ledger, session->owner, container.id, &container) &&
		s2c_session_refresh(session, &container, err) < 0)
		return -1;
	return answer_exit(session, status, err);
}

/* ---- logs ---- */

int s2c_on_logs(struct s2c_session *session, struct s2c_error **err)
{
	const struct s2c_gate_ask *ask = session->ask;
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_container_record container;
	char target[S2C_UPSTREAM_TARGET_MAX];
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = target, .watch = session->wire_fd};
	char what[64];

	if (s2c_own_container(session, S2C_CONTAINER_ANY, &container, err) < 0 ||
		s2c_allow(session, container.id, NULL, err) < 0)
		return -1;
	(void)snprintf(what, sizeof(what), "/logs?stdout=%d&stderr=%d&follow=%d",
		ask->out != 0, ask->error != 0, ask->follow != 0);
	target_of(target, &container, what);
	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, &opts, &call, err) < 0)
		return -1;
	if (ask->follow)
		call.seconds = 0;
	if (s2c_gate_call_answer(&call, err) < 0)
		return -1;
	if (call.response.status != 200)
		return s2c_session_refused(session, &call, err);
	return s2c_answer_body(session, "application/vnd.docker.multiplexed-stream",
		call.body, session->subject->values.log_bytes, err);
}

/* ---- kill, remove ---- */

/* The signal by the name that is written, or NULL for one that nobody may send. */
static const char *signal_name(const char *asked)
{
	static const char *const names[][2] = {
		{"KILL", "9"}, {"TERM", "15"}, {"INT", "2"}, {"QUIT", "3"}, {"HUP", "1"}};
	static const char *const written[] = {
		"SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"};

	if (!asked || !*asked)
		return written[0];
	if (starts_with(asked, "SIG"))
		asked += 3;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(asked, names[i][0]) || streq(asked, names[i][1]))
			return written[i];
	return NULL;
}

int s2c_on_kill(struct s2c_session *session, struct s2c_error **err)
{
	const char *signal = signal_name(session->ask->signal);
	struct s2c_container_record container;
	char target[S2C_UPSTREAM_TARGET_MAX], what[64];

	if (!signal)
		return s2c_deny(session, S2C_GATE_FIELD_VALUE, err,
			"signal '%s': take KILL, TERM, INT, QUIT or HUP",
			session->ask->signal);
	if (s2c_own_container(session, S2C_CONTAINER_ANY, &container, err) < 0 ||
		s2c_session_refresh(session, &container, err) < 0)
		return -1;
	if (container.state != S2C_CONTAINER_RUNNING)
		return s2c_deny(session, S2C_GATE_STATE, err,
			"the container is not running, it is %s",
			s2c_container_state_name(container.state));
	if (s2c_allow(session, container.id, NULL, err) < 0)
		return -1;
	(void)snprintf(what, sizeof(what), "/kill?signal=%s", signal);
	target_of(target, &container, what);
	if (s2c_session_engine(session, S2C_HTTP1_POST, target, NULL, NULL, err) < 0)
		return -1;
	return s2c_answer_status(session, 204, err);
}

int s2c_session_remove(
	struct s2c_session *session, const char *id, struct s2c_error **err)
{
	char target[S2C_UPSTREAM_TARGET_MAX];

	(void)snprintf(target, sizeof(target),
		"/v" S2C_UPSTREAM_VERSION "/containers/%s?v=1&force=1", id);
	if (s2c_session_engine(session, S2C_HTTP1_DELETE, target, NULL, NULL, err) < 0 &&
		session->code != S2C_GATE_NOT_FOUND)
		return -1;
	session->code = S2C_GATE_OK;
	s2c_ledger_remove(session->core->ledger, id);
	return 0;
}

int s2c_on_remove(struct s2c_session *session, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;
	struct s2c_container_record container;

	if (s2c_own_container(session, S2C_CONTAINER_ANY, &container, err) < 0 ||
		s2c_session_refresh(session, &container, err) < 0)
		return -1;
	if (container.state == S2C_CONTAINER_RUNNING && !session->ask->force)
		return s2c_deny(session, S2C_GATE_STATE, err,
			"the container is running; kill it, or remove it by force");
	if (s2c_allow(session, container.id, NULL, err) < 0)
		return -1;
	session->steady = true;
	if (s2c_session_remove(session, container.id, &failure) < 0) {
		s2c_error_move(err, &failure);
		return -1;
	}
	return s2c_answer_status(session, 204, err);
}
