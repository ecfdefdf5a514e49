/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's side of connections, with an engine that fails in the middle of every op,
 * and clients that go or do two things at once. The test is the worker.
 */
#include "rules_helper.h"

#include <dirent.h>

#include "fake_engine.h"
#include "gate/janitor.h"
#include "gate/session.h"

#define POLICY                                                                           \
	"{" BASE ",'limits':{'containers':4},"                                           \
	"'defaults':{'cmd':'any','containers':2,'deadline':'60s'},"                      \
	"'builders':[{'name':'b','ref':'registry.example/**'}],"                         \
	"'subjects':[{'uid':1000,'builders':['b']},{'uid':1001,'builders':['b']}]}"

#define VISITS 8

struct visit {
	struct s2c_job job;
	struct world *world;
	struct s2c_gate_peer peer;
	int client, far; /* the core's end of the wire */
	struct s2c_wire wire;
	struct s2c_buf payload;
	struct s2c_gate_head head; /* the last one */
	bool open;
};

struct world {
	struct tmp *tmp;
	struct s2c_ctx *ctx;
	struct fake_engine engine;
	struct s2c_core core;
	struct s2c_gate_policy policy;
	struct s2c_gate_instance instance;
	struct s2c_pool *pool;
	struct visit visits[VISITS];
};

static int run_session(struct s2c_job *job, struct s2c_error **err)
{
	struct visit *v = (struct visit *)job;

	(void)err;
	s2c_session_run(&v->world->core, &v->peer, v->client, v->far);
	return 0;
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	CLEAN_FREE char *dir = NULL;
	void *tmp;

	if (tmp_setup(&tmp) < 0 || load_rules(POLICY, &w->policy.rules) < 0)
		return -1;
	w->tmp = tmp;
	w->ctx = quiet_ctx();
	engine_start(&w->engine, w->tmp->path);
	dir = xasprintf("%s/state", w->tmp->path);
	w->instance = (struct s2c_gate_instance)S2C_GATE_INSTANCE_INIT;
	if (s2c_gate_instance_open(dir, &w->instance, &terr) < 0)
		return -1;
	w->policy.users = 1;
	w->core.ctx = w->ctx;
	w->core.upstream = (struct s2c_upstream){
		.socket = w->engine.path, .owner = geteuid()};
	w->core.ledger = s2c_ledger_new(4);
	w->core.lock = s2c_monitor_new();
	w->core.estate = s2c_monitor_new();
	w->core.policy = &w->policy;
	w->core.instance = &w->instance;
	w->pool = s2c_pool_new_waiting(VISITS);
	*state = w;
	return 0;
}

static struct visit *visit(struct world *w, size_t i, uint32_t uid)
{
	struct visit *v = &w->visits[i];
	int pair[2];

	assert_false(v->open);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*v = (struct visit){.job.run = run_session,
		.world = w,
		.peer = {.pid = 1, .uid = uid, .gid = uid},
		.client = open("/dev/null", O_RDWR | O_CLOEXEC),
		.far = pair[1],
		.open = true};
	s2c_wire_init(&v->wire, w->ctx, pair[0]);
	assert_true(s2c_pool_submit(w->pool, &v->job));
	return v;
}

static void leave(struct visit *v)
{
	if (!v->open)
		return;
	s2c_wire_release(&v->wire);
	assert_ok(s2c_job_wait(&v->job, &terr));
	close(v->client);
	s2c_gate_head_release(&v->head);
	s2c_buf_release(&v->payload);
	v->open = false;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	void *tmp = w->tmp;

	for (size_t i = 0; i < VISITS; i++)
		leave(&w->visits[i]);
	s2c_pool_free(w->pool);
	engine_end(&w->engine);
	s2c_ledger_free(w->core.ledger);
	s2c_monitor_free(w->core.lock);
	s2c_monitor_free(w->core.estate);
	s2c_gate_instance_close(&w->instance);
	s2c_rules_free(w->policy.rules);
	s2c_ctx_free(w->ctx);
	free(w);
	return tmp_teardown(&tmp);
}

