/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip (RFC 1952), the reading side. It is the inflate of ISA-L, several times as fast as
 * zlib's; any number of members, each with its checksum checked, and nothing behind the
 * last.
 */
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "codec/compress_impl.h"

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
		if ((crc32_gzip_refl(0, data, at) & 0xffff) !=
			data[at] + 256u * data[at + 1])
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
	.default_level = 3,
	.max_level = S2C_GZIP_LEVEL_MAX,
	.writer = s2c_gzip_writer,
	.reader = gzip_reader,
};
