/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/worker.h"

#include <poll.h>

#include "codec/json.h"
#include "gate/archive.h"
#include "gate/client.h"
#include "gate/filter.h"
#include "gate/route.h"
#include "gate/sandbox.h"
#include "gate/wire.h"
#include "util/escape.h"

struct worker {
	struct s2c_ctx *ctx;
	struct s2c_gate_client client;
	struct s2c_http1_stream *stream;
	struct s2c_wire wire;
	bool keep;        /* the connection, for another request */
	bool handed_over; /* the core has it now */
	bool own;         /* of a build's own gate */
};

/* ---- answers ---- */

static int write_head(
	struct worker *w, const struct s2c_gate_head *head, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_HTTP1_RESPONSE_MAX);
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;

	s2c_strv_add_all(&lines, &head->headers);
	switch ((enum s2c_gate_follow)head->follow) {
	case S2C_FOLLOW_BODY:
		s2c_strv_add(&lines, "Transfer-Encoding: chunked");
		break;
	case S2C_FOLLOW_UPGRADED:
		s2c_strv_add(&lines, "Connection: Upgrade");
		s2c_strv_add(&lines, "Upgrade: tcp");
		break;
	case S2C_FOLLOW_NOTHING:
		if (head->status != 204)
			s2c_strv_add(&lines, "Content-Length: 0");
		break;
	case S2C_FOLLOWS:
		break;
	}
	if (!w->keep && head->follow != S2C_FOLLOW_UPGRADED)
		s2c_strv_add(&lines, "Connection: close");
	if (s2c_http1_write_response(&text, (int)head->status, &lines, err) < 0)
		return -1;
	return s2c_write(&w->client.out, text.data, text.len, err);
}

/*
 * The next frame of the core; the worker ends if the client goes meanwhile. One that has
 * only ended what it sends still wants its answer.
 */
static int await_core(struct worker *w, enum s2c_gate_frame *out_type,
	struct s2c_buf *payload, struct s2c_error **err)
{
	struct pollfd ready[] = {{.fd = w->client.core, .events = POLLIN},
		{.fd = w->client.fd, .events = 0}};
	int n_ready, rc;

	if (s2c_ctx_poll(w->ctx, ready, 2, -1, &n_ready, err) < 0)
		return -1;
	if (!ready[0].revents)
		return s2c_fail(err, S2C_ECANCELED, "the client is gone");
	rc = s2c_wire_receive(&w->wire, out_type, payload, err);
	if (rc == 0)
		return s2c_fail(err, S2C_ECANCELED, "the core is gone");
	return rc < 0 ? -1 : 0;
}

/* DATA up to END, as chunks. Without END the last chunk stays away. */
static int relay_body(struct worker *w, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *chunks = s2c_http1_chunked_writer(&w->client.out);
	CLEAN_BUF struct s2c_buf payload = {0};
	enum s2c_gate_frame type;

	for (;;) {
		if (await_core(w, &type, &payload, err) < 0)
			return -1;
		if (type == S2C_FRAME_END)
			return s2c_finish(chunks, err);
		if (type != S2C_FRAME_DATA)
			return s2c_fail(err, S2C_EPROTO, "the answer is not complete");
		if (s2c_write(chunks, payload.data, payload.len, err) < 0)
			return -1;
	}
}

/* Reads the head that the core decided on, and hands it and what follows to the client.
 */
static int answer(struct worker *w, struct s2c_buf *first, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {0};

	if (s2c_gate_head_decode(first->data, first->len, &head, err) < 0)
		return -1;
	if (head.close)
		w->keep = false;
	if (write_head(w, &head, err) < 0)
		return -1;
	if (head.follow == S2C_FOLLOW_BODY)
		return relay_body(w, err);
	if (head.follow == S2C_FOLLOW_NOTHING)
		return 0;
	w->keep = false;
	w->handed_over = true;
	return s2c_wire_send(&w->wire, S2C_FRAME_READY, NULL, 0, err);
}

