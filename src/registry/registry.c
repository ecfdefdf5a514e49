/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half of the distribution protocol, and opening a registry. What arrives is
 * checked against the digest that was asked for, or the one that the registry states.
 */
#include "registry/registry.h"

#include <strings.h>

#include "http/url.h"
#include "image/manifest.h"
#include "registry/exchange.h"
#include "registry/trust.h"

#define ACCEPT_MANIFESTS                                                                 \
	"Accept: " S2C_MT_OCI_MANIFEST ", " S2C_MT_OCI_INDEX ", " S2C_MT_DOCKER_MANIFEST \
	", " S2C_MT_DOCKER_LIST

int s2c_registry_open(const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_registry **out,
	struct s2c_error **err)
{
	static const struct s2c_registry_opts defaults;
	struct s2c_url url;

	if (!opts)
		opts = &defaults;
	if (!*ref->registry)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' names no registry: write REGISTRY/%s", ref->repository,
			ref->repository);
	const char *host = streq(ref->registry, "docker.io") ? "registry-1.docker.io"
							     : ref->registry;
	CLEAN_FREE char *base = xasprintf("https://%s", host);
	if (s2c_url_parse(base, &url, err) < 0)
		return s2c_wrap(err, "registry '%s'", ref->registry);
	if (*url.rest || url.has_userinfo)
		return s2c_fail(err, S2C_EINVAL, "'%s' is no registry", ref->registry);
	CLEAN_TRUST struct s2c_trust trust = {.client_cert = NULL};
	if (s2c_trust_find(opts->cert_dir, ref->registry, &trust, err) < 0)
		return -1;
	if (opts->ca_bundle)
		s2c_strv_add(&trust.ca_files, opts->ca_bundle);
	struct s2c_registry *registry = xcalloc(1, sizeof(*registry));
	registry->registry = xstrdup(ref->registry);
	registry->host = xstrdup(host);
	registry->repository = xstrdup(ref->repository);
	registry->secure = TAKE(base);
	registry->plain = xasprintf("http://%s", host);
	registry->base = registry->secure;
	registry->lock = s2c_monitor_new();
	registry->loopback = s2c_host_kind(url.host) == S2C_HOST_LOOPBACK;
	registry->may_be_http = opts->plain_http || opts->insecure || registry->loopback;
	registry->pull_scope = xasprintf("repository:%s:pull", ref->repository);
	registry->push_scope = xasprintf("repository:%s:pull,push", ref->repository);
	registry->authfile = opts->authfile ? xstrdup(opts->authfile) : NULL;
	if (opts->credentials)
		s2c_credentials_copy(&registry->given, opts->credentials);
	registry->retries = opts->tries ? opts->tries - 1 : S2C_REGISTRY_RETRIES;
	registry->http = s2c_http_new(&(struct s2c_http_opts){.ca_file = opts->ca_file,
		.ca_files = &trust.ca_files,
		.insecure_tls = opts->insecure_tls,
		.own_host = url.host,
		.client_cert = trust.client_cert,
		.client_key = trust.client_key,
		.insecure_own = opts->insecure});
	*out = registry;
	return 0;
}

void s2c_registry_close(struct s2c_registry *registry)
{
	if (!registry)
		return;
	s2c_auth_free(registry->auth);
	s2c_http_free(registry->http);
	free(registry->registry);
	free(registry->host);
	free(registry->repository);
	free(registry->secure);
	free(registry->plain);
	s2c_monitor_free(registry->lock);
	s2c_strv_release(&registry->ping_headers);
	free(registry->pull_scope);
	free(registry->push_scope);
	free(registry->authfile);
	s2c_credentials_release(&registry->given);
	free(registry);
}

/* ---- login ---- */

