/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of layers: blob -> decompress -> diffID -> compress -> blob, one layer after
 * the other, as a compressor uses all CPUs by itself. The manifest is changed as JSON, so
 * that members which mean nothing to us stay in it.
 */
#include "registry/convert.h"

#include <stdio.h>

#include "codec/progress.h"
#include "image/config.h"
#include "store/blob.h"

/* What is known of the document while it is worked on. */
struct conversion {
	struct s2c_ctx *ctx;
	const struct s2c_convert *how;
	char method[S2C_KNOWN_METHOD_MAX + 1];
	struct s2c_manifest *manifest;
	struct s2c_config *config;
	bool changed, elsewhere;
};

static void conversion_release(struct conversion *c)
{
	s2c_manifest_free(c->manifest);
	s2c_config_free(c->config);
}

/* ---- one layer ---- */

/* A form that can be used without making it, if there is one. */
static bool find_form(struct conversion *c, size_t i, struct s2c_known_form *form)
{
	struct s2c_reference place;

	if (!s2c_known_find_form(c->how->known, &c->config->diff_ids[i], c->method, form))
		return false;
	if (s2c_blob_exists(c->how->store, &form->digest, form->size))
		return true;
	if (c->how->in_store ||
		s2c_known_find_places(c->how->known, &form->digest, NULL, &place, 1) == 0)
		return false;
	c->elsewhere = true;
	return true;
}

/* The content of a layer to `sink`, and what its digest really is. */
static int unpack_to(struct conversion *c, const struct s2c_descriptor *layer,
	struct s2c_writer *sink, struct s2c_digest *diff_id, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *digest = s2c_writer_digest(sink, diff_id, NULL);
	struct s2c_progress told = {
		.phase = "compress", .subject = layer->digest.str, .total = layer->size};
	CLEAN_READER struct s2c_reader *content = NULL;
	struct s2c_reader *blob = NULL;

	if (s2c_blob_open(c->how->store, &layer->digest, layer->size, &blob, err) < 0)
		return -1;
	blob = s2c_reader_progress(c->ctx, blob, true, &told);
	if (s2c_decompress_auto(blob, true, NULL, &content, err) < 0)
		return -1;
	content = s2c_reader_limit(
		TAKE(content), true, S2C_BLOB_SIZE_MAX, "the content of a layer");
	if (s2c_copy(c->ctx, content, digest, NULL, NULL, err) < 0)
		return -1;
	return s2c_finish(digest, err);
}

static int make_form(struct conversion *c, size_t i, struct s2c_known_form *form,
	struct s2c_error **err)
{
	const struct s2c_descriptor *layer = &c->manifest->layers[i];
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(
		c->ctx, "compress", layer->digest.str);
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_WRITER struct s2c_writer *pack = NULL;
	struct s2c_digest diff_id;

	if (s2c_ingest_begin(c->how->store, &ingest, err) < 0)
		return -1;
	pack = s2c_compress(c->how->to, c->how->level, s2c_ingest_writer(ingest));
	if (unpack_to(c, layer, pack, &diff_id, err) < 0)
		return -1;
	if (!s2c_digest_equal(&diff_id, &c->config->diff_ids[i]))
		return s2c_fail(err, S2C_EDIGEST,
			"its content is '%s', and the config says '%s': pull or build "
			"the image again",
			diff_id.str, c->config->diff_ids[i].str);
	if (s2c_ingest_commit(ingest, NULL, &form->digest, &form->size, err) < 0)
		return -1;
	memcpy(form->method, c->method, sizeof(form->method));
	s2c_known_note_form(c->how->known, &diff_id, form);
	return 0;
}

static void take_form(struct conversion *c, size_t i, const struct s2c_known_form *form)
{
	struct s2c_descriptor *layer = &c->manifest->layers[i];

	if (s2c_digest_equal(&layer->digest, &form->digest))
		return;
	/* Annotations may describe the old bytes, as those of seekable layers do. */
	s2c_descriptor_release(layer);
	*layer = (struct s2c_descriptor){.digest = form->digest, .size = form->size};
	(void)snprintf(layer->media_type, sizeof(layer->media_type), "%s",
		s2c_media_layer(c->how->to));
	c->changed = true;
}

static int convert_layer(struct conversion *c, size_t i, struct s2c_error **err)
{
	const struct s2c_descriptor *layer = &c->manifest->layers[i];
	enum s2c_compression is = S2C_COMPRESS_NONE;
	struct s2c_known_form form = {0};

	if (s2c_media_kind(layer->media_type, &is) != S2C_MEDIA_LAYER ||
		(!c->how->force && is != S2C_COMPRESS_NONE))
		return 0;
	if (!find_form(c, i, &form) && make_form(c, i, &form, err) < 0)
		return s2c_wrap(err, "layer '%s'", layer->digest.str);
	take_form(c, i, &form);
	return 0;
}

