/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions under way, which need containers and commits: triggers of a builder image,
 * shared by the files of onbuild, and a stage of a Dockerfile (dockerfile_build.c), which
 * is a job of its own for this. Nobody else includes this.
 */
#ifndef S2C_BUILD_ONBUILD_IMPL_H
#define S2C_BUILD_ONBUILD_IMPL_H

#include "build/dockerfile_copy.h"
#include "build/dockerfile_eval.h"
#include "build/job.h"

struct s2c_onbuild {
	struct s2c_build_job *job;
	struct s2c_runtime_traits traits;
	struct s2c_eval eval;
	struct s2c_uids allowed;
	struct s2c_copy_from from;
	struct s2c_container *container; /* NULL: none so far */
	struct s2c_owner owner;          /* whose processes and files it has */
	const struct s2c_mount *mounted; /* what of job->mounts it was made with */
	/* Who will run next, as far as that is known; NULL: most likely the user in force
	 */
	const struct s2c_owner *ahead;
	bool ran;          /* something has run in it */
	bool user_set;     /* by a trigger */
	const char *doing; /* text of the trigger */
	const char *begun; /* of the one that the container was made for: its history */
};

static inline struct s2c_config *s2c_onbuild_config(struct s2c_onbuild *o)
{
	return o->job->plan->config;
}

/* A user by the builder image's passwd and group. */
S2C_CHECK int s2c_onbuild_resolve_user(const struct s2c_onbuild *o, const char *spec,
	struct s2c_user *out, struct s2c_error **err);
/* Sees to a container that files of this owner can be put into. */
S2C_CHECK int s2c_onbuild_need_for_copy(
	struct s2c_onbuild *o, const struct s2c_owner *owner, struct s2c_error **err);
/* Sees to a container, whatever it is good for. */
S2C_CHECK int s2c_onbuild_need_any(struct s2c_onbuild *o, struct s2c_error **err);
/*
 * Runs a command in a container of its user and of the mounts that the job has by now.
 * S2C_ECHILD with its status when it fails. An op of the evaluator.
 */
S2C_CHECK int s2c_onbuild_do_run(
	void *self, const struct s2c_eval_run *run, struct s2c_error **err);
/* For an op "user": S2C_EDENIED when --allowed-uids has not got it. */
S2C_CHECK int s2c_onbuild_allow_user(const struct s2c_onbuild *o, uint32_t uid,
	const char *remedy, struct s2c_error **err);
/* Ready for `ops`; options were checked. */
S2C_CHECK int s2c_onbuild_begin(
	struct s2c_onbuild *o, const struct s2c_eval_ops *ops, struct s2c_error **err);
void s2c_onbuild_release(struct s2c_onbuild *o);
/* Applies an instruction that no trigger has. */
S2C_CHECK int s2c_onbuild_apply(
	struct s2c_onbuild *o, const char *text, struct s2c_error **err);

/* ---- onbuild_copy.c: ops of the evaluator ---- */

/* Who owns what a COPY brings: --chown, else root. A lone user's group has the same name
 * or number. */
S2C_CHECK int s2c_onbuild_copy_owner(const struct s2c_onbuild *o,
	const struct s2c_eval_copy *copy, struct s2c_owner *out, struct s2c_error **err);
S2C_CHECK int s2c_onbuild_copy(
	void *self, const struct s2c_eval_copy *copy, struct s2c_error **err);
S2C_CHECK int s2c_onbuild_workdir(void *self, const char *path, struct s2c_error **err);

/* ---- onbuild_finish.c: what S2I does after the triggers ---- */

/*
 * Runs assemble of the source, if it has one, and chooses the entrypoint: S2C_EINVAL when
 * the image would start with nothing.
 */
S2C_CHECK int s2c_onbuild_finish(struct s2c_onbuild *o, struct s2c_error **err);

#endif
