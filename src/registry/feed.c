/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of uploads: windows on one reader of the blob.
 */
#include "registry/upload.h"

struct window {
	struct s2c_reader base;
	struct s2c_feed *feed;
};

/* After the last byte: a reader that verifies tells by its end whether they are right. */
static int read_end(struct s2c_feed *feed, struct s2c_error **err)
{
	char extra;
	ssize_t n = s2c_read(feed->reader, &extra, 1, err);

	if (n > 0)
		return s2c_fail(err, S2C_EDIGEST, "'%s' has more than %llu bytes",
			feed->desc->digest.str, (unsigned long long)feed->desc->size);
	return (int)n;
}

static ssize_t read_some(
	struct s2c_feed *feed, void *buf, size_t len, struct s2c_error **err)
{
	ssize_t n = s2c_read(feed->reader, buf, len, err);

	if (n == 0)
		return s2c_fail(err, S2C_EDIGEST, "'%s' has %llu bytes instead of %llu",
			feed->desc->digest.str, (unsigned long long)feed->at,
			(unsigned long long)feed->desc->size);
	if (n < 0)
		return -1;
	feed->at += (uint64_t)n;
	if (feed->at >= feed->desc->size && read_end(feed, err) < 0)
		return -1;
	s2c_emit_progress(
		feed->ctx, "push", feed->desc->digest.str, feed->at, feed->desc->size);
	return n;
}

static ssize_t window_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct s2c_feed *feed = ((struct window *)r)->feed;
	ssize_t n;

	s2c_error_free(TAKE(feed->failure));
	n = read_some(feed, buf, len, &feed->failure);
	if (n >= 0)
		return n;
	/* A reader that failed is not to be read again. */
	s2c_reader_free(TAKE(feed->reader));
	return s2c_fail(err, S2C_EIO, "%s", s2c_error_message(feed->failure));
}

static void window_free(struct s2c_reader *r)
{
	free(r);
}

static const struct s2c_reader_ops window_ops = {
	.read = window_read, .free = window_free};

static int open_window(
	void *self, uint64_t offset, struct s2c_reader **out, struct s2c_error **err)
{
	struct s2c_feed *feed = self;
	struct window *window;

	if (!feed->reader || feed->at != offset) {
		s2c_reader_free(TAKE(feed->reader));
		if (feed->source->open(feed->source->self, offset, &feed->reader, err) <
			0)
			return -1;
		feed->at = offset;
	}
	window = xcalloc(1, sizeof(*window));
	window->base.ops = &window_ops;
	window->feed = feed;
	*out = &window->base;
	return 0;
}

void s2c_feed_release(struct s2c_feed *feed)
{
	s2c_reader_free(TAKE(feed->reader));
	s2c_error_free(TAKE(feed->failure));
}

struct s2c_blob_source s2c_feed_source(struct s2c_feed *feed)
{
	return (struct s2c_blob_source){.open = open_window, .self = feed};
}
