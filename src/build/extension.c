/* SPDX-License-Identifier: Apache-2.0 */
#include "build/extension.h"

#include <errno.h>
#include <fcntl.h>

#include "build/artifacts.h"
#include "build/job.h"
#include "build/labels.h"
#include "build/onbuild.h"
#include "build/paths.h"
#include "build/platform.h"
#include "build/resolve.h"
#include "build/rooted.h"
#include "util/fs.h"

void s2c_extension_release(struct s2c_extension *x)
{
	s2c_container_destroy(x->container);
	s2c_plan_free(x->plan);
	s2c_scripts_release(&x->scripts);
	s2c_users_release(&x->users);
	s2c_mount_specs_release(&x->artifacts);
	s2c_image_free(x->image);
	*x = (struct s2c_extension){.image = NULL};
}

bool s2c_build_is_extended(const struct s2c_build_job *job)
{
	return job->options->runtime_image != NULL;
}

/* ---- what to carry over ---- */

static int parse_artifacts(const struct s2c_build_options *options,
	struct s2c_mount_specs *specs, struct s2c_error **err)
{
	const char *const *list = options->runtime_artifacts;

	for (size_t i = 0; list && list[i]; i++)
		if (s2c_mount_specs_add(specs, S2C_SPEC_ARTIFACT, list[i], err))
			return -1;
	return 0;
}

int s2c_extension_check(const struct s2c_build_options *options, struct s2c_error **err)
{
	CLEAN(s2c_mount_specs_release) struct s2c_mount_specs specs = {0};

	if (options->runtime_artifacts && !options->runtime_image)
		return s2c_fail(err, S2C_EINVAL,
			"--runtime-artifact is for builds with --runtime-image");
	if (options->assemble_runtime_user && !options->runtime_image)
		return s2c_fail(err, S2C_EINVAL,
			"--assemble-runtime-user is for builds with --runtime-image");
	return parse_artifacts(options, &specs, err);
}

/* What options say, else what the runtime image wishes for. */
static int find_artifacts(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	const char *key = "", *label;

	if (parse_artifacts(job->options, &x->artifacts, err))
		return -1;
	if (x->artifacts.n)
		return 0;
	label = s2c_builder_label(x->image->config, S2C_LABEL_ASSEMBLE_INPUT_FILES, &key);
	if (label && s2c_mount_specs_add(&x->artifacts, S2C_SPEC_ARTIFACT, label, err))
		return s2c_wrap(err, "runtime image '%s', %s", x->image->name, key);
	if (!x->artifacts.n)
		return s2c_fail(err, S2C_EINVAL,
			"nothing is to be carried over into the runtime image '%s': name "
			"it with --runtime-artifact SRC[:DST], or in its label "
			"'" S2C_LABEL_PREFIX S2C_LABEL_ASSEMBLE_INPUT_FILES "'",
			x->image->name);
	return 0;
}

/* ---- deciding ---- */

int s2c_extension_resolve(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_platform platform;
	struct s2c_resolve_opts opts = {
		.name = job->options->runtime_image,
		.role = "runtime image",
		.flag = "--runtime-pull-policy",
		.policy = job->options->runtime_pull_policy,
		.registry = s2c_build_registry(job),
		.dry_run = job->dry_run || job->describing,
	};

	if (s2c_platform_option(job->options->platform, &platform, &opts.platform, err))
		return -1;
	return s2c_resolve_image(job->ctx, job->home, &opts, &job->extension.image, err);
}

/*
 * assemble-runtime and run, in the places where scripts are looked for, with the runtime
 * image as the last one. Where that has no run the builder's is meant, as S2I has it: it
 * is the runtime image that has to have it.
 */
static int find_scripts(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	const struct s2c_script_source *builders = &job->scripts.items[S2C_SCRIPT_RUN];
	struct s2c_script_source *run = &x->scripts.items[S2C_SCRIPT_RUN];
	CLEAN_FREE char *destination = NULL;
	struct s2c_scripts_opts opts = {
		.scripts_url = job->options->scripts_url,
		.url_of_image = job->options->scripts_url_of_image,
		.builder = x->image->config,
		.source = job->source,
		.ca_file = job->ca_file,
		.dry_run = job->dry_run,
	};

	if (s2c_builder_destination(
		    x->image->config, job->options->destination, &destination, err))
		return -1;
	opts.destination = destination;
	if (s2c_scripts_find_runtime(job->ctx, &opts, &x->scripts, err))
		return -1;
	if (!run->found)
		*run = (struct s2c_script_source){.found = true,
			.origin = builders->origin,
			.url = xstrdup(builders->url),
			.path = xstrdup(builders->path)};
	return 0;
}

