/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip (RFC 1952). Writing is zlib: one member whose header says nothing about when and
 * where it was made. Reading is the inflate of ISA-L, several times as fast as zlib's;
 * any number of members, each with its checksum checked, and nothing behind the last.
 */
#define ZLIB_CONST
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include "codec/compress_impl.h"

/* --- writing ------------------------------------------------------------------------ */

struct gzip_writer {
	struct s2c_writer base;
	struct s2c_writer *next;
	z_stream z;
	gz_header header; /* read by zlib when it writes it */
	struct s2c_compress_stage stage;
	unsigned char *out;
};

/* Compresses the stage into `next`. */
static int gzip_flush(struct gzip_writer *w, int flush, struct s2c_error **err)
{
	int rc;

	w->z.next_in = w->stage.data;
	w->z.avail_in = (uInt)w->stage.len;
	w->stage.len = 0;
	do {
		size_t n;

		w->z.next_out = w->out;
		w->z.avail_out = S2C_COMPRESS_PIECE;
		rc = deflate(&w->z, flush);
		if (rc == Z_STREAM_ERROR)
			return s2c_fail(err, S2C_EIO, "zlib lost its state");
		n = S2C_COMPRESS_PIECE - w->z.avail_out;
		if (n > 0 && s2c_write(w->next, w->out, n, err) < 0)
			return -1;
	} while (w->z.avail_out == 0 || (flush == Z_FINISH && rc != Z_STREAM_END));
	return 0;
}

static int gzip_write(
	struct s2c_writer *writer, const void *buf, size_t len, struct s2c_error **err)
{
	struct gzip_writer *w = (struct gzip_writer *)writer;
	const unsigned char *data = buf;

	while (len > 0)
		if (s2c_compress_stage_add(&w->stage, &data, &len) &&
			gzip_flush(w, Z_NO_FLUSH, err) < 0)
			return -1;
	return 0;
}

static int gzip_finish(struct s2c_writer *writer, struct s2c_error **err)
{
	struct gzip_writer *w = (struct gzip_writer *)writer;

	if (gzip_flush(w, Z_FINISH, err) < 0)
		return -1;
	return s2c_finish(w->next, err);
}

static void gzip_writer_free(struct s2c_writer *writer)
{
	struct gzip_writer *w = (struct gzip_writer *)writer;

	(void)deflateEnd(&w->z);
	free(w->stage.data);
	free(w->out);
	free(w);
}

static struct s2c_writer *gzip_writer(int level, struct s2c_writer *next)
{
	static const struct s2c_writer_ops ops = {
		.write = gzip_write,
		.finish = gzip_finish,
		.free = gzip_writer_free,
	};
	struct gzip_writer *w = xcalloc(1, sizeof(*w));
	int rc;