/* ---- asks and answers ---- */

static void send_ask(struct visit *v, struct s2c_gate_ask ask)
{
	ask.method = (char[]){"POST"};
	ask.path = (char[]){"/x"};
	assert_ok(s2c_wire_send_ask(&v->wire, &ask, &terr));
}

static int64_t receive_head(struct visit *v)
{
	enum s2c_gate_frame type;

	s2c_gate_head_release(&v->head);
	assert_int_equal(s2c_wire_receive(&v->wire, &type, &v->payload, &terr), 1);
	assert_int_equal(type, S2C_FRAME_HEAD);
	assert_ok(s2c_gate_head_decode(v->payload.data, v->payload.len, &v->head, &terr));
	if (v->head.follow != S2C_FOLLOW_BODY)
		return (int64_t)v->head.status;
	CLEAN_READER struct s2c_reader *body = s2c_wire_body_reader(&v->wire);
	char piece[512];
	ssize_t n;
	s2c_buf_release(&v->payload);
	v->payload = (struct s2c_buf)S2C_BUF_INIT(65536);
	while ((n = s2c_read(body, piece, sizeof(piece), &terr)) > 0)
		assert_ok(s2c_buf_add(&v->payload, piece, (size_t)n, &terr));
	assert_ok(n);
	return (int64_t)v->head.status;
}

static int64_t ask(struct visit *v, struct s2c_gate_ask a)
{
	send_ask(v, a);
	return receive_head(v);
}

static const char *code(const struct visit *v)
{
	s2c_strv_foreach (line, &v->head.headers)
		if (starts_with(line, "S2c-Gate-Code: "))
			return line + strlen("S2c-Gate-Code: ");
	return "ok";
}

static struct s2c_gate_ask create_ask(void)
{
	static char image[] = "registry.example/b:1", command[] = "x";
	static char *commands[] = {command, NULL};

	return (struct s2c_gate_ask){.op = S2C_GATE_CREATE,
		.image = image,
		.cmd = {.items = commands, .len = 1}};
}

/* The same with one bind, or one host. */
static struct s2c_gate_ask create_with(char **bind, char **host)
{
	struct s2c_gate_ask a = create_ask();

	if (bind)
		a.binds = (struct s2c_strv){.items = bind, .len = 1};
	if (host)
		a.hosts = (struct s2c_strv){.items = host, .len = 1};
	return a;
}

static struct s2c_gate_ask of(enum s2c_gate_op op, char *object)
{
	return (struct s2c_gate_ask){.op = op, .object = object};
}

/* A container; its id is in `out`. */
static void create(struct visit *v, char out[65])
{
	assert_int_equal(ask(v, create_ask()), 201);
	const char *id = strstr(s2c_buf_str(&v->payload), "\"Id\":\"");
	assert_non_null(id);
	(void)snprintf(out, 65, "%s", id + 6);
	assert_int_equal(strlen(out), 64);
}

/* The container is started and has ended with 0. */
static void let_it_run(struct world *w, struct visit *v, char *id)
{
	assert_int_equal(ask(v, of(S2C_GATE_START, id)), 204);
	w->engine.running = false;
	assert_int_equal(ask(v, of(S2C_GATE_INSPECT, id)), 200);
}

/* ---- tests ---- */

