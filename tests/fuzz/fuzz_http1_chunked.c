/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the reader of chunked bodies, in pieces whose size is the first byte.
 * The pieces must not matter: not for the body, not for the verdict, not for where the
 * body ends; and a second look at the same bytes by the letter of the grammar agrees.
 */
#include <stdint.h>

#include "http/http1.h"

#define OUT_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
	struct s2c_reader base;
	const char *data;
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
	(void)reader;
}

struct result {
	bool good;
	size_t len, used;
	char out[OUT_MAX];
};

/* Reads a body out of a stream over pieces. */
static void decode(const char *data, size_t size, size_t piece, struct result *result)
{
	static const struct s2c_reader_ops ops = {
		.read = pieces_read, .free = pieces_free};
	struct pieces in = {{&ops}, data, size, piece};
	CLEAN_HTTP1_STREAM struct s2c_http1_stream *stream = s2c_http1_stream_new(
		&in.base, false);
	CLEAN_READER struct s2c_reader *body = s2c_http1_body_chunked(
		s2c_http1_stream_reader(stream));
	CLEAN_ERROR struct s2c_error *err = NULL;
	ssize_t n;

	result->len = 0;
	do {
		size_t room = OUT_MAX - result->len;

		n = s2c_read(body, result->out + result->len, piece < room ? piece : room,
			&err);
		if (n > 0)
			result->len += (size_t)n;
	} while (n > 0);
	result->good = n == 0;
	result->used = size - in.len - s2c_http1_stream_held(stream);
	if ((n < 0) != (err != NULL))
		abort();
}

/* Length of the body's bytes on the wire by the grammar, or 0; its data in `out`. */
static size_t reference(const char *p, size_t size, struct result *result)
{
	const char *start = p, *end = p + size;

	result->len = 0;
	for (;;) {
		size_t n = 0, digits = 0;

		for (; p < end && digits < 8; p++, digits++) {
			char digit[2] = {*p, 0};

			if (!*p || !strchr("0123456789abcdefABCDEF", *p))
				break;
			n = n * 16 + strtoul(digit, NULL, 16);
		}
		if (digits < 1 || digits > 7 || end - p < 2 || memcmp(p, "\r\n", 2) != 0)
			return 0;
		p += 2;
		if ((size_t)(end - p) < n + 2 || memcmp(p + n, "\r\n", 2) != 0)
			return 0;
		memcpy(result->out + result->len, p, n);
		result->len += n;
		p += n + 2;
		if (n == 0)
			return (size_t)(p - start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result first, second, wanted;
	const char *wire = (const char *)data + (size > 0);
	size_t len = size - (size > 0), piece = size && *data ? *data : 1;

	if (size == 0 || size > OUT_MAX / 2)
		return 0;
	decode(wire, len, piece, &first);
	decode(wire, len, OUT_MAX / 4, &second);
	wanted.used = reference(wire, len, &wanted);
	wanted.good = wanted.used > 0;
	if (first.good != second.good || first.good != wanted.good)
		abort();
	if (first.len != second.len || memcmp(first.out, second.out, first.len) != 0)
		abort();
	if (first.good && (first.used != second.used || first.used != wanted.used ||
				  first.len != wanted.len ||
				  memcmp(first.out, wanted.out, first.len) != 0))
		abort();
	return 0;
}