	w->base.ops = &ops;
	w->next = next;
	w->stage.data = xmalloc(S2C_COMPRESS_STAGE);
	w->out = xmalloc(S2C_COMPRESS_PIECE);
	w->header.os = 255; /* unknown; time 0 and no name by themselves */
	level = level < 1 ? 1 : level > 9 ? 9 : level;
	/* 16 more window bits mean gzip; both calls fail for want of memory only. */
	rc = deflateInit2(
		&w->z, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
	(void)s2c_must(rc == Z_OK ? w : NULL);
	rc = deflateSetHeader(&w->z, &w->header);
	(void)s2c_must(rc == Z_OK ? w : NULL);
	return &w->base;
}

/* --- reading ------------------------------------------------------------------------ */

/*
 * Headers are parsed here: the inflate library computes the checksum of one that reaches
 * it in pieces wrongly (2.30).
 */
enum header_flags { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };

/* Bytes up to and with the NUL behind `at`, or 0 if it is not there yet. */
static size_t text_length(const unsigned char *data, size_t len, size_t at)
{
	const unsigned char *nul = at < len ? memchr(data + at, '\0', len - at) : NULL;

	return nul ? (size_t)(nul - data) - at + 1 : 0;
}

/* The length of the header, 0 if it is not all there, or -1 if it is none. */
static ssize_t header_length(const unsigned char *data, size_t len)
{
	static const unsigned char magic[3] = {0x1f, 0x8b, 8};
	size_t at = 10, n;
	unsigned flags;

	if (memcmp(data, magic, len < 3 ? len : 3) != 0)
		return -1;
	if (len < at)
		return 0;
	flags = data[3];
	if (flags & RESERVED)
		return -1;
	if (flags & FEXTRA) {
		if (len < at + 2)
			return 0;
		at += 2u + data[at] + 256u * data[at + 1];
	}
	for (unsigned flag = FNAME; flag <= FCOMMENT; flag *= 2) {
		if (!(flags & flag))
			continue;
		n = text_length(data, len, at);
		if (n == 0)
			return 0;
		at += n;
	}
	if (flags & FHCRC) {
		if (len < at + 2)
			return 0;
		if ((crc32(0, data, (uInt)at) & 0xffff) != data[at] + 256u * data[at + 1])
			return -1;
		at += 2;
	}
	return at <= len ? (ssize_t)at : 0;
}

struct gzip_reader {
	struct s2c_reader base;
	struct s2c_compress_in in;
	bool inside;         /* a member has begun and not ended */
	unsigned members;    /* ended so far; stops at 1 */
	const char *problem; /* of an earlier read */
	struct inflate_state state;
};

static int gzip_fail(struct gzip_reader *r, const char *problem, struct s2c_error **err)
{
	r->problem = problem;
	return s2c_fail(err, S2C_EPROTO, "gzip data %s", problem);
}

/*
 * Between members: 1 if another one starts, with its header read, 0 at the end of the
 * input.
 */
static int gzip_next_member(struct gzip_reader *r, struct s2c_error **err)
{
	struct s2c_compress_in *in = &r->in;
	size_t want = 10;
	ssize_t len;

	for (;;) {
		if (s2c_compress_in_fill(in, want, err) < 0)
			return -1;
		if (in->end == 0 && r->members)
			return 0;
		len = header_length(in->data, in->end);
		if (len != 0)
			break;
		if (in->eof)
			return gzip_fail(r, "ends too early", err);
		if (in->end == S2C_COMPRESS_PIECE)
			return gzip_fail(r, "has a header of more than 128 KiB", err);
		want = in->end * 2 < S2C_COMPRESS_PIECE ? in->end * 2
							: S2C_COMPRESS_PIECE;
	}
	if (len < 0)
		return gzip_fail(r,
			r->members ? "has other bytes behind its end"
				   : "has no gzip header",
			err);
	in->at = (size_t)len;
	isal_inflate_reset(&r->state);
	r->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	r->inside = true;
	return 1;
}

/* One step of inflate: into `buf`, from what is unread. The bytes made, or -1. */
static ssize_t gzip_step(
	struct gzip_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct inflate_state *state = &r->state;
	size_t unread = r->in.end - r->in.at;
	uint32_t room = len < S2C_COMPRESS_PIECE ? (uint32_t)len : S2C_COMPRESS_PIECE;
	int rc;

	state->next_in = r->in.data + r->in.at;
	state->avail_in = (uint32_t)unread;
	state->next_out = buf;
	state->avail_out = room;
	rc = isal_inflate(state);
	r->in.at = r->in.end - state->avail_in;
	if (rc == ISAL_INCORRECT_CHECKSUM)
		return gzip_fail(r, "is damaged: its checksum is wrong", err);
	if (rc < 0)
		return gzip_fail(r, "is damaged", err);
	if (state->block_state == ISAL_BLOCK_FINISH) {
		r->inside = false;
		r->members = 1;
	} else if (state->avail_out == room && state->avail_in == unread && unread > 0) {
		/* Nothing in, nothing out and no end: it would never come to one. */
		return gzip_fail(r, "is damaged", err);
	}
	return room - state->avail_out;
}

static ssize_t gzip_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct gzip_reader *r = (struct gzip_reader *)reader;
	ssize_t n;

	if (r->problem)
		return gzip_fail(r, r->problem, err);
	for (;;) {
		if (!r->inside) {
			n = gzip_next_member(r, err);
			if (n <= 0)
				return n;
		}
		if (r->in.at == r->in.end && s2c_compress_in_fill(&r->in, 1, err) < 0)
			return -1;
		n = gzip_step(r, buf, len, err);
		if (n != 0)
			return n;
		if (r->in.at == r->in.end && r->in.eof && r->inside)
			return gzip_fail(r, "ends too early", err);
	}
}

static void gzip_reader_free(struct s2c_reader *reader)
{
	struct gzip_reader *r = (struct gzip_reader *)reader;

	s2c_compress_in_release(&r->in);
	free(r);
}

static struct s2c_reader *gzip_reader(struct s2c_reader *next, bool own)
{
	static const struct s2c_reader_ops ops = {
		.read = gzip_read,
		.free = gzip_reader_free,
	};
	struct gzip_reader *r = xcalloc(1, sizeof(*r));

	r->base.ops = &ops;
	s2c_compress_in_init(&r->in, next, own);
	isal_inflate_init(&r->state);
	return &r->base;
}

const struct s2c_compressor_ops s2c_compressor_gzip = {
	.name = "gzip",
	.kind = S2C_COMPRESS_GZIP,
	.default_level = 6,
	.writer = gzip_writer,
	.reader = gzip_reader,
};
