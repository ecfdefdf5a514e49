/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container that has stopped to an image: the upper directory becomes a layer, the
 * layer a blob, and manifest and config get one entry more.
 */
#include "runtime/native.h"

#include "codec/guard.h"
#include "layer/diff.h"
#include "layer/writer.h"
#include "store/blob.h"
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
};

static void changes_release(struct changes *changes)
{
	s2c_clean_fd(&changes->upper);
	s2c_strv_release(&changes->excludes);
}

/* What changed, as entries. Caller frees *out before the changes. */
static int open_diff(struct s2c_ctx *ctx, const struct changes *changes,
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

/* The layer on top of `before`, if all below it is the image that the container is of. */
static const struct s2c_descriptor *candidate(
	const struct s2c_native_container *c, const struct s2c_commit_opts *opts)
{
	const struct s2c_manifest *is = c->manifest;
	const struct s2c_manifest *was = opts->before ? opts->before->manifest : NULL;
	enum s2c_compression compression;

	/* Who asks for a level wants that one. */
	if (!was || was->n_layers != is->n_layers + 1 || opts->level)
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

/*
 * Hashes what the layer would be. Hashing takes a tenth of the time of compressing: where
 * nothing is likely to have changed it pays to look.
 */
static int is_the_same(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_commit_opts *opts, struct s2c_layer_result *out,
	struct s2c_error **err)
{
	const struct s2c_config *was = opts->before->config;
	struct s2c_layer_opts how = {.newest = opts->newest};

	if (s2c_layer_hash(ctx, entries, &how, out, err) < 0)
		return -1;
	return out->entries > 0 &&
	       s2c_digest_equal(&out->diff_id, &was->diff_ids[was->n_diff_ids - 1]);
}

static int write_layer(struct s2c_ctx *ctx, struct s2c_native_container *c,
	const struct s2c_commit_opts *opts, struct s2c_layer_result *layer,
	struct s2c_error **err)
{
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "layer", NULL);
	const struct s2c_descriptor *there = candidate(c, opts);
	CLEAN(changes_release) struct changes changes = {.c = c, .upper = -1};
	CLEAN_ENTRIES struct s2c_entries *look = NULL, *entries = NULL;
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	struct s2c_layer_opts how = {.compression = opts->compression,
		.level = opts->level,
		.newest = opts->newest};

	plan_excludes(c, opts, &changes.excludes);
	if (s2c_overlay_upper(&c->overlay, &changes.upper, err) < 0)
		return -1;
	if (there) {
		if (open_diff(ctx, &changes, opts->forbidden, &look, err) < 0)
			return -1;
		int same = is_the_same(ctx, look, opts, layer, err);
		if (same > 0) {
			phase.note = "reused";
			layer->digest = there->digest;
			layer->size = there->size;
			layer->media_type = there->media_type;
		}
		if (same)
			return same < 0 ? -1 : 0;
	}
	if (open_diff(ctx, &changes, opts->forbidden, &entries, err) < 0 ||
		s2c_ingest_begin(c->native->store, &ingest, err) < 0)
		return -1;
	s2c_ingest_hashed_by_caller(ingest);
	if (s2c_layer_write(ctx, entries, &how, s2c_ingest_writer(ingest), layer, err) <
		0)
		return -1;
	/* Nothing changed: no blob, the image only gets a line of history. */
	if (layer->entries == 0)
		return 0;
	struct s2c_ingest_expect expect = {.digest = &layer->digest, .size = layer->size};
	return s2c_ingest_commit(ingest, &expect, NULL, NULL, err);
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
	struct s2c_layer_result layer = {.entries = 0};
	struct s2c_history history = {
		.created = opts->created, .created_by = opts->created_by};

	/* Whoever ran is dead (native_run.c); a keeper that waits has run nobody. */
	s2c_overlay_drop_view(&c->overlay);
	if (manifest->n_layers >= S2C_LAYERS_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"the image has %d layers already and cannot get another",
			S2C_LAYERS_MAX);
	if (write_layer(ctx, c, opts, &layer, err) < 0)
		return s2c_wrap(err, "making the layer");
	if (layer.entries > 0)
		add_layer(manifest, &layer);
	annotate(manifest, opts->annotations);
	s2c_config_add_layer(config, layer.entries ? &layer.diff_id : NULL, &history);
	if (s2c_image_put(c->native->store, manifest, config, &desc, err) < 0)
		return -1;
	*out = (struct s2c_commit_result){.id = manifest->config.digest,
		.layer_size = layer.entries ? layer.size : 0,
		.layer_entries = layer.entries};
	s2c_descriptor_copy(&out->desc, &desc);
	return 0;
}