static int await_answer(struct worker *w, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf payload = {0};
	enum s2c_gate_frame type;

	if (await_core(w, &type, &payload, err) < 0)
		return -1;
	if (type != S2C_FRAME_HEAD)
		return s2c_fail(err, S2C_EPROTO, "the core does not answer");
	return answer(w, &payload, err);
}

/* Says no, by way of the core, which writes it down. Ends the connection. */
static int refuse(struct worker *w, struct s2c_gate_ask *ask, enum s2c_gate_code code,
	struct s2c_error **err)
{
	CLEAN_GATE_ASK struct s2c_gate_ask no = {.op = S2C_GATE_REFUSED, .refused = code};

	/* What is wrong may be that it can be neither shown nor sent. */
	if (ask->detail)
		no.detail = s2c_escape(
			ask->detail, strlen(ask->detail), S2C_GATE_TEXT_MAX / 2, false);
	no.method = TAKE(ask->method);
	no.path = TAKE(ask->path);
	w->keep = false;
	if (s2c_wire_send_ask(&w->wire, &no, err) < 0)
		return -1;
	return await_answer(w, err);
}

/* ---- requests ---- */

/* The words of the parsers for the codes of the gate. */
static enum s2c_gate_code code_of(enum s2c_http1_fault fault)
{
	static const enum s2c_gate_code codes[] = {
		[S2C_HTTP1_OK] = S2C_GATE_FRAMING,
		[S2C_HTTP1_BAD_REQUEST_LINE] = S2C_GATE_FRAMING,
		[S2C_HTTP1_BAD_STATUS_LINE] = S2C_GATE_FRAMING,
		[S2C_HTTP1_BAD_METHOD] = S2C_GATE_METHOD,
		[S2C_HTTP1_BAD_VERSION] = S2C_GATE_FRAMING,
		[S2C_HTTP1_BAD_TARGET] = S2C_GATE_TARGET_FORM,
		[S2C_HTTP1_BAD_PATH] = S2C_GATE_PATH_SYNTAX,
		[S2C_HTTP1_BAD_PATH_ENCODING] = S2C_GATE_PATH_SYNTAX,
		[S2C_HTTP1_BAD_QUERY] = S2C_GATE_QUERY_SYNTAX,
		[S2C_HTTP1_DUPLICATE_QUERY] = S2C_GATE_QUERY_DUP,
		[S2C_HTTP1_BAD_HEADER] = S2C_GATE_FRAMING,
		[S2C_HTTP1_BAD_FRAMING] = S2C_GATE_FRAMING,
		[S2C_HTTP1_BAD_UPGRADE] = S2C_GATE_FRAMING,
		[S2C_HTTP1_TOO_LARGE] = S2C_GATE_HEAD_SIZE,
	};

	return codes[fault];
}

static int read_json(struct worker *w, const struct s2c_http1_request *request,
	struct s2c_buf *out, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *body = s2c_http1_request_body(
		request, s2c_http1_stream_reader(w->stream));
	char piece[4096];

	for (;;) {
		ssize_t n = s2c_read(body, piece, sizeof(piece), err);

		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if (s2c_buf_add(out, piece, (size_t)n, err) < 0)
			return -1;
	}
}

/* Why a body could not be read. */
static enum s2c_gate_code code_of_error(const struct s2c_error *error)
{
	switch ((int)s2c_error_code(error)) {
	case S2C_ELIMIT:
		return S2C_GATE_BODY_SIZE;
	case S2C_ETIMEOUT:
		return S2C_GATE_TIMEOUT;
	default:
		return S2C_GATE_FRAMING;
	}
}

