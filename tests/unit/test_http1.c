/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 heads: what is one, what is none and why, and that ours read back the same. */
#include "helper.h"

#include "http/http1.h"

#define CRLF "\r\n"
#define HOST "Host: docker" CRLF
#define LINE "POST /x HTTP/1.1" CRLF HOST
#define END CRLF

/* Ten of it. */
#define TEN(x) x x x x x x x x x x

/* --- requests --------------------------------------------------------------------- */

static const struct {
	const char *head, *path, *query;
	enum s2c_http1_method method;
	const char *flags; /* length, chunked, upgrade, expect, keep-alive: "lcuek" */
	uint64_t length;
} good[] = {
	{"HEAD /_ping HTTP/1.1" CRLF "Host: api.moby.localhost" CRLF
	 "User-Agent: Docker-Client/28.3.2 (linux)" CRLF END,
		"/_ping", "", S2C_HTTP1_HEAD, "k", 0},
	{"GET /v1.41/images/docker.io/builder/bb:latest/json HTTP/1.1" CRLF HOST END,
		"/v1.41/images/docker.io/builder/bb:latest/json", "", S2C_HTTP1_GET, "k",
		0},
	{"POST /v1.41/containers/create?name=s2i_x HTTP/1.1" CRLF HOST
	 "Content-Length: 1547" CRLF "Content-Type: application/json" CRLF END,
		"/v1.41/containers/create", "name=s2i_x;", S2C_HTTP1_POST, "lk", 1547},
	{"POST /c/attach?stderr=1&stdin=1&stream=1 HTTP/1.1" CRLF HOST
	 "Connection: Upgrade" CRLF "Content-Length: 0" CRLF
	 "Content-Type: text/plain" CRLF "Upgrade: tcp" CRLF END,
		"/c/attach", "stderr=1;stdin=1;stream=1;", S2C_HTTP1_POST, "lu", 0},
	{"PUT /c/archive?noOverwriteDirNonDir=true&path=%2Fopt%2Fapp-root HTTP/1.1" CRLF
			HOST "Expect: 100-continue" CRLF
	 "Transfer-Encoding: chunked" CRLF END,
		"/c/archive", "noOverwriteDirNonDir=true;path=/opt/app-root;",
		S2C_HTTP1_PUT, "cek", 0},
	{"DELETE /c?v=1 HTTP/1.1" CRLF HOST "Connection: close" CRLF END, "/c", "v=1;",
		S2C_HTTP1_DELETE, "", 0},
	{"GET / HTTP/1.1" CRLF "Host:" CRLF END, "/", "", S2C_HTTP1_GET, "k", 0},
	{"GET / HTTP/1.1" CRLF "hOsT:   [::1]:80  " CRLF END, "/", "", S2C_HTTP1_GET, "k",
		0},
	{"GET / HTTP/1.1" CRLF "Host: %2Frun%2Fdocker.sock" CRLF END, "/", "",
		S2C_HTTP1_GET, "k", 0},
	{"GET /a/ HTTP/1.1" CRLF HOST "Connection: keep-alive" CRLF END, "/a/", "",
		S2C_HTTP1_GET, "k", 0},
	{"GET /.../..a/a../.a HTTP/1.1" CRLF HOST END, "/.../..a/a../.a", "",
		S2C_HTTP1_GET, "k", 0},
	{"GET /a:b@c,d+e~f=g&h HTTP/1.1" CRLF HOST END, "/a:b@c,d+e~f=g&h", "",
		S2C_HTTP1_GET, "k", 0},
	{"GET /j?filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D HTTP/1.1" CRLF HOST
			END,
		"/j", "filters={\"label\":{\"a=b\":true}};", S2C_HTTP1_GET, "k", 0},
	{"GET /?a=b=c?d&author=&e&%61b=+%2b%20%3b%26 HTTP/1.1" CRLF HOST END, "/",
		"a=b=c?d;author=;e=;ab= + ;&;", S2C_HTTP1_GET, "k", 0},
	{"GET /?u=%c3%a4%F0%9F%90%B3 HTTP/1.1" CRLF HOST END, "/",
		"u=\xc3\xa4\xf0\x9f\x90\xb3;", S2C_HTTP1_GET, "k", 0},
	{"GET /?a=1&A=2 HTTP/1.1" CRLF HOST END, "/", "a=1;A=2;", S2C_HTTP1_GET, "k", 0},
	{"GET / HTTP/1.1" CRLF HOST "Content-Length: 0" CRLF END, "/", "", S2C_HTTP1_GET,
		"lk", 0},
	{LINE "Content-Length: 9999999999" CRLF END, "/x", "", S2C_HTTP1_POST, "lk",
		9999999999},
	{LINE "transfer-encoding:chunked" CRLF END, "/x", "", S2C_HTTP1_POST, "ck", 0},
	{LINE "Expect: 100-Continue" CRLF "Content-Length: 5" CRLF END, "/x", "",
		S2C_HTTP1_POST, "lek", 5},
	{LINE "Accept: a" CRLF "Accept: b" CRLF "X:" CRLF
	      "!#$%&'*+-.^_`|~09: a\tb" CRLF END,
		"/x", "", S2C_HTTP1_POST, "k", 0},
	{LINE "Connection: keep-alive" CRLF "TE: trailers" CRLF END, "/x", "",
		S2C_HTTP1_POST, "k", 0},
	{LINE "Upgrade: tcp" CRLF "connection: upgrade" CRLF END, "/x", "",
		S2C_HTTP1_POST, "u", 0},
};

