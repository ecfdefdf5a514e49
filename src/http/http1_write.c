/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads out. What is composed is read back by the parser before it is handed on: so
 * nothing leaves that we would not take, and a value that smuggles a line end shows as a
 * line too many.
 */
#include "http/http1_impl.h"

/* "400 Bad Request" from a table; a status that is not in it goes without words. */
static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{100, "Continue"},
		{101, "UPGRADED"},
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "";
}

static int put_headers(
	struct s2c_buf *head, const struct s2c_strv *headers, struct s2c_error **err)
{
	s2c_strv_foreach (line, headers) {
		if (strpbrk(line, "\r\n"))
			return s2c_fail(
				err, S2C_EINVAL, "a line end in header '%.64s'", line);
		if (s2c_buf_printf(head, err, "%s\r\n", line) < 0)
			return -1;
	}
	return s2c_buf_puts(head, "\r\n", err);
}

/* The parser's word on what was composed, as an error of who asked for it. */
static int unsendable(const char *what, struct s2c_error *cause, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL, "cannot send this %s: %s", what,
		cause ? s2c_error_message(cause) : "it would read as another one");
}

int s2c_http1_write_request(struct s2c_buf *buf, enum s2c_http1_method method,
	const char *target, const struct s2c_strv *headers, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(S2C_HTTP1_REQUEST_MAX);
	CLEAN_HTTP1_REQUEST struct s2c_http1_request back = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_buf_printf(&head, &cause, "%s %s HTTP/1.1\r\n",
		    s2c_http1_method_name(method), target) < 0 ||
		put_headers(&head, headers, &cause) < 0 ||
		s2c_http1_request_parse(head.data, head.len, &back, NULL, &cause) < 0)
		return unsendable("request", cause, err);
	if (back.headers.len != headers->len || back.method != method)
		return unsendable("request", NULL, err);
	return s2c_buf_add(buf, head.data, head.len, err);
}

int s2c_http1_write_response(struct s2c_buf *buf, int status,
	const struct s2c_strv *headers, struct s2c_error **err)
{
	struct s2c_http1_asked asked = {S2C_HTTP1_GET, status == 101};
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(S2C_HTTP1_RESPONSE_MAX);
	CLEAN_HTTP1_RESPONSE struct s2c_http1_response back = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_buf_printf(
		    &head, &cause, "HTTP/1.1 %03d %s\r\n", status, reason(status)) < 0 ||
		put_headers(&head, headers, &cause) < 0 ||
		s2c_http1_response_parse(
			head.data, head.len, asked, &back, NULL, &cause) < 0)
		return unsendable("response", cause, err);
	if (back.headers.len != headers->len || back.status != status)
		return unsendable("response", NULL, err);
	return s2c_buf_add(buf, head.data, head.len, err);
}
