/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 bodies and the connection they come on, in pieces of every size. */
#include "helper.h"

#include "http/http1.h"

#define CRLF "\r\n"

/* A reader of memory that hands out at most `piece` bytes at a time. */
struct pieces {
	struct s2c_reader base;
	const char *data;
	size_t len, piece;
	bool fails; /* at the end */
};

static ssize_t pieces_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct pieces *r = (struct pieces *)reader;
	size_t n = len < r->piece ? len : r->piece;

	n = n < r->len ? n : r->len;
	if (!n && r->fails)
		return s2c_fail(err, S2C_ENET, "cut");
	memcpy(buf, r->data, n);
	r->data += n;
	r->len -= n;
	return (ssize_t)n;
}

static void pieces_free(struct s2c_reader *reader)
{
	(void)reader;
}

static struct pieces pieces_of(const char *data, size_t piece)
{
	static const struct s2c_reader_ops ops = {
		.read = pieces_read, .free = pieces_free};

	return (struct pieces){{&ops}, data, strlen(data), piece, false};
}

/* Reads up to the end by `step` bytes; the number of them or -1 with terr. */
static ssize_t drain(struct s2c_reader *r, size_t step, char *out, size_t room)
{
	size_t total = 0;

	for (;;) {
		ssize_t n = s2c_read(
			r, out + total, step < room - total ? step : room - total, &terr);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		total += (size_t)n;
		assert_in_range(total, 1, room - 1);
	}
	/* The end stays the end. */
	assert_int_equal(s2c_read(r, out + total, 1, &terr), 0);
	out[total] = '\0';
	return (ssize_t)total;
}

/* --- chunks ----------------------------------------------------------------------- */

static const struct {
	const char *wire, *body;
} good_chunks[] = {
	{"0" CRLF CRLF, ""},
	{"0000000" CRLF CRLF, ""},
	{"5" CRLF "hello" CRLF "0" CRLF CRLF, "hello"},
	{"5" CRLF "hello" CRLF "1" CRLF "," CRLF "0000006" CRLF " world" CRLF
	 "0" CRLF CRLF,
		"hello, world"},
	{"a" CRLF "0123456789" CRLF "A" CRLF "0123456789" CRLF "0" CRLF CRLF,
		"01234567890123456789"},
	{"2" CRLF CRLF CRLF "0" CRLF CRLF, CRLF},
	{"5" CRLF "0" CRLF CRLF CRLF "0" CRLF CRLF, "0" CRLF CRLF},
};

static const struct {
	const char *wire, *why;
} bad_chunks[] = {
	{"", "inside of a chunk"},
	{"0", "inside of a chunk"},
	{"0" CRLF, "inside of a chunk"},
	{"0" CRLF "\r", "inside of a chunk"},
	{"5", "inside of a chunk"},
	{"5" CRLF, "5 bytes too early"},
	{"5" CRLF "hel", "2 bytes too early"},
	{"5" CRLF "hello", "inside of a chunk"},
	{"5" CRLF "hello" CRLF, "inside of a chunk"},
	{CRLF "0" CRLF CRLF, "0x0d in the size"},
	{" 0" CRLF CRLF, "0x20 in the size"},
	{"0 " CRLF CRLF, "0x20 in the size"},
	{"0\t" CRLF CRLF, "0x09 in the size"},
	{"-1" CRLF "a" CRLF "0" CRLF CRLF, "0x2d in the size"},
	{"+1" CRLF "a" CRLF "0" CRLF CRLF, "0x2b in the size"},
	{"0x1" CRLF "a" CRLF "0" CRLF CRLF, "0x78 in the size"},
	{"1;a=b" CRLF "a" CRLF "0" CRLF CRLF, "0x3b in the size"},
	{"1 ;a" CRLF "a" CRLF "0" CRLF CRLF, "0x20 in the size"},
	{"0;" CRLF CRLF, "0x3b in the size"},
	{"g" CRLF, "0x67 in the size"},
	{"\xef\xbc\x91" CRLF "a" CRLF "0" CRLF CRLF, "0xef in the size"},
	{"00000001" CRLF "a" CRLF "0" CRLF CRLF, "more than 7 digits"},
	{"10000000" CRLF, "more than 7 digits"},
	{"ffffffffffffffff1" CRLF, "more than 7 digits"},
	{"00000000" CRLF CRLF, "more than 7 digits"},
	{"1\na" CRLF "0" CRLF CRLF, "0x0a in the size"},
	{"1\rxa" CRLF "0" CRLF CRLF, "no CR LF behind the size"},
	{"1\r\r\na" CRLF "0" CRLF CRLF, "no CR LF behind the size"},
	{"1" CRLF "a\n0" CRLF CRLF, "behind the data of a chunk"},
	{"1" CRLF "ab" CRLF "0" CRLF CRLF, "behind the data of a chunk"},
	{"1" CRLF "a\r0" CRLF CRLF, "behind the data of a chunk"},
	{"1" CRLF "a0" CRLF CRLF, "behind the data of a chunk"},
	{"0" CRLF "X: y" CRLF CRLF, "trailers are not known"},
	{"0" CRLF "\n", "trailers are not known"},
	{"0" CRLF "\r\r", "trailers are not known"},
};

