/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees as this process needs them: layers of the store unpacked once and for all, in the
 * form (xattr names, owners) that its user namespace can use. What a tree is stands in
 * store/tree.h, how a layer becomes one in layer/unpack.h.
 */
#ifndef S2C_RUNTIME_TREES_H
#define S2C_RUNTIME_TREES_H

#include "runtime/userns.h"
#include "store/image.h"

struct s2c_trees {
	struct s2c_store *store;  /* borrowed */
	const char *xattr_prefix; /* static */
	bool single_id;
};

/*
 * For a store and the ids of this process; records the form in the store, or says
 * (S2C_EINVAL) that its trees have another one and what to do.
 */
S2C_CHECK int s2c_trees_open(struct s2c_store *store, const struct s2c_userns *userns,
	struct s2c_trees *out, struct s2c_error **err);

/* A layer and what it is to become. */
struct s2c_tree_layer {
	const struct s2c_descriptor *desc;
	const struct s2c_digest *diff_id;
	/* What the waits of its blob's reader end with, as in s2c_reader_ahead(); NULL:
	 * the reader never waits. */
	struct s2c_ctx *stop;
};

bool s2c_trees_has(const struct s2c_trees *trees, const struct s2c_digest *diff_id);

/*
 * Makes the tree of a layer from its blob's bytes; `blob` is owned in any case. Inflating
 * and unpacking overlap. A content that is not diff_id is S2C_EDIGEST and leaves nothing.
 * Several threads may do this at once for different layers, once the store has its
 * scratch directory.
 */
S2C_CHECK int s2c_trees_put(struct s2c_ctx *ctx, const struct s2c_trees *trees,
	const struct s2c_tree_layer *layer, struct s2c_reader *blob,
	struct s2c_error **err);

/* Makes those trees of an image that are missing, from the blobs of the store. */
S2C_CHECK int s2c_trees_require(struct s2c_ctx *ctx, const struct s2c_trees *trees,
	const struct s2c_image *image, struct s2c_error **err);

#endif
