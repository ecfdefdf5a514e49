/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of entries for tests: one from an array, and short ways to write, read and
 * compare archives. Include after helper.h.
 */
#ifndef S2C_TESTS_UNIT_ENTRIES_H
#define S2C_TESTS_UNIT_ENTRIES_H

#include "codec/tar.h"

/* An entry and its data, for tables: only what differs from a 0644 file is said. */
struct item {
	const char *path;
	enum s2c_entry_type type;
	mode_t mode;
	uint32_t uid, gid;
	const char *link;
	const char *data; /* of files */
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t major, minor;
	const char *xattr, *value; /* one attribute */
	size_t value_len;
};

struct item_stream {
	struct s2c_entries base;
	const struct item *items;
	size_t n, next;
	struct s2c_entry entry;
	size_t pos;
	int shrink; /* bytes to hold back */
};

UNUSED static void item_entry(const struct item *item, struct s2c_entry *e)
{
	e->path = xstrdup(item->path);
	e->type = item->type;
	e->mode = item->mode ? item->mode : item->type == S2C_ENTRY_DIR ? 0755 : 0644;
	e->uid = item->uid;
	e->gid = item->gid;
	e->link = item->link ? xstrdup(item->link) : NULL;
	e->size = item->data ? strlen(item->data) : 0;
	e->mtime = item->mtime;
	e->mtime_ns = item->mtime_ns;
	e->dev_major = item->major;
	e->dev_minor = item->minor;
	if (item->xattr)
		assert_ok(s2c_entry_add_xattr(
			e, item->xattr, item->value, item->value_len, &terr));
}

UNUSED static int item_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct item_stream *s = (struct item_stream *)e;

	(void)ctx;
	(void)err;
	s2c_entry_release(&s->entry);
	s->pos = 0;
	*out = NULL;
	if (s->next == s->n)
		return 0;
	item_entry(&s->items[s->next++], &s->entry);
	*out = &s->entry;
	return 0;
}

UNUSED static ssize_t item_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct item_stream *s = (struct item_stream *)e;
	const char *data = s->items[s->next - 1].data;
	size_t left = s->entry.size - s->pos;

	(void)err;
	left -= left && s->shrink ? (size_t)s->shrink : 0;
	if (len > left)
		len = left;
	if (len)
		memcpy(buf, data + s->pos, len);
	s->pos += len;
	return (ssize_t)len;
}

UNUSED static void item_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct item_stream *)e)->entry);
	free(e);
}

UNUSED static struct s2c_entries *item_stream(const struct item *items, size_t n)
{
	static const struct s2c_entries_ops ops = {
		.next = item_next, .read = item_read, .free = item_free};
	struct item_stream *s = xcalloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->items = items;
	s->n = n;
	return &s->base;
}

/* The archive of a table. */
UNUSED static void items_to_tar(const struct item *items, size_t n, struct s2c_buf *buf)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *s CLEAN_ENTRIES = item_stream(items, n);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(buf);

	assert_ok(s2c_tar_write_all(ctx, s, w, &terr));
}

#endif
