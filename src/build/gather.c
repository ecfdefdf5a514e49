/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build finds out before anything runs: the options make sense, the images are
 * there, the source is readable, the scripts are found; then the plan is made.
 */
#include "build/job.h"

#include <errno.h>
#include <fcntl.h>

#include "build/callback.h"
#include "build/env.h"
#include "build/host_env.h"
#include "build/labels.h"
#include "build/onbuild.h"
#include "build/platform.h"
#include "build/remote.h"
#include "build/resolve.h"
#include "runtime/engine.h"
#include "util/fs.h"

#define ENVIRONMENT ".s2i/environment"
#define FORGIVEN_BYTES_MAX (1024u * 1024) /* of a file of the source */

struct s2c_registry_opts s2c_build_registry(const struct s2c_build_job *job)
{
	struct s2c_registry_opts opts = s2c_remote_opts(&job->options->remote);

	opts.ca_bundle = job->ca_file;
	return opts;
}

const char *s2c_build_bundle_path(const struct s2c_build_job *job)
{
	return job->options->engine ? S2C_CA_BUNDLE_COPY_PATH : S2C_CA_BUNDLE_PATH;
}

int s2c_build_check(const struct s2c_build_options *options, struct s2c_error **err)
{
	CLEAN(s2c_clean_plan) struct s2c_plan *scratch = xcalloc(1, sizeof(*scratch));

	if (options->keep_failed && options->engine)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"--keep-failed: the container of an engine is gone with its "
			"build; "
			"build without --engine");
	return s2c_plan_check_options(options, scratch, err) ||
			       s2c_extension_check(options, err) ||
			       s2c_build_check_timeouts(options->phase_timeouts, err) ||
			       s2c_callback_check(options->callback_url, err)
		       ? -1
		       : 0;
}

int s2c_build_check_options(struct s2c_build_job *job, struct s2c_error **err)
{
	const char *bundle = job->options->ca_bundle;
	struct s2c_remote_push push = {.chunk_size = job->options->chunk_size};

	if (s2c_build_check(job->options, err) || s2c_remote_push_check(&push, err) ||
		s2c_build_mounts_parse(&job->mounts, job->options, err))
		return -1;
	return bundle ? s2c_host_env_collect(bundle, s2c_build_bundle_path(job),
				&job->ca_file, &job->host_env, err)
		      : 0;
}

int s2c_build_read_env_files(struct s2c_build_job *job, struct s2c_error **err)
{
	const char *const *files = job->options->env_files;

	for (; files && files[job->n_env_files]; job->n_env_files++) {
		size_t i = job->n_env_files;

		if (i == S2C_ENV_FILES_MAX)
			return s2c_fail(err, S2C_ELIMIT, "more than %d environment files",
				S2C_ENV_FILES_MAX);
		job->env_files[i] = (struct s2c_buf)S2C_BUF_INIT(S2C_ENV_FILE_MAX);
		if (s2c_fs_read_file(AT_FDCWD, files[i], &job->env_files[i], err)) {
			s2c_buf_release(&job->env_files[i]);
			return s2c_wrap(err, "--environment-file");
		}
		job->env_file_texts[i] = (struct s2c_plan_file){
			.name = files[i],
			.text = s2c_buf_str(&job->env_files[i]),
			.len = job->env_files[i].len,
		};
	}
	return 0;
}

int s2c_build_read_mounts(struct s2c_build_job *job, struct s2c_error **err)
{
	return s2c_build_mounts_read(
		job->ctx, &job->mounts, s2c_store_path(job->store), err);
}

int s2c_build_open_home(struct s2c_build_job *job, struct s2c_error **err)
{
	const char *with = job->options->push_with;
	CLEAN_STRV struct s2c_strv volumes = S2C_STRV_INIT;
	struct s2c_engine_gate_opts opts = {.build = job->options, .volumes = &volumes};

	if (s2c_work_create(job->store, "build", &job->work, err))
		return -1;
	if (!job->options->engine) {
		job->home = s2c_home_store(job->store);
		return 0;
	}
	s2c_build_mounts_volumes(&job->mounts, &volumes);
	if (s2c_engine_gate_open(job->ctx, job->store, job->work, &opts, &job->gate, err))
		return -1;
	return s2c_home_engine(job->ctx, job->store, job->gate,
		with && streq(with, "s2c"), &job->home, err);
}

