/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of dockerfile_build share: a whole Dockerfile under way. Nobody else
 * includes this.
 */
#ifndef S2C_BUILD_DOCKERFILE_BUILD_IMPL_H
#define S2C_BUILD_DOCKERFILE_BUILD_IMPL_H

#include "build/dockerfile_stages.h"
#include "build/executor.h"

/* A RUN as the trial has found it. */
struct s2c_file_run {
	struct s2c_owner owner;
	struct s2c_mount *mounts; /* NULL: none */
	size_t n_mounts;
	struct s2c_strv strings; /* that they point to */
	struct s2c_strv env;     /* that goes with them */
};

struct s2c_file_build;

struct s2c_file_stage {
	struct s2c_executor executor; /* the first member: ops get it */
	struct s2c_file_build *build;
	size_t number;
	const struct s2c_stage_text *text;
	/* Borrows of the build's but for builder, plan, users and step. */
	struct s2c_build_job job;
	struct s2c_file_run *runs;
	size_t n_runs, done;   /* of those, when carried out */
	struct s2c_strv texts; /* of instructions: history names them */
};

struct s2c_file_build {
	struct s2c_build_job job; /* the first member: phases get it */
	const struct s2c_dockerfile_options *what;
	char *path; /* of the file, for messages */
	struct s2c_strv given;
	struct s2c_dockerfile *file;
	struct s2c_stages texts;
	struct s2c_file_stage *stages; /* as many as texts */
	struct s2c_strv used;          /* ids of secrets that a RUN mounts */
};

/* Ready for these ops, with a stage's plan as it is. */
S2C_CHECK int s2c_file_begin_ops(
	struct s2c_file_stage *s, const struct s2c_eval_ops *ops, struct s2c_error **err);
/* Applies an instruction; errors name file and line. */
S2C_CHECK int s2c_file_apply(struct s2c_file_stage *s, const struct s2c_instruction *item,
	struct s2c_error **err);

/* ---- dockerfile_try.c ---- */

/*
 * Goes through a stage without doing anything: S2C_EINVAL, S2C_EUNSUPPORTED, S2C_EDENIED
 * for what is wrong or not allowed, S2C_ENOENT for what was not given. s->runs is filled.
 */
S2C_CHECK int s2c_file_try(struct s2c_file_stage *s, struct s2c_error **err);
/* Op "user" of the evaluator. */
S2C_CHECK int s2c_file_check_user(void *self, const char *spec, struct s2c_error **err);

#endif
