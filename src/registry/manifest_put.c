/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT of manifests, and what can be meant by the answers. Words of registries are for
 * people; decided is by statuses, codes and digests.
 */
#include "registry/upload.h"

/* Is what the registry has under this reference the very document? */
static int compare(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_manifest_put *put, struct s2c_descriptor *there, bool *out_same,
	struct s2c_error **err)
{
	if (s2c_registry_look(
		    ctx, registry, put->reference, registry->push_scope, there, err) < 0)
		return -1;
	*out_same = s2c_digest_equal(&there->digest, &put->desc->digest);
	return 0;
}

/* Any web server says 200; only a registry has it then. */
static int make_sure(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_manifest_put *put, int status, struct s2c_error **err)
{
	struct s2c_descriptor there = {0};
	bool same = false;

	if (compare(ctx, registry, put, &there, &same, err) < 0)
		return s2c_wrap(err,
			"the registry says that it stored it (status %d), and has not",
			status);
	if (!same)
		return s2c_fail(err, S2C_EDIGEST,
			"the registry says that it stored it (status %d), and has '%s'",
			status, there.digest.str);
	return 0;
}

static bool may_be_immutable(int status)
{
	return status == 400 || status == 403 || status == 405 || status == 409 ||
	       status == 412 || status == 422;
}

/*
 * A refusal. When the tag is there, that is why: registries have no common words for tags
 * that do not move.
 */
static int refused(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_manifest_put *put, const struct s2c_http_response *response,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_descriptor there = {0};
	bool same = false;
	int rc = s2c_exchange_fail(registry, "upload", response, &cause);

	if (strchr(put->reference, ':') || !may_be_immutable(response->status) ||
		compare(ctx, registry, put, &there, &same, NULL) < 0) {
		s2c_error_move(err, &cause);
		return rc;
	}
	if (same)
		return 0;
	return s2c_fail_status(err, S2C_EEXIST, response->status,
		"%s; the tag is image '%s' there and may not be moved: use another tag",
		s2c_error_message(cause), there.digest.str);
}

static bool says_missing(const struct s2c_http_response *response)
{
	return (response->status == 400 || response->status == 404) &&
	       (s2c_exchange_says(response, "BLOB_UNKNOWN") ||
		       s2c_exchange_says(response, "MANIFEST_BLOB_UNKNOWN"));
}

static int put_once(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_manifest_put *put, struct s2c_manifest_answer *answer,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_FREE char *path = xasprintf("manifests/%s", put->reference);
	struct s2c_registry_call call = {.method = "PUT",
		.path = path,
		.scope = registry->push_scope,
		.headers = &headers,
		.body = put->body,
		.body_len = put->desc->size};

	s2c_strv_addf(&headers, "Content-Type: %s", put->desc->media_type);
	if (s2c_write_exchange(ctx, registry, &call, &response, err) < 0)
		return -1;
	if (!put->complete && says_missing(&response)) {
		answer->blobs_missing = true;
		return 0;
	}
	answer->subject_seen = s2c_http_header(&response, "oci-subject") != NULL;
	int status = response.status;
	if (status != 200 && status != 201 && status != 202)
		return refused(ctx, registry, put, &response, err);
	if (s2c_check_stored(&response, &put->desc->digest, err) < 0)
		return -1;
	if (status != 201 && !s2c_http_header(&response, "docker-content-digest"))
		return make_sure(ctx, registry, put, status, err);
	return 0;
}

int s2c_registry_put_manifest(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_manifest_put *put, struct s2c_manifest_answer *out,
	struct s2c_error **err)
{
	struct s2c_manifest_answer answer = {0};

	if (put_once(ctx, registry, put, &answer, err) < 0)
		return s2c_wrap(err, "manifest '%s'", put->reference);
	*out = answer;
	return 0;
}
