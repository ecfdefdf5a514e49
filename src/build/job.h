/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One build under way: what was asked for, what was found out, what is decided, and
 * everything that must be released however the build ends. build.c has the order of the
 * phases; gather.c, assemble.c and commit.c have what happens in them.
 */
#ifndef S2C_BUILD_JOB_H
#define S2C_BUILD_JOB_H

#include "build/engine_gate.h"
#include "build/extension.h"
#include "build/home.h"
#include "build/mounts.h"
#include "build/plan.h"
#include "build/users.h"
#include "codec/json.h"
#include "runtime/runtime.h"
#include "source/ignore.h"
#include "store/work.h"

#define S2C_ENV_FILES_MAX 64
#define S2C_TIMEOUT_MAX 31536000u /* seconds of a phase: a year */

struct s2c_build_job {
	struct s2c_ctx *ctx;
	struct s2c_ctx *own; /* the same, if it is the job's; NULL: the caller's */
	struct s2c_store *store;
	const struct s2c_build_options *options;
	bool dry_run;
	bool keeps_work;     /* --save-temp-dir, and this is the build that it is for */
	bool describing;     /* nothing is pulled or run (--as-dockerfile) */
	bool without_layers; /* all that is here of the builder image is its config */

	struct s2c_engine_gate *gate; /* to an engine; NULL: s2c builds by itself */
	struct s2c_home *home;
	struct s2c_image *builder;
	struct s2c_work *work;
	struct s2c_source *source;
	struct s2c_ignore *ignore;
	struct s2c_runtime *runtime;
	struct s2c_scripts scripts;
	struct s2c_container *container;
	struct s2c_plan *plan;
	struct s2c_extension extension; /* with --runtime-image */

	struct s2c_buf source_env;
	struct s2c_users users;
	struct s2c_buf env_files[S2C_ENV_FILES_MAX];
	struct s2c_plan_file env_file_texts[S2C_ENV_FILES_MAX];
	size_t n_env_files;
	char *ca_file;
	struct s2c_strv host_env;
	struct s2c_build_mounts mounts;
	struct s2c_plan_facts facts;
	struct s2c_commit_result commit;
	struct s2c_image *before; /* what TAG means so far; NULL: nothing */
	bool replaces;            /* its artifacts were asked for: --rm may remove it */
	struct s2c_json *timings; /* milliseconds of each phase */
	struct s2c_build_result result;
	struct s2c_image *step; /* made on the way; goes with a build that fails */
	const char *dockerfile; /* where it goes, as asked for */
	char *dockerfile_path;  /* where it is */
};

/* A job with nothing done yet, under a context of its own that has options->timeout. */
struct s2c_build_job s2c_build_job_new(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options);
void s2c_build_job_release(struct s2c_build_job *job);

/* The plan and the container that the result is made of. */
static inline struct s2c_plan *s2c_build_last_plan(const struct s2c_build_job *job)
{
	return job->extension.plan ? job->extension.plan : job->plan;
}
static inline struct s2c_container *s2c_build_last_container(
	const struct s2c_build_job *job)
{
	return job->extension.container ? job->extension.container : job->container;
}

/* How the job reaches registries. Borrows of the job. */
struct s2c_registry_opts s2c_build_registry(const struct s2c_build_job *job);
/* What history says of the new layer; caller frees. */
char *s2c_build_created_by(const struct s2c_build_job *job);
/* Where the CA bundle is in the build container (--ca-bundle). */
const char *s2c_build_bundle_path(const struct s2c_build_job *job);

/* S2C_EINVAL for what is no "PHASE=SECONDS"; NULL-terminated, or NULL. */
S2C_CHECK int s2c_build_check_timeouts(
	const char *const *timeouts, struct s2c_error **err);
/* Bounds what follows under ctx by the time of this phase, until it ends. */
void s2c_build_stage_begin(
	const struct s2c_build_options *options, struct s2c_ctx *ctx, const char *phase);
/* Returns rc, the phase's; an error of time that is up gets the phase's name. */
S2C_CHECK int s2c_build_stage_end(
	struct s2c_ctx *ctx, const char *phase, int rc, struct s2c_error **err);

/* ---- build.c: phases ---- */