#define REQUEST_LINE S2C_HTTP1_BAD_REQUEST_LINE
#define STATUS_LINE S2C_HTTP1_BAD_STATUS_LINE
#define METHOD S2C_HTTP1_BAD_METHOD
#define VERSION S2C_HTTP1_BAD_VERSION
#define TARGET S2C_HTTP1_BAD_TARGET
#define PATH S2C_HTTP1_BAD_PATH
#define ENCODING S2C_HTTP1_BAD_PATH_ENCODING
#define QUERY S2C_HTTP1_BAD_QUERY
#define TWICE S2C_HTTP1_DUPLICATE_QUERY
#define HEADER S2C_HTTP1_BAD_HEADER
#define FRAMING S2C_HTTP1_BAD_FRAMING
#define UPGRADE S2C_HTTP1_BAD_UPGRADE
#define LARGE S2C_HTTP1_TOO_LARGE

static const struct {
	const char *head;
	enum s2c_http1_fault fault;
} bad_start[] = {
	{"", FRAMING},
	{CRLF, FRAMING},
	{CRLF CRLF, REQUEST_LINE},
	{CRLF "GET / HTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET" CRLF HOST END, REQUEST_LINE},
	{"GET /" CRLF HOST END, REQUEST_LINE},
	{"GET / " CRLF HOST END, REQUEST_LINE},
	{"GET  / HTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET /  HTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET  HTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET / HTTP/1.1 " CRLF HOST END, REQUEST_LINE},
	{" GET / HTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET / a HTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET\t/\tHTTP/1.1" CRLF HOST END, REQUEST_LINE},
	{"GET /\tHTTP/1.1 HTTP/1.1" CRLF HOST END, TARGET},
	{"GET / HTTP/1.0" CRLF HOST END, VERSION},
	{"GET / HTTP/2.0" CRLF HOST END, VERSION},
	{"GET / http/1.1" CRLF HOST END, VERSION},
	{"GET / HTTP/1.10" CRLF HOST END, VERSION},
	{"GET / HTTP/1" CRLF HOST END, VERSION},
	{"GET / FOO" CRLF HOST END, VERSION},
	{"PRI * HTTP/2.0" CRLF CRLF, VERSION},
	{"get / HTTP/1.1" CRLF HOST END, METHOD},
	{"PATCH / HTTP/1.1" CRLF HOST END, METHOD},
	{"OPTIONS / HTTP/1.1" CRLF HOST END, METHOD},
	{"TRACE / HTTP/1.1" CRLF HOST END, METHOD},
	{"CONNECT / HTTP/1.1" CRLF HOST END, METHOD},
	{"GETT / HTTP/1.1" CRLF HOST END, METHOD},
	{"\x80GET / HTTP/1.1" CRLF HOST END, METHOD},
	{"GET * HTTP/1.1" CRLF HOST END, TARGET},
	{"GET http://docker/_ping HTTP/1.1" CRLF HOST END, TARGET},
	{"GET docker:80 HTTP/1.1" CRLF HOST END, TARGET},
	{"GET x HTTP/1.1" CRLF HOST END, TARGET},
	{"GET ?x=y HTTP/1.1" CRLF HOST END, TARGET},
	{"GET /a#b HTTP/1.1" CRLF HOST END, TARGET},
	{"GET /a\\b HTTP/1.1" CRLF HOST END, TARGET},
	{"GET /a;b HTTP/1.1" CRLF HOST END, TARGET},
	{"GET /\xc3\xa4 HTTP/1.1" CRLF HOST END, TARGET},
	{"GET /\x7f HTTP/1.1" CRLF HOST END, TARGET},
	{"GET /\x01 HTTP/1.1" CRLF HOST END, FRAMING},
	{"GET /%61 HTTP/1.1" CRLF HOST END, ENCODING},
	{"GET /a%2fb HTTP/1.1" CRLF HOST END, ENCODING},
	{"GET /%2e%2e/a HTTP/1.1" CRLF HOST END, ENCODING},
	{"GET /a%00 HTTP/1.1" CRLF HOST END, ENCODING},
	{"GET /% HTTP/1.1" CRLF HOST END, ENCODING},
	{"GET // HTTP/1.1" CRLF HOST END, PATH},
	{"GET //docker/a HTTP/1.1" CRLF HOST END, PATH},
	{"GET /a//b HTTP/1.1" CRLF HOST END, PATH},
	{"GET /a// HTTP/1.1" CRLF HOST END, PATH},
	{"GET /. HTTP/1.1" CRLF HOST END, PATH},
	{"GET /.. HTTP/1.1" CRLF HOST END, PATH},
	{"GET /./a HTTP/1.1" CRLF HOST END, PATH},
	{"GET /a/../b HTTP/1.1" CRLF HOST END, PATH},
	{"GET /a/.. HTTP/1.1" CRLF HOST END, PATH},
	{"GET /a/.?x=y HTTP/1.1" CRLF HOST END, PATH},
	{"GET /? HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?& HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=b& HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?&a=b HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=b&&c=d HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?=b HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=b;c=d HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=b#c HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=% HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%4 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%4&b=1 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%zz HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%00 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%0d%0ab HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a%09=1 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%7F HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%c3 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%ff HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%ed%a0%80 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=%c0%af HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=\xc3\xa4 HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a={} HTTP/1.1" CRLF HOST END, QUERY},
	{"GET /?a=1&b=2&a=1 HTTP/1.1" CRLF HOST END, TWICE},
	{"GET /?a=1&%61=2 HTTP/1.1" CRLF HOST END, TWICE},
	{"GET /?a&a=2 HTTP/1.1" CRLF HOST END, TWICE},
};

