/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.json of docker archives, read strictly and written plainly.
 */
#include "store/docker_manifest.h"

#include <stdbool.h>

#include <s2c/reference.h>

#include "codec/entry.h"
#include "codec/json.h"
#include "image/manifest.h"

static void image_release(struct s2c_docker_image *image)
{
	free(image->config);
	s2c_strv_release(&image->layers);
	s2c_strv_release(&image->tags);
}

void s2c_docker_images_free(struct s2c_docker_image *images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		image_release(&images[i]);
	free(images);
}

static int parse_tags(const struct s2c_json *node, struct s2c_docker_image *image,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv tags = S2C_STRV_INIT;

	if (s2c_json_get_strv(node, "RepoTags", S2C_OPTIONAL, &tags, err) < 0)
		return -1;
	if (tags.len > S2C_DOCKER_TAGS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d names", S2C_DOCKER_TAGS_MAX);
	s2c_strv_foreach (tag, &tags) {
		char full[S2C_REFERENCE_MAX + 1];
		struct s2c_reference ref;

		if (s2c_reference_parse(tag, &ref, err) < 0)
			return s2c_wrap(err, "'RepoTags'");
		s2c_reference_format(&ref, full);
		if (s2c_strv_find(&image->tags, full) < 0)
			s2c_strv_add(&image->tags, full);
	}
	return 0;
}

static int parse_image(const struct s2c_json *node, struct s2c_docker_image *image,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv layers = S2C_STRV_INIT;
	const char *config = NULL;

	if (!s2c_json_is_object(node))
		return s2c_fail(err, S2C_EPROTO, "not a JSON object");
	if (s2c_json_get_str(node, "Config", S2C_REQUIRED, &config, err) < 0 ||
		s2c_json_get_strv(node, "Layers", S2C_OPTIONAL, &layers, err) < 0)
		return -1;
	if (s2c_entry_normalize_path(config, false, &image->config, err) < 0)
		return s2c_wrap(err, "'Config'");
	if (layers.len > S2C_LAYERS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d layers", S2C_LAYERS_MAX);
	s2c_strv_foreach (layer, &layers) {
		char *path = NULL;

		if (s2c_entry_normalize_path(layer, false, &path, err) < 0)
			return s2c_wrap(err, "'Layers'");
		s2c_strv_add_take(&image->layers, path);
	}
	return parse_tags(node, image, err);
}

struct images {
	struct s2c_docker_image *items;
	size_t n;
};

static void images_release(struct images *images)
{
	s2c_docker_images_free(images->items, images->n);
}

int s2c_docker_manifest_parse(const char *text, size_t len, struct s2c_docker_image **out,
	size_t *out_n, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN(images_release) struct images images = {0};
	struct s2c_json_limits limits = {.bytes = S2C_DOCKER_MANIFEST_MAX};

	if (s2c_json_parse(text, len, limits, &root, err) < 0)
		return -1;
	if (!s2c_json_is_array(root))
		return s2c_fail(err, S2C_EPROTO, "not a JSON array");
	if (s2c_json_len(root) > S2C_DOCKER_IMAGES_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d images", S2C_DOCKER_IMAGES_MAX);
	images.items = xcalloc(s2c_json_len(root), sizeof(*images.items));
	s2c_json_foreach (node, root) {
		size_t i = images.n++;

		if (parse_image(node, &images.items[i], err) < 0)
			return s2c_wrap(err, "image %zu", i);
	}
	*out_n = images.n;
	*out = TAKE(images.items);
	images.n = 0;
	return 0;
}

char *s2c_docker_manifest_print(const struct s2c_docker_image *image)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_array();
	struct s2c_json *node = s2c_json_new_object();

	s2c_json_set_str(node, "Config", image->config);
	s2c_json_set_strv(node, "RepoTags", &image->tags);
	s2c_json_set_strv(node, "Layers", &image->layers);
	s2c_json_add(root, node);
	return s2c_json_print(root, S2C_JSON_COMPACT);
}

int s2c_docker_link_target(
	const char *path, const char *target, char **out, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *joined = slash ? xasprintf("%.*s/%s", (int)(slash - path), path,
						  target)
					: xstrdup(target);
	CLEAN_FREE char *clean = xmalloc(strlen(joined) + 1);
	size_t len = 0;

	if (target[0] == '/')
		return s2c_fail(
			err, S2C_EPROTO, "link '%s' leads out of the archive", path);
	for (const char *p = joined; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len == 0)
				return s2c_fail(err, S2C_EPROTO,
					"link '%s' leads out of the archive", path);
			while (len > 0 && clean[len - 1] != '/')
				len--;
			len -= len > 0;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len > 0)
				clean[len++] = '/';
			memcpy(clean + len, p, n);
			len += n;
		}
		p += n + (p[n] == '/');
	}
	clean[len] = '\0';
	*out = TAKE(clean);
	return 0;
}
