/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/upstream.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/client.h"
#include "http/url.h"
#include "util/fault.h"

#define DIAL_PAUSE_MS 50
#define DIAL_ATTEMPTS 600 /* half a minute in all */
#define INTERIM_MAX 16    /* answers 1xx before the one that counts */

/* ---- the connection ---- */

static int await(struct s2c_gate_call *call, short events, struct s2c_error **err)
{
	struct pollfd ready[] = {{.fd = call->fd, .events = events},
		{.fd = call->watch, .events = POLLRDHUP}};
	int n_ready;

	if (s2c_ctx_poll(call->ctx, ready, 2, call->seconds ? call->seconds * 1000 : -1,
		    &n_ready, err) < 0)
		return -1;
	if (ready[1].revents)
		return s2c_fail(err, S2C_ECANCELED, "nobody waits for the answer");
	if (n_ready == 0)
		return s2c_fail(err, S2C_ETIMEOUT,
			"the engine did not answer within %d seconds", call->seconds);
	return 0;
}

static ssize_t call_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct s2c_gate_call *call =
		(struct s2c_gate_call *)((char *)r - offsetof(struct s2c_gate_call, in));

	for (;;) {
		ssize_t n = recv(call->fd, buf, len, MSG_DONTWAIT);

		if (n >= 0)
			return n;
		if (errno == EAGAIN && await(call, POLLIN, err) < 0)
			return -1;
		if (errno != EAGAIN && errno != EINTR)
			return s2c_fail_as(err, S2C_ENET, errno,
				"the engine went away: %s", strerror(errno));
	}
}

static int call_write_parts(
	struct s2c_writer *w, struct iovec *parts, size_t n, struct s2c_error **err)
{
	struct s2c_gate_call *call =
		(struct s2c_gate_call *)((char *)w - offsetof(struct s2c_gate_call, out));
	size_t first = s2c_parts_rest(parts, n, 0);

	while (first < n) {
		struct msghdr rest = {.msg_iov = parts + first, .msg_iovlen = n - first};
		ssize_t done = sendmsg(call->fd, &rest, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done >= 0) {
			first += s2c_parts_rest(parts + first, n - first, (size_t)done);
		} else if (errno == EAGAIN) {
			if (await(call, POLLOUT, err) < 0)
				return -1;
		} else if (errno != EINTR) {
			return s2c_fail_as(err, S2C_ENET, errno,
				"the engine went away: %s", strerror(errno));
		}
	}
	return 0;
}

static int call_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct iovec all = {.iov_base = (void *)buf, .iov_len = len};

	return call_write_parts(w, &all, 1, err);
}

/* Both are parts of the call. */
static void part_of_reader(struct s2c_reader *r)
{
	(void)r;
}

static void part_of_writer(struct s2c_writer *w)
{
	(void)w;
}

void s2c_gate_call_release(struct s2c_gate_call *call)
{
	s2c_reader_free(call->body);
	s2c_http1_stream_free(call->stream);
	s2c_http1_response_release(&call->response);
	if (call->fd >= 0)
		(void)close(call->fd);
	s2c_tunnel_close(call->tunnel);
	*call = (struct s2c_gate_call){.fd = -1, .watch = -1};
}

static int check_owner(
	int fd, const struct s2c_upstream *upstream, struct s2c_error **err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return s2c_fail_errno(
			err, errno, "cannot tell whose '%s' is", upstream->socket);
	if (peer.uid != upstream->owner)
		return s2c_fail(err, S2C_EDENIED,
			"the engine's socket '%s' is served by uid %u and not by uid %u",
			upstream->socket, peer.uid, upstream->owner);
	return 0;
}

/* Waits a moment, unless nobody waits for the answer any more. */
static int pause_dialling(struct s2c_ctx *ctx, int watch, struct s2c_error **err)
{
	struct pollfd gone = {.fd = watch, .events = POLLRDHUP};
	int n_ready;

	if (s2c_ctx_poll(ctx, &gone, 1, DIAL_PAUSE_MS, &n_ready, err) < 0)
		return -1;
	return n_ready ? s2c_fail(err, S2C_ECANCELED, "nobody waits for the answer") : 0;
}

