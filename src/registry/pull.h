/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole images from a registry into the store. Moves nothing that is already there; names
 * nothing before all of it is verified. The phase and the name of the image in errors are
 * the caller's; PROGRESS comes under "pull" per blob.
 */
#ifndef S2C_REGISTRY_PULL_H
#define S2C_REGISTRY_PULL_H

#include "registry/registry.h"
#include "store/image.h"

/*
 * Fetches the image of `ref` for this host's platform: manifest, config, layer blobs. The
 * store's name `ref` points at it afterwards. *out describes the image manifest.
 */
S2C_CHECK int s2c_registry_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_registry_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err);

#endif
