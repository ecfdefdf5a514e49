/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP exchanges, each in a lane (http/client_lane.h). Redirects are followed by hand so
 * that what may go where is decided here and not by an option. Nothing that curl traces
 * is ever shown: its trace holds headers, and headers hold secrets.
 */
#include "http/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <strings.h>

#include "http/client_impl.h"
#include "http/client_lane.h"
#include "http/url.h"
#include "util/fault.h"
#include "util/fs.h"
#include "util/pool.h"

#ifndef S2C_VERSION
#define S2C_VERSION "dev"
#endif

#define CA_BYTES_MAX (16u * 1024 * 1024)
#define HEADS_MAX 10 /* heads of one answer: 1xx before the final one */

struct s2c_http {
	char *unix_socket, *own_host, *client_cert, *client_key;
	struct s2c_strv ca_files;
	bool insecure_tls, insecure_own;
	struct s2c_lanes lanes;
	struct s2c_monitor *lock; /* of what follows */
	struct s2c_buf ca; /* trusted certificates, when they are ours to put together */
	bool ca_ready;     /* ca does not change any more */
};

/* One hop: what the callbacks need. */
struct hop {
	struct s2c_ctx *ctx;
	const struct s2c_http_request *request;
	struct s2c_http_response *response;
	struct s2c_error *error; /* the reason when a callback stopped the transfer */
	uint64_t sent, received, max_body;
	size_t head_bytes;
	unsigned heads;
	bool cut;  /* stopped on purpose: enough of an error body was read */
	bool told; /* the request's `head` was called */
};

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

struct s2c_http *s2c_http_new(const struct s2c_http_opts *opts)
{
	struct s2c_http *http = xcalloc(1, sizeof(*http));

	/* Fails for want of memory only. */
	(void)s2c_must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? http : NULL);
	s2c_lanes_init(&http->lanes);
	http->lock = s2c_monitor_new();
	http->ca.max = CA_BYTES_MAX;
	if (opts) {
		http->unix_socket = dup_or_null(opts->unix_socket);
		if (opts->ca_file)
			s2c_strv_add(&http->ca_files, opts->ca_file);
		if (opts->ca_files)
			s2c_strv_add_all(&http->ca_files, opts->ca_files);
		http->own_host = dup_or_null(opts->own_host);
		http->client_cert = dup_or_null(opts->client_cert);
		http->client_key = dup_or_null(opts->client_key);
		http->insecure_tls = opts->insecure_tls;
		http->insecure_own = opts->insecure_own;
	}
	return http;
}

void s2c_http_free(struct s2c_http *http)
{
	if (!http)
		return;
	s2c_lanes_release(&http->lanes);
	s2c_monitor_free(http->lock);
	free(http->unix_socket);
	free(http->own_host);
	s2c_strv_release(&http->ca_files);
	free(http->client_cert);
	free(http->client_key);
	s2c_buf_release(&http->ca);
	free(http);
	curl_global_cleanup();
}

void s2c_http_response_release(struct s2c_http_response *response)
{
	s2c_strv_release(&response->headers);
	s2c_buf_release(&response->body);
	free(response->url);
	*response = (struct s2c_http_response){0};
}

const char *s2c_http_header(const struct s2c_http_response *response, const char *name)
{
	size_t n = strlen(name);

	s2c_strv_foreach (line, &response->headers)
		if (strncmp(line, name, n) == 0 && line[n] == ':' && line[n + 1] == ' ')
			return line + n + 2;
	return NULL;
}

/* ---- callbacks ---- */

