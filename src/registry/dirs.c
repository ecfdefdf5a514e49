/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories by environment. The passwd database is not asked: in a user namespace it
 * names the wrong user.
 */
#include "registry/dirs.h"

#include <fcntl.h>

#include "util/fs.h"
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

unsigned s2c_outer_uid(void)
{
	unsigned long uid = geteuid(), range[3];
	char text[4096], *p = text, *end;
	CLEAN_FD int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	for (;;) {
		/* "inside outside count" on each line */
		for (size_t i = 0; i < ARRAY_SIZE(range); i++, p = end) {
			range[i] = strtoul(p, &end, 10);
			if (end == p)
				return (unsigned)uid;
		}
		if (uid >= range[0] && uid - range[0] < range[2])
			return (unsigned)(range[1] + (uid - range[0]));
	}
}