static int make_plan(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	struct s2c_build_options options = *job->options;

	options.assemble_user = options.assemble_runtime_user;
	x->facts = job->facts;
	x->facts.builder = x->image->config;
	x->facts.is_runtime = true;
	x->facts.asked = job->options;
	x->facts.scripts = &x->scripts;
	x->facts.passwd = s2c_buf_str(&x->users.passwd);
	x->facts.group = s2c_buf_str(&x->users.group);
	return s2c_plan_make(&options, &x->facts, &x->plan, err);
}

int s2c_extension_decide(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;

	if (s2c_onbuild_wanted(job))
		return s2c_fail(err, S2C_EINVAL,
			"--runtime-image does not go with the ONBUILD triggers of '%s'",
			job->builder->name);
	if (!x->image)
		return 0;
	if (find_artifacts(job, err) || find_scripts(job, err) ||
		(job->runtime &&
			s2c_users_read(job->ctx, job->runtime, x->image, &x->users, err)))
		return -1;
	if (make_plan(job, err))
		return s2c_wrap(err, "runtime image '%s'", x->image->name);
	return 0;
}

/* ---- doing it ---- */

static struct s2c_exec_opts exec_opts(const struct s2c_plan *plan)
{
	return (struct s2c_exec_opts){
		.argv = &plan->assemble,
		.env = &plan->build_env,
		.cwd = plan->workdir,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
	};
}

/* Of what the build was given it has the network and the CA bundle. */
static int create(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	struct s2c_exec_opts first = exec_opts(x->plan);
	CLEAN_FREE char *by = s2c_build_created_by(job);
	struct s2c_mount bundle = {
		.source = job->ca_file, .destination = s2c_build_bundle_path(job)};
	struct s2c_container_foresight foresight = {
		.first = x->plan->assemble.len ? &first : NULL,
		.excludes = &x->plan->excludes,
		.read_after = S2C_IMAGE_METADATA_PATH,
		.created_by = by,
	};
	struct s2c_container_opts opts = {
		.image = x->image,
		.network = x->plan->network,
		.network_required = x->plan->network_asked,
		.limits = x->plan->limits,
		.uid = x->plan->user.uid,
		.gid = x->plan->user.gid,
		.mounts = &bundle,
		.n_mounts = job->ca_file ? 1 : 0,
		.foresight = &foresight,
	};

	return s2c_container_create(job->ctx, job->runtime, &opts, &x->container, err);
}

/* By a file without a name: an engine sends one thing after the other. */
static int carry(struct s2c_build_job *job, const struct s2c_mount_spec *spec,
	struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	CLEAN_FREE char *dir = s2c_inner_join(x->plan->workdir, spec->to);
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_WRITER struct s2c_writer *out = NULL;
	CLEAN_FD int file = -1;

	if (s2c_fs_open(
		    s2c_work_fd(job->work), ".", O_TMPFILE | O_RDWR, 0600, &file, err))
		return -1;
	out = s2c_writer_fd(file, false);
	if (s2c_container_copy_out(job->ctx, job->container, spec->from, out, err))
		return s2c_wrap(err, "'%s' of the build", spec->from);
	entries = s2c_artifacts_entries(file);
	return s2c_container_copy_in(job->ctx, x->container, dir, entries, err);
}

static int fill(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	CLEAN_ENTRIES struct s2c_entries *scripts = s2c_scripts_entries(&x->scripts);
	CLEAN_FREE char *bin = s2c_inner_join(x->plan->destination, "scripts");

	for (size_t i = 0; i < x->artifacts.n; i++)
		if (carry(job, &x->artifacts.items[i], err))
			return s2c_wrap(err, "%s", x->artifacts.items[i].origin);
	if (!scripts)
		return 0;
	scripts = s2c_rooted(TAKE(scripts), 0, 0);
	return s2c_container_copy_in(job->ctx, x->container, bin, scripts, err);
}

static int assemble(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_extension *x = &job->extension;
	struct s2c_exec_opts opts = exec_opts(x->plan);
	int status;

	/* One of the image was only promised, and nobody has to have it. */
	if (!x->plan->assemble.len ||
		!s2c_container_has_program(x->container, x->plan->assemble.items[0]))
		return 0;
	if (s2c_container_run(job->ctx, x->container, &opts, &status, err))
		return s2c_wrap(err, "assemble-runtime in '%s'", x->image->name);
	return status ? s2c_fail_status(err, S2C_ECHILD, status,
				"assemble-runtime in '%s' failed with status %d",
				x->image->name, status)
		      : 0;
}

int s2c_extension_run(struct s2c_build_job *job, struct s2c_error **err)
{
	if (create(job, err) || fill(job, err))
		return -1;
	/* Nobody needs it any more, and it may be large. */
	s2c_container_destroy(TAKE(job->container));
	return assemble(job, err);
}
