/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads: the end of one, its start line, its headers, and what they say of how the
 * message ends. A head is checked byte by byte before it is looked at line by line, so
 * that behind that check every line ends where every other reader sees it end.
 */
#include <stdio.h>
#include <strings.h>

#include "http/http1_impl.h"

static const char *const fault_names[] = {
	[S2C_HTTP1_OK] = "ok",
	[S2C_HTTP1_BAD_REQUEST_LINE] = "request_line",
	[S2C_HTTP1_BAD_STATUS_LINE] = "status_line",
	[S2C_HTTP1_BAD_METHOD] = "method",
	[S2C_HTTP1_BAD_VERSION] = "http_version",
	[S2C_HTTP1_BAD_TARGET] = "target_form",
	[S2C_HTTP1_BAD_PATH] = "path_syntax",
	[S2C_HTTP1_BAD_PATH_ENCODING] = "path_encoding",
	[S2C_HTTP1_BAD_QUERY] = "query_syntax",
	[S2C_HTTP1_DUPLICATE_QUERY] = "query_dup",
	[S2C_HTTP1_BAD_HEADER] = "header",
	[S2C_HTTP1_BAD_FRAMING] = "framing",
	[S2C_HTTP1_BAD_UPGRADE] = "upgrade",
	[S2C_HTTP1_TOO_LARGE] = "too_large",
};

static const char *const method_names[] = {
	[S2C_HTTP1_HEAD] = "HEAD",
	[S2C_HTTP1_GET] = "GET",
	[S2C_HTTP1_POST] = "POST",
	[S2C_HTTP1_PUT] = "PUT",
	[S2C_HTTP1_DELETE] = "DELETE",
};

const char *s2c_http1_fault_name(enum s2c_http1_fault fault)
{
	return (size_t)fault < ARRAY_SIZE(fault_names) ? fault_names[fault] : "unknown";
}

const char *s2c_http1_method_name(enum s2c_http1_method method)
{
	return (size_t)method < ARRAY_SIZE(method_names) ? method_names[method] : "";
}

int(s2c_http1_refuse)(
	struct s2c_http1_report report, enum s2c_http1_fault fault, const char *fmt, ...)
{
	char what[512];
	va_list args;

	if (report.fault)
		*report.fault = fault;
	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return s2c_fail(report.err,
		fault == S2C_HTTP1_TOO_LARGE ? S2C_ELIMIT : S2C_EPROTO, "%s", what);
}

static int sound(struct s2c_http1_report report)
{
	if (report.fault)
		*report.fault = S2C_HTTP1_OK;
	return 0;
}

/* --- the end of a head ------------------------------------------------------------ */

ssize_t s2c_http1_head_end(const char *buf, size_t len, size_t max,
	enum s2c_http1_fault *fault, struct s2c_error **err)
{
	struct s2c_http1_report report = {fault, err};

	for (size_t i = 0; i < len; i++) {
		char c = buf[i];

		if (i >= max)
			return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
				"the head is larger than %zu bytes", max);
		if ((unsigned char)c >= 0x20 || c == '\t')
			continue;
		if (c == '\n' && i && buf[i - 1] == '\r') {
			if (i >= 3 && buf[i - 2] == '\n')
				return (ssize_t)i + 1;
			continue;
		}
		/* A CR at the very end may still get its LF. */
		if (c != '\r' || (i + 1 < len && buf[i + 1] != '\n'))
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
				"byte 0x%02x in the head; lines end with CR LF",
				(unsigned)(unsigned char)c);
	}
	/* What is still to come, one byte at least, would be too much. */
	if (len >= max)
		return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
			"the head is larger than %zu bytes", max);
	(void)sound(report);
	return 0;
}

/* The next line of `rest`, whose lines all end with CRLF, without its end. */
static struct s2c_http1_span take_line(struct s2c_http1_span *rest)
{
	const char *end = memchr(rest->at, '\r', rest->len);
	struct s2c_http1_span line = {rest->at, (size_t)(end - rest->at)};