/* An engine that hangs does not take connections: connect(2) would wait for ever. */
static int connect_to(struct s2c_gate_call *call, int fd,
	const struct sockaddr_un *address, struct s2c_error **err)
{
	for (int i = 0; i < DIAL_ATTEMPTS; i++) {
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return s2c_fail_as(err, S2C_ENET, errno,
				"the engine does not answer at '%s': %s",
				address->sun_path, strerror(errno));
		if (pause_dialling(call->ctx, call->watch, err) < 0)
			return -1;
	}
	return s2c_fail(err, S2C_ENET, "the engine at '%s' does not take connections",
		address->sun_path);
}

static int dial(struct s2c_gate_call *call, const struct s2c_upstream *upstream,
	struct s2c_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket");
	if (strlen(upstream->socket) >= sizeof(address.sun_path))
		return s2c_fail(err, S2C_EINVAL, "the path '%s' is too long for a socket",
			upstream->socket);
	(void)snprintf(
		address.sun_path, sizeof(address.sun_path), "%s", upstream->socket);
	if (s2c_fault_point("gate.dial", err) < 0 ||
		connect_to(call, fd, &address, err) < 0 ||
		check_owner(fd, upstream, err) < 0)
		return -1;
	call->fd = take_fd(&fd);
	return 0;
}

/* ---- requests ---- */

/* The target with the version that the engine takes; caller frees. */
static char *address_of(const struct s2c_upstream *upstream, const char *target)
{
	static const char written[] = "/v" S2C_UPSTREAM_VERSION "/";

	if (!*upstream->version || !starts_with(target, written))
		return xstrdup(target);
	return xasprintf("/v%s/%s", upstream->version, target + strlen(written));
}

static int send_request(struct s2c_gate_call *call, const struct s2c_upstream *upstream,
	const struct s2c_gate_call_opts *opts, struct s2c_error **err)
{
	CLEAN_FREE char *target = address_of(upstream, opts->target);
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(
		S2C_HTTP1_REQUEST_MAX + S2C_UPSTREAM_TARGET_MAX);
	CLEAN_STRV struct s2c_strv lines = S2C_STRV_INIT;

	s2c_strv_add(&lines, "Host: engine");
	s2c_strv_add(&lines, "User-Agent: s2c-gate");
	if (opts->auth)
		s2c_strv_addf(&lines, "X-Registry-Auth: %s", opts->auth);
	if (opts->json)
		s2c_strv_add(&lines, "Content-Type: application/json");
	if (opts->archive) {
		s2c_strv_add(&lines, "Content-Type: application/x-tar");
		s2c_strv_add(&lines, "Transfer-Encoding: chunked");
	} else if (opts->method != S2C_HTTP1_GET && opts->method != S2C_HTTP1_HEAD) {
		s2c_strv_addf(&lines, "Content-Length: %zu",
			opts->json ? strlen(opts->json) : 0);
	}
	if (opts->upgrade) {
		s2c_strv_add(&lines, "Connection: Upgrade");
		s2c_strv_add(&lines, "Upgrade: tcp");
	} else {
		s2c_strv_add(&lines, "Connection: close");
	}
	if (s2c_http1_write_request(&text, opts->method, target, &lines, err) < 0)
		return -1;
	struct iovec parts[] = {
		{.iov_base = text.data, .iov_len = text.len},
		{.iov_base = (char *)opts->json,
			.iov_len = opts->json ? strlen(opts->json) : 0},
	};
	return s2c_write_parts(&call->out, parts, ARRAY_SIZE(parts), err);
}

int s2c_gate_call_begin(struct s2c_ctx *ctx, const struct s2c_upstream *upstream,
	const struct s2c_gate_call_opts *opts, struct s2c_gate_call *call,
	struct s2c_error **err)
{
	static const struct s2c_reader_ops in = {
		.read = call_read, .free = part_of_reader};
	static const struct s2c_writer_ops out = {.write = call_write,
		.write_parts = call_write_parts,
		.free = part_of_writer};