/* Behind "POST /x HTTP/1.1", without and with a Host line. */
static const struct {
	const char *headers;
	enum s2c_http1_fault fault;
} bad_headers[] = {
	{"", HEADER},
	{"X: y" CRLF, HEADER},
	{HOST "Host: docker" CRLF, FRAMING},
	{HOST "host:" CRLF, FRAMING},
	{"Host: a b" CRLF, HEADER},
	{"Host: a/b" CRLF, HEADER},
	{"Host: a@b" CRLF, HEADER},
	{"Host: a, b" CRLF, HEADER},
	{"Host : docker" CRLF, HEADER},
	{"Host\t: docker" CRLF, HEADER},
	{" Host: docker" CRLF, HEADER},
	{"Host: docker" CRLF " folded" CRLF, HEADER},
	{"Host: docker" CRLF "\tfolded" CRLF, HEADER},
	{"X: y" CRLF " " CRLF HOST, HEADER},
	{HOST ": x" CRLF, HEADER},
	{HOST "x" CRLF, HEADER},
	{HOST "x y: z" CRLF, HEADER},
	{HOST "x(y): z" CRLF, HEADER},
	{HOST "x\x80: z" CRLF, HEADER},
	{HOST "x: \x80" CRLF, HEADER},
	{HOST "x: a\x7f" CRLF, HEADER},
	{HOST "x:\ta" CRLF, HEADER},
	{HOST "x: a\t" CRLF, HEADER},
	{HOST "x: a\x01" CRLF, FRAMING},
	{HOST "x: a\x1b[0m" CRLF, FRAMING},
	{HOST "x: a\ny: b" CRLF, FRAMING},
	{HOST "x: a\ry: b" CRLF, FRAMING},
	{HOST "x: a\r\r\ny: b" CRLF, FRAMING},
	{HOST "x: a\n\r\ny: b" CRLF, FRAMING},
	{HOST "x: a" CRLF CRLF "y: b" CRLF, FRAMING},
	{HOST "Content-Length: 5" CRLF "Transfer-Encoding: chunked" CRLF, FRAMING},
	{HOST "Transfer-Encoding: chunked" CRLF "Content-Length: 5" CRLF, FRAMING},
	{HOST "Transfer-Encoding: chunked" CRLF "Content-Length: 0" CRLF, FRAMING},
	{HOST "Content-Length: 5" CRLF "Content-Length: 5" CRLF, FRAMING},
	{HOST "Content-Length: 5" CRLF "content-length: 6" CRLF, FRAMING},
	{HOST "Content-Length: 5, 5" CRLF, FRAMING},
	{HOST "Content-Length:" CRLF, FRAMING},
	{HOST "Content-Length: -1" CRLF, FRAMING},
	{HOST "Content-Length: +1" CRLF, FRAMING},
	{HOST "Content-Length: 01" CRLF, FRAMING},
	{HOST "Content-Length: 00" CRLF, FRAMING},
	{HOST "Content-Length: 0x5" CRLF, FRAMING},
	{HOST "Content-Length: 5 5" CRLF, FRAMING},
	{HOST "Content-Length: 5\t5" CRLF, FRAMING},
	{HOST "Content-Length: 1_0" CRLF, FRAMING},
	{HOST "Content-Length: 5.0" CRLF, FRAMING},
	{HOST "Content-Length: 10000000000" CRLF, LARGE},
	{HOST "Content-Length: 99999999999999999999999999" CRLF, LARGE},
	{HOST "Content-Length : 5" CRLF, HEADER},
	{HOST "Transfer-Encoding: Chunked" CRLF, FRAMING},
	{HOST "Transfer-Encoding: CHUNKED" CRLF, FRAMING},
	{HOST "Transfer-Encoding:\tchunked" CRLF, HEADER},
	{HOST "Transfer-Encoding: chunked\t" CRLF, HEADER},
	{HOST "Transfer-Encoding: chunked," CRLF, FRAMING},
	{HOST "Transfer-Encoding: chunked, identity" CRLF, FRAMING},
	{HOST "Transfer-Encoding: gzip, chunked" CRLF, FRAMING},
	{HOST "Transfer-Encoding: chunked, chunked" CRLF, FRAMING},
	{HOST "Transfer-Encoding: xchunked" CRLF, FRAMING},
	{HOST "Transfer-Encoding: \"chunked\"" CRLF, FRAMING},
	{HOST "Transfer-Encoding: identity" CRLF, FRAMING},
	{HOST "Transfer-Encoding:" CRLF, FRAMING},
	{HOST "Transfer-Encoding: chunked" CRLF "Transfer-Encoding: chunked" CRLF,
		FRAMING},
	{HOST "Transfer-Encoding: chunked" CRLF "Transfer-Encoding: x" CRLF, FRAMING},
	{HOST "Transfer-Encoding : chunked" CRLF, HEADER},
	{HOST "Transfer-Encoding: chunked" CRLF "Trailer: X-Sum" CRLF, FRAMING},
	{HOST "Content-Encoding: gzip" CRLF, HEADER},
	{HOST "Content-Encoding: identity" CRLF, HEADER},
	{HOST "Content-Type: a/b" CRLF "Content-Type: a/b" CRLF, HEADER},
	{HOST "X-Registry-Auth: a" CRLF "x-registry-auth: b" CRLF, HEADER},
	{HOST "User-Agent: a" CRLF "User-Agent: b" CRLF, HEADER},
	{HOST "Expect: x" CRLF, HEADER},
	{HOST "Expect: 100-continue, x" CRLF, HEADER},
	{HOST "Connection:" CRLF, FRAMING},
	{HOST "Connection: ," CRLF, FRAMING},
	{HOST "Connection: close," CRLF, FRAMING},
	{HOST "Connection: close, close" CRLF, FRAMING},
	{HOST "Connection: close keep-alive" CRLF, FRAMING},
	{HOST "Connection: close, keep-alive" CRLF, FRAMING},
	{HOST "Connection: Content-Length" CRLF, FRAMING},
	{HOST "Connection: close" CRLF "Connection: close" CRLF, FRAMING},
	{HOST "Connection: Upgrade, HTTP2-Settings" CRLF "Upgrade: h2c" CRLF, FRAMING},
	{HOST "Connection: Upgrade" CRLF "Upgrade: h2c" CRLF, UPGRADE},
	{HOST "Connection: Upgrade" CRLF "Upgrade: tcp, h2c" CRLF, UPGRADE},
	{HOST "Connection: Upgrade" CRLF "Upgrade: TCP" CRLF, UPGRADE},
	{HOST "Connection: Upgrade" CRLF "Upgrade: websocket" CRLF, UPGRADE},
	{HOST "Connection: Upgrade" CRLF, UPGRADE},
	{HOST "Connection: Upgrade, close" CRLF "Upgrade: tcp" CRLF, UPGRADE},
	{HOST "Upgrade: tcp" CRLF, UPGRADE},
	{HOST "Upgrade: tcp" CRLF "Connection: close" CRLF, UPGRADE},
	{HOST "Upgrade: tcp" CRLF "Connection: upgrade" CRLF "Content-Length: 1" CRLF,
		FRAMING},
	{HOST "Upgrade: tcp" CRLF "Connection: upgrade" CRLF
	      "Transfer-Encoding: chunked" CRLF,
		FRAMING},
};

