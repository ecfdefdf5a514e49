/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole images from the store to a registry. The phase and the name of the image in
 * errors are the caller's; PROGRESS comes under "push" per blob.
 */
#ifndef S2C_REGISTRY_PUSH_H
#define S2C_REGISTRY_PUSH_H

#include "registry/registry.h"
#include "store/image.h"

/*
 * Pushes an image of the store to `ref`: missing blobs (mounted from the repository they
 * are known to come from where possible), then the manifest by digest, then the tag.
 */
S2C_CHECK int s2c_registry_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err);

/* s2c_registry_check_push() where a push to `ref` would go. */
S2C_CHECK int s2c_registry_may_push(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err);

#endif
