/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool, the monitor, and reading ahead. What has to happen while something else waits
 * is arranged with monitors and cancelled contexts; nothing here looks at a clock.
 */
#include "helper.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util/ahead.h"
#include "util/pool.h"
#include "util/strv.h"

/* --- jobs -------------------------------------------------------------------------- */

struct count {
	struct s2c_job job;
	atomic_uint *total;
	unsigned number, seen; /* seen: the total when it ran */
};

static int count(struct s2c_job *job, struct s2c_error **err)
{
	struct count *c = (struct count *)job;

	c->seen = atomic_fetch_add(c->total, 1);
	if (c->number % 7 == 3)
		return s2c_fail(err, S2C_EIO, "job %u", c->number);
	return 0;
}

/* Far more jobs than threads, each with its own result. */
static void many_jobs(void **state)
{
	static const unsigned threads[] = {1, 2, 5, 0, 1000};

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(threads); t++) {
		CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(threads[t]);
		CLEAN_FREE struct count *jobs = xcalloc(500, sizeof(*jobs));
		atomic_uint total = 0;

		assert_in_range(s2c_pool_threads(pool), 1, S2C_POOL_THREADS_MAX);
		for (unsigned i = 0; i < 500; i++) {
			jobs[i] = (struct count){
				.job.run = count, .total = &total, .number = i};
			assert_true(s2c_pool_submit(pool, &jobs[i].job));
		}
		for (unsigned i = 0; i < 500; i++) {
			CLEAN_FREE char *text = xasprintf("job %u", i);

			if (i % 7 == 3)
				assert_fails(
					s2c_job_wait(&jobs[i].job, &terr), S2C_EIO, text);
			else
				assert_ok(s2c_job_wait(&jobs[i].job, &terr));
		}
		assert_int_equal(total, 500);
	}
}

/* One thread takes them in the order of the queue, and a job can be used again. */
static void in_order(void **state)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(1);
	struct count jobs[50];
	atomic_uint total = 0;

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		jobs[i] = (struct count){.job.run = count, .total = &total};
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 50; i++)
			assert_true(s2c_pool_submit(pool, &jobs[i].job));
		for (unsigned i = 0; i < 50; i++) {
			assert_ok(s2c_job_wait(&jobs[i].job, &terr));
			assert_int_equal(jobs[i].seen, round * 50 + i);
		}
	}
}

/* A job that begins, and ends when it is told to. */
struct held {
	struct s2c_job job;
	struct s2c_monitor *monitor;
	bool begun, go, fail;
};

static int hold(struct s2c_job *job, struct s2c_error **err)
{
	struct held *h = (struct held *)job;

	s2c_monitor_enter(h->monitor);
	h->begun = true;
	s2c_monitor_wake(h->monitor);
	while (!h->go)
		s2c_monitor_wait(h->monitor);
	s2c_monitor_leave(h->monitor);
	return h->fail ? s2c_fail(err, S2C_ENET, "held job failed") : 0;
}

static void await_begin(struct held *h)
{
	s2c_monitor_enter(h->monitor);
	while (!h->begun)
		s2c_monitor_wait(h->monitor);
	s2c_monitor_leave(h->monitor);
}

static void let_go(struct held *h)
{
	s2c_monitor_enter(h->monitor);
	h->go = true;
	s2c_monitor_wake(h->monitor);
	s2c_monitor_leave(h->monitor);
}

/* As many jobs block at once as there are threads; the next one begins after one ends. */
static void jobs_may_block(void **state)
{
	CLEAN_MONITOR struct s2c_monitor *monitor = s2c_monitor_new();
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(3);
	struct held held[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		held[i] = (struct held){.job.run = hold, .monitor = monitor};
		assert_true(s2c_pool_submit(pool, &held[i].job));
	}
	for (size_t i = 0; i < 3; i++)
		await_begin(&held[i]);
	for (size_t i = 0; i < 4; i++)
		assert_false(s2c_job_done(&held[i].job));
	s2c_monitor_enter(monitor);
	assert_false(held[3].begun);
	s2c_monitor_leave(monitor);
	let_go(&held[1]);
	await_begin(&held[3]);
	assert_ok(s2c_job_wait(&held[1].job, &terr));
	let_go(&held[3]);
	assert_ok(s2c_job_wait(&held[3].job, &terr));
	let_go(&held[0]);
	let_go(&held[2]);
	while (!s2c_job_done(&held[0].job))
		sched_yield();
	assert_ok(s2c_job_wait(&held[0].job, &terr));
	assert_ok(s2c_job_wait(&held[2].job, &terr));
}

