/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands about images, on top of store and registry: list, history, tag, remove,
 * pull, save, load, prune. inspect and import have files of their own.
 */
#include <s2c/image.h>

#include <stdio.h>

#include "build/kept.h"
#include "build/plan.h"
#include "build/remote.h"
#include "registry/places.h"
#include "store/archive.h"
#include "store/image.h"

static uint64_t image_size(const struct s2c_image *image)
{
	uint64_t size = image->desc.size + image->manifest->config.size;

	for (size_t i = 0; i < image->manifest->n_layers; i++)
		size += image->manifest->layers[i].size;
	return size;
}

/* ---- list ---- */

static int fill_info(struct s2c_store *store, const struct s2c_store_name *name,
	struct s2c_image_info *info, struct s2c_error **err)
{
	CLEAN_IMAGE struct s2c_image *image = NULL;
	const char *created;

	if (s2c_image_load(store, &name->desc, &image, err))
		return -1;
	created = s2c_config_created(image->config);
	(void)snprintf(info->name, sizeof(info->name), "%s", name->name);
	(void)snprintf(info->id, sizeof(info->id), "%s", s2c_image_id(image)->str);
	(void)snprintf(info->digest, sizeof(info->digest), "%s", name->desc.digest.str);
	info->size = image_size(image);
	info->created = xstrdup(created ? created : "");
	return 0;
}

int s2c_images_list(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_image_info **out, size_t *out_n, struct s2c_error **err)
{
	struct s2c_store_name *names = NULL;
	struct s2c_image_info *list;
	size_t n_names = 0, n = 0;

	if (s2c_store_list(store, &names, &n_names, err))
		return -1;
	list = xcalloc(n_names, sizeof(*list));
	for (size_t i = 0; i < n_names; i++) {
		CLEAN_ERROR struct s2c_error *failure = NULL;

		/* One damaged image must not hide the others. */
		if (fill_info(store, &names[i], &list[n], &failure) == 0)
			n++;
		else
			s2c_emit_log(ctx, S2C_WARN, "image '%s': %s", names[i].name,
				s2c_error_message(failure));
	}
	s2c_store_names_free(names, n_names);
	*out = list;
	*out_n = n;
	return 0;
}

void s2c_images_free(struct s2c_image_info *images, size_t n)
{
	for (size_t i = 0; images && i < n; i++)
		free(images[i].created);
	free(images);
}

/* ---- history ---- */

static char *text_of(const struct s2c_json *entry, const char *key)
{
	const char *text = s2c_json_str(s2c_json_get(entry, key));

	return xstrdup(text ? text : "");
}

static bool flag_of(const struct s2c_json *entry, const char *key)
{
	bool value = false;

	return s2c_json_is_bool(s2c_json_get(entry, key), &value) && value;
}

int s2c_images_history(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	struct s2c_history_row **out, size_t *out_n, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_IMAGE struct s2c_image *loaded = NULL;
	const struct s2c_json *history;
	struct s2c_history_row *rows;
	size_t n, at, layer = 0;

	(void)ctx;
	if (s2c_store_find(store, image, &desc, NULL, err) ||
		s2c_image_load(store, &desc, &loaded, err))
		return -1;
	history = s2c_json_get(loaded->config->root, "history");
	n = s2c_json_len(history);
	rows = xcalloc(n, sizeof(*rows));
	at = n;
	s2c_json_foreach (entry, history) {
		struct s2c_history_row *row = &rows[--at];

		row->created = text_of(entry, "created");
		row->created_by = text_of(entry, "created_by");
		row->comment = text_of(entry, "comment");
		row->empty = flag_of(entry, "empty_layer");
		if (!row->empty && layer < loaded->manifest->n_layers)
			row->size = loaded->manifest->layers[layer++].size;
	}
	*out = rows;
	*out_n = n;
	return 0;
}

void s2c_history_free(struct s2c_history_row *rows, size_t n)
{
	for (size_t i = 0; rows && i < n; i++) {
		free(rows[i].created);
		free(rows[i].created_by);
		free(rows[i].comment);
	}
	free(rows);
}

/* ---- names ---- */

static int parse_new_name(
	const char *text, struct s2c_reference *ref, struct s2c_error **err)
{
	if (s2c_reference_parse(text, ref, err))
		return -1;
	if (*ref->digest)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' has a digest; a name has a tag only", text);
	return 0;
}

