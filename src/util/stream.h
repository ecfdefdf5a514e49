/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams. A reader is pulled, a writer is pushed; both stack by holding a `next`.
 * A layer is made by such a chain: tar -> digest (diffID) -> gzip -> digest -> file.
 *
 * Implementations embed the struct as first member and put a const ops table in it.
 */
#ifndef S2C_UTIL_STREAM_H
#define S2C_UTIL_STREAM_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "util/buf.h"
#include "util/ctx.h"

/* The piece size that copying loops use. */
#define S2C_STREAM_CHUNK (256u * 1024)

struct s2c_reader;
struct s2c_writer;

struct s2c_reader_ops {
	/* Up to `len` (> 0) bytes; 0 at the end, and again 0 after it; -1 with *err. */
	ssize_t (*read)(
		struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err);
	/* Frees the reader and what it owns. Required. */
	void (*free)(struct s2c_reader *r);
};

struct s2c_reader {
	const struct s2c_reader_ops *ops;
};

struct s2c_writer_ops {
	/* Takes all `len` bytes or fails; after a failure only free may be called. */
	S2C_CHECK int (*write)(struct s2c_writer *w, const void *buf, size_t len,
		struct s2c_error **err);
	/*
	 * The same for parts of memory, at once if that can be: who reads then wakes up
	 * once. May change `parts`. NULL: one write for each.
	 */
	S2C_CHECK int (*write_parts)(struct s2c_writer *w, struct iovec *parts, size_t n,
		struct s2c_error **err);
	/*
	 * Flushes what is held back and finishes `next` too; called at most once, no
	 * write may follow. Without it the output is incomplete. NULL: nothing to flush.
	 */
	S2C_CHECK int (*finish)(struct s2c_writer *w, struct s2c_error **err);
	/* Frees the writer; never its `next`, which belongs to who made it. Required. */
	void (*free)(struct s2c_writer *w);
};

struct s2c_writer {
	const struct s2c_writer_ops *ops;
};

S2C_CHECK ssize_t s2c_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err);
S2C_CHECK int s2c_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err);
S2C_CHECK int s2c_write_parts(
	struct s2c_writer *w, struct iovec *parts, size_t n, struct s2c_error **err);
/* For those that write parts: the first of them that is not empty, with `done` bytes
 * less; n when there is none. */
size_t s2c_parts_rest(struct iovec *parts, size_t n, size_t done);
S2C_CHECK int s2c_finish(struct s2c_writer *w, struct s2c_error **err);
void s2c_reader_free(struct s2c_reader *r); /* NULL is fine */
void s2c_writer_free(struct s2c_writer *w);

S2C_DEFINE_CLEAN(reader, struct s2c_reader *, s2c_reader_free)
S2C_DEFINE_CLEAN(writer, struct s2c_writer *, s2c_writer_free)
#define CLEAN_READER CLEAN(s2c_clean_reader)
#define CLEAN_WRITER CLEAN(s2c_clean_writer)

/* Reads fd from its current offset; closes it on free if `own`. */
struct s2c_reader *s2c_reader_fd(int fd, bool own);
/*
 * The same for a pipe or a socket, where data may never come: waits under ctx, which must
 * outlive the reader. A NULL ctx makes it s2c_reader_fd().
 */
struct s2c_reader *s2c_reader_pipe(struct s2c_ctx *ctx, int fd, bool own);
/* Reads `len` bytes of borrowed memory. */
struct s2c_reader *s2c_reader_mem(const void *data, size_t len);
/*
 * Passes `next` on and fails with S2C_ELIMIT ("<what> is larger than N bytes") once more
 * than `max` bytes come. Owns next if `own`.
 */
struct s2c_reader *s2c_reader_limit(
	struct s2c_reader *next, bool own, uint64_t max, const char *what);

/* Writes to fd at its current offset; closes it on free if `own`. */
struct s2c_writer *s2c_writer_fd(int fd, bool own);
/*
 * The same for a pipe or a socket: waits for room under ctx, which must outlive the
 * writer. Makes the fd non-blocking. EPIPE is an error like others if the program ignores
 * SIGPIPE.
 */
struct s2c_writer *s2c_writer_pipe(struct s2c_ctx *ctx, int fd, bool own);
/* Appends to a buf, which is borrowed and whose maximum holds. */
struct s2c_writer *s2c_writer_buf(struct s2c_buf *buf);
/* Writes everything to both (borrowed). */
struct s2c_writer *s2c_writer_tee(struct s2c_writer *a, struct s2c_writer *b);

/*
 * Reads `r` to its end and forgets what it gives: for readers that verify. `ctx` may be
 * NULL.
 */
S2C_CHECK int s2c_drain(
	struct s2c_ctx *ctx, struct s2c_reader *r, struct s2c_error **err);

/*
 * Copies until the end of `r`; does not finish `w`. Emits PROGRESS under `phase` when
 * phase is not NULL. *out_total (may be NULL) is the number of bytes.
 */
struct s2c_copy {
	const char *phase;
	const char *subject;
	uint64_t total; /* expected bytes for progress, 0 = unknown */
};
S2C_CHECK int s2c_copy(struct s2c_ctx *ctx, struct s2c_reader *r, struct s2c_writer *w,
	const struct s2c_copy *opts, uint64_t *out_total, struct s2c_error **err);

#endif
