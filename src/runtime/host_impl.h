/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What host.c and doctor.c share: looks at the host that change nothing.
 */
#ifndef S2C_RUNTIME_HOST_IMPL_H
#define S2C_RUNTIME_HOST_IMPL_H

#include <stdbool.h>

#include "runtime/userns.h"

bool s2c_host_has_sys_admin(void);

/* The ranges that /etc/subuid and /etc/subgid give to this user; false without both. */
bool s2c_host_subids(struct s2c_idmap *uids, struct s2c_idmap *gids);

/* What keeps user namespaces from working here and how to change it; caller frees. */
char *s2c_host_userns_remedy(void);

#endif