int s2c_images_tag(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const char *new_name, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_reference ref;

	if (parse_new_name(new_name, &ref, err) ||
		s2c_store_find(store, image, &desc, NULL, err))
		return -1;
	return s2c_store_tag(ctx, store, &ref, &desc, err);
}

int s2c_images_remove(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	char name[S2C_REFERENCE_MAX + 1] = "";
	struct s2c_reference ref = {0};

	if (s2c_store_find(store, image, &desc, name, err))
		return -1;
	if (*name) {
		if (s2c_reference_parse(name, &ref, err))
			return -1;
	} else {
		/* Found by an id: all names of that manifest go. */
		(void)snprintf(ref.digest, sizeof(ref.digest), "%s", desc.digest.str);
	}
	return s2c_store_untag(ctx, store, &ref, err);
}

/* ---- pull ---- */

/* A name without registry may have an alias. */
static int parse_pulled(struct s2c_ctx *ctx, const char *text,
	const struct s2c_registry_opts *opts, struct s2c_reference *ref,
	struct s2c_error **err)
{
	bool found = false;

	if (s2c_reference_parse(text, ref, err))
		return -1;
	if (*ref->registry)
		return 0;
	if (s2c_places_alias(ctx, opts, ref, &found, ref, err))
		return -1;
	if (!found)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' names no registry and has no alias; use "
			"registry.example/%s",
			text, text);
	return 0;
}

int s2c_images_pull(struct s2c_ctx *ctx, struct s2c_store *store, const char *ref,
	const struct s2c_pull_options *options, char *out_digest, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_child(ctx, options->remote.timeout);
	struct s2c_registry_opts opts = s2c_remote_opts(&options->remote);
	struct s2c_pull_opts how = {.registry = &opts};
	struct s2c_platform platform;
	struct s2c_reference parsed;

	if (options->platform) {
		if (s2c_platform_parse(options->platform, &platform, err))
			return s2c_wrap(err, "--platform");
		how.platform = &platform;
	}
	if (parse_pulled(ctx, ref, &opts, &parsed, err))
		return -1;
	if (s2c_remote_pull(own, store, &parsed, &how, &desc, err))
		return -1;
	(void)snprintf(out_digest, S2C_DIGEST_STR_MAX, "%s", desc.digest.str);
	return 0;
}

/* ---- archives, garbage ---- */

int s2c_images_save(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const char *destination, struct s2c_error **err)
{
	CLEAN(s2c_archive_spec_release) struct s2c_archive_spec spec = {0};
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_IMAGE struct s2c_image *loaded = NULL;
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "save", destination);
	char name[S2C_REFERENCE_MAX + 1] = "";

	if (s2c_archive_spec_parse(destination, &spec, err) ||
		s2c_store_find(store, image, &desc, name, err) ||
		s2c_image_load(store, &desc, &loaded, err))
		return -1;
	(void)snprintf(loaded->name, sizeof(loaded->name), "%s", name);
	return s2c_archive_save(ctx, store, loaded, &spec, err);
}

int s2c_images_load(struct s2c_ctx *ctx, struct s2c_store *store, const char *source,
	char **out_names, struct s2c_error **err)
{
	CLEAN(s2c_archive_spec_release) struct s2c_archive_spec spec = {0};
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "load", source);
	struct s2c_buf text = S2C_BUF_INIT(SIZE_MAX);

	if (s2c_archive_spec_parse(source, &spec, err) ||
		s2c_archive_load(ctx, store, &spec, &names, err))
		return -1;
	s2c_strv_foreach (name, &names)
		s2c_buf_must_printf(&text, "%s\n", name);
	*out_names = s2c_buf_take(&text);
	return 0;
}

int s2c_images_prune(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_prune_options *options, struct s2c_prune_result *out,
	struct s2c_error **err)
{
	struct s2c_gc_opts opts = {
		.dry_run = options->dry_run,
		.check = options->check,
		.untagged = options->all,
		.caches = options->caches,
	};
	struct s2c_gc_result result = {0};

	if (!options->dry_run && s2c_kept_drop(ctx, store, err))
		return -1;
	if (s2c_store_gc(ctx, store, &opts, &result, err))
		return -1;
	*out = (struct s2c_prune_result){
		.blobs = result.blobs,
		.trees = result.trees,
		.works = result.works,
		.caches = result.caches,
		.bytes = result.bytes,
		.damaged = result.damaged,
	};
	return 0;
}
