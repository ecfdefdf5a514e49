/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the environment says about where configuration is.
 */
#ifndef S2C_REGISTRY_DIRS_H
#define S2C_REGISTRY_DIRS_H

/* The value of a variable, or NULL when it is not set or empty. Borrowed. */
const char *s2c_env_value(const char *name);

/*
 * $XDG_CONFIG_HOME if it is absolute (the XDG specification ignores others), else
 * ~/.config; NULL without HOME. Caller frees.
 */
char *s2c_config_home(void);

/* The user's id outside of all user namespaces, as far as /proc tells: whose files in
 * /run are ours. */
unsigned s2c_outer_uid(void);

#endif
