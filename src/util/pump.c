/* SPDX-License-Identifier: Apache-2.0 */
/* The pump: a ring with a writer and a reader, and the job that writes. */
#include "util/pump.h"

#include "util/pool.h"
#include "util/ring.h"

struct pump {
	struct s2c_reader reader;
	struct s2c_writer writer;
	struct s2c_pump what;
	struct s2c_ctx *ctx; /* a branch, cancelled when the reader goes */
	struct s2c_pool *pool;
	struct s2c_job job;
	struct s2c_ring *ring;
	bool started, failed; /* the reader's own */
};

/* ---- the side that writes ---- */

static int pump_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct pump *p = (struct pump *)((char *)w - offsetof(struct pump, writer));
	const char *data = buf;

	while (len > 0) {
		char *at;
		size_t n = s2c_ring_room(p->ring, &at);

		if (n == 0)
			return s2c_fail(err, S2C_ECANCELED, "nobody reads any more");
		n = n < len ? n : len;
		memcpy(at, data, n);
		s2c_ring_put(p->ring, n);
		data += n;
		len -= n;
	}
	return 0;
}

/* It is part of the pump. */
static void pump_writer_free(struct s2c_writer *w)
{
	(void)w;
}

static const struct s2c_writer_ops writer_ops = {
	.write = pump_write, .free = pump_writer_free};

static int run(struct s2c_job *job, struct s2c_error **err)
{
	struct pump *p = (struct pump *)((char *)job - offsetof(struct pump, job));
	int rc = p->what.run(p->what.self, p->ctx, &p->writer, err);

	s2c_ring_end(p->ring);
	return rc;
}

/* ---- the side that reads ---- */

static int start(struct pump *p, struct s2c_error **err)
{
	p->started = true;
	if (s2c_pool_submit(p->pool, &p->job))
		return 0;
	s2c_job_drop(&p->job);
	p->failed = true;
	return s2c_fail(err, S2C_EIO, "cannot start a thread");
}

static ssize_t pump_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct pump *p = (struct pump *)r;
	size_t n;

	if (!p->started && start(p, err) < 0)
		return -1;
	if (p->failed)
		return s2c_fail(err, S2C_EIO, "it failed before");
	n = s2c_ring_take(p->ring, buf, len);
	if (n > 0)
		return (ssize_t)n;
	/* The end: how it came about is told once. */
	if (p->job.pool && s2c_job_wait(&p->job, err) < 0) {
		p->failed = true;
		return -1;
	}
	return 0;
}

static void pump_free(struct s2c_reader *r)
{
	struct pump *p = (struct pump *)r;

	s2c_ctx_cancel(p->ctx);
	s2c_ring_abandon(p->ring);
	s2c_job_drop(&p->job);
	s2c_pool_free(p->pool);
	s2c_ctx_free(p->ctx);
	s2c_ring_free(p->ring);
	free(p);
}

static const struct s2c_reader_ops reader_ops = {.read = pump_read, .free = pump_free};

struct s2c_reader *s2c_reader_pump(struct s2c_ctx *ctx, const struct s2c_pump *pump)
{
	struct pump *p = xcalloc(1, sizeof(*p));

	p->reader.ops = &reader_ops;
	p->writer.ops = &writer_ops;
	p->what = *pump;
	p->ctx = s2c_ctx_branch(ctx, 0);
	p->pool = s2c_pool_new(1);
	p->job.run = run;
	p->ring = s2c_ring_new(S2C_PUMP_MAX);
	return &p->reader;
}
