/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From layers to trees.
 */
#include "runtime/trees.h"

#include "codec/progress.h"
#include "layer/unpack.h"
#include "store/blob.h"
#include "store/tree.h"

int s2c_trees_open(struct s2c_store *store, const struct s2c_userns *userns,
	struct s2c_trees *out, struct s2c_error **err)
{
	struct s2c_trees trees = {
		.store = store,
		.xattr_prefix = s2c_userns_overlay_prefix(userns),
		.single_id = userns->kind == S2C_USERNS_SINGLE,
	};
	struct s2c_tree_form form = {
		.xattr_prefix = trees.xattr_prefix,
		.single_id = trees.single_id,
	};

	if (s2c_tree_form_set(store, &form, err) < 0)
		return -1;
	*out = trees;
	return 0;
}

bool s2c_trees_has(const struct s2c_trees *trees, const struct s2c_digest *diff_id)
{
	return s2c_tree_exists(trees->store, diff_id);
}

int s2c_trees_put(struct s2c_ctx *ctx, const struct s2c_trees *trees,
	const struct s2c_tree_layer *layer, struct s2c_reader *blob,
	struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *owned = blob;
	CLEAN(s2c_clean_tree) struct s2c_tree *tree = NULL;
	const char *name = layer->desc->digest.str;
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "unpack", name);
	enum s2c_compression compression;
	struct s2c_digest found;
	struct s2c_unpack_opts opts = {
		.xattr_prefix = trees->xattr_prefix,
		.single_id = trees->single_id,
	};

	if (s2c_media_kind(layer->desc->media_type, &compression) != S2C_MEDIA_LAYER)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"cannot unpack a layer of type '%s'", layer->desc->media_type);
	if (s2c_tree_begin(trees->store, &tree, err) < 0)
		return -1;
	struct s2c_unpack_input input = {
		.tar = s2c_decompress(compression, TAKE(owned), true),
		.own = true,
		.stop = layer->stop};
	if (s2c_layer_unpack(ctx, input, s2c_tree_fd(tree), &opts, &found, err) < 0)
		return s2c_wrap(err, "layer '%s'", name);
	if (!s2c_digest_equal(&found, layer->diff_id))
		return s2c_fail(err, S2C_EDIGEST,
			"layer '%s': its content is '%s', the image's config says '%s'",
			name, found.str, layer->diff_id->str);
	return s2c_tree_commit(tree, layer->diff_id, err);
}

int s2c_trees_require(struct s2c_ctx *ctx, const struct s2c_trees *trees,
	const struct s2c_image *image, struct s2c_error **err)
{
	for (size_t i = 0; i < image->config->n_diff_ids; i++) {
		struct s2c_tree_layer layer = {
			.desc = &image->manifest->layers[i],
			.diff_id = &image->config->diff_ids[i],
		};
		struct s2c_progress told = {.phase = "unpack",
			.subject = layer.desc->digest.str,
			.total = layer.desc->size};
		struct s2c_reader *blob;

		if (s2c_trees_has(trees, layer.diff_id))
			continue;
		if (s2c_blob_open(trees->store, &layer.desc->digest, layer.desc->size,
			    &blob, err) < 0)
			return -1;
		blob = s2c_reader_progress(ctx, blob, true, &told);
		if (s2c_trees_put(ctx, trees, &layer, blob, err) < 0)
			return -1;
	}
	return 0;
}
