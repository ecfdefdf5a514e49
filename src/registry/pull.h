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

/* A layer on its way. */
struct s2c_layer {
	const struct s2c_descriptor *desc;
	const struct s2c_digest *diff_id; /* of its content when inflated */
	struct s2c_ctx *stop;             /* ends waiting for its bytes */
};

/*
 * Where layers go besides the store, while they arrive. Called from several threads at
 * once, each for a layer of its own; ctx is fit for that.
 */
struct s2c_layer_sink {
	/* True if the layer is there already. */
	bool (*has)(void *self, const struct s2c_digest *diff_id);
	/*
	 * Takes a layer: `blob` (owned in any case) gives the bytes of desc's blob and
	 * verifies them by its end, to which it must be read. It waits for bytes to come
	 * until `stop` is cancelled, which the sink may do when it wants no more. A
	 * content that is not diff_id is S2C_EDIGEST; nothing may be visible after a
	 * failure.
	 */
	int (*put)(void *self, struct s2c_ctx *ctx, const struct s2c_layer *layer,
		struct s2c_reader *blob, struct s2c_error **err);
	void *self;
};

struct s2c_pull_opts {
	const struct s2c_registry_opts *registry; /* NULL: defaults */
	const struct s2c_layer_sink *sink;        /* NULL: the store alone */
	/* Which of an index; an image for another one is refused. NULL: this host's, with
	 * a warning if an image that is not of an index is for another one. */
	const struct s2c_platform *platform;
};

/*
 * Fetches the image of `ref`: manifest, config, layer blobs. The
 * store's name `ref` points at it afterwards. *out describes the image manifest.
 */
S2C_CHECK int s2c_registry_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_pull_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err);

/*
 * Manifest and config of `ref` alone: what an image says of itself, without its layers.
 * Names nothing. opts->sink is not looked at. *out has no name.
 */
S2C_CHECK int s2c_registry_describe(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_pull_opts *opts,
	struct s2c_image **out, struct s2c_error **err);

#endif
