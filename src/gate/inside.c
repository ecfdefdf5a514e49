/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/inside.h"

#include "util/mem.h"

static size_t length(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

bool s2c_gate_path_within(const char *path, const char *directory)
{
	size_t len = length(directory);

	if (len == 1)
		return true;
	return strncmp(path, directory, len) == 0 && (!path[len] || path[len] == '/');
}

bool s2c_gate_path_allowed(const char *path)
{
	static const char *const hosts[] = {"/proc", "/sys", "/dev"};

	if (path[0] != '/')
		return false;
	for (const char *p = path; *p; p++)
		if (*p == '/' &&
			(p[1] == '/' ||
				(p[1] == '.' &&
					(p[2] == '/' || !p[2] ||
						(p[2] == '.' &&
							(p[3] == '/' || !p[3]))))))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (s2c_gate_path_within(path, hosts[i]))
			return false;
	return true;
}
