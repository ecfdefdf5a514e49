/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain streams: descriptors, memory, buffers, limit and tee, and the copying loop.
 * Streams that transform (digest, compression, tar) live in codec.
 */
#include "util/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "util/fs.h"

ssize_t s2c_read(struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	assert(len > 0);
	return r->ops->read(r, buf, len, err);
}

int s2c_write(struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	return len ? w->ops->write(w, buf, len, err) : 0;
}

int s2c_write_parts(
	struct s2c_writer *w, struct iovec *parts, size_t n, struct s2c_error **err)
{
	if (w->ops->write_parts)
		return w->ops->write_parts(w, parts, n, err);
	for (size_t i = 0; i < n; i++)
		if (s2c_write(w, parts[i].iov_base, parts[i].iov_len, err) < 0)
			return -1;
	return 0;
}

size_t s2c_parts_rest(struct iovec *parts, size_t n, size_t done)
{
	for (size_t i = 0; i < n; i++) {
		if (done < parts[i].iov_len) {
			parts[i].iov_base = (char *)parts[i].iov_base + done;
			parts[i].iov_len -= done;
			return i;
		}
		done -= parts[i].iov_len;
	}
	return n;
}

int s2c_finish(struct s2c_writer *w, struct s2c_error **err)
{
	return w->ops->finish ? w->ops->finish(w, err) : 0;
}

void s2c_reader_free(struct s2c_reader *r)
{
	if (r)
		r->ops->free(r);
}

void s2c_writer_free(struct s2c_writer *w)
{
	if (w)
		w->ops->free(w);
}

struct fd_reader {
	struct s2c_reader base;
	struct s2c_ctx *ctx; /* NULL: a file, which never blocks for long */
	int fd;
	bool own;
};

static ssize_t fd_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct fd_reader *self = (struct fd_reader *)r;
	ssize_t n;

	do {
		struct pollfd p = {.fd = self->fd, .events = POLLIN};

		if (self->ctx && s2c_ctx_poll(self->ctx, &p, 1, -1, NULL, err) < 0)
			return -1;
		n = read(self->fd, buf, len);
	} while (n < 0 && (errno == EINTR || (self->ctx && errno == EAGAIN)));
	if (n < 0)
		return s2c_fail_errno(err, errno, "cannot read");
	return n;
}

static void fd_reader_free(struct s2c_reader *r)
{
	struct fd_reader *self = (struct fd_reader *)r;

	if (self->own)
		s2c_clean_fd(&self->fd);
	free(self);
}

static const struct s2c_reader_ops fd_reader_ops = {
	.read = fd_read,
	.free = fd_reader_free,
};

struct s2c_reader *s2c_reader_pipe(struct s2c_ctx *ctx, int fd, bool own)
{
	struct fd_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &fd_reader_ops;
	self->ctx = ctx;
	self->fd = fd;
	self->own = own;
	return &self->base;
}

struct s2c_reader *s2c_reader_fd(int fd, bool own)
{
	return s2c_reader_pipe(NULL, fd, own);
}

struct mem_reader {
	struct s2c_reader base;
	const char *data;
	size_t left;
};

static ssize_t mem_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct mem_reader *self = (struct mem_reader *)r;

	if (len > self->left)
		len = self->left;
	if (len)
		memcpy(buf, self->data, len);
	self->data += len;
	self->left -= len;
	return (ssize_t)len;
}

static void mem_reader_free(struct s2c_reader *r)
{
	free(r);
}

static const struct s2c_reader_ops mem_reader_ops = {
	.read = mem_read,
	.free = mem_reader_free,
};

struct s2c_reader *s2c_reader_mem(const void *data, size_t len)
{
	struct mem_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &mem_reader_ops;
	self->data = len ? data : "";
	self->left = len;
	return &self->base;
}

struct limit_reader {
	struct s2c_reader base;
	struct s2c_reader *next;
	bool own;
	uint64_t max;
	uint64_t seen;
	char *what;
};

static ssize_t limit_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct limit_reader *self = (struct limit_reader *)r;
	ssize_t n;

	/* One byte beyond is asked for, to tell "just as large" from "larger". */
	if (self->max - self->seen < len)
		len = (size_t)(self->max - self->seen) + 1;
	n = s2c_read(self->next, buf, len, err);
	if (n < 0)
		return -1;
	if ((uint64_t)n > self->max - self->seen)
		return s2c_fail(err, S2C_ELIMIT, "%s is larger than %" PRIu64 " bytes",
			self->what, self->max);
	self->seen += (uint64_t)n;
	return n;
}

static void limit_reader_free(struct s2c_reader *r)
{
	struct limit_reader *self = (struct limit_reader *)r;

	if (self->own)
		s2c_reader_free(self->next);
	free(self->what);
	free(self);
}

static const struct s2c_reader_ops limit_reader_ops = {
	.read = limit_read,
	.free = limit_reader_free,
};

struct s2c_reader *s2c_reader_limit(
	struct s2c_reader *next, bool own, uint64_t max, const char *what)
{
	struct limit_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &limit_reader_ops;
	self->next = next;
	self->own = own;
	self->max = max;
	self->what = xstrdup(what);
	return &self->base;
}