	rest->at += line.len + 2;
	rest->len -= line.len + 2;
	return line;
}

/* The start line off a whole head; `head` then is the header lines and the empty one. */
static int take_start(struct s2c_http1_span *head, size_t max,
	struct s2c_http1_span *line, struct s2c_http1_report report)
{
	ssize_t end = s2c_http1_head_end(
		head->at, head->len, max, report.fault, report.err);

	if (end < 0)
		return -1;
	if (end == 0 || (size_t)end != head->len)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			end ? "bytes behind the head" : "the head has no end");
	*line = take_line(head);
	return 0;
}

static bool span_is(struct s2c_http1_span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

/* --- headers ---------------------------------------------------------------------- */

/* What the headers say; a request and a response make their own sense of it. */
struct fields {
	uint32_t seen; /* bit of each known header */
	unsigned digits_max;
	bool host, length, chunked, expect_continue;
	bool close, keep_alive, may_upgrade, upgrade_tcp;
	uint64_t content_length;
};

static bool alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool token_char(char c)
{
	return alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int take_host(struct fields *f, const char *value, struct s2c_http1_report report)
{
	size_t len = strlen(value);

	if (len > S2C_HTTP1_HOST_MAX)
		return s2c_http1_refuse(
			report, S2C_HTTP1_TOO_LARGE, "the Host header is too long");
	for (size_t i = 0; i < len; i++)
		if (!alnum(value[i]) && !strchr("._~%:[]-", value[i]))
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
				"bad host '%s' in the Host header", value);
	f->host = true;
	return 0;
}

static int take_length(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	size_t len = strlen(value);

	if (!len || strspn(value, "0123456789") != len || (len > 1 && *value == '0'))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			"bad Content-Length '%.64s'", value);
	if (len > f->digits_max)
		return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
			"a Content-Length of more than %u digits", f->digits_max);
	for (const char *p = value; *p; p++)
		f->content_length = f->content_length * 10 + (uint64_t)(*p - '0');
	f->length = true;
	return 0;
}

static int take_coding(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	if (!streq(value, "chunked"))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			"Transfer-Encoding '%.64s' is not 'chunked'", value);
	f->chunked = true;
	return 0;
}

/*
 * A list of options. Only those three: another one would name a header that is to be
 * dropped on the way, and so make two readers see two sets of headers.
 */
static int take_connection(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	struct {
		const char *name;
		bool *flag;
	} options[] = {
		{"close", &f->close},
		{"keep-alive", &f->keep_alive},
		{"upgrade", &f->may_upgrade},
	};

	for (const char *p = value;; p++) {
		size_t len, i;

		p += strspn(p, " ");
		len = strcspn(p, ", ");
		for (i = 0; i < ARRAY_SIZE(options); i++)
			if (len == strlen(options[i].name) &&
				strncasecmp(p, options[i].name, len) == 0)
				break;
		if (i == ARRAY_SIZE(options) || *options[i].flag)
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
				"bad Connection header '%.64s'", value);
		*options[i].flag = true;
		p += len;
		p += strspn(p, " ");
		if (!*p)
			break;
		if (*p != ',')
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
				"bad Connection header '%.64s'", value);
	}
	if (f->close && f->keep_alive)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			"the Connection header says both close and keep-alive");
	return 0;
}

static int take_upgrade(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	if (!streq(value, "tcp"))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_UPGRADE,
			"upgrade to '%.64s'; only 'tcp' is possible", value);
	f->upgrade_tcp = true;
	return 0;
}

static int take_expect(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	if (strcasecmp(value, "100-continue") != 0)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
			"Expect '%.64s' is not '100-continue'", value);
	f->expect_continue = true;
	return 0;
}

static int take_encoding(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	(void)f;
	return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
		"Content-Encoding '%.64s'; bodies come as they are", value);
}

