/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes. A document is one or the other, and must say so in one way only:
 * its fields, its mediaType and what the transport called it (CVE-2021-41190). The bytes
 * that were parsed are what digests are about, so nothing here prints what it parsed.
 */
#include "image/manifest.h"

#include <stdio.h>

/* --- what both have ---------------------------------------------------------------- */

/* Names that transports use when they do not know what they carry. */
static bool says_nothing(const char *media_type)
{
	static const char *const generic[] = {
		"", "application/json", "application/octet-stream", "text/plain"};
	size_t len = strcspn(media_type, "; \t");

	for (size_t i = 0; i < ARRAY_SIZE(generic); i++)
		if (strlen(generic[i]) == len && memcmp(generic[i], media_type, len) == 0)
			return true;
	return false;
}

static bool is_schema1(const struct s2c_json *root)
{
	const char *version = s2c_json_number(s2c_json_get(root, "schemaVersion"));

	return (version && streq(version, "1")) || s2c_json_get(root, "fsLayers");
}

static int fail_schema1(struct s2c_error **err)
{
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"a manifest of Docker schema 1: push the image again with a current "
		"tool");
}

/*
 * The type of the document: its mediaType field, which must agree with `said`, else
 * `said`, else `fallback`.
 */
static int agree_on_type(const struct s2c_json *root, const char *said,
	const char *fallback, const char **out, struct s2c_error **err)
{
	size_t said_len = strcspn(said, "; \t");
	const char *field = NULL;

	if (s2c_json_get_str(root, "mediaType", S2C_OPTIONAL, &field, err) < 0)
		return -1;
	if (field && !*field)
		field = NULL;
	if (field && !says_nothing(said) &&
		(strlen(field) != said_len || memcmp(field, said, said_len) != 0))
		return s2c_fail(err, S2C_EPROTO,
			"the document calls itself '%.100s' and came as '%.100s'", field,
			said);
	*out = field ? field : says_nothing(said) ? fallback : said;
	return 0;
}

struct shape {
	enum s2c_media_kind kind;
	const char *name, *fallback;
	const char *own, *foreign; /* the list it has, and the one of the other shape */
};

static const struct shape manifest_shape = {
	S2C_MEDIA_MANIFEST, "a manifest", S2C_MT_OCI_MANIFEST, "layers", "manifests"};
static const struct shape index_shape = {
	S2C_MEDIA_INDEX, "an index", S2C_MT_OCI_INDEX, "manifests", "layers"};

/* Parses the JSON and checks that the document has one shape, the wanted one. */
static int parse_document(const char *text, size_t len, const char *said,
	const struct shape *shape, struct s2c_json **out, struct s2c_error **err)
{
	static const char *const known[] = {"schemaVersion", "mediaType", "config",
		"layers", "manifests", "annotations", "fsLayers", NULL};
	struct s2c_json_limits limits = {.bytes = S2C_MANIFEST_MAX, .mixed_case = true};
	CLEAN_JSON struct s2c_json *root = NULL;
	const char *type = NULL;
	int64_t version = 0;

	if (s2c_media_kind(said, NULL) == S2C_MEDIA_SCHEMA1)
		return fail_schema1(err);
	if (s2c_json_parse(text, len, limits, &root, err) < 0)
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EPROTO, "%s must be a JSON object", shape->name);
	if (s2c_json_check_keys(root, known, err) < 0)
		return -1;
	if (s2c_json_get(root, "layers") && s2c_json_get(root, "manifests"))
		return s2c_fail(err, S2C_EPROTO,
			"the document has both 'layers' and 'manifests'");
	if (is_schema1(root))
		return fail_schema1(err);
	if (s2c_json_get_int(root, "schemaVersion", S2C_REQUIRED, &version, err) < 0 ||
		agree_on_type(root, said, shape->fallback, &type, err) < 0)
		return -1;
	if (version != 2)
		return s2c_fail(err, S2C_EPROTO, "'schemaVersion' must be 2");
	if (s2c_media_kind(type, NULL) != shape->kind ||
		s2c_json_get(root, shape->foreign))
		return s2c_fail(err, S2C_EPROTO, "'%.100s' where %s was expected",
			s2c_json_get(root, shape->foreign) ? shape->foreign : type,
			shape->name);
	s2c_json_set_str(root, "mediaType", type);
	*out = TAKE(root);
	return 0;
}

