/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of the store for people: what the commands images, inspect, history, tag, rmi,
 * pull, push, import, save, load and prune do.
 */
#ifndef S2C_IMAGE_H
#define S2C_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <s2c/store.h>

struct s2c_image_info {
	char name[513]; /* full reference, or "" */
	char id[136];	/* config digest */
	char digest[136]; /* manifest digest */
	uint64_t size;	/* bytes of all blobs */
	char *created;	/* RFC 3339, or "" */
};
int s2c_images_list(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_image_info **out, size_t *out_n, struct s2c_error **err);
void s2c_images_free(struct s2c_image_info *images, size_t n);

enum s2c_inspect_kind { S2C_INSPECT_DOCKER, S2C_INSPECT_MANIFEST, S2C_INSPECT_CONFIG };
/* JSON text: `docker inspect` shape (an array of one), or the raw document. Caller frees. */
int s2c_images_inspect(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	enum s2c_inspect_kind kind, char **out_json, struct s2c_error **err);

struct s2c_history_row {
	char *created, *created_by, *comment;
	uint64_t size; /* of the layer blob; 0 for an empty layer */
	bool empty;
};
/* Newest first. */
int s2c_images_history(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	struct s2c_history_row **out, size_t *out_n, struct s2c_error **err);
void s2c_history_free(struct s2c_history_row *rows, size_t n);

int s2c_images_tag(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const char *new_name, struct s2c_error **err);
int s2c_images_remove(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	struct s2c_error **err);

/* How registries are reached. Strings are borrowed; NULL: the usual places. */
struct s2c_remote_options {
	bool tls_verify_off;  /* plain http and any certificate are fine, everywhere */
	const char *ca_file;  /* trusted besides all others */
	const char *cert_dir; /* certificates of this directory instead of certs.d */
	const char *authfile;
	const char *registries_conf;
	const char *const *registry_mirrors; /* "REGISTRY=MIRROR", NULL-terminated */
	unsigned tries;	  /* of each request, the first one too; 0: 4 */
	unsigned timeout; /* seconds for all of it; 0: no limit */
};
/* A name without registry is looked up in [aliases]. */
struct s2c_pull_options {
	struct s2c_remote_options remote;
	const char *platform; /* "linux/arm64"; NULL: this host's */
};
/* out_digest: S2C's manifest digest, 136 bytes. */
int s2c_images_pull(struct s2c_ctx *ctx, struct s2c_store *store, const char *ref,
	const struct s2c_pull_options *options, char *out_digest, struct s2c_error **err);

struct s2c_push_options {
	struct s2c_remote_options remote;
	const char *destination;  /* NULL: the image's own name, if it has a registry */
	/* More names, or tags of the first one's repository; NULL-terminated or NULL. */
	const char *const *tags;
	const char *chunk_size;	  /* "16m": upload blobs in pieces; NULL: when needed */
	/*
	 * Compress layers that are not ("gzip", "zstd:9"), or with force all of them;
	 * what is pushed is another manifest then. NULL: they stay as they are.
	 */
	const char *compression;
	bool force_compression;
	/*
	 * An image of a registry that this one is to refer to (its "subject"): it is
	 * pushed into that one's repository, without other names by its digest. NULL.
	 */
	const char *subject;
};
/*
 * Pushes `image` under all these names; what is there already is not sent again. An index
 * of which all images are in the store is pushed as it is. *out_pushed has a line
 * "registry/repository@digest" for each repository; caller frees.
 */
int s2c_images_push(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const struct s2c_push_options *options, char **out_pushed,
	struct s2c_error **err);

/*
 * What refers to an image of a registry: a JSON array of descriptors, with
 * `artifact_type` (may be NULL) only those of that type. Caller frees *out_json.
 */
int s2c_images_referrers(struct s2c_ctx *ctx, const char *image,
	const struct s2c_remote_options *options, const char *artifact_type,
	char **out_json, struct s2c_error **err);

/*
 * Makes a one-layer image of a root file system tar (plain, gzip, zstd; "-" is stdin_fd)
 * and applies Dockerfile-like changes (NULL-terminated, may be NULL). id: 136 bytes.
 * The layer is compressed as `compression` says ("gzip", "zstd:9"; NULL: gzip).
 */
struct s2c_import_options {
	const char *tar;
	const char *name;
	const char *const *changes;
	const char *compression;
	int stdin_fd;
};
int s2c_images_import(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_import_options *options, char *out_id, struct s2c_error **err);

int s2c_images_save(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const char *destination, struct s2c_error **err);
/* Names of what was loaded, newline separated; caller frees. */
int s2c_images_load(struct s2c_ctx *ctx, struct s2c_store *store, const char *source,
	char **out_names, struct s2c_error **err);

struct s2c_prune_options {
	bool dry_run, check, all; /* all: also images without a name */
	bool caches; /* also all caches of builds, however young */
};
struct s2c_prune_result {
	uint64_t blobs, trees, works, caches, bytes, damaged;
};
int s2c_images_prune(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_prune_options *options, struct s2c_prune_result *out,
	struct s2c_error **err);

#endif
