/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in the store: loading one with all that must agree in it, and putting a new one
 * together out of a config and layers that are there.
 */
#include "store/image.h"

#include "store/blob.h"
#include "store/names.h"

static int read_manifest(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_buf *text, struct s2c_error **err)
{
	if (desc->size > S2C_MANIFEST_MAX)
		return s2c_fail(err, S2C_ELIMIT, "manifest is larger than %u bytes",
			S2C_MANIFEST_MAX);
	if (s2c_blob_read(store, &desc->digest, text, err) < 0)
		return -1;
	if (text->len != desc->size)
		return s2c_fail(err, S2C_EDIGEST,
			"manifest has %zu bytes instead of %llu", text->len,
			(unsigned long long)desc->size);
	return 0;
}

/* Follows indexes down to the manifest for this host; at most S2C_INDEX_DEPTH_MAX. */
static int resolve_index(struct s2c_store *store, struct s2c_descriptor *desc,
	struct s2c_buf *text, struct s2c_error **err)
{
	struct s2c_platform host;

	s2c_platform_host(&host);
	for (int depth = 0; depth <= S2C_INDEX_DEPTH_MAX; depth++) {
		CLEAN_INDEX struct s2c_index *index = NULL;
		const struct s2c_descriptor *chosen;

		s2c_buf_clear(text);
		if (read_manifest(store, desc, text, err) < 0)
			return -1;
		if (s2c_media_kind(desc->media_type, NULL) != S2C_MEDIA_INDEX)
			return 0;
		if (s2c_index_parse(s2c_buf_str(text), text->len, desc->media_type,
			    &index, err) < 0)
			return -1;
		chosen = s2c_index_choose(index, &host);
		if (!chosen)
			return s2c_fail(err, S2C_EUNSUPPORTED, "no image for %s/%s",
				host.os, host.architecture);
		s2c_descriptor_release(desc);
		s2c_descriptor_copy(desc, chosen);
	}
	return s2c_fail(
		err, S2C_ELIMIT, "indexes nested deeper than %d", S2C_INDEX_DEPTH_MAX);
}

static int load_config(
	struct s2c_store *store, struct s2c_image *image, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);
	const struct s2c_descriptor *desc = &image->manifest->config;

	if (s2c_blob_read(store, &desc->digest, &text, err) < 0)
		return -1;
	if (text.len != desc->size)
		return s2c_fail(err, S2C_EDIGEST, "config has %zu bytes instead of %llu",
			text.len, (unsigned long long)desc->size);
	if (s2c_config_parse(s2c_buf_str(&text), text.len, &image->config, err) < 0)
		return s2c_wrap(err, "config '%s'", desc->digest.str);
	if (image->config->n_diff_ids != image->manifest->n_layers)
		return s2c_fail(err, S2C_EPROTO, "%zu layers but %zu diffIDs",
			image->manifest->n_layers, image->config->n_diff_ids);
	return 0;
}

static int load(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_image *image, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);

	s2c_descriptor_copy(&image->desc, desc);
	if (resolve_index(store, &image->desc, &text, err) < 0 ||
		s2c_manifest_parse(s2c_buf_str(&text), text.len, image->desc.media_type,
			&image->manifest, err) < 0)
		return -1;
	return load_config(store, image, err);
}

int s2c_image_load(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_IMAGE struct s2c_image *image = xcalloc(1, sizeof(*image));

	if (load(store, desc, image, err) < 0)
		return s2c_wrap(err, "image '%s'", desc->digest.str);
	*out = TAKE(image);
	return 0;
}

void s2c_image_free(struct s2c_image *image)
{
	if (!image)
		return;
	s2c_descriptor_release(&image->desc);
	s2c_manifest_free(image->manifest);
	s2c_config_free(image->config);
	free(image);
}

const struct s2c_digest *s2c_image_id(const struct s2c_image *image)
{
	return &image->manifest->config.digest;
}

int s2c_image_check(
	struct s2c_store *store, const struct s2c_image *image, struct s2c_error **err)
{
	if (s2c_store_check_blobs(store, image->manifest, err) < 0)
		return s2c_wrap(err, "image '%s'",
			image->name[0] ? image->name : image->desc.digest.str);
	return 0;
}

/* Registries refuse an image whose history does not count its layers (trap C3). */
static int check_counts(const struct s2c_manifest *manifest,
	const struct s2c_config *config, struct s2c_error **err)
{
	const struct s2c_json *history = s2c_json_get(config->root, "history");
	size_t layers = 0;

	if (manifest->n_layers != config->n_diff_ids)
		return s2c_fail(err, S2C_EPROTO, "%zu layers but %zu diffIDs",
			manifest->n_layers, config->n_diff_ids);
	s2c_json_foreach (entry, history) {
		bool empty = false;

		if (s2c_json_get_bool(entry, "empty_layer", S2C_OPTIONAL, &empty, err) <
			0)
			return s2c_wrap(err, "history");
		layers += !empty;
	}
	if (s2c_json_len(history) > 0 && layers != manifest->n_layers)
		return s2c_fail(err, S2C_EPROTO, "%zu layers but %zu in the history",
			manifest->n_layers, layers);
	return 0;
}

static int put(struct s2c_store *store, struct s2c_manifest *manifest,
	const struct s2c_config *config, struct s2c_descriptor *out,
	struct s2c_error **err)
{
	static const char config_type[] = S2C_MT_OCI_CONFIG;
	static const char manifest_type[] = S2C_MT_OCI_MANIFEST;
	CLEAN_FREE char *config_text = s2c_config_print(config);
	CLEAN_FREE char *manifest_text = NULL;
	struct s2c_descriptor desc = {0};

	if (check_counts(manifest, config, err) < 0)
		return -1;
	if (strlen(config_text) > S2C_CONFIG_MAX)
		return s2c_fail(err, S2C_ELIMIT, "config is larger than %u bytes",
			S2C_CONFIG_MAX);
	s2c_descriptor_release(&manifest->config);
	manifest->config = (struct s2c_descriptor){0};
	memcpy(manifest->config.media_type, config_type, sizeof(config_type));
	if (s2c_blob_put(store, config_text, strlen(config_text), &manifest->config,
		    err) < 0 ||
		s2c_store_check_blobs(store, manifest, err) < 0)
		return -1;
	manifest_text = s2c_manifest_print(manifest);
	if (strlen(manifest_text) > S2C_MANIFEST_MAX)
		return s2c_fail(err, S2C_ELIMIT, "manifest is larger than %u bytes",
			S2C_MANIFEST_MAX);
	memcpy(desc.media_type, manifest_type, sizeof(manifest_type));
	if (s2c_blob_put(store, manifest_text, strlen(manifest_text), &desc, err) < 0)
		return -1;
	*out = desc;
	return 0;
}

int s2c_image_put(struct s2c_store *store, struct s2c_manifest *manifest,
	const struct s2c_config *config, struct s2c_descriptor *out,
	struct s2c_error **err)
{
	if (put(store, manifest, config, out, err) < 0)
		return s2c_wrap(err, "cannot put the image together");
	return 0;
}