/* "a=1;b=2;" of a query, caller frees. */
static char *query_text(const struct s2c_http1_query *query)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(65536);

	for (size_t i = 0; i < query->len; i++)
		s2c_buf_must_printf(
			&text, "%s=%s;", query->items[i].key, query->items[i].value);
	return s2c_buf_take(&text);
}

static int parse(
	const char *head, struct s2c_http1_request *out, enum s2c_http1_fault *fault)
{
	return s2c_http1_request_parse(head, strlen(head), out, fault, &terr);
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};
		enum s2c_http1_fault fault = S2C_HTTP1_TOO_LARGE;
		CLEAN_FREE char *query = NULL;
		char flags[8] = "", *p = flags;

		assert_ok(parse(good[i].head, &r, &fault));
		assert_int_equal(fault, S2C_HTTP1_OK);
		assert_int_equal(r.method, good[i].method);
		assert_string_equal(r.path, good[i].path);
		query = query_text(&r.query);
		assert_string_equal(query, good[i].query);
		if (r.has_length)
			*p++ = 'l';
		if (r.chunked)
			*p++ = 'c';
		if (r.upgrade)
			*p++ = 'u';
		if (r.expect_continue)
			*p++ = 'e';
		if (r.keep_alive)
			*p++ = 'k';
		assert_string_equal(flags, good[i].flags);
		assert_int_equal(r.content_length, good[i].length);
	}
}

static void assert_bad(const char *head, enum s2c_http1_fault wanted)
{
	struct s2c_http1_request r = {.path = NULL, .content_length = 7};
	enum s2c_http1_fault fault = S2C_HTTP1_OK;

	if (parse(head, &r, &fault) == 0)
		fail_msg("taken: %s", head);
	if (fault != wanted)
		fail_msg("%s instead of %s: %s: %s", s2c_http1_fault_name(fault),
			s2c_http1_fault_name(wanted), s2c_error_message(terr), head);
	assert_int_equal(s2c_error_code(terr),
		wanted == S2C_HTTP1_TOO_LARGE ? S2C_ELIMIT : S2C_EPROTO);
	assert_null(r.path);
	assert_int_equal(r.content_length, 7);
	s2c_error_free(TAKE(terr));
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_start); i++)
		assert_bad(bad_start[i].head, bad_start[i].fault);
	for (size_t i = 0; i < ARRAY_SIZE(bad_headers); i++) {
		CLEAN_FREE char *head = xasprintf(
			"POST /x HTTP/1.1" CRLF "%s" END, bad_headers[i].headers);

		assert_bad(head, bad_headers[i].fault);
	}
	/* GET and HEAD have no body. */
	assert_bad("GET / HTTP/1.1" CRLF HOST "Content-Length: 1" CRLF END, FRAMING);
	assert_bad("HEAD / HTTP/1.1" CRLF HOST "Transfer-Encoding: chunked" CRLF END,
		FRAMING);
}