/* All descriptors of a list; `what` names one of them in errors. */
static int parse_list(const struct s2c_json *list, const char *what,
	struct s2c_descriptor *out, size_t *n, struct s2c_error **err)
{
	s2c_json_foreach (item, list) {
		if (s2c_descriptor_from_json(item, &out[*n], err) < 0)
			return s2c_wrap(err, "%s %zu", what, *n + 1);
		(*n)++;
	}
	return 0;
}

static int parse_annotations(
	const struct s2c_json *root, struct s2c_json **out, struct s2c_error **err)
{
	const struct s2c_json *annotations = NULL;

	if (s2c_json_get_object(root, "annotations", S2C_OPTIONAL, &annotations, err) < 0)
		return -1;
	s2c_json_foreach (item, annotations)
		if (!s2c_json_is_string(item))
			return s2c_fail(err, S2C_EPROTO, "annotation '%s' is no string",
				s2c_json_key(item));
	if (annotations)
		*out = s2c_json_copy(annotations);
	return 0;
}

static void copy_type(char out[S2C_MEDIA_TYPE_MAX + 1], const struct s2c_json *root)
{
	const char *type = s2c_json_str(s2c_json_get(root, "mediaType"));
	size_t len = strcspn(type, "; \t");

	memcpy(out, type, len);
	out[len] = '\0';
}

static void free_list(struct s2c_descriptor *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s2c_descriptor_release(&list[i]);
	free(list);
}

static char *print_document(struct s2c_json *root, const struct s2c_json *annotations)
{
	char *text;

	if (annotations)
		s2c_json_set(root, "annotations", s2c_json_copy(annotations));
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	s2c_json_free(root);
	return text;
}

/* --- manifests --------------------------------------------------------------------- */

int s2c_manifest_parse(const char *text, size_t len, const char *media_type,
	struct s2c_manifest **out, struct s2c_error **err)
{
	CLEAN_MANIFEST struct s2c_manifest *manifest = xcalloc(1, sizeof(*manifest));
	const struct s2c_json *layers = NULL, *config = NULL;
	CLEAN_JSON struct s2c_json *root = NULL;
	size_t n;

	if (parse_document(text, len, media_type, &manifest_shape, &root, err) < 0)
		return -1;
	copy_type(manifest->media_type, root);
	if (s2c_json_get_object(root, "config", S2C_REQUIRED, &config, err) < 0 ||
		s2c_json_get_array(root, "layers", S2C_REQUIRED, &layers, err) < 0)
		return -1;
	if (s2c_descriptor_from_json(config, &manifest->config, err) < 0)
		return s2c_wrap(err, "config");
	n = s2c_json_len(layers);
	if (n == 0)
		return s2c_fail(err, S2C_EPROTO, "the manifest has no layers");
	if (n > S2C_LAYERS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%zu layers are more than %d", n,
			S2C_LAYERS_MAX);
	manifest->layers = xcalloc(n, sizeof(*manifest->layers));
	if (parse_list(layers, "layer", manifest->layers, &manifest->n_layers, err) < 0 ||
		parse_annotations(root, &manifest->annotations, err) < 0)
		return -1;
	*out = TAKE(manifest);
	return 0;
}

void s2c_manifest_free(struct s2c_manifest *manifest)
{
	if (!manifest)
		return;
	s2c_descriptor_release(&manifest->config);
	free_list(manifest->layers, manifest->n_layers);
	s2c_json_free(manifest->annotations);
	free(manifest);
}

struct s2c_manifest *s2c_manifest_copy(const struct s2c_manifest *manifest)
{
	struct s2c_manifest *copy = xmalloc(sizeof(*copy));

	*copy = *manifest;
	s2c_descriptor_copy(&copy->config, &manifest->config);
	copy->layers = xcalloc(manifest->n_layers, sizeof(*copy->layers));
	for (size_t i = 0; i < manifest->n_layers; i++)
		s2c_descriptor_copy(&copy->layers[i], &manifest->layers[i]);
	if (manifest->annotations)
		copy->annotations = s2c_json_copy(manifest->annotations);
	return copy;
}

