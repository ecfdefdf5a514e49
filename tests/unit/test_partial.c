/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs on their way: in any order, across processes, with readers that are ahead of
 * them.
 */
#include "helper.h"

#include "store_helper.h"

#include "store/partial.h"
#include "util/pool.h"

#define MIB (1024u * 1024)

/* `len` bytes that differ everywhere, and their descriptor. Caller frees *out. */
static struct s2c_descriptor make_content(size_t len, char **out)
{
	struct s2c_descriptor desc = {.media_type = "application/octet-stream"};
	char *data = xmalloc(len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	s2c_digest_of(data, len, &desc.digest);
	desc.size = len;
	*out = data;
	return desc;
}

static struct s2c_partial *open_partial(
	struct s2c_store *store, const struct s2c_descriptor *desc)
{
	struct s2c_partial *partial = NULL;

	assert_ok(s2c_partial_open(store, desc, &partial, &terr));
	return partial;
}

static void put(struct s2c_partial *partial, const char *data, size_t from, size_t to)
{
	assert_ok(s2c_partial_write(partial, from, data + from, to - from, &terr));
}

/* All that a reader gives must be `data`. */
static void check_reads(
	struct s2c_ctx *ctx, struct s2c_partial *partial, const char *data, size_t len)
{
	CLEAN_READER struct s2c_reader *reader = s2c_partial_reader(ctx, partial);
	CLEAN_FREE char *buf = xmalloc(MIB);
	size_t at = 0;

	for (;;) {
		ssize_t n = s2c_read(reader, buf, MIB, &terr);
		assert_true(n >= 0);
		if (n == 0)
			break;
		assert_memory_equal(buf, data + at, (size_t)n);
		at += (size_t)n;
	}
	assert_int_equal(at, len);
}

static void pieces_in_any_order(void **state)
{
	static const size_t orders[][5] = {
		{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}, {1, 3, 0, 4, 2}};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(5000, &data);

	for (size_t o = 0; o < ARRAY_SIZE(orders); o++) {
		CLEAN_PARTIAL struct s2c_partial *partial = open_partial(store, &desc);
		bool there[6] = {0};

		assert_int_equal(s2c_partial_resumed(partial), 0);
		for (size_t i = 0; i < 5; i++) {
			size_t from = orders[o][i] * 1000, prefix = 0;

			put(partial, data, from, from + 400);
			put(partial, data, from + 400, from + 1000);
			there[orders[o][i]] = true;
			while (there[prefix])
				prefix++;
			assert_int_equal(s2c_partial_length(partial), prefix * 1000);
		}
		check_reads(ctx, partial, data, 5000);
		s2c_partial_discard(partial);
	}
	assert_int_equal(count_dir(tmp, "s/partial"), 0);
}

static void becomes_a_blob(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(9 * MIB, &data);
	struct s2c_partial *partial = open_partial(store, &desc);

	put(partial, data, 0, desc.size);
	assert_false(s2c_blob_exists(store, &desc.digest, desc.size));
	assert_ok(s2c_partial_install(partial, &terr));
	s2c_partial_free(partial);
	assert_true(s2c_blob_exists(store, &desc.digest, desc.size));
	assert_int_equal(count_dir(tmp, "s/partial"), 0);
}

static void bounds(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(1000, &data);
	CLEAN_PARTIAL struct s2c_partial *partial = open_partial(store, &desc);

	assert_fails(s2c_partial_write(partial, 0, data, 1001, &terr), S2C_EDIGEST,
		"larger than the 1000 bytes");
	assert_fails(
		s2c_partial_write(partial, 1001, data, 0, &terr), S2C_EDIGEST, "larger");
	assert_fails(s2c_partial_write(partial, UINT64_MAX, data, 2, &terr), S2C_EDIGEST,
		"larger");
	for (size_t i = 0; i < S2C_PARTIAL_PIECES_MAX; i++)
		put(partial, data, 2 * i, 2 * i + 1);
	assert_fails(
		s2c_partial_write(partial, 500, data, 1, &terr), S2C_ELIMIT, "pieces");
	s2c_partial_discard(partial);
}

struct killed {
	const struct tmp *tmp;
	const struct s2c_descriptor *desc;
	const char *data;
};

static void write_some(void *arg)
{
	struct killed *killed = arg;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, killed->tmp);
	struct s2c_partial *partial = open_partial(store, killed->desc);

	for (size_t at = 0; at < 10 * MIB; at += MIB / 2)
		put(partial, killed->data, at, at + MIB / 2);
	/* Behind a gap: it cannot be gone on with. */
	put(partial, killed->data, 11 * MIB, 12 * MIB);
}