struct s2c_build_phase {
	const char *name; /* NULL: too short, or with phases of its own */
	int (*run)(struct s2c_build_job *job, struct s2c_error **err);
	/* Whether this build has it; NULL: every build. */
	bool (*wanted)(const struct s2c_build_job *job);
};
/* Runs them in order, each within its time; the first that fails ends it. */
S2C_CHECK int s2c_build_run_phases(struct s2c_build_job *job,
	const struct s2c_build_phase *phases, size_t n, struct s2c_error **err);

/* ---- gather.c: what is known before anything runs ---- */

/* Options that are wrong whatever the images say. */
S2C_CHECK int s2c_build_check_options(struct s2c_build_job *job, struct s2c_error **err);
S2C_CHECK int s2c_build_read_env_files(struct s2c_build_job *job, struct s2c_error **err);
/* The work directory, and where images live. */
S2C_CHECK int s2c_build_open_home(struct s2c_build_job *job, struct s2c_error **err);
/* Where containers run. */
S2C_CHECK int s2c_build_open_runtime(struct s2c_build_job *job, struct s2c_error **err);
/* Secrets and volumes. */
S2C_CHECK int s2c_build_read_mounts(struct s2c_build_job *job, struct s2c_error **err);
/* The same as s2c_build_open_home(), and the builder image. */
S2C_CHECK int s2c_build_resolve(struct s2c_build_job *job, struct s2c_error **err);
S2C_CHECK int s2c_build_open_source(struct s2c_build_job *job, struct s2c_error **err);
/* Runtime, scripts, users, and the plan; nothing when the builder image is not here. */
S2C_CHECK int s2c_build_decide(struct s2c_build_job *job, struct s2c_error **err);

/* ---- assemble.c: the build container ---- */

/* Makes the container and puts source and scripts into it. */
S2C_CHECK int s2c_build_prepare(struct s2c_build_job *job, struct s2c_error **err);
/* The same with another container, when what the first one got is of no use. */
S2C_CHECK int s2c_build_refill(struct s2c_build_job *job, struct s2c_error **err);
/*
 * What every container of the build is made with: network, limits, mounts, hosts; the
 * user and the image are the caller's. `mounts` has room for job->mounts.n + 1.
 */
void s2c_build_container_opts(const struct s2c_build_job *job, struct s2c_mount *mounts,
	struct s2c_container_opts *out);
/* Runs assemble; S2C_ECHILD with its status when it fails. */
S2C_CHECK int s2c_build_assemble(struct s2c_build_job *job, struct s2c_error **err);

/* ---- restore.c: artifacts of an earlier build ---- */

bool s2c_build_is_incremental(const struct s2c_build_job *job);
/* Puts them into the container, or says why not; fails only when the build has ended. */
S2C_CHECK int s2c_build_restore(struct s2c_build_job *job, struct s2c_error **err);

/* ---- commit.c: the result ---- */

/* Whether the result may be pushed is found out before the work, not after it. */
S2C_CHECK int s2c_build_check_push(struct s2c_build_job *job, struct s2c_error **err);
/* From the container to an image without a name. */
S2C_CHECK int s2c_build_commit(struct s2c_build_job *job, struct s2c_error **err);
/* Names, outputs, pushes, the record. */
S2C_CHECK int s2c_build_finish(struct s2c_build_job *job, struct s2c_error **err);

/* ---- as_dockerfile.c: the same build for others to carry out ---- */

/*
 * Instead of s2c_build_resolve(): what the builder image says of itself, from where
 * images live, else from its registry without its layers, else (with a warning) what
 * builder images usually say.
 */
S2C_CHECK int s2c_build_describe(struct s2c_build_job *job, struct s2c_error **err);
/* Finds the runtime image, which must be here: only it says what goes into it. */
S2C_CHECK int s2c_build_describe_runtime(
	struct s2c_build_job *job, struct s2c_error **err);
/* s2c_build_decide() with what is known then. */
S2C_CHECK int s2c_build_decide_described(
	struct s2c_build_job *job, struct s2c_error **err);
/* Writes the plan as a Dockerfile with its context; job->result.name is not touched. */
S2C_CHECK int s2c_build_write_dockerfile(
	struct s2c_build_job *job, struct s2c_error **err);

#endif