int s2c_registry_check_login(struct s2c_ctx *ctx, struct s2c_registry *registry,
	bool *out_asked, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_registry_call call = {.method = "GET", .scope = ""};

	if (s2c_exchange(ctx, registry, &call, &response, err) < 0)
		return -1;
	if (response.status == 404)
		return s2c_fail_status(err, S2C_EPROTO, 404,
			"'%s' is no registry: there is no /v2/", registry->host);
	if (response.status != 200)
		return s2c_exchange_fail(registry, "login", &response, err);
	*out_asked = s2c_registry_auth(registry) != NULL;
	return 0;
}

/* ---- manifests ---- */

static char *what_manifest(const struct s2c_registry *registry, const char *tag_or_digest)
{
	return xasprintf("image '%s/%s%s%s'", registry->registry, registry->repository,
		strchr(tag_or_digest, ':') ? "@" : ":", tag_or_digest);
}

/* Content-Type without parameters, when it is one of a manifest or index; else "". */
static void type_of_header(const struct s2c_http_response *response, char *out)
{
	const char *value = s2c_http_header(response, "content-type");
	size_t len = value ? strcspn(value, "; \t") : 0;

	*out = '\0';
	if (len == 0 || len > S2C_MEDIA_TYPE_MAX)
		return;
	memcpy(out, value, len);
	out[len] = '\0';
	if (s2c_media_kind(out, NULL) == S2C_MEDIA_UNKNOWN)
		*out = '\0';
}

int s2c_document_type(const struct s2c_buf *body, char *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_MANIFEST_MAX};
	const char *type = NULL;

	if (s2c_json_parse(s2c_buf_str(body), body->len, limits, &root, err) < 0 ||
		s2c_json_get_str(root, "mediaType", S2C_OPTIONAL, &type, err) < 0)
		return -1;
	if (!type && s2c_json_get(root, "manifests"))
		type = S2C_MT_OCI_INDEX;
	else if (!type && s2c_json_get(root, "layers"))
		type = S2C_MT_OCI_MANIFEST;
	*out = '\0';
	if (type && strlen(type) <= S2C_MEDIA_TYPE_MAX)
		memcpy(out, type, strlen(type) + 1);
	return 0;
}

/* The digest the registry states; unset when it states none. */
static int stated_digest(const struct s2c_http_response *response, struct s2c_digest *out,
	struct s2c_error **err)
{
	const char *value = s2c_http_header(response, "docker-content-digest");
	CLEAN_ERROR struct s2c_error *cause = NULL;

	*out = (struct s2c_digest){0};
	if (!value || s2c_digest_parse(value, out, &cause) == 0)
		return 0;
	return s2c_fail(err, S2C_EPROTO, "the registry states no digest: %s",
		s2c_error_message(cause));
}

static void hash_as(
	const struct s2c_digest *like, const struct s2c_buf *body, struct s2c_digest *out)
{
	struct s2c_hasher *hasher = s2c_hasher_new(
		*like->str ? s2c_digest_algo(like) : "sha256");

	s2c_hasher_update(hasher, s2c_buf_str(body), body->len);
	s2c_hasher_final(hasher, out);
	s2c_hasher_free(hasher);
}

static int check_manifest(const char *tag_or_digest,
	const struct s2c_http_response *response, struct s2c_descriptor *out,
	struct s2c_error **err)
{
	struct s2c_descriptor desc = {.size = response->body.len};
	struct s2c_digest stated, asked = {0};

	if (stated_digest(response, &stated, err) < 0)
		return -1;
	if (strchr(tag_or_digest, ':') &&
		s2c_digest_parse(tag_or_digest, &asked, err) < 0)
		return -1;
	const struct s2c_digest *want = *asked.str ? &asked : &stated;
	hash_as(want, &response->body, &desc.digest);
	if (*want->str && !s2c_digest_equal(want, &desc.digest))
		return s2c_fail(err, S2C_EDIGEST,
			"the registry sent other bytes than '%s' (they are '%s')",
			want->str, desc.digest.str);
	type_of_header(response, desc.media_type);
	/* Some servers send every document as "application/json". */
	if (!*desc.media_type &&
		s2c_document_type(&response->body, desc.media_type, err) < 0)
		return -1;
	*out = desc;
	return 0;
}

