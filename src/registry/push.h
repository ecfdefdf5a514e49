/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole images from the store to a repository. The phase and the name of the image in
 * errors are the caller's; PROGRESS comes under "push" per blob.
 */
#ifndef S2C_REGISTRY_PUSH_H
#define S2C_REGISTRY_PUSH_H

#include "registry/parcel.h"
#include "registry/registry.h"
#include "store/known.h"

struct s2c_push {
	struct s2c_store *store;
	struct s2c_known *known;
	const struct s2c_document
		*document; /* manifest or index; the rest is in the store */
	/* What it is to be called: all of the first one's registry and repository. */
	const struct s2c_reference *names;
	size_t n_names;
	const char
		*came_from; /* a reference that has it too, perhaps; "" or NULL: none */
	const struct s2c_registry_opts *opts;
	uint64_t chunk_size; /* 0: blobs go in one piece where that works */
};

/*
 * Pushes: one HEAD for each name, and where that is not yet the very document, blobs that
 * are missing (mounted from where they are known to be, else uploaded; what the store has
 * not got comes out of another repository), documents by digest, then the tags. Blobs
 * move in parallel.
 */
S2C_CHECK int s2c_registry_push(
	struct s2c_ctx *ctx, const struct s2c_push *push, struct s2c_error **err);

/* s2c_registry_check_push() where a push to `ref` would go. */
S2C_CHECK int s2c_registry_may_push(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err);

#endif
