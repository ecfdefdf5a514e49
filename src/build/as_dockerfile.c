/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build for others to carry out: what is known of the builder image without its layers,
 * and the plan as a Dockerfile.
 */
#include "build/job.h"

#include <ctype.h>
#include <stdio.h>

#include "build/dockerfile.h"
#include "build/dockerfile_context.h"
#include "build/dockerfile_write.h"
#include "build/env.h"
#include "build/labels.h"
#include "build/paths.h"
#include "build/platform.h"
#include "build/rooted.h"
#include "registry/places.h"

#define SCRIPTS_URL_USUAL "image:///usr/libexec/s2i"
#define USER_USUAL "1001"

/* ---- the builder image ---- */

/* Where an image is not to be had, a Dockerfile can still be written. */
static bool may_be_guessed(const struct s2c_error *cause)
{
	enum s2c_code code = s2c_error_code(cause);

	return code == S2C_ENOENT || code == S2C_ENET || code == S2C_EAUTH;
}

static int from_registry(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_registry_opts registry = s2c_build_registry(job);
	struct s2c_pull_opts how = {.registry = &registry};
	struct s2c_platform platform;
	struct s2c_reference ref;
	bool is_alias;

	if (s2c_platform_option(job->options->platform, &platform, &how.platform, err) ||
		s2c_reference_parse(job->options->builder, &ref, err) ||
		(!*ref.registry && s2c_places_alias(job->ctx, &registry, &ref, &is_alias,
					   &ref, err)))
		return -1;
	if (!*ref.registry)
		return s2c_fail(err, S2C_ENOENT, "it names no registry");
	if (job->options->pull_policy == S2C_PULL_NEVER)
		return s2c_fail(
			err, S2C_ENOENT, "nothing is asked with --pull-policy never");
	if (s2c_registry_describe(job->ctx, job->store, &ref, &how, &job->builder, err) <
		0)
		return -1;
	s2c_reference_format(&ref, job->builder->name);
	job->without_layers = true;
	return 0;
}

/* An image that says nothing of itself. */
static void take_usual(struct s2c_build_job *job)
{
	struct s2c_platform platform;

	s2c_platform_host(&platform);
	job->builder = xcalloc(1, sizeof(*job->builder));
	job->builder->config = s2c_config_new(&platform);
	(void)snprintf(job->builder->name, sizeof(job->builder->name), "%s",
		job->options->builder);
	s2c_config_set_user(job->builder->config, USER_USUAL);
	job->without_layers = true;
}

/* The image from where images live, or nothing. */
static int from_home(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_build_resolve(job, &cause) == 0 || may_be_guessed(cause)) {
		/* Always means that a newer one may be at the registry. */
		if (job->builder && strchr(job->builder->name, '/') &&
			job->options->pull_policy == S2C_PULL_ALWAYS)
			s2c_image_free(TAKE(job->builder));
		return 0;
	}
	s2c_error_move(err, &cause);
	return -1;
}

int s2c_build_describe(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	const char *url = job->options->image_scripts_url;
	CLEAN_STRV struct s2c_strv triggers = S2C_STRV_INIT;
	struct s2c_reference ref;

	if (s2c_reference_parse(job->options->builder, &ref, err))
		return s2c_wrap(err, "BUILDER");
	if (from_home(job, err))
		return -1;
	if (!job->builder && from_registry(job, &cause)) {
		if (!may_be_guessed(cause)) {
			s2c_error_move(err, &cause);
			return s2c_wrap(err, "builder image '%s'", job->options->builder);
		}
		s2c_emit_log(job->ctx, S2C_WARN,
			"the labels of builder image '%s' are not known, its scripts are "
			"taken to be at '%s' and its user to be " USER_USUAL ": %s",
			job->options->builder, url ? url : SCRIPTS_URL_USUAL,
			s2c_error_message(cause));
		take_usual(job);
	}
	s2c_config_onbuild(job->builder->config, &triggers);
	if (triggers.len)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"builder image '%s' has ONBUILD triggers, which docker and "
			"podman "
			"run at FROM by themselves: a Dockerfile of the one line 'FROM "
			"%s' "
			"in the source does it",
			job->builder->name, job->builder->name);
	if (!*s2c_builder_scripts_url(job->builder->config))
		s2c_config_set_label(job->builder->config,
			S2C_LABEL_PREFIX S2C_LABEL_SCRIPTS_URL,
			url ? url : SCRIPTS_URL_USUAL);
	return 0;
}

