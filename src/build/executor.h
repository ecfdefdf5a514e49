/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out instructions that need containers and commits: the triggers of a builder
 * image (onbuild.c), and each stage of a Dockerfile (dockerfile_build.c), which is a job
 * of its own for this. Steps between commits stay in the job as its `step`; the last
 * container is the caller's to commit.
 */
#ifndef S2C_BUILD_EXECUTOR_H
#define S2C_BUILD_EXECUTOR_H

#include "build/dockerfile_copy.h"
#include "build/dockerfile_eval.h"
#include "build/job.h"

struct s2c_executor {
	struct s2c_build_job *job;
	struct s2c_runtime_traits traits;
	struct s2c_eval eval;
	struct s2c_uids allowed;
	struct s2c_copy_from from;
	struct s2c_container *container; /* NULL: none so far */
	struct s2c_owner owner;          /* whose processes and files it has */
	const struct s2c_mount *mounted; /* what of job->mounts it was made with */
	/* Who will run next, if that is known; NULL: most likely the user in force. */
	const struct s2c_owner *ahead;
	bool ran;          /* something has run in it */
	bool user_set;     /* by an instruction */
	const char *doing; /* text of the instruction */
	const char *begun; /* of the one that the container was made for: its history */
};

/* Ready for `ops`; x->job is set, its options were checked. */
S2C_CHECK int s2c_executor_begin(
	struct s2c_executor *x, const struct s2c_eval_ops *ops, struct s2c_error **err);
void s2c_executor_release(struct s2c_executor *x);

/* Reads one instruction and applies it. */
S2C_CHECK int s2c_executor_apply(
	struct s2c_executor *x, const char *text, struct s2c_error **err);

/* The configuration as it is by now. Borrowed; commits replace it. */
static inline struct s2c_config *s2c_executor_config(struct s2c_executor *x)
{
	return x->job->plan->config;
}

/* ---- users ---- */

/* A user by the builder image's passwd and group. */
S2C_CHECK int s2c_executor_resolve_user(const struct s2c_executor *x, const char *spec,
	struct s2c_user *out, struct s2c_error **err);
/* For an op "user": S2C_EDENIED when --allowed-uids has not got it. */
S2C_CHECK int s2c_executor_allow_user(const struct s2c_executor *x, uint32_t uid,
	const char *remedy, struct s2c_error **err);

/* ---- containers ---- */

/* Sees to a container that files of this owner can be put into. */
S2C_CHECK int s2c_executor_need_for_copy(
	struct s2c_executor *x, const struct s2c_owner *owner, struct s2c_error **err);
/* Sees to a container, whatever it is good for. */
S2C_CHECK int s2c_executor_need_any(struct s2c_executor *x, struct s2c_error **err);
/* Sees to it that the container can be committed. */
S2C_CHECK int s2c_executor_settle(struct s2c_executor *x, struct s2c_error **err);

/* ---- ops of the evaluator; `self` is an executor ---- */

/*
 * Runs a command in a container of its user and of the mounts that the job has by now.
 * S2C_ECHILD with its status when it fails.
 */
S2C_CHECK int s2c_executor_run(
	void *self, const struct s2c_eval_run *run, struct s2c_error **err);
S2C_CHECK int s2c_executor_copy(
	void *self, const struct s2c_eval_copy *copy, struct s2c_error **err);
S2C_CHECK int s2c_executor_workdir(void *self, const char *path, struct s2c_error **err);
/* Who owns what a COPY brings: --chown, else root. A lone user's group has the same name
 * or number. */
S2C_CHECK int s2c_executor_copy_owner(const struct s2c_executor *x,
	const struct s2c_eval_copy *copy, struct s2c_owner *out, struct s2c_error **err);

#endif
