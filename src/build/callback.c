/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callback of a build.
 */
#include "build/callback.h"

#include <string.h>

#include "http/client.h"
#include "http/url.h"

#define PAUSE_MS 500 /* before the second try; doubled for the third */

int s2c_callback_check(const char *url, struct s2c_error **err)
{
	struct s2c_url parsed;

	if (!url)
		return 0;
	if (s2c_url_parse(url, &parsed, err))
		return s2c_wrap(err, "--callback-url");
	if (parsed.has_userinfo)
		return s2c_fail(err, S2C_EINVAL,
			"--callback-url has a user or password in it, which end up in "
			"logs: leave them out");
	return 0;
}

/* Labels come first, as in S2I. Caller frees. */
static char *body_of(const struct s2c_callback *callback)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_FREE char *text = NULL;

	if (s2c_json_len(callback->labels))
		s2c_json_set(root, "labels", s2c_json_copy(callback->labels));
	s2c_json_set_bool(root, "success", callback->success);
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	return xasprintf("%s\n", text);
}

/* One try; *out_final is true if another one would change nothing. */
static int try_once(struct s2c_ctx *ctx, struct s2c_http *http,
	const struct s2c_http_request *request, bool *out_final, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_child(ctx, S2C_CALLBACK_TRY_SECONDS);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;

	*out_final = false;
	if (s2c_http_perform(own, http, request, &response, &cause)) {
		/* It was taken, whatever it had to say. */
		if (s2c_error_code(cause) == S2C_ELIMIT)
			return 0;
		*out_final = s2c_error_code(cause) == S2C_EAUTH;
		s2c_error_move(err, &cause);
		return -1;
	}
	if (response.status < 300)
		return 0;
	*out_final = response.status < 500 && response.status != 429;
	return s2c_fail(err, S2C_EPROTO, "the answer is status %d", response.status);
}

static int send_all(struct s2c_ctx *ctx, struct s2c_http *http,
	const struct s2c_http_request *request, struct s2c_error **err)
{
	bool final = false;

	for (int left = S2C_CALLBACK_TRIES, pause = PAUSE_MS;; pause *= 2) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		int ready;

		if (try_once(ctx, http, request, &final, &cause) == 0)
			return 0;
		if (--left == 0 || final ||
			s2c_ctx_poll(ctx, NULL, 0, pause, &ready, NULL)) {
			s2c_error_move(err, &cause);
			return -1;
		}
	}
}

void s2c_callback_send(struct s2c_ctx *ctx, const struct s2c_callback *callback)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_detached(ctx, S2C_CALLBACK_SECONDS);
	CLEAN_FREE char *shown = s2c_http_redact(callback->url);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(own, "callback", shown);
	struct s2c_http_opts opts = {
		.ca_file = callback->ca_file, .insecure_tls = callback->insecure_tls};
	CLEAN(s2c_clean_http) struct s2c_http *http = s2c_http_new(&opts);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_FREE char *body = body_of(callback);
	struct s2c_http_request request = {
		.method = "POST",
		.url = callback->url,
		.headers = &headers,
		.body = body,
		.body_len = strlen(body),
		.max_body = S2C_CALLBACK_ANSWER_MAX,
	};

	s2c_strv_add(&headers, "Content-Type: application/json");
	if (s2c_callback_check(callback->url, &cause) ||
		send_all(own, http, &request, &cause))
		s2c_emit_log(own, S2C_WARN, "callback '%s' was not told: %s", shown,
			s2c_error_message(cause));
}
