/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a registry: the first attempt is anonymous, a 401 is answered, failures
 * of the network and of an overloaded registry are tried again after a wait. A body is
 * never sent twice from the same reader.
 */
#include "registry/exchange.h"

#include <ctype.h>
#include <sys/random.h>
#include <time.h>

#include "codec/json.h"
#include "http/url.h"

#define ANSWERS_MAX 3 /* challenges answered for one request */
#define WORDS_MAX 300 /* bytes of a registry's own words in an error */

/* Counts what reaches a sink, for nothing may be repeated after the first byte. */
struct counting {
	struct s2c_writer base;
	struct s2c_writer *next;
	uint64_t bytes;
};

static int counting_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct counting *c = (struct counting *)w;

	c->bytes += len;
	return s2c_write(c->next, buf, len, err);
}

static const struct s2c_writer_ops counting_ops = {.write = counting_write};

/* ---- waiting ---- */

int s2c_retry_after_ms(const char *value, long long now)
{
	long long seconds = 0;
	struct tm tm = {0};

	if (isdigit((unsigned char)*value)) {
		for (; isdigit((unsigned char)*value); value++)
			if (seconds <= S2C_RETRY_WAIT_MAX_MS)
				seconds = seconds * 10 + (*value - '0');
		if (*value)
			return 0;
	} else {
		const char *end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (!end || *end)
			return 0;
		seconds = (long long)timegm(&tm) - now;
	}
	if (seconds <= 0)
		return 0;
	return seconds < S2C_RETRY_WAIT_MAX_MS / 1000 ? (int)seconds * 1000
						      : S2C_RETRY_WAIT_MAX_MS;
}

int s2c_exchange_floor_ms(const struct s2c_http_response *response)
{
	const char *asked = s2c_http_header(response, "retry-after");

	return asked ? s2c_retry_after_ms(asked, (long long)time(NULL)) : 0;
}

int s2c_exchange_wait(struct s2c_ctx *ctx, const struct s2c_registry *registry,
	const char *why, unsigned attempt, int floor_ms, struct s2c_error **err)
{
	int ms = S2C_RETRY_FIRST_MS << (attempt < 7 ? attempt : 7);
	uint32_t jitter = 0;
	int ready;

	if (getrandom(&jitter, sizeof(jitter), GRND_NONBLOCK) == (ssize_t)sizeof(jitter))
		ms += (int)(jitter % (unsigned)(ms / 2));
	if (ms < floor_ms)
		ms = floor_ms;
	s2c_emit_log(ctx, S2C_WARN, "%s; retry %u of %u in %d.%d s", why, attempt + 1,
		registry->retries, ms / 1000, ms % 1000 / 100);
	return s2c_ctx_poll(ctx, NULL, 0, ms, &ready, err);
}

static bool worth_a_retry(int status)
{
	static const int statuses[] = {408, 429, 500, 502, 503, 504, 499, 522};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (status == statuses[i])
			return true;
	return false;
}

/* ---- errors ---- */

/* "CODE: message" of an error document, or its beginning; caller frees. */
static char *words_of(const struct s2c_http_response *response)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_HTTP_ERROR_BODY_MAX};
	const char *code = NULL, *message = NULL;
	const char *body = s2c_buf_str(&response->body);
	size_t len = response->body.len;

	if (s2c_json_parse(body, len, limits, &root, NULL) == 0) {
		const struct s2c_json *first = s2c_json_first(
			s2c_json_get(root, "errors"));
		code = s2c_json_str(s2c_json_get(first, "code"));
		message = s2c_json_str(s2c_json_get(first, "message"));
	}
	if (code || message)
		return xasprintf("%s%s%s", code ? code : "", code && message ? ": " : "",
			message ? message : "");
	return xstrndup(body, len < WORDS_MAX ? len : WORDS_MAX);
}

