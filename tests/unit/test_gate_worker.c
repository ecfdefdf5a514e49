/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zygote and worker as processes, in their sandbox; the test is client and core at the
 * same time.
 */
#include "helper.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "codec/tar.h"
#include "gate/wire.h"
#include "gate/worker.h"
#include "gate/zygote.h"

#define HOST "Host: x\r\n"

struct stage {
	struct s2c_ctx *ctx;
	struct s2c_zygote zygote;
	int client; /* this end */
	struct s2c_wire wire;
	struct s2c_buf payload;
	struct s2c_gate_ask ask; /* the last one */
};

static void connect_client(struct stage *stage)
{
	int pair[2], wire;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_ok(s2c_zygote_spawn(&stage->zygote, pair[1], 10, &wire, &terr));
	close(pair[1]);
	stage->client = pair[0];
	s2c_wire_init(&stage->wire, stage->ctx, wire);
}

static void disconnect(struct stage *stage)
{
	if (stage->client >= 0)
		close(stage->client);
	stage->client = -1;
	s2c_wire_release(&stage->wire);
	s2c_gate_ask_release(&stage->ask);
	s2c_buf_release(&stage->payload);
}

static int set_up(void **state)
{
	struct stage *stage = xcalloc(1, sizeof(*stage));

	stage->ctx = quiet_ctx();
	stage->zygote = (struct s2c_zygote)S2C_ZYGOTE_INIT;
	if (s2c_zygote_start(&stage->zygote, &terr) < 0)
		return -1;
	connect_client(stage);
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	disconnect(stage);
	s2c_zygote_stop(&stage->zygote);
	s2c_zygote_stop(&stage->zygote);
	s2c_ctx_free(stage->ctx);
	free(stage);
	return 0;
}

static void say(struct stage *stage, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(stage->client, text, len, MSG_NOSIGNAL), len);
}

static enum s2c_gate_frame next(struct stage *stage)
{
	enum s2c_gate_frame type;

	assert_int_equal(
		s2c_wire_receive(&stage->wire, &type, &stage->payload, &terr), 1);
	return type;
}

/* The worker is gone, with nothing more to say. */
static void assert_ended(struct stage *stage)
{
	enum s2c_gate_frame type;

	assert_int_equal(
		s2c_wire_receive(&stage->wire, &type, &stage->payload, &terr), 0);
}

static void expect_ask(struct stage *stage, enum s2c_gate_op op, enum s2c_gate_code code)
{
	s2c_gate_ask_release(&stage->ask);
	assert_int_equal(next(stage), S2C_FRAME_ASK);
	assert_ok(s2c_gate_ask_decode(
		stage->payload.data, stage->payload.len, &stage->ask, &terr));
	assert_string_equal(
		s2c_gate_op_name((enum s2c_gate_op)stage->ask.op), s2c_gate_op_name(op));
	assert_string_equal(s2c_gate_code_name((enum s2c_gate_code)stage->ask.refused),
		s2c_gate_code_name(code));
}

static void answer(struct stage *stage, int status, enum s2c_gate_follow follow)
{
	struct s2c_gate_head head = {.status = (uint64_t)status, .follow = follow};

	assert_ok(s2c_wire_send_head(&stage->wire, &head, &terr));
}

/* Reads from the client's connection until the text has come, at the end of it. */
static void expect(struct stage *stage, const char *text)
{
	char got[4096] = {0};
	size_t len = 0;

	while (len < sizeof(got) - 1 && !strstr(got, text)) {
		ssize_t n = read(stage->client, got + len, 1);

		if (n <= 0)
			fail_msg("'%s' and no '%s'", got, text);
		len += (size_t)n;
	}
	assert_non_null(strstr(got, text));
}

static void expect_closed(struct stage *stage)
{
	char rest[4096];
	ssize_t n;

	do
		n = read(stage->client, rest, sizeof(rest));
	while (n > 0);
	assert_int_equal(n, 0);
}

