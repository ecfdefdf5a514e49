/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files into and out of a container that does not run. While one runs its paths can be
 * changed under an engine's feet (CVE-2018-15664), so then there is neither.
 */
#include <stdio.h>

#include "gate/inside.h"
#include "gate/session.h"

#define STAT_HEADER "x-docker-container-path-stat"
#define STAT_MAX 8192

static int archive_target(struct s2c_session *session,
	const struct s2c_container_record *container, bool put, struct s2c_buf *out,
	struct s2c_error **err)
{
	if (s2c_buf_printf(out, err, "/v" S2C_UPSTREAM_VERSION "/containers/%s/archive",
		    container->id) < 0 ||
		s2c_http1_query_add(out, "path", session->ask->inside, err) < 0)
		return -1;
	/* A file must not take the place of a directory, nor the reverse. */
	return put ? s2c_http1_query_add(out, "noOverwriteDirNonDir", "true", err) : 0;
}

static int check_path(struct s2c_session *session, struct s2c_error **err)
{
	const char *path = session->ask->inside;

	if (path && s2c_gate_path_allowed(path))
		return 0;
	return s2c_deny(
		session, S2C_GATE_ARCHIVE_PATH, err, "path '%s'", path ? path : "");
}

/* ---- out ---- */

/* The engine's word about a file is base64 of JSON; other bytes are not passed on. */
static void pass_stat(const struct s2c_gate_call *call, struct s2c_gate_head *head)
{
	const char *stat = s2c_http1_header(&call->response.headers, STAT_HEADER);

	if (stat && strlen(stat) <= STAT_MAX &&
		!stat[strspn(stat, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789+/=")])
		s2c_strv_addf(&head->headers, "X-Docker-Container-Path-Stat: %s", stat);
}

static int hold(struct s2c_session *session, const struct s2c_container_record *container,
	unsigned states, struct s2c_error **err)
{
	if (s2c_ledger_hold(session->core->ledger, container->id, states))
		return 0;
	return s2c_deny(session, S2C_GATE_STATE, err,
		"the container has been started meanwhile, or is gone");
}

static int ask_engine(struct s2c_session *session, enum s2c_http1_method method,
	const struct s2c_container_record *container, struct s2c_gate_call *call,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	struct s2c_gate_call_opts opts = {.method = method, .watch = session->wire_fd};

	if (archive_target(session, container, false, &target, err) < 0 ||
		s2c_allow(session, container->id, NULL, err) < 0)
		return -1;
	opts.target = s2c_buf_str(&target);
	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, &opts, call, err) < 0 ||
		s2c_gate_call_answer(call, err) < 0)
		return -1;
	/* podman tells of a link that leads nowhere where it leads. */
	if (call->response.status == 404 && method == S2C_HTTP1_HEAD &&
		s2c_http1_header(&call->response.headers, STAT_HEADER))
		return 0;
	if (call->response.status == 404)
		return s2c_deny(session, S2C_GATE_NOT_FOUND, err,
			"there is no '%s' in the container", session->ask->inside);
	if (call->response.status != 200)
		return s2c_deny(session, S2C_GATE_UPSTREAM_REFUSED, err,
			"the engine says no (status %d)", call->response.status);
	return 0;
}

/* Looks at files or hands them out, while the container cannot be started. */
static int take_out(struct s2c_session *session, struct s2c_error **err,
	int (*out)(struct s2c_session *session,
		const struct s2c_container_record *container, struct s2c_error **err))
{
	const unsigned still = S2C_CONTAINER_FRESH | S2C_CONTAINER_ENDED;
	struct s2c_container_record container;
	int rc;

	if (check_path(session, err) < 0 ||
		s2c_own_container(
			session, still | S2C_CONTAINER_RUNNING, &container, err) < 0 ||
		s2c_session_refresh(session, &container, err) < 0)
		return -1;
	if (container.state == S2C_CONTAINER_RUNNING)
		return s2c_deny(session, S2C_GATE_STATE, err,
			"the container is running; its files can be had before and "
			"after");
	if (hold(session, &container, still, err) < 0)
		return -1;
	rc = out(session, &container, err);
	s2c_ledger_release(session->core->ledger, container.id);
	return rc;
}

static int stat_out(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 200, .follow = S2C_FOLLOW_NOTHING};
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};

	if (ask_engine(session, S2C_HTTP1_HEAD, container, &call, err) < 0)
		return -1;
	head.status = (uint64_t)call.response.status;
	pass_stat(&call, &head);
	session->answered = true;
	return s2c_wire_send_head(&session->wire, &head, err);
}

int s2c_on_archive_stat(struct s2c_session *session, struct s2c_error **err)
{
	return take_out(session, err, stat_out);
}

