/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies. Each reader stops at the last byte of its body, so that what is behind it is
 * still there for whoever reads the connection next.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "http/http1_impl.h"

/* --- the connection --------------------------------------------------------------- */

/* Room for the largest head, and some of what follows. */
#define STREAM_MAX (64u * 1024)
_Static_assert(STREAM_MAX > S2C_HTTP1_REQUEST_MAX, "a head fits");
_Static_assert(STREAM_MAX > S2C_HTTP1_RESPONSE_MAX, "a head fits");

struct s2c_http1_stream {
	struct s2c_reader base;
	struct s2c_reader *next;
	bool own, ended;
	size_t at, end; /* what is held of `data` */
	char data[STREAM_MAX];
};

/* One read more into the free end of the buffer; 0 at the end of the connection. */
static ssize_t fill(struct s2c_http1_stream *s, struct s2c_error **err)
{
	ssize_t n;

	if (s->ended)
		return 0;
	if (s->at) {
		memmove(s->data, s->data + s->at, s->end - s->at);
		s->end -= s->at;
		s->at = 0;
	}
	n = s2c_read(s->next, s->data + s->end, sizeof(s->data) - s->end, err);
	if (n > 0)
		s->end += (size_t)n;
	s->ended = n == 0;
	return n;
}

static ssize_t stream_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct s2c_http1_stream *s = (struct s2c_http1_stream *)r;

	if (s->at == s->end) {
		ssize_t n;

		if (s->ended)
			return 0;
		/* Large reads need no copy. */
		n = len < sizeof(s->data) ? fill(s, err)
					  : s2c_read(s->next, buf, len, err);
		s->ended = n == 0;
		if (n <= 0 || s->at == s->end)
			return n;
	}
	if (len > s->end - s->at)
		len = s->end - s->at;
	memcpy(buf, s->data + s->at, len);
	s->at += len;
	return (ssize_t)len;
}

static void stream_free(struct s2c_reader *r)
{
	struct s2c_http1_stream *s = (struct s2c_http1_stream *)r;

	if (s->own)
		s2c_reader_free(s->next);
	free(s);
}

static const struct s2c_reader_ops stream_ops = {
	.read = stream_read,
	.free = stream_free,
};

struct s2c_http1_stream *s2c_http1_stream_new(struct s2c_reader *next, bool own)
{
	struct s2c_http1_stream *s = xcalloc(1, sizeof(*s));

	s->base.ops = &stream_ops;
	s->next = next;
	s->own = own;
	return s;
}

void s2c_http1_stream_free(struct s2c_http1_stream *stream)
{
	if (stream)
		stream_free(&stream->base);
}

ssize_t s2c_http1_stream_head(struct s2c_http1_stream *stream, size_t max,
	const char **head, enum s2c_http1_fault *fault, struct s2c_error **err)
{
	struct s2c_http1_stream *s = stream;

	assert(max <= sizeof(s->data));
	for (;;) {
		ssize_t n = s2c_http1_head_end(
			s->data + s->at, s->end - s->at, max, fault, err);

		if (n > 0) {
			*head = s->data + s->at;
			s->at += (size_t)n;
		}
		if (n != 0)
			return n;
		n = fill(s, err);
		if (n < 0 || (n == 0 && s->at == s->end))
			return n;
		if (n == 0)
			return s2c_http1_refuse((struct s2c_http1_report){fault, err},
				S2C_HTTP1_BAD_FRAMING,
				"the connection ended inside of a head");
	}
}

struct s2c_reader *s2c_http1_stream_reader(struct s2c_http1_stream *stream)
{
	return &stream->base;
}

size_t s2c_http1_stream_held(const struct s2c_http1_stream *stream)
{
	return stream->end - stream->at;
}

/* --- fixed length ----------------------------------------------------------------- */

struct body_reader {
	struct s2c_reader base;
	struct s2c_reader *next;
	uint64_t left; /* of the body or of this chunk */
	bool first;    /* no chunk was read yet */
	bool ended;
};

static void body_free(struct s2c_reader *r)
{
	free(r);
}

static struct s2c_reader *body_new(
	struct s2c_reader *next, const struct s2c_reader_ops *ops, uint64_t left)
{
	struct body_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = ops;
	self->next = next;
	self->left = left;
	self->first = true;
	return &self->base;
}

/* At most `left` bytes, at least one. */
static ssize_t read_left(
	struct body_reader *self, void *buf, size_t len, struct s2c_error **err)
{
	ssize_t n;

	if (len > self->left)
		len = (size_t)self->left;
	n = s2c_read(self->next, buf, len, err);
	if (n == 0)
		return s2c_fail(err, S2C_EPROTO,
			"the body ended %" PRIu64 " bytes too early", self->left);
	if (n > 0)
		self->left -= (uint64_t)n;
	return n;
}

static ssize_t length_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct body_reader *self = (struct body_reader *)r;

	return self->left ? read_left(self, buf, len, err) : 0;
}

struct s2c_reader *s2c_http1_body_length(struct s2c_reader *next, uint64_t length)
{
	static const struct s2c_reader_ops ops = {.read = length_read, .free = body_free};

	return body_new(next, &ops, length);
}

/* --- chunks ----------------------------------------------------------------------- */

