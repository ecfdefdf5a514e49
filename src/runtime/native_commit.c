/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container that has stopped to an image: the upper directory becomes a layer, the
 * layer a blob, and manifest and config get one entry more.
 */
#include "runtime/native.h"

#include "codec/ahead.h"
#include "codec/guard.h"
#include "layer/diff.h"
#include "layer/settle.h"
#include "layer/writer.h"
#include "store/blob.h"
#include "store/tree.h"
#include "util/fs.h"

/* Paths to leave out, relative: the caller's, and what is only a mount point. */
static void plan_excludes(const struct s2c_native_container *c,
	const struct s2c_commit_opts *opts, struct s2c_strv *out)
{
	s2c_strv_add_all(out, &c->excludes);
	if (!opts->excludes)
		return;
	s2c_strv_foreach (path, opts->excludes)
		s2c_strv_add(out, path + strspn(path, "/"));
}

/* What the upper directory holds for the layer. */
struct changes {
	const struct s2c_native_container *c;
	int upper;
	struct s2c_strv excludes;
	struct s2c_diff_rest rest; /* once they were read */
};

static void changes_release(struct changes *changes)
{
	s2c_clean_fd(&changes->upper);
	s2c_strv_release(&changes->excludes);
	s2c_diff_rest_release(&changes->rest);
}

/* What changed, as entries. Caller frees *out before the changes. */
static int open_diff(struct s2c_ctx *ctx, struct changes *changes,
	const struct s2c_needles *forbidden, struct s2c_entries **out,
	struct s2c_error **err)
{
	const struct s2c_native_container *c = changes->c;
	struct s2c_diff_opts diff = {
		.lower_fds = c->overlay.lower_fds,
		.n_lowers = c->n_trees,
		.upper_fd = changes->upper,
		.xattr_prefix = s2c_userns_overlay_prefix(&c->native->userns),
		.excludes = &changes->excludes,
		.rest = &changes->rest,
		.owner = {.single_id = c->native->userns.kind == S2C_USERNS_SINGLE,
			.uid = c->uid,
			.gid = c->gid},
	};

	if (s2c_layer_diff(ctx, &diff, out, err) < 0)
		return -1;
	if (forbidden)
		*out = s2c_entries_guard(*out, forbidden);
	return 0;
}

/*
 * The layer on top of `before`, if all below it is the image that the container is of:
 * then most of it is likely to be what it was.
 */
static const struct s2c_descriptor *counterpart(
	const struct s2c_native_container *c, const struct s2c_commit_opts *opts)
{
	const struct s2c_manifest *is = c->manifest;
	const struct s2c_manifest *was = opts->before ? opts->before->manifest : NULL;
	enum s2c_compression compression;

	if (!was || was->n_layers != is->n_layers + 1)
		return NULL;
	for (size_t i = 0; i < is->n_layers; i++)
		if (!s2c_digest_equal(&is->layers[i].digest, &was->layers[i].digest))
			return NULL;
	const struct s2c_descriptor *top = &was->layers[is->n_layers];
	if (s2c_media_kind(top->media_type, &compression) != S2C_MEDIA_LAYER ||
		compression != opts->compression ||
		!s2c_blob_exists(c->native->store, &top->digest, top->size))
		return NULL;
	return top;
}

/* Whether it is the same layer, so that the blob which is there serves. */
static bool is_counterpart(const struct s2c_commit_opts *opts,
	const struct s2c_descriptor *there, const struct s2c_layer_result *layer)
{
	const struct s2c_config *was = there ? opts->before->config : NULL;

	/* Who asks for a level wants that one. */
	return was && !opts->level &&
	       s2c_digest_equal(&layer->diff_id, &was->diff_ids[was->n_diff_ids - 1]);
}

static int write_layer(struct s2c_ctx *ctx, struct changes *changes,
	const struct s2c_commit_opts *opts, struct s2c_layer_result *layer,
	struct s2c_error **err)
{
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "layer", NULL);
	const struct s2c_native_container *c = changes->c;
	const struct s2c_descriptor *there = counterpart(c, opts);
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_FD int earlier = -1;

	/* It may have been pruned since. */
	if (there && s2c_blob_file(c->native->store, there, &earlier, NULL) < 0)
		there = NULL;
	if (open_diff(ctx, changes, opts->forbidden, &entries, err) < 0 ||
		s2c_ingest_begin(c->native->store, &ingest, err) < 0)
		return -1;
	struct s2c_layer_opts how = {.compression = opts->compression,
		.level = opts->level,
		.newest = opts->newest,
		.earlier_fd = earlier};

	/* Reading is half of the work where files are small. */
	entries = s2c_entries_ahead(ctx, TAKE(entries), true);
	s2c_ingest_hashed_by_caller(ingest);
	if (s2c_layer_write(ctx, entries, &how, s2c_ingest_writer(ingest), layer, err) <
		0)
		return -1;
	/* Nothing changed: no blob, the image only gets a line of history. */
	if (layer->entries == 0)
		return 0;
	if (is_counterpart(opts, there, layer)) {
		phase.note = "reused";
		layer->digest = there->digest;
		layer->size = there->size;
		layer->media_type = there->media_type;
		return 0;
	}
	struct s2c_ingest_expect expect = {.digest = &layer->digest, .size = layer->size};
	return s2c_ingest_commit(ingest, &expect, NULL, NULL, err);
}

