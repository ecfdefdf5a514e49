/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restore phase of an incremental build: artifacts of the image that the tag means so
 * far go into the build container. Whatever is wrong with them, the build goes on
 * without: only its own end ends it.
 */
#include "build/job.h"

#include "build/artifacts.h"
#include "build/paths.h"
#include "build/resolve.h"

bool s2c_build_is_incremental(const struct s2c_build_job *job)
{
	return job->options->incremental;
}

/* Why the build is a clean one all the same; 0 unless the build itself has ended. */
static int go_without(struct s2c_build_job *job, enum s2c_level level,
	struct s2c_error *cause, struct s2c_error **err)
{
	if (s2c_ctx_check(job->ctx, err))
		return -1;
	s2c_emit_log(job->ctx, level, "a clean build, without artifacts of '%s': %s",
		job->plan->previous, s2c_error_message(cause));
	return 0;
}

static int find_previous(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_resolve_opts opts = {
		.name = job->plan->previous,
		.role = "previous image",
		.flag = "--incremental-pull-policy",
		.policy = job->options->incremental_pull_policy,
		.registry = s2c_build_registry(job),
	};

	return s2c_resolve_image(job->ctx, job->home, &opts, &job->before, err);
}

/* Of what the build is given, --volume; `out` has room for all. Returns how many. */
static size_t volumes(const struct s2c_build_job *job, struct s2c_mount *out)
{
	size_t n = 0;

	for (size_t i = 0; i < job->mounts.n; i++)
		if (job->mounts.items[i].kind == S2C_MOUNT_HOST)
			out[n++] = job->mounts.items[i];
	return n;
}

static int save(struct s2c_build_job *job, int *out_fd, struct s2c_error **err)
{
	const struct s2c_script_source *script =
		&job->scripts.items[S2C_SCRIPT_SAVE_ARTIFACTS];
	CLEAN_FREE struct s2c_mount *shown = xcalloc(job->mounts.n + 1, sizeof(*shown));
	struct s2c_artifacts_opts opts = {
		.runtime = job->runtime,
		.image = job->before,
		.script = script,
		.scripts = &job->scripts,
		.destination = job->plan->destination,
		.volumes = shown,
		.n_volumes = volumes(job, shown),
		.user = &job->plan->user,
		.limits = job->plan->limits,
		.dir_fd = s2c_work_fd(job->work),
	};

	if (!script->found)
		return s2c_fail(err, S2C_ENOENT, "there is no save-artifacts script");
	return s2c_artifacts_save(job->ctx, &opts, out_fd, err);
}

static int copy_in(struct s2c_build_job *job, int fd, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_artifacts_entries(fd);
	CLEAN_FREE char *dir = s2c_inner_join(job->plan->destination, "artifacts");

	return s2c_container_copy_in(job->ctx, job->container, dir, entries, err);
}

int s2c_build_restore(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_FD int fd = -1;

	if (find_previous(job, &cause))
		return go_without(job,
			s2c_error_code(cause) == S2C_ENOENT ? S2C_INFO : S2C_WARN, cause,
			err);
	if (save(job, &fd, &cause))
		return go_without(job,
			s2c_error_code(cause) == S2C_ENOENT ? S2C_INFO : S2C_WARN, cause,
			err);
	job->replaces = true;
	if (fd < 0 || copy_in(job, fd, &cause) == 0)
		return 0;
	/* Part of them may be there: what is not all of it must not be seen. */
	if (go_without(job, S2C_WARN, cause, err))
		return -1;
	return s2c_build_refill(job, err);
}
