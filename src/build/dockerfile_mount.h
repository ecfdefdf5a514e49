/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind --mount= of a RUN: fields "name=value" with commas between, of the
 * kinds that dockerfile_write.h writes. Pure. Meaning of the fields: Dockerfile reference
 * ("RUN --mount"). What a mount shows belongs to the user of its RUN and is as the kind
 * has it, so of uid and mode only those values are taken that say the same.
 */
#ifndef S2C_BUILD_DOCKERFILE_MOUNT_H
#define S2C_BUILD_DOCKERFILE_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define S2C_RUN_MOUNTS_MAX 64 /* of an instruction, as S2C_DOCKERFILE_FLAGS_MAX */

enum s2c_run_mount_kind {
	S2C_RUN_SECRET, /* a file, 0400 */
	S2C_RUN_CACHE,  /* a directory that lasts, 0755 */
	S2C_RUN_AGENT,  /* the SSH agent's socket, 0600 */
};

struct s2c_run_mount {
	enum s2c_run_mount_kind kind;
	char *id;      /* "default" for an agent without one; a cache's target else */
	char *target;  /* as written; NULL: the kind's usual place */
	bool required; /* it is an error when the build has not been given it */
	bool has_uid;
	uint32_t uid;
};

struct s2c_run_mounts {
	struct s2c_run_mount *items;
	size_t n;
};
void s2c_run_mounts_release(struct s2c_run_mounts *mounts);

/*
 * Adds one mount. S2C_EINVAL for what is none, S2C_EUNSUPPORTED (with the remedy) for
 * kinds and fields that docker has and this has not, S2C_ELIMIT.
 */
S2C_CHECK int s2c_run_mounts_add(
	struct s2c_run_mounts *mounts, const char *text, struct s2c_error **err);

#endif