static void test_build(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	char id[65];
	struct s2c_gate_ask commit = of(S2C_GATE_COMMIT, id);

	create(v, id);
	assert_int_equal(ask(v, of(S2C_GATE_COMMIT, id)), 409);
	assert_int_equal(ask(v, of(S2C_GATE_KILL, id)), 409);
	assert_int_equal(ask(v, of(S2C_GATE_START, id)), 204);
	assert_int_equal(ask(v, of(S2C_GATE_START, id)), 409);
	assert_int_equal(ask(v, of(S2C_GATE_COMMIT, id)), 409);
	assert_int_equal(ask(v, of(S2C_GATE_KILL, id)), 204);
	w->engine.running = false;
	assert_int_equal(ask(v, of(S2C_GATE_WAIT, id)), 200);
	commit.repo = (char[]){"mine"};
	assert_int_equal(ask(v, commit), 201);
	assert_int_equal(ask(v, of(S2C_GATE_IMAGE_INSPECT, (char[]){"mine"})), 200);
	assert_int_equal(ask(v, of(S2C_GATE_REMOVE, id)), 204);
	assert_int_equal(ask(v, of(S2C_GATE_INSPECT, id)), 404);
	assert_int_equal(s2c_ledger_count_in(w->core.ledger, S2C_CONTAINER_ANY), 0);
}

/* Nobody sees another one's, by whatever name; the answer is that for nothing at all. */
static void test_others(void **state)
{
	static const enum s2c_gate_op ops[] = {S2C_GATE_INSPECT, S2C_GATE_START,
		S2C_GATE_WAIT, S2C_GATE_LOGS, S2C_GATE_KILL, S2C_GATE_REMOVE,
		S2C_GATE_COMMIT};
	struct world *w = *state;
	struct visit *mine = visit(w, 0, 1000), *other = visit(w, 1, 1001);
	struct visit *unknown = visit(w, 2, 4242);
	char id[65], brief[13];
	struct s2c_gate_ask commit = of(S2C_GATE_COMMIT, id);

	create(mine, id);
	(void)snprintf(brief, sizeof(brief), "%.12s", id);
	unsigned before = atomic_load(&w->engine.requests);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		assert_int_equal(ask(other, of(ops[i], id)), 404);
		assert_int_equal(ask(other, of(ops[i], brief)), 404);
		assert_int_equal(ask(unknown, of(ops[i], id)), 403);
		assert_string_equal(code(unknown), "subject_unknown");
	}
	assert_int_equal(atomic_load(&w->engine.requests), before);
	let_it_run(w, mine, id);
	commit.repo = (char[]){"mine"};
	assert_int_equal(ask(mine, commit), 201);
	assert_int_equal(ask(other, of(S2C_GATE_IMAGE_DELETE, (char[]){RESULT_ID})), 404);
	assert_int_equal(ask(other, of(S2C_GATE_IMAGE_EXPORT, (char[]){"mine"})), 404);
	assert_int_equal(ask(other, of(S2C_GATE_IMAGE_TAG, (char[]){"mine"})), 404);
}

