/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull of whole images: which documents and blobs make an image, and that they fit
 * together. How layers arrive is in registry/fetch.
 */
#include "registry/pull.h"

#include "registry/exchange.h"
#include "registry/fetch.h"
#include "registry/places.h"
#include "store/blob.h"
#include "store/known.h"

/* What a pull works on. */
struct pull {
	struct s2c_store *store;
	struct s2c_places *places;
	const struct s2c_layer_sink *sink;
	struct s2c_platform platform;
	bool platform_asked;
};

/* A manifest or index at some place; `body` NULL: a HEAD does. */
struct wanted_manifest {
	struct s2c_ctx *ctx;
	const char *tag_or_digest;
	struct s2c_buf *body;
	struct s2c_descriptor *desc;
};

static int try_manifest(void *self, struct s2c_registry *registry, struct s2c_error **err)
{
	const struct wanted_manifest *want = self;

	if (!want->body)
		return s2c_registry_head_manifest(
			want->ctx, registry, want->tag_or_digest, want->desc, err);
	return s2c_registry_get_manifest(
		want->ctx, registry, want->tag_or_digest, want->body, want->desc, err);
}

/* From the first place that has it, which is the one for what belongs to it, too. */
static int find_manifest(
	struct pull *pull, struct wanted_manifest *want, struct s2c_error **err)
{
	struct s2c_attempt attempt = {.run = try_manifest, .self = want, .settle = true};

	return s2c_places_try(want->ctx, pull->places, &attempt, err);
}

/*
 * A manifest or index into `body`, from the store when it is there. *desc comes with the
 * digest; size and type are filled in where nobody said them.
 */
static int fetch_document(struct s2c_ctx *ctx, struct pull *pull,
	struct s2c_descriptor *desc, struct s2c_buf *body, struct s2c_error **err)
{
	struct s2c_descriptor got = {0};
	struct wanted_manifest want = {ctx, desc->digest.str, body, &got};

	s2c_buf_clear(body);
	if (s2c_blob_read(pull->store, &desc->digest, body, NULL) < 0) {
		s2c_buf_clear(body);
		if (find_manifest(pull, &want, err) < 0)
			return -1;
		if (!*desc->media_type)
			memcpy(desc->media_type, got.media_type, sizeof(got.media_type));
	}
	if (desc->size && desc->size != body->len)
		return s2c_fail(err, S2C_EDIGEST,
			"manifest '%s' has %zu bytes where %llu were announced",
			desc->digest.str, body->len, (unsigned long long)desc->size);
	desc->size = body->len;
	return *desc->media_type ? 0 : s2c_document_type(body, desc->media_type, err);
}

/* "linux/arm64/v8"; caller frees. */
static char *platform_text(const struct s2c_platform *platform)
{
	return xasprintf("%s/%s%s%s", platform->os, platform->architecture,
		*platform->variant ? "/" : "", platform->variant);
}

/* The platforms that an index has, for a message; caller frees. */
static char *platforms_of(const struct s2c_index *index)
{
	struct s2c_buf list = S2C_BUF_INIT(S2C_ERROR_MESSAGE_MAX / 4);

	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct s2c_platform *platform = &index->manifests[i].platform;
		CLEAN_FREE char *text = platform_text(platform);

		/* Attestations say "unknown". */
		if (!*platform->os || streq(platform->os, "unknown"))
			continue;
		if (s2c_buf_printf(&list, NULL, "%s%s", list.len ? ", " : "", text) < 0)
			break;
	}
	return s2c_buf_take(&list);
}