	*call = (struct s2c_gate_call){
		.ctx = ctx,
		.fd = -1,
		.watch = opts->watch,
		.seconds = S2C_UPSTREAM_SECONDS,
		.in.ops = &in,
		.out.ops = &out,
		.asked = {.method = opts->method, .upgrade = opts->upgrade},
	};
	if (upstream->socket ? dial(call, upstream, err) < 0
			     : s2c_tunnel_open(ctx, &upstream->remote, &call->tunnel,
				       &call->fd, err) < 0)
		return -1;
	call->stream = s2c_http1_stream_new(&call->in, false);
	return send_request(call, upstream, opts, err);
}

int s2c_gate_call_answer(struct s2c_gate_call *call, struct s2c_error **err)
{
	unsigned interim = 0;
	const char *head;

	do {
		if (interim++ > INTERIM_MAX)
			return s2c_fail(err, S2C_EPROTO,
				"the engine promises an answer and does not give it");
		ssize_t n = s2c_http1_stream_head(
			call->stream, S2C_HTTP1_RESPONSE_MAX, &head, NULL, err);

		if (n == 0)
			return s2c_fail(
				err, S2C_ENET, "the engine closed the connection");
		s2c_http1_response_release(&call->response);
		if (n < 0 || s2c_http1_response_parse(head, (size_t)n, call->asked,
				     &call->response, NULL, err) < 0)
			return err ? s2c_wrap(err, "the engine's answer") : -1;
	} while (call->response.status < 200 && call->response.status != 101);
	call->body = s2c_http1_response_body(
		&call->response, s2c_http1_stream_reader(call->stream));
	return 0;
}

static int read_body(
	struct s2c_gate_call *call, struct s2c_buf *out, struct s2c_error **err)
{
	char piece[8192];

	for (;;) {
		ssize_t n = s2c_read(call->body, piece, sizeof(piece), err);

		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if (s2c_buf_add(out, piece, (size_t)n, err) < 0)
			return -1;
	}
}

/*
 * The answer as JSON. Keys of maps (labels) come in any case; a number that an engine
 * prints is a number.
 */
int s2c_gate_call_json(
	struct s2c_gate_call *call, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_UPSTREAM_JSON_MAX);
	const char *type = s2c_http1_header(&call->response.headers, "content-type");
	struct s2c_json_limits limits = {
		.bytes = S2C_UPSTREAM_JSON_MAX, .mixed_case = true};

	if (read_body(call, &text, err) < 0)
		return s2c_wrap(err, "the engine's answer");
	*out = NULL;
	if (!text.len || !type || !starts_with(type, "application/json"))
		return 0;
	if (s2c_json_parse(text.data, text.len, limits, out, err) < 0)
		return s2c_wrap(err, "the engine's answer");
	return 0;
}

int s2c_upstream_ask(struct s2c_ctx *ctx, const struct s2c_upstream *upstream,
	const struct s2c_gate_call_opts *opts, int *out_status,
	struct s2c_json **out_json, struct s2c_error **err)
{
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_json *json = NULL;

	if (s2c_gate_call_begin(ctx, upstream, opts, &call, err) < 0 ||
		s2c_gate_call_answer(&call, err) < 0 ||
		s2c_gate_call_json(&call, &json, err) < 0)
		return -1;
	*out_status = call.response.status;
	*out_json = json;
	return 0;
}

int s2c_upstream_post(struct s2c_ctx *ctx, const struct s2c_upstream *upstream,
	const char *target, const char *json, int *out_status, struct s2c_json **out_json,
	struct s2c_error **err)
{
	struct s2c_url peer = {0};
	struct s2c_http_opts where = {.unix_socket = upstream->socket,
		.ca_file = upstream->socket ? NULL : upstream->remote.ca_file,
		.own_host = peer.host,
		.client_cert = upstream->socket ? NULL : upstream->remote.client_cert,
		.client_key = upstream->socket ? NULL : upstream->remote.client_key};
	const char *base = upstream->socket ? "http://engine" : upstream->remote.url;
	CLEAN(s2c_clean_http) struct s2c_http *http = NULL;
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_FREE char *address = address_of(upstream, target);
	CLEAN_FREE char *url = xasprintf("%s%s", base, address);
	struct s2c_http_request request = {.method = "POST",
		.url = url,
		.headers = &headers,
		.body = json,
		.body_len = strlen(json),
		.patient = true,
		.once = true};
	struct s2c_json_limits limits = {
		.bytes = S2C_UPSTREAM_JSON_MAX, .mixed_case = true};