/* Every byte of a request replaced by every byte: what is taken has no new line. */
static void test_every_byte(void **state)
{
	static const char head[] = "POST /a/b?c=d HTTP/1.1" CRLF HOST "X: y" CRLF END;
	CLEAN_FREE char *copy = xstrdup(head);
	size_t taken = 0;

	for (size_t i = 0; i < strlen(head); i++) {
		for (int c = 0; c < 256; c++) {
			CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};

			copy[i] = (char)c;
			if (s2c_http1_request_parse(copy, strlen(head), &r, NULL, NULL) <
				0)
				continue;
			taken++;
			assert_int_equal(r.headers.len, 2);
			if (copy[i] != head[i])
				assert_true(c == '\t' || (c >= 0x20 && c < 0x7f));
		}
		copy[i] = head[i];
	}
	assert_in_range(taken, 1000, 3000);
}

/* A request whose path, query, headers and lines are as large as asked. */
static char *sized(size_t path, size_t parameters, size_t lines, size_t value)
{
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(1u << 20);

	s2c_buf_must_printf(&head, "GET /");
	for (size_t i = 1; i < path; i++)
		s2c_buf_must_printf(&head, "a");
	for (size_t i = 0; i < parameters; i++)
		s2c_buf_must_printf(&head, "%c%zu=", i ? '&' : '?', i);
	s2c_buf_must_printf(&head, " HTTP/1.1" CRLF "Host:" CRLF);
	for (size_t i = 1; i < lines; i++)
		s2c_buf_must_printf(&head, "x%zu: a" CRLF, i);
	if (value) {
		s2c_buf_must_printf(&head, "y:");
		for (size_t i = 0; i < value; i++)
			s2c_buf_must_printf(&head, "a");
		s2c_buf_must_printf(&head, CRLF);
	}
	s2c_buf_must_printf(&head, END);
	return s2c_buf_take(&head);
}

static void test_maxima(void **state)
{
	static const struct {
		size_t path, parameters, lines, value;
		bool good;
	} rows[] = {
		{S2C_HTTP1_TARGET_MAX, 0, 1, 0, true},
		{S2C_HTTP1_TARGET_MAX + 1, 0, 1, 0, false},
		{1, S2C_HTTP1_QUERY_MAX, 1, 0, true},
		{1, S2C_HTTP1_QUERY_MAX + 1, 1, 0, false},
		{1, 0, S2C_HTTP1_HEADERS_MAX, 0, true},
		{1, 0, S2C_HTTP1_HEADERS_MAX + 1, 0, false},
		/* "Host:" and "y:" with their ends are 11 bytes. */
		{1, 0, 1, S2C_HTTP1_HEADER_BYTES_MAX - 11, true},
		{1, 0, 1, S2C_HTTP1_HEADER_BYTES_MAX - 10, false},
		{S2C_HTTP1_TARGET_MAX, 0, 1, S2C_HTTP1_HEADER_BYTES_MAX - 11, true},
		{100000, 0, 1, 0, false},
		{1, 0, 1, 100000, false},
		{1, 0, 10000, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *head = sized(
			rows[i].path, rows[i].parameters, rows[i].lines, rows[i].value);
		CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};

		if (rows[i].good)
			assert_ok(parse(head, &r, NULL));
		else
			assert_bad(head, LARGE);
	}
	CLEAN_FREE char *host = xasprintf(
		"GET / HTTP/1.1" CRLF "Host: %0256d" CRLF END, 0);
	assert_bad(host, LARGE);
}

static void test_lookup(void **state)
{
	CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};

	assert_ok(parse("GET /?a=b&c= HTTP/1.1" CRLF HOST "X-Empty: " CRLF
			"X-Registry-Auth: e30K" CRLF "x: 1" CRLF "x: 2" CRLF END,
		&r, NULL));
	assert_string_equal(s2c_http1_header(&r.headers, "host"), "docker");
	assert_string_equal(s2c_http1_header(&r.headers, "x-registry-auth"), "e30K");
	assert_string_equal(s2c_http1_header(&r.headers, "x-empty"), "");
	assert_string_equal(s2c_http1_header(&r.headers, "x"), "1");
	assert_null(s2c_http1_header(&r.headers, "x-registry"));
	assert_string_equal(s2c_http1_parameter(&r.query, "a"), "b");
	assert_string_equal(s2c_http1_parameter(&r.query, "c"), "");
	assert_null(s2c_http1_parameter(&r.query, "b"));
	assert_string_equal(s2c_http1_method_name(S2C_HTTP1_DELETE), "DELETE");
	assert_string_equal(s2c_http1_method_name((enum s2c_http1_method)77), "");
	assert_string_equal(s2c_http1_fault_name(TWICE), "query_dup");
	assert_string_equal(s2c_http1_fault_name((enum s2c_http1_fault)77), "unknown");
}

/* --- the end of a head ------------------------------------------------------------ */