/* A dropped job never runs if it had not begun, and its error goes nowhere. */
static void drop(void **state)
{
	CLEAN_MONITOR struct s2c_monitor *monitor = s2c_monitor_new();
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(1);
	struct held first = {.job.run = hold, .monitor = monitor, .fail = true};
	atomic_uint total = 0;
	struct count queued[3];

	(void)state;
	assert_true(s2c_pool_submit(pool, &first.job));
	await_begin(&first);
	for (size_t i = 0; i < 3; i++) {
		queued[i] = (struct count){.job.run = count, .total = &total};
		assert_true(s2c_pool_submit(pool, &queued[i].job));
	}
	/* From the middle, then the end of the queue, to which more is added. */
	s2c_job_drop(&queued[1].job);
	s2c_job_drop(&queued[2].job);
	s2c_job_drop(&queued[2].job);
	assert_true(s2c_pool_submit(pool, &queued[1].job));
	let_go(&first);
	s2c_job_drop(&first.job);
	assert_ok(s2c_job_wait(&queued[0].job, &terr));
	assert_ok(s2c_job_wait(&queued[1].job, &terr));
	assert_int_equal(total, 2);
	assert_int_equal(queued[1].seen, 1);
}

/* A job that waits under a context ends with it; its siblings go on. */
struct waiting {
	struct s2c_job job;
	struct s2c_ctx *ctx;
};

static int wait_for_nothing(struct s2c_job *job, struct s2c_error **err)
{
	return s2c_ctx_poll(((struct waiting *)job)->ctx, NULL, 0, -1, NULL, err);
}

static void cancel(void **state)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(2);
	CLEAN_CTX struct s2c_ctx *all = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *a = s2c_ctx_branch(all, 0);
	CLEAN_CTX struct s2c_ctx *b = s2c_ctx_branch(all, 0);
	struct waiting one = {.job.run = wait_for_nothing, .ctx = a};
	struct waiting two = {.job.run = wait_for_nothing, .ctx = b};

	(void)state;
	assert_true(s2c_pool_submit(pool, &one.job));
	assert_true(s2c_pool_submit(pool, &two.job));
	s2c_ctx_cancel(a);
	assert_fails(s2c_job_wait(&one.job, &terr), S2C_ECANCELED, "cancelled");
	assert_ok(s2c_ctx_check(b, &terr));
	assert_false(s2c_job_done(&two.job));
	s2c_ctx_cancel(all);
	assert_fails(s2c_job_wait(&two.job, &terr), S2C_ECANCELED, "cancelled");
}

static int look_at_signals(struct s2c_job *job, struct s2c_error **err)
{
	sigset_t set;

	if (pthread_sigmask(SIG_SETMASK, NULL, &set) != 0)
		return s2c_fail(err, S2C_EIO, "no mask");
	if (!sigismember(&set, SIGINT) || !sigismember(&set, SIGTERM) ||
		!sigismember(&set, SIGCHLD) || !sigismember(&set, SIGPIPE))
		return s2c_fail(err, S2C_EIO, "not all are blocked");
	return 0;
}

/* Ctrl-C is for the main thread, whose mask stays as it was. */
static void signals_stay_away(void **state)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(1);
	struct s2c_job job = {.run = look_at_signals};
	sigset_t set;

	(void)state;
	assert_true(s2c_pool_submit(pool, &job));
	assert_ok(s2c_job_wait(&job, &terr));
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	assert_false(sigismember(&set, SIGINT));
}

static void emit_many(void *self, const struct s2c_event *event)
{
	/* Not atomic on purpose: they come one at a time. */
	unsigned *counted = self;
	unsigned before = *counted;

	sched_yield();
	*counted = before + 1;
}

struct talker {
	struct s2c_job job;
	struct s2c_ctx *ctx;
};

static int talk(struct s2c_job *job, struct s2c_error **err)
{
	struct talker *t = (struct talker *)job;

	for (unsigned i = 0; i < 200; i++)
		s2c_emit_log(t->ctx, S2C_INFO, "%u", i);
	return 0;
}

/* Events of a context, its children, branches and detached ones never overlap. */
static void events_one_at_a_time(void **state)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(4);
	unsigned counted = 0;
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_new(
		(struct s2c_sink){.emit = emit_many, .self = &counted});
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, 0);
	CLEAN_CTX struct s2c_ctx *branch = s2c_ctx_branch(child, 0);
	CLEAN_CTX struct s2c_ctx *detached = s2c_ctx_detached(branch, 60);
	struct talker talkers[] = {
		{.job.run = talk, .ctx = ctx},
		{.job.run = talk, .ctx = child},
		{.job.run = talk, .ctx = branch},
		{.job.run = talk, .ctx = detached},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(talkers); i++)
		assert_true(s2c_pool_submit(pool, &talkers[i].job));
	for (size_t i = 0; i < ARRAY_SIZE(talkers); i++)
		assert_ok(s2c_job_wait(&talkers[i].job, &terr));
	assert_int_equal(counted, 800);
}

