/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The build container: made of the builder image, given source and scripts, and the
 * place where assemble runs.
 */
#include "build/job.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "build/host_env.h"
#include "build/kept.h"
#include "build/labels.h"
#include "build/rooted.h"
#include "codec/ahead.h"
#include "codec/progress.h"

#define DISK_FULL (1u << 20) /* bytes; with less left nothing much can be written */

/* The source's files; the directory itself is as old as the source's. */
static int open_entries(
	struct s2c_build_job *job, struct s2c_entries **out, struct s2c_error **err)
{
	/* Named as the phase that it is a part of. */
	struct s2c_progress told = {.phase = "prepare", .subject = job->options->source};
	struct s2c_entries *files = NULL;
	struct stat st;

	if (fstat(job->source->fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at it");
	if (s2c_source_walk(job->source, job->ignore, &files, err))
		return -1;
	files = s2c_entries_ahead(job->ctx, files, true);
	files = s2c_entries_progress(job->ctx, files, true, &told);
	if (job->source->from_commit)
		*out = s2c_rooted(files, job->source->commit_time, 0);
	else
		*out = s2c_rooted(files, st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec);
	return 0;
}

static int copy_source(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *scripts = s2c_scripts_entries(&job->scripts);
	CLEAN_FREE char *src = xasprintf("%s/src", job->plan->destination);
	CLEAN_FREE char *bin = xasprintf("%s/scripts", job->plan->destination);

	if (open_entries(job, &source, err) ||
		s2c_container_copy_in(job->ctx, job->container, src, source, err))
		return s2c_wrap(err, "source '%s'", job->options->source);
	if (!scripts)
		return 0;
	scripts = s2c_rooted(TAKE(scripts), 0, 0);
	if (s2c_container_copy_in(job->ctx, job->container, bin, scripts, err))
		return s2c_wrap(err, "scripts");
	return 0;
}

static struct s2c_exec_opts assemble_opts(const struct s2c_build_job *job)
{
	return (struct s2c_exec_opts){
		.argv = &job->plan->assemble,
		.env = &job->plan->build_env,
		.cwd = job->plan->workdir,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
	};
}

char *s2c_build_created_by(const struct s2c_build_job *job)
{
	return xasprintf(
		"s2c build %s %s", job->source->info.location, job->builder->name);
}

void s2c_build_container_opts(const struct s2c_build_job *job, struct s2c_mount *mounts,
	struct s2c_container_opts *out)
{
	const struct s2c_build_mounts *given = &job->mounts;

	*out = (struct s2c_container_opts){
		.network = job->plan->network,
		.network_required = job->plan->network_asked,
		.limits = job->plan->limits,
		.mounts = mounts,
		.n_mounts = given->n,
		.hosts = given->hosts,
		.n_hosts = given->n_hosts,
	};
	if (given->n)
		memcpy(mounts, given->items, given->n * sizeof(*mounts));
	if (job->ca_file)
		mounts[out->n_mounts++] = (struct s2c_mount){.source = job->ca_file,
			.destination = s2c_build_bundle_path(job)};
}

static int create(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_FREE struct s2c_mount *mounts = xcalloc(job->mounts.n + 1, sizeof(*mounts));
	struct s2c_exec_opts first = assemble_opts(job);
	CLEAN_FREE char *by = s2c_build_created_by(job);
	struct s2c_container_foresight foresight = {
		.first = &first,
		.excludes = &job->plan->excludes,
		.read_after = S2C_IMAGE_METADATA_PATH,
		.created_by = by,
	};
	struct s2c_container_opts opts;

	/* Then it is not the one that is committed, and what is left in it may be asked
	 * for. */
	if (s2c_build_is_extended(job))
		foresight = (struct s2c_container_foresight){.first = &first};

	s2c_build_container_opts(job, mounts, &opts);
	opts.image = job->builder;
	opts.uid = job->plan->user.uid;
	opts.gid = job->plan->user.gid;
	opts.foresight = &foresight;
	return s2c_container_create(job->ctx, job->runtime, &opts, &job->container, err);
}

/* An image:// script was only promised so far. */
static int check_assemble(struct s2c_build_job *job, struct s2c_error **err)
{
	const struct s2c_script_source *script = &job->scripts.items[S2C_SCRIPT_ASSEMBLE];

	if (s2c_container_has_program(job->container, script->path))
		return 0;
	return s2c_fail(err, S2C_ENOENT,
		"builder image '%s' has no executable file '%s', where its assemble "
		"script should be (%s '%s'): take another builder image, or name a place "
		"with --scripts-url",
		job->builder->name, script->path, script->origin, script->url);
}

static int fill(struct s2c_build_job *job, struct s2c_error **err)
{
	if (create(job, err) || copy_source(job, err))
		return -1;
	return check_assemble(job, err);
}

int s2c_build_prepare(struct s2c_build_job *job, struct s2c_error **err)
{
	if (s2c_build_decide(job, err) || s2c_build_check_push(job, err))
		return -1;
	return fill(job, err);
}

int s2c_build_refill(struct s2c_build_job *job, struct s2c_error **err)
{
	s2c_container_destroy(TAKE(job->container));
	return fill(job, err);
}

/* What a script often cannot say itself: "" or ": cause and remedy". */
static const char *likely_cause(const struct s2c_build_job *job, int status)
{
	struct statvfs fs;

	/* What it wrote is still there, so a disk that was full is full. */
	if (fstatvfs(s2c_work_fd(job->work), &fs) == 0 &&
		(uint64_t)fs.f_bavail * fs.f_frsize < DISK_FULL)
		return ": the disk of the store is full, free some; 's2c prune' may help";
	if (status == 128 + SIGKILL && job->plan->limits.memory)
		return ": probably it needs more than --memory allows";
	return "";
}

static int fail_assemble(struct s2c_build_job *job, int status, struct s2c_error **err)
{
	const char *why = likely_cause(job, status);

	if (status > 128)
		return s2c_fail_status(err, S2C_ECHILD, status,
			"assemble of '%s' was ended by signal %d (status %d)%s",
			job->builder->name, status - 128, status, why);
	return s2c_fail_status(err, S2C_ECHILD, status,
		"assemble of '%s' failed with status %d%s", job->builder->name, status,
		why);
}

int s2c_build_assemble(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_exec_opts opts = assemble_opts(job);
	CLEAN_ERROR struct s2c_error *cause = NULL;
	int status;

	if (s2c_container_run(job->ctx, job->container, &opts, &status, &cause)) {
		/* Who calls it off does not want to look into it. */
		if (job->options->keep_failed && s2c_error_code(cause) == S2C_ETIMEOUT)
			s2c_kept_make(job);
		s2c_error_move(err, &cause);
		return s2c_wrap(err, "assemble of '%s'", job->builder->name);
	}
	if (status && job->options->keep_failed)
		s2c_kept_make(job);
	return status ? fail_assemble(job, status, err) : 0;
}