static int read_byte(struct body_reader *self, char *out, struct s2c_error **err)
{
	ssize_t n = s2c_read(self->next, out, 1, err);

	if (n == 0)
		return s2c_fail(err, S2C_EPROTO, "the body ended inside of a chunk");
	return n < 0 ? -1 : 0;
}

static int read_end(struct body_reader *self, const char *behind, struct s2c_error **err)
{
	char c = 0;

	for (const char *p = "\r\n"; *p; p++) {
		if (read_byte(self, &c, err) < 0)
			return -1;
		if (c != *p)
			return s2c_fail(err, S2C_EPROTO, "no CR LF behind %s", behind);
	}
	return 0;
}

/* "size CRLF"; of the last chunk also the empty line that ends the body. */
static int read_size(struct body_reader *self, struct s2c_error **err)
{
	uint64_t size = 0;
	unsigned digits = 0;
	char c = 0;

	for (;; digits++) {
		static const char hex[] = "0123456789abcdef0123456789ABCDEF";
		const char *hit;

		if (read_byte(self, &c, err) < 0)
			return -1;
		hit = c ? strchr(hex, c) : NULL;
		if (!hit)
			break;
		if (digits == S2C_HTTP1_CHUNK_DIGITS_MAX)
			return s2c_fail(err, S2C_EPROTO,
				"a chunk size of more than %d digits",
				S2C_HTTP1_CHUNK_DIGITS_MAX);
		size = size * 16 + (uint64_t)((hit - hex) % 16);
	}
	if (!digits || c != '\r')
		return s2c_fail(err, S2C_EPROTO,
			"byte 0x%02x in the size of a chunk; extensions are not known",
			(unsigned)(unsigned char)c);
	if (read_byte(self, &c, err) < 0)
		return -1;
	if (c != '\n')
		return s2c_fail(err, S2C_EPROTO, "no CR LF behind the size of a chunk");
	self->left = size;
	if (size)
		return 0;
	if (read_end(self, "the last chunk; trailers are not known", err) < 0)
		return -1;
	self->ended = true;
	return 0;
}

static ssize_t chunked_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct body_reader *self = (struct body_reader *)r;

	if (self->ended)
		return 0;
	if (!self->left) {
		if (!self->first && read_end(self, "the data of a chunk", err) < 0)
			return -1;
		self->first = false;
		if (read_size(self, err) < 0)
			return -1;
		if (self->ended)
			return 0;
	}
	return read_left(self, buf, len, err);
}

struct s2c_reader *s2c_http1_body_chunked(struct s2c_reader *next)
{
	static const struct s2c_reader_ops ops = {
		.read = chunked_read, .free = body_free};

	return body_new(next, &ops, 0);
}

struct s2c_reader *s2c_http1_request_body(
	const struct s2c_http1_request *request, struct s2c_reader *next)
{
	if (request->chunked)
		return s2c_http1_body_chunked(next);
	return s2c_http1_body_length(next, request->content_length);
}

/* Passes `next` on, which stays with its owner. */
static ssize_t close_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_read(((struct body_reader *)r)->next, buf, len, err);
}

struct s2c_reader *s2c_http1_response_body(
	const struct s2c_http1_response *response, struct s2c_reader *next)
{
	static const struct s2c_reader_ops ops = {.read = close_read, .free = body_free};

	switch (response->body) {
	case S2C_HTTP1_BODY_CHUNKED:
		return s2c_http1_body_chunked(next);
	case S2C_HTTP1_BODY_LENGTH:
		return s2c_http1_body_length(next, response->content_length);
	case S2C_HTTP1_BODY_CLOSE:
	case S2C_HTTP1_UPGRADED:
		return body_new(next, &ops, 0);
	case S2C_HTTP1_NO_BODY:
		break;
	}
	return s2c_http1_body_length(next, 0);
}

/* --- chunks out ------------------------------------------------------------------- */

struct chunked_writer {
	struct s2c_writer base;
	struct s2c_writer *next;
};

/* The most that one size can say. */
#define CHUNK_MAX ((1u << 4 * S2C_HTTP1_CHUNK_DIGITS_MAX) - 1)

static int chunked_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct chunked_writer *self = (struct chunked_writer *)w;
	const char *p = buf;

	while (len) {
		size_t n = len < CHUNK_MAX ? len : CHUNK_MAX;
		char size[16], end[] = {'\r', '\n'};
		int digits = snprintf(size, sizeof(size), "%zx\r\n", n);
		struct iovec parts[] = {
			{.iov_base = size, .iov_len = (size_t)digits},
			{.iov_base = (char *)p, .iov_len = n},
			{.iov_base = end, .iov_len = sizeof(end)},
		};

		if (s2c_write_parts(self->next, parts, ARRAY_SIZE(parts), err) < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static int chunked_finish(struct s2c_writer *w, struct s2c_error **err)
{
	struct chunked_writer *self = (struct chunked_writer *)w;

	if (s2c_write(self->next, "0\r\n\r\n", 5, err) < 0)
		return -1;
	return s2c_finish(self->next, err);
}

static void chunked_free(struct s2c_writer *w)
{
	free(w);
}

struct s2c_writer *s2c_http1_chunked_writer(struct s2c_writer *next)
{
	static const struct s2c_writer_ops ops = {
		.write = chunked_write,
		.finish = chunked_finish,
		.free = chunked_free,
	};
	struct chunked_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &ops;
	self->next = next;
	return &self->base;
}