static void test_good_chunks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good_chunks); i++) {
		CLEAN_FREE char *wire = xasprintf("%sNEXT", good_chunks[i].wire);

		for (size_t piece = 1; piece <= strlen(wire); piece++) {
			struct pieces in = pieces_of(wire, piece);
			CLEAN_READER struct s2c_reader *body = s2c_http1_body_chunked(
				&in.base);
			char out[64];

			assert_ok((int)drain(body, piece, out, sizeof(out)));
			assert_string_equal(out, good_chunks[i].body);
			assert_string_equal(in.data, "NEXT");
		}
	}
}

static void test_bad_chunks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_chunks); i++) {
		size_t len = strlen(bad_chunks[i].wire);

		for (size_t piece = 1; piece <= len + 1; piece++) {
			struct pieces in = pieces_of(bad_chunks[i].wire, piece);
			CLEAN_READER struct s2c_reader *body = s2c_http1_body_chunked(
				&in.base);
			char out[64];

			assert_fails((int)drain(body, piece, out, sizeof(out)),
				S2C_EPROTO, bad_chunks[i].why);
		}
	}
	struct pieces in = pieces_of("5" CRLF "ab", 100);
	CLEAN_READER struct s2c_reader *body = NULL;
	char out[64];

	in.fails = true;
	body = s2c_http1_body_chunked(&in.base);
	assert_fails((int)drain(body, 10, out, sizeof(out)), S2C_ENET, "cut");
}

/* A body cut anywhere is an error, never a shorter body. */
static void test_cut_chunks(void **state)
{
	static const char wire[] = "5" CRLF "hello" CRLF "2" CRLF "ab" CRLF "0" CRLF CRLF;

	for (size_t len = 0; len < strlen(wire); len++) {
		CLEAN_FREE char *cut = xstrndup(wire, len);
		struct pieces in = pieces_of(cut, 3);
		CLEAN_READER struct s2c_reader *body = s2c_http1_body_chunked(&in.base);
		char out[64];

		assert_fails((int)drain(body, 64, out, sizeof(out)), S2C_EPROTO, "ended");
	}
}

static void test_chunked_writer(void **state)
{
	CLEAN_BUF struct s2c_buf wire = S2C_BUF_INIT(65536);
	CLEAN_WRITER struct s2c_writer *sink = s2c_writer_buf(&wire);
	CLEAN_WRITER struct s2c_writer *w = s2c_http1_chunked_writer(sink);
	CLEAN_BUF struct s2c_buf small = S2C_BUF_INIT(6);
	CLEAN_WRITER struct s2c_writer *small_sink = s2c_writer_buf(&small);
	CLEAN_WRITER struct s2c_writer *broken = s2c_http1_chunked_writer(small_sink);

	assert_ok(s2c_write(w, "hello", 5, &terr));
	/* Nothing is no chunk, which would be the last one. */
	assert_ok(s2c_write(w, "", 0, &terr));
	assert_ok(s2c_write(w, "0123456789abcdef", 16, &terr));
	assert_ok(s2c_finish(w, &terr));
	assert_string_equal(s2c_buf_str(&wire),
		"5" CRLF "hello" CRLF "10" CRLF "0123456789abcdef" CRLF "0" CRLF CRLF);
	assert_fails(s2c_write(broken, "hello", 5, &terr), S2C_ELIMIT, "6");
}