bool s2c_exchange_says(const struct s2c_http_response *response, const char *code)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_HTTP_ERROR_BODY_MAX};

	if (s2c_json_parse(s2c_buf_str(&response->body), response->body.len, limits,
		    &root, NULL) < 0)
		return false;
	s2c_json_foreach (error, s2c_json_get(root, "errors")) {
		const char *said = s2c_json_str(s2c_json_get(error, "code"));

		if (said && streq(said, code))
			return true;
	}
	return false;
}

int s2c_exchange_fail(struct s2c_registry *registry, const char *what,
	const struct s2c_http_response *response, struct s2c_error **err)
{
	CLEAN_FREE char *words = words_of(response);
	struct s2c_auth *auth = s2c_registry_auth(registry);
	int status = response->status;

	/* Some registries repeat what they were sent. */
	if (auth)
		s2c_auth_scrub(auth, words);
	if (strlen(words) > WORDS_MAX)
		words[WORDS_MAX] = '\0';
	for (char *p = words; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	const char *open = *words ? " (" : "", *close = *words ? ")" : "";
	if (status == 401)
		return s2c_fail_status(err, S2C_EAUTH, status,
			"%s: '%s' refused access%s%s%s; log in again or correct the auth "
			"file",
			what, registry->host, open, words, close);
	if (status == 403)
		return s2c_fail_status(err, S2C_EAUTH, status,
			"%s: '%s' denies access to repository '%s'%s%s%s; ask its owner "
			"for the "
			"permission",
			what, registry->host, registry->repository, open, words, close);
	if (status == 404)
		return s2c_fail_status(err, S2C_ENOENT, status, "%s: not in '%s'%s%s%s",
			what, registry->host, open, words, close);
	if (worth_a_retry(status))
		return s2c_fail_status(err, S2C_ENET, status,
			"%s: '%s' answers with status %d%s%s%s; try again later", what,
			registry->host, status, open, words, close);
	return s2c_fail_status(err, S2C_EPROTO, status,
		"%s: '%s' answers with status %d%s%s%s", what, registry->host, status,
		open, words, close);
}

/* ---- authentication ---- */

struct s2c_auth *s2c_registry_auth(struct s2c_registry *registry)
{
	s2c_monitor_enter(registry->lock);
	struct s2c_auth *auth = registry->auth;
	s2c_monitor_leave(registry->lock);
	return auth;
}

/* Under the lock: credentials are looked for once, whoever comes first. */
static int find_credentials(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};

	if (registry->auth)
		return 0;
	if (!s2c_credentials_empty(&registry->given))
		s2c_credentials_copy(&creds, &registry->given);
	else if (s2c_credentials_find(ctx, registry->authfile, registry->registry,
			 registry->repository, &creds, err) < 0)
		return -1;
	registry->has_credentials = !s2c_credentials_empty(&creds);
	registry->auth = s2c_auth_new(registry->base, &creds);
	return 0;
}

static int make_auth(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	s2c_monitor_enter(registry->lock);
	int rc = find_credentials(ctx, registry, err);
	s2c_monitor_leave(registry->lock);
	return rc;
}

/* A refusal for want of credentials should say where they would be found. */
static int no_credentials(
	const struct s2c_registry *registry, const char *why, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv files = S2C_STRV_INIT;
	struct s2c_buf list = S2C_BUF_INIT(S2C_ERROR_MESSAGE_MAX);
	CLEAN_FREE char *looked = NULL;

	s2c_credentials_files(registry->authfile, &files);
	s2c_strv_foreach (path, &files)
		if (s2c_buf_printf(&list, NULL, "%s'%s'", list.len ? ", " : "", path) < 0)
			break;
	looked = s2c_buf_take(&list);
	return s2c_fail_status(err, S2C_EAUTH, 401,
		"%s (looked in %s); if the image is private log in with 's2c login %s', "
		"or name an auth file",
		why, *looked ? looked : "no file: HOME is not set", registry->registry);
}

