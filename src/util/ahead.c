/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ahead: a ring between a job that fills it and the reader that takes from it. */
#include "util/ahead.h"

#include "util/pool.h"
#include "util/ring.h"

struct ahead_reader {
	struct s2c_reader base;
	struct s2c_job job;
	struct s2c_pool *pool; /* NULL until the first read */
	struct s2c_ring *ring;
	struct s2c_reader *next;
	struct s2c_ctx *stop;
	bool own;
	bool direct; /* no thread */
	bool told;   /* the end, or the error, has come out */
};

static int produce(struct s2c_job *job, struct s2c_error **err)
{
	struct ahead_reader *a =
		(struct ahead_reader *)((char *)job - offsetof(struct ahead_reader, job));
	ssize_t n = 0;
	size_t room;
	char *at;

	while ((room = s2c_ring_room(a->ring, &at)) > 0) {
		n = s2c_read(a->next, at, room < S2C_AHEAD_PIECE ? room : S2C_AHEAD_PIECE,
			err);
		if (n <= 0)
			break;
		s2c_ring_put(a->ring, (size_t)n);
	}
	s2c_ring_end(a->ring);
	return n < 0 ? -1 : 0;
}

static void start(struct ahead_reader *a)
{
	a->pool = s2c_pool_new(1);
	a->ring = s2c_ring_new(S2C_AHEAD_MAX);
	if (s2c_pool_submit(a->pool, &a->job))
		return;
	s2c_job_drop(&a->job);
	a->direct = true;
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
	n = s2c_ring_take(a->ring, buf, len);
	if (n > 0)
		return (ssize_t)n;
	a->told = true;
	return s2c_job_wait(&a->job, err);
}

static void ahead_free(struct s2c_reader *reader)
{
	struct ahead_reader *a = (struct ahead_reader *)reader;

	if (a->job.pool) {
		s2c_ring_abandon(a->ring);
		if (a->stop)
			s2c_ctx_cancel(a->stop);
		s2c_job_drop(&a->job);
	}
	s2c_pool_free(a->pool);
	s2c_ring_free(a->ring);
	if (a->own)
		s2c_reader_free(a->next);
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
	a->next = next;
	a->own = own;
	a->stop = stop;
	return &a->base;
}