/* RFC 9110 5.6.2 */
static bool token_char(unsigned char c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int take_status(struct hop *hop, const char *line, size_t len)
{
	struct s2c_http_response *response = hop->response;

	if (++hop->heads > HEADS_MAX)
		return s2c_fail(&hop->error, S2C_ELIMIT,
			"more than %d interim answers to one request", HEADS_MAX);
	s2c_strv_release(&response->headers);
	response->headers = (struct s2c_strv)S2C_STRV_INIT;
	response->status = 0;
	hop->head_bytes = 0;
	const char *sp = memchr(line, ' ', len);
	if (sp && len - (size_t)(sp - line) >= 4)
		for (int i = 1; i <= 3 && isdigit((unsigned char)sp[i]); i++)
			response->status = response->status * 10 + (sp[i] - '0');
	if (response->status < 100)
		return s2c_fail(&hop->error, S2C_EPROTO, "an answer without a status");
	return 0;
}

static int take_header(struct hop *hop, const char *line, size_t len)
{
	struct s2c_http_response *response = hop->response;

	hop->head_bytes += len;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		return take_status(hop, line, len);
	if (len == 0)
		return 0;
	if (hop->head_bytes > S2C_HTTP_HEADER_BYTES_MAX)
		return s2c_fail(&hop->error, S2C_ELIMIT,
			"the head of an answer is larger than %u bytes",
			S2C_HTTP_HEADER_BYTES_MAX);
	if (response->headers.len >= S2C_HTTP_HEADERS_MAX)
		return s2c_fail(&hop->error, S2C_ELIMIT,
			"an answer has more than %d header lines", S2C_HTTP_HEADERS_MAX);
	size_t name = 0;
	while (name < len && token_char((unsigned char)line[name]))
		name++;
	if (name == 0 || name == len || line[name] != ':' || memchr(line, '\0', len))
		return s2c_fail(
			&hop->error, S2C_EPROTO, "a malformed header line in an answer");
	size_t value = name + 1, end = len;
	while (value < end && (line[value] == ' ' || line[value] == '\t'))
		value++;
	while (end > value && (line[end - 1] == ' ' || line[end - 1] == '\t'))
		end--;
	CLEAN_FREE char *kept = xasprintf(
		"%.*s: %.*s", (int)name, line, (int)(end - value), line + value);
	for (size_t i = 0; i < name; i++)
		kept[i] = (char)tolower((unsigned char)kept[i]);
	s2c_strv_add_take(&response->headers, TAKE(kept));
	return 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *self)
{
	struct hop *hop = self;

	(void)size;
	return take_header(hop, data, n) < 0 ? 0 : n;
}

/* Lets the request look at the head of a good answer before any of its body. */
static int tell_head(struct hop *hop)
{
	const struct s2c_http_request *request = hop->request;

	if (hop->told || !request->head)
		return 0;
	hop->told = true;
	return request->head(request->head_self, hop->response, &hop->error);
}

static size_t on_body(char *data, size_t size, size_t n, void *self)
{
	struct hop *hop = self;
	struct s2c_http_response *response = hop->response;
	bool good = response->status >= 200 && response->status < 300;

	(void)size;
	if (!good) {
		size_t room = S2C_HTTP_ERROR_BODY_MAX - response->body.len;
		size_t take = n < room ? n : room;
		if (take && s2c_buf_add(&response->body, data, take, &hop->error) < 0)
			return 0;
		hop->cut = take < n;
		return hop->cut ? 0 : n;
	}
	if (tell_head(hop) < 0)
		return 0;
	if (n > hop->max_body - hop->received) {
		s2c_fail(&hop->error, S2C_ELIMIT, "the answer is larger than %llu bytes",
			(unsigned long long)hop->max_body);
		return 0;
	}
	hop->received += n;
	int rc = hop->request->sink ? s2c_write(hop->request->sink, data, n, &hop->error)
				    : s2c_buf_add(&response->body, data, n, &hop->error);
	return rc < 0 ? 0 : n;
}

static size_t on_upload(char *data, size_t size, size_t n, void *self)
{
	struct hop *hop = self;
	uint64_t left = hop->request->body_len - hop->sent;
	size_t want = size * n;

	if (want > left)
		want = (size_t)left;
	if (want == 0)
		return 0;
	ssize_t got = s2c_read(hop->request->body_reader, data, want, &hop->error);
	if (got == 0 && hop->request->body_len == S2C_HTTP_BODY_OPEN)
		return 0;
	if (got == 0)
		s2c_fail(&hop->error, S2C_EIO,
			"what is sent ended after %llu of %llu bytes",
			(unsigned long long)hop->sent,
			(unsigned long long)hop->request->body_len);
	if (got <= 0)
		return CURL_READFUNC_ABORT;
	hop->sent += (uint64_t)got;
	return (size_t)got;
}

/* A reader cannot go back. Saying so makes curl fail instead of sending half a body. */
static int on_seek(void *self, curl_off_t offset, int origin)
{
	const struct hop *hop = self;

	if (hop->sent == 0 && offset == 0 && origin == SEEK_SET)
		return CURL_SEEKFUNC_OK;
	return CURL_SEEKFUNC_FAIL;
}

static int on_progress(void *self, curl_off_t down_total, curl_off_t down,
	curl_off_t up_total, curl_off_t up)
{
	struct hop *hop = self;
	bool sending = hop->request->body_reader != NULL;
	curl_off_t now = sending ? up : down, total = sending ? up_total : down_total;

	if (hop->response->status < 300 && now > 0)
		s2c_emit_progress(hop->ctx, hop->request->phase, hop->request->subject,
			(uint64_t)now, total > 0 ? (uint64_t)total : 0);
	return 0;
}

/* ---- one hop ---- */

#define SET(easy, option, value)                                                         \
	do {                                                                             \
		CURLcode set_rc_ = curl_easy_setopt(easy, option, value);                \
		if (set_rc_ != CURLE_OK)                                                 \
			return s2c_fail(err, S2C_EUNSUPPORTED,                           \
				"this libcurl does not take " #option ": %s",            \
				curl_easy_strerror(set_rc_));                            \
	} while (0)

/*
 * Trust: the system's certificates, which SSL_CERT_FILE and SSL_CERT_DIR may name as for
 * OpenSSL and the curl tool (libcurl itself does not look at them), plus ca_files.
 */
static int load_ca(struct s2c_http *http, CURL *easy, struct s2c_error **err)
{
	const char *system = getenv("SSL_CERT_FILE");
	char *compiled = NULL;

	if (http->ca_ready)
		return 0;
	if (!system || !*system) {
		(void)curl_easy_getinfo(easy, CURLINFO_CAINFO, &compiled);
		system = compiled;
	}
	s2c_buf_clear(&http->ca);
	if (system && access(system, R_OK) == 0 &&
		s2c_fs_read_file(AT_FDCWD, system, &http->ca, err) < 0)
		return s2c_wrap(err, "trusted certificates");
	s2c_strv_foreach (file, &http->ca_files)
		if (s2c_buf_puts(&http->ca, "\n", err) < 0 ||
			s2c_fs_read_file(AT_FDCWD, file, &http->ca, err) < 0)
			return s2c_wrap(err, "trusted certificates");
	http->ca_ready = true;
	return 0;
}

static int set_tls(
	struct s2c_http *http, CURL *easy, const char *host, struct s2c_error **err)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	bool own = http->own_host && streq(http->own_host, host);
	bool insecure = http->insecure_tls || (own && http->insecure_own);

	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L);
	if (http->ca_files.len) {
		s2c_monitor_enter(http->lock);
		int rc = load_ca(http, easy, err);
		s2c_monitor_leave(http->lock);
		if (rc < 0)
			return -1;
		struct curl_blob blob = {.data = http->ca.data,
			.len = http->ca.len,
			.flags = CURL_BLOB_NOCOPY};
		SET(easy, CURLOPT_CAINFO_BLOB, &blob);
	} else if (file && *file) {
		SET(easy, CURLOPT_CAINFO, file);
	}
	if (dir && *dir)
		SET(easy, CURLOPT_CAPATH, dir);
	if (own && http->client_cert)
		SET(easy, CURLOPT_SSLCERT, http->client_cert);
	if (own && http->client_key)
		SET(easy, CURLOPT_SSLKEY, http->client_key);
	return 0;
}