/* The engine goes, says half a sentence, or no HTTP, in the middle of each op. */
static void test_engine_fails(void **state)
{
	static const struct {
		enum s2c_gate_op op;
		const char *at;
		bool ended; /* the op is about a container that has ended */
	} rows[] = {
		{S2C_GATE_IMAGE_INSPECT, "/images/", false},
		{S2C_GATE_CREATE, "/images/", false},
		{S2C_GATE_CREATE, "/containers/create", false},
		{S2C_GATE_CREATE, "/json", false},
		{S2C_GATE_INSPECT, "/json", false},
		{S2C_GATE_START, "/start", false},
		{S2C_GATE_LOGS, "/logs", false},
		{S2C_GATE_REMOVE, "DELETE", false},
		{S2C_GATE_ARCHIVE_GET, "/archive", false},
		{S2C_GATE_ARCHIVE_STAT, "/archive", false},
		{S2C_GATE_COMMIT, "/commit", true},
		{S2C_GATE_COMMIT, "GET /v1.41/images/" RESULT_ID, true},
		{S2C_GATE_COMMIT, "/tag?", true},
	};
	static const enum engine_fault faults[] = {
		FAULT_DIE, FAULT_CUT, FAULT_GARBAGE, FAULT_REFUSE};
	static char builder[] = "registry.example/b:1", mine[] = "mine";
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(faults); i++) {
		size_t row = i / ARRAY_SIZE(faults);
		struct visit *v = visit(w, 0, 1000);
		char id[65];
		struct s2c_gate_ask a = of(rows[row].op, id);

		create(v, id);
		if (rows[row].ended)
			let_it_run(w, v, id);
		a.inside = (char[]){"/tmp/x"};
		if (rows[row].op == S2C_GATE_CREATE)
			a = create_ask();
		if (rows[row].op == S2C_GATE_IMAGE_INSPECT)
			a.object = builder;
		if (rows[row].op == S2C_GATE_COMMIT)
			a.repo = mine;
		w->engine.fault = faults[i % ARRAY_SIZE(faults)];
		w->engine.fault_at = rows[row].at;
		/* A head is out before the rest of a stream is missing. */
		send_ask(v, a);
		enum s2c_gate_frame type;
		assert_int_equal(
			s2c_wire_receive(&v->wire, &type, &v->payload, &terr), 1);
		assert_int_equal(type, S2C_FRAME_HEAD);
		s2c_gate_head_release(&v->head);
		assert_ok(s2c_gate_head_decode(
			v->payload.data, v->payload.len, &v->head, &terr));
		if (v->head.status < 400 && w->engine.fault != FAULT_CUT)
			fail_msg("row %zu: fault %d: status %d", row, w->engine.fault,
				(int)v->head.status);
		leave(v);
		/* The next one is served, and nothing keeps a place for ever. */
		v = visit(w, 0, 1000);
		assert_int_equal(ask(v, of(S2C_GATE_PING, NULL)), 200);
		s2c_janitor_remove_all(&w->core, w->ctx);
		assert_int_equal(
			s2c_ledger_count_in(w->core.ledger, S2C_CONTAINER_ANY), 0);
		create(v, id);
		assert_int_equal(ask(v, of(S2C_GATE_REMOVE, id)), 204);
		leave(v);
	}
}

/* A client that goes while its container is started has started it. */
static void test_gone_at_start(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	struct s2c_container_record c;
	char id[65];

	create(v, id);
	w->engine.fault = FAULT_SILENT;
	w->engine.fault_at = "/start";
	send_ask(v, of(S2C_GATE_START, id));
	while (w->engine.fault_at)
		(void)!poll(NULL, 0, 1);
	s2c_wire_release(&v->wire);
	/* The session waits for the engine, not for the client. */
	(void)!write(w->engine.stop[1], "x", 1);
	assert_ok(s2c_job_wait(&v->job, &terr));
	close(v->client);
	s2c_gate_head_release(&v->head);
	s2c_buf_release(&v->payload);
	v->open = false;
	assert_true(s2c_ledger_find(w->core.ledger, "u:1000", id, &c));
	assert_true(c.until > 0);
	assert_true(s2c_ledger_due(w->core.ledger, INT64_MAX, false, &c));
}

/* A worker that somebody has taken over asks for what no platform's gate gives. */
static void test_no_mounts(void **state)
{
	static char bind_text[] = "/etc:/x:ro", host_text[] = "a:192.0.2.1";
	char *bind[] = {bind_text, NULL}, *host[] = {host_text, NULL};
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);

	assert_int_equal(ask(v, create_with(bind, NULL)), 403);
	assert_string_equal(code(v), "field_denied");
	assert_int_equal(ask(v, create_with(NULL, host)), 403);
	assert_string_equal(code(v), "field_denied");
	/* Nor does that of a build, but what it was told. */
	w->core.private_ = true;
	assert_int_equal(ask(v, create_with(bind, NULL)), 403);
	assert_string_equal(code(v), "field_denied");
	w->core.private_ = false;
}