static void test_head_end(void **state)
{
	static const char head[] = "GET / HTTP/1.1" CRLF HOST END "next" CRLF CRLF;
	const ssize_t whole = (ssize_t)strlen("GET / HTTP/1.1" CRLF HOST END);
	enum s2c_http1_fault fault;
	static const struct {
		const char *text;
		bool bad;
	} rows[] = {
		{"\n", true},
		{"\r\r", true},
		{"a\nb", true},
		{"GET / HTTP/1.1\n", true},
		{"GET / HTTP/1.1\r\nHost: a\n\r\n", true},
		{"\x16\x03\x01", true},
		{"a\x1b", true},
		{"\r", false},
		{"\r\n", false},
		{"\r\n\r", false},
		{"\xc3\xa4\t", false},
	};

	for (size_t len = 0; len < strlen(head); len++) {
		ssize_t end = s2c_http1_head_end(head, len, 1000, &fault, &terr);

		assert_int_equal(end, (ssize_t)len < whole ? 0 : whole);
		assert_int_equal(fault, S2C_HTTP1_OK);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ssize_t end = s2c_http1_head_end(
			rows[i].text, strlen(rows[i].text), 1000, &fault, &terr);

		assert_int_equal(end, rows[i].bad ? -1 : 0);
		assert_int_equal(fault, rows[i].bad ? FRAMING : S2C_HTTP1_OK);
		s2c_error_free(TAKE(terr));
	}
	assert_int_equal(s2c_http1_head_end("a\0b", 3, 1000, &fault, &terr), -1);
	s2c_error_free(TAKE(terr));
	/* The maximum: exactly is fine, and nobody waits for what would be too much. */
	assert_int_equal(
		s2c_http1_head_end(head, (size_t)whole, (size_t)whole, NULL, &terr),
		whole);
	assert_fails((int)s2c_http1_head_end(
			     head, (size_t)whole, (size_t)whole - 1, &fault, &terr),
		S2C_ELIMIT, "larger than");
	assert_int_equal(fault, LARGE);
	assert_int_equal(s2c_http1_head_end("aaa", 3, 4, NULL, &terr), 0);
	assert_fails((int)s2c_http1_head_end("aaaa", 4, 4, NULL, &terr), S2C_ELIMIT,
		"4 bytes");
}

/* --- responses -------------------------------------------------------------------- */

#define OK_LINE "HTTP/1.1 200 OK" CRLF
#define SWITCH "HTTP/1.1 101 UPGRADED" CRLF "Connection: Upgrade" CRLF "Upgrade: tcp" CRLF
static const struct s2c_http1_asked get = {S2C_HTTP1_GET, false},
				    head_of = {S2C_HTTP1_HEAD, false},
				    attach = {S2C_HTTP1_POST, true};

static const struct {
	const char *head;
	const struct s2c_http1_asked *asked;
	int status;
	enum s2c_http1_body body;
	int64_t length; /* -1: none given */
	bool keep_alive;
} good_responses[] = {
	{OK_LINE "Api-Version: 1.41" CRLF "Content-Length: 2" CRLF END, &get, 200,
		S2C_HTTP1_BODY_LENGTH, 2, true},
	{OK_LINE "Content-Length: 2" CRLF END, &head_of, 200, S2C_HTTP1_NO_BODY, 2, true},
	{OK_LINE "Transfer-Encoding: chunked" CRLF END, &head_of, 200, S2C_HTTP1_NO_BODY,
		-1, true},
	{OK_LINE "Transfer-Encoding: chunked" CRLF END, &attach, 200,
		S2C_HTTP1_BODY_CHUNKED, -1, true},
	{OK_LINE "Content-Type: application/vnd.docker.raw-stream" CRLF END, &attach, 200,
		S2C_HTTP1_BODY_CLOSE, -1, false},
	{OK_LINE "Content-Length: 0" CRLF "Connection: close" CRLF END, &get, 200,
		S2C_HTTP1_BODY_LENGTH, 0, false},
	{OK_LINE "Content-Length: 999999999999999" CRLF END, &get, 200,
		S2C_HTTP1_BODY_LENGTH, 999999999999999, true},
	{SWITCH "Content-Type: application/vnd.docker.raw-stream" CRLF END, &attach, 101,
		S2C_HTTP1_UPGRADED, -1, false},
	{"HTTP/1.1 100 Continue" CRLF END, &get, 100, S2C_HTTP1_NO_BODY, -1, true},
	{"HTTP/1.1 204 No Content" CRLF END, &get, 204, S2C_HTTP1_NO_BODY, -1, true},
	{"HTTP/1.1 304 " CRLF END, &get, 304, S2C_HTTP1_NO_BODY, -1, true},
	{"HTTP/1.1 304 Not Modified" CRLF "Content-Length: 9" CRLF END, &get, 304,
		S2C_HTTP1_NO_BODY, 9, true},
	{"HTTP/1.1 599 a\tb  c" CRLF "Content-Length: 1" CRLF END, &get, 599,
		S2C_HTTP1_BODY_LENGTH, 1, true},
};