/* A plan can be made on a machine that could not build it. */
static int check_host(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_platform_check_host(job->builder->config, job->builder->name, &cause) ==
		0)
		return 0;
	if (job->dry_run || job->describing) {
		s2c_emit_log(job->ctx, S2C_WARN, "%s", s2c_error_message(cause));
		return 0;
	}
	s2c_error_move(err, &cause);
	return -1;
}

/* What its engine does not say of an image. */
static int complete(
	struct s2c_build_job *job, struct s2c_image *image, struct s2c_error **err)
{
	return job->gate && image
		       ? s2c_engine_complete(job->ctx, s2c_home_engine_of(job->home),
				 job->store, image, err)
		       : 0;
}

int s2c_build_resolve(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_platform platform;
	struct s2c_resolve_opts opts = {
		.name = job->options->builder,
		.role = "builder image",
		.flag = "--pull-policy",
		.policy = job->options->pull_policy,
		.registry = s2c_build_registry(job),
		.dry_run = job->dry_run || job->describing,
	};

	if (s2c_platform_option(job->options->platform, &platform, &opts.platform, err) ||
		s2c_build_open_home(job, err) ||
		s2c_resolve_image(job->ctx, job->home, &opts, &job->builder, err) ||
		complete(job, job->builder, err))
		return -1;
	if (job->builder && !job->gate && check_host(job, err))
		return -1;
	if (!s2c_build_is_extended(job))
		return 0;
	return s2c_extension_resolve(job, err) || complete(job, job->extension.image, err)
		       ? -1
		       : 0;
}

/* Reads a file of the source if it is there; `what` ends up in messages. */
static int read_optional(struct s2c_build_job *job, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;

	if (s2c_source_read(job->source, path, buf, &failure) == 0 ||
		s2c_error_code(failure) == S2C_ENOENT)
		return 0;
	s2c_error_move(err, &failure);
	return -1;
}

/*
 * A file that is given to the build in place of one of the source (.npmrc, pip.conf) has
 * lines of that one, which the image may hold: they are no secret of the build.
 */
static void forgive_lines(struct s2c_build_job *job)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (!job->mounts.needles)
		return;
	s2c_build_mounts_file_names(&job->mounts, &names);
	s2c_strv_foreach (name, &names) {
		CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(FORGIVEN_BYTES_MAX);

		if (!*name || s2c_ignore_match(job->ignore, name, false))
			continue;
		/* What cannot be read forgives nothing. */
		if (s2c_source_read(job->source, name, &text, NULL) == 0)
			s2c_needles_forgive(
				job->mounts.needles, s2c_buf_str(&text), text.len);
	}
}

int s2c_build_open_source(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf ignore = S2C_BUF_INIT(S2C_IGNORE_BYTES_MAX);
	struct s2c_source_opts opts = {
		.spec = job->options->source,
		.ref = job->options->ref,
		.context_dir = job->options->context_dir,
		.copy = job->options->copy,
		.ignore_submodules = job->options->ignore_submodules,
		.git_credentials = job->options->git_credentials,
		.stdin_fd = job->options->stdin_fd,
	};
	CLEAN_FREE char *stage_path = NULL;
	CLEAN_FD int stage = -1;

	if (s2c_fs_mkdir_p(s2c_work_fd(job->work), "source", 0700, err) ||
		s2c_fs_open(s2c_work_fd(job->work), "source", O_RDONLY | O_DIRECTORY, 0,
			&stage, err))
		return -1;
	stage_path = xasprintf("%s/source", s2c_work_path(job->work));
	opts.stage_fd = stage;
	opts.stage_path = stage_path;
	if (s2c_source_open(job->ctx, &opts, &job->source, err))
		return -1;
	if (job->source->info.dirty)
		s2c_emit_log(job->ctx, S2C_WARN,
			"'%s' has uncommitted changes, which are built too",
			job->options->source);
	if (read_optional(job, ".s2iignore", &ignore, err) ||
		s2c_ignore_new(ignore.len ? ignore.data : NULL, ignore.len,
			job->options->exclude, &job->ignore, err))
		return -1;
	forgive_lines(job);
	job->source_env = (struct s2c_buf)S2C_BUF_INIT(S2C_ENV_FILE_MAX);
	/* What is left out of the source is not there, as S2I has it. */
	if (s2c_ignore_match(job->ignore, ENVIRONMENT, false))
		return 0;
	return read_optional(job, ENVIRONMENT, &job->source_env, err);
}