	s2c_strv_add(&headers, "Content-Type: application/json");
	*out_json = NULL;
	if (s2c_url_parse(base, &peer, err) < 0)
		return -1;
	http = s2c_http_new(&where);
	if (s2c_http_perform(ctx, http, &request, &response, err) < 0)
		return -1;
	*out_status = response.status;
	if (s2c_json_parse(response.body.data, response.body.len, limits, out_json, err) <
		0)
		return s2c_wrap(err, "the engine's answer");
	return 0;
}

const char *s2c_upstream_name(const struct s2c_upstream *upstream)
{
	return upstream->socket ? upstream->socket : upstream->remote.url;
}

/* ---- what an engine is ---- */

/* "1.41" -> 41; -1 for anything else. */
static int minor_of(const char *version)
{
	char *end;
	long minor;

	if (!version || !starts_with(version, "1.") || version[2] < '0' ||
		version[2] > '9')
		return -1;
	errno = 0;
	minor = strtol(version + 2, &end, 10);
	return *end || errno || minor > 9999 ? -1 : (int)minor;
}

static int fail_version(
	const struct s2c_upstream *upstream, const char *version, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"the engine at '%s' speaks API version '%s', and at least "
		"" S2C_UPSTREAM_VERSION " is needed: update it",
		s2c_upstream_name(upstream), version);
}

/* An engine that is newer may have given up the version that we would take. */
static int take_version(struct s2c_ctx *ctx, struct s2c_upstream *upstream,
	const char *newest, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *answer = NULL;
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = "/version", .watch = -1};
	int minor = minor_of(newest), status, least;

	if (minor < S2C_UPSTREAM_MINOR)
		return fail_version(upstream, newest, err);
	if (minor == S2C_UPSTREAM_MINOR)
		return 0;
	if (s2c_upstream_ask(ctx, upstream, &opts, &status, &answer, err) < 0)
		return -1;
	least = minor_of(s2c_json_str(s2c_json_get(answer, "MinAPIVersion")));
	if (least > S2C_UPSTREAM_MINOR)
		(void)snprintf(
			upstream->version, sizeof(upstream->version), "1.%d", least);
	return 0;
}

int s2c_upstream_learn(struct s2c_ctx *ctx, struct s2c_upstream *upstream,
	bool *out_podman, struct s2c_error **err)
{
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_HEAD, .target = "/_ping", .watch = -1};
	const struct s2c_strv *headers = &call.response.headers;
	const char *newest, *os;

	if (s2c_gate_call_begin(ctx, upstream, &opts, &call, err) < 0 ||
		s2c_gate_call_answer(&call, err) < 0)
		return -1;
	newest = s2c_http1_header(headers, "api-version");
	os = s2c_http1_header(headers, "ostype");
	if (call.response.status != 200 || !newest)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"what answers at '%s' is no container engine (status %d%s)",
			s2c_upstream_name(upstream), call.response.status,
			newest ? "" : ", and no API version");
	if (os && !streq(os, "linux"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"the engine at '%s' runs containers of '%s' and not of linux",
			s2c_upstream_name(upstream), os);
	/* podman says so in a header of its own. */
	*out_podman = s2c_http1_header(headers, "libpod-api-version") != NULL;
	return take_version(ctx, upstream, newest, err);
}

const char *s2c_upstream_message(const struct s2c_json *answer)
{
	const char *text = s2c_json_str(s2c_json_get(answer, "message"));

	return text ? text : "";
}
