/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull and push as phases of their own, with the reference in front of what goes wrong:
 * the one way in which this room moves images.
 */
#ifndef S2C_BUILD_REMOTE_H
#define S2C_BUILD_REMOTE_H

#include <s2c/image.h>

#include "registry/pull.h"
#include "registry/push.h"

/* "registry/repository@sha256:..." + NUL */
#define S2C_PUSHED_TEXT 650

/* What a user said, for the registry room. Strings stay the user's. */
struct s2c_registry_opts s2c_remote_opts(const struct s2c_remote_options *options);

/* s2c_registry_pull() in phase "pull", with the layers unpacked as the native runtime
 * needs them; opts->sink is not looked at. */
S2C_CHECK int s2c_remote_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_pull_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err);

struct s2c_remote_push {
	const struct s2c_descriptor *desc; /* of a manifest or index in the store */
	const char *came_from;             /* see struct s2c_push */
	/* All with a registry, at least one; with neither tag nor digest: by its digest.
	 */
	const struct s2c_reference *names;
	size_t n_names;
	const struct s2c_registry_opts *registry;
	/* As people write them: */
	const char *chunk_size;  /* NULL: no pieces */
	const char *compression; /* of layers that have none; NULL: as they are */
	bool force_compression;  /* of all layers */
	/* A manifest in the repository of the names that it is to refer to; NULL. */
	const struct s2c_descriptor *subject;
};

/*
 * Checks what can be checked before there is an image: S2C_EINVAL for a chunk size or a
 * compression that is none.
 */
S2C_CHECK int s2c_remote_push_check(
	const struct s2c_remote_push *push, struct s2c_error **err);

/*
 * s2c_registry_push() for each repository among the names, in order, as phases "push".
 * What one got may be mounted by the next. Appends "registry/repository@digest" of each
 * to `pushed`.
 */
S2C_CHECK int s2c_remote_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_remote_push *push, struct s2c_strv *pushed,
	struct s2c_error **err);

/* A reference that names a registry; S2C_EINVAL says how. */
S2C_CHECK int s2c_remote_parse(
	const char *text, struct s2c_reference *ref, struct s2c_error **err);

/* True for two names of one repository. */
bool s2c_remote_same(const struct s2c_reference *a, const struct s2c_reference *b);

/* What was pushed as lines without a newline at the end; caller frees. */
char *s2c_remote_lines(const struct s2c_strv *pushed);

#endif