/* From an index to the entry for the platform. */
static int choose(const struct pull *pull, struct s2c_descriptor *desc,
	const struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_INDEX struct s2c_index *index = NULL;
	CLEAN_FREE char *wanted = platform_text(&pull->platform), *there = NULL;

	if (s2c_index_parse(s2c_buf_str(body), body->len, desc->media_type, &index, err) <
		0)
		return s2c_wrap(err, "index '%s'", desc->digest.str);
	const struct s2c_descriptor *entry = s2c_index_choose(index, &pull->platform);
	if (!entry) {
		there = platforms_of(index);
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"there is no image for platform '%s' in its index, only for: %s",
			wanted, *there ? there : "none");
	}
	s2c_descriptor_release(desc);
	s2c_descriptor_copy(desc, entry);
	return 0;
}

/* Follows indexes down to the manifest, which ends up in `body`. */
static int fetch_manifest(struct s2c_ctx *ctx, struct pull *pull,
	struct s2c_descriptor *desc, struct s2c_buf *body, struct s2c_error **err)
{
	for (unsigned depth = 0; depth <= S2C_INDEX_DEPTH_MAX; depth++) {
		if (fetch_document(ctx, pull, desc, body, err) < 0)
			return -1;
		switch (s2c_media_kind(desc->media_type, NULL)) {
		case S2C_MEDIA_MANIFEST:
			return 0;
		case S2C_MEDIA_INDEX:
			if (choose(pull, desc, body, err) < 0)
				return -1;
			break;
		case S2C_MEDIA_SCHEMA1:
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"it is an image of the old schema 1; push it again with "
				"a "
				"newer tool");
		case S2C_MEDIA_UNKNOWN:
		case S2C_MEDIA_CONFIG:
		case S2C_MEDIA_LAYER:
		case S2C_MEDIA_FOREIGN_LAYER:
			return s2c_fail(err, S2C_EPROTO,
				"'%s' is neither a manifest nor an index",
				*desc->media_type ? desc->media_type : "its document");
		}
	}
	return s2c_fail(err, S2C_ELIMIT, "more than %d indexes inside each other",
		S2C_INDEX_DEPTH_MAX);
}

/* The manifest that a reference means: its digest, and what a HEAD says of a tag. */
static int resolve(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_reference *ref, struct s2c_descriptor *out,
	struct s2c_error **err)
{
	struct wanted_manifest want = {ctx, ref->tag, NULL, out};

	if (*ref->digest)
		return s2c_digest_parse(ref->digest, &out->digest, err);
	return find_manifest(pull, &want, err);
}

struct wanted_config {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	const struct s2c_descriptor *desc;
};

static int try_config(void *self, struct s2c_registry *registry, struct s2c_error **err)
{
	const struct wanted_config *want = self;
	const struct s2c_descriptor *desc = want->desc;
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	struct s2c_ingest_expect expect = {.digest = &desc->digest, .size = desc->size};
	struct s2c_blob_part part = {.length = desc->size};

	if (s2c_ingest_begin(want->store, &ingest, err) < 0 ||
		s2c_registry_get_blob(want->ctx, registry, desc, &part,
			s2c_ingest_writer(ingest), err) < 0)
		return -1;
	if (s2c_ingest_commit(ingest, &expect, NULL, NULL, err) < 0)
		return s2c_wrap(
			err, "blob '%s' from '%s'", desc->digest.str, registry->host);
	return 0;
}

/* The config: small, and needed before any layer. */
static int fetch_config(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	struct wanted_config want = {ctx, pull->store, desc};
	struct s2c_attempt attempt = {.run = try_config, .self = &want};

	if (s2c_blob_exists(pull->store, &desc->digest, desc->size))
		return 0;
	return s2c_places_try(ctx, pull->places, &attempt, err);
}

static int put_document(struct s2c_store *store, const struct s2c_descriptor *desc,
	const struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	struct s2c_ingest_expect expect = {.digest = &desc->digest, .size = desc->size};

	if (s2c_blob_exists(store, &desc->digest, desc->size))
		return 0;
	if (s2c_ingest_begin(store, &ingest, err) < 0 ||
		s2c_write(s2c_ingest_writer(ingest), s2c_buf_str(body), body->len, err) <
			0)
		return -1;
	return s2c_ingest_commit(ingest, &expect, NULL, NULL, err);
}