/* ---- the document ---- */

static int load(
	struct conversion *c, const struct s2c_document *document, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);
	const struct s2c_descriptor *config;

	if (s2c_media_kind(document->desc.media_type, NULL) != S2C_MEDIA_MANIFEST)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"layers are compressed for one image and not for a whole index; "
			"push its images by their digests");
	if (s2c_manifest_parse(s2c_buf_str(&document->body), document->body.len,
		    document->desc.media_type, &c->manifest, err) < 0)
		return -1;
	config = &c->manifest->config;
	if (s2c_media_kind(config->media_type, NULL) != S2C_MEDIA_CONFIG)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"it is no container image but an artifact of type '%s', whose "
			"parts stay as they are",
			config->media_type);
	if (s2c_blob_read(c->how->store, &config->digest, &text, err) < 0)
		return -1;
	if (s2c_config_parse(s2c_buf_str(&text), text.len, &c->config, err) < 0)
		return s2c_wrap(err, "config '%s'", config->digest.str);
	if (c->config->n_diff_ids != c->manifest->n_layers)
		return s2c_fail(err, S2C_EPROTO, "%zu layers but %zu diffIDs",
			c->manifest->n_layers, c->config->n_diff_ids);
	return 0;
}

/* An OCI document may not have parts of Docker's types, though they mean the same. */
static void to_oci(struct s2c_descriptor *desc)
{
	enum s2c_compression compression = S2C_COMPRESS_NONE;
	const char *type = desc->media_type;

	switch (s2c_media_kind(desc->media_type, &compression)) {
	case S2C_MEDIA_CONFIG:
		type = S2C_MT_OCI_CONFIG;
		break;
	case S2C_MEDIA_LAYER:
		type = s2c_media_layer(compression);
		break;
	case S2C_MEDIA_FOREIGN_LAYER:
	case S2C_MEDIA_UNKNOWN:
	case S2C_MEDIA_MANIFEST:
	case S2C_MEDIA_INDEX:
	case S2C_MEDIA_SCHEMA1:
		return;
	}
	if (type != desc->media_type)
		(void)snprintf(desc->media_type, sizeof(desc->media_type), "%s", type);
}

/* The document with these parts, and a subject unless that is NULL. */
static int rewrite(struct s2c_document *document, struct s2c_manifest *manifest,
	const struct s2c_descriptor *subject, struct s2c_error **err)
{
	struct s2c_json_limits limits = {.bytes = S2C_MANIFEST_MAX, .mixed_case = true};
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_FREE char *text = NULL;
	struct s2c_json *layers;

	if (s2c_json_parse(s2c_buf_str(&document->body), document->body.len, limits,
		    &root, err) < 0)
		return -1;
	to_oci(&manifest->config);
	s2c_json_set_str(root, "mediaType", S2C_MT_OCI_MANIFEST);
	s2c_json_set(root, "config", s2c_descriptor_to_json(&manifest->config));
	layers = s2c_json_new_array();
	for (size_t i = 0; i < manifest->n_layers; i++) {
		to_oci(&manifest->layers[i]);
		s2c_json_add(layers, s2c_descriptor_to_json(&manifest->layers[i]));
	}
	s2c_json_set(root, "layers", layers);
	if (subject)
		s2c_json_set(root, "subject", s2c_descriptor_to_json(subject));
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	return s2c_document_set(document, S2C_MT_OCI_MANIFEST, text, err);
}

int s2c_document_refer(struct s2c_document *document,
	const struct s2c_descriptor *subject, struct s2c_error **err)
{
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;

	if (s2c_media_kind(document->desc.media_type, NULL) != S2C_MEDIA_MANIFEST)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"an index of several images cannot be made to refer to another");
	if (s2c_manifest_parse(s2c_buf_str(&document->body), document->body.len,
		    document->desc.media_type, &manifest, err) < 0)
		return -1;
	return rewrite(document, manifest, subject, err);
}

int s2c_document_convert(struct s2c_ctx *ctx, const struct s2c_convert *how,
	struct s2c_document *document, bool *out_elsewhere, struct s2c_error **err)
{
	CLEAN(conversion_release) struct conversion c = {.ctx = ctx, .how = how};

	s2c_known_method(how->to, how->level, c.method);
	if (load(&c, document, err) < 0)
		return -1;
	for (size_t i = 0; i < c.manifest->n_layers; i++)
		if (convert_layer(&c, i, err) < 0)
			return -1;
	if (c.changed && rewrite(document, c.manifest, NULL, err) < 0)
		return -1;
	if (out_elsewhere)
		*out_elsewhere = c.elsewhere;
	return 0;
}