static int files_out(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 200, .follow = S2C_FOLLOW_BODY};
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};

	if (ask_engine(session, S2C_HTTP1_GET, container, &call, err) < 0)
		return -1;
	pass_stat(&call, &head);
	s2c_strv_add(&head.headers, "Content-Type: application/x-tar");
	return s2c_answer_stream(
		session, &head, call.body, session->subject->values.copy_out_bytes, err);
}

int s2c_on_archive_get(struct s2c_session *session, struct s2c_error **err)
{
	return take_out(session, err, files_out);
}

/* ---- in ---- */

/*
 * Where a client may put files that an engine then writes as root: where the builder
 * image wants its source. A private gate leaves that to the build that it is for.
 */
static int check_place(struct s2c_session *session,
	const struct s2c_container_record *container, struct s2c_error **err)
{
	const char *path = session->ask->inside;

	if (session->core->private_ || s2c_gate_path_within(path, "/tmp") ||
		(*container->destination &&
			s2c_gate_path_within(path, container->destination)))
		return 0;
	return s2c_deny(session, S2C_GATE_ARCHIVE_PATH, err,
		"path '%s': files are put into '%s'", path,
		*container->destination ? container->destination : "/tmp");
}

/* What the worker makes of the client's archive, to the engine. */
static int stream_in(struct s2c_session *session, struct s2c_gate_call *call,
	const struct s2c_container_record *container, struct s2c_error **err)
{
	const struct s2c_rules_values *values = &session->subject->values;
	CLEAN_READER struct s2c_reader *body = s2c_wire_body_reader(&session->wire);
	CLEAN_WRITER struct s2c_writer *out = s2c_http1_chunked_writer(&call->out);
	struct s2c_gate_grant grant = {.uid = container->uid,
		.gid = container->gid,
		/* A build of its own puts files of root back as they were. */
		.keep_owners = session->core->private_,
		.entries = values->source_entries,
		.bytes = values->source_bytes};
	struct s2c_copy silent = {0};
	CLEAN_ERROR struct s2c_error *failure = NULL;
	char rest[4096];

	if (s2c_wire_send_grant(&session->wire, &grant, err) < 0)
		return -1;
	if (s2c_copy(session->ctx, body, out, &silent, NULL, &failure) == 0 &&
		s2c_finish(out, &failure) == 0)
		return 0;
	/* The worker has said why, or the engine has stopped listening: then the rest is
	 * taken, so that the worker listens to the answer. */
	if (s2c_error_code(failure) == S2C_EINVAL)
		session->code = S2C_GATE_TAR;
	else
		while (s2c_read(body, rest, sizeof(rest), NULL) > 0)
			;
	s2c_error_move(err, &failure);
	return -1;
}

static int put(struct s2c_session *session, const struct s2c_container_record *container,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_UPSTREAM_TARGET_MAX);
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	CLEAN_JSON struct s2c_json *answer = NULL;
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_PUT, .archive = true, .watch = session->wire_fd};

	if (archive_target(session, container, true, &target, err) < 0)
		return -1;
	opts.target = s2c_buf_str(&target);
	if (s2c_gate_call_begin(
		    session->ctx, &session->core->upstream, &opts, &call, err) < 0 ||
		stream_in(session, &call, container, err) < 0 ||
		s2c_gate_call_answer(&call, err) < 0 ||
		s2c_gate_call_json(&call, &answer, err) < 0)
		return -1;
	if (call.response.status == 404)
		return s2c_deny(session, S2C_GATE_NOT_FOUND, err,
			"there is no directory '%s' in the container",
			session->ask->inside);
	if (call.response.status != 200)
		return s2c_deny(session, S2C_GATE_UPSTREAM_REFUSED, err,
			"the engine does not unpack the archive (status %d): %s",
			call.response.status, s2c_upstream_message(answer));
	return 0;
}

int s2c_on_archive_put(struct s2c_session *session, struct s2c_error **err)
{
	struct s2c_container_record container;
	unsigned states = session->core->private_
				  ? S2C_CONTAINER_FRESH | S2C_CONTAINER_ENDED
				  : S2C_CONTAINER_FRESH;
	int rc;

	if (check_path(session, err) < 0 ||
		s2c_own_container(session, states, &container, err) < 0 ||
		check_place(session, &container, err) < 0 ||
		hold(session, &container, states, err) < 0)
		return -1;
	rc = s2c_allow(session, container.id, NULL, err);
	if (rc == 0) {
		rc = put(session, &container, err);
		/* Nobody knows how much of it is there. A missing directory leaves none.
		 */
		if (rc < 0 && session->code != S2C_GATE_NOT_FOUND)
			(void)s2c_ledger_move(session->core->ledger, container.id, states,
				S2C_CONTAINER_BROKEN);
	}
	s2c_ledger_release(session->core->ledger, container.id);
	return rc < 0 ? -1 : s2c_answer_status(session, 200, err);
}
