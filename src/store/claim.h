/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claimed directories: a directory that belongs to one living process. The claim is a
 * flock on the directory itself, so it ends with the process however that dies, and
 * cannot be deleted apart from what it guards. Work directories and the private temp
 * directory of an open store are claims.
 *
 * Making and sweeping may race in any number of processes: who sweeps holds the claim
 * while removing, and who makes looks again after locking whether the name still is its
 * directory.
 */
#ifndef S2C_STORE_CLAIM_H
#define S2C_STORE_CLAIM_H

#include "util/error.h"

struct s2c_claim {
	int parent_fd; /* borrowed */
	char *name;    /* NULL: nothing claimed */
	int fd;        /* the directory, O_RDONLY, locked */
};
#define S2C_CLAIM_INIT                                                                   \
	{                                                                                \
		.parent_fd = -1, .fd = -1                                                \
	}

/* Makes parent_fd/<prefix>-<random>, 0700, and claims it. */
S2C_CHECK int s2c_claim_make(
	int parent_fd, const char *prefix, struct s2c_claim *out, struct s2c_error **err);

/*
 * Claims an existing directory. When its owner lives, or it is gone meanwhile, that is
 * success with out->name == NULL. Something that is no directory is S2C_EEXIST.
 */
S2C_CHECK int s2c_claim_take(
	int parent_fd, const char *name, struct s2c_claim *out, struct s2c_error **err);

/* Removes the directory with all in it and ends the claim. */
S2C_CHECK int s2c_claim_remove(struct s2c_claim *claim, struct s2c_error **err);

/* Ends the claim and leaves the directory to the next sweep. */
void s2c_claim_release(struct s2c_claim *claim);
#define CLEAN_CLAIM CLEAN(s2c_claim_release)

#endif
