/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the decompressors, in pieces whose size is the first byte. What the gzip
 * reader makes of them must be what zlib makes of them: two readers that disagree on a
 * layer would unpack two images.
 */
#include <stdint.h>
#include <zlib.h>

#include "codec/compress.h"

#define OUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
	struct s2c_reader base;
	const uint8_t *data;
	size_t len, piece;
};

static ssize_t pieces_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct pieces *r = (struct pieces *)reader;
	size_t n = len < r->piece ? len : r->piece;

	n = n < r->len ? n : r->len;
	memcpy(buf, r->data, n);
	r->data += n;
	r->len -= n;
	return (ssize_t)n;
}

static void pieces_free(struct s2c_reader *reader)
{
}

/* All members with zlib; false if it refuses them or they are larger than `out`. */
static bool reference(const uint8_t *data, size_t size, uint8_t *out, size_t *out_len)
{
	z_stream z = {.next_in = (uint8_t *)data, .avail_in = (uInt)size};
	int rc;

	z.next_out = out;
	z.avail_out = OUT_MAX;
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		abort();
	do {
		rc = inflate(&z, Z_NO_FLUSH);
		if (rc == Z_STREAM_END && z.avail_in > 0 && inflateReset(&z) == Z_OK)
			rc = Z_OK;
	} while (rc == Z_OK);
	*out_len = OUT_MAX - z.avail_out;
	(void)inflateEnd(&z);
	return rc == Z_STREAM_END;
}

/* Drains a reader into `out`; false if it fails, also for too much. */
static bool drain(struct s2c_reader *r, size_t piece, uint8_t *out, size_t *out_len)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	ssize_t n = 0;

	*out_len = 0;
	while (*out_len < OUT_MAX) {
		size_t room = OUT_MAX - *out_len;

		n = s2c_read(r, out + *out_len, piece < room ? piece : room, &err);
		if (n <= 0)
			break;
		*out_len += (size_t)n;
	}
	if (n < 0 && !err)
		abort();
	return n == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t ours[OUT_MAX], theirs[OUT_MAX];
	static const struct s2c_reader_ops ops = {
		.read = pieces_read, .free = pieces_free};
	size_t our_len, their_len, piece = size && *data ? *data : 100000;
	struct pieces in = {.base.ops = &ops,
		.data = data + (size > 0),
		.len = size - (size > 0),
		.piece = piece};
	struct pieces again = in;
	CLEAN_READER struct s2c_reader *r = NULL, *guessed = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	bool good = reference(in.data, in.len, theirs, &their_len);

	r = s2c_decompress(S2C_COMPRESS_GZIP, &in.base, false);
	if (drain(r, piece, ours, &our_len) != good && their_len < OUT_MAX &&
		our_len < OUT_MAX)
		abort();
	/* Up to where one of them gives up, both say the same. */
	if ((good && our_len != their_len) ||
		memcmp(ours, theirs, our_len < their_len ? our_len : their_len) != 0)
		abort();
	if (s2c_decompress_auto(&again.base, false, NULL, &guessed, &err) < 0)
		abort();
	(void)drain(guessed, piece, ours, &our_len);
	return 0;
}