struct fd_writer {
	struct s2c_writer base;
	struct s2c_ctx *ctx; /* NULL: a file */
	int fd;
	bool own;
};

static int fd_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	return s2c_fs_write_all(((struct fd_writer *)w)->fd, buf, len, err);
}

/* Mostly there is room, so it is waited for only when there is not. */
static int pipe_write_parts(
	struct s2c_writer *w, struct iovec *parts, size_t n, struct s2c_error **err)
{
	struct fd_writer *self = (struct fd_writer *)w;
	struct pollfd room = {.fd = self->fd, .events = POLLOUT};
	size_t first = s2c_parts_rest(parts, n, 0);

	while (first < n) {
		if (s2c_ctx_check(self->ctx, err) < 0)
			return -1;
		ssize_t done = writev(self->fd, parts + first, (int)(n - first));

		if (done >= 0) {
			first += s2c_parts_rest(parts + first, n - first, (size_t)done);
			continue;
		}
		if (errno != EINTR && errno != EAGAIN)
			return s2c_fail_errno(err, errno, "cannot write");
		if (errno == EAGAIN &&
			s2c_ctx_poll(self->ctx, &room, 1, -1, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int pipe_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct iovec all = {.iov_base = (void *)buf, .iov_len = len};

	return pipe_write_parts(w, &all, 1, err);
}

static void fd_writer_free(struct s2c_writer *w)
{
	struct fd_writer *self = (struct fd_writer *)w;

	if (self->own)
		s2c_clean_fd(&self->fd);
	free(self);
}

static const struct s2c_writer_ops fd_writer_ops = {
	.write = fd_write,
	.free = fd_writer_free,
};

static const struct s2c_writer_ops pipe_writer_ops = {
	.write = pipe_write,
	.write_parts = pipe_write_parts,
	.free = fd_writer_free,
};

struct s2c_writer *s2c_writer_fd(int fd, bool own)
{
	struct fd_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &fd_writer_ops;
	self->fd = fd;
	self->own = own;
	return &self->base;
}

struct s2c_writer *s2c_writer_pipe(struct s2c_ctx *ctx, int fd, bool own)
{
	struct fd_writer *self = (struct fd_writer *)s2c_writer_fd(fd, own);
	int flags = fcntl(fd, F_GETFL);

	self->base.ops = &pipe_writer_ops;
	self->ctx = ctx;
	/* A writable pipe has room for one page only; more would block out of reach. */
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return &self->base;
}

struct buf_writer {
	struct s2c_writer base;
	struct s2c_buf *buf;
};

static int buf_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	return s2c_buf_add(((struct buf_writer *)w)->buf, buf, len, err);
}

static void writer_free(struct s2c_writer *w)
{
	free(w);
}

static const struct s2c_writer_ops buf_writer_ops = {
	.write = buf_write,
	.free = writer_free,
};

struct s2c_writer *s2c_writer_buf(struct s2c_buf *buf)
{
	struct buf_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &buf_writer_ops;
	self->buf = buf;
	return &self->base;
}

struct tee_writer {
	struct s2c_writer base;
	struct s2c_writer *a;
	struct s2c_writer *b;
};

static int tee_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct tee_writer *self = (struct tee_writer *)w;

	if (s2c_write(self->a, buf, len, err) < 0)
		return -1;
	return s2c_write(self->b, buf, len, err);
}

static int tee_finish(struct s2c_writer *w, struct s2c_error **err)
{
	struct tee_writer *self = (struct tee_writer *)w;

	if (s2c_finish(self->a, err) < 0)
		return -1;
	return s2c_finish(self->b, err);
}

static const struct s2c_writer_ops tee_writer_ops = {
	.write = tee_write,
	.finish = tee_finish,
	.free = writer_free,
};

struct s2c_writer *s2c_writer_tee(struct s2c_writer *a, struct s2c_writer *b)
{
	struct tee_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &tee_writer_ops;
	self->a = a;
	self->b = b;
	return &self->base;
}

int s2c_drain(struct s2c_ctx *ctx, struct s2c_reader *r, struct s2c_error **err)
{
	CLEAN_FREE char *chunk = xmalloc(S2C_STREAM_CHUNK);
	ssize_t n;

	do {
		if (ctx && s2c_ctx_check(ctx, err) < 0)
			return -1;
		n = s2c_read(r, chunk, S2C_STREAM_CHUNK, err);
	} while (n > 0);
	return (int)n;
}

int s2c_copy(struct s2c_ctx *ctx, struct s2c_reader *r, struct s2c_writer *w,
	const struct s2c_copy *opts, uint64_t *out_total, struct s2c_error **err)
{
	CLEAN_FREE char *chunk = xmalloc(S2C_STREAM_CHUNK);
	uint64_t total = 0;

	for (;;) {
		ssize_t n;

		if (s2c_ctx_check(ctx, err) < 0)
			return -1;
		n = s2c_read(r, chunk, S2C_STREAM_CHUNK, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		if (s2c_write(w, chunk, (size_t)n, err) < 0)
			return -1;
		total += (uint64_t)n;
		if (opts && opts->phase)
			s2c_emit_progress(
				ctx, opts->phase, opts->subject, total, opts->total);
	}
	if (out_total)
		*out_total = total;
	return 0;
}
