/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as the home of a build's images.
 */
#include "build/home.h"

#include <stdio.h>

#include "build/finish.h"
#include "store/known.h"

struct store_home {
	struct s2c_home base;
	struct s2c_store *store; /* borrowed */
};

static struct s2c_store *store_of(struct s2c_home *home)
{
	return ((struct store_home *)home)->store;
}

static int load(struct s2c_store *store, const struct s2c_descriptor *desc,
	const char *name, struct s2c_image **out, struct s2c_error **err)
{
	if (s2c_image_load(store, desc, out, err))
		return -1;
	/* An image without a name was found by its id: then its digest names it. */
	(void)snprintf((*out)->name, sizeof((*out)->name), "%s",
		*name ? name : (*out)->desc.digest.str);
	return 0;
}

/* That an image is not whole is found now, not when all the work is done. */
static enum s2c_found store_find(struct s2c_ctx *ctx, struct s2c_home *home,
	const char *asked, struct s2c_image **out, struct s2c_error **why,
	struct s2c_error **err)
{
	struct s2c_store *store = store_of(home);
	CLEAN_ERROR struct s2c_error *failure = NULL;
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	char name[S2C_REFERENCE_MAX + 1] = "";

	if (s2c_store_find(store, asked, &desc, name, &failure)) {
		if (s2c_error_code(failure) == S2C_ENOENT)
			return S2C_ABSENT;
		s2c_error_move(err, &failure);
		return S2C_FIND_FAILED;
	}
	if (load(store, &desc, name, &image, err))
		return S2C_FIND_FAILED;
	if (s2c_image_check(store, image, why)) {
		(void)s2c_wrap(
			why, "image '%s' must be pulled or built again", image->name);
		return S2C_BROKEN;
	}
	*out = TAKE(image);
	return S2C_FOUND;
}

static int store_pull(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_reference *ref, const struct s2c_pull_opts *how,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	if (s2c_remote_pull(ctx, store_of(home), ref, how, &desc, err))
		return -1;
	return load(store_of(home), &desc, name, out, err);
}

/* What cannot be read is simply replaced. */
static struct s2c_image *store_before(
	struct s2c_home *home, const struct s2c_reference *ref)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_image *image = NULL;

	if (s2c_store_resolve(store_of(home), ref, &desc, NULL) == 0)
		(void)!s2c_image_load(store_of(home), &desc, &image, NULL);
	return image;
}

/* Both may be NULL. */
static bool same_annotations(const struct s2c_json *a, const struct s2c_json *b)
{
	if (s2c_json_len(a) != s2c_json_len(b))
		return false;
	s2c_json_foreach (one, a) {
		const char *mine = s2c_json_str(one);
		const char *theirs = s2c_json_str(s2c_json_get(b, s2c_json_key(one)));

		if (!mine || !theirs || !streq(mine, theirs))
			return false;
	}
	return true;
}

/*
 * Whether the build made nothing but what its name means already. Then that one stays, so
 * that its users see that nothing has changed, and nothing of it is pushed again.
 */
static bool is_unchanged(const struct s2c_image *before, const struct s2c_image *image)
{
	if (!before || !streq(before->desc.media_type, image->desc.media_type) ||
		before->manifest->n_layers != image->manifest->n_layers ||
		!same_annotations(
			before->manifest->annotations, image->manifest->annotations) ||
		!s2c_config_same_but_times(before->config, image->config))
		return false;
	for (size_t i = 0; i < image->manifest->n_layers; i++)
		if (!s2c_digest_equal(&before->manifest->layers[i].digest,
			    &image->manifest->layers[i].digest))
			return false;
	return true;
}

/* What no name leads to is the next prune's. */
static int store_drop(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, struct s2c_error **err)
{
	return 0;
}

/* The layer that was made: so that nobody compresses it in the same way again. */
static void note_layer(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_finish *f, const struct s2c_image *made)
{
	CLEAN_KNOWN struct s2c_known *known = NULL;
	struct s2c_known_form form = {0};
	size_t n = made->manifest->n_layers;

	if (!f->commit->layer_entries || n == 0)
		return;
	form.digest = made->manifest->layers[n - 1].digest;
	form.size = made->manifest->layers[n - 1].size;
	s2c_known_method(f->plan->compression, f->plan->compression_level, form.method);
	known = s2c_known_open(ctx, store);
	s2c_known_note_form(known, &made->config->diff_ids[n - 1], &form);
}

static int store_made(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_finish *finish, struct s2c_image **out, struct s2c_error **err)
{
	struct s2c_store *store = store_of(home);
	CLEAN_IMAGE struct s2c_image *image = NULL;

	if (s2c_image_load(store, &finish->commit->desc, &image, err))
		return -1;
	note_layer(ctx, store, finish, image);
	if (!is_unchanged(finish->before, image)) {
		*out = TAKE(image);
		return 0;
	}
	s2c_emit_log(ctx, S2C_INFO, "nothing has changed: the image stays as it is");
	return s2c_image_load(store, &finish->before->desc, out, err);
}

static int store_name(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, const struct s2c_reference *names, size_t n_names,
	struct s2c_error **err)
{
	if (!n_names)
		return s2c_store_keep(ctx, store_of(home), &image->desc, err);
	for (size_t i = 0; i < n_names; i++)
		if (s2c_store_tag(ctx, store_of(home), &names[i], &image->desc, err))
			return -1;
	return 0;
}

static int store_save(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err)
{
	return s2c_archive_save(ctx, store_of(home), image, spec, err);
}

static int store_may_push(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_reference *ref, const struct s2c_registry_opts *registry,
	struct s2c_error **err)
{
	return s2c_registry_may_push(ctx, ref, registry, err);
}

static int store_push(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, const struct s2c_remote_push *push,
	struct s2c_strv *pushed, struct s2c_error **err)
{
	struct s2c_remote_push how = *push;

	how.desc = &image->desc;
	return s2c_remote_push(ctx, store_of(home), &how, pushed, err);
}

static void store_close(struct s2c_home *home)
{
	free(home);
}

struct s2c_home *s2c_home_store(struct s2c_store *store)
{
	static const struct s2c_home_ops ops = {
		.where = "in the store",
		.find = store_find,
		.pull = store_pull,
		.before = store_before,
		.made = store_made,
		.name = store_name,
		.drop = store_drop,
		.save = store_save,
		.may_push = store_may_push,
		.push = store_push,
		.close = store_close,
	};
	struct store_home *home = xcalloc(1, sizeof(*home));

	home->base.ops = &ops;
	home->store = store;
	return &home->base;
}
