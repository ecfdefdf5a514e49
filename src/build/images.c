/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands about images, on top of store and registry: list, history, tag, remove,
 * pull, push, save, load, prune. inspect and import have files of their own.
 */
#include <s2c/image.h>

#include <stdio.h>

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

/* ---- registries ---- */

static int parse_remote(
	const char *text, struct s2c_reference *ref, struct s2c_error **err)
{
	if (s2c_reference_parse(text, ref, err))
		return -1;
	if (!*ref->registry)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' names no registry; use registry.example/%s", text, text);
	return 0;
}

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

/* The names that a push is to give, each with a registry. */
struct names {
	struct s2c_reference *items;
	size_t n;
};

static void names_release(struct names *names)
{
	free(names->items);
}

/* A word that is a tag of the first name's repository. */
static bool is_tag(const struct names *names, const char *text, struct s2c_reference *out)
{
	CLEAN_FREE char *whole = xasprintf("x:%s", text);
	struct s2c_reference ref;

	if (!names->n || strpbrk(text, "/:@") || s2c_reference_parse(whole, &ref, NULL))
		return false;
	*out = names->items[0];
	memcpy(out->tag, ref.tag, sizeof(ref.tag));
	*out->digest = '\0';
	return true;
}

static int add_name(struct names *names, const char *text, struct s2c_error **err)
{
	struct s2c_reference ref;

	if (!is_tag(names, text, &ref) && parse_remote(text, &ref, err))
		return -1;
	if (names->n == S2C_NAMES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d names", S2C_NAMES_MAX);
	names->items = xreallocarray(names->items, names->n + 1, sizeof(*names->items));
	names->items[names->n++] = ref;
	return 0;
}

/*
 * The destination and the tags. Without a destination the image's own name is one of
 * them, unless it has no registry and the tags do.
 */
static int find_names(const struct s2c_push_options *o, const char *own,
	struct names *names, struct s2c_error **err)
{
	bool tags = o->tags && o->tags[0];
	struct s2c_reference ref;

	if (o->destination && add_name(names, o->destination, err))
		return -1;
	if (!o->destination &&
		(!tags || (s2c_reference_parse(own, &ref, NULL) == 0 && *ref.registry)) &&
		add_name(names, own, err))
		return -1;
	for (size_t i = 0; tags && o->tags[i]; i++)
		if (add_name(names, o->tags[i], err))
			return s2c_wrap(err, "--tag");
	return 0;
}

/*
 * An index that another tool put into the store is pushed as it is when all its images
 * are there; else the image for this host is.
 */
static int choose_document(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_descriptor *desc, struct s2c_error **err)
{
	CLEAN_DOCUMENT struct s2c_document document = {0};
	CLEAN_PARCEL struct s2c_parcel parcel = {0};
	CLEAN_ERROR struct s2c_error *incomplete = NULL;
	CLEAN_IMAGE struct s2c_image *image = NULL;

	if (s2c_media_kind(desc->media_type, NULL) != S2C_MEDIA_INDEX)
		return 0;
	if (s2c_document_load(store, desc, &document, err))
		return -1;
	if (s2c_parcel_make(store, &document, &parcel, &incomplete) == 0)
		return 0;
	if (s2c_error_code(incomplete) != S2C_ENOENT) {
		s2c_error_move(err, &incomplete);
		return -1;
	}
	if (s2c_image_load(store, desc, &image, err))
		return -1;
	s2c_emit_log(ctx, S2C_WARN,
		"only the image for this machine is pushed and not its whole index: %s",
		s2c_error_message(incomplete));
	s2c_descriptor_release(desc);
	s2c_descriptor_copy(desc, &image->desc);
	return 0;
}

int s2c_images_push(struct s2c_ctx *ctx, struct s2c_store *store, const char *image,
	const struct s2c_push_options *options, char **out_pushed, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_child(ctx, options->remote.timeout);
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN(names_release) struct names names = {0};
	CLEAN_STRV struct s2c_strv pushed = S2C_STRV_INIT;
	struct s2c_registry_opts opts = s2c_remote_opts(&options->remote);
	char name[S2C_REFERENCE_MAX + 1] = "";

	if (s2c_store_find(store, image, &desc, name, err) ||
		find_names(options, *name ? name : image, &names, err) ||
		choose_document(ctx, store, &desc, err))
		return -1;
	struct s2c_remote_push push = {.desc = &desc,
		.came_from = name,
		.names = names.items,
		.n_names = names.n,
		.registry = &opts,
		.chunk_size = options->chunk_size,
		.compression = options->compression,
		.force_compression = options->force_compression};
	if (s2c_remote_push_check(&push, err) ||
		s2c_remote_push(own, store, &push, &pushed, err))
		return -1;
	*out_pushed = s2c_remote_lines(&pushed);
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
	};
	struct s2c_gc_result result = {0};

	if (s2c_store_gc(ctx, store, &opts, &result, err))
		return -1;
	*out = (struct s2c_prune_result){
		.blobs = result.blobs,
		.trees = result.trees,
		.works = result.works,
		.bytes = result.bytes,
		.damaged = result.damaged,
	};
	return 0;
}