static const struct {
	const char *head;
	const struct s2c_http1_asked *asked;
	enum s2c_http1_fault fault;
} bad_responses[] = {
	{"", &get, FRAMING},
	{CRLF CRLF, &get, STATUS_LINE},
	{"HTTP/1.0 200 OK" CRLF END, &get, VERSION},
	{"HTTP/2 200 OK" CRLF END, &get, VERSION},
	{"http/1.1 200 OK" CRLF END, &get, STATUS_LINE},
	{"ICY 200 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1" CRLF END, &get, VERSION},
	{"HTTP/1.1 " CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 200" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1  200 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 20 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 2000 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 +20 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 099 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 600 OK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 200\tOK" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 200 \xc3\xa4" CRLF END, &get, STATUS_LINE},
	{"HTTP/1.1 200 OK\n" END, &get, FRAMING},
	{OK_LINE " x: y" CRLF END, &get, HEADER},
	{OK_LINE "x : y" CRLF END, &get, HEADER},
	{OK_LINE "Content-Encoding: gzip" CRLF END, &get, HEADER},
	{OK_LINE "Location: a" CRLF "Location: b" CRLF END, &get, HEADER},
	{OK_LINE "Content-Length: 1" CRLF "Content-Length: 1" CRLF END, &get, FRAMING},
	{OK_LINE "Content-Length: 1" CRLF "Transfer-Encoding: chunked" CRLF END, &get,
		FRAMING},
	{OK_LINE "Content-Length: 1000000000000000" CRLF END, &get, LARGE},
	{OK_LINE "Transfer-Encoding: gzip, chunked" CRLF END, &get, FRAMING},
	{OK_LINE "Trailer: X" CRLF END, &get, FRAMING},
	{OK_LINE "Connection: x" CRLF END, &get, FRAMING},
	{"HTTP/1.1 204 No Content" CRLF "Content-Length: 0" CRLF END, &get, FRAMING},
	{"HTTP/1.1 204 No Content" CRLF "Transfer-Encoding: chunked" CRLF END, &get,
		FRAMING},
	{"HTTP/1.1 100 Continue" CRLF "Content-Length: 0" CRLF END, &get, FRAMING},
	{SWITCH END, &get, UPGRADE},
	{SWITCH "Content-Length: 0" CRLF END, &attach, FRAMING},
	{"HTTP/1.1 101 UPGRADED" CRLF END, &attach, UPGRADE},
	{"HTTP/1.1 101 UPGRADED" CRLF "Upgrade: tcp" CRLF END, &attach, UPGRADE},
	{"HTTP/1.1 101 Switching Protocols" CRLF "Connection: Upgrade" CRLF
	 "Upgrade: h2c" CRLF END,
		&attach, UPGRADE},
	{OK_LINE "Connection: Upgrade" CRLF "Upgrade: tcp" CRLF END, &attach, UPGRADE},
	{"HTTP/1.1 200 " TEN(TEN("abc")) CRLF END, &get, LARGE},
};

static void test_good_responses(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good_responses); i++) {
		CLEAN_HTTP1_RESPONSE struct s2c_http1_response r = {0};
		enum s2c_http1_fault fault = LARGE;
		int64_t length = good_responses[i].length;

		assert_ok(s2c_http1_response_parse(good_responses[i].head,
			strlen(good_responses[i].head), *good_responses[i].asked, &r,
			&fault, &terr));
		assert_int_equal(fault, S2C_HTTP1_OK);
		assert_int_equal(r.status, good_responses[i].status);
		assert_int_equal(r.body, good_responses[i].body);
		assert_int_equal(r.has_length, length >= 0);
		assert_int_equal(r.content_length, length < 0 ? 0 : length);
		assert_int_equal(r.keep_alive, good_responses[i].keep_alive);
	}
}

static void test_bad_responses(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_responses); i++) {
		struct s2c_http1_response r = {.status = 7};
		enum s2c_http1_fault fault = S2C_HTTP1_OK;
		const char *head = bad_responses[i].head;

		if (s2c_http1_response_parse(head, strlen(head), *bad_responses[i].asked,
			    &r, &fault, &terr) == 0)
			fail_msg("taken: %s", head);
		if (fault != bad_responses[i].fault)
			fail_msg("%s instead of %s: %s", s2c_http1_fault_name(fault),
				s2c_http1_fault_name(bad_responses[i].fault), head);
		assert_int_equal(r.status, 7);
		assert_null(r.headers.items);
		s2c_error_free(TAKE(terr));
	}
}

/* --- writing ---------------------------------------------------------------------- */

static void test_write_request(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(65536);
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(65536);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;

	assert_ok(s2c_buf_puts(&target, "/v1.41/commit", &terr));
	assert_ok(s2c_http1_query_add(&target, "author", "", &terr));
	assert_ok(s2c_http1_query_add(
		&target, "repo", "docker.io/a b+c&d=\xc3\xa4", &terr));
	assert_string_equal(s2c_buf_str(&target),
		"/v1.41/commit?author=&repo=docker.io%2Fa%20b%2Bc%26d%3D%C3%A4");
	s2c_strv_add(&headers, "Host: docker");
	s2c_strv_add(&headers, "Content-Length: 3");
	assert_ok(s2c_http1_write_request(
		&buf, S2C_HTTP1_POST, s2c_buf_str(&target), &headers, &terr));
	assert_string_equal(s2c_buf_str(&buf),
		"POST /v1.41/commit?author=&repo=docker.io%2Fa%20b%2Bc%26d%3D%C3%A4"
		" HTTP/1.1" CRLF "Host: docker" CRLF "Content-Length: 3" CRLF END);
}

