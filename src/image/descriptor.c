/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: what a media type is, which platform, and the {type, digest, size} triple
 * by which one document refers to another (image-spec descriptor.md, media-types.md).
 */
#include <inttypes.h>
#include <stdio.h>

#include "image/manifest.h"

/* --- media types ------------------------------------------------------------------ */

#define OCI_FOREIGN "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define DOCKER_FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar"
#define DOCKER_SCHEMA1 "application/vnd.docker.distribution.manifest.v1"

/* The Docker zstd layer is in no specification, but images with it exist. */
static const struct media {
	const char *type;
	enum s2c_media_kind kind;
	enum s2c_compression compression;
} media[] = {
	{S2C_MT_OCI_MANIFEST, S2C_MEDIA_MANIFEST, S2C_COMPRESS_NONE},
	{S2C_MT_OCI_INDEX, S2C_MEDIA_INDEX, S2C_COMPRESS_NONE},
	{S2C_MT_OCI_CONFIG, S2C_MEDIA_CONFIG, S2C_COMPRESS_NONE},
	{S2C_MT_OCI_LAYER, S2C_MEDIA_LAYER, S2C_COMPRESS_NONE},
	{S2C_MT_OCI_LAYER_GZIP, S2C_MEDIA_LAYER, S2C_COMPRESS_GZIP},
	{S2C_MT_OCI_LAYER_ZSTD, S2C_MEDIA_LAYER, S2C_COMPRESS_ZSTD},
	{S2C_MT_DOCKER_MANIFEST, S2C_MEDIA_MANIFEST, S2C_COMPRESS_NONE},
	{S2C_MT_DOCKER_LIST, S2C_MEDIA_INDEX, S2C_COMPRESS_NONE},
	{S2C_MT_DOCKER_CONFIG, S2C_MEDIA_CONFIG, S2C_COMPRESS_NONE},
	{S2C_MT_DOCKER_LAYER, S2C_MEDIA_LAYER, S2C_COMPRESS_NONE},
	{S2C_MT_DOCKER_LAYER_GZIP, S2C_MEDIA_LAYER, S2C_COMPRESS_GZIP},
	{S2C_MT_DOCKER_LAYER ".zstd", S2C_MEDIA_LAYER, S2C_COMPRESS_ZSTD},
	{OCI_FOREIGN, S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_NONE},
	{OCI_FOREIGN "+gzip", S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_GZIP},
	{OCI_FOREIGN "+zstd", S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_ZSTD},
	{DOCKER_FOREIGN, S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_NONE},
	{DOCKER_FOREIGN ".gzip", S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_GZIP},
	{DOCKER_SCHEMA1 "+json", S2C_MEDIA_SCHEMA1, S2C_COMPRESS_NONE},
	{DOCKER_SCHEMA1 "+prettyjws", S2C_MEDIA_SCHEMA1, S2C_COMPRESS_NONE},
};

enum s2c_media_kind s2c_media_kind(const char *media_type, enum s2c_compression *out)
{
	size_t len = strcspn(media_type, "; \t");

	for (size_t i = 0; i < ARRAY_SIZE(media); i++) {
		if (strlen(media[i].type) != len ||
			memcmp(media[i].type, media_type, len) != 0)
			continue;
		if (out)
			*out = media[i].compression;
		return media[i].kind;
	}
	return S2C_MEDIA_UNKNOWN;
}

const char *s2c_media_layer(enum s2c_compression compression)
{
	static const char *const types[] = {
		[S2C_COMPRESS_NONE] = S2C_MT_OCI_LAYER,
		[S2C_COMPRESS_GZIP] = S2C_MT_OCI_LAYER_GZIP,
		[S2C_COMPRESS_ZSTD] = S2C_MT_OCI_LAYER_ZSTD,
	};

	return types[compression];
}

/* A restricted name of RFC 6838 with its slash: safe to put into an HTTP header. */
static bool valid_media_type(const char *type)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789!#$&-^_.+/";
	size_t len = strlen(type);

	return len > 0 && len <= S2C_MEDIA_TYPE_MAX && strspn(type, allowed) == len;
}