/* The same of an image; of a build it may have a health check, but not any. */
static void test_no_health(void **state)
{
	char kind[] = "CMD", word[] = "true", odd[] = "SHELL", *good[] = {kind, word};
	char *bad[] = {odd, word};
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	char id[65];

	create(v, id);
	let_it_run(w, v, id);
	struct s2c_gate_ask plain = of(S2C_GATE_COMMIT, id),
			    asks[] = {plain, plain, plain};
	asks[0].health = (struct s2c_strv){.items = good, .len = 2};
	asks[1].shell = (struct s2c_strv){.items = good, .len = 2};
	asks[2].no_triggers = 1;
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		assert_int_equal(ask(v, asks[i]), 403);
		assert_string_equal(code(v), "field_denied");
	}
	w->core.private_ = true;
	asks[0].health.items = bad;
	assert_int_equal(ask(v, asks[0]), 403);
	assert_string_equal(code(v), "commit_config");
	asks[0].health.items = good;
	asks[0].health_interval = 999999;
	assert_int_equal(ask(v, asks[0]), 403);
	assert_string_equal(code(v), "commit_config");
	asks[0].health_interval = UINT64_MAX;
	assert_int_equal(ask(v, asks[0]), 403);
	asks[0].health_interval = 0;
	asks[0].health_retries = UINT64_MAX;
	assert_int_equal(ask(v, asks[0]), 403);
	assert_string_equal(code(v), "commit_config");
	w->core.private_ = false;
}

/* A start happens once, but for a build of its own, whose process ended well. */
static void test_start_again(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	char id[65];

	create(v, id);
	let_it_run(w, v, id);
	struct s2c_gate_ask attach = of(S2C_GATE_ATTACH, id);
	attach.upgrade = attach.stream = attach.in = 1;
	assert_int_equal(ask(v, attach), 409);
	assert_int_equal(ask(v, of(S2C_GATE_START, id)), 409);
	w->core.private_ = true;
	assert_int_equal(ask(v, of(S2C_GATE_START, id)), 409);
	w->core.private_ = false;
}

/* A client that goes during a create leaves nothing that is not in the ledger. */
static void test_gone_at_create(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);

	send_ask(v, create_ask());
	leave(v);
	assert_int_equal(w->engine.containers - atomic_load(&w->engine.deletes),
		s2c_ledger_count_in(w->core.ledger, S2C_CONTAINER_ANY));
}

/* An archive is on its way: the container is not started meanwhile. */
static void test_start_in_archive(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000), *second = visit(w, 1, 1000);
	struct s2c_gate_ask put = {.op = S2C_GATE_ARCHIVE_PUT};
	enum s2c_gate_frame type;
	char id[65];

	create(v, id);
	put.object = id;
	put.inside = (char[]){"/tmp"};
	send_ask(v, put);
	assert_int_equal(s2c_wire_receive(&v->wire, &type, &v->payload, &terr), 1);
	assert_int_equal(type, S2C_FRAME_CONTINUE);
	assert_ok(s2c_wire_send(&v->wire, S2C_FRAME_DATA, "half", 4, &terr));
	/* The engine of the test reads the archive: who starts does not reach it. */
	assert_int_equal(ask(second, of(S2C_GATE_START, id)), 409);
	assert_string_equal(code(second), "state");
	assert_int_equal(atomic_load(&w->engine.starts), 0);
	assert_ok(s2c_wire_send(&v->wire, S2C_FRAME_END, NULL, 0, &terr));
	assert_int_equal(receive_head(v), 200);
	assert_int_equal(ask(second, of(S2C_GATE_START, id)), 204);
	assert_int_equal(ask(v, put), 409);
}