int s2c_build_open_runtime(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_runtime_opts opts = {
		.name = job->gate ? "engine" : NULL,
		.store = job->store,
		.oci_runtime = job->options->oci_runtime,
		.opened = job->gate ? s2c_home_engine_of(job->home) : NULL,
	};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_UIDS struct s2c_uids uids = {0};

	if (s2c_uids_parse(job->options->allowed_uids, &uids, err))
		return s2c_wrap(err, "--allowed-uids");
	if (uids.n)
		opts.look_uid = uids.ranges[0].first;
	if (s2c_runtime_open(job->ctx, &opts, &job->runtime, &cause) == 0)
		return 0;
	/* A plan can be made on a machine that could not build it. */
	if ((job->dry_run || job->describing) &&
		s2c_error_code(cause) == S2C_EUNSUPPORTED) {
		s2c_emit_log(job->ctx, S2C_WARN, "%s", s2c_error_message(cause));
		return 0;
	}
	s2c_error_move(err, &cause);
	return -1;
}

static int find_scripts(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_FREE char *destination = NULL;
	struct s2c_scripts_opts opts = {
		.scripts_url = job->options->scripts_url,
		.url_of_image = job->options->scripts_url_of_image,
		.builder = job->builder->config,
		.source = job->source,
		.ca_file = job->ca_file,
		.dry_run = job->dry_run,
		.optional = s2c_onbuild_wanted(job),
	};

	if (s2c_builder_destination(
		    job->builder->config, job->options->destination, &destination, err))
		return -1;
	opts.destination = destination;
	return s2c_scripts_find(job->ctx, &opts, &job->scripts, err);
}

/* Of a plan that is made for any source (generate). */
static const struct s2c_source_info no_source = {
	.location = "",
	.context_dir = "",
	.ref = "",
	.commit_id = "",
	.author = "",
	.date = "",
	.message = "",
};

static int make_plan(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_build_place place = {
		.builder = job->builder->config,
		.builder_name = job->builder->name,
		.no_caches = job->options->no_cache_mounts,
	};

	job->facts = (struct s2c_plan_facts){
		.builder = job->builder->config,
		.builder_name = job->builder->name,
		.builder_digest = job->builder->desc.digest.str,
		.source = job->source ? &job->source->info : &no_source,
		.source_kind = job->source ? job->source->kind : "none",
		.source_env = job->source_env.len ? job->source_env.data : NULL,
		.source_env_len = job->source_env.len,
		.scripts = &job->scripts,
		.run_triggers = s2c_onbuild_wanted(job),
		.passwd = s2c_buf_str(&job->users.passwd),
		.group = s2c_buf_str(&job->users.group),
		.env_files = job->env_file_texts,
		.n_env_files = job->n_env_files,
		.host_env = &job->host_env,
		.mounts = &job->mounts.specs,
	};
	if (s2c_plan_make(job->options, &job->facts, &job->plan, err))
		return -1;
	s2c_strv_foreach (name, &job->plan->not_kept)
		s2c_emit_log(job->ctx, S2C_WARN,
			"variable '%s' of the image is not kept, since the builder image "
			"has it with another value: give it with --env, if it was yours",
			name);
	return s2c_build_mounts_place(&job->mounts, &place, job->plan, err);
}

/* Decides, with what only the builder image knows. */
int s2c_build_decide(struct s2c_build_job *job, struct s2c_error **err)
{
	if (!job->builder)
		return 0;
	if (s2c_build_open_runtime(job, err) || find_scripts(job, err))
		return -1;
	if (job->runtime && !job->without_layers &&
		s2c_users_read(job->ctx, job->runtime, job->builder, &job->users, err))
		return -1;
	if (make_plan(job, err))
		return -1;
	return s2c_build_is_extended(job) ? s2c_extension_decide(job, err) : 0;
}
