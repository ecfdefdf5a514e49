/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzer of the tar reader: no input may do more than fail, and whatever is read must
 * come out the same after it was written and read again.
 */
#include <assert.h>
#include <stdint.h>

#include "codec/tar.h"

#define OUT_MAX (64u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct s2c_tar_limits limits = {10000, 4u * 1024 * 1024, 1024 * 1024};

static struct s2c_entries *reader(const void *data, size_t size)
{
	return s2c_tar_reader(s2c_reader_mem(data, size), true, limits);
}

static void must_equal(const struct s2c_entry *a, const struct s2c_entry *b)
{
	assert(a && b);
	assert(streq(a->path, b->path) && a->type == b->type && a->mode == b->mode);
	assert(a->uid == b->uid && a->gid == b->gid && a->size == b->size);
	assert(a->mtime == b->mtime && a->mtime_ns == b->mtime_ns);
	assert(!a->link == !b->link && (!a->link || streq(a->link, b->link)));
	assert(a->dev_major == b->dev_major && a->dev_minor == b->dev_minor);
	assert(a->n_xattrs == b->n_xattrs);
	for (size_t i = 0; i < a->n_xattrs; i++) {
		assert(streq(a->xattrs[i].name, b->xattrs[i].name));
		assert(a->xattrs[i].len == b->xattrs[i].len);
		assert(!memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].len));
	}
}

static void must_read_same(struct s2c_entries *a, struct s2c_entries *b)
{
	char x[5000], y[5000];
	ssize_t n = 0, m;

	do {
		n = s2c_entries_read(a, x, sizeof(x), NULL);
		assert(n >= 0);
		for (ssize_t at = 0; at < n; at += m) {
			m = s2c_entries_read(b, y, (size_t)(n - at), NULL);
			assert(m > 0 && !memcmp(x + at, y, (size_t)m));
		}
	} while (n > 0);
	assert(s2c_entries_read(b, y, 1, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new((struct s2c_sink){.emit = NULL});
	struct s2c_entries *in CLEAN_ENTRIES = reader(data, size);
	struct s2c_entries *a CLEAN_ENTRIES = NULL, *b CLEAN_ENTRIES = NULL;
	struct s2c_error *err CLEAN_ERROR = NULL;
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(OUT_MAX);
	struct s2c_writer *out CLEAN_WRITER = s2c_writer_buf(&buf);
	const struct s2c_entry *x, *y;

	if (s2c_tar_write_all(ctx, in, out, &err)) {
		assert(err && s2c_error_message(err)[0]);
		return 0;
	}
	a = reader(data, size);
	b = reader(buf.data, buf.len);
	do {
		if (s2c_entries_next(a, ctx, &x, NULL) ||
			s2c_entries_next(b, ctx, &y, NULL))
			assert(!"what was read once is read again");
		if (x || y) {
			must_equal(x, y);
			must_read_same(a, b);
		}
	} while (x);
	assert(!y);
	return 0;
}