static int set_limits(CURL *easy, struct s2c_error **err)
{
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_QUICK_EXIT, 1L); /* do not join a resolver thread on cancel */
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(easy, CURLOPT_PATH_AS_IS, 1L);
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* curl 7.88 uploads slowly and stalls over HTTP/2 (its issues 8965, 10627). */
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_BUFFERSIZE, 512L * 1024);
	SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, 2L * 1024 * 1024);
	SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(easy, CURLOPT_LOW_SPEED_LIMIT, (long)S2C_HTTP_LOW_SPEED_BYTES);
	SET(easy, CURLOPT_LOW_SPEED_TIME, (long)S2C_HTTP_LOW_SPEED_SECONDS);
	SET(easy, CURLOPT_CONNECTTIMEOUT, (long)S2C_HTTP_CONNECT_SECONDS);
	SET(easy, CURLOPT_USERAGENT, "s2c/" S2C_VERSION);
	return 0;
}

static int set_method(struct hop *hop, CURL *easy, struct s2c_error **err)
{
	const struct s2c_http_request *request = hop->request;

	if (request->patient)
		SET(easy, CURLOPT_LOW_SPEED_TIME, 0L);
	if (request->once)
		SET(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (streq(request->method, "HEAD")) {
		SET(easy, CURLOPT_NOBODY, 1L);
		return 0;
	}
	if (streq(request->method, "GET")) {
		SET(easy, CURLOPT_HTTPGET, 1L);
		return 0;
	}
	if (request->body_reader) {
		SET(easy, CURLOPT_UPLOAD, 1L);
		/* Without a length curl sends chunks. */
		SET(easy, CURLOPT_INFILESIZE_LARGE,
			request->body_len == S2C_HTTP_BODY_OPEN
				? (curl_off_t)-1
				: (curl_off_t)request->body_len);
		SET(easy, CURLOPT_READFUNCTION, on_upload);
		SET(easy, CURLOPT_READDATA, (void *)hop);
		SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
		SET(easy, CURLOPT_SEEKDATA, (void *)hop);
	} else if (!streq(request->method, "DELETE") || request->body_len) {
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		SET(easy, CURLOPT_POSTFIELDS,
			request->body_len ? (const char *)request->body : "");
	}
	SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
	return 0;
}

static int set_callbacks(struct hop *hop, CURL *easy, struct s2c_error **err)
{
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_HEADERDATA, (void *)hop);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_WRITEDATA, (void *)hop);
	if (hop->request->phase) {
		SET(easy, CURLOPT_NOPROGRESS, 0L);
		SET(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		SET(easy, CURLOPT_XFERINFODATA, (void *)hop);
	}
	return 0;
}