/*
 * The upper directory becomes the tree of its layer, which so need not be unpacked. Where
 * that cannot be, the next one who needs the tree makes it.
 */
static void keep_tree(struct s2c_ctx *ctx, struct s2c_native_container *c,
	struct changes *changes, const struct s2c_layer_result *layer)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	bool moved = false;

	/* The view has gone before the layer was made. */
	s2c_keeper_stop(&c->keeper);
	if (s2c_layer_settle(changes->upper, &changes->rest, &cause) < 0 ||
		s2c_tree_adopt(c->native->store, c->overlay.work_fd, S2C_OVERLAY_UPPER,
			&layer->diff_id, &moved, &cause) < 0)
		s2c_emit_log(ctx, S2C_DEBUG, "the tree of the new layer is not kept: %s",
			s2c_error_message(cause));
}

static bool keeps_tree(const struct s2c_native_container *c,
	const struct s2c_commit_opts *opts, const struct s2c_layer_result *layer)
{
	return opts->keep_tree && layer->entries > 0 && !opts->newest &&
	       c->native->userns.kind != S2C_USERNS_SINGLE &&
	       !s2c_tree_exists(c->native->store, &layer->diff_id);
}

static void add_layer(struct s2c_manifest *manifest, const struct s2c_layer_result *layer)
{
	struct s2c_descriptor *d;

	manifest->layers = xreallocarray(
		manifest->layers, manifest->n_layers + 1, sizeof(*manifest->layers));
	d = &manifest->layers[manifest->n_layers++];
	*d = (struct s2c_descriptor){.digest = layer->digest, .size = layer->size};
	memcpy(d->media_type, layer->media_type, strlen(layer->media_type) + 1);
}

static void annotate(struct s2c_manifest *manifest, const struct s2c_json *annotations)
{
	if (!annotations)
		return;
	if (!manifest->annotations)
		manifest->annotations = s2c_json_new_object();
	s2c_json_foreach (one, annotations)
		s2c_json_set_str(
			manifest->annotations, s2c_json_key(one), s2c_json_str(one));
}

int s2c_native_commit(struct s2c_ctx *ctx, struct s2c_container *container,
	const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
	struct s2c_error **err)
{
	struct s2c_native_container *c = s2c_native_container_of(container);
	CLEAN_MANIFEST struct s2c_manifest *manifest = s2c_manifest_copy(c->manifest);
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(opts->config);
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {.size = 0};
	CLEAN(changes_release) struct changes changes = {.c = c, .upper = -1};
	struct s2c_layer_result layer = {.entries = 0};
	struct s2c_history history = {
		.created = opts->created, .created_by = opts->created_by};

	/* Whoever ran is dead (native_run.c); a keeper that waits has run nobody. */
	s2c_overlay_drop_view(&c->overlay);
	if (manifest->n_layers >= S2C_LAYERS_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"the image has %d layers already and cannot get another",
			S2C_LAYERS_MAX);
	plan_excludes(c, opts, &changes.excludes);
	if (s2c_overlay_upper(&c->overlay, &changes.upper, err) < 0)
		return -1;
	if (write_layer(ctx, &changes, opts, &layer, err) < 0)
		return s2c_wrap(err, "making the layer");
	if (layer.entries > 0)
		add_layer(manifest, &layer);
	annotate(manifest, opts->annotations);
	s2c_config_add_layer(config, layer.entries ? &layer.diff_id : NULL, &history);
	if (s2c_image_put(c->native->store, manifest, config, &desc, err) < 0)
		return -1;
	if (keeps_tree(c, opts, &layer))
		keep_tree(ctx, c, &changes, &layer);
	*out = (struct s2c_commit_result){.id = manifest->config.digest,
		.layer_size = layer.entries ? layer.size : 0,
		.layer_entries = layer.entries};
	s2c_descriptor_copy(&out->desc, &desc);
	return 0;
}