static int take_json(struct worker *w, const struct s2c_http1_request *request,
	enum s2c_gate_body kind, struct s2c_gate_ask *ask, enum s2c_gate_code *code,
	struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(S2C_WORKER_CREATE_MAX);

	if (w->own && kind == S2C_GATE_BODY_CREATE)
		kind = S2C_GATE_BODY_CREATE_OWN;
	if (w->own && kind == S2C_GATE_BODY_COMMIT)
		kind = S2C_GATE_BODY_COMMIT_OWN;
	s2c_gate_client_expect_body(&w->client);
	if (read_json(w, request, &text, err) < 0) {
		*code = code_of_error(err ? *err : NULL);
		return -1;
	}
	return s2c_gate_filter(kind, s2c_buf_str(&text), text.len, ask, code, err);
}

/* The archive, once the core has said where it goes and whose it will be. */
static int send_archive(
	struct worker *w, const struct s2c_http1_request *request, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf payload = {0};
	CLEAN_READER struct s2c_reader *body = s2c_http1_request_body(
		request, s2c_http1_stream_reader(w->stream));
	CLEAN_WRITER struct s2c_writer *out = s2c_wire_archive_writer(&w->wire);
	CLEAN_ERROR struct s2c_error *bad = NULL;
	struct s2c_gate_grant grant;
	enum s2c_gate_frame type;

	if (await_core(w, &type, &payload, err) < 0)
		return -1;
	if (type == S2C_FRAME_HEAD) {
		/* A no. What the client goes on sending is not read. */
		w->keep = false;
		return answer(w, &payload, err);
	}
	if (type != S2C_FRAME_CONTINUE ||
		s2c_gate_grant_decode(payload.data, payload.len, &grant, err) < 0)
		return s2c_fail(err, S2C_EPROTO, "the core does not answer");
	struct s2c_gate_archive rules = {.uid = (uint32_t)grant.uid,
		.gid = (uint32_t)grant.gid,
		.keep_owners = grant.keep_owners != 0,
		.limits = {.entries = grant.entries, .bytes = grant.bytes}};
	if (request->expect_continue &&
		s2c_write(&w->client.out, "HTTP/1.1 100 Continue\r\n\r\n", 25, err) < 0)
		return -1;
	s2c_gate_client_expect_body(&w->client);
	if (s2c_gate_archive_copy(w->ctx, body, &rules, out, &bad) == 0 &&
		s2c_finish(out, &bad) == 0)
		return await_answer(w, err);
	w->keep = false;
	if (s2c_wire_send(&w->wire, S2C_FRAME_ABORT, s2c_error_message(bad),
		    strnlen(s2c_error_message(bad), S2C_FRAME_REASON_MAX), err) < 0)
		return -1;
	return await_answer(w, err);
}

static int serve(
	struct worker *w, const struct s2c_http1_request *request, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_ERROR struct s2c_error *no = NULL;
	enum s2c_gate_body body = S2C_GATE_NO_BODY;
	enum s2c_gate_code code = S2C_GATE_INTERNAL;

	w->keep = request->keep_alive && !request->upgrade;
	if (s2c_gate_route(request, &ask, &body, &code, &no) < 0)
		return refuse(w, &ask, code, err);
	if ((body == S2C_GATE_BODY_CREATE || body == S2C_GATE_BODY_COMMIT) &&
		take_json(w, request, body, &ask, &code, &no) < 0) {
		if (!ask.detail)
			s2c_gate_ask_set_detail(&ask, s2c_error_message(no));
		return refuse(w, &ask, code, err);
	}
	/* What comes behind an upgrade that is not granted yet is no client's habit. */
	if (ask.op == S2C_GATE_ATTACH && s2c_http1_stream_held(w->stream)) {
		s2c_gate_ask_set_detail(&ask, "bytes before the stream is granted");
		return refuse(w, &ask, S2C_GATE_FRAMING, err);
	}
	ask.upgrade = request->upgrade;
	if (s2c_gate_ask_encode(&ask, &bytes, &no) < 0) {
		s2c_gate_ask_set_detail(&ask, s2c_error_message(no));
		code = s2c_error_code(no) == S2C_ELIMIT ? S2C_GATE_BODY_SIZE
							: S2C_GATE_FIELD_VALUE;
		return refuse(w, &ask, code, err);
	}
	if (s2c_wire_send(&w->wire, S2C_FRAME_ASK, bytes.data, bytes.len, err) < 0)
		return -1;
	if (body == S2C_GATE_BODY_TAR)
		return send_archive(w, request, err);
	return await_answer(w, err);
}

