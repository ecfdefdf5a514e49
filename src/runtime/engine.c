/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to an engine: the version, what is sent, and what a refusal means.
 */
#include "runtime/engine_impl.h"

#include <errno.h>
#include <stdio.h>

#define BASE "http://localhost"
#define WORDS_MAX 1000 /* bytes of an engine's own words in a message */
#define GATE_SAYS "s2c gate: "

void s2c_engine_close(struct s2c_engine *engine)
{
	if (!engine)
		return;
	s2c_http_free(engine->http);
	s2c_json_free(engine->seen);
	free(engine->seen_id);
	free(engine->name);
	free(engine->socket);
	free(engine);
}

/* ---- refusals ---- */

static enum s2c_code code_of(int status)
{
	static const struct {
		int status;
		enum s2c_code code;
	} codes[] = {
		{400, S2C_EINVAL},
		{401, S2C_EAUTH},
		{403, S2C_EDENIED},
		{404, S2C_ENOENT},
		{409, S2C_EEXIST},
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return S2C_EPROTO;
}

/*
 * A gate says "s2c gate: CODE: SENTENCE (request N)". Of a gate of our own the sentence
 * is told: nobody could look up the number, and most sentences are about the engine.
 */
static int refused_by_own_gate(const struct s2c_engine *engine, const char *what,
	int status, const char *words, struct s2c_error **err)
{
	static const char about[] = "the engine ";
	const char *code = strstr(words, ": ");
	const char *sentence = code ? strstr(code + 2, ": ") : NULL;
	const char *number;
	int len;

	sentence = sentence ? sentence + 2 : words;
	number = memmem(sentence, strlen(sentence), " (request ", 10);
	len = number ? (int)(number - sentence) : (int)strcspn(sentence, "\r\n");
	if (len > WORDS_MAX)
		len = WORDS_MAX;
	if (!starts_with(sentence, about))
		return s2c_fail_status(err, code_of(status), status,
			"%s: the engine at '%s': %.*s", what, engine->name, len,
			sentence);
	return s2c_fail_status(err, code_of(status), status,
		"%s: the engine at '%s' %.*s", what, engine->name,
		len - (int)strlen(about), sentence + strlen(about));
}

int s2c_engine_refused(const struct s2c_engine *engine, const char *what, int status,
	const struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	const char *words = NULL;

	if (s2c_json_parse(s2c_buf_str(body), body->len,
		    (struct s2c_json_limits){.mixed_case = true}, &root, &ignored) == 0)
		words = s2c_json_str(s2c_json_get(root, "message"));
	if (!words)
		words = s2c_buf_str(body);
	if (engine->own_gate && starts_with(words, GATE_SAYS))
		return refused_by_own_gate(engine, what, status, words, err);
	int len = (int)strcspn(words, "\r\n");
	if (len > WORDS_MAX)
		len = WORDS_MAX;
	return s2c_fail_status(err, code_of(status), status,
		"%s: the engine at '%s' answers %d%s%.*s", what, engine->name, status,
		len ? ": " : "", len, words);
}

/* ---- exchanges ---- */

static bool is_good(int status)
{
	return (status >= 200 && status < 300) || status == 304;
}

int s2c_engine_call(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_engine_request *request, struct s2c_http_response *response,
	struct s2c_error **err)
{
	CLEAN_FREE char *url = *engine->version
				       ? xasprintf(BASE "/v%s%s", engine->version,
						 request->target)
				       : xasprintf(BASE "%s", request->target);
	CLEAN_FREE char *body = request->json
					? s2c_json_print(request->json, S2C_JSON_COMPACT)
					: NULL;
	CLEAN(s2c_clean_secret)
	char *auth = request->auth ? xasprintf("X-Registry-Auth: %s", request->auth)
				   : NULL;
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	struct s2c_http_request http = {
		.method = request->method,
		.url = url,
		.headers = &headers,
		.secret_header = auth,
		.body = body,
		.body_reader = request->tar,
		.body_len = body           ? strlen(body)
			    : request->tar ? S2C_HTTP_BODY_OPEN
					   : 0,
		.sink = request->sink,
		.max_body = request->max_body,
		.no_redirect = true,
		.patient = request->patient,
		/*
		 * A new connection each time keeps curl from sending a request again. A
		 * gate pays for each with a process, and takes no request twice: names
		 * and states forbid it.
		 */
		.once = streq(request->method, "POST") && !engine->gate,
	};

	if (body)
		s2c_strv_add(&headers, "Content-Type: application/json");
	if (request->tar)
		s2c_strv_add(&headers, "Content-Type: application/x-tar");
	if (s2c_http_perform(ctx, engine->http, &http, response, err) < 0)
		return s2c_wrap(err, "%s: engine at '%s'", request->what, engine->name);
	if (!is_good(response->status))
		return s2c_engine_refused(
			engine, request->what, response->status, &response->body, err);
	return 0;
}

int s2c_engine_ask(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_engine_request *request, struct s2c_json **out,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.mixed_case = true};