/* A cut archive makes the container good for nothing but removal. */
static void test_cut_archive(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	struct s2c_gate_ask put = {.op = S2C_GATE_ARCHIVE_PUT};
	enum s2c_gate_frame type;
	char id[65];

	create(v, id);
	put.object = id;
	put.inside = (char[]){"/tmp"};
	send_ask(v, put);
	assert_int_equal(s2c_wire_receive(&v->wire, &type, &v->payload, &terr), 1);
	assert_ok(s2c_wire_send(&v->wire, S2C_FRAME_DATA, "half", 4, &terr));
	assert_ok(s2c_wire_send(&v->wire, S2C_FRAME_ABORT, "a device", 8, &terr));
	assert_int_equal(receive_head(v), 403);
	assert_string_equal(code(v), "tar");
	assert_int_equal(ask(v, of(S2C_GATE_START, id)), 409);
	assert_int_equal(ask(v, of(S2C_GATE_REMOVE, id)), 204);
}

static void test_paths(void **state)
{
	char *const bad[] = {(char[]){""}, (char[]){"tmp"}, (char[]){"/proc/1/root"},
		(char[]){"/tmp/../etc"}, (char[]){"/etc"}, (char[]){"/"},
		(char[]){"/tmpx"}};
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	char id[65];
	struct s2c_gate_ask put = of(S2C_GATE_ARCHIVE_PUT, id);

	create(v, id);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put.inside = bad[i];
		assert_int_equal(ask(v, put), 403);
		assert_string_equal(code(v), "archive_path");
	}
}

/* Places are waited for, and who waits may go. */
static void test_places(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000), *waits = visit(w, 1, 1000);
	struct visit *goes = visit(w, 2, 1000);
	char id[65], other[65];

	create(v, id);
	create(v, other);
	send_ask(waits, create_ask());
	send_ask(goes, create_ask());
	leave(goes);
	assert_int_equal(ask(v, of(S2C_GATE_REMOVE, id)), 204);
	assert_int_equal(receive_head(waits), 201);
	assert_int_equal(s2c_ledger_count_in(w->core.ledger, S2C_CONTAINER_ANY), 2);
}

/* What a worker that was taken over may say: none of it ends more than its connection. */
static void test_bad_worker(void **state)
{
	static const struct {
		enum s2c_gate_frame type;
		const char *data;
		size_t len;
	} rows[] = {
		{S2C_FRAME_ASK, "", 0},
		{S2C_FRAME_ASK, "garbage", 7},
		{S2C_FRAME_DATA, "x", 1},
		{S2C_FRAME_READY, NULL, 0},
		{S2C_FRAME_HEAD, "x", 1},
		{S2C_FRAME_ABORT, "x", 1},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct visit *v = visit(w, 0, 1000);
		enum s2c_gate_frame type;

		assert_ok(s2c_wire_send(
			&v->wire, rows[i].type, rows[i].data, rows[i].len, &terr));
		assert_int_equal(
			s2c_wire_receive(&v->wire, &type, &v->payload, &terr), 0);
		leave(v);
	}
	assert_int_equal(atomic_load(&w->engine.requests), 0);
}

static unsigned open_files(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Nothing is left of 200 connections, whichever way they end. */
static void test_many(void **state)
{
	struct world *w = *state;
	struct visit *v = visit(w, 0, 1000);
	char id[65];

	create(v, id);
	leave(v);
	unsigned before = open_files();
	for (int i = 0; i < 200; i++) {
		v = visit(w, 0, 1000);
		send_ask(v, of(i % 2 ? S2C_GATE_INSPECT : S2C_GATE_LOGS, id));
		if (i % 3)
			(void)receive_head(v);
		leave(v);
	}
	/* The engine of the test may not have closed its last one yet, before or after.
	 */
	assert_in_range(open_files(), before - 1, before + 1);
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_build),
		world_test(test_others),
		world_test(test_engine_fails),
		world_test(test_gone_at_start),
		world_test(test_no_mounts),
		world_test(test_no_health),
		world_test(test_start_again),
		world_test(test_gone_at_create),
		world_test(test_start_in_archive),
		world_test(test_cut_archive),
		world_test(test_paths),
		world_test(test_places),
		world_test(test_bad_worker),
		world_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