/* Under the lock: asks once. */
static int ping(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *url = xasprintf("%s/v2/", registry->base);
	struct s2c_http_request request = {
		.method = "GET", .url = url, .no_redirect = true};

	if (registry->pinged)
		return 0;
	if (s2c_http_perform(ctx, registry->http, &request, &response, err) < 0)
		return -1;
	registry->pinged = true;
	if (response.status == 401)
		s2c_strv_add_all(&registry->ping_headers, &response.headers);
	return 0;
}

/* Some registries say at /v2/ alone what they want (GCR did). */
static int find_challenge(struct s2c_ctx *ctx, struct s2c_registry *registry,
	struct s2c_http_response *out, struct s2c_error **err)
{
	s2c_monitor_enter(registry->lock);
	int rc = ping(ctx, registry, err);
	if (rc == 0)
		s2c_strv_add_all(&out->headers, &registry->ping_headers);
	s2c_monitor_leave(registry->lock);
	return rc;
}

static int answer(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_auth_refusal *refusal, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response pinged = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_auth_refusal known = *refusal;

	if (!s2c_http_header(refusal->response, "www-authenticate")) {
		if (find_challenge(ctx, registry, &pinged, err) < 0)
			return -1;
		known.response = &pinged;
	}
	if (make_auth(ctx, registry, err) < 0)
		return -1;
	if (s2c_auth_answer(ctx, registry->auth, registry->http, &known, &cause) == 0)
		return 0;
	if (s2c_error_code(cause) == S2C_EAUTH && s2c_error_status(cause) &&
		!registry->has_credentials)
		return no_credentials(registry, s2c_error_message(cause), err);
	s2c_error_move(err, &cause);
	return -1;
}

/* ---- the request ---- */

/* One try: what it sends along, and what came of it. */
struct attempt {
	struct s2c_writer *sink;
	const char *base; /* of the registry when it began */
	char *header;     /* secret; NULL: none */
};

static void attempt_release(struct attempt *attempt)
{
	s2c_secret_free(attempt->header);
	attempt->header = NULL;
}

static int send_once(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_registry_call *call, struct attempt *attempt,
	struct s2c_http_response *response, struct s2c_error **err)
{
	struct s2c_auth *auth = s2c_registry_auth(registry);
	CLEAN_READER struct s2c_reader *reader = NULL;
	CLEAN_FREE char *url = NULL;

	if (call->url)
		url = xstrdup(call->url);
	else if (call->path)
		url = xasprintf(
			"%s/v2/%s/%s", attempt->base, registry->repository, call->path);
	else
		url = xasprintf("%s/v2/", attempt->base);
	if (call->source &&
		call->source->open(call->source->self, call->offset, &reader, err) < 0)
		return -1;
	struct s2c_http_request request = {.method = call->method,
		.url = url,
		.headers = call->headers,
		.body = call->body,
		.body_reader = reader,
		.body_len = call->body_len,
		.sink = attempt->sink,
		.head = call->head,
		.head_self = call->head_self,
		.max_body = call->max_body,
		.phase = call->phase,
		.subject = call->subject};
	/* An upload may be sent to another host, which has no business with our secret.
	 */
	if (auth && s2c_http_same_origin(url, attempt->base))
		attempt->header = s2c_auth_header(auth, call->scope);
	request.secret_header = attempt->header;
	if (s2c_http_perform(ctx, registry->http, &request, response, err) < 0)
		return -1;
	if (s2c_trace("registry"))
		s2c_emit_log(ctx, S2C_DEBUG, "registry: %s %s -> %d%s", call->method,
			call->path  ? call->path
			: call->url ? "(upload)"
				    : "(login)",
			response->status, request.secret_header ? ", authorized" : "");
	return 0;
}

/*
 * True if the peer may simply not speak TLS, with the scheme changed: by this thread, or
 * by another that found out meanwhile.
 */
