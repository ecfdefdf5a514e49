/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: bytes in order whatever the sizes, and both sides' ends, waited for or not.
 */
#include "helper.h"

#include "util/pool.h"
#include "util/ring.h"

static char byte_at(size_t i)
{
	return (char)(i * 7 + i / 251);
}

/* Fills up to `n` bytes of the ring, of which `at` came before; how many there was room
 * for. */
static size_t fill(struct s2c_ring *ring, size_t at, size_t n)
{
	char *room;
	size_t len = s2c_ring_room(ring, &room);

	len = len < n ? len : n;
	for (size_t i = 0; i < len; i++)
		room[i] = byte_at(at + i);
	s2c_ring_put(ring, len);
	return len;
}

static void check_bytes(const char *buf, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf[i], byte_at(at + i));
}

/* What needs no other thread: room in one piece, bytes in one piece, around the end. */
static void pieces(void **state)
{
	CLEAN_RING struct s2c_ring *ring = s2c_ring_new(8);
	char buf[16], *at;

	(void)state;
	assert_int_equal(fill(ring, 0, 100), 8);
	assert_int_equal(s2c_ring_take(ring, buf, 5), 5);
	check_bytes(buf, 0, 5);
	assert_int_equal(fill(ring, 8, 100), 5);
	assert_int_equal(s2c_ring_take(ring, buf, sizeof(buf)), 3);
	check_bytes(buf, 5, 3);
	assert_int_equal(s2c_ring_room(ring, &at), 3);
	assert_int_equal(s2c_ring_take(ring, buf, sizeof(buf)), 5);
	check_bytes(buf, 8, 5);
	assert_int_equal(fill(ring, 13, 2), 2);
	s2c_ring_end(ring);
	assert_int_equal(s2c_ring_take(ring, buf, sizeof(buf)), 2);
	check_bytes(buf, 13, 2);
	assert_int_equal(s2c_ring_take(ring, buf, sizeof(buf)), 0);
	assert_int_equal(s2c_ring_take(ring, buf, sizeof(buf)), 0);
}

/* Room is for somebody; bytes that are in it can still be taken. */
static void abandoned(void **state)
{
	CLEAN_RING struct s2c_ring *ring = s2c_ring_new(4);
	char buf[4], *at;

	(void)state;
	assert_int_equal(fill(ring, 0, 4), 4);
	s2c_ring_abandon(ring);
	assert_int_equal(s2c_ring_room(ring, &at), 0);
	assert_int_equal(s2c_ring_take(ring, buf, sizeof(buf)), 4);
	assert_int_equal(s2c_ring_room(ring, &at), 0);
}

static void free_nothing(void **state)
{
	(void)state;
	s2c_ring_free(NULL);
}

/* The other side. */
struct filler {
	struct s2c_job job;
	struct s2c_ring *ring;
	size_t total, piece, done;
};

static int fill_all(struct s2c_job *job, struct s2c_error **err)
{
	struct filler *f = (struct filler *)job;

	(void)err;
	while (f->done < f->total) {
		size_t left = f->total - f->done;
		size_t n = fill(f->ring, f->done, left < f->piece ? left : f->piece);

		if (n == 0)
			break;
		f->done += n;
	}
	s2c_ring_end(f->ring);
	return 0;
}

static void all_bytes_in_order(void **state)
{
	static const struct {
		size_t size, total, piece, take;
	} rows[] = {
		{1, 100, 1, 1},
		{1, 100, 7, 7},
		{2, 1000, 2, 1},
		{3, 1000, 1, 2},
		{7, 10000, 3, 5},
		{4096, 1000000, 10000, 333},
		{4096, 1000000, 333, 10000},
		{4096, 0, 1, 1},
		{4096, 4096, 4096, 4096},
	};
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_RING struct s2c_ring *ring = s2c_ring_new(rows[i].size);
		CLEAN_FREE char *buf = xmalloc(rows[i].take);
		struct filler filler = {
			.job.run = fill_all,
			.ring = ring,
			.total = rows[i].total,
			.piece = rows[i].piece,
		};
		size_t at = 0, n;

		assert_true(s2c_pool_submit(pool, &filler.job));
		while ((n = s2c_ring_take(ring, buf, rows[i].take)) > 0) {
			check_bytes(buf, at, n);
			at += n;
		}
		assert_ok(s2c_job_wait(&filler.job, &terr));
		assert_int_equal(at, rows[i].total);
	}
}

/* Who waits for room is told that nobody takes any more. */
static void abandoned_in_a_wait(void **state)
{
	CLEAN_POOL struct s2c_pool *pool = s2c_pool_new(1);
	CLEAN_RING struct s2c_ring *ring = s2c_ring_new(16);
	struct filler filler = {
		.job.run = fill_all, .ring = ring, .total = SIZE_MAX, .piece = 16};
	char buf[16];

	(void)state;
	assert_true(s2c_pool_submit(pool, &filler.job));
	assert_true(s2c_ring_take(ring, buf, sizeof(buf)) > 0);
	s2c_ring_abandon(ring);
	assert_ok(s2c_job_wait(&filler.job, &terr));
	assert_true(filler.done >= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(abandoned),
		cmocka_unit_test(free_nothing),
		cmocka_unit_test(all_bytes_in_order),
		cmocka_unit_test(abandoned_in_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
