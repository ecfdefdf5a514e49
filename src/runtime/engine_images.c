/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of an engine: found, pulled, named, pushed, saved.
 */
#include "runtime/engine_impl.h"

#include <stdio.h>

#include "codec/json_values.h"
#include "http/http1.h"

#define SAVE_MAX S2C_BLOB_SIZE_MAX
#define STREAM_MAX (512ull * 1024 * 1024) /* bytes of a progress stream */

/* ---- inspect ---- */

/* Members of the configuration that belong to an image; engines show many more. */
static const char *const kept_members[] = {"User", "Env", "Entrypoint", "Cmd",
	"WorkingDir", "Labels", "Volumes", "ExposedPorts", "OnBuild", "StopSignal",
	"Healthcheck", "Shell", "ArgsEscaped"};

static bool is_empty(const struct s2c_json *node)
{
	const char *text = s2c_json_str(node);
	bool flag;

	if (!node || s2c_json_is_null(node) || (text && !*text))
		return true;
	if (s2c_json_is_bool(node, &flag))
		return !flag;
	return (s2c_json_is_object(node) || s2c_json_is_array(node)) &&
	       s2c_json_len(node) == 0;
}

int s2c_engine_image_config(
	const struct s2c_json *inspect, struct s2c_config **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_FREE char *text = NULL;
	const struct s2c_json *config, *rootfs, *layers = NULL;
	const char *os = NULL, *arch = NULL, *variant = NULL, *created = NULL;

	config = s2c_json_get(inspect, "Config");
	rootfs = s2c_json_get(inspect, "RootFS");
	if (s2c_json_get_str(inspect, "Os", S2C_REQUIRED, &os, err) < 0 ||
		s2c_json_get_str(inspect, "Architecture", S2C_REQUIRED, &arch, err) < 0 ||
		s2c_json_get_str(inspect, "Variant", S2C_OPTIONAL, &variant, err) < 0 ||
		s2c_json_get_str(inspect, "Created", S2C_OPTIONAL, &created, err) < 0 ||
		s2c_json_get_array(rootfs, "Layers", S2C_REQUIRED, &layers, err) < 0)
		return -1;
	if (created && *created)
		s2c_json_set_str(root, "created", created);
	s2c_json_set_str(root, "architecture", arch);
	if (variant && *variant)
		s2c_json_set_str(root, "variant", variant);
	s2c_json_set_str(root, "os", os);
	struct s2c_json *to = s2c_json_object_at(root, "config");
	for (size_t i = 0; i < ARRAY_SIZE(kept_members); i++) {
		const struct s2c_json *member = s2c_json_get(config, kept_members[i]);

		if (!is_empty(member))
			s2c_json_set(to, kept_members[i], s2c_json_copy(member));
	}
	struct s2c_json *fs = s2c_json_object_at(root, "rootfs");
	s2c_json_set_str(fs, "type", "layers");
	s2c_json_set(fs, "diff_ids", s2c_json_copy(layers));
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	return s2c_config_parse(text, strlen(text), out, err);
}

/* The digest of its manifest, if the engine knows one. */
static void find_digest(const struct s2c_json *inspect, struct s2c_digest *out)
{
	s2c_json_foreach (item, s2c_json_get(inspect, "RepoDigests")) {
		const char *text = s2c_json_str(item);
		const char *at = text ? strrchr(text, '@') : NULL;

		if (at && s2c_digest_parse(at + 1, out, NULL) == 0)
			return;
	}
}

static int make_image(const struct s2c_json *inspect, const char *name,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_IMAGE struct s2c_image *image = xcalloc(1, sizeof(*image));
	char hex[S2C_ENGINE_ID_MAX + 1];
	CLEAN_FREE char *id = NULL;

	if (s2c_engine_check_id(s2c_json_str(s2c_json_get(inspect, "Id")), hex, err) < 0)
		return -1;
	id = xasprintf("sha256:%s", hex);
	image->manifest = xcalloc(1, sizeof(*image->manifest));
	memcpy(image->manifest->media_type, S2C_MT_OCI_MANIFEST,
		sizeof(S2C_MT_OCI_MANIFEST));
	memcpy(image->manifest->config.media_type, S2C_MT_OCI_CONFIG,
		sizeof(S2C_MT_OCI_CONFIG));
	memcpy(image->desc.media_type, S2C_MT_OCI_MANIFEST, sizeof(S2C_MT_OCI_MANIFEST));
	(void)snprintf(image->name, sizeof(image->name), "%s", name);
	find_digest(inspect, &image->desc.digest);
	if (s2c_digest_parse(id, &image->manifest->config.digest, err) < 0 ||
		s2c_engine_image_config(inspect, &image->config, err) < 0)
		return -1;
	*out = TAKE(image);
	return 0;
}

