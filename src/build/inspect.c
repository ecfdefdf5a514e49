/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c inspect: an image in the shape of `docker inspect`, or its raw documents.
 */
#include <s2c/image.h>

#include "store/blob.h"
#include "store/image.h"

static int read_raw(struct s2c_store *store, const struct s2c_descriptor *desc,
	char **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);

	if (s2c_blob_read(store, &desc->digest, &text, err))
		return -1;
	*out = s2c_buf_take(&text);
	return 0;
}

/* All names of a manifest: with tags, and as name@digest. */
static int add_names(struct s2c_json *object, struct s2c_store *store,
	const struct s2c_digest *digest, struct s2c_error **err)
{
	struct s2c_json *tags = s2c_json_array_at(object, "RepoTags");
	struct s2c_json *digests = s2c_json_array_at(object, "RepoDigests");
	struct s2c_store_name *names = NULL;
	size_t n = 0;

	if (s2c_store_list(store, &names, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEAN_FREE char *pinned = NULL;
		char name[S2C_REFERENCE_MAX + 1];
		struct s2c_reference ref;
		struct s2c_error *ignored = NULL;

		if (!*names[i].name || !s2c_digest_equal(&names[i].desc.digest, digest))
			continue;
		s2c_json_add_str(tags, names[i].name);
		if (s2c_reference_parse(names[i].name, &ref, &ignored)) {
			s2c_error_free(ignored);
			continue;
		}
		s2c_reference_name(&ref, name);
		pinned = xasprintf("%s@%s", name, digest->str);
		s2c_json_add_str(digests, pinned);
	}
	s2c_store_names_free(names, n);
	return 0;
}

/* Top-level strings of the config that docker shows under another name. */
static void add_config(struct s2c_json *object, const struct s2c_image *image)
{
	static const struct {
		const char *from, *to;
	} fields[] = {
		{"created", "Created"},
		{"author", "Author"},
		{"architecture", "Architecture"},
		{"variant", "Variant"},
		{"os", "Os"},
	};
	const struct s2c_json *config = s2c_json_get(image->config->root, "config");

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *text = s2c_json_str(
			s2c_json_get(image->config->root, fields[i].from));

		if (text)
			s2c_json_set_str(object, fields[i].to, text);
	}
	s2c_json_set(
		object, "Config", config ? s2c_json_copy(config) : s2c_json_new_object());
}

static void add_layers(struct s2c_json *object, const struct s2c_image *image)
{
	struct s2c_json *rootfs = s2c_json_object_at(object, "RootFS");
	struct s2c_json *layers;
	uint64_t size = image->desc.size + image->manifest->config.size;

	s2c_json_set_str(rootfs, "Type", "layers");
	layers = s2c_json_array_at(rootfs, "Layers");
	for (size_t i = 0; i < image->manifest->n_layers; i++) {
		s2c_json_add_str(layers, image->config->diff_ids[i].str);
		size += image->manifest->layers[i].size;
	}
	s2c_json_set_int(object, "Size", (int64_t)size);
}

static int docker_shape(struct s2c_store *store, const struct s2c_image *image,
	char **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *array = s2c_json_new_array();
	struct s2c_json *object = s2c_json_new_object();

	s2c_json_add(array, object);
	s2c_json_set_str(object, "Id", s2c_image_id(image)->str);
	s2c_json_set_str(object, "Digest", image->desc.digest.str);
	if (add_names(object, store, &image->desc.digest, err))
		return -1;
	add_config(object, image);
	add_layers(object, image);
	*out = s2c_json_print(array, S2C_JSON_PRETTY);
	return 0;
}

int s2c_images_inspect(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	enum s2c_inspect_kind kind, char **out_json, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_IMAGE struct s2c_image *loaded = NULL;

	(void)ctx;
	if (s2c_store_find(store, image, &desc, NULL, err) ||
		s2c_image_load(store, &desc, &loaded, err))
		return -1;
	switch (kind) {
	case S2C_INSPECT_MANIFEST:
		return read_raw(store, &loaded->desc, out_json, err);
	case S2C_INSPECT_CONFIG:
		return read_raw(store, &loaded->manifest->config, out_json, err);
	case S2C_INSPECT_DOCKER:
		break;
	}
	return docker_shape(store, loaded, out_json, err);
}