/* --- fixed length ----------------------------------------------------------------- */

static void test_length(void **state)
{
	for (size_t piece = 1; piece < 10; piece++) {
		for (uint64_t length = 0; length < 12; length++) {
			struct pieces in = pieces_of("0123456789", piece);
			CLEAN_READER struct s2c_reader *body = s2c_http1_body_length(
				&in.base, length);
			char out[64];

			if (length > 10) {
				assert_fails((int)drain(body, piece, out, sizeof(out)),
					S2C_EPROTO, "1 bytes too early");
				continue;
			}
			assert_int_equal(drain(body, piece, out, sizeof(out)), length);
			assert_int_equal(in.len, 10 - length);
		}
	}
	struct pieces in = pieces_of("x", 9);
	CLEAN_READER struct s2c_reader *huge = s2c_http1_body_length(
		&in.base, UINT64_MAX);
	char out[64];

	assert_fails((int)drain(huge, 64, out, sizeof(out)), S2C_EPROTO,
		"18446744073709551614 bytes too early");
}

/* --- the connection --------------------------------------------------------------- */

/* Two requests with bodies, and an upgraded stream behind them. */
static const char conversation[] = "POST /a HTTP/1.1" CRLF "Host:" CRLF
				   "Content-Length: 5" CRLF CRLF "hello"
				   "PUT /b HTTP/1.1" CRLF "Host:" CRLF
				   "Transfer-Encoding: chunked" CRLF CRLF "3" CRLF
				   "abc" CRLF "0" CRLF CRLF "GET /c HTTP/1.1" CRLF
				   "Host:" CRLF CRLF "POST /d HTTP/1.1" CRLF "Host:" CRLF
				   "Connection: Upgrade" CRLF "Upgrade: tcp" CRLF CRLF
				   "raw\r\n\r\nbytes";

/* The next request of the stream and its body as "POST /a hello". */
static char *next_request(struct s2c_http1_stream *stream)
{
	CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};
	CLEAN_READER struct s2c_reader *body = NULL;
	enum s2c_http1_fault fault;
	const char *head = NULL;
	char out[64];
	ssize_t n = s2c_http1_stream_head(
		stream, S2C_HTTP1_REQUEST_MAX, &head, &fault, &terr);

	assert_true(n > 0);
	assert_ok(s2c_http1_request_parse(head, (size_t)n, &r, &fault, &terr));
	body = s2c_http1_request_body(&r, s2c_http1_stream_reader(stream));
	assert_ok((int)drain(body, 2, out, sizeof(out)));
	return xasprintf("%s %s %s", s2c_http1_method_name(r.method), r.path, out);
}

static void test_stream(void **state)
{
	static const char *const wanted[] = {
		"POST /a hello", "PUT /b abc", "GET /c ", "POST /d "};

	for (size_t piece = 1; piece <= strlen(conversation); piece++) {
		struct pieces in = pieces_of(conversation, piece);
		CLEAN_HTTP1_STREAM struct s2c_http1_stream *stream = s2c_http1_stream_new(
			&in.base, false);
		size_t held;
		const char *head;
		char out[64];

		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
			CLEAN_FREE char *got = next_request(stream);

			assert_string_equal(got, wanted[i]);
		}
		held = s2c_http1_stream_held(stream);
		assert_true(held <= strlen("raw\r\n\r\nbytes") && held + in.len == 12);
		assert_int_equal(
			drain(s2c_http1_stream_reader(stream), piece, out, sizeof(out)),
			12);
		assert_string_equal(out, "raw\r\n\r\nbytes");
		assert_int_equal(s2c_http1_stream_held(stream), 0);
		assert_int_equal(
			s2c_http1_stream_head(stream, 100, &head, NULL, &terr), 0);
	}
}

