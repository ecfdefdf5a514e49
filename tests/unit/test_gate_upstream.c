/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to an engine that answers, and to one that does not as it should. */
#include "helper.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gate/upstream.h"
#include "util/pool.h"

/* An engine that takes one request head and says what it was told to. */
struct engine {
	struct s2c_job job;
	struct s2c_pool *pool;
	int listener;
	char path[108];
	const char *answer;
	size_t len;
	bool stays; /* the connection, until the client goes */
	char request[8192];
};

static int serve(struct s2c_job *job, struct s2c_error **err)
{
	struct engine *engine = (struct engine *)job;
	CLEAN_FD int fd = accept(engine->listener, NULL, NULL);
	size_t got = 0;
	char byte;

	if (fd < 0)
		return s2c_fail_errno(err, errno, "accept");
	while (got < sizeof(engine->request) - 1 &&
		!strstr(engine->request, "\r\n\r\n")) {
		ssize_t n = read(fd, engine->request + got, 1);

		if (n <= 0)
			return 0;
		engine->request[++got] = '\0';
	}
	for (size_t done = 0; done < engine->len;) {
		ssize_t n = send(
			fd, engine->answer + done, engine->len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return 0;
		done += (size_t)n;
	}
	if (engine->stays)
		(void)!read(fd, &byte, 1);
	return 0;
}

static void listen_at(struct engine *engine, const struct tmp *tmp)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*engine = (struct engine){.job.run = serve, .pool = s2c_pool_new_waiting(1)};
	(void)snprintf(engine->path, sizeof(engine->path), "%s/sock", tmp->path);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", engine->path);
	engine->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(engine->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(engine->listener, 1), 0);
}

static void end(struct engine *engine)
{
	s2c_job_drop(&engine->job);
	s2c_pool_free(engine->pool);
	close(engine->listener);
	unlink(engine->path);
}

static int ask(
	struct engine *engine, struct s2c_ctx *ctx, int *status, struct s2c_json **json)
{
	struct s2c_upstream upstream = {.socket = engine->path, .owner = geteuid()};
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = "/v1.41/version", .watch = -1};

	return s2c_upstream_ask(ctx, &upstream, &opts, status, json, &terr);
}

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define TEN(x) x x x x x x x x x x

