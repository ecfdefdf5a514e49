/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: descriptors, memory, limit, tee, pipes under a context, the copying loop. */
#include "helper.h"

#include <signal.h>

#include "util/stream.h"

static void test_memory_to_buf(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
	CLEAN_READER struct s2c_reader *r = s2c_reader_mem("a\0b", 3);
	CLEAN_READER struct s2c_reader *none = s2c_reader_mem(NULL, 0);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_buf(&buf);
	uint64_t total = 99;
	char c;

	assert_ok(s2c_copy(ctx, r, w, NULL, &total, &terr));
	assert_int_equal(total, 3);
	assert_memory_equal(buf.data, "a\0b", 4);
	/* The end stays the end. */
	assert_int_equal(s2c_read(r, &c, 1, &terr), 0);
	assert_int_equal(s2c_read(r, &c, 1, &terr), 0);
	assert_int_equal(s2c_read(none, &c, 1, &terr), 0);
	assert_ok(s2c_finish(w, &terr));
}

static void test_buf_maximum_holds(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(2);
	CLEAN_READER struct s2c_reader *r = s2c_reader_mem("abc", 3);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_buf(&buf);
	uint64_t total = 99;

	assert_fails(s2c_copy(ctx, r, w, NULL, &total, &terr), S2C_ELIMIT, "2 bytes");
	assert_int_equal(total, 99);
}

static void test_files(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *data = xmalloc(3 * S2C_STREAM_CHUNK);
	int in, out;

	memset(data, 'x', 3 * S2C_STREAM_CHUNK);
	data[3 * S2C_STREAM_CHUNK - 1] = '\0';
	tmp_write(tmp, "in", data);
	assert_ok(s2c_fs_open(tmp->fd, "in", O_RDONLY, 0, &in, &terr));
	assert_ok(s2c_fs_open(tmp->fd, "out", O_WRONLY | O_CREAT, 0644, &out, &terr));

	struct s2c_reader *r = s2c_reader_fd(in, true);
	struct s2c_writer *w = s2c_writer_fd(out, true);
	uint64_t total = 0;

	assert_ok(s2c_copy(ctx, r, w, NULL, &total, &terr));
	assert_ok(s2c_finish(w, &terr));
	assert_int_equal(total, 3 * S2C_STREAM_CHUNK - 1);
	s2c_reader_free(r);
	s2c_writer_free(w);
	/* Owned descriptors are closed. */
	assert_int_equal(fcntl(in, F_GETFD), -1);
	assert_int_equal(fcntl(out, F_GETFD), -1);

	CLEAN_FREE char *copy = tmp_read(tmp, "out");

	assert_string_equal(copy, data);
}

static void test_borrowed_fd_stays_open(void **state)
{
	struct tmp *tmp = *state;
	int fd;

	assert_ok(s2c_fs_open(tmp->fd, "f", O_RDWR | O_CREAT, 0644, &fd, &terr));
	s2c_reader_free(s2c_reader_fd(fd, false));
	s2c_writer_free(s2c_writer_fd(fd, false));
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	close(fd);
	s2c_reader_free(NULL);
	s2c_writer_free(NULL);
}

static void test_bad_fds_fail(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_READER struct s2c_reader *r = s2c_reader_fd(tmp->fd, false);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_fd(tmp->fd, false);
	char c = 0;

	assert_fails((int)s2c_read(r, &c, 1, &terr), S2C_EIO, "is a directory");
	assert_fails(s2c_write(w, &c, 1, &terr), S2C_EIO, "cannot write");
	/* Nothing to write is no write. */
	assert_ok(s2c_write(w, &c, 0, &terr));
}

static void test_limit(void **state)
{
	static const struct {
		size_t len;
		uint64_t max;
		bool ok;
	} cases[] = {
		{0, 0, true},
		{1, 0, false},
		{5, 5, true},
		{6, 5, false},
		{5, UINT64_MAX, true},
		{4, 5, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
		CLEAN_WRITER struct s2c_writer *w = s2c_writer_buf(&buf);
		CLEAN_READER struct s2c_reader *r = s2c_reader_limit(
			s2c_reader_mem("abcdefgh", cases[i].len), true, cases[i].max,
			"manifest");
		uint64_t total;

		if (cases[i].ok) {
			assert_ok(s2c_copy(ctx, r, w, NULL, &total, &terr));
			assert_int_equal(total, cases[i].len);
			continue;
		}
		assert_fails(s2c_copy(ctx, r, w, NULL, &total, &terr), S2C_ELIMIT,
			"manifest is larger than");
	}
}

static void test_tee(void **state)
{
	CLEAN_BUF struct s2c_buf one = S2C_BUF_INIT(100);
	CLEAN_BUF struct s2c_buf two = S2C_BUF_INIT(4);
	CLEAN_WRITER struct s2c_writer *a = s2c_writer_buf(&one);
	CLEAN_WRITER struct s2c_writer *b = s2c_writer_buf(&two);
	CLEAN_WRITER struct s2c_writer *tee = s2c_writer_tee(a, b);

	assert_ok(s2c_write(tee, "abc", 3, &terr));
	assert_ok(s2c_finish(tee, &terr));
	assert_string_equal(s2c_buf_str(&one), "abc");
	assert_string_equal(s2c_buf_str(&two), "abc");
	assert_fails(s2c_write(tee, "de", 2, &terr), S2C_ELIMIT, "4 bytes");
}

struct finishing {
	struct s2c_writer base;
	int finished;
	bool refuse;
};

static int count_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	return 0;
}

