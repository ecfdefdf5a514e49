/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the parser of request heads. What it takes must be what our own writer
 * writes for it, and read back the same; where a head ends must not depend on how much of
 * it has come.
 */
#include <stdint.h>

#include "http/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The request with what is derived from its headers, written again. */
static bool rewrite(const struct s2c_http1_request *r, struct s2c_buf *head)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_HTTP1_TARGET_MAX);
	size_t bytes = 0;

	if (s2c_buf_puts(&target, r->path, NULL) < 0)
		abort();
	for (size_t i = 0; i < r->query.len; i++)
		if (s2c_http1_query_add(&target, r->query.items[i].key,
			    r->query.items[i].value, NULL) < 0)
			return false; /* %XX makes it longer than a target may be */
	s2c_strv_foreach (line, &r->headers)
		bytes += strlen(line) + 2;
	if (bytes > S2C_HTTP1_HEADER_BYTES_MAX)
		return false; /* with a blank behind each colon */
	if (s2c_http1_write_request(
		    head, r->method, s2c_buf_str(&target), &r->headers, NULL) < 0)
		abort();
	return true;
}

static void compare(const struct s2c_http1_request *a, const struct s2c_http1_request *b)
{
	if (a->method != b->method || !streq(a->path, b->path) ||
		a->has_length != b->has_length || a->chunked != b->chunked ||
		a->content_length != b->content_length || a->upgrade != b->upgrade ||
		a->expect_continue != b->expect_continue ||
		a->keep_alive != b->keep_alive || a->headers.len != b->headers.len ||
		a->query.len != b->query.len)
		abort();
	for (size_t i = 0; i < a->headers.len; i++)
		if (!streq(a->headers.items[i], b->headers.items[i]) ||
			strpbrk(a->headers.items[i], "\r\n"))
			abort();
	for (size_t i = 0; i < a->query.len; i++)
		if (!streq(a->query.items[i].key, b->query.items[i].key) ||
			!streq(a->query.items[i].value, b->query.items[i].value))
			abort();
}

/* Each shorter piece is "not complete" or fails, and what fails stays failed. */
static void check_end(const char *head, size_t size)
{
	ssize_t whole = s2c_http1_head_end(head, size, S2C_HTTP1_REQUEST_MAX, NULL, NULL);
	bool failed = false;

	for (size_t len = 0; len <= size && len < 512; len++) {
		ssize_t end = s2c_http1_head_end(
			head, len, S2C_HTTP1_REQUEST_MAX, NULL, NULL);

		if ((end > 0 && end != whole) || (failed && end >= 0))
			abort();
		failed = end < 0;
	}
	if (failed && whole >= 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0}, again = {0};
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(65536);
	CLEAN_ERROR struct s2c_error *err = NULL;
	enum s2c_http1_fault fault = S2C_HTTP1_OK;

	check_end((const char *)data, size);
	if (s2c_http1_request_parse((const char *)data, size, &r, &fault, &err) < 0) {
		if (!err || fault == S2C_HTTP1_OK || r.path)
			abort();
		return 0;
	}
	if (fault != S2C_HTTP1_OK || (r.has_length && r.chunked))
		abort();
	if (!rewrite(&r, &head))
		return 0;
	if (s2c_http1_request_parse(head.data, head.len, &again, NULL, NULL) < 0)
		abort();
	compare(&r, &again);
	return 0;
}
