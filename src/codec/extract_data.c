/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File contents on their way to disk: copied inside the kernel where that works, else
 * read and written, with holes for long runs of zeros.
 */
#include <errno.h>
#include <unistd.h>

#include "codec/extract_impl.h"
#include "util/error.h"
#include "util/fs.h"

#define HOLE (64u * 1024) /* a run of zeros of this length becomes a hole */
#define KERNEL_COPY_MIN                                                                  \
	(1024u * 1024) /* below it two more calls cost more than they save */
#define KERNEL_COPY_STEP (64u * 1024 * 1024) /* so that a cancel is seen in between */

static int fail_changed(const struct s2c_entry *entry, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL,
		"'%s' changed while it was read; try again when nothing writes to it",
		entry->path);
}

static bool is_zero(const char *buf, size_t len)
{
	return buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0;
}

static int write_at(int fd, const char *buf, size_t len, uint64_t at,
	const struct s2c_entry *entry, struct s2c_error **err)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, buf, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return s2c_fail_errno(
				err, errno, "cannot write '%s'", entry->path);
		buf += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

/* Writes a chunk but for its aligned runs of zeros. */
static int write_sparse(int fd, const char *buf, size_t len, uint64_t at,
	const struct s2c_entry *entry, struct s2c_error **err)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i += HOLE) {
		size_t piece = len - i < HOLE ? len - i : HOLE;

		if (piece < HOLE || !is_zero(buf + i, piece))
			continue;
		if (write_at(fd, buf + from, i - from, at + from, entry, err))
			return -1;
		from = i + HOLE;
	}
	if (from >= len)
		return 0;
	return write_at(fd, buf + from, len - from, at + from, entry, err);
}

/* Reads until the chunk is full or the data ends, so that holes stay aligned. */
static ssize_t read_chunk(struct s2c_entries *data, char *buf, struct s2c_error **err)
{
	size_t used = 0;

	while (used < S2C_STREAM_CHUNK) {
		ssize_t n = s2c_entries_read(
			data, buf + used, S2C_STREAM_CHUNK - used, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static int copy_by_reading(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_entries *data, int fd,
	struct s2c_error **err)
{
	uint64_t at = 0;

	if (!x->buf)
		x->buf = xmalloc(S2C_STREAM_CHUNK);
	while (at < entry->size) {
		ssize_t n = read_chunk(data, x->buf, err);

		if (n < 0)
			return -1;
		if (n == 0 || (uint64_t)n > entry->size - at)
			return fail_changed(entry, err);
		if (write_sparse(fd, x->buf, (size_t)n, at, entry, err) ||
			s2c_ctx_check(ctx, err))
			return -1;
		at += (uint64_t)n;
	}
	if (entry->size >= HOLE && ftruncate(fd, (off_t)entry->size))
		return s2c_fail_errno(err, errno, "cannot write '%s'", entry->path);
	return 0;
}

/* 1: done; 0: this pair of file systems cannot, nothing happened. */
static int copy_in_kernel(struct s2c_ctx *ctx, const struct s2c_entry *entry, int from,
	int fd, struct s2c_error **err)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st))
		return s2c_fail_errno(err, errno, "cannot read '%s'", entry->path);
	if ((uint64_t)st.st_size != entry->size)
		return fail_changed(entry, err);
	if ((uint64_t)st.st_blocks * 512 < entry->size)
		return 0; /* it has holes, which reading preserves */
	while ((uint64_t)at < entry->size) {
		uint64_t left = entry->size - (uint64_t)at;
		ssize_t n = copy_file_range(from, &at, fd, NULL,
			left < KERNEL_COPY_STEP ? (size_t)left : KERNEL_COPY_STEP, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* /proc and FUSE files may end at once: let read find out. */
		if (n <= 0 && at == 0)
			return 0;
		if (n < 0)
			return s2c_fail_errno(
				err, errno, "cannot copy '%s'", entry->path);
		if (n == 0)
			return fail_changed(entry, err);
		if (s2c_ctx_check(ctx, err))
			return -1;
	}
	if (fstat(from, &st) || (uint64_t)st.st_size != entry->size)
		return fail_changed(entry, err);
	return 1;
}

int s2c_extract_data(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_entries *data, int fd,
	struct s2c_error **err)
{
	int from = entry->size >= KERNEL_COPY_MIN ? s2c_entries_data_fd(data) : -1;
	int done = 0;

	if (from >= 0)
		done = copy_in_kernel(ctx, entry, from, fd, err);
	if (done)
		return done < 0 ? -1 : 0;
	return copy_by_reading(x, ctx, entry, data, fd, err);
}