/*
 * The manifest of a reference. A cache in between may know what a tag meant yesterday,
 * and not have that any more: then what it sends for the tag counts.
 */
static int fetch_root(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_reference *ref, struct s2c_descriptor *desc,
	struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct wanted_manifest want = {ctx, ref->tag, body, desc};

	if (resolve(ctx, pull, ref, desc, err) < 0)
		return -1;
	if (fetch_manifest(ctx, pull, desc, body, &cause) == 0)
		return 0;
	if (s2c_error_code(cause) != S2C_ENOENT || *ref->digest) {
		s2c_error_move(err, &cause);
		return -1;
	}
	s2c_emit_log(
		ctx, S2C_WARN, "%s; asking for the tag itself", s2c_error_message(cause));
	s2c_descriptor_release(desc);
	*desc = (struct s2c_descriptor){0};
	s2c_buf_clear(body);
	if (find_manifest(pull, &want, err) < 0 ||
		put_document(pull->store, desc, body, err) < 0)
		return -1;
	return fetch_manifest(ctx, pull, desc, body, err);
}

/* Refuses what is no image that we could use, before anything large is fetched. */
static int check_parts(const struct s2c_manifest *manifest, struct s2c_error **err)
{
	if (s2c_media_kind(manifest->config.media_type, NULL) != S2C_MEDIA_CONFIG)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"it is no container image but an artifact of type '%s'",
			manifest->config.media_type);
	if (manifest->config.size > S2C_CONFIG_MAX)
		return s2c_fail(err, S2C_ELIMIT, "its config is larger than %u bytes",
			S2C_CONFIG_MAX);
	for (size_t i = 0; i < manifest->n_layers; i++) {
		const struct s2c_descriptor *layer = &manifest->layers[i];
		enum s2c_media_kind kind = s2c_media_kind(layer->media_type, NULL);
		if (kind == S2C_MEDIA_FOREIGN_LAYER)
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"its layer '%s' is not distributable (type '%s') and "
				"cannot be pulled",
				layer->digest.str, layer->media_type);
		if (kind != S2C_MEDIA_LAYER)
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"its layer '%s' has the unknown type '%s'",
				layer->digest.str, layer->media_type);
	}
	return 0;
}

/* Config and manifest must fit together before the layers are worth the way. */
static int read_config(struct s2c_store *store, const struct s2c_manifest *manifest,
	struct s2c_config **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);
	CLEAN_CONFIG struct s2c_config *config = NULL;

	if (s2c_blob_read(store, &manifest->config.digest, &text, err) < 0)
		return -1;
	if (s2c_config_parse(s2c_buf_str(&text), text.len, &config, err) < 0)
		return s2c_wrap(err, "config '%s'", manifest->config.digest.str);
	if (config->n_diff_ids != manifest->n_layers)
		return s2c_fail(err, S2C_EPROTO,
			"its manifest has %zu layers and its config %zu",
			manifest->n_layers, config->n_diff_ids);
	*out = TAKE(config);
	return 0;
}

/* An image that is not chosen from an index says for itself what it is for. */
static int check_platform(struct s2c_ctx *ctx, const struct pull *pull,
	const struct s2c_config *config, struct s2c_error **err)
{
	CLEAN_FREE char *wanted = platform_text(&pull->platform), *is = NULL;
	struct s2c_platform platform;

	s2c_config_platform(config, &platform);
	if (streq(platform.os, pull->platform.os) &&
		streq(platform.architecture, pull->platform.architecture))
		return 0;
	is = platform_text(&platform);
	if (pull->platform_asked)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"it is an image for platform '%s' and not for '%s'", is, wanted);
	s2c_emit_log(ctx, S2C_WARN, "it is an image for platform '%s', this host is '%s'",
		is, wanted);
	return 0;
}

