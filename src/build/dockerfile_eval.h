/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of a Dockerfile applied to the configuration of an image. What they do
 * besides (run a command, copy files, judge a user) is asked of an ops table, so that
 * this is pure. Meaning of the instructions: Dockerfile reference; where docker's
 * builders differ, docker build as the API's POST /build has it.
 *
 * FROM and ONBUILD are refused: they make stages and triggers. Whoever reads a whole file
 * (dockerfile_stages.h) takes FROM away before, and says that it is one: only then there
 * are other stages to copy from and mounts of a RUN.
 */
#ifndef S2C_BUILD_DOCKERFILE_EVAL_H
#define S2C_BUILD_DOCKERFILE_EVAL_H

#include "build/dockerfile.h"
#include "build/dockerfile_mount.h"
#include "image/config.h"

struct s2c_eval_run {
	const struct s2c_strv *argv; /* with the shell, for a shell form */
	const struct s2c_strv *env;  /* ENV and ARG so far; nothing is added */
	const char *cwd;             /* absolute */
	const char *user;            /* in force; "" is root */
	const struct s2c_run_mount *mounts;
	size_t n_mounts;
};

struct s2c_eval_copy {
	const struct s2c_strv *sources; /* as written, at least one */
	const char *destination;        /* absolute; a "/" at its end means a directory */
	const char *owner;              /* of --chown; NULL: root */
	int mode;                       /* of --chmod; -1: that of the source */
	bool unpack;                    /* ADD: a tar is unpacked */
	const char *from;               /* a stage by name or number; NULL: the context */
};

struct s2c_eval_ops {
	S2C_CHECK int (*run)(
		void *self, const struct s2c_eval_run *run, struct s2c_error **err);
	S2C_CHECK int (*copy)(
		void *self, const struct s2c_eval_copy *copy, struct s2c_error **err);
	/* Whether what follows may run as this user. */
	S2C_CHECK int (*user)(void *self, const char *user, struct s2c_error **err);
	/* Makes the directory if it is missing. */
	S2C_CHECK int (*workdir)(void *self, const char *path, struct s2c_error **err);
};

struct s2c_eval {
	struct s2c_config *config; /* borrowed, changed */
	const struct s2c_eval_ops *ops;
	void *self;
	/* Of a whole file: stages and mounts are known. */
	bool whole_file;
	/* Values for ARG, NAME=VALUE: those from outside win over a default, those of
	 * before the first FROM are for an ARG without one. Borrowed; may be NULL. */
	const struct s2c_strv *given, *before_from;
	struct s2c_strv args; /* ARG so far, NAME=VALUE */
	bool cmd_set;         /* CMD by an instruction: a later ENTRYPOINT keeps it */
};

void s2c_eval_release(struct s2c_eval *eval);

/*
 * Applies one instruction. S2C_EINVAL for wrong arguments, S2C_EUNSUPPORTED (with the
 * remedy) for what docker has and this has not, and the errors of the ops; all name the
 * instruction. `escape` is that of its file.
 */
S2C_CHECK int s2c_eval_apply(struct s2c_eval *eval,
	const struct s2c_instruction *instruction, char escape, struct s2c_error **err);

#endif
