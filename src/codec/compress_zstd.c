/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd (RFC 8878). Writing makes one frame with a checksum, in threads of the library:
 * it cuts the input into jobs of a fixed size that overlap, so that the bytes are the
 * same for any number of threads (though not those of its plain form). Reading takes
 * any number of frames and skippable frames with a window up to S2C_ZSTD_WINDOW_LOG_MAX,
 * not the formats of before 1.0, and nothing behind the last frame.
 */
#include <zstd.h>
#include <zstd_errors.h>

#include "codec/compress_impl.h"
#include "util/pool.h"

/* Levels beyond need more memory than a layer is worth. */
#define LEVEL_MAX 19
/*
 * All of these are part of what makes the bytes. With half a window of overlap jobs are
 * as good as one piece; larger ones would only need more memory.
 */
#define JOB_SIZE (2 * 1024 * 1024)
#define OVERLAP_LOG 8    /* of the window: half */
#define CHAIN_LOG_MAX 23 /* of level 18; 19 would double it to 64 MiB */

/* So many threads keep to 64 MiB, at the highest levels to 75 MiB. */
static const struct {
	int up_to;
	unsigned threads;
} threads_of_level[] = {{3, 12}, {5, 6}, {8, 4}, {10, 3}, {12, 2}, {LEVEL_MAX, 1}};

/* --- writing ------------------------------------------------------------------------ */

struct zstd_writer {
	struct s2c_writer base;
	struct s2c_writer *next;
	ZSTD_CCtx *ctx;
	struct s2c_compress_stage stage;
	unsigned char *out;
};

static int zstd_flush(
	struct zstd_writer *w, ZSTD_EndDirective directive, struct s2c_error **err)
{
	ZSTD_inBuffer in = {w->stage.data, w->stage.len, 0};
	size_t left;

	w->stage.len = 0;
	do {
		ZSTD_outBuffer out = {w->out, S2C_COMPRESS_PIECE, 0};

		left = ZSTD_compressStream2(w->ctx, &out, &in, directive);
		if (ZSTD_isError(left))
			return s2c_fail(err, S2C_EIO, "zstd cannot compress: %s",
				ZSTD_getErrorName(left));
		if (out.pos > 0 && s2c_write(w->next, w->out, out.pos, err) < 0)
			return -1;
	} while (directive == ZSTD_e_end ? left > 0 : in.pos < in.size);
	return 0;
}

static int zstd_write(
	struct s2c_writer *writer, const void *buf, size_t len, struct s2c_error **err)
{
	struct zstd_writer *w = (struct zstd_writer *)writer;
	const unsigned char *data = buf;

	while (len > 0)
		if (s2c_compress_stage_add(&w->stage, &data, &len) &&
			zstd_flush(w, ZSTD_e_continue, err) < 0)
			return -1;
	return 0;
}

static int zstd_finish(struct s2c_writer *writer, struct s2c_error **err)
{
	struct zstd_writer *w = (struct zstd_writer *)writer;

	if (zstd_flush(w, ZSTD_e_end, err) < 0)
		return -1;
	return s2c_finish(w->next, err);
}

static void zstd_writer_free(struct s2c_writer *writer)
{
	struct zstd_writer *w = (struct zstd_writer *)writer;

	(void)ZSTD_freeCCtx(w->ctx);
	free(w->stage.data);
	free(w->out);
	free(w);
}

/* Parameters are constants within their bounds. */
static void must_be(size_t rc)
{
	(void)s2c_must(ZSTD_isError(rc) ? NULL : &rc);
}

static int threads(int level)
{
	unsigned cpus = s2c_usable_cpus();
	size_t i = 0;

	while (threads_of_level[i].up_to < level)
		i++;
	return (int)(cpus < threads_of_level[i].threads ? cpus
							: threads_of_level[i].threads);
}

static struct s2c_writer *zstd_writer(int level, int earlier_fd, struct s2c_writer *next)
{
	static const struct s2c_writer_ops ops = {
		.write = zstd_write,
		.finish = zstd_finish,
		.free = zstd_writer_free,
	};
	struct zstd_writer *w = xmalloc(sizeof(*w));

	*w = (struct zstd_writer){
		.base.ops = &ops,
		.next = next,
		.ctx = s2c_must(ZSTD_createCCtx()),
		.stage.data = xmalloc(S2C_COMPRESS_STAGE),
		.out = xmalloc(S2C_COMPRESS_PIECE),
	};
	level = level < 1 ? 1 : level > LEVEL_MAX ? LEVEL_MAX : level;
	must_be(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_compressionLevel, level));
	must_be(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_checksumFlag, 1));
	if (level == LEVEL_MAX)
		must_be(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_chainLog, CHAIN_LOG_MAX));
	/* At least one, also for one CPU; a libzstd built without threads has none. */
	if (ZSTD_isError(
		    ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_nbWorkers, threads(level))))
		return &w->base;
	must_be(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_jobSize, JOB_SIZE));
	must_be(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_overlapLog, OVERLAP_LOG));
	return &w->base;
}

