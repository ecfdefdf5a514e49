/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading ahead: a ring of bytes between a job that fills it and the reader that takes
 * from it. The ring is counted in bytes and not in pieces, so that a `next` that gives
 * little at a time still gets as far ahead.
 */
#include "util/ahead.h"

#include "util/pool.h"

/* Free bytes for which a producer that waits is woken: less would only make it busy. */
#define WAKE_AT (S2C_AHEAD_MAX / 4)

struct ahead_reader {
	struct s2c_reader base;
	struct s2c_job job;
	struct s2c_pool *pool; /* NULL until the first read */
	struct s2c_monitor *monitor;
	struct s2c_reader *next;
	struct s2c_ctx *stop;
	bool own;
	bool direct; /* no thread */
	bool told;   /* the end, or the error, has come out */

	/* Under the monitor, but for the bytes of the ring: */
	char *ring;
	size_t from; /* where the first byte is */
	size_t len;  /* bytes in the ring */
	bool ended;  /* nothing comes any more: the job's result says why */
	bool quit;
};

/* The free part that begins behind the last byte; false when nobody wants more. */
static bool await_room(struct ahead_reader *a, size_t *out_at, size_t *out_len)
{
	size_t room;
	bool go;

	s2c_monitor_enter(a->monitor);
	if (a->len == S2C_AHEAD_MAX)
		while (!a->quit && S2C_AHEAD_MAX - a->len < WAKE_AT)
			s2c_monitor_wait(a->monitor);
	go = !a->quit;
	room = S2C_AHEAD_MAX - a->len;
	*out_at = (a->from + a->len) % S2C_AHEAD_MAX;
	s2c_monitor_leave(a->monitor);
	if (room > S2C_AHEAD_MAX - *out_at)
		room = S2C_AHEAD_MAX - *out_at;
	*out_len = room < S2C_AHEAD_PIECE ? room : S2C_AHEAD_PIECE;
	return go;
}

static void hand_over(struct ahead_reader *a, size_t n, bool last)
{
	s2c_monitor_enter(a->monitor);
	a->len += n;
	a->ended = last;
	s2c_monitor_wake(a->monitor);
	s2c_monitor_leave(a->monitor);
}

static int produce(struct s2c_job *job, struct s2c_error **err)
{
	struct ahead_reader *a =
		(struct ahead_reader *)((char *)job - offsetof(struct ahead_reader, job));
	size_t at, len;
	ssize_t n = 0;

	while (await_room(a, &at, &len)) {
		n = s2c_read(a->next, a->ring + at, len, err);
		if (n <= 0)
			break;
		hand_over(a, (size_t)n, false);
	}
	hand_over(a, 0, true);
	return n < 0 ? -1 : 0;
}

static void start(struct ahead_reader *a)
{
	a->pool = s2c_pool_new(1);
	a->ring = xmalloc(S2C_AHEAD_MAX);
	if (s2c_pool_submit(a->pool, &a->job))
		return;
	s2c_job_drop(&a->job);
	a->direct = true;
}

/* Up to `len` bytes of the ring in one piece; 0 when it is empty for ever. */
static size_t await_bytes(struct ahead_reader *a, size_t len)
{
	size_t n;

	s2c_monitor_enter(a->monitor);
	while (a->len == 0 && !a->ended)
		s2c_monitor_wait(a->monitor);
	n = a->len < len ? a->len : len;
	s2c_monitor_leave(a->monitor);
	return n < S2C_AHEAD_MAX - a->from ? n : S2C_AHEAD_MAX - a->from;
}

static void take(struct ahead_reader *a, void *buf, size_t n)
{
	memcpy(buf, a->ring + a->from, n);
	s2c_monitor_enter(a->monitor);
	a->from = (a->from + n) % S2C_AHEAD_MAX;
	a->len -= n;
	if (S2C_AHEAD_MAX - a->len >= WAKE_AT)
		s2c_monitor_wake(a->monitor);
	s2c_monitor_leave(a->monitor);
}

static ssize_t ahead_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct ahead_reader *a = (struct ahead_reader *)reader;
	size_t n;

	if (!a->pool)
		start(a);
	if (a->direct)
		return s2c_read(a->next, buf, len, err);
	if (a->told && a->job.result < 0)
		return s2c_fail(err, S2C_EIO, "cannot read on after a failure");
	if (a->told)
		return 0;
	n = await_bytes(a, len);
	if (n > 0) {
		take(a, buf, n);
		return (ssize_t)n;
	}
	a->told = true;
	return s2c_job_wait(&a->job, err);
}

static void ahead_free(struct s2c_reader *reader)
{
	struct ahead_reader *a = (struct ahead_reader *)reader;

	if (a->job.pool) {
		s2c_monitor_enter(a->monitor);
		a->quit = true;
		s2c_monitor_wake(a->monitor);
		s2c_monitor_leave(a->monitor);
		if (a->stop)
			s2c_ctx_cancel(a->stop);
		s2c_job_drop(&a->job);
	}
	s2c_pool_free(a->pool);
	s2c_monitor_free(a->monitor);
	if (a->own)
		s2c_reader_free(a->next);
	free(a->ring);
	free(a);
}

struct s2c_reader *s2c_reader_ahead(
	struct s2c_reader *next, bool own, struct s2c_ctx *stop)
{
	static const struct s2c_reader_ops ops = {
		.read = ahead_read,
		.free = ahead_free,
	};
	struct ahead_reader *a = xcalloc(1, sizeof(*a));

	a->base.ops = &ops;
	a->job.run = produce;
	a->monitor = s2c_monitor_new();
	a->next = next;
	a->own = own;
	a->stop = stop;
	return &a->base;
}