static int take_trailer(
	struct fields *f, const char *value, struct s2c_http1_report report)
{
	(void)f;
	return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
		"a Trailer header; bodies have no trailers (%.64s)", value);
}

/* Headers that come once; most with a meaning for the message itself. */
static const struct {
	const char *name;
	int (*take)(struct fields *, const char *, struct s2c_http1_report);
} known[] = {
	{"host", take_host},
	{"content-length", take_length},
	{"transfer-encoding", take_coding},
	{"connection", take_connection},
	{"upgrade", take_upgrade},
	{"expect", take_expect},
	{"content-encoding", take_encoding},
	{"trailer", take_trailer},
	{"content-type", NULL},
	{"content-range", NULL},
	{"range", NULL},
	{"user-agent", NULL},
	{"authorization", NULL},
	{"x-registry-auth", NULL},
	{"x-registry-config", NULL},
	{"x-docker-container-path-stat", NULL},
	{"api-version", NULL},
	{"location", NULL},
	{"date", NULL},
	{"server", NULL},
};

_Static_assert(ARRAY_SIZE(known) <= 32, "as many bits as fields.seen has");

static int take_known(struct fields *f, const char *name, const char *value,
	struct s2c_http1_report report)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		uint32_t bit = 1u << i;

		if (!streq(name, known[i].name))
			continue;
		if (f->seen & bit)
			return s2c_http1_refuse(report,
				known[i].take ? S2C_HTTP1_BAD_FRAMING
					      : S2C_HTTP1_BAD_HEADER,
				"header '%s' is there twice", name);
		f->seen |= bit;
		return known[i].take ? known[i].take(f, value, report) : 0;
	}
	return 0;
}

/* The value behind the colon without blanks around it, or -1. */
static int trim_value(
	struct s2c_http1_span *value, const char *name, struct s2c_http1_report report)
{
	while (value->len && value->at[0] == ' ') {
		value->at++;
		value->len--;
	}
	while (value->len && value->at[value->len - 1] == ' ')
		value->len--;
	/* Who strips blanks only and who strips tabs too would disagree on it. */
	if (value->len && (value->at[0] == '\t' || value->at[value->len - 1] == '\t'))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
			"a tab around the value of header '%.64s'", name);
	for (size_t i = 0; i < value->len; i++)
		if ((unsigned char)value->at[i] >= 0x7f)
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
				"the value of header '%.64s' is not ASCII", name);
	return 0;
}

/* One line "name: value" into the list and the fields. */
static int take_header(struct s2c_http1_span line, struct s2c_strv *headers,
	struct fields *f, struct s2c_http1_report report)
{
	struct s2c_http1_span value;
	CLEAN_FREE char *name = NULL, *text = NULL;
	size_t len = 0;

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
			"a header line that continues the one before it");
	while (len < line.len && token_char(line.at[len]))
		len++;
	if (len == 0 || len == line.len || line.at[len] != ':')
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_HEADER,
			"'%.*s' is no header line, 'name: value'",
			(int)(line.len < 64 ? line.len : 64), line.at);
	if (headers->len == S2C_HTTP1_HEADERS_MAX)
		return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
			"more than %d header lines", S2C_HTTP1_HEADERS_MAX);
	name = xstrndup(line.at, len);
	for (char *p = name; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
	value = (struct s2c_http1_span){line.at + len + 1, line.len - len - 1};
	if (trim_value(&value, name, report) < 0)
		return -1;
	text = xstrndup(value.at, value.len);
	if (take_known(f, name, text, report) < 0)
		return -1;
	s2c_strv_addf(headers, "%s: %s", name, text);
	return 0;
}

