/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets of requests, both ways. A path is taken as it stands: whoever decodes it, or
 * removes dots or doubled slashes from it, must find nothing to do. A query is decoded
 * here and once, and what two decoders might read differently is refused.
 */
#include "http/http1_impl.h"
#include "util/escape.h"

static bool unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c));
}

static bool target_char(char c)
{
	return unreserved(c) || (c && strchr("/:@?&=%+,", c));
}

void s2c_http1_query_release(struct s2c_http1_query *query)
{
	for (size_t i = 0; i < query->len; i++) {
		free(query->items[i].key);
		free(query->items[i].value);
	}
	free(query->items);
	*query = (struct s2c_http1_query){0};
}

const char *s2c_http1_parameter(const struct s2c_http1_query *query, const char *key)
{
	for (size_t i = 0; i < query->len; i++)
		if (streq(query->items[i].key, key))
			return query->items[i].value;
	return NULL;
}

/* --- path ------------------------------------------------------------------------- */

static int path_parse(struct s2c_http1_span path, struct s2c_http1_report report)
{
	const char *p = path.at, *end = path.at + path.len;

	if (memchr(p, '%', path.len))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_PATH_ENCODING,
			"'%%' in the path; it is written without");
	/* Each segment starts behind a slash. */
	while (p < end) {
		const char *start = ++p;
		size_t len;

		while (p < end && *p != '/')
			p++;
		len = (size_t)(p - start);
		if (len == 0 && p < end)
			return s2c_http1_refuse(
				report, S2C_HTTP1_BAD_PATH, "'//' in the path");
		if ((len == 1 || len == 2) && memcmp(start, "..", len) == 0)
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_PATH,
				"a '.' or '..' segment in the path");
	}
	return 0;
}

/* --- query ------------------------------------------------------------------------ */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX and '+' decoded; the caller frees *out. */
static int decode(struct s2c_http1_span text, char **out, struct s2c_http1_report report)
{
	CLEAN_FREE char *value = xmalloc(text.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		int c = (unsigned char)text.at[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < text.len ? hex(text.at[i + 1]) : -1;
			int low = i + 2 < text.len ? hex(text.at[i + 2]) : -1;

			if (high < 0 || low < 0)
				return s2c_http1_refuse(report, S2C_HTTP1_BAD_QUERY,
					"'%%' without two hex digits in the query");
			c = high * 16 + low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_QUERY,
				"control byte 0x%02x in the query", (unsigned)c);
		value[n++] = (char)c;
	}
	value[n] = '\0';
	if (!s2c_utf8_valid(value, n))
		return s2c_http1_refuse(
			report, S2C_HTTP1_BAD_QUERY, "the query is not UTF-8");
	*out = TAKE(value);
	return 0;
}

static int take_parameter(struct s2c_http1_span text, struct s2c_http1_query *out,
	struct s2c_http1_report report)
{
	const char *equals = memchr(text.at, '=', text.len);
	size_t len = equals ? (size_t)(equals - text.at) : text.len;
	struct s2c_http1_span key = {text.at, len},
			      value = {text.at + len + (equals != NULL),
				      text.len - len - (equals != NULL)};
	struct s2c_http1_parameter *new = &out->items[out->len];
	CLEAN_FREE char *name = NULL;

	if (!len)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_QUERY,
			"a parameter without a name in the query");
	if (decode(key, &name, report) < 0)
		return -1;
	if (s2c_http1_parameter(out, name))
		return s2c_http1_refuse(report, S2C_HTTP1_DUPLICATE_QUERY,
			"parameter '%.64s' is there twice", name);
	if (decode(value, &new->value, report) < 0)
		return -1;
	new->key = TAKE(name);
	out->len++;
	return 0;
}

static int query_parse(struct s2c_http1_span text, struct s2c_http1_query *out,
	struct s2c_http1_report report)
{
	const char *p = text.at, *end = text.at + text.len;

	out->items = xcalloc(S2C_HTTP1_QUERY_MAX, sizeof(*out->items));
	for (;; p++) {
		struct s2c_http1_span one = {p, 0};

		while (p < end && *p != '&')
			p++;
		one.len = (size_t)(p - one.at);
		if (out->len == S2C_HTTP1_QUERY_MAX)
			return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
				"more than %d parameters in the query",
				S2C_HTTP1_QUERY_MAX);
		if (take_parameter(one, out, report) < 0)
			return -1;
		if (p == end)
			return 0;
	}
}

int s2c_http1_target_parse(struct s2c_http1_span target, struct s2c_http1_request *out,
	struct s2c_http1_report report)
{
	const char *question = memchr(target.at, '?', target.len);
	size_t len = question ? (size_t)(question - target.at) : target.len;
	struct s2c_http1_span path = {target.at, len}, query = {target.at + len + 1, 0};

	if (target.len > S2C_HTTP1_TARGET_MAX)
		return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
			"the target is larger than %d bytes", S2C_HTTP1_TARGET_MAX);
	if (!len || target.at[0] != '/')
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_TARGET,
			"the target does not start with '/'");
	for (size_t i = 0; i < target.len; i++)
		if (!target_char(target.at[i]))
			return s2c_http1_refuse(report,
				i < len ? S2C_HTTP1_BAD_TARGET : S2C_HTTP1_BAD_QUERY,
				"byte 0x%02x in the target",
				(unsigned)(unsigned char)target.at[i]);
	if (path_parse(path, report) < 0)
		return -1;
	out->path = xstrndup(path.at, path.len);
	if (!question)
		return 0;
	query.len = target.len - len - 1;
	return query_parse(query, &out->query, report);
}

/* --- writing ---------------------------------------------------------------------- */

static int encode(struct s2c_buf *buf, const char *text, struct s2c_error **err)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (c < 0x20 || c == 0x7f)
			return s2c_fail(err, S2C_EINVAL,
				"query parameter '%.64s': control byte 0x%02x", text,
				(unsigned)c);
		if (s2c_buf_add(buf, unreserved(*p) ? p : escaped,
			    unreserved(*p) ? 1 : sizeof(escaped), err) < 0)
			return -1;
	}
	return 0;
}

int s2c_http1_query_add(
	struct s2c_buf *buf, const char *key, const char *value, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf pair = S2C_BUF_INIT(S2C_HTTP1_TARGET_MAX);
	const char *first = memchr(s2c_buf_str(buf), '?', buf->len);

	if (!*key)
		return s2c_fail(err, S2C_EINVAL, "a query parameter without a name");
	if (!s2c_utf8_valid(key, strlen(key)) || !s2c_utf8_valid(value, strlen(value)))
		return s2c_fail(
			err, S2C_EINVAL, "query parameter '%.64s' is not UTF-8", key);
	if (s2c_buf_puts(&pair, first ? "&" : "?", err) < 0 ||
		encode(&pair, key, err) < 0 || s2c_buf_puts(&pair, "=", err) < 0 ||
		encode(&pair, value, err) < 0)
		return -1;
	return s2c_buf_add(buf, pair.data, pair.len, err);
}