/* Reads larger than the buffer go past it, but never before what it holds. */
static void test_stream_large(void **state)
{
	const size_t len = 300000;
	CLEAN_FREE char *data = xmalloc(len + 1), *out = xmalloc(len + 1);
	struct pieces in;
	CLEAN_HTTP1_STREAM struct s2c_http1_stream *stream = NULL;
	const char *head;

	for (size_t i = 0; i < len; i++)
		data[i] = (char)('a' + i % 26);
	memcpy(data, "x\r\n\r\n", 5);
	data[len] = '\0';
	in = pieces_of(data, len);
	stream = s2c_http1_stream_new(&in.base, false);
	assert_int_equal(s2c_http1_stream_head(stream, 100, &head, NULL, &terr), 5);
	assert_int_equal(drain(s2c_http1_stream_reader(stream), len, out, len), len - 5);
	assert_string_equal(out, data + 5);
}

static void test_stream_bad(void **state)
{
	static const struct {
		const char *text;
		bool fails;
		enum s2c_http1_fault fault;
		enum s2c_code code;
	} rows[] = {
		{"GET / HTTP/1.1" CRLF "Ho", false, S2C_HTTP1_BAD_FRAMING, S2C_EPROTO},
		{CRLF, false, S2C_HTTP1_BAD_FRAMING, S2C_EPROTO},
		{"GET / HTTP/1.1\n\n", false, S2C_HTTP1_BAD_FRAMING, S2C_EPROTO},
		{"0123456789012345678901234567890", false, S2C_HTTP1_TOO_LARGE,
			S2C_ELIMIT},
		{"GET /", true, S2C_HTTP1_OK, S2C_ENET},
		{"", true, S2C_HTTP1_OK, S2C_ENET},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t piece = 1; piece <= strlen(rows[i].text) + 1; piece++) {
			struct pieces in = pieces_of(rows[i].text, piece);
			CLEAN_HTTP1_STREAM struct s2c_http1_stream *stream =
				s2c_http1_stream_new(&in.base, false);
			enum s2c_http1_fault fault = S2C_HTTP1_BAD_QUERY;
			const char *head = NULL;

			in.fails = rows[i].fails;
			assert_fails((int)s2c_http1_stream_head(
					     stream, 30, &head, &fault, &terr),
				rows[i].code, "");
			assert_int_equal(fault, rows[i].fault);
			assert_null(head);
		}
	}
}

static void test_response_body(void **state)
{
	static const struct {
		enum s2c_http1_body body;
		uint64_t length;
		const char *wire, *out;
	} rows[] = {
		{S2C_HTTP1_NO_BODY, 5, "hello", ""},
		{S2C_HTTP1_BODY_LENGTH, 3, "hello", "hel"},
		{S2C_HTTP1_BODY_CHUNKED, 0, "1\r\na\r\n0\r\n\r\nhello", "a"},
		{S2C_HTTP1_BODY_CLOSE, 0, "hello", "hello"},
		{S2C_HTTP1_UPGRADED, 0, "hello", "hello"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_http1_response r = {
			.body = rows[i].body, .content_length = rows[i].length};
		struct pieces in = pieces_of(rows[i].wire, 2);
		CLEAN_READER struct s2c_reader *body = s2c_http1_response_body(
			&r, &in.base);
		char out[64];

		assert_ok((int)drain(body, 64, out, sizeof(out)));
		assert_string_equal(out, rows[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_chunks),
		cmocka_unit_test(test_bad_chunks),
		cmocka_unit_test(test_cut_chunks),
		cmocka_unit_test(test_chunked_writer),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_large),
		cmocka_unit_test(test_stream_bad),
		cmocka_unit_test(test_response_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