int s2c_build_decide_described(struct s2c_build_job *job, struct s2c_error **err)
{
	if (s2c_build_decide(job, err) == 0)
		return 0;
	/* A name that would be in the image's passwd. */
	if (job->without_layers && err && s2c_error_code(*err) == S2C_ENOENT)
		return s2c_wrap(err,
			"all that is known of '%s' is what it says of itself ('s2c pull' "
			"gets the rest)",
			job->builder->name);
	return -1;
}

/* What is to be carried over and run there: only the image itself says. */
int s2c_build_describe_runtime(struct s2c_build_job *job, struct s2c_error **err)
{
	/* The search for the builder image may have ended before this one's. */
	if (!job->extension.image && s2c_extension_resolve(job, err))
		return -1;
	if (job->extension.image)
		return 0;
	return s2c_fail(err, S2C_ENOENT,
		"runtime image '%s' is not here: 's2c pull' gets it",
		job->options->runtime_image);
}

/* ---- the plan as a Dockerfile ---- */

/* What the vectors and strings of a struct s2c_dockerfile_plan are borrowed from. */
struct described {
	char *user, *owner;
	char *runtime_user, *runtime_owner;
	struct s2c_dockerfile_artifact *artifacts;
	struct s2c_strv labels, build_env;
	struct s2c_strv strings; /* of the mounts */
	struct s2c_dockerfile_mount *mounts;
	size_t n_mounts;
};

static void described_release(struct described *d)
{
	free(d->user);
	free(d->owner);
	free(d->runtime_user);
	free(d->runtime_owner);
	free(d->artifacts);
	s2c_strv_release(&d->labels);
	s2c_strv_release(&d->build_env);
	s2c_strv_release(&d->strings);
	free(d->mounts);
}

/*
 * Numbers, as they were allowed: a name could mean another user when the image is another
 * one by then.
 */
static void describe_user(const struct s2c_plan *plan, char **out_user, char **out_owner)
{
	const char *spec = plan->user_spec;

	if (*spec && !spec[strspn(spec, "0123456789")])
		*out_user = xstrdup(spec);
	else
		*out_user = xasprintf("%u:%u", plan->user.uid, plan->user.gid);
	*out_owner = xasprintf("%u:%u", plan->user.uid, plan->user.gid);
}

/* The image so far, and how it saves its artifacts. */
static void describe_saving(const struct s2c_build_job *job, const struct described *d,
	struct s2c_dockerfile_stage *out)
{
	const struct s2c_script_source *script =
		&job->scripts.items[S2C_SCRIPT_SAVE_ARTIFACTS];

	if (!job->plan->previous)
		return;
	if (!script->found) {
		s2c_emit_log(job->ctx, S2C_WARN,
			"there is no save-artifacts script, so nothing is taken over "
			"from "
			"'%s'",
			job->plan->previous);
		return;
	}
	*out = (struct s2c_dockerfile_stage){
		.image = job->plan->previous,
		.user = d->user,
		.owner = d->owner,
		.script = script->path,
		.copies_script = script->body.len > 0,
	};
}

static int describe_build_env(
	const struct s2c_build_job *job, struct described *d, struct s2c_error **err)
{
	const char *const *list = job->options->build_env;

	for (size_t i = 0; list && list[i]; i++)
		if (s2c_env_parse_flag("--build-env", list[i], &d->build_env, err))
			return -1;
	return 0;
}

