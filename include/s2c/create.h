/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scaffolds: the files that a new builder image begins with.
 */
#ifndef S2C_CREATE_H
#define S2C_CREATE_H

#include <stdbool.h>

#include <s2c/context.h>

/* What the image is made from if nobody says it. */
#define S2C_CREATE_FROM "docker.io/library/debian:bookworm-slim"

struct s2c_create_options {
	const char *image;     /* name of the builder image; no digest */
	const char *directory; /* gets the files; made when it is missing */
	const char *from;      /* base image of the Dockerfile; NULL: S2C_CREATE_FROM */
	bool force;            /* replace files that are there */
};

/*
 * Writes Dockerfile, scripts, a test, CI files and a README. Modes do not depend on the
 * umask. No symlink below the directory is followed. Without `force` S2C_EEXIST names the
 * files that are there already, and nothing was written; after any other failure what was
 * made is gone again (but for parents of the directory). S2C_EINVAL: a name is none, or
 * something is in the way of a directory.
 */
int s2c_create(struct s2c_ctx *ctx, const struct s2c_create_options *options,
	struct s2c_error **err);

#endif