/* The OCI name of a config's or a layer's media type; an unknown one stays. */
static const char *oci_type(const char *media_type)
{
	static const char *const foreign[] = {
		[S2C_COMPRESS_NONE] =
			"application/vnd.oci.image.layer.nondistributable.v1.tar",
		[S2C_COMPRESS_GZIP] =
			"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		[S2C_COMPRESS_ZSTD] =
			"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	};
	enum s2c_compression compression = S2C_COMPRESS_NONE;
	enum s2c_media_kind kind = s2c_media_kind(media_type, &compression);

	if (kind == S2C_MEDIA_LAYER)
		return s2c_media_layer(compression);
	if (kind == S2C_MEDIA_FOREIGN_LAYER)
		return foreign[compression];
	return kind == S2C_MEDIA_CONFIG ? S2C_MT_OCI_CONFIG : media_type;
}

static struct s2c_json *oci_descriptor(const struct s2c_descriptor *desc)
{
	struct s2c_json *node = s2c_descriptor_to_json(desc);

	s2c_json_set_str(node, "mediaType", oci_type(desc->media_type));
	return node;
}

char *s2c_manifest_print(const struct s2c_manifest *manifest)
{
	struct s2c_json *root = s2c_json_new_object(), *layers;

	s2c_json_set_int(root, "schemaVersion", 2);
	s2c_json_set_str(root, "mediaType", S2C_MT_OCI_MANIFEST);
	s2c_json_set(root, "config", oci_descriptor(&manifest->config));
	layers = s2c_json_array_at(root, "layers");
	for (size_t i = 0; i < manifest->n_layers; i++)
		s2c_json_add(layers, oci_descriptor(&manifest->layers[i]));
	return print_document(root, manifest->annotations);
}

/* --- indexes ----------------------------------------------------------------------- */

int s2c_index_parse(const char *text, size_t len, const char *media_type,
	struct s2c_index **out, struct s2c_error **err)
{
	CLEAN_INDEX struct s2c_index *index = xcalloc(1, sizeof(*index));
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *list = NULL;
	size_t n;

	if (parse_document(text, len, media_type, &index_shape, &root, err) < 0)
		return -1;
	copy_type(index->media_type, root);
	/* Go programs write an empty list as null. */
	if (!s2c_json_is_null(s2c_json_get(root, "manifests")) &&
		s2c_json_get_array(root, "manifests", S2C_REQUIRED, &list, err) < 0)
		return -1;
	n = s2c_json_len(list);
	if (n > S2C_INDEX_MANIFESTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%zu manifests are more than %d", n,
			S2C_INDEX_MANIFESTS_MAX);
	index->manifests = xcalloc(n, sizeof(*index->manifests));
	if (parse_list(list, "manifest", index->manifests, &index->n_manifests, err) <
			0 ||
		parse_annotations(root, &index->annotations, err) < 0)
		return -1;
	*out = TAKE(index);
	return 0;
}

void s2c_index_free(struct s2c_index *index)
{
	if (!index)
		return;
	free_list(index->manifests, index->n_manifests);
	s2c_json_free(index->annotations);
	free(index);
}

char *s2c_index_print(const struct s2c_index *index)
{
	struct s2c_json *root = s2c_json_new_object(), *list;

	s2c_json_set_int(root, "schemaVersion", 2);
	s2c_json_set_str(root, "mediaType", S2C_MT_OCI_INDEX);
	list = s2c_json_array_at(root, "manifests");
	for (size_t i = 0; i < index->n_manifests; i++)
		s2c_json_add(list, s2c_descriptor_to_json(&index->manifests[i]));
	return print_document(root, index->annotations);
}

/* 64-bit ARM has one variant that everybody means, written or not. */
static const char *variant_of(const struct s2c_platform *p)
{
	return streq(p->architecture, "arm64") && streq(p->variant, "v8") ? ""
									  : p->variant;
}

/* True if variant `a` suits somebody who asked for `wanted` better than `b`. */
static bool better_variant(const char *a, const char *b, const char *wanted)
{
	if (streq(a, wanted) || streq(b, wanted))
		return !streq(b, wanted);
	return strcmp(a, b) < 0; /* "" is the lowest */
}

const struct s2c_descriptor *s2c_index_choose(
	const struct s2c_index *index, const struct s2c_platform *platform)
{
	const char *wanted = variant_of(platform);
	const struct s2c_descriptor *best = NULL;

	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct s2c_descriptor *entry = &index->manifests[i];
		enum s2c_media_kind kind = s2c_media_kind(entry->media_type, NULL);

		if (kind != S2C_MEDIA_MANIFEST && kind != S2C_MEDIA_INDEX)
			continue;
		if (!entry->platform.os[0] || streq(entry->platform.os, "unknown") ||
			!streq(entry->platform.os, platform->os) ||
			!streq(entry->platform.architecture, platform->architecture))
			continue;
		if (!best || better_variant(variant_of(&entry->platform),
				     variant_of(&best->platform), wanted))
			best = entry;
	}
	return best;
}
