/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the parser of response heads, as the answer to each kind of request.
 * What it takes is written again and must read back the same.
 */
#include <stdint.h>

#include "http/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct s2c_http1_response *r, struct s2c_http1_asked asked)
{
	CLEAN_HTTP1_RESPONSE struct s2c_http1_response again = {0};
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(65536);
	size_t bytes = 0;

	if (r->status < 100 || r->status > 599 ||
		(r->status == 101) != (r->body == S2C_HTTP1_UPGRADED) ||
		(r->body == S2C_HTTP1_BODY_LENGTH && !r->has_length) ||
		(r->body == S2C_HTTP1_BODY_CLOSE && r->keep_alive))
		abort();
	s2c_strv_foreach (line, &r->headers)
		bytes += strlen(line) + 2;
	if (bytes > S2C_HTTP1_HEADER_BYTES_MAX)
		return; /* with a blank behind each colon */
	if (s2c_http1_write_response(&head, r->status, &r->headers, NULL) < 0 ||
		s2c_http1_response_parse(head.data, head.len, asked, &again, NULL, NULL) <
			0)
		abort();
	if (r->status != again.status || r->body != again.body ||
		r->has_length != again.has_length || r->keep_alive != again.keep_alive ||
		r->content_length != again.content_length ||
		r->headers.len != again.headers.len)
		abort();
	for (size_t i = 0; i < r->headers.len; i++)
		if (!streq(r->headers.items[i], again.headers.items[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct s2c_http1_asked asked[] = {
		{S2C_HTTP1_GET, false}, {S2C_HTTP1_HEAD, false}, {S2C_HTTP1_POST, true}};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		CLEAN_HTTP1_RESPONSE struct s2c_http1_response r = {0};
		CLEAN_ERROR struct s2c_error *err = NULL;
		enum s2c_http1_fault fault = S2C_HTTP1_OK;

		if (s2c_http1_response_parse(
			    (const char *)data, size, asked[i], &r, &fault, &err) == 0)
			check(&r, asked[i]);
		else if (!err || fault == S2C_HTTP1_OK || r.headers.items)
			abort();
	}
	return 0;
}