/* --- platforms -------------------------------------------------------------------- */

void s2c_platform_host(struct s2c_platform *out)
{
#if defined(__x86_64__)
	*out = (struct s2c_platform){"linux", "amd64", ""};
#elif defined(__aarch64__)
	*out = (struct s2c_platform){"linux", "arm64", ""};
#elif defined(__arm__) && __ARM_ARCH >= 7
	*out = (struct s2c_platform){"linux", "arm", "v7"};
#elif defined(__arm__)
	*out = (struct s2c_platform){"linux", "arm", "v6"};
#elif defined(__i386__)
	*out = (struct s2c_platform){"linux", "386", ""};
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	*out = (struct s2c_platform){"linux", "ppc64le", ""};
#elif defined(__s390x__)
	*out = (struct s2c_platform){"linux", "s390x", ""};
#elif defined(__riscv) && __riscv_xlen == 64
	*out = (struct s2c_platform){"linux", "riscv64", ""};
#elif defined(__loongarch64)
	*out = (struct s2c_platform){"linux", "loong64", ""};
#else
#error "which GOARCH is this? add it here"
#endif
}

/* Copies `len` bytes of a platform's part, which is [a-z0-9_.-]+. */
static bool platform_part(const char *text, size_t len, char out[32])
{
	if (len == 0 || len > 31 ||
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.-") < len)
		return false;
	memcpy(out, text, len);
	return true;
}

int s2c_platform_parse(const char *text, struct s2c_platform *out, struct s2c_error **err)
{
	struct s2c_platform p = {0};
	char *const parts[] = {p.os, p.architecture, p.variant};
	const char *at = text;
	size_t n = 0;

	for (; n < ARRAY_SIZE(parts); n++) {
		size_t len = strcspn(at, "/");

		if (!platform_part(at, len, parts[n]))
			break;
		at += len;
		if (*at == '\0' && n > 0) {
			*out = p;
			return 0;
		}
		if (*at++ == '\0')
			break;
	}
	return s2c_fail(err, S2C_EINVAL,
		"platform '%.100s' must be OS/ARCHITECTURE[/VARIANT], as 'linux/amd64'",
		text);
}

/* A short string member of a platform object; missing is "". */
static int platform_member(const struct s2c_json *node, const char *key, char out[32],
	struct s2c_error **err)
{
	const char *value = "";
	size_t len;

	if (s2c_json_get_str(node, key, S2C_OPTIONAL, &value, err) < 0)
		return -1;
	len = strlen(value);
	if (len > 31)
		return s2c_fail(err, S2C_EPROTO, "'%s' of the platform is too long", key);
	memcpy(out, value, len + 1);
	return 0;
}

static int platform_from_json(
	const struct s2c_json *node, struct s2c_platform *out, struct s2c_error **err)
{
	static const char *const known[] = {"os", "architecture", "variant", NULL};
	struct s2c_platform p = {0};

	if (s2c_json_check_keys(node, known, err) < 0 ||
		platform_member(node, "os", p.os, err) < 0 ||
		platform_member(node, "architecture", p.architecture, err) < 0 ||
		platform_member(node, "variant", p.variant, err) < 0)
		return -1;
	*out = p;
	return 0;
}

static struct s2c_json *platform_to_json(const struct s2c_platform *p)
{
	struct s2c_json *node = s2c_json_new_object();

	s2c_json_set_str(node, "architecture", p->architecture);
	s2c_json_set_str(node, "os", p->os);
	if (p->variant[0])
		s2c_json_set_str(node, "variant", p->variant);
	return node;
}

/* --- descriptors ------------------------------------------------------------------ */

void s2c_descriptor_release(struct s2c_descriptor *desc)
{
	s2c_json_free(desc->annotations);
	s2c_json_free(desc->urls);
	*desc = (struct s2c_descriptor){0};
}

void s2c_descriptor_copy(struct s2c_descriptor *dst, const struct s2c_descriptor *src)
{
	*dst = *src;
	if (src->annotations)
		dst->annotations = s2c_json_copy(src->annotations);
	if (src->urls)
		dst->urls = s2c_json_copy(src->urls);
}

/* A digest out of a document: its grammar is the document's fault. */
static int digest_member(
	const struct s2c_json *node, struct s2c_digest *out, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *wrong = NULL;
	const char *text = NULL;

	if (s2c_json_get_str(node, "digest", S2C_REQUIRED, &text, err) < 0)
		return -1;
	if (s2c_digest_parse(text, out, &wrong) < 0)
		return s2c_fail(err, S2C_EPROTO, "%s", s2c_error_message(wrong));
	return 0;
}

static int size_member(const struct s2c_json *node, uint64_t *out, struct s2c_error **err)
{
	int64_t size = 0;

	if (s2c_json_get_int(node, "size", S2C_REQUIRED, &size, err) < 0)
		return -1;
	if (size < 0)
		return s2c_fail(err, S2C_EPROTO, "'size' is negative");
	if ((uint64_t)size > S2C_BLOB_SIZE_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"a size of %" PRId64 " bytes is more than %" PRIu64, size,
			(uint64_t)S2C_BLOB_SIZE_MAX);
	*out = (uint64_t)size;
	return 0;
}

/* Members that are carried along: copied after a look at their types. */
static int carried_members(
	const struct s2c_json *node, struct s2c_descriptor *desc, struct s2c_error **err)
{
	const struct s2c_json *annotations = NULL, *urls = NULL, *platform = NULL;

	if (s2c_json_get_object(node, "annotations", S2C_OPTIONAL, &annotations, err) <
			0 ||
		s2c_json_get_array(node, "urls", S2C_OPTIONAL, &urls, err) < 0 ||
		s2c_json_get_object(node, "platform", S2C_OPTIONAL, &platform, err) < 0)
		return -1;
	s2c_json_foreach (item, annotations)
		if (!s2c_json_is_string(item))
			return s2c_fail(err, S2C_EPROTO, "annotation '%s' is no string",
				s2c_json_key(item));
	s2c_json_foreach (item, urls)
		if (!s2c_json_is_string(item))
			return s2c_fail(
				err, S2C_EPROTO, "'urls' must be an array of strings");
	if (platform && platform_from_json(platform, &desc->platform, err) < 0)
		return -1;
	if (annotations)
		desc->annotations = s2c_json_copy(annotations);
	if (urls)
		desc->urls = s2c_json_copy(urls);
	return 0;
}

int s2c_descriptor_from_json(
	const struct s2c_json *node, struct s2c_descriptor *out, struct s2c_error **err)
{
	static const char *const known[] = {
		"mediaType", "digest", "size", "annotations", "urls", "platform", NULL};
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	const char *type = NULL;

	if (!s2c_json_is_object(node))
		return s2c_fail(err, S2C_EPROTO, "a descriptor must be an object");
	if (s2c_json_check_keys(node, known, err) < 0 ||
		s2c_json_get_str(node, "mediaType", S2C_REQUIRED, &type, err) < 0)
		return -1;
	if (!valid_media_type(type))
		return s2c_fail(err, S2C_EPROTO, "'%.100s' is no media type", type);
	memcpy(desc.media_type, type, strlen(type) + 1);
	if (digest_member(node, &desc.digest, err) < 0 ||
		size_member(node, &desc.size, err) < 0 ||
		carried_members(node, &desc, err) < 0)
		return -1;
	*out = desc;
	desc.annotations = desc.urls = NULL;
	return 0;
}

struct s2c_json *s2c_descriptor_to_json(const struct s2c_descriptor *desc)
{
	struct s2c_json *node = s2c_json_new_object();

	s2c_json_set_str(node, "mediaType", desc->media_type);
	s2c_json_set_str(node, "digest", desc->digest.str);
	s2c_json_set_int(node, "size", (int64_t)desc->size);
	if (desc->urls)
		s2c_json_set(node, "urls", s2c_json_copy(desc->urls));
	if (desc->annotations)
		s2c_json_set(node, "annotations", s2c_json_copy(desc->annotations));
	if (desc->platform.os[0] || desc->platform.architecture[0])
		s2c_json_set(node, "platform", platform_to_json(&desc->platform));
	return node;
}