/* One request: 1 if another one may follow, 0 at the end of the connection. */
static int next_request(struct worker *w, struct s2c_error **err)
{
	CLEAN_HTTP1_REQUEST struct s2c_http1_request request = {0};
	CLEAN_GATE_ASK struct s2c_gate_ask none = {0};
	CLEAN_ERROR struct s2c_error *bad = NULL;
	enum s2c_http1_fault fault = S2C_HTTP1_OK;
	const char *head;
	ssize_t n;

	s2c_gate_client_expect_head(&w->client, s2c_http1_stream_held(w->stream) > 0);
	n = s2c_http1_stream_head(w->stream, S2C_HTTP1_REQUEST_MAX, &head, &fault, &bad);
	if (n == 0)
		return 0;
	if (n > 0 &&
		s2c_http1_request_parse(head, (size_t)n, &request, &fault, &bad) == 0) {
		return serve(w, &request, err) < 0 ? -1 : w->keep;
	}
	/* Nobody is there, or nothing has come. */
	if (s2c_error_code(bad) == S2C_ECANCELED ||
		!s2c_gate_client_has_begun(&w->client)) {
		s2c_error_move(err, &bad);
		return -1;
	}
	s2c_gate_ask_set_detail(&none, s2c_error_message(bad));
	return refuse(w, &none,
		       s2c_error_code(bad) == S2C_ETIMEOUT ? S2C_GATE_TIMEOUT
							   : code_of(fault),
		       err) < 0
		       ? -1
		       : 0;
}

/* Without a sandbox nothing of the client is read; it is told why. Best effort. */
static void excuse(struct worker *w, const struct s2c_error *why)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_HTTP1_RESPONSE_MAX);
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;
	const char *name = s2c_gate_code_name(S2C_GATE_INTERNAL);
	CLEAN_FREE char *sentence = xasprintf(
		"s2c gate: %s: %s", name, s2c_error_message(why));

	s2c_json_set_str(root, "message", sentence);
	CLEAN_FREE char *body = s2c_json_print(root, S2C_JSON_COMPACT);
	s2c_strv_addf(&lines, "S2c-Gate-Code: %s", name);
	s2c_strv_add(&lines, "Content-Type: application/json");
	s2c_strv_addf(&lines, "Content-Length: %zu", strlen(body));
	s2c_strv_add(&lines, "Connection: close");
	if (s2c_http1_write_response(
		    &text, s2c_gate_code_status(S2C_GATE_INTERNAL), &lines, NULL) < 0 ||
		s2c_buf_puts(&text, body, NULL) < 0)
		return;
	(void)!s2c_write(&w->client.out, text.data, text.len, NULL);
}

int s2c_worker_run(int client, int wire, unsigned header_seconds, bool own)
{
	struct worker w = {.ctx = s2c_ctx_new((struct s2c_sink){0}), .own = own};
	CLEAN_ERROR struct s2c_error *why = NULL;
	int rc;

	s2c_wire_init(&w.wire, w.ctx, wire);
	s2c_gate_client_init(&w.client, w.ctx, client, wire);
	w.client.head_seconds = header_seconds;
	w.stream = s2c_http1_stream_new(&w.client.in, false);
	/* Nothing of the client was read so far. */
	if (s2c_sandbox_enter(NULL, &why) < 0) {
		excuse(&w, why);
		return -1;
	}
	do
		rc = next_request(&w, NULL);
	while (rc > 0);
	if (rc == 0 && !w.handed_over)
		s2c_gate_client_linger(&w.client);
	s2c_http1_stream_free(w.stream);
	s2c_wire_release(&w.wire);
	s2c_ctx_free(w.ctx);
	return rc;
}
