/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar writer turned around: each read that finds nothing left makes the next header
 * or piece of data.
 */
#include "codec/tar_stream.h"

#include "codec/tar.h"

#define PIECE 65536
/* A header with the extended header of the longest names, attributes and links. */
#define PENDING_MAX (32u * 1024 * 1024)

struct tar_stream {
	struct s2c_reader base;
	struct s2c_ctx *ctx;
	struct s2c_entries *entries;
	struct s2c_buf pending;
	size_t taken; /* of pending */
	struct s2c_writer *into;
	struct s2c_tar_writer *tar;
	uint64_t left; /* data of the current file that is still to come */
	bool ended;
};

static int make_data(struct tar_stream *t, struct s2c_error **err)
{
	char piece[PIECE];
	size_t want = t->left < sizeof(piece) ? (size_t)t->left : sizeof(piece);
	ssize_t n = s2c_entries_read(t->entries, piece, want, err);

	if (n < 0)
		return -1;
	if (n == 0)
		return s2c_fail(
			err, S2C_EINVAL, "a file became shorter while it was read");
	t->left -= (uint64_t)n;
	return s2c_tar_writer_data(t->tar, piece, (size_t)n, err);
}

static int make_more(struct tar_stream *t, struct s2c_error **err)
{
	const struct s2c_entry *entry;

	if (t->left)
		return make_data(t, err);
	if (s2c_entries_next(t->entries, t->ctx, &entry, err) < 0)
		return -1;
	if (!entry) {
		t->ended = true;
		return s2c_tar_writer_finish(t->tar, err);
	}
	t->left = entry->type == S2C_ENTRY_FILE ? entry->size : 0;
	return s2c_tar_writer_entry(t->tar, entry, err);
}

static ssize_t tar_stream_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct tar_stream *t = (struct tar_stream *)r;

	while (t->taken == t->pending.len && !t->ended) {
		s2c_buf_clear(&t->pending);
		t->taken = 0;
		if (make_more(t, err) < 0)
			return -1;
	}
	size_t rest = t->pending.len - t->taken;
	if (len > rest)
		len = rest;
	if (len)
		memcpy(buf, t->pending.data + t->taken, len);
	t->taken += len;
	return (ssize_t)len;
}

static void tar_stream_free(struct s2c_reader *r)
{
	struct tar_stream *t = (struct tar_stream *)r;

	s2c_tar_writer_free(t->tar);
	s2c_writer_free(t->into);
	s2c_buf_release(&t->pending);
	free(t);
}

struct s2c_reader *s2c_tar_stream(struct s2c_ctx *ctx, struct s2c_entries *entries)
{
	static const struct s2c_reader_ops ops = {
		.read = tar_stream_read, .free = tar_stream_free};
	struct tar_stream *t = xcalloc(1, sizeof(*t));

	t->base.ops = &ops;
	t->ctx = ctx;
	t->entries = entries;
	t->pending.max = PENDING_MAX;
	t->into = s2c_writer_buf(&t->pending);
	t->tar = s2c_tar_writer_new(t->into);
	return &t->base;
}