static void resumes_after_kill(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(12 * MIB, &data);
	struct killed killed = {.tmp = tmp, .desc = &desc, .data = data};

	assert_killed(run_child(write_some, &killed));
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_PARTIAL struct s2c_partial *partial = open_partial(store, &desc);
	uint64_t resumed = s2c_partial_resumed(partial);
	assert_true(resumed >= 6 * MIB && resumed <= 10 * MIB);
	assert_int_equal(s2c_partial_length(partial), resumed);
	put(partial, data, resumed, desc.size);
	check_reads(ctx, partial, data, desc.size);
	assert_ok(s2c_partial_install(partial, &terr));
}

static void stays_when_closed(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL, *note = NULL;
	struct s2c_descriptor desc = make_content(1000, &data);
	struct s2c_partial_sweep old = {.old_only = true}, all = {0};
	struct s2c_partial *partial = open_partial(store, &desc);
	uint64_t bytes = 0;

	put(partial, data, 0, 300);
	s2c_partial_free(partial);
	partial = open_partial(store, &desc);
	assert_int_equal(s2c_partial_resumed(partial), 300);
	/* Nobody takes away what is being written. */
	assert_ok(s2c_partial_sweep(store, &all, NULL, &terr));
	put(partial, data, 300, 700);
	s2c_partial_free(partial);
	assert_ok(s2c_partial_sweep(store, &old, NULL, &terr));
	partial = open_partial(store, &desc);
	assert_int_equal(s2c_partial_resumed(partial), 700);
	s2c_partial_free(partial);

	/* A note that cannot be true counts for nothing. */
	note = xasprintf("s/partial/sha256-%s.length", s2c_digest_hex(&desc.digest));
	tmp_write(tmp, note, "99999999999999999999999999\n");
	partial = open_partial(store, &desc);
	assert_int_equal(s2c_partial_resumed(partial), 0);
	put(partial, data, 0, 10);
	s2c_partial_free(partial);
	assert_ok(s2c_partial_sweep(store, &all, &bytes, &terr));
	assert_true(bytes > 0);
	assert_int_equal(count_dir(tmp, "s/partial"), 0);
}

static void two_at_once(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_STORE struct s2c_store *other = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(1000, &data);
	struct s2c_partial *first = open_partial(store, &desc);
	struct s2c_partial *second = open_partial(other, &desc);

	put(first, data, 0, 1000);
	assert_int_equal(s2c_partial_length(second), 0);
	put(second, data, 0, 1000);
	assert_ok(s2c_partial_install(second, &terr));
	assert_ok(s2c_partial_install(first, &terr));
	s2c_partial_free(first);
	s2c_partial_free(second);
	assert_true(s2c_blob_exists(store, &desc.digest, 1000));
	assert_int_equal(count_dir(tmp, "s/partial"), 0);
}

struct writing {
	struct s2c_job job;
	struct s2c_partial *partial;
	const char *data;
	size_t from, to;
};

static int write_job(struct s2c_job *job, struct s2c_error **err)
{
	struct writing *w = (struct writing *)job;

	for (size_t at = w->from; at < w->to; at += 4096)
		if (s2c_partial_write(w->partial, at, w->data + at, 4096, err) < 0)
			return -1;
	return 0;
}

/* Two write, and a reader follows. */
static void read_while_written(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(4 * MIB, &data);
	CLEAN_PARTIAL struct s2c_partial *partial = open_partial(store, &desc);
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(2);
	struct writing jobs[] = {
		{.job.run = write_job, .partial = partial, .data = data, .to = 2 * MIB},
		{.job.run = write_job,
			.partial = partial,
			.data = data,
			.from = 2 * MIB,
			.to = 4 * MIB},
	};

	assert_true(s2c_pool_submit(pool, &jobs[1].job));
	assert_true(s2c_pool_submit(pool, &jobs[0].job));
	check_reads(ctx, partial, data, desc.size);
	assert_ok(s2c_job_wait(&jobs[0].job, &terr));
	assert_ok(s2c_job_wait(&jobs[1].job, &terr));
	s2c_partial_discard(partial);
}

/* Who waits for bytes that do not come ends with the context. */
static void waiting_ends(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *data = NULL;
	struct s2c_descriptor desc = make_content(1000, &data);
	CLEAN_PARTIAL struct s2c_partial *partial = open_partial(store, &desc);
	CLEAN_READER struct s2c_reader *reader = s2c_partial_reader(ctx, partial);
	char buf[1000];

	put(partial, data, 0, 10);
	assert_int_equal(s2c_read(reader, buf, sizeof(buf), &terr), 10);
	s2c_ctx_cancel(ctx);
	assert_fails((int)s2c_read(reader, buf, sizeof(buf), &terr), S2C_ECANCELED,
		"cancelled");
	s2c_partial_discard(partial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(pieces_in_any_order),
		tmp_test(becomes_a_blob),
		tmp_test(bounds),
		tmp_test(resumes_after_kill),
		tmp_test(stays_when_closed),
		tmp_test(two_at_once),
		tmp_test(read_while_written),
		tmp_test(waiting_ends),
	};

	return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
