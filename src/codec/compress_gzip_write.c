/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing gzip: the input is cut into blocks, each becomes a member of its own,
 * compressed by a job of a pool, and the members are written in order. So the bytes
 * depend on input and level only, whatever the number of CPUs, while all of them work. A
 * gzip file is a series of members by RFC 1952, 2.2; all who read layers know it, as
 * eStargz layers are made of many, too.
 *
 * Blocks end where the input says so: after a record (512 bytes, as a tar has them) with
 * a certain CRC. When files before them grow or shrink, the blocks behind the next such
 * record are what they were, and their members can be taken over from an earlier file.
 *
 * The compressor is libdeflate: for the size of a member that zlib makes at level 6 it
 * takes a third of the time. ISA-L would be faster still, at a size that is out of
 * proportion (docs/performance.md has the figures).
 */
#include <libdeflate.h>

#include "codec/compress_impl.h"
#include "codec/compress_members.h"
#include "util/pool.h"

/* Larger ones are hardly smaller in the end, and all that are in work are in memory. */
#define BLOCK (1024u * 1024)
/* Smaller ones are larger in the end. */
#define BLOCK_MIN (256u * 1024)
#define RECORD 512u
/* One record of so many ends a block: some 512 KiB after the least. */
#define CUT_MASK 1023u
/* Besides those that are compressed: one is filled, one is written or waits. */
#define SPARE_BLOCKS 2

struct block {
	struct s2c_job job;
	const struct s2c_members *earlier; /* borrowed; NULL: none */
	struct libdeflate_compressor *compressor;
	unsigned char *in, *out;
	unsigned char *scratch; /* NULL without earlier */
	size_t len, made, room;
	size_t seen; /* bytes of `in` that were looked at for an end */
	int level;
};

struct gzip_writer {
	struct s2c_writer base;
	struct s2c_writer *next;
	struct s2c_pool *pool;
	struct s2c_members *earlier;
	int level;
	bool any; /* at least one member was begun */
	/* A ring: `busy` blocks from `first` on are with the pool, the next is filled. */
	struct block *blocks;
	unsigned n, first, busy;
};

static int compress_block(struct s2c_job *job, struct s2c_error **err)
{
	struct block *b = (struct block *)job;
	size_t packed;

	b->made = b->earlier ? s2c_members_take(b->earlier, b->level, b->in, b->len,
				       b->out, b->room, b->scratch)
			     : 0;
	if (b->made)
		return 0;
	packed = libdeflate_deflate_compress(b->compressor, b->in, b->len,
		b->out + S2C_MEMBER_HEADER,
		b->room - S2C_MEMBER_HEADER - S2C_MEMBER_TRAILER);
	if (packed == 0)
		return s2c_fail(err, S2C_EIO, "libdeflate cannot compress a block");
	s2c_member_frame(b->out, packed, b->level, b->in, b->len);
	b->made = S2C_MEMBER_HEADER + packed + S2C_MEMBER_TRAILER;
	return 0;
}

static struct block *filling(struct gzip_writer *w)
{
	struct block *b = &w->blocks[(w->first + w->busy) % w->n];

	if (!b->in) {
		b->job.run = compress_block;
		b->level = w->level;
		b->earlier = w->earlier;
		b->compressor = s2c_must(libdeflate_alloc_compressor(w->level));
		b->room = S2C_MEMBER_HEADER + S2C_MEMBER_TRAILER +
			  libdeflate_deflate_compress_bound(b->compressor, BLOCK);
		b->in = xmalloc(BLOCK);
		b->out = xmalloc(b->room);
		b->scratch = w->earlier ? xmalloc(BLOCK) : NULL;
	}
	return b;
}

/* Writes the oldest member, when it is made. */
static int collect(struct gzip_writer *w, struct s2c_error **err)
{
	struct block *b = &w->blocks[w->first];

	if (s2c_job_wait(&b->job, err) < 0)
		return -1;
	w->first = (w->first + 1) % w->n;
	w->busy--;
	b->len = b->seen = 0;
	return s2c_write(w->next, b->out, b->made, err);
}

/* Hands the block over that was filled; writes what is ready, and makes room. */
static int submit(struct gzip_writer *w, struct block *b, struct s2c_error **err)
{
	(void)s2c_pool_submit(w->pool, &b->job);
	w->any = true;
	w->busy++;
	while (w->busy == w->n || (w->busy && s2c_job_done(&w->blocks[w->first].job)))
		if (collect(w, err) < 0)
			return -1;
	return 0;
}

/* Whether a block ends within what it has got; if so cuts it there. */
static bool cut(struct block *b)
{
	for (; b->seen + RECORD <= b->len; b->seen += RECORD)
		if (b->seen + RECORD >= BLOCK_MIN &&
			(libdeflate_crc32(0, b->in + b->seen, RECORD) & CUT_MASK) == 0) {
			b->len = b->seen + RECORD;
			return true;
		}
	return b->len == BLOCK;
}

static int gzip_write(
	struct s2c_writer *writer, const void *buf, size_t len, struct s2c_error **err)
{
	struct gzip_writer *w = (struct gzip_writer *)writer;
	const unsigned char *data = buf;

	while (len > 0) {
		struct block *b = filling(w);
		size_t had = b->len, n = len < BLOCK - had ? len : BLOCK - had;
		bool whole;

		memcpy(b->in + had, data, n);
		b->len += n;
		whole = cut(b);
		data += b->len - had;
		len -= b->len - had;
		if (whole && submit(w, b, err) < 0)
			return -1;
	}
	return 0;
}

static int gzip_finish(struct s2c_writer *writer, struct s2c_error **err)
{
	struct gzip_writer *w = (struct gzip_writer *)writer;
	struct block *last = filling(w);

	if (!w->any) {
		/* Nothing to share with anybody: no thread is worth it. */
		if (compress_block(&last->job, err) < 0 ||
			s2c_write(w->next, last->out, last->made, err) < 0)
			return -1;
	} else if (last->len > 0 && submit(w, last, err) < 0) {
		return -1;
	}
	while (w->busy > 0)
		if (collect(w, err) < 0)
			return -1;
	return s2c_finish(w->next, err);
}

static void gzip_free(struct s2c_writer *writer)
{
	struct gzip_writer *w = (struct gzip_writer *)writer;

	for (unsigned i = 0; i < w->n; i++) {
		struct block *b = &w->blocks[i];

		s2c_job_drop(&b->job);
		libdeflate_free_compressor(b->compressor);
		free(b->in);
		free(b->out);
		free(b->scratch);
	}
	s2c_pool_free(w->pool);
	s2c_members_free(w->earlier);
	free(w->blocks);
	free(w);
}

struct s2c_writer *s2c_gzip_writer(int level, int earlier_fd, struct s2c_writer *next)
{
	static const struct s2c_writer_ops ops = {
		.write = gzip_write,
		.finish = gzip_finish,
		.free = gzip_free,
	};
	struct gzip_writer *w = xcalloc(1, sizeof(*w));

	w->base.ops = &ops;
	w->next = next;
	w->pool = s2c_pool_new(0);
	w->earlier = earlier_fd >= 0 ? s2c_members_find(earlier_fd) : NULL;
	w->level = level < 1                    ? 1
		   : level > S2C_GZIP_LEVEL_MAX ? S2C_GZIP_LEVEL_MAX
						: level;
	w->n = s2c_pool_threads(w->pool) + SPARE_BLOCKS;
	w->blocks = xcalloc(w->n, sizeof(*w->blocks));
	return &w->base;
}
