/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of the distribution protocol: blobs by mount, or by POST and one PUT;
 * manifests. Chunked uploads are not made.
 */
#include "http/url.h"
#include "registry/exchange.h"

/*
 * Where an upload goes on: the Location of an answer, resolved. It may be on another
 * host, which then gets no credentials, but not on an address inside of our own network,
 * nor may it leave TLS.
 */
static int take_location(const struct s2c_registry *registry,
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

/* ---- blobs ---- */

void s2c_blob_mount_release(struct s2c_blob_mount *mount)
{
	free(mount->session);
	*mount = (struct s2c_blob_mount){0};
}

int s2c_registry_mount_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, const char *from_repository,
	struct s2c_blob_mount *out, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_FREE char *path = xasprintf(
		"blobs/uploads/?mount=%s&from=%s", digest->str, from_repository);
	CLEAN_FREE char *scope = xasprintf(
		"%s repository:%s:pull", registry->push_scope, from_repository);
	struct s2c_registry_call call = {
		.method = "POST", .path = path, .scope = scope, .once = true};

	if (s2c_exchange(ctx, registry, &call, &response, &cause) < 0) {
		enum s2c_code code = s2c_error_code(cause);
		if (code != S2C_ECANCELED && code != S2C_ETIMEOUT) {
			return 0; /* an upload shows what is really wrong */
		}
		s2c_error_move(err, &cause);
		return s2c_wrap(err, "mount of blob '%s'", digest->str);
	}
	out->mounted = response.status == 201;
	if (response.status == 202)
		(void)!take_location(registry, &response, &out->session, NULL);
	return 0;
}

/*
 * Opens an upload; with `once` it does not try by itself as often as is due. Caller frees
 * *out_url.
 */
static int open_session(struct s2c_ctx *ctx, struct s2c_registry *registry, bool once,
	char **out_url, int *out_floor_ms, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_registry_call call = {.method = "POST",
		.path = "blobs/uploads/",
		.scope = registry->push_scope,
		.once = once};

	if (s2c_exchange(ctx, registry, &call, &response, err) < 0)
		return -1;
	*out_floor_ms = s2c_exchange_floor_ms(&response);
	if (response.status != 202)
		return s2c_exchange_fail(registry, "upload", &response, err);
	return take_location(registry, &response, out_url, err);
}

/* What the registry says that it stored must be what was sent. */
static int check_stored(const struct s2c_http_response *response,
	const struct s2c_digest *digest, bool required, struct s2c_error **err)
{
	const char *stated = s2c_http_header(response, "docker-content-digest");

	if (!stated && !required)
		return 0;
	if (!stated || !streq(stated, digest->str))
		return s2c_fail(err, S2C_EDIGEST,
			"the registry stored '%s' where '%s' was sent",
			stated ? stated : "something", digest->str);
	return 0;
}

/*
 * One POST, unless *open (which is used up) is a session already, and PUT. ENET (also for
 * 5xx) is worth another try.
 */
static int upload_once(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_blob_upload *upload, char **open, int *out_floor_ms,
	struct s2c_error **err)
{
	const struct s2c_descriptor *desc = upload->desc;
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_FREE char *session = TAKE(*open), *url = NULL;

	if (!session &&
		open_session(ctx, registry, true, &session, out_floor_ms, err) < 0)
		return -1;
	/* The query of a Location is the registry's own state and stays as it is. */
	url = xasprintf("%s%cdigest=%s", session, strchr(session, '?') ? '&' : '?',
		desc->digest.str);
	s2c_strv_add(&headers, "Content-Type: application/octet-stream");
	struct s2c_registry_call call = {.method = "PUT",
		.url = url,
		.scope = registry->push_scope,
		.headers = &headers,
		.source = &upload->source,
		.body_len = desc->size,
		.phase = "push",
		.subject = desc->digest.str,
		.once = true};
	/* A reader of nothing has nothing to send. */
	if (desc->size == 0)
		call.source = NULL;
	if (s2c_exchange(ctx, registry, &call, &response, err) < 0)
		return -1;
	*out_floor_ms = s2c_exchange_floor_ms(&response);
	if (response.status != 201)
		return s2c_exchange_fail(registry, "upload", &response, err);
	return check_stored(&response, &desc->digest, false, err);
}

int s2c_registry_put_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_blob_upload *upload, struct s2c_error **err)
{
	CLEAN_FREE char *session = upload->session ? xstrdup(upload->session) : NULL;

	for (unsigned attempt = 0;; attempt++) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		int floor_ms = 0;
		if (upload_once(ctx, registry, upload, &session, &floor_ms, &cause) == 0)
			return 0;
		if (s2c_error_code(cause) != S2C_ENET || attempt >= registry->retries) {
			s2c_error_move(err, &cause);
			return s2c_wrap(err, "blob '%s'", upload->desc->digest.str);
		}
		if (s2c_exchange_wait(ctx, registry, s2c_error_message(cause), attempt,
			    floor_ms, err) < 0)
			return -1;
	}
}

/* ---- manifests ---- */

int s2c_registry_put_manifest(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const char *tag_or_digest, const struct s2c_descriptor *desc, const void *body,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_FREE char *path = xasprintf("manifests/%s", tag_or_digest);
	CLEAN_FREE char *what = xasprintf("manifest '%s'", tag_or_digest);
	struct s2c_registry_call call = {.method = "PUT",
		.path = path,
		.scope = registry->push_scope,
		.headers = &headers,
		.body = body,
		.body_len = desc->size};

	s2c_strv_addf(&headers, "Content-Type: %s", desc->media_type);
	if (s2c_exchange(ctx, registry, &call, &response, err) < 0)
		return s2c_wrap(err, "%s", what);
	bool other = response.status == 200 || response.status == 202;
	if (response.status != 201 && !other)
		return s2c_exchange_fail(registry, what, &response, err);
	/* Any web server says 200; only a registry knows the digest. */
	if (check_stored(&response, &desc->digest, other, err) < 0)
		return s2c_wrap(err, "%s", what);
	return 0;
}

/* ---- permission ---- */

int s2c_registry_check_push(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_FREE char *session = NULL;
	int floor_ms;

	if (open_session(ctx, registry, false, &session, &floor_ms, err) < 0)
		return -1;
	/* Best effort: registries throw sessions away by themselves, and some forbid
	 * this. */
	struct s2c_registry_call call = {.method = "DELETE",
		.url = session,
		.scope = registry->push_scope,
		.once = true};
	if (s2c_exchange(ctx, registry, &call, &response, &cause) < 0 &&
		(s2c_error_code(cause) == S2C_ECANCELED ||
			s2c_error_code(cause) == S2C_ETIMEOUT)) {
		s2c_error_move(err, &cause);
		return -1;
	}
	return 0;
}