/* --- reading ahead ----------------------------------------------------------------- */

/* Gives `size` bytes, `piece` at a time, then an error or the end. */
struct source {
	struct s2c_reader base;
	struct s2c_ctx *ctx; /* not NULL: waits for ever at its end */
	uint64_t at, size;
	size_t piece;
	bool fails;
	bool *freed;
};

static unsigned char byte_at(uint64_t at)
{
	return (unsigned char)(at * 7 + at / 251);
}

static ssize_t source_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct source *s = (struct source *)r;
	size_t n = s->piece < len ? s->piece : len;

	if (n > s->size - s->at)
		n = (size_t)(s->size - s->at);
	for (size_t i = 0; i < n; i++)
		((unsigned char *)buf)[i] = byte_at(s->at + i);
	s->at += n;
	if (n == 0 && s->ctx)
		return s2c_ctx_poll(s->ctx, NULL, 0, -1, NULL, err);
	if (n == 0 && s->fails)
		return s2c_fail(err, S2C_EPROTO, "source fails");
	return (ssize_t)n;
}

static void source_free(struct s2c_reader *r)
{
	*((struct source *)r)->freed = true;
	free(r);
}

static struct s2c_reader *source(
	uint64_t size, size_t piece, bool fails, struct s2c_ctx *ctx, bool *freed)
{
	static const struct s2c_reader_ops ops = {
		.read = source_read, .free = source_free};
	struct source *s = xcalloc(1, sizeof(*s));

	*s = (struct source){.base.ops = &ops,
		.size = size,
		.piece = piece,
		.fails = fails,
		.ctx = ctx,
		.freed = freed};
	return &s->base;
}

/* Reads to the end or the error and checks each byte; how many there were. */
static uint64_t read_all(struct s2c_reader *r, size_t piece, int *out_rc)
{
	CLEAN_FREE unsigned char *buf = xmalloc(piece);
	uint64_t at = 0;

	for (;;) {
		ssize_t n = s2c_read(r, buf, piece, &terr);

		*out_rc = (int)n;
		if (n <= 0)
			return at;
		assert_true((size_t)n <= piece);
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != byte_at(at + (uint64_t)i))
				fail_msg("wrong byte at %llu",
					(unsigned long long)at + (unsigned long long)i);
		at += (uint64_t)n;
	}
}