/* Which document is asked for, and with which permission. */
struct wanted {
	const char *reference; /* tag or digest */
	const char *scope;
};

static int request_manifest(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const char *method, const struct wanted *wanted,
	struct s2c_http_response *response, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_FREE char *path = xasprintf("manifests/%s", wanted->reference);
	struct s2c_registry_call call = {.method = method,
		.path = path,
		.scope = wanted->scope,
		.headers = &headers,
		.max_body = S2C_MANIFEST_MAX};

	s2c_strv_add(&headers, ACCEPT_MANIFESTS);
	return s2c_exchange(ctx, registry, &call, response, err);
}

static int get_manifest(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct wanted *wanted, struct s2c_buf *body, struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *what = what_manifest(registry, wanted->reference);
	struct s2c_descriptor found = {0};

	if (request_manifest(ctx, registry, "GET", wanted, &response, err) < 0)
		return s2c_wrap(err, "%s", what);
	if (response.status != 200)
		return s2c_exchange_fail(registry, what, &response, err);
	if (check_manifest(wanted->reference, &response, &found, err) < 0 ||
		s2c_buf_add(body, s2c_buf_str(&response.body), response.body.len, err) <
			0)
		return s2c_wrap(err, "%s", what);
	*desc = found;
	return 0;
}

int s2c_registry_get_manifest(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const char *tag_or_digest, struct s2c_buf *body, struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	struct wanted wanted = {tag_or_digest, registry->pull_scope};

	return get_manifest(ctx, registry, &wanted, body, desc, err);
}

static bool content_length(const struct s2c_http_response *response, uint64_t *out)
{
	const char *value = s2c_http_header(response, "content-length");
	uint64_t n = 0;

	if (!value || !*value)
		return false;
	for (; *value; value++) {
		if (*value < '0' || *value > '9' || n > S2C_BLOB_SIZE_MAX)
			return false;
		n = n * 10 + (uint64_t)(*value - '0');
	}
	*out = n;
	return true;
}

int s2c_registry_look(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const char *tag_or_digest, const char *scope, struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *what = what_manifest(registry, tag_or_digest);
	struct wanted wanted = {tag_or_digest, scope};
	struct s2c_descriptor found = {0};

	if (request_manifest(ctx, registry, "HEAD", &wanted, &response, err) < 0)
		return s2c_wrap(err, "%s", what);
	if (response.status != 200)
		return s2c_exchange_fail(registry, what, &response, err);
	if (stated_digest(&response, &found.digest, err) < 0)
		return s2c_wrap(err, "%s", what);
	type_of_header(&response, found.media_type);
	if (!*found.digest.str || !*found.media_type ||
		!content_length(&response, &found.size)) {
		/* A registry that tells too little in a HEAD has to send the document. */
		CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
		return get_manifest(ctx, registry, &wanted, &body, desc, err);
	}
	*desc = found;
	return 0;
}

int s2c_registry_head_manifest(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const char *tag_or_digest, struct s2c_descriptor *desc, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_registry_look(ctx, registry, tag_or_digest, registry->pull_scope, desc,
		    &cause) == 0)
		return 0;
	/* An answer to HEAD has no words that would say why it is denied. */
	if (s2c_error_status(cause) == 403)
		return s2c_registry_get_manifest(
			ctx, registry, tag_or_digest, &body, desc, err);
	s2c_error_move(err, &cause);
	return -1;
}

/* ---- blobs ---- */

int s2c_registry_has_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, bool *out_there, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *path = xasprintf("blobs/%s", digest->str);
	CLEAN_FREE char *what = xasprintf("blob '%s'", digest->str);
	struct s2c_registry_call call = {
		.method = "HEAD", .path = path, .scope = registry->push_scope};

	if (s2c_exchange(ctx, registry, &call, &response, err) < 0)
		return s2c_wrap(err, "%s", what);
	if (response.status != 200 && response.status != 404)
		return s2c_exchange_fail(registry, what, &response, err);
	*out_there = response.status == 200;
	return 0;
}
