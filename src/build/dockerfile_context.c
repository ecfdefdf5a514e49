/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a Dockerfile and its context. Directories that people own are not trusted to be
 * free: what is there and was not written by this command stays.
 */
#include "build/dockerfile_context.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "build/dockerfile.h"
#include "build/dockerfile_write.h"
#include "codec/extract.h"
#include "util/fs.h"

#define UPLOAD "upload"
#define DEPTH_MAX 4096 /* directories up to the root */

/* A path as a directory and a name in it. Caller frees both. */
static int split(
	const char *path, char **out_dir, char **out_name, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (!*path)
		return s2c_fail(err, S2C_EINVAL, "the path of the Dockerfile is empty");
	if (streq(name, ".") || streq(name, ".."))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is a directory: write '%s/' for a Dockerfile in it", path,
			path);
	*out_dir = !slash ? xstrdup(".")
			  : xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	*out_name = xstrdup(*name ? name : "Dockerfile");
	return 0;
}

/* True if directory `fd` is `other` or below it. */
static int is_within(int fd, int other, bool *out, struct s2c_error **err)
{
	CLEAN_FD int at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st, wanted, before = {0};

	*out = false;
	if (at < 0 || fstat(other, &wanted) < 0)
		return s2c_fail_errno(err, errno, "cannot look at the directory");
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		int up;

		if (fstat(at, &st) < 0)
			return s2c_fail_errno(err, errno, "cannot look at the directory");
		if (st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
			*out = true;
		if (*out || (depth && st.st_dev == before.st_dev &&
				    st.st_ino == before.st_ino))
			return 0;
		before = st;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return s2c_fail_errno(err, errno, "cannot look at the directory");
		(void)close(at);
		at = up;
	}
	return s2c_fail(err, S2C_ELIMIT, "the directory is nested too deep");
}

/* Whether the file there was written by this command. *out_exists: whether there is one.
 */
static int is_ours(int dir, const struct s2c_dockerfile_context *context,
	const char *name, bool *out_exists, bool *out_ours, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_DOCKERFILE_MAX);
	CLEAN_FREE char *mark = xasprintf("\n" S2C_DOCKERFILE_MARK "%s;", context->by);
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct stat st;

	*out_exists = *out_ours = false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	*out_exists = true;
	if (!S_ISREG(st.st_mode) || s2c_fs_read_file(dir, name, &text, &cause) < 0)
		return 0;
	(void)err;
	*out_ours = starts_with(s2c_buf_str(&text), mark + 1) ||
		    strstr(s2c_buf_str(&text), mark);
	return 0;
}

static int check_free(int dir, const struct s2c_dockerfile_context *context,
	const char *name, struct s2c_error **err)
{
	bool exists, ours, within = false;
	struct stat st;

	if (context->source_fd >= 0 &&
		is_within(dir, context->source_fd, &within, err) < 0)
		return -1;
	if (within)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' lies in the source, which would be copied into itself: "
			"choose a directory outside of it",
			context->path);
	if (is_ours(dir, context, name, &exists, &ours, err) < 0)
		return -1;
	if (exists && !ours)
		return s2c_fail(err, S2C_EEXIST,
			"'%s' is there already and was not written by 's2c %s': remove "
			"it, or choose another path",
			context->path, context->by);
	if (context->source && !ours &&
		fstatat(dir, UPLOAD, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return s2c_fail(err, S2C_EEXIST,
			"'" UPLOAD
			"' beside '%s' is there already and was not written by "
			"'s2c %s': remove it, or choose another directory",
			context->path, context->by);
	return 0;
}

/*
 * What is beside the Dockerfile is the context, of which docker and podman leave out what
 * such a file says; one within the source is below "upload/src", where they do not look.
 */
static void warn_of_ignored(
	struct s2c_ctx *ctx, int dir, const struct s2c_dockerfile_context *context)
{
	static const char *const names[] = {".dockerignore", ".containerignore"};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			s2c_emit_log(ctx, S2C_WARN,
				"'%s' beside '%s' may leave out of the build what this "
				"Dockerfile copies from '" UPLOAD
				"': choose a directory without one",
				names[i], context->path);
}

static int put_tree(struct s2c_ctx *ctx, int dir, const char *name,
	struct s2c_entries *entries, struct s2c_error **err)
{
	struct s2c_extract_opts how = {
		.no_owner = true, .no_special = true, .no_xattrs = true};
	CLEAN_FD int root = -1;

	if (s2c_fs_mkdir_p(dir, name, 0755, err) < 0)
		return -1;
	if (!entries)
		return 0;
	if (s2c_fs_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &root, err) <
		0)
		return -1;
	return s2c_extract_all(ctx, entries, root, &how, NULL, err);
}

static int put_upload(struct s2c_ctx *ctx, int dir,
	const struct s2c_dockerfile_context *context, struct s2c_error **err)
{
	if (context->source && s2c_fs_rm_rf(dir, UPLOAD, err) < 0)
		return -1;
	if (put_tree(ctx, dir, UPLOAD "/src", context->source, err) < 0)
		return -1;
	if (!context->source && context->scripts &&
		s2c_fs_rm_rf(dir, UPLOAD "/scripts", err) < 0)
		return -1;
	if (context->runtime_scripts &&
		put_tree(ctx, dir, UPLOAD "/" S2C_DOCKERFILE_RUNTIME_SCRIPTS,
			context->runtime_scripts, err) < 0)
		return -1;
	return context->scripts
		       ? put_tree(ctx, dir, UPLOAD "/scripts", context->scripts, err)
		       : 0;
}

int s2c_dockerfile_context_put(struct s2c_ctx *ctx,
	const struct s2c_dockerfile_context *context, char **out_path,
	struct s2c_error **err)
{
	CLEAN_FREE char *dir_name = NULL, *name = NULL;
	CLEAN_FD int dir = -1;

	if (split(context->path, &dir_name, &name, err) < 0 ||
		s2c_fs_mkdir_p(AT_FDCWD, dir_name, 0755, err) < 0 ||
		s2c_fs_open(AT_FDCWD, dir_name, O_RDONLY | O_DIRECTORY, 0, &dir, err) <
			0 ||
		check_free(dir, context, name, err) < 0)
		return -1;
	warn_of_ignored(ctx, dir, context);
	if (put_upload(ctx, dir, context, err) < 0) {
		/* Half a context would be in the way of the next run. */
		if (context->source)
			(void)!s2c_fs_rm_rf(dir, UPLOAD, NULL);
		return -1;
	}
	if (s2c_fs_write_file(dir, name, s2c_buf_str(context->text), context->text->len,
		    0644, err) < 0)
		return -1;
	*out_path = xasprintf("%s%s%s", streq(dir_name, ".") ? "" : dir_name,
		streq(dir_name, ".") || streq(dir_name, "/") ? "" : "/", name);
	return 0;
}