static void remember(
	struct s2c_engine *engine, const char *id, const struct s2c_json *root)
{
	s2c_json_free(TAKE(engine->seen));
	free(TAKE(engine->seen_id));
	engine->seen = s2c_json_copy(root);
	engine->seen_id = xstrdup(id);
}

int s2c_engine_image(struct s2c_ctx *ctx, struct s2c_engine *engine, const char *name,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_FREE char *target = xasprintf("/images/%s/json", name);
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_engine_request request = {
		.method = "GET", .target = target, .what = "cannot look at the image"};

	if (engine->seen && streq(engine->seen_id, name))
		root = s2c_json_copy(engine->seen);
	else if (s2c_engine_ask(ctx, engine, &request, &root, err) < 0)
		return s2c_wrap(err, "image '%s'", name);
	if (starts_with(name, "sha256:"))
		remember(engine, name, root);
	if (make_image(root, name, out, err) < 0)
		return s2c_wrap(err,
			"image '%s': what the engine at '%s' says of it makes no sense",
			name, engine->name);
	return 0;
}

/* ---- progress ---- */

struct feed {
	struct s2c_ctx *ctx;
	const char *phase;
	char *failure; /* the engine's words; NULL: none so far */
	char digest[S2C_DIGEST_STR_MAX];
};

static void feed_release(struct feed *feed)
{
	free(feed->failure);
}

static void take_progress(struct feed *feed, const struct s2c_json *object)
{
	const struct s2c_json *detail = s2c_json_get(object, "progressDetail");
	const char *id = s2c_json_str(s2c_json_get(object, "id"));
	CLEAN_ERROR struct s2c_error *a = NULL, *b = NULL;
	int64_t current = 0, total = 0;

	if (!id || s2c_json_get_int(detail, "current", S2C_REQUIRED, &current, &a) < 0 ||
		s2c_json_get_int(detail, "total", S2C_OPTIONAL, &total, &b) < 0)
		return;
	if (current >= 0 && total >= 0)
		s2c_emit_progress(
			feed->ctx, feed->phase, id, (uint64_t)current, (uint64_t)total);
}

/* "v1: digest: sha256:... size: 427", which is all that podman 4.3 says. */
static void take_status(struct feed *feed, const char *status)
{
	static const char mark[] = ": digest: ";
	const char *at = status ? strstr(status, mark) : NULL;

	if (!at || *feed->digest)
		return;
	at += strlen(mark);
	(void)snprintf(
		feed->digest, sizeof(feed->digest), "%.*s", (int)strcspn(at, " "), at);
}

/* One object of the stream. A failure is one of them, in an answer of status 200. */
static int take_object(void *self, const struct s2c_json *object, struct s2c_error **err)
{
	struct feed *feed = self;
	const char *words = s2c_json_str(s2c_json_get(object, "error"));
	const char *digest = s2c_json_str(
		s2c_json_get(s2c_json_get(object, "aux"), "Digest"));
	const struct s2c_json *detail = s2c_json_get(object, "errorDetail");

	if (!words && detail)
		words = s2c_json_str(s2c_json_get(detail, "message"));
	if ((words || detail) && !feed->failure)
		feed->failure = xstrdup(words ? words : "it does not say why");
	if (digest)
		(void)snprintf(feed->digest, sizeof(feed->digest), "%s", digest);
	take_status(feed, s2c_json_str(s2c_json_get(object, "status")));
	take_progress(feed, object);
	return 0;
}

static enum s2c_code code_of_words(const char *words)
{
	static const struct {
		const char *part;
		enum s2c_code code;
	} known[] = {
		{"unauthorized", S2C_EAUTH},
		{"authentication required", S2C_EAUTH},
		{"denied", S2C_EAUTH},
		{"manifest unknown", S2C_ENOENT},
		{"not found", S2C_ENOENT},
		{"connection refused", S2C_ENET},
		{"no such host", S2C_ENET},
		{"i/o timeout", S2C_ENET},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strstr(words, known[i].part))
			return known[i].code;
	return S2C_EPROTO;
}

