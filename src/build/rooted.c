/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of entries that begins with ".".
 */
#include "build/rooted.h"

#include <stdbool.h>

struct rooted {
	struct s2c_entries base;
	struct s2c_entries *next;
	struct s2c_entry root;
	bool sent, behind; /* the root was handed out; the current entry is of `next` */
};

static int rooted_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct rooted *self = (struct rooted *)e;

	if (!self->sent) {
		self->sent = true;
		*out = &self->root;
		return 0;
	}
	self->behind = true;
	return s2c_entries_next(self->next, ctx, out, err);
}

static ssize_t rooted_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct rooted *self = (struct rooted *)e;

	return self->behind ? s2c_entries_read(self->next, buf, len, err) : 0;
}

static int rooted_data_fd(struct s2c_entries *e)
{
	struct rooted *self = (struct rooted *)e;

	return self->behind ? s2c_entries_data_fd(self->next) : -1;
}

static void rooted_free(struct s2c_entries *e)
{
	struct rooted *self = (struct rooted *)e;

	s2c_entry_release(&self->root);
	s2c_entries_free(self->next);
	free(self);
}

static const struct s2c_entries_ops rooted_ops = {
	.next = rooted_next,
	.read = rooted_read,
	.data_fd = rooted_data_fd,
	.free = rooted_free,
};

struct s2c_entries *s2c_rooted(struct s2c_entries *next, int64_t mtime, uint32_t mtime_ns)
{
	struct rooted *self = xcalloc(1, sizeof(*self));

	self->base.ops = &rooted_ops;
	self->next = next;
	self->root.path = xstrdup(".");
	self->root.type = S2C_ENTRY_DIR;
	self->root.mode = 0755;
	self->root.mtime = mtime;
	self->root.mtime_ns = mtime_ns;
	return &self->base;
}