static int count_finish(struct s2c_writer *w, struct s2c_error **err)
{
	struct finishing *self = (struct finishing *)w;

	self->finished++;
	return self->refuse ? s2c_fail(err, S2C_EIO, "cannot flush") : 0;
}

static void free_nothing(struct s2c_writer *w)
{
}

static const struct s2c_writer_ops finishing_ops = {
	.write = count_write,
	.finish = count_finish,
	.free = free_nothing,
};

static void test_tee_finishes_both(void **state)
{
	struct finishing a = {.base.ops = &finishing_ops};
	struct finishing b = {.base.ops = &finishing_ops};
	CLEAN_WRITER struct s2c_writer *tee = s2c_writer_tee(&a.base, &b.base);

	assert_ok(s2c_finish(tee, &terr));
	assert_int_equal(a.finished, 1);
	assert_int_equal(b.finished, 1);
	b.refuse = true;
	assert_fails(s2c_finish(tee, &terr), S2C_EIO, "cannot flush");
}

static void test_cancel_ends_a_copy(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
	CLEAN_READER struct s2c_reader *r = s2c_reader_mem("abc", 3);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_buf(&buf);

	s2c_ctx_cancel(ctx);
	assert_fails(s2c_copy(ctx, r, w, NULL, NULL, &terr), S2C_ECANCELED, "cancelled");
	assert_int_equal(buf.len, 0);
}

/* To the end, where what verifies says what it has to say. */
static void test_drain(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *data = xcalloc(3, S2C_STREAM_CHUNK);
	CLEAN_READER struct s2c_reader *r = s2c_reader_mem(data, 3 * S2C_STREAM_CHUNK);
	CLEAN_READER struct s2c_reader *limited = s2c_reader_limit(
		s2c_reader_mem(data, 3 * S2C_STREAM_CHUNK), true,
		3 * S2C_STREAM_CHUNK - 1, "it");
	CLEAN_READER struct s2c_reader *never = s2c_reader_mem("x", 1);
	char extra;

	assert_ok(s2c_drain(ctx, r, &terr));
	assert_ok(s2c_read(r, &extra, 1, &terr));
	assert_ok(s2c_drain(NULL, r, &terr));
	assert_fails(s2c_drain(ctx, limited, &terr), S2C_ELIMIT, "it is larger than");
	s2c_ctx_cancel(ctx);
	assert_fails(s2c_drain(ctx, never, &terr), S2C_ECANCELED, "cancelled");
}

static void test_pipes_wait_under_the_context(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *second = s2c_ctx_child(ctx, 1);
	CLEAN_FREE char *much = xcalloc(1, 1024 * 1024);
	int ends[2];
	char got[8];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	CLEAN_READER struct s2c_reader *r = s2c_reader_pipe(second, ends[0], true);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_pipe(second, ends[1], true);

	assert_ok(s2c_write(w, "abc", 3, &terr));
	assert_int_equal(s2c_read(r, got, sizeof(got), &terr), 3);
	assert_memory_equal(got, "abc", 3);
	/* Nobody writes; then nobody reads what is more than a pipe holds. */
	assert_fails((int)s2c_read(r, got, sizeof(got), &terr), S2C_ETIMEOUT, "1 s");
	assert_fails(s2c_write(w, much, 1024 * 1024, &terr), S2C_ETIMEOUT, "1 s");
}

static void test_a_full_pipe_does_not_block(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *second = s2c_ctx_child(ctx, 1);
	CLEAN_FREE char *much = xcalloc(1, 1024 * 1024);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	CLEAN_WRITER struct s2c_writer *w = s2c_writer_pipe(second, ends[1], true);

	assert_fails(s2c_write(w, much, 1024 * 1024, &terr), S2C_ETIMEOUT, "1 s");
	close(ends[0]);
}

static void test_broken_pipe(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);

	CLEAN_WRITER struct s2c_writer *w = s2c_writer_pipe(ctx, ends[1], true);

	assert_fails(s2c_write(w, "x", 1, &terr), S2C_EIO, "broken pipe");
	signal(SIGPIPE, SIG_DFL);
}

static void last_progress(void *self, const struct s2c_event *ev)
{
	uint64_t *seen = self;

	assert_int_equal(ev->kind, S2C_EVENT_PROGRESS);
	assert_string_equal(ev->phase, "pull");
	assert_string_equal(ev->subject, "blob");
	assert_int_equal(ev->total, 3);
	*seen = ev->current;
}

static void test_progress(void **state)
{
	uint64_t seen = 0;
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_new(
		(struct s2c_sink){.emit = last_progress, .self = &seen});
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
	CLEAN_READER struct s2c_reader *r = s2c_reader_mem("abc", 3);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_buf(&buf);
	struct s2c_copy opts = {.phase = "pull", .subject = "blob", .total = 3};

	assert_ok(s2c_copy(ctx, r, w, &opts, NULL, &terr));
	assert_int_equal(seen, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_to_buf),
		cmocka_unit_test(test_buf_maximum_holds),
		tmp_test(test_files),
		tmp_test(test_borrowed_fd_stays_open),
		tmp_test(test_bad_fds_fail),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_tee),
		cmocka_unit_test(test_tee_finishes_both),
		cmocka_unit_test(test_cancel_ends_a_copy),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_pipes_wait_under_the_context),
		cmocka_unit_test(test_a_full_pipe_does_not_block),
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