static bool fall_back(
	struct s2c_registry *registry, const struct attempt *attempt, enum s2c_code code)
{
	if (!registry->may_be_http || attempt->base != registry->secure ||
		(code != S2C_EPROTO && code != S2C_ENET))
		return false;
	if (registry->base == registry->plain)
		return true;
	if (registry->settled)
		return false;
	registry->base = registry->plain;
	registry->settled = true;
	return true;
}

/* The challenge of a 401, or the proof that our header is good. */
static int authenticate(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_auth_refusal *refusal, unsigned *answers, struct s2c_error **err)
{
	struct s2c_auth *auth = s2c_registry_auth(registry);

	/* What another host thinks of our credentials is not to be answered with any. */
	if (!s2c_http_same_origin(refusal->response->url, registry->base))
		return 0;
	if (refusal->response->status != 401) {
		if (auth)
			s2c_auth_accepted(auth, refusal->scope);
		return 0;
	}
	if (*answers == ANSWERS_MAX)
		return 0;
	/* A token server that does not answer is no answer. */
	if (answer(ctx, registry, refusal, err) < 0)
		return -1;
	(*answers)++;
	return 1;
}

/* Under the lock. */
static int probe_tls(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	bool plain = false;

	if (registry->probed || registry->settled)
		return 0;
	if (s2c_http_is_plain(ctx, registry->http, registry->secure, &plain, err) < 0)
		return -1;
	registry->probed = true;
	if (plain) {
		registry->base = registry->plain;
		registry->settled = true;
	}
	return 0;
}

/*
 * A registry on loopback is asked for its scheme first: that takes a millisecond, and
 * getting ready to trust somebody thirty.
 */
static int choose_scheme(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	if (!registry->loopback)
		return 0;
	s2c_monitor_enter(registry->lock);
	int rc = probe_tls(ctx, registry, err);
	s2c_monitor_leave(registry->lock);
	return rc;
}

/*
 * Sends, and looks at what came back: 0 when it stands, 1 when the same is to be sent
 * again at once, with a header or by another scheme.
 */
static int try_once(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_registry_call *call, struct counting *sink, unsigned *answers,
	struct s2c_http_response *response, struct s2c_error **err)
{
	CLEAN(attempt_release)
	struct attempt attempt = {
		.sink = call->sink ? &sink->base : NULL, .base = registry->base};
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (send_once(ctx, registry, call, &attempt, response, &cause) < 0) {
		if (sink->bytes == 0 &&
			fall_back(registry, &attempt, s2c_error_code(cause)))
			return 1;
		s2c_error_move(err, &cause);
		return -1;
	}
	registry->settled = true;
	struct s2c_auth_refusal refusal = {
		.response = response, .scope = call->scope, .header = attempt.header};
	return authenticate(ctx, registry, &refusal, answers, err);
}

int s2c_exchange(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_registry_call *call, struct s2c_http_response *response,
	struct s2c_error **err)
{
	struct counting sink = {.base.ops = &counting_ops, .next = call->sink};
	unsigned attempt = 0, answers = 0;

	if (choose_scheme(ctx, registry, err) < 0)
		return -1;
	for (;;) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		int rc = try_once(ctx, registry, call, &sink, &answers, response, &cause);
		if (rc > 0)
			continue;
		bool failed = rc < 0 ? s2c_error_code(cause) == S2C_ENET
				     : worth_a_retry(response->status);
		if (!failed || call->once || attempt == registry->retries || sink.bytes) {
			if (rc < 0)
				s2c_error_move(err, &cause);
			return rc;
		}
		CLEAN_FREE char *why = rc < 0 ? xstrdup(s2c_error_message(cause))
					      : xasprintf("'%s' answers with status %d",
							registry->host, response->status);
		int floor_ms = rc < 0 ? 0 : s2c_exchange_floor_ms(response);
		if (s2c_exchange_wait(ctx, registry, why, attempt++, floor_ms, err) < 0)
			return -1;
	}
}
