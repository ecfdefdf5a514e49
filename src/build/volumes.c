/* SPDX-License-Identifier: Apache-2.0 */
#include "build/volumes.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "build/paths.h"
#include "util/mem.h"

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (!path[len] || path[len] == '/');
}

static int deny(const char *path, const char *why, struct s2c_error **err)
{
	return s2c_fail(
		err, S2C_EDENIED, "'%s' cannot be a volume of a build: %s", path, why);
}

static int check(const char *path, const char *store, struct s2c_error **err)
{
	static const char *const whole[] = {
		"/", "/boot", "/etc", "/root", "/run", "/usr", "/var", "/var/lib"};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (streq(path, whole[i]))
			return deny(path, "name what of it is needed", err);
	if (s2c_inner_path_is_kernels(path))
		return deny(path, "it is the kernel's", err);
	if (is_below(path, store) || is_below(store, path))
		return deny(path, "s2c's own store is there", err);
	if (stat(path, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at '%s'", path);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	return deny(path,
		S_ISSOCK(st.st_mode)
			? "a socket reaches out of the container (an SSH agent: --ssh)"
			: "it is neither a file nor a directory",
		err);
}

int s2c_volume_source(
	const char *path, const char *store, char **out, struct s2c_error **err)
{
	CLEAN_FREE char *real = realpath(path, NULL);

	if (!real)
		return s2c_fail_errno(err, errno, "cannot find '%s'", path);
	if (check(real, store, err) < 0)
		return -1;
	*out = TAKE(real);
	return 0;
}