static const char *keep(struct described *d, char *text)
{
	s2c_strv_add_take(&d->strings, text);
	return text;
}

static void add_mount(struct described *d, enum s2c_dockerfile_mount_kind kind,
	const char *id, const char *target)
{
	d->mounts = xreallocarray(d->mounts, d->n_mounts + 1, sizeof(*d->mounts));
	d->mounts[d->n_mounts++] = (struct s2c_dockerfile_mount){
		.kind = kind, .id = id, .target = target};
}

/* --secret has a name already; files of --inject get one that tells them apart. */
static void describe_secret(struct described *d, const struct s2c_mount_spec *spec,
	const struct s2c_mount *mount)
{
	if (spec->kind == S2C_SPEC_SECRET) {
		add_mount(d, S2C_DOCKERFILE_SECRET,
			keep(d, xstrdup(strrchr(mount->destination, '/') + 1)),
			mount->destination);
		return;
	}
	for (size_t i = 0; i < mount->n_files; i++) {
		const char *path = mount->files[i].path;
		const char *target = keep(d,
			xasprintf("%s%s%s", mount->destination, *path ? "/" : "", path));
		char *id = xasprintf(
			"inject-%zu-%s", d->n_mounts, strrchr(target, '/') + 1);

		if (strlen(id) > S2C_MOUNT_ID_MAX)
			id[S2C_MOUNT_ID_MAX] = '\0';
		for (char *p = id; *p; p++)
			if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
				*p = '_';
		add_mount(d, S2C_DOCKERFILE_SECRET, keep(d, id), target);
	}
}

/*
 * What was asked for by options. Caches that only the builder image asks for are a
 * matter of speed, and the classic builder knows no mounts.
 */
static int describe_mounts(
	const struct s2c_build_job *job, struct described *d, struct s2c_error **err)
{
	const struct s2c_mount *mount = job->mounts.items;

	for (size_t i = 0; i < job->mounts.specs.n; i++) {
		const struct s2c_mount_spec *spec = &job->mounts.specs.items[i];

		switch (spec->kind) {
		case S2C_SPEC_VOLUME:
			return s2c_fail(err, S2C_EUNSUPPORTED,
				"%s '%s': a Dockerfile has no directories of the host",
				spec->origin, spec->text);
		case S2C_SPEC_HOST:
			s2c_emit_log(job->ctx, S2C_WARN,
				"--add-host '%s' is no part of a Dockerfile: give it to "
				"the "
				"build of it",
				spec->text);
			continue;
		case S2C_SPEC_ARTIFACT: /* of another list */
			continue;
		case S2C_SPEC_INJECTION:
		case S2C_SPEC_SECRET:
			describe_secret(d, spec, mount);
			break;
		case S2C_SPEC_AGENT:
			add_mount(d, S2C_DOCKERFILE_AGENT, "default", NULL);
			break;
		case S2C_SPEC_CACHE:
			if (starts_with(spec->origin, "--"))
				add_mount(d, S2C_DOCKERFILE_CACHE, spec->from,
					mount->destination);
			break;
		}
		mount++;
	}
	return 0;
}

/* The stage of the runtime image, which the result is made of then. */
static void describe_runtime(
	struct s2c_build_job *job, struct described *d, struct s2c_dockerfile_plan *out)
{
	const struct s2c_extension *x = &job->extension;
	const struct s2c_plan *plan = x->plan;

