/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --keep-failed keeps of a build whose assemble failed: the container's files as an
 * image of the store, named S2C_KEPT_NAME, and beside it how assemble was run. There is
 * one at a time: the next failure replaces it, and prune removes it.
 */
#ifndef S2C_BUILD_KEPT_H
#define S2C_BUILD_KEPT_H

#include "build/job.h"

#define S2C_KEPT_RECORD "failed"               /* in the store, mode 0600 */
#define S2C_KEPT_RECORD_MAX (4u * 1024 * 1024) /* bytes */
#define S2C_KEPT_SECONDS 300                   /* for keeping it */

/* Keeps job's container; that it cannot be done is a warning. */
void s2c_kept_make(struct s2c_build_job *job);

/* Forgets it, and the work directories of --save-temp-dir, if there are any. */
S2C_CHECK int s2c_kept_drop(
	struct s2c_ctx *ctx, struct s2c_store *store, struct s2c_error **err);

#endif
