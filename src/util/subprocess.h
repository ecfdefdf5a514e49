/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: git, OCI runtimes, network helpers, credential helpers. No shell, no
 * inherited descriptors but the ones named, no inherited environment but the one given.
 */
#ifndef S2C_UTIL_SUBPROCESS_H
#define S2C_UTIL_SUBPROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/ctx.h"
#include "util/strv.h"

#define S2C_PROCESS_FDS_MAX 8

struct s2c_process_opts {
	/* argv[0] is looked up in PATH unless it has a slash. */
	const struct s2c_strv *argv;
	const struct s2c_strv *env; /* whole environment; NULL: that of s2c */
	const char *cwd;            /* NULL: that of s2c */
	/* Descriptors for the child's 0, 1, 2; -1: /dev/null. Borrowed. */
	int fd_in, fd_out, fd_err;
	/* Extra descriptors, which become 3, 4, ... in the child. Borrowed. */
	int extra_fds[S2C_PROCESS_FDS_MAX];
	size_t n_extra_fds;
	/* PR_SET_PDEATHSIG SIGKILL. The "parent" is the thread that spawns. */
	bool die_with_parent;
	bool new_session; /* setsid, so that a kill reaches its children too */
};
#define S2C_PROCESS_OPTS_INIT                                                            \
	{                                                                                \
		.fd_in = -1, .fd_out = -1, .fd_err = -1                                  \
	}

struct s2c_process {
	pid_t pid;  /* -1 when not running */
	int pidfd;  /* -1 when not running */
	bool group; /* kill the whole session */
};
#define S2C_PROCESS_INIT                                                                 \
	{                                                                                \
		.pid = -1, .pidfd = -1                                                   \
	}

/* Starts; fails with S2C_ENOENT when the program is not found. */
S2C_CHECK int s2c_process_spawn(const struct s2c_process_opts *opts,
	struct s2c_process *out_process, struct s2c_error **err);

/*
 * Waits. *out_status is the exit status, or 128 + signal. When the context ends the
 * process gets SIGTERM, after a second SIGKILL, is reaped, and the call fails.
 */
S2C_CHECK int s2c_process_wait(struct s2c_ctx *ctx, struct s2c_process *process,
	int *out_status, struct s2c_error **err);

/* SIGKILL and reap if still running; for CLEAN. */
void s2c_process_release(struct s2c_process *process);
#define CLEAN_PROCESS CLEAN(s2c_process_release)

/*
 * Runs to the end with the given standard input (may be NULL) and collects standard
 * output and error in the bufs (may be NULL: discarded), whose maxima hold (S2C_ELIMIT
 * ends the process). The same buf for both takes them in the order they come.
 * opts->fd_in/out/err are ignored. Any exit status is success here.
 */
struct s2c_run_io {
	const char *input;
	size_t input_len;
	struct s2c_buf *out;
	struct s2c_buf *err;
};
S2C_CHECK int s2c_process_run(struct s2c_ctx *ctx, const struct s2c_process_opts *opts,
	const struct s2c_run_io *io, int *out_status, struct s2c_error **err);

/* Finds a program in PATH; NULL when there is none. Caller frees. */
char *s2c_find_program(const char *name);

#endif