	if (!plan)
		return;
	describe_user(plan, &d->runtime_user, &d->runtime_owner);
	out->runtime = (struct s2c_dockerfile_stage){
		.image = x->image->name,
		.user = d->runtime_user,
		.owner = d->runtime_owner,
		.script = plan->assemble.len ? plan->assemble.items[0] : NULL,
		.optional = !x->scripts.items[S2C_SCRIPT_ASSEMBLE_RUNTIME].body.len,
		.copies_script = x->scripts.items[S2C_SCRIPT_ASSEMBLE_RUNTIME].body.len ||
				 x->scripts.items[S2C_SCRIPT_RUN].body.len,
		.excludes = &plan->excludes,
	};
	/* The artifact keeps its name in the directory that it goes to. */
	d->artifacts = xcalloc(x->artifacts.n, sizeof(*d->artifacts));
	for (size_t i = 0; i < x->artifacts.n; i++) {
		const struct s2c_mount_spec *spec = &x->artifacts.items[i];
		const char *name = strrchr(spec->from, '/') + 1;
		CLEAN_FREE char *path = xasprintf("%s/%s", spec->to, name);

		d->artifacts[i] = (struct s2c_dockerfile_artifact){
			.from = spec->from,
			.to = keep(d, s2c_inner_join(plan->workdir, path)),
		};
	}
	out->artifacts = d->artifacts;
	out->n_artifacts = x->artifacts.n;
	out->run = plan->run.items[0];
	out->image_user = plan->image_user;
	s2c_strv_release(&d->labels);
	s2c_labels_new(plan->config, x->image->config, &d->labels);
}

static int write_text(struct s2c_build_job *job, bool copies_scripts,
	struct s2c_buf *text, struct s2c_error **err)
{
	const struct s2c_plan *plan = job->plan;
	CLEAN(described_release) struct described d = {.user = NULL};
	struct s2c_dockerfile_plan file = {
		.by = job->source ? "build" : "generate",
		.platform = job->options->platform,
		.destination = plan->destination,
		.copies_source = true,
		.run = plan->run.items[0],
		.image_user = plan->image_user,
		.env = &plan->env,
		.labels = &d.labels,
	};

	describe_user(plan, &d.user, &d.owner);
	s2c_labels_new(plan->config, job->builder->config, &d.labels);
	file.build = (struct s2c_dockerfile_stage){
		.image = job->builder->name,
		.user = d.user,
		.owner = d.owner,
		.script = plan->assemble.items[0],
		.copies_script = copies_scripts,
		.excludes = &plan->excludes,
	};
	describe_saving(job, &d, &file.saving);
	describe_runtime(job, &d, &file);
	if (describe_build_env(job, &d, err) || describe_mounts(job, &d, err))
		return -1;
	file.build_env = &d.build_env;
	file.mounts = d.mounts;
	file.n_mounts = d.n_mounts;
	return s2c_dockerfile_write(&file, text, err);
}

/* The source as the build would copy it. */
static int open_source(
	struct s2c_build_job *job, struct s2c_entries **out, struct s2c_error **err)
{
	struct s2c_entries *files = NULL;

	if (!job->source)
		return 0;
	if (s2c_source_walk(job->source, job->ignore, &files, err))
		return s2c_wrap(err, "source '%s'", job->options->source);
	*out = s2c_rooted(files, 0, 0);
	return 0;
}

int s2c_build_write_dockerfile(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_DOCKERFILE_MAX);
	CLEAN_ENTRIES struct s2c_entries *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *scripts = s2c_scripts_entries(&job->scripts);
	CLEAN_ENTRIES struct s2c_entries *runtime_scripts = s2c_scripts_entries(
		&job->extension.scripts);
	struct s2c_dockerfile_context context = {
		.path = job->dockerfile,
		.text = &text,
		.by = job->source ? "build" : "generate",
		.source_fd = job->source ? job->source->fd : -1,
	};

	if (write_text(job, scripts != NULL, &text, err) ||
		open_source(job, &source, err))
		return s2c_wrap(err, "cannot be written as a Dockerfile");
	if (scripts)
		scripts = s2c_rooted(TAKE(scripts), 0, 0);
	context.source = source;
	context.scripts = scripts;
	if (runtime_scripts)
		runtime_scripts = s2c_rooted(TAKE(runtime_scripts), 0, 0);
	context.runtime_scripts = runtime_scripts;
	return s2c_dockerfile_context_put(job->ctx, &context, &job->dockerfile_path, err);
}