/* All bytes, then the end or the error, for good; whatever the sizes. */
static void ahead_gives_the_same(void **state)
{
	static const struct {
		uint64_t size;
		size_t in, out;
		bool fails;
	} rows[] = {
		{0, 1, 1, false},
		{0, 1, 1, true},
		{1, 100, 100, false},
		{1000, 1, 7, true},
		{S2C_AHEAD_MAX, S2C_AHEAD_PIECE, 4096, false},
		{3 * S2C_AHEAD_MAX + 5, 100000, 65537, true},
		{3 * S2C_AHEAD_MAX + 5, 70000, 4 * S2C_AHEAD_MAX, false},
		{2 * S2C_AHEAD_MAX, 4 * S2C_AHEAD_MAX, 333333, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool freed = false;
		int rc = 1;

		{
			CLEAN_READER struct s2c_reader *r = s2c_reader_ahead(
				source(rows[i].size, rows[i].in, rows[i].fails, NULL,
					&freed),
				true, NULL);

			assert_int_equal(read_all(r, rows[i].out, &rc), rows[i].size);
			if (rows[i].fails)
				assert_fails(rc, S2C_EPROTO, "source fails");
			else
				assert_int_equal(rc, 0);
			(void)read_all(r, rows[i].out, &rc);
			if (rows[i].fails)
				assert_fails(rc, S2C_EIO, "after a failure");
			else
				assert_int_equal(rc, 0);
		}
		assert_true(freed);
	}
}

/* Freed before it was read, half-way, and while the producer waits for room. */
static void ahead_freed_early(void **state)
{
	static const size_t taken[] = {0, 1, S2C_AHEAD_PIECE, S2C_AHEAD_MAX + 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		CLEAN_FREE char *buf = xmalloc(S2C_AHEAD_MAX);
		bool freed = false;
		struct s2c_reader *r = s2c_reader_ahead(
			source(UINT64_MAX, 65536, false, NULL, &freed), true, NULL);

		for (size_t left = taken[i]; left;) {
			size_t want = left < S2C_AHEAD_MAX ? left : S2C_AHEAD_MAX;
			ssize_t n = s2c_read(r, buf, want, &terr);

			assert_ok(n);
			left -= (size_t)n;
		}
		s2c_reader_free(r);
		assert_true(freed);
	}
}

/* Freed while `next` waits for what never comes: only that wait is called off. */
static void ahead_freed_in_a_wait(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *stop = s2c_ctx_branch(ctx, 0);
	bool freed = false;
	CLEAN_READER struct s2c_reader *next = source(100, 100, false, stop, &freed);
	struct s2c_reader *r = s2c_reader_ahead(next, false, stop);
	char buf[100];

	(void)state;
	assert_int_equal(s2c_read(r, buf, sizeof(buf), &terr), 100);
	s2c_reader_free(r);
	assert_false(freed);
	assert_ok(s2c_ctx_check(ctx, &terr));
	assert_fails(s2c_ctx_check(stop, &terr), S2C_ECANCELED, "");
}

/* The whole operation is cancelled while the consumer waits. */
static void *cancel_it(void *ctx)
{
	s2c_ctx_cancel(ctx);
	return NULL;
}

static void ahead_cancelled(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *stop = s2c_ctx_branch(ctx, 0);
	bool freed = false;
	CLEAN_READER struct s2c_reader *r = s2c_reader_ahead(
		source(5, 5, false, stop, &freed), true, stop);
	pthread_t other;
	char buf[100];

	(void)state;
	assert_int_equal(s2c_read(r, buf, sizeof(buf), &terr), 5);
	assert_int_equal(pthread_create(&other, NULL, cancel_it, ctx), 0);
	assert_fails(s2c_read(r, buf, sizeof(buf), &terr), S2C_ECANCELED, "cancelled");
	assert_int_equal(pthread_join(other, NULL), 0);
}

/* --- fork -------------------------------------------------------------------------- */

/* A child without exec, forked while threads work, may allocate and make errors. */
static void child_may_allocate(void **state)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(2);
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *stop = s2c_ctx_branch(ctx, 0);
	struct waiting one = {.job.run = wait_for_nothing, .ctx = stop};
	int status = -1;
	pid_t pid;

	(void)state;
	assert_true(s2c_pool_submit(pool, &one.job));
	pid = fork();
	if (pid == 0) {
		struct s2c_error *err = NULL;

		(void)!s2c_fail_errno(&err, ENOENT, "in the child");
		s2c_error_free(err);
		_exit(7);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	s2c_ctx_cancel(stop);
	s2c_job_drop(&one.job);
}

/* A process that gets no more threads, as at a limit of its control group. */
static bool forbid_threads(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
	};
	struct sock_fprog filter = {.len = ARRAY_SIZE(code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* In a child; the step that went wrong, or 0. */
static int without_threads(void)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(2);
	CLEAN_ERROR struct s2c_error *err = NULL;
	atomic_uint total = 0;
	struct count jobs[3];
	bool freed = false;
	char buf[100];

	if (!forbid_threads())
		return 77;
	for (unsigned i = 0; i < 3; i++) {
		jobs[i] = (struct count){
			.job.run = count, .total = &total, .number = 3 - i};
		if (s2c_pool_submit(pool, &jobs[i].job))
			return 1;
	}
	if (s2c_job_done(&jobs[0].job))
		return 2;
	/* Those before it run first. */
	if (s2c_job_wait(&jobs[1].job, &err) || jobs[1].seen != 1)
		return 3;
	s2c_job_drop(&jobs[2].job);
	if (s2c_job_wait(&jobs[0].job, &err) == 0 || s2c_error_code(err) != S2C_EIO)
		return 4;
	if (total != 2)
		return 5;

	CLEAN_READER struct s2c_reader *r = s2c_reader_ahead(
		source(150, 100, false, NULL, &freed), true, NULL);

	if (s2c_read(r, buf, 100, &err) != 100 || s2c_read(r, buf, 100, &err) != 50 ||
		s2c_read(r, buf, 100, &err) != 0)
		return 6;
	return 0;
}

static void no_threads_to_be_had(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(without_threads());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip_because("no seccomp filter can be set here");
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_jobs),
		cmocka_unit_test(in_order),
		cmocka_unit_test(jobs_may_block),
		cmocka_unit_test(drop),
		cmocka_unit_test(cancel),
		cmocka_unit_test(signals_stay_away),
		cmocka_unit_test(events_one_at_a_time),
		cmocka_unit_test(ahead_gives_the_same),
		cmocka_unit_test(ahead_freed_early),
		cmocka_unit_test(ahead_freed_in_a_wait),
		cmocka_unit_test(ahead_cancelled),
		cmocka_unit_test(child_may_allocate),
		cmocka_unit_test(no_threads_to_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
