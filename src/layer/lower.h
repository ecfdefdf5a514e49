/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies under the upper directory: the merged view of the lower trees, one directory
 * at a time, by the rules of overlayfs (Documentation/filesystems/overlayfs.rst): the
 * uppermost name wins, directories merge until an opaque one, a whiteout or a
 * non-directory. Private to layer.
 */
#ifndef S2C_LAYER_LOWER_H
#define S2C_LAYER_LOWER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "util/error.h"
#include "util/strv.h"

#define S2C_LAYER_DIR_MAX 4000000u /* names in one directory */

struct s2c_lowers {
	const int *roots; /* uppermost first; borrowed */
	size_t n;
	char *opaque_xattr; /* owned */
	size_t open_fds;
};

void s2c_lowers_init(
	struct s2c_lowers *lowers, const int *roots, size_t n, const char *xattr_prefix);
void s2c_lowers_release(struct s2c_lowers *lowers);

/* A directory of the merged view: the same path in some of the trees. */
struct s2c_lower_dir {
	char *path;
	size_t *trees; /* indexes into roots, uppermost first */
	int *fds;      /* opened when first needed */
	size_t n;      /* 0: there is no such directory below */
};

/* The root of all trees. */
void s2c_lower_root(struct s2c_lowers *lowers, struct s2c_lower_dir *out);
/* The directory `name` in dir; n is 0 if there is none or something else is there. */
S2C_CHECK int s2c_lower_enter(struct s2c_lowers *lowers, struct s2c_lower_dir *dir,
	const char *name, struct s2c_lower_dir *out, struct s2c_error **err);
/* Closes the fds; they are opened again when needed. */
void s2c_lower_dir_close(struct s2c_lowers *lowers, struct s2c_lower_dir *dir);
void s2c_lower_dir_release(struct s2c_lowers *lowers, struct s2c_lower_dir *dir);

/* A name in a directory of the merged view. dir_fd is borrowed from the directory. */
struct s2c_lower_hit {
	bool found;
	struct stat st;
	int dir_fd;
};
S2C_CHECK int s2c_lower_lookup(struct s2c_lowers *lowers, struct s2c_lower_dir *dir,
	const char *name, struct s2c_lower_hit *out, struct s2c_error **err);

/* All names that can be seen in a directory of the merged view, sorted. */
S2C_CHECK int s2c_lower_list(struct s2c_lowers *lowers, struct s2c_lower_dir *dir,
	struct s2c_strv *names, struct s2c_error **err);

#endif
