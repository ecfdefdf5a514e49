/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work directories: what one running command owns on disk (overlay upper, bundle, staged
 * source). Each is claimed by a flock on the directory while its process lives; opening
 * the store removes those that nobody claims.
 */
#ifndef S2C_STORE_WORK_H
#define S2C_STORE_WORK_H

#include "store/store.h"

struct s2c_work;

/* A fresh directory work/<prefix>-<random>, 0700. */
S2C_CHECK int s2c_work_create(struct s2c_store *store, const char *prefix,
	struct s2c_work **out, struct s2c_error **err);
int s2c_work_fd(const struct s2c_work *work);
const char *s2c_work_path(const struct s2c_work *work); /* absolute, borrowed */
const char *s2c_work_name(const struct s2c_work *work); /* "<prefix>-<random>" */
/*
 * Moves the directory out of the way of sweeps: *out_path is where it is from then on,
 * and s2c_work_free() leaves it there. Caller frees *out_path.
 */
S2C_CHECK int s2c_work_save(struct s2c_store *store, struct s2c_work *work,
	char **out_path, struct s2c_error **err);
/* Removes all that were saved. */
S2C_CHECK int s2c_work_drop_saved(struct s2c_store *store, struct s2c_error **err);
/* Removes the directory with all in it; NULL is fine. */
void s2c_work_free(struct s2c_work *work);
S2C_DEFINE_CLEAN(work, struct s2c_work *, s2c_work_free)
#define CLEAN_WORK CLEAN(s2c_clean_work)

/*
 * Records a directory outside of the store (a cgroup) that is to be removed with rmdir(2)
 * when the work directory is freed, or swept after its process was killed. To be called
 * before the directory is made, parents before children; at most S2C_WORK_LEFTOVERS_MAX.
 * While one of them is busy (EBUSY) the work directory is left alone too.
 */
#define S2C_WORK_LEFTOVERS_MAX 64
S2C_CHECK int s2c_work_note_leftover(
	struct s2c_work *work, const char *absolute_path, struct s2c_error **err);

#endif
