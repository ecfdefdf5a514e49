/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pump: a ring of bytes with a writer and a reader, each of which waits for the other
 * under the monitor.
 */
#include "util/pump.h"

#include "util/pool.h"

struct pump {
	struct s2c_reader reader;
	struct s2c_writer writer;
	struct s2c_pump what;
	struct s2c_ctx *ctx; /* a branch, cancelled when the reader goes */
	struct s2c_pool *pool;
	struct s2c_job job;
	bool started, failed;     /* the reader's own */
	struct s2c_monitor *lock; /* of what follows */
	char *ring;
	size_t at, filled;
	bool ended;     /* nothing more will be written */
	bool abandoned; /* nothing more will be read */
};

/* ---- the side that writes ---- */

/* Room in one piece, waited for; 0 when nobody reads any more. */
static size_t await_room(struct pump *p, size_t *out_at)
{
	size_t room;

	s2c_monitor_enter(p->lock);
	while (!p->abandoned && p->filled == S2C_PUMP_MAX)
		s2c_monitor_wait(p->lock);
	room = p->abandoned ? 0 : S2C_PUMP_MAX - p->filled;
	*out_at = (p->at + p->filled) % S2C_PUMP_MAX;
	s2c_monitor_leave(p->lock);
	return room < S2C_PUMP_MAX - *out_at ? room : S2C_PUMP_MAX - *out_at;
}

/* Bytes that came in, or the end of all. */
static void hand_over(struct pump *p, size_t n, bool last)
{
	s2c_monitor_enter(p->lock);
	p->filled += n;
	p->ended = last;
	s2c_monitor_wake(p->lock);
	s2c_monitor_leave(p->lock);
}

static int pump_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct pump *p = (struct pump *)((char *)w - offsetof(struct pump, writer));
	const char *data = buf;

	while (len > 0) {
		size_t at, n = await_room(p, &at);

		if (n == 0)
			return s2c_fail(err, S2C_ECANCELED, "nobody reads any more");
		n = n < len ? n : len;
		memcpy(p->ring + at, data, n);
		hand_over(p, n, false);
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

	hand_over(p, 0, true);
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

/* Bytes in one piece, waited for; 0 when there will be none. */
static size_t await_bytes(struct pump *p, size_t len)
{
	size_t n;

	s2c_monitor_enter(p->lock);
	while (p->filled == 0 && !p->ended)
		s2c_monitor_wait(p->lock);
	n = p->filled < len ? p->filled : len;
	s2c_monitor_leave(p->lock);
	return n < S2C_PUMP_MAX - p->at ? n : S2C_PUMP_MAX - p->at;
}

static void take(struct pump *p, void *buf, size_t n)
{
	memcpy(buf, p->ring + p->at, n);
	s2c_monitor_enter(p->lock);
	p->at = (p->at + n) % S2C_PUMP_MAX;
	p->filled -= n;
	s2c_monitor_wake(p->lock);
	s2c_monitor_leave(p->lock);
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
	n = await_bytes(p, len);
	if (n > 0) {
		take(p, buf, n);
		return (ssize_t)n;
	}
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
	s2c_monitor_enter(p->lock);
	p->abandoned = true;
	s2c_monitor_wake(p->lock);
	s2c_monitor_leave(p->lock);
	s2c_job_drop(&p->job);
	s2c_pool_free(p->pool);
	s2c_ctx_free(p->ctx);
	s2c_monitor_free(p->lock);
	free(p->ring);
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
	p->lock = s2c_monitor_new();
	p->ring = xmalloc(S2C_PUMP_MAX);
	return &p->reader;
}