static int transfer(struct s2c_ctx *ctx, struct s2c_engine *engine,
	struct s2c_engine_request *request, struct feed *feed, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_WRITER struct s2c_writer *values = s2c_json_values(take_object, feed);

	CLEAN_ERROR struct s2c_error *cause = NULL;

	feed->ctx = ctx;
	request->sink = values;
	request->max_body = STREAM_MAX;
	request->patient = true;
	if (s2c_engine_call(ctx, engine, request, &response, &cause) < 0) {
		/* What goes wrong before the first byte has a status, but the same one.
		 */
		if (response.status >= 500)
			return s2c_fail(err, code_of_words(s2c_error_message(cause)),
				"%s", s2c_error_message(cause));
		s2c_error_move(err, &cause);
		return -1;
	}
	if (s2c_finish(values, err) < 0)
		return s2c_wrap(err, "%s", request->what);
	if (feed->failure)
		return s2c_fail(err, code_of_words(feed->failure),
			"%s: the engine at '%s' says: %s", request->what, engine->name,
			feed->failure);
	return 0;
}

/* ---- pull, tag, push ---- */

static void name_of(const struct s2c_reference *ref, char out[S2C_REFERENCE_MAX + 1])
{
	s2c_reference_name(ref, out);
}

int s2c_engine_pull(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_reference *ref, const char *auth, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	CLEAN(feed_release) struct feed feed = {.phase = "pull"};
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_engine_request request = {
		.method = "POST", .auth = auth, .what = "cannot pull"};

	name_of(ref, name);
	if (s2c_buf_puts(&target, "/images/create", err) < 0 ||
		s2c_http1_query_add(&target, "fromImage", name, err) < 0 ||
		s2c_http1_query_add(
			&target, "tag", *ref->digest ? ref->digest : ref->tag, err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	return transfer(ctx, engine, &request, &feed, err);
}

int s2c_engine_tag(struct s2c_ctx *ctx, struct s2c_engine *engine, const char *image,
	const struct s2c_reference *ref, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_engine_request request = {
		.method = "POST", .what = "cannot name the image"};

	name_of(ref, name);
	if (s2c_buf_printf(&target, err, "/images/%s/tag", image) < 0 ||
		s2c_http1_query_add(&target, "repo", name, err) < 0 ||
		s2c_http1_query_add(&target, "tag", ref->tag, err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	return s2c_engine_call(ctx, engine, &request, &response, err);
}

int s2c_engine_push(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_reference *ref, const char *auth, struct s2c_digest *out_digest,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	CLEAN(feed_release) struct feed feed = {.phase = "push"};
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_engine_request request = {.method = "POST",
		/* dockerd wants the header even when there is nothing to say. */
		.auth = auth ? auth : "e30=",
		.what = "cannot push"};

	name_of(ref, name);
	if (s2c_buf_printf(&target, err, "/images/%s/push", name) < 0 ||
		s2c_http1_query_add(&target, "tag", ref->tag, err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	if (transfer(ctx, engine, &request, &feed, err) < 0)
		return -1;
	if (s2c_digest_parse(feed.digest, out_digest, NULL) < 0)
		return s2c_fail(err, S2C_EPROTO,
			"the engine at '%s' does not say what it has pushed as '%s'",
			engine->name, name);
	return 0;
}

int s2c_engine_save(struct s2c_ctx *ctx, struct s2c_engine *engine, const char *image,
	struct s2c_writer *out, struct s2c_error **err)
{
	CLEAN_FREE char *target = xasprintf("/images/%s/get", image);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_engine_request request = {.method = "GET",
		.target = target,
		.sink = out,
		.max_body = SAVE_MAX,
		.patient = true,
		.what = "cannot save the image"};

	return s2c_engine_call(ctx, engine, &request, &response, err);
}

int s2c_engine_remove_image(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const char *image, struct s2c_error **err)
{
	CLEAN_FREE char *target = xasprintf("/images/%s", image);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_engine_request request = {.method = "DELETE",
		.target = target,
		.patient = true,
		.what = "cannot remove the image"};

	return s2c_engine_call(ctx, engine, &request, &response, err);
}
