/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local directory as source: used where it is, with whatever is in it now, committed or
 * not. Nothing is copied and nothing in it is changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "source/backend.h"
#include "util/fs.h"

static bool dir_matches(const struct s2c_source_ask *ask)
{
	return ask->spec.form == S2C_SPEC_PATH && ask->exists && S_ISDIR(ask->st.st_mode);
}

static int dir_open(struct s2c_ctx *ctx, const struct s2c_source_ask *ask,
	struct s2c_source *out, struct s2c_error **err)
{
	const char *path = ask->spec.address;

	if (ask->ref)
		return s2c_fail(err, S2C_EINVAL,
			"source '%s' is no git repository, so there is no ref '%s' in it",
			path, ask->ref);
	if (s2c_fs_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &out->fd, err) < 0)
		return s2c_wrap(err, "source '%s'", path);
	CLEAN_FREE char *absolute = realpath(path, NULL);

	if (!absolute)
		return s2c_fail_errno(err, errno, "source '%s'", path);
	if (ask->has_git && s2c_git_describe(ctx, ask->opts, absolute, out, err) < 0)
		return -1;
	s2c_source_set(&out->info.location, TAKE(absolute));
	return 0;
}

const struct s2c_source_ops s2c_source_dir_ops = {
	.name = "directory",
	.matches = dir_matches,
	.open = dir_open,
};
