/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function's output as a reader: all bytes in order, errors behind them, an end at any
 * moment.
 */
#include "helper.h"

#include "util/pump.h"

/* Writes `total` bytes that tell where they are, in pieces of `piece`, then fails if so.
 */
struct source {
	size_t total, piece;
	bool fails, waits;
	bool ended; /* it has returned */
	int failed_write;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

static int produce(
	void *self, struct s2c_ctx *ctx, struct s2c_writer *out, struct s2c_error **err)
{
	struct source *source = self;
	CLEAN_FREE unsigned char *buf = xmalloc(source->piece);
	int ready, rc = 0;

	for (size_t at = 0; at < source->total && rc == 0;) {
		size_t n = source->total - at < source->piece ? source->total - at
							      : source->piece;
		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(at + i);
		rc = s2c_write(out, buf, n, err);
		at += n;
	}
	if (rc < 0)
		source->failed_write = s2c_error_code(err ? *err : NULL);
	if (rc == 0 && source->waits)
		rc = s2c_ctx_poll(ctx, NULL, 0, -1, &ready, err);
	if (rc == 0 && source->fails)
		rc = s2c_fail(err, S2C_ENET, "the line is cut");
	source->ended = true;
	return rc;
}

static struct s2c_reader *reader_of(struct s2c_ctx *ctx, struct source *source)
{
	return s2c_reader_pump(ctx, &(struct s2c_pump){.run = produce, .self = source});
}

/* Reads to the end in pieces; returns the last result. */
static ssize_t read_all(struct s2c_reader *r, size_t piece, size_t *out_total)
{
	CLEAN_FREE unsigned char *buf = xmalloc(piece);
	ssize_t n;

	*out_total = 0;
	while ((n = s2c_read(r, buf, piece, &terr)) > 0)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at((*out_total)++));
	return n;
}

static void all_bytes_in_order(void **state)
{
	static const struct {
		size_t total, wrote, read;
	} cases[] = {
		{0, 1, 1},
		{1, 1, 100},
		{100, 7, 3},
		{3 * S2C_PUMP_MAX + 17, 100000, 33333},
		{2 * S2C_PUMP_MAX, 2 * S2C_PUMP_MAX, 4 * S2C_PUMP_MAX},
		{S2C_PUMP_MAX, S2C_PUMP_MAX, S2C_PUMP_MAX},
	};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct source source = {.total = cases[i].total, .piece = cases[i].wrote};
		CLEAN_READER struct s2c_reader *r = reader_of(ctx, &source);
		char extra;
		size_t total;

		assert_ok(read_all(r, cases[i].read, &total));
		assert_int_equal(total, cases[i].total);
		assert_ok(s2c_read(r, &extra, 1, &terr));
		assert_true(source.ended);
	}
}

static void errors_come_behind(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct source source = {.total = 1000, .piece = 100, .fails = true};
	CLEAN_READER struct s2c_reader *r = reader_of(ctx, &source);
	size_t total;

	assert_fails((int)read_all(r, 64, &total), S2C_ENET, "line is cut");
	assert_int_equal(total, 1000);
	assert_fails((int)read_all(r, 64, &total), S2C_EIO, "failed before");
}

static void freed_before_its_end(void **state)
{
	/* Before the first read, while it waits for room, while it waits for others. */
	static const struct {
		size_t total, read;
		bool waits;
	} cases[] = {{1000, 0, false}, {4 * S2C_PUMP_MAX, 10, false}, {10, 10, true}};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct source source = {.total = cases[i].total,
			.piece = 64 * 1024,
			.waits = cases[i].waits};
		struct s2c_reader *r = reader_of(ctx, &source);
		char buf[16];

		if (cases[i].read)
			assert_int_equal(
				s2c_read(r, buf, cases[i].read, &terr), cases[i].read);
		s2c_reader_free(r);
		assert_int_equal(source.ended, cases[i].read > 0);
		assert_int_equal(source.failed_write, i == 1 ? S2C_ECANCELED : 0);
	}
	/* What is above it goes on. */
	assert_ok(s2c_ctx_check(ctx, &terr));
}

static void cancelled_from_above(void **state)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct source source = {.total = 10, .piece = 10, .waits = true};
	CLEAN_READER struct s2c_reader *r = reader_of(ctx, &source);
	char buf[16];

	assert_int_equal(s2c_read(r, buf, sizeof(buf), &terr), 10);
	s2c_ctx_cancel(ctx);
	assert_fails(
		(int)s2c_read(r, buf, sizeof(buf), &terr), S2C_ECANCELED, "cancelled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bytes_in_order),
		cmocka_unit_test(errors_come_behind),
		cmocka_unit_test(freed_before_its_end),
		cmocka_unit_test(cancelled_from_above),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