static void test_keep_alive(void **state)
{
	struct stage *stage = *state;

	for (int i = 0; i < 3; i++) {
		say(stage, "GET /v1.41/_ping HTTP/1.1\r\n" HOST "\r\n");
		expect_ask(stage, S2C_GATE_PING, S2C_GATE_OK);
		assert_string_equal(stage->ask.method, "GET");
		assert_string_equal(stage->ask.path, "/v1.41/_ping");
		answer(stage, 200, S2C_FOLLOW_BODY);
		assert_ok(s2c_wire_send(&stage->wire, S2C_FRAME_DATA, "OK", 2, &terr));
		assert_ok(s2c_wire_send(&stage->wire, S2C_FRAME_END, NULL, 0, &terr));
		expect(stage, "\r\n\r\n2\r\nOK\r\n0\r\n\r\n");
	}
	/* Two requests at once are two, one after the other. */
	say(stage,
		"HEAD /_ping HTTP/1.1\r\n" HOST "\r\n"
		"POST /containers/x/start HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	expect_ask(stage, S2C_GATE_PING, S2C_GATE_OK);
	answer(stage, 200, S2C_FOLLOW_NOTHING);
	expect(stage, "Content-Length: 0\r\n\r\n");
	expect_ask(stage, S2C_GATE_START, S2C_GATE_OK);
	answer(stage, 204, S2C_FOLLOW_NOTHING);
	expect(stage, "Connection: close\r\n\r\n");
	expect_closed(stage);
	close(take_fd(&stage->client));
	assert_ended(stage);
}

/* What the worker refuses by itself; the core writes it down and says so. */
static void test_refused(void **state)
{
	static const struct {
		const char *request;
		enum s2c_gate_code code;
	} rows[] = {
		{"GET / HTTP/1.0\r\n\r\n", S2C_GATE_FRAMING},
		{"\x16\x03\x01\r\n\r\n", S2C_GATE_FRAMING},
		{"OPTIONS / HTTP/1.1\r\n" HOST "\r\n", S2C_GATE_METHOD},
		{"GET /a%2fb HTTP/1.1\r\n" HOST "\r\n", S2C_GATE_PATH_SYNTAX},
		{"GET /info HTTP/1.1\r\n" HOST "\r\n", S2C_GATE_ROUTE_DENIED},
		{"GET /v1.2/info HTTP/1.1\r\n" HOST "\r\n", S2C_GATE_VERSION},
		{"POST /containers/create HTTP/1.1\r\n" HOST
		 "Content-Type: a\tb\r\nContent-Length: 2\r\n\r\n{}",
			S2C_GATE_CONTENT_TYPE},
		{"POST /containers/create HTTP/1.1\r\n" HOST
		 "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"
		 "{\"HostConfig\":[1,2]}",
			S2C_GATE_JSON_TYPE},
		{"POST /containers/create HTTP/1.1\r\n" HOST
		 "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n"
		 "{\"User\":\"\\n\"} ",
			S2C_GATE_FIELD_VALUE},
		{"POST /containers/create HTTP/1.1\r\n" HOST
		 "Content-Type: application/json\r\nContent-Length: 400000\r\n\r\n",
			S2C_GATE_FRAMING},
		{"POST /containers/x/attach?stream=1 HTTP/1.1\r\n" HOST
		 "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly",
			S2C_GATE_FRAMING},
		{"POST /containers/create HTTP/1.1\r\n" HOST
		 "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "zz\r\n",
			S2C_GATE_FRAMING},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stage *stage = *state;

		disconnect(stage);
		connect_client(stage);
		say(stage, rows[i].request);
		shutdown(stage->client, SHUT_WR);
		expect_ask(stage, S2C_GATE_REFUSED, rows[i].code);
		assert_non_null(stage->ask.detail);
		answer(stage, s2c_gate_code_status(rows[i].code), S2C_FOLLOW_NOTHING);
		expect(stage, "Connection: close\r\n\r\n");
		expect_closed(stage);
		assert_ended(stage);
	}
}

static void begin_put(struct stage *stage)
{
	say(stage, "PUT /containers/x/archive?path=/tmp HTTP/1.1\r\n" HOST
		   "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect_ask(stage, S2C_GATE_ARCHIVE_PUT, S2C_GATE_OK);
	assert_string_equal(stage->ask.inside, "/tmp");
}

static void grant(struct stage *stage)
{
	struct s2c_gate_grant grant = {
		.uid = 1001, .gid = 7, .entries = 100, .bytes = 1u << 20};

	assert_ok(s2c_wire_send_grant(&stage->wire, &grant, &terr));
	expect(stage, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* One entry as an archive, as a client sends it. */
static void send_tar(struct stage *stage, enum s2c_entry_type type)
{
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(65536);
	CLEAN_WRITER struct s2c_writer *to = s2c_writer_buf(&tar);
	struct s2c_tar_writer *writer = s2c_tar_writer_new(to);
	struct s2c_entry e = {.path = (char[]){"a"}, .type = type, .mode = 06755};
	char size[16];

	assert_ok(s2c_tar_writer_entry(writer, &e, &terr));
	assert_ok(s2c_tar_writer_finish(writer, &terr));
	s2c_tar_writer_free(writer);
	(void)snprintf(size, sizeof(size), "%zx\r\n", tar.len);
	say(stage, size);
	assert_int_equal(write(stage->client, tar.data, tar.len), tar.len);
	say(stage, "\r\n0\r\n\r\n");
}

static void test_archive(void **state)
{
	struct stage *stage = *state;
	CLEAN_READER struct s2c_reader *body = s2c_wire_body_reader(&stage->wire);
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(
		body, false, (struct s2c_tar_limits){0});
	const struct s2c_entry *e;

	begin_put(stage);
	grant(stage);
	send_tar(stage, S2C_ENTRY_FILE);
	assert_ok(s2c_entries_next(entries, stage->ctx, &e, &terr));
	assert_string_equal(e->path, "a");
	assert_int_equal(e->uid, 1001);
	assert_int_equal(e->gid, 7);
	assert_int_equal(e->mode, 0755);
	assert_ok(s2c_entries_next(entries, stage->ctx, &e, &terr));
	assert_null(e);
	answer(stage, 200, S2C_FOLLOW_NOTHING);
	expect(stage, "HTTP/1.1 200 OK\r\n");
}

static void test_bad_archive(void **state)
{
	struct stage *stage = *state;
	enum s2c_gate_frame type;

	begin_put(stage);
	grant(stage);
	send_tar(stage, S2C_ENTRY_FIFO);
	while ((type = next(stage)) == S2C_FRAME_DATA)
		;
	assert_int_equal(type, S2C_FRAME_ABORT);
	assert_non_null(strstr(s2c_buf_str(&stage->payload), "special file"));
	answer(stage, 400, S2C_FOLLOW_NOTHING);
	expect(stage, "Connection: close\r\n\r\n");
	expect_closed(stage);
}

/* A no before the archive: there is no "100 Continue", and the answer can be read. */
static void test_archive_denied(void **state)
{
	struct stage *stage = *state;

	begin_put(stage);
	answer(stage, 403, S2C_FOLLOW_NOTHING);
	expect(stage, "HTTP/1.1 403 Forbidden\r\n");
	expect_closed(stage);
}

static void test_attach(void **state)
{
	struct stage *stage = *state;

	say(stage, "POST /containers/x/attach?stream=1&stdin=1 HTTP/1.1\r\n" HOST
		   "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
	expect_ask(stage, S2C_GATE_ATTACH, S2C_GATE_OK);
	assert_int_equal(stage->ask.upgrade, 1);
	answer(stage, 101, S2C_FOLLOW_UPGRADED);
	assert_int_equal(next(stage), S2C_FRAME_READY);
	expect(stage, "Upgrade: tcp\r\n\r\n");
	/* The worker goes and takes nothing of the stream with it. */
	assert_ended(stage);
}

static void test_client_goes(void **state)
{
	struct stage *stage = *state;

	say(stage, "POST /containers/x/wait HTTP/1.1\r\n" HOST "\r\n");
	expect_ask(stage, S2C_GATE_WAIT, S2C_GATE_OK);
	close(take_fd(&stage->client));
	assert_ended(stage);
}

/* A core that says what it cannot mean ends the connection, not the zygote. */
static void test_bad_core(void **state)
{
	struct stage *stage = *state;
	static const enum s2c_gate_frame frames[] = {S2C_FRAME_READY, S2C_FRAME_END,
		S2C_FRAME_ASK, S2C_FRAME_HEAD, S2C_FRAME_CONTINUE};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		disconnect(stage);
		connect_client(stage);
		say(stage, "GET /version HTTP/1.1\r\n" HOST "\r\n");
		expect_ask(stage, S2C_GATE_VERSION_GET, S2C_GATE_OK);
		assert_ok(s2c_wire_send(&stage->wire, frames[i], NULL, 0, &terr));
		expect_closed(stage);
	}
	/* A head that would be two. */
	CLEAN_GATE_HEAD struct s2c_gate_head head = {.status = 200};
	disconnect(stage);
	connect_client(stage);
	s2c_strv_add(&head.headers, "X: a\r\nY: b");
	say(stage, "GET /version HTTP/1.1\r\n" HOST "\r\n");
	expect_ask(stage, S2C_GATE_VERSION_GET, S2C_GATE_OK);
	assert_ok(s2c_wire_send_head(&stage->wire, &head, &terr));
	expect_closed(stage);
}

/* The only child of the zygote. */
static pid_t worker_of(const struct stage *stage)
{
	char path[64], text[64] = "";
	pid_t zygote = stage->zygote.pid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", zygote, zygote);
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return (pid_t)strtol(text, NULL, 10);
}

static void test_crash(void **state)
{
	struct stage *stage = *state;
	struct pollfd news = {.fd = stage->zygote.fd, .events = POLLIN};
	int sig = 0, ready;

	say(stage, "GET /version HTTP/1.1\r\n" HOST "\r\n");
	expect_ask(stage, S2C_GATE_VERSION_GET, S2C_GATE_OK);
	assert_int_equal(s2c_zygote_reap(&stage->zygote, &sig, &terr), 0);
	pid_t worker = worker_of(stage);
	if (worker <= 0)
		skip_because("the kernel does not list the children of a process");
	assert_int_equal(kill(worker, SIGKILL), 0);
	assert_ended(stage);
	expect_closed(stage);
	assert_ok(s2c_ctx_poll(stage->ctx, &news, 1, -1, &ready, &terr));
	assert_int_equal(s2c_zygote_reap(&stage->zygote, &sig, &terr), 1);
	assert_int_equal(sig, SIGKILL);
	assert_int_equal(s2c_zygote_reap(&stage->zygote, &sig, &terr), 0);
	/* And the next one is served. */
	disconnect(stage);
	connect_client(stage);
	say(stage, "GET /version HTTP/1.1\r\n" HOST "\r\n");
	expect_ask(stage, S2C_GATE_VERSION_GET, S2C_GATE_OK);
}

static unsigned open_files(pid_t pid)
{
	char path[64];
	unsigned n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Nothing is left of connections, neither here nor in the zygote. */
static void test_many(void **state)
{
	struct stage *stage = *state;
	unsigned own, zygote;

	/* Answered: so the zygote has given its descriptors away. */
	say(stage, "GET /info HTTP/1.1\r\n" HOST "\r\n");
	expect_ask(stage, S2C_GATE_REFUSED, S2C_GATE_ROUTE_DENIED);
	disconnect(stage);
	own = open_files(getpid());
	zygote = open_files(stage->zygote.pid);
	for (int i = 0; i < 100; i++) {
		connect_client(stage);
		say(stage, "GET /info HTTP/1.1\r\n" HOST "\r\n");
		expect_ask(stage, S2C_GATE_REFUSED, S2C_GATE_ROUTE_DENIED);
		disconnect(stage);
	}
	assert_int_equal(open_files(getpid()), own);
	assert_int_equal(open_files(stage->zygote.pid), zygote);
}

static void test_zygote_gone(void **state)
{
	struct stage *stage = *state;
	struct pollfd news = {.fd = stage->zygote.fd, .events = POLLIN};
	int sig, ready;

	assert_int_equal(kill(stage->zygote.pid, SIGKILL), 0);
	assert_ok(s2c_ctx_poll(stage->ctx, &news, 1, -1, &ready, &terr));
	assert_fails(s2c_zygote_reap(&stage->zygote, &sig, &terr), S2C_EIO, "gone");
	/* Its workers go with it. */
	expect_closed(stage);
}

#ifdef S2C_WITH_FAULT
/* A worker whose n-th step fails, and what its client gets; empty: the step is another.
 */
static void fail_at(unsigned step, char *answer, size_t max)
{
	CLEAN_FREE char *number = xasprintf("%u", step);
	int pair[2], wire[2];
	size_t len = 0;
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, wire), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		(void)close(wire[0]);
		(void)setenv("S2C_FAULT", number, 1);
		_exit(s2c_worker_run(pair[1], wire[1], 1) < 0);
	}
	(void)close(pair[1]);
	(void)close(wire[1]);
	/* A client that says nothing ends a worker that is well. */
	(void)shutdown(pair[0], SHUT_WR);
	while ((n = read(pair[0], answer + len, max - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(pair[0]);
	(void)close(wire[0]);
}

static void test_no_sandbox(void **state)
{
	char answer[4096] = "";

	for (unsigned step = 1; !*answer && step < 200; step++)
		fail_at(step, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 500 "));
	assert_non_null(strstr(answer, "S2c-Gate-Code: internal\r\n"));
	assert_non_null(
		strstr(answer, "{\"message\":\"s2c gate: internal: injected fault at "
			       "'gate.sandbox'\"}"));
}
#else
static void test_no_sandbox(void **state)
{
	skip_because("built without -Dfault=true");
}
#endif

#define stage_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(test_keep_alive),
		stage_test(test_refused),
		stage_test(test_archive),
		stage_test(test_bad_archive),
		stage_test(test_archive_denied),
		stage_test(test_attach),
		stage_test(test_client_goes),
		stage_test(test_bad_core),
		stage_test(test_crash),
		stage_test(test_many),
		stage_test(test_zygote_gone),
		cmocka_unit_test(test_no_sandbox),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
