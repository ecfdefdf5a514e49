/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull of whole images. One blob after the other; every byte that enters the store passes
 * s2c_ingest_commit(), which checks it against its digest and size.
 */
#include "registry/pull.h"

#include "registry/exchange.h"
#include "registry/places.h"
#include "store/blob.h"

/* What a pull works on. */
struct pull {
	struct s2c_store *store;
	struct s2c_places *places;
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

/* From an index to the entry for this host. */
static int choose(
	struct s2c_descriptor *desc, const struct s2c_buf *body, struct s2c_error **err)
{
	CLEAN_INDEX struct s2c_index *index = NULL;
	struct s2c_platform platform;

	if (s2c_index_parse(s2c_buf_str(body), body->len, desc->media_type, &index, err) <
		0)
		return s2c_wrap(err, "index '%s'", desc->digest.str);
	s2c_platform_host(&platform);
	const struct s2c_descriptor *entry = s2c_index_choose(index, &platform);
	if (!entry)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"there is no image for platform '%s/%s' in its index",
			platform.os, platform.architecture);
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
			if (choose(desc, body, err) < 0)
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

struct wanted_blob {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	const struct s2c_descriptor *desc;
};

static int fetch_blob_once(const struct wanted_blob *want, struct s2c_registry *registry,
	struct s2c_error **err)
{
	const struct s2c_descriptor *desc = want->desc;
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	struct s2c_ingest_expect expect = {.digest = &desc->digest, .size = desc->size};

	if (s2c_ingest_begin(want->store, &ingest, err) < 0 ||
		s2c_registry_get_blob(
			want->ctx, registry, desc, s2c_ingest_writer(ingest), err) < 0)
		return -1;
	if (s2c_ingest_commit(ingest, &expect, NULL, NULL, err) < 0)
		return s2c_wrap(
			err, "blob '%s' from '%s'", desc->digest.str, registry->host);
	return 0;
}

static int try_blob(void *self, struct s2c_registry *registry, struct s2c_error **err)
{
	const struct wanted_blob *want = self;

	for (unsigned attempt = 0;; attempt++) {
		CLEAN_ERROR struct s2c_error *cause = NULL;
		if (fetch_blob_once(want, registry, &cause) == 0)
			return 0;
		if (s2c_error_code(cause) != S2C_ENET || attempt >= registry->retries) {
			s2c_error_move(err, &cause);
			return -1;
		}
		if (s2c_exchange_wait(want->ctx, registry, s2c_error_message(cause),
			    attempt, 0, err) < 0)
			return -1;
	}
}

static int fetch_blob(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	struct wanted_blob want = {ctx, pull->store, desc};
	struct s2c_attempt attempt = {.run = try_blob, .self = &want};

	if (s2c_blob_exists(pull->store, &desc->digest, desc->size))
		return 0;
	return s2c_places_try(ctx, pull->places, &attempt, err);
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
static int check_config(struct s2c_store *store, const struct s2c_manifest *manifest,
	struct s2c_error **err)
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
	return 0;
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

static int pull_image(struct s2c_ctx *ctx, struct pull *pull,
	const struct s2c_reference *ref, struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_IMAGE struct s2c_image *image = NULL;

	if (resolve(ctx, pull, ref, desc, err) < 0 ||
		fetch_manifest(ctx, pull, desc, &body, err) < 0 ||
		s2c_manifest_parse(s2c_buf_str(&body), body.len, desc->media_type,
			&manifest, err) < 0 ||
		check_parts(manifest, err) < 0 ||
		fetch_blob(ctx, pull, &manifest->config, err) < 0 ||
		check_config(pull->store, manifest, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (fetch_blob(ctx, pull, &manifest->layers[i], err) < 0)
			return -1;
	/* Now it is whole: this looks at all of it once more before it gets its name. */
	if (put_document(pull->store, desc, &body, err) < 0 ||
		s2c_image_load(pull->store, desc, &image, err) < 0)
		return -1;
	return s2c_store_tag(ctx, pull->store, ref, desc, err);
}

int s2c_registry_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_registry_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	CLEAN_PLACES struct s2c_places *places = NULL;
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};

	if (s2c_places_open(ctx, ref, S2C_PULLING, opts, &places, err) < 0)
		return -1;
	struct pull pull = {.store = store, .places = places};
	if (pull_image(ctx, &pull, ref, &desc, err) < 0)
		return -1;
	*out = desc;
	desc = (struct s2c_descriptor){0};
	return 0;
}
