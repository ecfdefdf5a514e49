/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories by environment. The passwd database is not asked: in a user namespace it
 * names the wrong user.
 */
#include "registry/dirs.h"

#include "util/mem.h"

const char *s2c_env_value(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

char *s2c_config_home(void)
{
	const char *config = s2c_env_value("XDG_CONFIG_HOME");
	const char *home = s2c_env_value("HOME");

	if (config && *config == '/')
		return xstrdup(config);
	return home ? xasprintf("%s/.config", home) : NULL;
}