static void test_answers(void **state)
{
	static const struct {
		const char *answer;
		int status;
		const char *member; /* of "a", or NULL for no JSON */
	} rows[] = {
		{JSON_HEAD "Content-Length: 9\r\n\r\n{\"a\":\"b\"}", 200, "b"},
		{JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"a\":\"b\"}\r\n0\r\n"
			   "\r\n",
			200, "b"},
		{JSON_HEAD "\r\n{\"a\":\"b\"}", 200, "b"},
		{"HTTP/1.1 100 Continue\r\n\r\n" JSON_HEAD
		 "Content-Length: 9\r\n\r\n{\"a\":\"b\"}",
			200, "b"},
		{"HTTP/1.1 204 No Content\r\n\r\n", 204, NULL},
		{"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
		 "Content-Length: 2\r\n\r\nno",
			404, NULL},
		{"HTTP/1.1 500 X\r\nContent-Type: application/json\r\n\r\n"
		 "{\"a\":\"z\",\"message\":\"m\"}",
			500, "z"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
		CLEAN_JSON struct s2c_json *json = NULL;
		struct engine engine;
		int status = 0;

		listen_at(&engine, *state);
		engine.answer = rows[i].answer;
		engine.len = strlen(rows[i].answer);
		assert_true(s2c_pool_submit(engine.pool, &engine.job));
		assert_ok(ask(&engine, ctx, &status, &json));
		assert_int_equal(status, rows[i].status);
		if (rows[i].member)
			assert_string_equal(
				s2c_json_str(s2c_json_get(json, "a")), rows[i].member);
		else
			assert_null(json);
		assert_string_equal(s2c_upstream_message(json), status == 500 ? "m" : "");
		assert_ok(s2c_job_wait(&engine.job, &terr));
		assert_non_null(
			strstr(engine.request, "GET /v1.41/version HTTP/1.1\r\n"));
		assert_non_null(strstr(engine.request, "\r\nConnection: close\r\n"));
		end(&engine);
	}
}

static void test_garbage(void **state)
{
	static const struct {
		const char *answer;
		enum s2c_code code;
	} rows[] = {
		{"", S2C_ENET},
		{"x", S2C_EPROTO},
		{"\x16\x03\x01\x02", S2C_EPROTO},
		{"HTTP/1.0 200 OK\r\n\r\n", S2C_EPROTO},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", S2C_EPROTO},
		{"HTTP/1.1 999 OK\r\n\r\n", S2C_EPROTO},
		{"HTTP/1.1 101 Upgraded\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
			S2C_EPROTO},
		{JSON_HEAD "Content-Length: 9\r\n\r\n{\"a\":", S2C_EPROTO},
		{JSON_HEAD "Content-Length: 5\r\n\r\n{\"a\":", S2C_EPROTO},
		{JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
			S2C_EPROTO},
		{JSON_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", S2C_EPROTO},
		{JSON_HEAD "Content-Length: 9999999999999999\r\n\r\n", S2C_ELIMIT},
		{TEN("HTTP/1.1 100 Continue\r\n\r\n") TEN("HTTP/1.1 102 X\r\n\r\n"),
			S2C_EPROTO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
		struct s2c_json *json = NULL;
		struct engine engine;
		int status = 0;

		listen_at(&engine, *state);
		engine.answer = rows[i].answer;
		engine.len = strlen(rows[i].answer);
		assert_true(s2c_pool_submit(engine.pool, &engine.job));
		assert_fails(ask(&engine, ctx, &status, &json), rows[i].code, "");
		assert_null(json);
		end(&engine);
	}
}

static char *repeat(const char *before, char byte, size_t n)
{
	char *text = xmalloc(strlen(before) + n + 1);

	memset(stpcpy(text, before), byte, n);
	text[strlen(before) + n] = '\0';
	return text;
}

/* More than anybody has to read: a head, and a body of JSON. */
static void test_too_much(void **state)
{
	CLEAN_FREE char *head = repeat("HTTP/1.1 200 OK\r\nX: ", 'x', 70000);
	CLEAN_FREE char *body = repeat(JSON_HEAD "\r\n\"", 'x', S2C_UPSTREAM_JSON_MAX);
	const char *rows[] = {head, body};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
		struct s2c_json *json = NULL;
		struct engine engine;
		int status = 0;

		listen_at(&engine, *state);
		engine.answer = rows[i];
		engine.len = strlen(rows[i]);
		assert_true(s2c_pool_submit(engine.pool, &engine.job));
		assert_fails(ask(&engine, ctx, &status, &json), S2C_ELIMIT, "");
		end(&engine);
	}
}

static void test_not_there(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_json *json = NULL;
	struct engine engine = {.path = "/nonexistent/s2c.sock"};
	int status;

	assert_fails(ask(&engine, ctx, &status, &json), S2C_ENET, "does not answer");
	listen_at(&engine, *state);
	close(engine.listener);
	assert_fails(ask(&engine, ctx, &status, &json), S2C_ENET, "does not answer");
	engine.listener = -1;
	end(&engine);
}

/* Somebody else put a socket there. */
static void test_owner(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = "/v1.41/version", .watch = -1};
	struct engine engine;

	listen_at(&engine, *state);
	struct s2c_upstream upstream = {.socket = engine.path, .owner = geteuid() + 1};
	assert_fails(s2c_gate_call_begin(ctx, &upstream, &opts, &call, &terr),
		S2C_EDENIED, "served by uid");
	end(&engine);
}

/* An engine that says nothing: whoever waits may be told to stop, or go. */
static void test_silence(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *short_ = s2c_ctx_child(ctx, 1);
	CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
	struct s2c_json *json = NULL;
	struct engine engine;
	int status, pair[2];

	listen_at(&engine, *state);
	engine.stays = true;
	engine.answer = "";
	assert_true(s2c_pool_submit(engine.pool, &engine.job));
	assert_fails(ask(&engine, short_, &status, &json), S2C_ETIMEOUT, "");
	assert_ok(s2c_job_wait(&engine.job, &terr));
	engine.request[0] = '\0';
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct s2c_upstream upstream = {.socket = engine.path, .owner = geteuid()};
	struct s2c_gate_call_opts opts = {
		.method = S2C_HTTP1_GET, .target = "/v1.41/version", .watch = pair[0]};
	assert_true(s2c_pool_submit(engine.pool, &engine.job));
	assert_ok(s2c_gate_call_begin(ctx, &upstream, &opts, &call, &terr));
	close(pair[1]);
	assert_fails(s2c_gate_call_answer(&call, &terr), S2C_ECANCELED, "nobody waits");
	s2c_gate_call_release(&call);
	close(pair[0]);
	end(&engine);
}

/* An engine that hangs, with as many connections in its queue as fit. */
static void test_full_queue(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *short_ = s2c_ctx_child(ctx, 1);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct s2c_json *json = NULL;
	struct engine engine;
	int fds[16], n = 0, status;

	listen_at(&engine, *state);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", engine.path);
	for (; n < 16; n++) {
		fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fds[n], (struct sockaddr *)&address, sizeof(address)) < 0)
			break;
	}
	assert_true(n < 16);
	assert_fails(ask(&engine, short_, &status, &json), S2C_ETIMEOUT, "");
	for (; n >= 0; n--)
		close(fds[n]);
	end(&engine);
}

/* Nothing of a value gets out of its line. */
static void test_injection(void **state)
{
	static const struct {
		const char *target, *auth;
	} rows[] = {
		{"/v1.41/x\r\nX: y", NULL},
		{"/v1.41/x y", NULL},
		{"/v1.41/../x", NULL},
		{"/v1.41//x", NULL},
		{"v1.41/x", NULL},
		{"/v1.41/x", "a\r\nX: y"},
		{"/v1.41/x", "a\nX: y"},
	};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct engine engine;

	listen_at(&engine, *state);
	struct s2c_upstream upstream = {.socket = engine.path, .owner = geteuid()};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_GATE_CALL struct s2c_gate_call call = {.fd = -1};
		struct s2c_gate_call_opts opts = {.method = S2C_HTTP1_POST,
			.target = rows[i].target,
			.auth = rows[i].auth,
			.watch = -1};
		char byte;

		assert_fails(s2c_gate_call_begin(ctx, &upstream, &opts, &call, &terr),
			S2C_EINVAL, "");
		CLEAN_FD int fd = accept(engine.listener, NULL, NULL);
		s2c_gate_call_release(&call);
		assert_int_equal(read(fd, &byte, 1), 0);
	}
	end(&engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_answers),
		tmp_test(test_garbage),
		tmp_test(test_too_much),
		tmp_test(test_not_there),
		tmp_test(test_owner),
		tmp_test(test_silence),
		tmp_test(test_full_queue),
		tmp_test(test_injection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
