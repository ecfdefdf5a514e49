/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building an image again. Its labels come from whoever made it, so each is looked at as
 * hostile input before it becomes an option, and none of them reaches files of this host
 * unless the user said so.
 */
#include <s2c/build.h>

#include <fcntl.h>
#include <string.h>

#include "build/job.h"
#include "build/labels.h"
#include "build/resolve.h"
#include "source/spec.h"
#include "util/escape.h"
#include "util/fs.h"

#define VALUE_MAX 4096 /* bytes of a label that becomes an option */
#define HEAD_MAX 4096

#define LABEL_BUILDER "io.openshift.s2i.build.image"
#define LABEL_SOURCE "io.openshift.s2i.build.source-location"
#define LABEL_CONTEXT "io.openshift.s2i.build.source-context-dir"
#define LABEL_REF "io.openshift.s2i.build.commit.ref"
#define LABEL_ID "io.openshift.s2i.build.commit.id"
#define LABEL_NAME "io.k8s.display-name"
#define LABEL_DESCRIPTION "io.k8s.description"

struct s2c_rebuild {
	struct s2c_build_options options;
	char *source, *builder, *context_dir, *ref, *description, *application_name;
	char *user;
	struct s2c_strv env, told; /* told: values of options, for options.* */
	const char *artifacts[2];
};

void s2c_rebuild_free(struct s2c_rebuild *rebuild)
{
	if (!rebuild)
		return;
	free(rebuild->source);
	free(rebuild->builder);
	free(rebuild->context_dir);
	free(rebuild->ref);
	free(rebuild->description);
	free(rebuild->application_name);
	free(rebuild->user);
	s2c_strv_release(&rebuild->env);
	s2c_strv_release(&rebuild->told);
	free(rebuild);
}

const struct s2c_build_options *s2c_rebuild_build_options(
	const struct s2c_rebuild *rebuild)
{
	return &rebuild->options;
}

/* ---- labels as options ---- */

/* Copies a label that may be an option's value; *out stays NULL when there is none. */
static int take_label(const struct s2c_config *config, const char *key, char **out,
	struct s2c_error **err)
{
	const char *value = s2c_config_label(config, key);
	size_t len = value ? strlen(value) : 0;

	if (len == 0)
		return 0;
	if (len > VALUE_MAX)
		return s2c_fail(err, S2C_EDENIED,
			"label '%s' of the image has %zu bytes, more than %d", key, len,
			VALUE_MAX);
	if (*value == '-')
		return s2c_fail(err, S2C_EDENIED,
			"label '%s' of the image begins with '-', as an option would",
			key);
	if (!s2c_utf8_valid(value, len))
		return s2c_fail(
			err, S2C_EDENIED, "label '%s' of the image is not UTF-8", key);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return s2c_fail(err, S2C_EDENIED,
				"label '%s' of the image has control characters", key);
	*out = xstrdup(value);
	return 0;
}

static int missing(
	const char *image, const char *key, const char *option, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL,
		"image '%s' has no label '%s', so it does not say what it was built "
		"from: "
		"name it with %s",
		image, key, option);
}

static bool is_local(const char *source)
{
	CLEAN_SPEC struct s2c_spec spec = {0};

	/* What is no spec at all is refused later, with a reason. */
	return s2c_spec_parse(source, &spec, NULL) == 0 && spec.form == S2C_SPEC_PATH;
}

static int take_source(struct s2c_rebuild *again, const struct s2c_config *config,
	const struct s2c_rebuild_options *options, struct s2c_error **err)
{
	if (again->options.source)
		return 0;
	if (take_label(config, LABEL_SOURCE, &again->source, err))
		return s2c_wrap(err, "name the source with --source");
	if (!again->source)
		return missing(options->image, LABEL_SOURCE, "--source", err);
	if (is_local(again->source) && !options->allow_local_source)
		return s2c_fail(err, S2C_EDENIED,
			"image '%s' says that it was built from '%s' of this host: if "
			"that is so, add --allow-local-source, or name the source with "
			"--source",
			options->image, again->source);
	again->options.source = again->source;
	return 0;
}

