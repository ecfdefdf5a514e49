/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the commit: name, outputs, push, and the record for --metadata-file.
 */
#include "build/finish.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "build/remote.h"
#include "store/archive.h"
#include "store/known.h"

void s2c_build_result_release(struct s2c_build_result *result)
{
	free(result->metadata);
	free(result->pushed);
	*result = (struct s2c_build_result){0};
}

int s2c_creation_time(char out[S2C_TIME_TEXT], int64_t *out_epoch, struct s2c_error **err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t seconds = time(NULL);
	struct tm utc;

	if (out_epoch)
		*out_epoch = 0;

	if (epoch && *epoch) {
		char *end;
		long long value;

		errno = 0;
		value = strtoll(epoch, &end, 10);
		/* Up to the year 9999, which is what RFC 3339 can say. */
		if (*end || errno || value < 0 || value > 253402300799LL)
			return s2c_fail(err, S2C_EINVAL,
				"SOURCE_DATE_EPOCH '%s' is not a number of seconds since "
				"1970",
				epoch);
		seconds = (time_t)value;
		if (out_epoch)
			*out_epoch = value;
	}
	if (!gmtime_r(&seconds, &utc) ||
		strftime(out, S2C_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return s2c_fail(err, S2C_EINVAL, "the time cannot be written as a date");
	return 0;
}

/*
 * Whether the build made nothing but what its name means already. Then that one stays, so
 * that its users see that nothing has changed, and nothing of it is pushed again.
 */
static bool is_unchanged(const struct s2c_image *before, const struct s2c_image *image)
{
	if (!before || !streq(before->desc.media_type, image->desc.media_type) ||
		before->manifest->n_layers != image->manifest->n_layers ||
		!s2c_config_same_but_times(before->config, image->config))
		return false;
	for (size_t i = 0; i < image->manifest->n_layers; i++)
		if (!s2c_digest_equal(&before->manifest->layers[i].digest,
			    &image->manifest->layers[i].digest))
			return false;
	return true;
}

static int name_image(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_plan *plan, const struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	if (!plan->has_tag)
		return s2c_store_keep(ctx, store, desc, err);
	for (size_t i = 0; i < plan->n_names; i++)
		if (s2c_store_tag(ctx, store, &plan->names[i], desc, err))
			return -1;
	return 0;
}

static int export_all(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_finish *f, const struct s2c_image *image, struct s2c_error **err)
{
	for (size_t i = 0; i < f->plan->n_outputs; i++) {
		const struct s2c_archive_spec *spec = &f->plan->outputs[i];
		CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(
			ctx, "export", spec->path);

		if (s2c_archive_save(ctx, store, image, spec, err))
			return s2c_wrap(
				err, "the image is in the store, but --output failed");
	}
	return 0;
}

/* Names without a registry are for the store alone. */
static int push(struct s2c_ctx *ctx, struct s2c_store *store, const struct s2c_finish *f,
	const struct s2c_image *image, struct s2c_strv *pushed, struct s2c_error **err)
{
	CLEAN_FREE struct s2c_reference *names = xcalloc(
		f->plan->n_names, sizeof(*names));
	struct s2c_remote_push how = {
		.desc = &image->desc,
		.names = names,
		.registry = &f->registry,
		.chunk_size = f->chunk_size,
	};

	for (size_t i = 0; i < f->plan->n_names; i++)
		if (*f->plan->names[i].registry)
			names[how.n_names++] = f->plan->names[i];
	if (s2c_remote_push(ctx, store, &how, pushed, err))
		return s2c_wrap(err, "the image is in the store, but not pushed%s",
			pushed->len ? " to all names" : "");
	return 0;
}

/* The keys of buildx where it has one, so that pipelines can read both. */
static char *describe(const struct s2c_finish *f, const struct s2c_image *image,
	const struct s2c_build_result *out, const struct s2c_strv *pushed)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_json *layers = s2c_json_array_at(root, "layers");
	struct s2c_json *builder = s2c_json_object_at(root, "builder");
	struct s2c_json *source = s2c_json_object_at(root, "source");
	struct s2c_json *names = s2c_json_array_at(root, "names");

	s2c_json_set_str(root, "image.name", out->name);
	s2c_json_set_str(root, "containerimage.digest", out->digest);
	s2c_json_set_str(root, "containerimage.config.digest", out->image_id);
	for (size_t i = 0; i < f->plan->n_names; i++) {
		char name[S2C_REFERENCE_MAX + 1];

		s2c_reference_format(&f->plan->names[i], name);
		s2c_json_add_str(names, name);
	}
	s2c_json_set_str(root, "pushed", pushed->len ? pushed->items[0] : "");
	s2c_json_set_strv(root, "pushedTo", pushed);
	for (size_t i = 0; i < image->manifest->n_layers; i++) {
		const struct s2c_descriptor *layer = &image->manifest->layers[i];
		struct s2c_json *one = s2c_descriptor_to_json(layer);

		s2c_json_set_str(one, "diffID", image->config->diff_ids[i].str);
		s2c_json_add(layers, one);
	}
	s2c_json_set_str(builder, "name", f->facts->builder_name);
	s2c_json_set_str(builder, "digest", f->facts->builder_digest);
	s2c_json_set_str(source, "kind", f->facts->source_kind);
	s2c_json_set_str(source, "location", f->facts->source->location);
	s2c_json_set_str(source, "commit", f->facts->source->commit_id);
	if (f->timings)
		s2c_json_set(root, "milliseconds", s2c_json_copy(f->timings));
	s2c_json_sort(root);
	return s2c_json_print(root, S2C_JSON_PRETTY);
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

int s2c_finish_build(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_finish *finish, struct s2c_build_result *out,
	struct s2c_error **err)
{
	CLEAN_IMAGE struct s2c_image *made = NULL;
	struct s2c_image *image;
	CLEAN_STRV struct s2c_strv pushed = S2C_STRV_INIT;
	struct s2c_build_result result = {0};

	if (s2c_image_load(store, &finish->commit->desc, &made, err))
		return -1;
	note_layer(ctx, store, finish, made);
	image = made;
	if (is_unchanged(finish->before, made)) {
		s2c_emit_log(
			ctx, S2C_INFO, "nothing has changed: the image stays as it is");
		image = finish->before;
	}
	/* Other names than the first one may mean something else so far. */
	if (name_image(ctx, store, finish->plan, &image->desc, err))
		return -1;
	(void)snprintf(
		result.image_id, sizeof(result.image_id), "%s", s2c_image_id(image)->str);
	(void)snprintf(
		result.digest, sizeof(result.digest), "%s", image->desc.digest.str);
	if (finish->plan->has_tag)
		s2c_reference_format(&finish->plan->tag, result.name);
	(void)snprintf(image->name, sizeof(image->name), "%s", result.name);
	if (export_all(ctx, store, finish, image, err))
		return -1;
	if (finish->plan->push && push(ctx, store, finish, image, &pushed, err))
		return -1;
	result.metadata = describe(finish, image, &result, &pushed);
	if (pushed.len)
		result.pushed = s2c_remote_lines(&pushed);
	*out = result;
	return 0;
}
