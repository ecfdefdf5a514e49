/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole images between a registry and the store: pull and push. Moves nothing that is
 * already there; names nothing before all of it is verified. Phases and the name of the
 * image in errors are the caller's; PROGRESS comes under "pull" and "push" per blob.
 */
#ifndef S2C_REGISTRY_TRANSFER_H
#define S2C_REGISTRY_TRANSFER_H

#include "registry/registry.h"
#include "store/image.h"

/*
 * Fetches the image of `ref` for this host's platform: manifest, config, layer blobs. The
 * store's name `ref` points at it afterwards. *out describes the image manifest.
 */
S2C_CHECK int s2c_transfer_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_registry_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err);

/*
 * Pushes an image of the store to `ref`: missing blobs (mounted from the repository they
 * are known to come from where possible), then the manifest by digest, then the tag.
 */
S2C_CHECK int s2c_transfer_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err);

#endif