static int take_builder(struct s2c_rebuild *again, const struct s2c_config *config,
	const char *image, struct s2c_error **err)
{
	if (again->options.builder)
		return 0;
	if (take_label(config, LABEL_BUILDER, &again->builder, err))
		return s2c_wrap(err, "name the builder image with --builder");
	if (!again->builder)
		return missing(image, LABEL_BUILDER, "--builder", err);
	if (strstr(again->builder, "s2i-layered-temp-image-"))
		return s2c_fail(err, S2C_EINVAL,
			"image '%s' says that it was built with '%s', a temporary image "
			"of S2I: name the builder image with --builder",
			image, again->builder);
	again->options.builder = again->builder;
	return 0;
}

/* Whether the local repository at `path` is on this branch: then it is built as it is. */
static bool is_checked_out(const char *path, const char *branch)
{
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(HEAD_MAX);
	CLEAN_FREE char *file = xasprintf("%s/.git/HEAD", path);
	CLEAN_FREE char *line = xasprintf("ref: refs/heads/%s\n", branch);

	return s2c_fs_read_file(AT_FDCWD, file, &head, NULL) == 0 &&
	       streq(s2c_buf_str(&head), line);
}

/* A whole one, of SHA-1 or SHA-256. */
static bool is_commit_id(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");

	return !text[len] && (len == 40 || len == 64);
}

/*
 * What of the repository is built. S2I writes "HEAD" for a tag or commit, of which only
 * the commit's id is left.
 */
static int take_ref(struct s2c_rebuild *again, const struct s2c_config *config,
	struct s2c_error **err)
{
	struct s2c_build_options *o = &again->options;

	/* A source of the user's has the user's ref. */
	if (o->ref || !again->source)
		return 0;
	if (take_label(config, LABEL_REF, &again->ref, err))
		return -1;
	if (again->ref && streq(again->ref, "HEAD")) {
		free(TAKE(again->ref));
		if (take_label(config, LABEL_ID, &again->ref, err))
			return -1;
		if (again->ref && !is_commit_id(again->ref))
			free(TAKE(again->ref));
	}
	if (!again->ref ||
		(is_local(again->source) && is_checked_out(again->source, again->ref)))
		return 0;
	if (s2c_spec_check_ref(again->ref, "label '" LABEL_REF "'", err))
		return -1;
	o->ref = again->ref;
	return 0;
}

static int take_context(struct s2c_rebuild *again, const struct s2c_config *config,
	struct s2c_error **err)
{
	if (again->options.context_dir || !again->source)
		return 0;
	if (take_label(config, LABEL_CONTEXT, &again->context_dir, err))
		return -1;
	again->options.context_dir = again->context_dir;
	return 0;
}

/*
 * An option of the build that made the image, unless it is given now. What stands in the
 * label is looked at where the option is: a user still has to be one who may run.
 */
static int take_told(struct s2c_rebuild *again, const struct s2c_config *config,
	const char *key, const char **option, struct s2c_error **err)
{
	char *value = NULL;

	if (*option)
		return 0;
	if (take_label(config, key, &value, err))
		return -1;
	if (value)
		s2c_strv_add_take(&again->told, value);
	*option = value;
	return 0;
}

/* What was said of a builder image is nothing to another one. */
static int take_told_of_builder(struct s2c_rebuild *again,
	const struct s2c_config *config, const struct s2c_rebuild_options *options,
	struct s2c_error **err)
{
	struct s2c_build_options *o = &again->options;
	bool is_new = !o->scripts_url;

	if (!again->builder)
		return 0;
	if (take_told(again, config, S2C_LABEL_TOLD_SCRIPTS_URL, &o->scripts_url, err) ||
		take_told(again, config, S2C_LABEL_TOLD_DESTINATION, &o->destination,
			err) ||
		take_told(again, config, S2C_LABEL_TOLD_USER, &o->assemble_user, err))
		return -1;
	o->scripts_url_of_image = is_new && !options->allow_local_source;
	again->user = xstrdup(s2c_config_user(config));
	o->kept_user = again->user;
	return 0;
}

