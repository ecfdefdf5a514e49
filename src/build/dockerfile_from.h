/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY --from: files of one stage's container into that of another. By a file without a
 * name, as engines send one thing after the other. Links are followed for what an
 * instruction names, and kept in directories.
 */
#ifndef S2C_BUILD_DOCKERFILE_FROM_H
#define S2C_BUILD_DOCKERFILE_FROM_H

#include "build/dockerfile_eval.h"
#include "runtime/runtime.h"

struct s2c_from {
	struct s2c_container *from, *to; /* nothing runs in `from` */
	struct s2c_owner owner;
	int dir_fd; /* where the file without a name is; borrowed */
};

/* S2C_EUNSUPPORTED for patterns and for all of a stage. Pure. */
S2C_CHECK int s2c_from_check(const struct s2c_eval_copy *copy, struct s2c_error **err);

/* S2C_ENOENT for what is not there, S2C_EINVAL when several sources need a directory. */
S2C_CHECK int s2c_from_copy(struct s2c_ctx *ctx, const struct s2c_from *how,
	const struct s2c_eval_copy *copy, struct s2c_error **err);

#endif