static void test_query_add(void **state)
{
	static const struct {
		const char *key, *value, *why;
	} rows[] = {
		{"", "x", "without a name"},
		{"a", "\n", "control byte"},
		{"a\x7f", "", "control byte"},
		{"a", "\xff", "not UTF-8"},
		{"\xc3", "", "not UTF-8"},
	};
	CLEAN_BUF struct s2c_buf all = S2C_BUF_INIT(65536), line = S2C_BUF_INIT(65536);
	CLEAN_BUF struct s2c_buf small = S2C_BUF_INIT(8);
	CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};
	char ascii[96] = "";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_fails(s2c_http1_query_add(&all, rows[i].key, rows[i].value, &terr),
			S2C_EINVAL, rows[i].why);
	assert_int_equal(all.len, 0);
	assert_ok(s2c_buf_puts(&small, "/a?b=c", &terr));
	assert_fails(s2c_http1_query_add(&small, "d", "", &terr), S2C_ELIMIT, "8");
	assert_int_equal(small.len, 6);
	/* Every character there is, and back. */
	for (int c = 0x20; c < 0x7f; c++)
		ascii[c - 0x20] = (char)c;
	assert_ok(s2c_buf_puts(&all, "/", &terr));
	assert_ok(s2c_http1_query_add(&all, ascii, ascii, &terr));
	assert_ok(s2c_buf_printf(
		&line, &terr, "GET %s HTTP/1.1" CRLF HOST END, s2c_buf_str(&all)));
	assert_ok(parse(s2c_buf_str(&line), &r, NULL));
	assert_string_equal(s2c_http1_parameter(&r.query, ascii), ascii);
}

/* What may not be sent, one thing wrong a row; nothing is appended. */
static void test_write_bad(void **state)
{
	static const struct {
		const char *target, *header;
	} rows[] = {
		{"/a b", NULL},
		{"/a\r\nX: y", NULL},
		{"a", NULL},
		{"/a//b", NULL},
		{"/%2e", NULL},
		{"/a?b=c&b=d", NULL},
		{"/a HTTP/1.1\r\nHost: b\r\n\r\nGET /", NULL},
		{"/", "X: a\r\nY: b"},
		{"/", "X: a\r\n\r\nGET / HTTP/1.1"},
		{"/", "X: a\n"},
		{"/", "X: a\r"},
		{"/", ""},
		{"/", "X"},
		{"/", " X: a"},
		{"/", "Host: b"},
		{"/", "Content-Length: -1"},
		{"/", "Transfer-Encoding: gzip"},
		{"/", "X: \x80"},
	};
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(65536);
	CLEAN_STRV struct s2c_strv none = S2C_STRV_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;

		s2c_strv_add(&headers, "Host: a");
		if (rows[i].header)
			s2c_strv_add(&headers, rows[i].header);
		assert_fails(s2c_http1_write_request(&buf, S2C_HTTP1_POST, rows[i].target,
				     &headers, &terr),
			S2C_EINVAL, "cannot send this request");
		/* An empty line in the place of a header, say, would end the head. */
		if (rows[i].header && !starts_with(rows[i].header, "Host"))
			assert_fails(s2c_http1_write_response(&buf, 200, &headers, &terr),
				S2C_EINVAL, "cannot send this response");
	}
	assert_fails(s2c_http1_write_request(&buf, S2C_HTTP1_GET, "/", &none, &terr),
		S2C_EINVAL, "no Host header");
	assert_fails(s2c_http1_write_request(
			     &buf, (enum s2c_http1_method)9, "/", &none, &terr),
		S2C_EINVAL, "cannot send");
	assert_fails(
		s2c_http1_write_response(&buf, 600, &none, &terr), S2C_EINVAL, "600");
	assert_fails(s2c_http1_write_response(&buf, 99, &none, &terr), S2C_EINVAL, "99");
	assert_fails(
		s2c_http1_write_response(&buf, -1, &none, &terr), S2C_EINVAL, "status");
	assert_fails(
		s2c_http1_write_response(&buf, 101, &none, &terr), S2C_EINVAL, "Upgrade");
	assert_int_equal(buf.len, 0);
}

/* Each status that there is reads back as itself. */
static void test_write_response(void **state)
{
	CLEAN_STRV struct s2c_strv none = S2C_STRV_INIT, upgrade = S2C_STRV_INIT;

	s2c_strv_add(&upgrade, "Upgrade: tcp");
	s2c_strv_add(&upgrade, "Connection: Upgrade");
	for (int status = 100; status < 600; status++) {
		const struct s2c_strv *headers = status == 101 ? &upgrade : &none;
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(65536);
		CLEAN_HTTP1_RESPONSE struct s2c_http1_response r = {0};

		assert_ok(s2c_http1_write_response(&buf, status, headers, &terr));
		assert_ok(s2c_http1_response_parse(
			buf.data, buf.len, attach, &r, NULL, &terr));
		assert_int_equal(r.status, status);
	}
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(65536);
	assert_ok(s2c_http1_write_response(&buf, 403, &none, &terr));
	assert_string_equal(s2c_buf_str(&buf), "HTTP/1.1 403 Forbidden" CRLF END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_maxima),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_head_end),
		cmocka_unit_test(test_good_responses),
		cmocka_unit_test(test_bad_responses),
		cmocka_unit_test(test_write_request),
		cmocka_unit_test(test_query_add),
		cmocka_unit_test(test_write_bad),
		cmocka_unit_test(test_write_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