static int take_told_of_runtime(struct s2c_rebuild *again,
	const struct s2c_config *config, struct s2c_error **err)
{
	struct s2c_build_options *o = &again->options;
	const char *artifacts = NULL;

	/* Of no image or another one, the rest is the user's too. */
	if (o->runtime_image) {
		if (!*o->runtime_image)
			o->runtime_image = NULL;
		return 0;
	}
	if (take_told(again, config, S2C_LABEL_TOLD_RUNTIME, &o->runtime_image, err))
		return -1;
	if (!o->runtime_image)
		return 0;
	if (take_told(again, config, S2C_LABEL_TOLD_RUNTIME_USER,
		    &o->assemble_runtime_user, err) ||
		take_told(again, config, S2C_LABEL_TOLD_ARTIFACTS, &artifacts, err))
		return -1;
	again->artifacts[0] = artifacts;
	if (artifacts && !o->runtime_artifacts)
		o->runtime_artifacts = again->artifacts;
	return 0;
}

/* ---- what is kept of the image itself ---- */

/* True if both texts name one image. */
static bool same_name(const char *a, const char *b)
{
	struct s2c_reference one, other;
	char full[S2C_REFERENCE_MAX + 1], more[S2C_REFERENCE_MAX + 1];

	if (s2c_reference_parse(a, &one, NULL) || s2c_reference_parse(b, &other, NULL))
		return false;
	s2c_reference_format(&one, full);
	s2c_reference_format(&other, more);
	return streq(full, more);
}

/* An image that was found by its id has no name to give. */
static bool found_by_id(const struct s2c_image *image, const char *asked)
{
	const char *id = strchr(s2c_image_id(image)->str, ':') + 1;

	return strchr(asked, '@') || starts_with(asked, "sha256:") ||
	       starts_with(image->name, "sha256:") || starts_with(id, asked);
}

/* Its name for people, unless that only is the name which it got as an image. */
static void take_texts(
	struct s2c_rebuild *again, const struct s2c_config *config, const char *image)
{
	struct s2c_build_options *o = &again->options;
	const char *name = s2c_config_label(config, LABEL_NAME);
	const char *description = s2c_config_label(config, LABEL_DESCRIPTION);

	if (!o->description && description) {
		again->description = xstrdup(description);
		o->description = again->description;
	}
	if (!o->application_name && name && *name && !same_name(name, image)) {
		again->application_name = xstrdup(name);
		o->application_name = again->application_name;
	}
}

static int find(struct s2c_build_job *job, const char *name, struct s2c_image **out,
	struct s2c_error **err)
{
	struct s2c_resolve_opts opts = {
		.name = name,
		.role = "image",
		.flag = "--pull-policy",
		.policy = job->options->pull_policy == S2C_PULL_NEVER
				  ? S2C_PULL_NEVER
				  : S2C_PULL_IF_NOT_PRESENT,
		.registry = s2c_build_registry(job),
	};

	if (s2c_build_open_home(job, err))
		return -1;
	return s2c_resolve_image(job->ctx, job->home, &opts, out, err);
}

static int take_all(struct s2c_rebuild *again, const struct s2c_image *image,
	const struct s2c_rebuild_options *options, struct s2c_error **err)
{
	const struct s2c_config *config = image->config;

	if (take_source(again, config, options, err) ||
		take_builder(again, config, options->image, err) ||
		take_ref(again, config, err) || take_context(again, config, err) ||
		take_told_of_builder(again, config, options, err) ||
		take_told_of_runtime(again, config, err))
		return -1;
	take_texts(again, config, options->image);
	s2c_config_env(config, &again->env);
	again->options.kept_env = (const char *const *)again->env.items;
	if (!again->options.tag && !again->options.tags &&
		!found_by_id(image, options->image))
		again->options.tag = options->image;
	return 0;
}

int s2c_rebuild_prepare(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_rebuild_options *options, const struct s2c_build_options *given,
	struct s2c_rebuild **out, struct s2c_error **err)
{
	CLEAN(s2c_build_job_release)
	struct s2c_build_job job = {.ctx = ctx, .store = store, .options = given};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	struct s2c_rebuild *again;

	if (find(&job, options->image, &image, err))
		return -1;
	again = xcalloc(1, sizeof(*again));
	again->options = *given;
	if (take_all(again, image, options, err)) {
		s2c_rebuild_free(again);
		return -1;
	}
	s2c_emit_log(ctx, S2C_INFO, "'%s' is built again from '%s' with '%s'",
		options->image, again->options.source, again->options.builder);
	*out = again;
	return 0;
}