/* All header lines up to the empty one, and the rules that both directions share. */
static int take_headers(struct s2c_http1_span rest, struct s2c_strv *headers,
	struct fields *f, struct s2c_http1_report report)
{
	if (rest.len > S2C_HTTP1_HEADER_BYTES_MAX + 2)
		return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
			"the headers are larger than %d bytes",
			S2C_HTTP1_HEADER_BYTES_MAX);
	for (;;) {
		struct s2c_http1_span line = take_line(&rest);

		if (!line.len)
			break;
		if (take_header(line, headers, f, report) < 0)
			return -1;
	}
	if (f->length && f->chunked)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			"both Content-Length and Transfer-Encoding");
	if (f->may_upgrade != f->upgrade_tcp)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_UPGRADE,
			"an Upgrade header needs 'Connection: Upgrade' and that needs "
			"it");
	if (f->upgrade_tcp && (f->close || f->keep_alive))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_UPGRADE,
			"the Connection header says more than to upgrade");
	return 0;
}

/* --- requests --------------------------------------------------------------------- */

static int request_line(struct s2c_http1_span line, struct s2c_http1_request *out,
	struct s2c_http1_report report)
{
	struct s2c_http1_span part[3];
	size_t method = 0;

	for (size_t i = 0; i < 3; i++) {
		const char *space = memchr(line.at, ' ', line.len);

		part[i].at = line.at;
		part[i].len = space ? (size_t)(space - line.at) : line.len;
		if (!part[i].len || !space != (i == 2))
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_REQUEST_LINE,
				"the request line is not 'METHOD target HTTP/1.1'");
		line.at += part[i].len + (space != NULL);
		line.len -= part[i].len + (space != NULL);
	}
	if (!span_is(part[2], "HTTP/1.1"))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_VERSION,
			"the version of the request is not HTTP/1.1");
	while (method < ARRAY_SIZE(method_names) &&
		!span_is(part[0], method_names[method]))
		method++;
	if (method == ARRAY_SIZE(method_names))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_METHOD,
			"unknown method '%.*s'",
			(int)(part[0].len < 32 ? part[0].len : 32), part[0].at);
	out->method = (enum s2c_http1_method)method;
	return s2c_http1_target_parse(part[1], out, report);
}

void s2c_http1_request_release(struct s2c_http1_request *request)
{
	free(request->path);
	s2c_http1_query_release(&request->query);
	s2c_strv_release(&request->headers);
	*request = (struct s2c_http1_request){0};
}

int s2c_http1_request_parse(const char *head, size_t len, struct s2c_http1_request *out,
	enum s2c_http1_fault *fault, struct s2c_error **err)
{
	struct s2c_http1_report report = {fault, err};
	struct s2c_http1_span rest = {head, len}, line;
	struct fields f = {.digits_max = S2C_HTTP1_REQUEST_DIGITS_MAX};
	CLEAN_HTTP1_REQUEST struct s2c_http1_request r = {0};

	if (take_start(&rest, S2C_HTTP1_REQUEST_MAX, &line, report) < 0 ||
		request_line(line, &r, report) < 0 ||
		take_headers(rest, &r.headers, &f, report) < 0)
		return -1;
	if (!f.host)
		return s2c_http1_refuse(
			report, S2C_HTTP1_BAD_HEADER, "the request has no Host header");
	if ((f.chunked || f.content_length) &&
		(f.upgrade_tcp || r.method == S2C_HTTP1_GET ||
			r.method == S2C_HTTP1_HEAD))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			"%s request with a body",
			f.upgrade_tcp ? "an upgrade" : "a HEAD or GET");
	r.has_length = f.length;
	r.content_length = f.content_length;
	r.chunked = f.chunked;
	r.upgrade = f.upgrade_tcp;
	r.expect_continue = f.expect_continue;
	r.keep_alive = !f.close && !f.upgrade_tcp;
	*out = r;
	r = (struct s2c_http1_request){0};
	return sound(report);
}

/* --- responses -------------------------------------------------------------------- */

/* "HTTP/1.1 SP 3DIGIT SP [reason]" */
static int status_line(
	struct s2c_http1_span line, int *status, struct s2c_http1_report report)
{
	static const char version[] = "HTTP/1.1 ";
	const char *p = line.at + strlen(version);

