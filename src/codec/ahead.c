/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries travel in batches, so that the two threads meet once for many small files. A
 * batch is the thread's until it is handed over, and the consumer's until it is given
 * back; they go around in a ring.
 */
#include "codec/ahead.h"

#include "util/pool.h"

struct batch {
	/* Set: this entry alone, of `next` and still in there. */
	const struct s2c_entry *direct;
	size_t n, used;
	struct s2c_entry entries[S2C_ENTRIES_AHEAD_ENTRIES]; /* their strings in bytes */
	const char *data[S2C_ENTRIES_AHEAD_ENTRIES];
	char bytes[S2C_ENTRIES_AHEAD_BYTES];
};

struct ahead {
	struct s2c_entries base;
	struct s2c_entries *next;
	bool own;
	struct s2c_ctx *ctx; /* a branch, cancelled when nobody wants more */
	struct s2c_job job;
	struct s2c_pool *pool; /* NULL before the first entry and behind the last one */
	struct batch *batches; /* S2C_ENTRIES_AHEAD_BATCHES of them */

	/* The consumer's own: */
	bool alone;          /* no thread */
	bool told, failed;   /* the end, or the error, has come out */
	struct batch *batch; /* that is taken from, or NULL */
	size_t at;           /* entries of it that were passed on */
	size_t pos;          /* bytes of the last one's data that were read */

	struct s2c_monitor *monitor; /* of what follows */
	size_t filled, emptied;      /* batches so far */
	bool ended;                  /* nothing more will be filled */
	bool quit;                   /* nothing more will be taken */
};

/* ---- the thread ---- */

/* Whether so few batches are with the consumer that a thread that waits is woken: for
 * each single one it would only be busy with waking up. */
static bool half_empty(const struct ahead *a, size_t most)
{
	return a->filled - a->emptied <= most / 2;
}

/* A batch to fill, once there are fewer than `most` with the consumer; NULL: quit. */
static struct batch *await_empty(struct ahead *a, size_t most)
{
	struct batch *b;

	s2c_monitor_enter(a->monitor);
	if (a->filled - a->emptied >= most)
		while (!a->quit && !half_empty(a, most))
			s2c_monitor_wait(a->monitor);
	b = a->quit ? NULL : &a->batches[a->filled % S2C_ENTRIES_AHEAD_BATCHES];
	s2c_monitor_leave(a->monitor);
	if (b) {
		b->direct = NULL;
		b->n = b->used = 0;
	}
	return b;
}

static void hand_over(struct ahead *a)
{
	s2c_monitor_enter(a->monitor);
	a->filled++;
	s2c_monitor_wake(a->monitor);
	s2c_monitor_leave(a->monitor);
}

static bool fits(const struct batch *b, const struct s2c_entry *e)
{
	size_t names = strlen(e->path) + 1 + (e->link ? strlen(e->link) + 1 : 0);
	size_t left = sizeof(b->bytes) - b->used;

	return b->n < ARRAY_SIZE(b->entries) && !e->n_xattrs && names <= left &&
	       e->size <= left - names;
}

static char *put(struct batch *b, const char *data, size_t len)
{
	char *at = memcpy(b->bytes + b->used, data, len);

	b->used += len;
	return at;
}

/* Reads the current entry's data, all of it. */
static int put_data(struct ahead *a, struct batch *b, const struct s2c_entry *e,
	struct s2c_error **err)
{
	size_t left = (size_t)e->size;

	while (left > 0) {
		ssize_t n = s2c_entries_read(a->next, b->bytes + b->used, left, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return s2c_fail(err, S2C_EINVAL,
				"'%s' changed while it was read; try again when nothing "
				"writes to it",
				e->path);
		b->used += (size_t)n;
		left -= (size_t)n;
	}
	return 0;
}

static int add(struct ahead *a, struct batch *b, const struct s2c_entry *e,
	struct s2c_error **err)
{
	struct s2c_entry *copy = &b->entries[b->n];

	*copy = *e;
	copy->path = put(b, e->path, strlen(e->path) + 1);
	if (e->link)
		copy->link = put(b, e->link, strlen(e->link) + 1);
	b->data[b->n] = b->bytes + b->used;
	if (put_data(a, b, e, err))
		return -1;
	b->n++;
	return 0;
}

/*
 * Puts an entry into *b, or hands that over before and takes the next one, which may be
 * NULL. -1 only for an error.
 */
static int pass_on(struct ahead *a, struct batch **b, const struct s2c_entry *e,
	struct s2c_error **err)
{
	if ((*b)->n > 0 && !fits(*b, e)) {
		hand_over(a);
		*b = await_empty(a, S2C_ENTRIES_AHEAD_BATCHES);
	}
	if (!*b)
		return 0;
	if (fits(*b, e))
		return add(a, *b, e, err);
	(*b)->direct = e;
	hand_over(a);
	*b = await_empty(a, 1);
	return 0;
}

static int produce(struct s2c_job *job, struct s2c_error **err)
{
	struct ahead *a = (struct ahead *)((char *)job - offsetof(struct ahead, job));
	struct batch *b = await_empty(a, S2C_ENTRIES_AHEAD_BATCHES);
	const struct s2c_entry *e;
	int rc = 0;

	while (b && rc == 0) {
		rc = s2c_entries_next(a->next, a->ctx, &e, err);
		if (rc < 0 || !e)
			break;
		rc = pass_on(a, &b, e, err);
	}
	if (b && b->n > 0)
		hand_over(a);
	s2c_monitor_enter(a->monitor);
	a->ended = true;
	s2c_monitor_wake(a->monitor);
	s2c_monitor_leave(a->monitor);
	return rc;
}

/* ---- the consumer ---- */

static void start(struct ahead *a)
{
	a->pool = s2c_pool_new(1);
	a->batches = xmalloc(S2C_ENTRIES_AHEAD_BATCHES * sizeof(*a->batches));
	if (s2c_pool_submit(a->pool, &a->job))
		return;
	s2c_job_drop(&a->job);
	a->alone = true;
}

/* A batch with something in it, or NULL when there will be none. */
static struct batch *await_filled(struct ahead *a)
{
	struct batch *b = NULL;

