/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restore phase of an incremental build: artifacts of the image that the tag means so
 * far go into the build container. Whatever is wrong with them, the build goes on
 * without: only its own end ends it.
 */
#include "build/job.h"

#include <fcntl.h>

#include "build/artifacts.h"
#include "build/paths.h"
#include "build/resolve.h"
#include "codec/tar.h"
#include "util/fs.h"

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

static char *artifacts_dir(const struct s2c_build_job *job)
{
	return s2c_inner_join(job->plan->destination, "artifacts");
}

/* ---- who takes them ---- */

/* Puts them into the build container as they come. */
struct straight {
	struct s2c_build_job *job;
	bool begun; /* the container has some of them, perhaps not all */
};

static int take_straight(void *self, struct s2c_ctx *ctx, struct s2c_entries *entries,
	struct s2c_error **err)
{
	struct straight *straight = self;
	CLEAN_FREE char *dir = artifacts_dir(straight->job);

	straight->begun = true;
	return s2c_container_copy_in(ctx, straight->job->container, dir, entries, err);
}

/* Keeps them in a file without a name. */
struct spool {
	int fd;
	bool begun;
};

static int take_to_spool(void *self, struct s2c_ctx *ctx, struct s2c_entries *entries,
	struct s2c_error **err)
{
	struct spool *spool = self;
	CLEAN_WRITER struct s2c_writer *out = s2c_writer_fd(spool->fd, false);

	spool->begun = true;
	if (s2c_tar_write_all(ctx, entries, out, err))
		return -1;
	return s2c_finish(out, err);
}

/* ---- saving ---- */

/* Of what the build is given, --volume; `out` has room for all. Returns how many. */
static size_t volumes(const struct s2c_build_job *job, struct s2c_mount *out)
{
	size_t n = 0;

	for (size_t i = 0; i < job->mounts.n; i++)
		if (job->mounts.items[i].kind == S2C_MOUNT_HOST)
			out[n++] = job->mounts.items[i];
	return n;
}

static int save(struct s2c_build_job *job, const struct s2c_artifacts_taker *taker,
	struct s2c_error **err)
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
	};

	if (!script->found)
		return s2c_fail(err, S2C_ENOENT, "there is no save-artifacts script");
	return s2c_artifacts_save(job->ctx, &opts, taker, err);
}

static int copy_spooled(struct s2c_build_job *job, int fd, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_artifacts_entries(fd);
	CLEAN_FREE char *dir = artifacts_dir(job);

	return s2c_container_copy_in(job->ctx, job->container, dir, entries, err);
}

/* Where a container can be filled while another one runs. */
static int restore_straight(
	struct s2c_build_job *job, bool *out_spoilt, struct s2c_error **err)
{
	struct straight straight = {.job = job};
	struct s2c_artifacts_taker taker = {.take = take_straight, .self = &straight};

	if (save(job, &taker, err)) {
		*out_spoilt = straight.begun;
		return -1;
	}
	job->replaces = true;
	return 0;
}

static int restore_spooled(
	struct s2c_build_job *job, bool *out_spoilt, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	struct spool spool = {.fd = -1};
	struct s2c_artifacts_taker taker = {.take = take_to_spool, .self = &spool};

	if (s2c_fs_open(s2c_work_fd(job->work), ".", O_TMPFILE | O_RDWR, 0600, &fd, err))
		return -1;
	spool.fd = fd;
	if (save(job, &taker, err))
		return -1;
	job->replaces = true;
	if (!spool.begun || copy_spooled(job, fd, err) == 0)
		return 0;
	*out_spoilt = true;
	return -1;
}

int s2c_build_restore(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	bool straight = s2c_runtime_traits(job->runtime).parallel;
	bool spoilt = false;
	int rc = find_previous(job, &cause);

	if (rc == 0)
		rc = straight ? restore_straight(job, &spoilt, &cause)
			      : restore_spooled(job, &spoilt, &cause);
	if (rc == 0)
		return 0;
	if (go_without(job,
		    s2c_error_code(cause) == S2C_ENOENT && !spoilt ? S2C_INFO : S2C_WARN,
		    cause, err))
		return -1;
	/* Part of them may be there: what is not all of it must not be seen. */
	return spoilt ? s2c_build_refill(job, err) : 0;
}
