/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of an image as text: where a path leads inside of a root directory once its
 * symlinks are followed. For handing to an OCI runtime, which then has no link to follow.
 */
#ifndef S2C_RUNTIME_ROOTPATH_H
#define S2C_RUNTIME_ROOTPATH_H

#include <stdbool.h>

#include "util/error.h"

/*
 * The absolute path, without ".", ".." and symlinks, that a process chrooted to root_fd
 * reaches by `path`. What does not exist is taken as it is, so the result of "/a/b" may
 * be "/x/b" with "/x" missing. *out_exists (may be NULL) tells. Caller frees *out.
 */
S2C_CHECK int s2c_rootpath_resolve(int root_fd, const char *path, char **out,
	bool *out_exists, struct s2c_error **err);

/* True if `path` (resolved or normal) is `dir` or lies below it. */
bool s2c_rootpath_below(const char *path, const char *dir);

/* True if the path is or lies in /proc, /sys or /dev, which every container mounts over.
 */
bool s2c_rootpath_covered(const char *path);

#endif
