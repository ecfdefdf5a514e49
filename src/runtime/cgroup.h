/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which control groups this host has and whether s2c may make its own there. The OCI
 * runtime makes, fills and removes them; this module tells where they will be, so that
 * those of a killed runtime can be removed too (store/work.h, leftovers).
 */
#ifndef S2C_RUNTIME_CGROUP_H
#define S2C_RUNTIME_CGROUP_H

#include <stdbool.h>

#include "util/strv.h"

/*
 * s2c's groups stand side by side at the top of each hierarchy: a common parent could not
 * be removed without racing against another command that is about to use it.
 */
#define S2C_CGROUP_PREFIX "/s2c-"
#define S2C_CGROUP_HIERARCHIES_MAX 32

struct s2c_cgroups {
	struct s2c_strv v1; /* mount points of v1 hierarchies */
	char *v2;           /* mount point of the v2 hierarchy, or NULL */
	bool usable;        /* s2c may make groups with a pids controller */
};
void s2c_cgroups_release(struct s2c_cgroups *cgroups);

/* Reads mount points out of the text of a mountinfo file (pure); `usable` stays false. */
void s2c_cgroups_parse(const char *mountinfo, struct s2c_cgroups *out);

/* Looks at this host. Without anything usable that is no failure. */
void s2c_cgroups_probe(bool host_root, struct s2c_cgroups *out);

/* v1 controllers with the v2 tree mounted beside them: crun refuses to run then. */
bool s2c_cgroups_hybrid(const struct s2c_cgroups *cgroups);

/* Absolute directories that the group `name` may come to have, appended. */
void s2c_cgroups_dirs(
	const struct s2c_cgroups *cgroups, const char *name, struct s2c_strv *out);

#endif