static int fetch_layers(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_manifest *manifest, struct s2c_error **err)
{
	CLEAN_CONFIG struct s2c_config *config = NULL;
	CLEAN_FREE struct s2c_layer *layers = NULL;
	struct s2c_fetch_opts opts = {
		.store = pull->store, .places = pull->places, .sink = pull->sink};

	if (read_config(pull->store, manifest, &config, err) < 0 ||
		check_platform(ctx, pull, config, err) < 0)
		return -1;
	layers = xcalloc(manifest->n_layers, sizeof(*layers));
	for (size_t i = 0; i < manifest->n_layers; i++)
		layers[i] = (struct s2c_layer){
			.desc = &manifest->layers[i], .diff_id = &config->diff_ids[i]};
	return s2c_fetch_layers(ctx, &opts, layers, manifest->n_layers, err);
}

/*
 * What a later push can use: where these blobs are. Not what layers are compressed to: a
 * layer whose tree is there is not inflated, so that it has that diffID is a claim.
 */
static void note_all(struct s2c_ctx *ctx, const struct pull *pull,
	const struct s2c_reference *ref, const struct s2c_image *image)
{
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, pull->store);
	const struct s2c_manifest *manifest = image->manifest;

	s2c_known_note_place(known, ref, &image->desc.digest);
	s2c_known_note_place(known, ref, &manifest->config.digest);
	for (size_t i = 0; i < manifest->n_layers; i++)
		s2c_known_note_place(known, ref, &manifest->layers[i].digest);
}

static int pull_image(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_reference *ref, struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_IMAGE struct s2c_image *image = NULL;

	if (fetch_root(ctx, pull, ref, desc, &body, err) < 0 ||
		s2c_manifest_parse(s2c_buf_str(&body), body.len, desc->media_type,
			&manifest, err) < 0 ||
		check_parts(manifest, err) < 0 ||
		fetch_config(ctx, pull, &manifest->config, err) < 0 ||
		fetch_layers(ctx, pull, manifest, err) < 0)
		return -1;
	/* Now it is whole: this looks at all of it once more before it gets its name. */
	if (put_document(pull->store, desc, &body, err) < 0 ||
		s2c_image_load(pull->store, desc, &image, err) < 0)
		return -1;
	note_all(ctx, pull, ref, image);
	return s2c_store_tag(ctx, pull->store, ref, desc, err);
}

static int open_pull(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	const struct s2c_pull_opts *opts, struct pull *out, struct s2c_error **err)
{
	out->sink = opts->sink;
	out->platform_asked = opts->platform != NULL;
	if (opts->platform)
		out->platform = *opts->platform;
	else
		s2c_platform_host(&out->platform);
	return s2c_places_open(ctx, ref, S2C_PULLING, opts->registry, &out->places, err);
}

static void pull_release(struct pull *pull)
{
	s2c_places_close(pull->places);
}

int s2c_registry_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_pull_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN(pull_release) struct pull pull = {.store = store};

	if (open_pull(ctx, ref, opts, &pull, err) < 0 ||
		pull_image(ctx, &pull, ref, &desc, err) < 0)
		return -1;
	*out = desc;
	desc = (struct s2c_descriptor){0};
	return 0;
}

int s2c_registry_describe(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_pull_opts *opts,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_IMAGE struct s2c_image *image = xcalloc(1, sizeof(*image));
	CLEAN(pull_release) struct pull pull = {.store = store};

	if (open_pull(ctx, ref, opts, &pull, err) < 0 ||
		fetch_root(ctx, &pull, ref, &image->desc, &body, err) < 0 ||
		s2c_manifest_parse(s2c_buf_str(&body), body.len, image->desc.media_type,
			&image->manifest, err) < 0 ||
		check_parts(image->manifest, err) < 0 ||
		fetch_config(ctx, &pull, &image->manifest->config, err) < 0 ||
		read_config(store, image->manifest, &image->config, err) < 0)
		return -1;
	*out = TAKE(image);
	return 0;
}