static void clean_slist(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static int add_header(struct curl_slist **list, const char *line, struct s2c_error **err)
{
	if (strpbrk(line, "\r\n"))
		return s2c_fail(err, S2C_EINVAL, "a request header holds a line break");
	*list = s2c_must(curl_slist_append(*list, line));
	return 0;
}

static bool has_header(const struct s2c_strv *headers, const char *prefix)
{
	if (!headers)
		return false;
	s2c_strv_foreach (line, headers)
		if (strncasecmp(line, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

static int make_headers(const struct s2c_http_request *request, bool with_secret,
	struct curl_slist **list, struct s2c_error **err)
{
	/* No "Expect: 100-continue": registries and proxies stall on it or refuse it. */
	if (add_header(list, "Expect:", err) < 0)
		return -1;
	/* curl would call every body a form. */
	if (!has_header(request->headers, "content-type:") &&
		add_header(list, "Content-Type:", err) < 0)
		return -1;
	if (request->headers)
		s2c_strv_foreach (line, request->headers)
			if (add_header(list, line, err) < 0)
				return -1;
	if (with_secret && request->secret_header)
		return add_header(list, request->secret_header, err);
	return 0;
}

/* Where to connect to. A proxy of the environment is not meant for this machine itself.
 */
static int set_route(const struct s2c_http *http, CURL *easy, const char *url,
	const char *host, struct s2c_error **err)
{
	SET(easy, CURLOPT_URL, url);
	if (http->unix_socket)
		SET(easy, CURLOPT_UNIX_SOCKET_PATH, http->unix_socket);
	if (s2c_host_kind(host) == S2C_HOST_LOOPBACK)
		SET(easy, CURLOPT_NOPROXY, "*");
	return 0;
}

static int hop_setup(struct s2c_http *http, CURL *easy, struct hop *hop, const char *url,
	const struct s2c_url *parsed, struct s2c_error **err)
{
	if (set_limits(easy, err) < 0 || set_tls(http, easy, parsed->host, err) < 0 ||
		set_method(hop, easy, err) < 0 || set_callbacks(hop, easy, err) < 0)
		return -1;
	return set_route(http, easy, url, parsed->host, err);
}

/* One request and its answer, without redirects. */
static int perform_hop(struct s2c_http *http, struct s2c_lane *lane, struct hop *hop,
	const char *url, bool with_secret, struct s2c_error **err)
{
	CLEAN(clean_slist) struct curl_slist *headers = NULL;
	char detail[CURL_ERROR_SIZE] = "";
	struct s2c_url parsed;
	CURLcode result;

	if (s2c_url_parse(url, &parsed, err) < 0)
		return -1;
	if (parsed.has_userinfo)
		return s2c_fail(
			err, S2C_EINVAL, "a URL for '%s' holds credentials", parsed.host);
	CURL *easy = s2c_lane_renew(lane);
	if (s2c_fault_point("http.request", err) < 0 ||
		hop_setup(http, easy, hop, url, &parsed, err) < 0 ||
		make_headers(hop->request, with_secret, &headers, err) < 0)
		return -1;
	SET(easy, CURLOPT_HTTPHEADER, headers);
	int rc = s2c_lane_run(hop->ctx, lane, detail, &result, err);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	if (rc < 0) {
		s2c_error_free(hop->error);
		hop->error = NULL;
		return -1;
	}
	if (hop->error) {
		s2c_error_move(err, &hop->error);
		return s2c_wrap(err, "'%s'", parsed.host);
	}
	if (result != CURLE_OK && !hop->cut)
		return s2c_http_explain((int)result, &parsed, detail, err);
	if (hop->response->status < 200)
		return s2c_fail(
			err, S2C_EPROTO, "'%s' sent no final answer", parsed.host);
	return s2c_fault_point("http.answer", err);
}

/* A handshake that looks at no certificate; curl's words about it go to `detail`. */
static int shake_hands(struct s2c_ctx *ctx, struct s2c_http *http, struct s2c_lane *lane,
	const char *url, char *detail, struct s2c_error **err)
{
	CURL *easy = s2c_lane_renew(lane);
	struct s2c_url parsed;
	CURLcode result;

	if (s2c_url_parse(url, &parsed, err) < 0 || set_limits(easy, err) < 0 ||
		set_route(http, easy, url, parsed.host, err) < 0)
		return -1;
	SET(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	SET(easy, CURLOPT_CAINFO, NULL);
	SET(easy, CURLOPT_CAPATH, NULL);
	SET(easy, CURLOPT_CONNECT_ONLY, 1L);
	return s2c_lane_run(ctx, lane, detail, &result, err);
}

int s2c_http_is_plain(struct s2c_ctx *ctx, struct s2c_http *http, const char *url,
	bool *out_plain, struct s2c_error **err)
{
	char detail[CURL_ERROR_SIZE] = "";
	struct s2c_lane *lane = s2c_lane_take(&http->lanes);
	int rc = shake_hands(ctx, http, lane, url, detail, err);

	s2c_lane_give(&http->lanes, lane);
	if (rc == 0)
		*out_plain = s2c_http_says_no_tls(detail);
	return rc;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	       status == 308;
}

/* Where a redirect leads, or an error. Caller frees *out. */
static int next_url(const char *url, const struct s2c_http_response *response, char **out,
	struct s2c_error **err)
{
	const char *location = s2c_http_header(response, "location");
	CLEAN_FREE char *next = NULL;
	struct s2c_url from, to;

	if (s2c_url_parse(url, &from, err) < 0)
		return -1;
	if (!location)
		return s2c_fail(err, S2C_EPROTO, "'%s' redirects to nowhere (status %d)",
			from.host, response->status);
	if (s2c_http_resolve(url, location, &next, err) < 0 ||
		s2c_url_parse(next, &to, err) < 0)
		return -1;
	if (from.https && !to.https)
		return s2c_fail(err, S2C_EPROTO,
			"'%s' redirects from https to http, to '%s': refused", from.host,
			to.host);
	*out = TAKE(next);
	return 0;
}

static void trace(struct s2c_ctx *ctx, const struct hop *hop, const char *url)
{
	if (!s2c_trace("http"))
		return;
	CLEAN_FREE char *shown = s2c_http_redact(url);
	s2c_emit_log(ctx, S2C_DEBUG, "http: %s %s -> %d, sent %llu, received %llu",
		hop->request->method, shown, hop->response->status,
		(unsigned long long)hop->sent, (unsigned long long)hop->received);
}

int s2c_http_perform(struct s2c_ctx *ctx, struct s2c_http *http,
	const struct s2c_http_request *request, struct s2c_http_response *response,
	struct s2c_error **err)
{
	CLEAN_FREE char *url = xstrdup(request->url);
	bool follow = !request->no_redirect &&
		      (streq(request->method, "GET") || streq(request->method, "HEAD"));
	bool with_secret = true;

	for (unsigned hops = 0;; hops++) {
		s2c_http_response_release(response);
		response->body.max = S2C_HTTP_BODY_MAX;
		struct hop hop = {.ctx = ctx,
			.request = request,
			.response = response,
			.max_body = request->max_body ? request->max_body
						      : S2C_HTTP_BODY_MAX};
		struct s2c_lane *lane = s2c_lane_take(&http->lanes);
		int rc = perform_hop(http, lane, &hop, url, with_secret, err);
		s2c_lane_give(&http->lanes, lane);
		trace(ctx, &hop, url);
		if (rc < 0)
			return -1;
		response->url = xstrdup(url);
		if (!follow || !is_redirect(response->status))
			return 0;
		if (hops == S2C_HTTP_REDIRECTS_MAX)
			return s2c_fail(err, S2C_EPROTO, "more than %d redirects",
				S2C_HTTP_REDIRECTS_MAX);
		CLEAN_FREE char *next = NULL;
		if (next_url(url, response, &next, err) < 0)
			return -1;
		/* Once another origin was asked, the secret stays at home for good. */
		if (!s2c_http_same_origin(request->url, next))
			with_secret = false;
		free(url);
		url = TAKE(next);
	}
}
