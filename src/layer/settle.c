/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes from an upper directory what its layer does not say. The directories around
 * keep their times, which the layer has as they were.
 */
#include "layer/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "layer/unpack.h"
#include "util/fs.h"

static int remove_unsaid(int upper_fd, const char *path, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *above = slash ? xstrndup(path, (size_t)(slash - path))
				       : xstrdup(".");
	CLEAN_FD int dir = -1;
	struct stat st;

	if (s2c_fs_open_beneath(upper_fd, above, O_RDONLY | O_DIRECTORY, 0, &dir, err))
		return -1;
	if (fstat(dir, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at '%s'", above);
	const struct timespec times[2] = {st.st_atim, st.st_mtim};

	if (s2c_fs_rm_rf(dir, slash ? slash + 1 : path, err))
		return -1;
	if (futimens(dir, times) < 0)
		return s2c_fail_errno(err, errno, "cannot set the time of '%s'", above);
	return 0;
}

int s2c_layer_settle(
	int upper_fd, const struct s2c_diff_rest *rest, struct s2c_error **err)
{
	if (rest->more)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"the layer says what its directory does not");
	s2c_strv_foreach (path, &rest->paths)
		if (remove_unsaid(upper_fd, path, err))
			return s2c_wrap(err, "'%s'", path);
	return rest->root_said ? 0 : s2c_layer_mark_root(upper_fd, err);
}
