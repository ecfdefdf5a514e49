/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting what passes by. How often a terminal is redrawn is the sink's business.
 */
#include "codec/progress.h"

#define STEP (1024u * 1024) /* bytes between two events */

struct counter {
	struct s2c_ctx *ctx;
	struct s2c_progress told;
	uint64_t bytes, emitted;
};

static void count(struct counter *c, const char *subject, uint64_t bytes)
{
	c->bytes += bytes;
	if (c->bytes - c->emitted < STEP)
		return;
	c->emitted = c->bytes;
	s2c_emit_progress(c->ctx, c->told.phase, subject, c->bytes, c->told.total);
}

/* ---- readers ---- */

struct reader {
	struct s2c_reader base;
	struct s2c_reader *next;
	bool own;
	struct counter counter;
};

static ssize_t reader_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct reader *self = (struct reader *)r;
	ssize_t n = s2c_read(self->next, buf, len, err);

	if (n > 0)
		count(&self->counter, self->counter.told.subject, (uint64_t)n);
	return n;
}

static void reader_free(struct s2c_reader *r)
{
	struct reader *self = (struct reader *)r;

	if (self->own)
		s2c_reader_free(self->next);
	free(self);
}

struct s2c_reader *s2c_reader_progress(struct s2c_ctx *ctx, struct s2c_reader *next,
	bool own, const struct s2c_progress *told)
{
	static const struct s2c_reader_ops ops = {
		.read = reader_read, .free = reader_free};
	struct reader *self = xmalloc(sizeof(*self));

	*self = (struct reader){
		.base.ops = &ops,
		.next = next,
		.own = own,
		.counter = {.ctx = ctx, .told = *told},
	};
	return &self->base;
}

/* ---- entries ---- */

struct entries {
	struct s2c_entries base;
	struct s2c_entries *next;
	bool own;
	struct counter counter;
	const struct s2c_entry *entry; /* borrowed from next; NULL before the first */
	uint64_t unread; /* of the entry's data, as far as it was asked for */
};

static int entries_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct entries *self = (struct entries *)e;
	struct counter *c = &self->counter;

	/* What was not read went through data_fd. */
	if (self->entry)
		count(c, self->entry->path, self->unread);
	self->entry = NULL;
	self->unread = 0;
	if (s2c_entries_next(self->next, ctx, out, err))
		return -1;
	if (!*out) {
		s2c_emit_progress(
			c->ctx, c->told.phase, c->told.subject, c->bytes, c->told.total);
		return 0;
	}
	self->entry = *out;
	self->unread = (*out)->type == S2C_ENTRY_FILE ? (*out)->size : 0;
	return 0;
}

static ssize_t entries_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct entries *self = (struct entries *)e;
	ssize_t n = s2c_entries_read(self->next, buf, len, err);

	if (n > 0 && self->entry) {
		self->unread -= (uint64_t)n < self->unread ? (uint64_t)n : self->unread;
		count(&self->counter, self->entry->path, (uint64_t)n);
	}
	return n;
}

static int entries_data_fd(struct s2c_entries *e)
{
	return s2c_entries_data_fd(((struct entries *)e)->next);
}

static void entries_free(struct s2c_entries *e)
{
	struct entries *self = (struct entries *)e;

	if (self->own)
		s2c_entries_free(self->next);
	free(self);
}

struct s2c_entries *s2c_entries_progress(struct s2c_ctx *ctx, struct s2c_entries *next,
	bool own, const struct s2c_progress *told)
{
	static const struct s2c_entries_ops ops = {
		.next = entries_next,
		.read = entries_read,
		.data_fd = entries_data_fd,
		.free = entries_free,
	};
	struct entries *self = xmalloc(sizeof(*self));

	*self = (struct entries){
		.base.ops = &ops,
		.next = next,
		.own = own,
		.counter = {.ctx = ctx, .told = *told},
	};
	return &self->base;
}
