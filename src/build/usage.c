/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The usage script of a builder image: run as assemble would be, in a container of which
 * nothing is kept.
 */
#include <s2c/build.h>

#include "build/job.h"
#include "build/rooted.h"

static int find(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_FREE char *destination = NULL;
	struct s2c_scripts_opts opts = {
		.scripts_url = job->options->scripts_url,
		.builder = job->builder->config,
		.ca_file = job->ca_file,
	};

	if (s2c_builder_destination(
		    job->builder->config, job->options->destination, &destination, err))
		return -1;
	opts.destination = destination;
	return s2c_scripts_find_one(
		job->ctx, &opts, S2C_SCRIPT_USAGE, &job->scripts, err);
}

/* A build's plan, in which usage stands where assemble does. */
static int decide(struct s2c_build_job *job, struct s2c_error **err)
{
	static const struct s2c_source_info nowhere;
	const struct s2c_script_source *usage = &job->scripts.items[S2C_SCRIPT_USAGE];
	struct s2c_scripts scripts = {0};

	if (s2c_users_read(job->ctx, job->runtime, job->builder, &job->users, err))
		return -1;
	scripts.items[S2C_SCRIPT_ASSEMBLE] = *usage;
	scripts.items[S2C_SCRIPT_RUN] = *usage;
	job->facts = (struct s2c_plan_facts){
		.builder = job->builder->config,
		.builder_name = job->builder->name,
		.builder_digest = job->builder->desc.digest.str,
		.source = &nowhere,
		.source_kind = "none",
		.scripts = &scripts,
		.passwd = s2c_buf_str(&job->users.passwd),
		.group = s2c_buf_str(&job->users.group),
		.env_files = job->env_file_texts,
		.n_env_files = job->n_env_files,
		.host_env = &job->host_env,
	};
	return s2c_plan_make(job->options, &job->facts, &job->plan, err);
}

static int create(struct s2c_build_job *job, const struct s2c_exec_opts *exec,
	struct s2c_error **err)
{
	struct s2c_container_foresight foresight = {.first = exec};
	struct s2c_container_opts opts = {
		.image = job->builder,
		.network = job->plan->network,
		.network_required = job->plan->network_asked,
		.limits = job->plan->limits,
		.uid = job->plan->user.uid,
		.gid = job->plan->user.gid,
		.foresight = &foresight,
	};

	return s2c_container_create(job->ctx, job->runtime, &opts, &job->container, err);
}

static int copy_script(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *script = s2c_scripts_entries(&job->scripts);
	CLEAN_FREE char *bin = xasprintf("%s/scripts", job->plan->destination);

	if (!script)
		return 0;
	script = s2c_rooted(TAKE(script), 0, 0);
	return s2c_container_copy_in(job->ctx, job->container, bin, script, err);
}

static int run(struct s2c_build_job *job, const struct s2c_exec_opts *exec,
	struct s2c_error **err)
{
	const struct s2c_script_source *usage = &job->scripts.items[S2C_SCRIPT_USAGE];
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(
		job->ctx, "usage", job->options->builder);
	int status;

	if (!s2c_container_has_program(job->container, usage->path))
		return s2c_fail(err, S2C_ENOENT,
			"builder image '%s' has no executable file '%s', where its usage "
			"script should be (%s '%s')",
			job->builder->name, usage->path, usage->origin, usage->url);
	if (s2c_container_run(job->ctx, job->container, exec, &status, err))
		return s2c_wrap(err, "usage of '%s'", job->builder->name);
	return status ? s2c_fail_status(err, S2C_ECHILD, status,
				"usage of '%s' failed with status %d", job->builder->name,
				status)
		      : 0;
}

int s2c_builder_usage(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, int fd_out, struct s2c_error **err)
{
	CLEAN(s2c_build_job_release)
	struct s2c_build_job job = s2c_build_job_new(ctx, store, options);
	struct s2c_exec_opts exec = {.fd_in = -1, .fd_out = fd_out, .fd_err = -1};

	job.keeps_work = options->save_temp_dir;
	if (s2c_build_check_options(&job, err) || s2c_build_read_env_files(&job, err) ||
		s2c_build_resolve(&job, err) || s2c_build_open_runtime(&job, err) ||
		find(&job, err) || decide(&job, err))
		return -1;
	exec.argv = &job.plan->assemble;
	exec.env = &job.plan->build_env;
	exec.cwd = job.plan->workdir;
	if (create(&job, &exec, err) || copy_script(&job, err))
		return -1;
	return run(&job, &exec, err);
}
