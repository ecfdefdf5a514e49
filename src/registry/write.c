/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all writes to a registry share: following redirects by hand, Locations, cancelling
 * sessions, and asking for permission.
 */
#include "http/url.h"
#include "registry/upload.h"

int s2c_take_location(const struct s2c_registry *registry,
	const struct s2c_http_response *response, char **out, struct s2c_error **err)
{
	const char *location = s2c_http_header(response, "location");
	CLEAN_FREE char *url = NULL;
	struct s2c_url to, base;

	if (!location)
		return s2c_fail(err, S2C_EPROTO, "'%s' opened an upload without Location",
			registry->host);
	if (s2c_http_resolve(response->url, location, &url, err) < 0 ||
		s2c_url_parse(url, &to, err) < 0 ||
		s2c_url_parse(registry->base, &base, err) < 0)
		return -1;
	if (base.https && !to.https)
		return s2c_fail(err, S2C_EPROTO,
			"'%s' sends an upload to '%s' on plain http: refused",
			registry->host, to.host);
	enum s2c_host_kind kind = s2c_host_kind(to.host);
	if ((kind == S2C_HOST_LOOPBACK || kind == S2C_HOST_PRIVATE) &&
		!streq(to.host, base.host))
		return s2c_fail(err, S2C_EPROTO,
			"'%s' sends an upload to the private address '%s': refused",
			registry->host, to.host);
	/* "&digest=..." has to fit behind it. */
	if (strlen(url) + S2C_DIGEST_STR_MAX + 8 > S2C_HTTP_URL_MAX)
		return s2c_fail(err, S2C_EPROTO, "'%s' sends a Location of %zu bytes",
			registry->host, strlen(url));
	*out = TAKE(url);
	return 0;
}

int s2c_write_exchange(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_registry_call *call, struct s2c_http_response *response,
	struct s2c_error **err)
{
	struct s2c_registry_call next = *call;
	CLEAN_FREE char *url = NULL;

	for (unsigned hops = 0;; hops++) {
		if (s2c_exchange(ctx, registry, &next, response, err) < 0)
			return -1;
		int status = response->status;
		if (status == 301 || status == 302 || status == 303)
			return s2c_fail_status(err, S2C_EPROTO, status,
				"'%s' answers %s with a redirect of status %d, on which "
				"what was sent is lost: refused",
				registry->host, call->method, status);
		if (status != 307 && status != 308)
			return 0;
		if (hops == S2C_WRITE_REDIRECTS_MAX)
			return s2c_fail(err, S2C_EPROTO,
				"'%s': more than %d redirects of an upload",
				registry->host, S2C_WRITE_REDIRECTS_MAX);
		char *to = NULL;
		if (s2c_take_location(registry, response, &to, err) < 0)
			return -1;
		free(url);
		next.url = url = to;
		next.path = NULL;
	}
}

int s2c_check_stored(const struct s2c_http_response *response,
	const struct s2c_digest *digest, struct s2c_error **err)
{
	const char *stated = s2c_http_header(response, "docker-content-digest");

	if (stated && !streq(stated, digest->str))
		return s2c_fail(err, S2C_EDIGEST,
			"the registry stored '%s' where '%s' was sent", stated,
			digest->str);
	return 0;
}

void s2c_session_cancel(
	struct s2c_ctx *ctx, struct s2c_registry *registry, const char *location)
{
	bool alive = s2c_ctx_check(ctx, NULL) == 0;
	CLEAN_CTX struct s2c_ctx *own = alive ? s2c_ctx_child(
							ctx, S2C_SESSION_CANCEL_SECONDS)
					      : s2c_ctx_detached(
							ctx, S2C_SESSION_CANCEL_SECONDS);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_registry_call call = {.method = "DELETE",
		.url = location,
		.scope = registry->push_scope,
		.once = true};

	if (location && s2c_exchange(own, registry, &call, &response, &cause) < 0 &&
		s2c_trace("registry"))
		s2c_emit_log(ctx, S2C_DEBUG, "registry: a session is left: %s",
			s2c_error_message(cause));
}

int s2c_registry_check_push(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *location = NULL;
	struct s2c_registry_call call = {.method = "POST",
		.path = "blobs/uploads/",
		.scope = registry->push_scope};

	if (s2c_write_exchange(ctx, registry, &call, &response, err) < 0)
		return -1;
	if (response.status != 202)
		return s2c_exchange_fail(registry, "upload", &response, err);
	if (s2c_take_location(registry, &response, &location, err) < 0)
		return -1;
	s2c_session_cancel(ctx, registry, location);
	return s2c_ctx_check(ctx, err);
}