	if (s2c_engine_call(ctx, engine, request, &response, err) < 0)
		return -1;
	if (s2c_json_parse(s2c_buf_str(&response.body), response.body.len, limits, &root,
		    err) < 0 ||
		(!s2c_json_is_object(root) &&
			s2c_fail(err, S2C_EPROTO, "it is no object") < 0))
		return s2c_wrap(err,
			"%s: the answer of the engine at '%s' makes no sense",
			request->what, engine->name);
	*out = TAKE(root);
	return 0;
}

int s2c_engine_check_id(
	const char *text, char out[S2C_ENGINE_ID_MAX + 1], struct s2c_error **err)
{
	static const char prefix[] = "sha256:";

	if (text && starts_with(text, prefix))
		text += strlen(prefix);
	if (!text || strlen(text) != S2C_ENGINE_ID_MAX ||
		text[strspn(text, "0123456789abcdef")])
		return s2c_fail(err, S2C_EPROTO,
			"the engine's answer has no id of 64 hexadecimal digits");
	memcpy(out, text, S2C_ENGINE_ID_MAX + 1);
	return 0;
}

/* ---- opening ---- */

/* "1.41" -> 41; -1 for anything else. */
static int minor_of(const char *version)
{
	char *end;
	long minor;

	if (!version || !starts_with(version, "1.") || version[2] < '0' ||
		version[2] > '9')
		return -1;
	errno = 0;
	minor = strtol(version + 2, &end, 10);
	return *end || errno || minor > 9999 ? -1 : (int)minor;
}

static int fail_version(const char *socket, const char *version, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"the engine at '%s' speaks API version '%s', and at least 1.%d is "
		"needed: update it",
		socket, version, S2C_ENGINE_API_OLDEST);
}

/* The oldest version that the engine takes may be newer than the one we would take. */
static int oldest_of(
	struct s2c_ctx *ctx, struct s2c_engine *engine, int *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_engine_request request = {.method = "GET",
		.target = "/version",
		.what = "cannot ask for the version"};
	const char *least = NULL;

	if (s2c_engine_ask(ctx, engine, &request, &root, err) < 0 ||
		s2c_json_get_str(root, "MinAPIVersion", S2C_OPTIONAL, &least, err) < 0)
		return -1;
	*out = minor_of(least);
	return 0;
}

/* A refusal of HEAD has no words, so that they are asked for. */
static int ask_ping(struct s2c_ctx *ctx, struct s2c_engine *engine,
	struct s2c_http_response *response, struct s2c_error **err)
{
	struct s2c_engine_request ping = {
		.method = "HEAD", .target = "/_ping", .what = "cannot reach it"};
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_engine_call(ctx, engine, &ping, response, &cause) == 0)
		return 0;
	if (!s2c_error_status(cause)) {
		s2c_error_move(err, &cause);
		return -1;
	}
	ping.method = "GET";
	return s2c_engine_call(ctx, engine, &ping, response, err);
}

static int negotiate(
	struct s2c_ctx *ctx, struct s2c_engine *engine, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	const char *newest, *os;
	int minor, least = -1;

	if (ask_ping(ctx, engine, &response, err) < 0)
		return -1;
	newest = s2c_http_header(&response, "api-version");
	os = s2c_http_header(&response, "ostype");
	engine->podman = s2c_http_header(&response, "libpod-api-version") != NULL;
	engine->gate = s2c_http_header(&response, "s2c-gate") != NULL;
	if (!newest)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"what answers at '%s' is no container engine (it names no API "
			"version)",
			engine->name);
	if (os && !streq(os, "linux"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"the engine at '%s' runs containers of '%s' and not of linux",
			engine->name, os);
	minor = minor_of(newest);
	if (minor < S2C_ENGINE_API_OLDEST)
		return fail_version(engine->name, newest, err);
	if (minor > S2C_ENGINE_API_WANTED) {
		if (oldest_of(ctx, engine, &least, err) < 0)
			return -1;
		minor = least > S2C_ENGINE_API_WANTED ? least : S2C_ENGINE_API_WANTED;
	}
	(void)snprintf(engine->version, sizeof(engine->version), "1.%d", minor);
	return 0;
}

int s2c_engine_open(struct s2c_ctx *ctx, const char *socket_path, const char *name,
	struct s2c_engine **out, struct s2c_error **err)
{
	CLEAN_ENGINE struct s2c_engine *engine = xcalloc(1, sizeof(*engine));
	struct s2c_http_opts opts = {.unix_socket = socket_path};

	engine->socket = xstrdup(socket_path);
	engine->name = xstrdup(name ? name : socket_path);
	engine->own_gate = name != NULL;
	if (access(socket_path, F_OK) < 0)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"there is no engine's socket '%s': %s; start the engine, or name "
			"its socket: --engine unix:///path",
			engine->name, strerror(errno));
	engine->http = s2c_http_new(&opts);
	if (negotiate(ctx, engine, err) < 0)
		return -1;
	if (s2c_trace("runtime"))
		s2c_emit_log(ctx, S2C_DEBUG, "engine at %s: API %s%s", engine->name,
			engine->version, engine->podman ? ", podman" : "");
	*out = TAKE(engine);
	return 0;
}
