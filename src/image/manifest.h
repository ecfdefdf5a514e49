/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors, manifests and indexes of OCI image-spec 1.1 and Docker schema 2. Reading
 * is lenient where registries mix media types and strict where a document could mean two
 * things; writing is always OCI (or, for docker-archive, asked for).
 */
#ifndef S2C_IMAGE_MANIFEST_H
#define S2C_IMAGE_MANIFEST_H

#include "codec/compress.h"
#include "codec/digest.h"
#include "codec/json.h"

#define S2C_MANIFEST_MAX (4u * 1024 * 1024) /* bytes of a manifest or index */
#define S2C_LAYERS_MAX 127                  /* moby's limit, and overlay's */
#define S2C_INDEX_MANIFESTS_MAX 1000        /* descriptors in an index */
#define S2C_INDEX_DEPTH_MAX 3               /* nested indexes */
#define S2C_BLOB_SIZE_MAX (1ull << 40)      /* bytes of one blob */
#define S2C_MEDIA_TYPE_MAX 255

#define S2C_MT_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define S2C_MT_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define S2C_MT_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define S2C_MT_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define S2C_MT_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define S2C_MT_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define S2C_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define S2C_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define S2C_MT_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define S2C_MT_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define S2C_MT_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

enum s2c_media_kind {
	S2C_MEDIA_UNKNOWN,
	S2C_MEDIA_MANIFEST,
	S2C_MEDIA_INDEX,
	S2C_MEDIA_CONFIG,
	S2C_MEDIA_LAYER,         /* one we can unpack */
	S2C_MEDIA_FOREIGN_LAYER, /* nondistributable */
	S2C_MEDIA_SCHEMA1,       /* refused with its own sentence */
};

/*
 * What a media type is, and for layers how it is compressed (*out may be NULL).
 * Parameters behind ';' do not count.
 */
enum s2c_media_kind s2c_media_kind(const char *media_type, enum s2c_compression *out);

/* The OCI media type of a layer that is compressed like this; static string. */
const char *s2c_media_layer(enum s2c_compression compression);

struct s2c_platform {
	char os[32];
	char architecture[32];
	char variant[32];
};

/* The platform of this host ("linux", "amd64", ""). */
void s2c_platform_host(struct s2c_platform *out);
/* Parses "linux/amd64[/variant]". */
S2C_CHECK int s2c_platform_parse(
	const char *text, struct s2c_platform *out, struct s2c_error **err);

struct s2c_descriptor {
	char media_type[S2C_MEDIA_TYPE_MAX + 1];
	struct s2c_digest digest;
	uint64_t size;
	struct s2c_platform platform; /* of an index entry; "" when absent */
	struct s2c_json *annotations; /* object of strings or NULL; owned */
	struct s2c_json *urls; /* array of strings or NULL; of foreign layers; owned */
};
void s2c_descriptor_release(struct s2c_descriptor *desc);
/* Deep copy into memory that holds no descriptor yet. */
void s2c_descriptor_copy(struct s2c_descriptor *dst, const struct s2c_descriptor *src);
#define CLEAN_DESCRIPTOR CLEAN(s2c_descriptor_release)

/*
 * One descriptor object; validates digest grammar, size range, and length and characters
 * of the media type (it ends up in HTTP headers). S2C_EPROTO.
 */
S2C_CHECK int s2c_descriptor_from_json(
	const struct s2c_json *node, struct s2c_descriptor *out, struct s2c_error **err);
struct s2c_json *s2c_descriptor_to_json(const struct s2c_descriptor *desc);

struct s2c_manifest {
	char media_type[S2C_MEDIA_TYPE_MAX + 1];
	struct s2c_descriptor config;
	struct s2c_descriptor *layers; /* lowest first */
	size_t n_layers;
	struct s2c_json *annotations; /* object or NULL */
};

/*
 * Parses a manifest. `media_type` is what the transport or descriptor said ("" when it
 * said nothing); a mediaType field that differs, and documents with both "layers" and
 * "manifests", are S2C_EPROTO (CVE-2021-41190). Types that say nothing about an image, as
 * "application/json", count as "". Schema 1 is S2C_EUNSUPPORTED, more than S2C_LAYERS_MAX
 * layers are S2C_ELIMIT, no layers at all S2C_EPROTO.
 */
S2C_CHECK int s2c_manifest_parse(const char *text, size_t len, const char *media_type,
	struct s2c_manifest **out, struct s2c_error **err);
void s2c_manifest_free(struct s2c_manifest *manifest);
S2C_DEFINE_CLEAN(manifest, struct s2c_manifest *, s2c_manifest_free)
#define CLEAN_MANIFEST CLEAN(s2c_clean_manifest)

/* Deep copy. */
struct s2c_manifest *s2c_manifest_copy(const struct s2c_manifest *manifest);

/*
 * The bytes of an OCI manifest; layer and config media types are normalised to OCI ones.
 * Caller frees; the digest is that of these bytes.
 */
char *s2c_manifest_print(const struct s2c_manifest *manifest);

struct s2c_index {
	char media_type[S2C_MEDIA_TYPE_MAX + 1];
	struct s2c_descriptor *manifests;
	size_t n_manifests;
	struct s2c_json *annotations;
};
/* The same rules; an index may be empty. */
S2C_CHECK int s2c_index_parse(const char *text, size_t len, const char *media_type,
	struct s2c_index **out, struct s2c_error **err);
void s2c_index_free(struct s2c_index *index);
S2C_DEFINE_CLEAN(index, struct s2c_index *, s2c_index_free)
#define CLEAN_INDEX CLEAN(s2c_clean_index)
/* The bytes of an OCI index; the types of its entries stay. Caller frees. */
char *s2c_index_print(const struct s2c_index *index);

/*
 * The entry for a platform: os and architecture must match, an equal variant is
 * preferred, then none, then the lowest; "unknown/unknown" (attestations) is skipped.
 * NULL when there is none. arm64/v8 is arm64. Borrowed from the index.
 */
const struct s2c_descriptor *s2c_index_choose(
	const struct s2c_index *index, const struct s2c_platform *platform);

#endif
