/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running an image in the foreground, to try it.
 */
#ifndef S2C_RUN_H
#define S2C_RUN_H

#include <stdbool.h>

#include <s2c/store.h>

struct s2c_run_options {
	const char *image;
	const char *const *ports; /* "HOST:CONT" or "IP:HOST:CONT"; NULL-terminated or NULL */
	const char *const *env;	  /* "K=V"; NULL-terminated or NULL */
	const char *const *argv;  /* instead of the image's Cmd; NULL-terminated or NULL */
	const char *user;	  /* instead of the image's; NULL */
	/* The whole environment, as it is, instead of the image's and `env`; NULL. */
	const char *const *whole_env;
	const char *network;	  /* NULL: isolated (none without a helper) */
	const char *memory, *cpus;
	unsigned pids_limit;
	const char *oci_runtime;
	int fd_in, fd_out, fd_err; /* of the process */
};

/*
 * Runs until the process ends, with SIGTERM (then SIGKILL) when ctx is cancelled.
 * *out_status is its exit status. Nothing of what it wrote is kept.
 */
int s2c_image_run(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_run_options *options, int *out_status, struct s2c_error **err);

/* The name under which the store has what --keep-failed of a build kept. */
#define S2C_KEPT_NAME "s2c/failed"

/*
 * The same in the container that --keep-failed kept last: as the user of its assemble,
 * with its environment and directory; without argv a shell. Image, ports, env and user of
 * the options are not looked at. S2C_ENOENT: none is kept.
 */
int s2c_shell_last(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_run_options *options, int *out_status, struct s2c_error **err);

#endif