	if (line.len < strlen(version) || memcmp(line.at, version, strlen(version)) != 0)
		return s2c_http1_refuse(report,
			line.len > 5 && memcmp(line.at, "HTTP/", 5) == 0
				? S2C_HTTP1_BAD_VERSION
				: S2C_HTTP1_BAD_STATUS_LINE,
			"the answer does not start with 'HTTP/1.1 '");
	if (line.len < strlen(version) + 4 || p[3] != ' ')
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_STATUS_LINE,
			"the status of the answer is not three digits and a blank");
	*status = 0;
	for (int i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_STATUS_LINE,
				"the status of the answer is not three digits");
		*status = *status * 10 + (p[i] - '0');
	}
	if (*status < 100 || *status > 599)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_STATUS_LINE,
			"status %d of the answer does not exist", *status);
	if (line.len - strlen(version) - 4 > S2C_HTTP1_REASON_MAX)
		return s2c_http1_refuse(report, S2C_HTTP1_TOO_LARGE,
			"the reason behind the status is too long");
	for (p += 4; p < line.at + line.len; p++)
		if ((unsigned char)*p >= 0x7f)
			return s2c_http1_refuse(report, S2C_HTTP1_BAD_STATUS_LINE,
				"the reason behind the status is not ASCII");
	return 0;
}

/* RFC 9112 6.3 by status and headers; -1 where they contradict each other. */
static int response_body(const struct fields *f, struct s2c_http1_asked asked,
	struct s2c_http1_response *r, struct s2c_http1_report report)
{
	bool never = r->status < 200 || r->status == 204;

	if (never && (f->length || f->chunked))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_FRAMING,
			"an answer of status %d with the length of a body", r->status);
	if (f->upgrade_tcp != (r->status == 101))
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_UPGRADE,
			"status 101 needs an Upgrade header, and no other has one");
	if (f->upgrade_tcp && !asked.upgrade)
		return s2c_http1_refuse(report, S2C_HTTP1_BAD_UPGRADE,
			"an upgrade that nobody asked for");
	if (r->status == 101)
		r->body = S2C_HTTP1_UPGRADED;
	else if (never || r->status == 304 || asked.method == S2C_HTTP1_HEAD)
		r->body = S2C_HTTP1_NO_BODY;
	else if (f->chunked)
		r->body = S2C_HTTP1_BODY_CHUNKED;
	else if (f->length)
		r->body = S2C_HTTP1_BODY_LENGTH;
	else
		r->body = S2C_HTTP1_BODY_CLOSE;
	return 0;
}

void s2c_http1_response_release(struct s2c_http1_response *response)
{
	s2c_strv_release(&response->headers);
	*response = (struct s2c_http1_response){0};
}

int s2c_http1_response_parse(const char *head, size_t len, struct s2c_http1_asked asked,
	struct s2c_http1_response *out, enum s2c_http1_fault *fault,
	struct s2c_error **err)
{
	struct s2c_http1_report report = {fault, err};
	struct s2c_http1_span rest = {head, len}, line;
	struct fields f = {.digits_max = S2C_HTTP1_RESPONSE_DIGITS_MAX};
	CLEAN_HTTP1_RESPONSE struct s2c_http1_response r = {0};

	if (take_start(&rest, S2C_HTTP1_RESPONSE_MAX, &line, report) < 0 ||
		status_line(line, &r.status, report) < 0 ||
		take_headers(rest, &r.headers, &f, report) < 0 ||
		response_body(&f, asked, &r, report) < 0)
		return -1;
	r.has_length = f.length;
	r.content_length = f.content_length;
	r.keep_alive = !f.close && r.body != S2C_HTTP1_UPGRADED &&
		       r.body != S2C_HTTP1_BODY_CLOSE;
	*out = r;
	r = (struct s2c_http1_response){0};
	return sound(report);
}

const char *s2c_http1_header(const struct s2c_strv *headers, const char *name)
{
	size_t len = strlen(name);

	s2c_strv_foreach (line, headers)
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 2;
	return NULL;
}
