/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a container that come from options, labels and image configs. Pure: what
 * they lead to is decided by who resolves them inside the container's root.
 */
#ifndef S2C_BUILD_PATHS_H
#define S2C_BUILD_PATHS_H

#include <stdbool.h>

#include "util/error.h"

#define S2C_INNER_PATH_MAX 4095 /* bytes: Linux PATH_MAX without the NUL */

/*
 * Brings an absolute path into one form: "//" and "/./" folded, no trailing "/".
 * S2C_EINVAL for relative paths, "..", and bytes that are not UTF-8 (it ends up in the
 * image's configuration). Caller frees *out.
 */
S2C_CHECK int s2c_inner_path(const char *text, char **out, struct s2c_error **err);

/*
 * `path`, which counts from `base` (absolute) unless it begins with "/", as an absolute
 * path without "", "." and "..": what a Dockerfile's WORKDIR makes of it. Names no link
 * and never fails. Caller frees.
 */
char *s2c_inner_join(const char *base, const char *path);

/* True for a path in /proc, /sys or /dev, where no image can keep files. */
bool s2c_inner_path_is_kernels(const char *path);

/* The cwd that a WORKDIR ("" is "/", relative counts from "/") stands for. S2C_EINVAL. */
S2C_CHECK int s2c_inner_workdir(const char *workdir, char **out, struct s2c_error **err);

#endif
