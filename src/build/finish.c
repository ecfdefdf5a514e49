/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the commit: name, outputs, push, and the record for --metadata-file.
 */
#include "build/finish.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "build/job.h"

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

static int export(struct s2c_ctx *ctx, struct s2c_home *home, const struct s2c_finish *f,
	const struct s2c_image *image, struct s2c_error **err)
{
	for (size_t i = 0; i < f->plan->n_outputs; i++) {
		const struct s2c_archive_spec *spec = &f->plan->outputs[i];
		CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(
			ctx, "export", spec->path);

		if (home->ops->save(ctx, home, image, spec, err))
			return s2c_wrap(err, "the image is %s, but --output failed",
				home->ops->where);
	}
	return 0;
}

/* It has the time of one phase, however many there are. */
static int export_all(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_finish *f, const struct s2c_image *image, struct s2c_error **err)
{
	int rc;

	s2c_build_stage_begin(f->options, ctx, "export");
	rc = export(ctx, home, f, image, err);
	return s2c_build_stage_end(ctx, "export", rc, err);
}

/* Names without a registry are not for pushing. */
static int push_names(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_finish *f, const struct s2c_image *image,
	struct s2c_strv *pushed, struct s2c_error **err)
{
	CLEAN_FREE struct s2c_reference *names = xcalloc(
		f->plan->n_names, sizeof(*names));
	struct s2c_remote_push how = {
		.names = names,
		.registry = &f->registry,
		.chunk_size = f->chunk_size,
	};

	for (size_t i = 0; i < f->plan->n_names; i++)
		if (*f->plan->names[i].registry)
			names[how.n_names++] = f->plan->names[i];
	if (home->ops->push(ctx, home, image, &how, pushed, err))
		return s2c_wrap(err, "the image is %s, but not pushed%s",
			home->ops->where, pushed->len ? " to all names" : "");
	return 0;
}

static int push(struct s2c_ctx *ctx, struct s2c_home *home, const struct s2c_finish *f,
	const struct s2c_image *image, struct s2c_strv *pushed, struct s2c_error **err)
{
	int rc;

	if (!f->plan->push)
		return 0;
	s2c_build_stage_begin(f->options, ctx, "push");
	rc = push_names(ctx, home, f, image, pushed, err);
	return s2c_build_stage_end(ctx, "push", rc, err);
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

/* The digest that a registry has told, if nobody else can. */
static void take_digest(const struct s2c_home *home, const struct s2c_image *image,
	const struct s2c_strv *pushed, struct s2c_build_result *result)
{
	const char *digest = image->desc.digest.str;

	if (home->ops->digest_comes_from_push)
		digest = pushed->len ? strrchr(pushed->items[0], '@') + 1 : "";
	(void)snprintf(result->digest, sizeof(result->digest), "%s", digest);
}

int s2c_finish_build(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_finish *finish, struct s2c_build_result *out,
	struct s2c_error **err)
{
	CLEAN_IMAGE struct s2c_image *image = NULL;
	CLEAN_STRV struct s2c_strv pushed = S2C_STRV_INIT;
	struct s2c_build_result result = {0};

	if (home->ops->made(ctx, home, finish, &image, err))
		return -1;
	/* Other names than the first one may mean something else so far. */
	if (home->ops->name(
		    ctx, home, image, finish->plan->names, finish->plan->n_names, err))
		return -1;
	(void)snprintf(
		result.image_id, sizeof(result.image_id), "%s", s2c_image_id(image)->str);
	if (finish->plan->has_tag)
		s2c_reference_format(&finish->plan->tag, result.name);
	(void)snprintf(image->name, sizeof(image->name), "%s", result.name);
	if (export_all(ctx, home, finish, image, err) ||
		push(ctx, home, finish, image, &pushed, err))
		return -1;
	take_digest(home, image, &pushed, &result);
	result.metadata = describe(finish, image, &result, &pushed);
	if (pushed.len)
		result.pushed = s2c_remote_lines(&pushed);
	*out = result;
	return 0;
}