/* --- reading ------------------------------------------------------------------------ */

struct zstd_reader {
	struct s2c_reader base;
	struct s2c_compress_in in;
	ZSTD_DCtx *ctx;
	bool inside;         /* a frame has begun and not ended */
	unsigned frames;     /* ended so far; stops at 1 */
	const char *problem; /* of an earlier read */
};

static int zstd_fail(struct zstd_reader *r, enum s2c_code code, const char *problem,
	struct s2c_error **err)
{
	r->problem = problem;
	return s2c_fail(err, code, "zstd data %s", problem);
}

/*
 * Between frames: 1 if another one starts, 0 at the end of the input. The library would
 * take old formats here.
 */
static int zstd_next_frame(struct zstd_reader *r, struct s2c_error **err)
{
	const unsigned char *p;

	if (s2c_compress_in_fill(&r->in, 4, err) < 0)
		return -1;
	p = r->in.data + r->in.at;
	if (r->in.end - r->in.at == 0 && r->frames)
		return 0;
	if (r->in.end - r->in.at < 4)
		return zstd_fail(r, S2C_EPROTO, "ends too early", err);
	if (memcmp(p, "\x28\xb5\x2f\xfd", 4) != 0 &&
		((p[0] & 0xf0) != 0x50 || memcmp(p + 1, "\x2a\x4d\x18", 3) != 0))
		return zstd_fail(r, S2C_EPROTO,
			r->frames ? "has other bytes behind its end"
				  : "has no zstd header",
			err);
	r->inside = true;
	return 1;
}

/* One step of decompression into `buf`. The bytes made, or -1. */
static ssize_t zstd_step(
	struct zstd_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	ZSTD_inBuffer in = {r->in.data, r->in.end, r->in.at};
	ZSTD_outBuffer out = {buf, len, 0};
	size_t rc = ZSTD_decompressStream(r->ctx, &out, &in);

	if (ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
		return zstd_fail(
			r, S2C_ELIMIT, "needs a window of more than 128 MiB", err);
	if (ZSTD_getErrorCode(rc) == ZSTD_error_checksum_wrong)
		return zstd_fail(r, S2C_EPROTO, "is damaged: its checksum is wrong", err);
	if (ZSTD_isError(rc))
		return zstd_fail(r, S2C_EPROTO, "is damaged", err);
	r->in.at = in.pos;
	if (rc == 0) {
		r->inside = false;
		r->frames = 1;
	}
	return (ssize_t)out.pos;
}

static ssize_t zstd_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct zstd_reader *r = (struct zstd_reader *)reader;
	ssize_t n;

	if (r->problem)
		return zstd_fail(r, S2C_EPROTO, r->problem, err);
	for (;;) {
		if (!r->inside) {
			n = zstd_next_frame(r, err);
			if (n <= 0)
				return n;
		}
		if (r->in.at == r->in.end && s2c_compress_in_fill(&r->in, 1, err) < 0)
			return -1;
		n = zstd_step(r, buf, len, err);
		if (n != 0)
			return n;
		if (r->in.at == r->in.end && r->in.eof && r->inside)
			return zstd_fail(r, S2C_EPROTO, "ends too early", err);
	}
}

static void zstd_reader_free(struct s2c_reader *reader)
{
	struct zstd_reader *r = (struct zstd_reader *)reader;

	s2c_compress_in_release(&r->in);
	(void)ZSTD_freeDCtx(r->ctx);
	free(r);
}

static struct s2c_reader *zstd_reader(struct s2c_reader *next, bool own)
{
	static const struct s2c_reader_ops ops = {
		.read = zstd_read,
		.free = zstd_reader_free,
	};
	struct zstd_reader *r = xmalloc(sizeof(*r));

	*r = (struct zstd_reader){
		.base.ops = &ops,
		.ctx = s2c_must(ZSTD_createDCtx()),
	};
	s2c_compress_in_init(&r->in, next, own);
	must_be(ZSTD_DCtx_setParameter(
		r->ctx, ZSTD_d_windowLogMax, S2C_ZSTD_WINDOW_LOG_MAX));
	return &r->base;
}

const struct s2c_compressor_ops s2c_compressor_zstd = {
	.name = "zstd",
	.kind = S2C_COMPRESS_ZSTD,
	.default_level = 3,
	.max_level = LEVEL_MAX,
	.writer = zstd_writer,
	.reader = zstd_reader,
};
