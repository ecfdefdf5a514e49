/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which paths of the host a build may see. It is the right of whoever builds to show it
 * what they may read themselves; refused is what would undo the container (sockets of
 * engines, the kernel's file systems), what nobody means (all of the host, /etc), and the
 * store, of which s2c trusts what is in it.
 */
#ifndef S2C_BUILD_VOLUMES_H
#define S2C_BUILD_VOLUMES_H

#include "util/error.h"

/*
 * The absolute path, links followed, of a volume's source; relative ones count from the
 * current directory. `store` is the absolute path of the store. S2C_ENOENT, S2C_EDENIED.
 * Caller frees *out.
 */
S2C_CHECK int s2c_volume_source(
	const char *path, const char *store, char **out, struct s2c_error **err);

#endif