	s2c_monitor_enter(a->monitor);
	while (a->filled == a->emptied && !a->ended)
		s2c_monitor_wait(a->monitor);
	if (a->filled > a->emptied)
		b = &a->batches[a->emptied % S2C_ENTRIES_AHEAD_BATCHES];
	s2c_monitor_leave(a->monitor);
	return b;
}

static void give_back(struct ahead *a)
{
	a->batch = NULL;
	a->at = 0;
	s2c_monitor_enter(a->monitor);
	a->emptied++;
	if (half_empty(a, S2C_ENTRIES_AHEAD_BATCHES))
		s2c_monitor_wake(a->monitor);
	s2c_monitor_leave(a->monitor);
}

/* Ends the thread. */
static int finish(struct ahead *a, struct s2c_error **err)
{
	a->told = true;
	a->failed = s2c_job_wait(&a->job, err) < 0;
	s2c_pool_free(TAKE(a->pool));
	return a->failed ? -1 : 0;
}

static int ahead_next(struct s2c_entries *entries, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct ahead *a = (struct ahead *)entries;
	struct batch *b = a->batch;

	*out = NULL;
	if (a->failed)
		return s2c_fail(err, S2C_EIO, "cannot read on after a failure");
	if (a->told)
		return 0;
	if (!a->pool)
		start(a);
	if (a->alone)
		return s2c_entries_next(a->next, ctx, out, err);
	if (s2c_ctx_check(ctx, err) < 0)
		return -1;
	if (b && a->at == (b->direct ? 1 : b->n))
		give_back(a);
	if (!a->batch)
		a->batch = await_filled(a);
	b = a->batch;
	if (!b)
		return finish(a, err);
	*out = b->direct ? b->direct : &b->entries[a->at];
	a->at++;
	a->pos = 0;
	return 0;
}

/* Whether the current entry is still in `next`. */
static bool is_direct(const struct ahead *a)
{
	return a->alone || (a->batch && a->batch->direct && a->at > 0);
}

static ssize_t ahead_read(
	struct s2c_entries *entries, void *buf, size_t len, struct s2c_error **err)
{
	struct ahead *a = (struct ahead *)entries;
	size_t left;

	if (is_direct(a))
		return s2c_entries_read(a->next, buf, len, err);
	if (!a->batch || a->at == 0)
		return 0;
	left = (size_t)a->batch->entries[a->at - 1].size - a->pos;
	len = len < left ? len : left;
	memcpy(buf, a->batch->data[a->at - 1] + a->pos, len);
	a->pos += len;
	return (ssize_t)len;
}

static int ahead_data_fd(struct s2c_entries *entries)
{
	struct ahead *a = (struct ahead *)entries;

	return is_direct(a) ? s2c_entries_data_fd(a->next) : -1;
}

static void ahead_free(struct s2c_entries *entries)
{
	struct ahead *a = (struct ahead *)entries;

	s2c_monitor_enter(a->monitor);
	a->quit = true;
	s2c_monitor_wake(a->monitor);
	s2c_monitor_leave(a->monitor);
	s2c_ctx_cancel(a->ctx);
	s2c_job_drop(&a->job);
	s2c_pool_free(a->pool);
	s2c_monitor_free(a->monitor);
	if (a->own)
		s2c_entries_free(a->next);
	s2c_ctx_free(a->ctx);
	free(a->batches);
	free(a);
}

struct s2c_entries *s2c_entries_ahead(
	struct s2c_ctx *ctx, struct s2c_entries *next, bool own)
{
	static const struct s2c_entries_ops ops = {
		.next = ahead_next,
		.read = ahead_read,
		.data_fd = ahead_data_fd,
		.free = ahead_free,
	};
	struct ahead *a = xcalloc(1, sizeof(*a));

	a->base.ops = &ops;
	a->next = next;
	a->own = own;
	a->ctx = s2c_ctx_branch(ctx, 0);
	a->job.run = produce;
	a->monitor = s2c_monitor_new();
	return &a->base;
}
