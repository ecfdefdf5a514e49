/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a source: the argument is parsed, a backend of the table makes a directory of
 * it, and the part of that which is built is opened beneath it.
 */
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "codec/listing.h"
#include "source/backend.h"
#include "util/fs.h"

static const struct s2c_source_ops *const backends[] = {
	&s2c_source_tar_ops,
	&s2c_source_git_ops,
	&s2c_source_dir_ops,
};

void s2c_source_set(char **member, char *value)
{
	free(*member);
	*member = value;
}

static void ask_release(struct s2c_source_ask *ask)
{
	s2c_spec_release(&ask->spec);
}

/* A path that exists is a path, even if it looks like "host:path" or has a "#" in it. */
static int parse_spec(
	const char *text, struct s2c_source_ask *ask, struct s2c_error **err)
{
	if (text && *text && *text != '-' && strlen(text) <= S2C_SOURCE_SPEC_MAX &&
		stat(text, &ask->st) == 0) {
		ask->exists = true;
		ask->spec.form = S2C_SPEC_PATH;
		ask->spec.scheme = "file";
		ask->spec.address = xstrdup(text);
		return 0;
	}
	if (s2c_spec_parse(text, &ask->spec, err) < 0)
		return -1;
	if (ask->spec.form != S2C_SPEC_PATH)
		return 0;
	if (stat(ask->spec.address, &ask->st) == 0) {
		ask->exists = true;
		return 0;
	}
	int errnum = errno;
	const char *slash = strchr(text, '/');
	const char *dot = strchr(text, '.');

	if (errnum == ENOENT && slash && dot && dot > text && dot < slash)
		return s2c_fail(err, S2C_ENOENT,
			"source '%s' does not exist: if it is a git repository, write "
			"'https://%s'",
			text, text);
	if (errnum == ENOENT)
		return s2c_fail(err, S2C_ENOENT,
			"source '%s' does not exist: name a directory, a git URL, a tar "
			"file or '-'",
			ask->spec.address);
	return s2c_fail_errno(err, errnum, "cannot open source '%s'", ask->spec.address);
}

static bool is_dir(const char *base, const char *name)
{
	CLEAN_FREE char *path = xasprintf("%s/%s", base, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void look_for_git(struct s2c_source_ask *ask)
{
	const char *path = ask->spec.address;
	CLEAN_FREE char *git = NULL;
	CLEAN_FREE char *head = NULL;
	struct stat st;

	if (ask->spec.form != S2C_SPEC_PATH || !S_ISDIR(ask->st.st_mode))
		return;
	git = xasprintf("%s/.git", path);
	head = xasprintf("%s/HEAD", path);
	ask->has_git = lstat(git, &st) == 0;
	ask->is_bare = !ask->has_git && lstat(head, &st) == 0 && S_ISREG(st.st_mode) &&
		       is_dir(path, "objects") && is_dir(path, "refs");
}

static int make_ask(const struct s2c_source_opts *opts, struct s2c_source_ask *ask,
	struct s2c_error **err)
{
	ask->opts = opts;
	if (parse_spec(opts->spec, ask, err) < 0)
		return -1;
	look_for_git(ask);
	ask->ref = ask->spec.ref;
	if (opts->copy && ask->spec.form == S2C_SPEC_PATH) {
		if (ask->ref || opts->ref)
			return s2c_fail(err, S2C_EINVAL,
				"--copy builds '%s' as it is, and '%s' names a commit of "
				"it: "
				"give one of them",
				ask->spec.address, opts->ref ? opts->ref : ask->ref);
		ask->is_bare = false;
	}
	if (opts->ref) {
		if (s2c_spec_check_ref(opts->ref, "--ref", err) < 0)
			return -1;
		if (ask->ref && !streq(ask->ref, opts->ref))
			return s2c_fail(err, S2C_EINVAL,
				"--ref '%s' and '#%s' of the source differ: give one of "
				"them",
				opts->ref, ask->ref);
		ask->ref = opts->ref;
	}
	if (opts->context_dir && ask->spec.subdir)
		return s2c_fail(err, S2C_EINVAL,
			"--context-dir '%s' and ':%s' of the source are both given: give "
			"one of them",
			opts->context_dir, ask->spec.subdir);
	return 0;
}

/* Goes from the root of the tree to the directory that is built. */
static int enter_context(
	struct s2c_source *source, const char *dir, struct s2c_error **err)
{
	CLEAN_FREE char *path = NULL;
	CLEAN_FD int fd = -1;
	CLEAN_ERROR struct s2c_error *why = NULL;
	size_t len = 0;

	/* OpenShift users write "/sub" for a directory of the repository. */
	while (*dir == '/' || (*dir == '.' && (dir[1] == '/' || !dir[1])))
		dir++;
	len = strlen(dir);
	while (len > 0 && dir[len - 1] == '/')
		len--;
	path = xstrndup(dir, len);
	if (len == 0)
		return 0;
	if (s2c_fs_open_beneath(source->fd, path, O_RDONLY | O_DIRECTORY, 0, &fd, &why) <
		0) {
		switch (s2c_error_errno(why)) {
		case ENOENT:
			return s2c_fail(err, S2C_ENOENT,
				"there is no directory '%s' in the source", path);
		case ENOTDIR:
			return s2c_fail(err, S2C_EINVAL,
				"'%s' in the source is no directory", path);
		case ELOOP:
			return s2c_fail(err, S2C_EINVAL,
				"'%s' in the source is, or crosses, a symbolic link: "
				"name "
				"the directory itself",
				path);
		case EXDEV:
			return s2c_fail(err, S2C_EINVAL,
				"context directory '%s' leaves the source", path);
		default:
			s2c_error_move(err, &why);
			return s2c_wrap(err, "context directory '%s'", path);
		}
	}
	(void)close(source->fd);
	source->fd = take_fd(&fd);
	s2c_source_set(&source->info.context_dir, TAKE(path));
	return 0;
}

static int check_not_empty(struct s2c_source *source, struct s2c_error **err)
{
	CLEAN_LISTING struct s2c_listing names = {0};

	if (s2c_listing_read(source->fd, source->info.location, &names, err) < 0)
		return -1;
	if (names.n == 0 || (names.n == 1 && streq(s2c_listing_name(&names, 0), ".git")))
		return s2c_fail(err, S2C_EINVAL,
			"source '%s'%s%s is empty: name the directory that holds the "
			"application",
			source->info.location,
			*source->info.context_dir ? ", directory " : "",
			source->info.context_dir);
	return 0;
}

static int open_with(struct s2c_ctx *ctx, const struct s2c_source_ops *ops,
	const struct s2c_source_ask *ask, struct s2c_source **out, struct s2c_error **err)
{
	CLEAN_SOURCE struct s2c_source *source = xcalloc(1, sizeof(*source));
	struct s2c_source_info *info = &source->info;
	char **members[] = {&info->location, &info->context_dir, &info->ref,
		&info->commit_id, &info->author, &info->date, &info->message};
	const char *dir = ask->opts->context_dir ? ask->opts->context_dir
						 : ask->spec.subdir;

	source->fd = -1;
	source->kind = ops->name;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		*members[i] = xstrdup("");
	if (ops->open(ctx, ask, source, err) < 0)
		return -1;
	if (dir && enter_context(source, dir, err) < 0)
		return -1;
	if (check_not_empty(source, err) < 0)
		return -1;
	*out = TAKE(source);
	return 0;
}

int s2c_source_open(struct s2c_ctx *ctx, const struct s2c_source_opts *opts,
	struct s2c_source **out, struct s2c_error **err)
{
	CLEAN(ask_release) struct s2c_source_ask ask = {0};

	if (make_ask(opts, &ask, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		if (backends[i]->matches(&ask))
			return open_with(ctx, backends[i], &ask, out, err);
	}
	return s2c_fail(err, S2C_EINVAL,
		"source '%s' is no directory, git repository or tar file",
		ask.spec.address);
}

void s2c_source_free(struct s2c_source *source)
{
	if (!source)
		return;
	s2c_clean_fd(&source->fd);
	free(source->info.location);
	free(source->info.context_dir);
	free(source->info.ref);
	free(source->info.commit_id);
	free(source->info.author);
	free(source->info.date);
	free(source->info.message);
	free(source);
}

int s2c_source_read(struct s2c_source *source, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	CLEAN_ERROR struct s2c_error *why = NULL;
	const char *what = source->is_context ? "context" : "source";
	struct stat st;

	if (s2c_fs_open_beneath(source->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
		    &fd, &why) < 0) {
		if (s2c_error_errno(why) == ELOOP)
			return s2c_fail(err, S2C_EINVAL,
				"'%s' in the %s is, or crosses, a symbolic link, which "
				"is not followed: put the file itself there",
				path, what);
		s2c_error_move(err, &why);
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return s2c_fail(
			err, S2C_EINVAL, "'%s' in the %s is no regular file", path, what);
	if (s2c_fs_read_fd(fd, buf, err) < 0)
		return s2c_wrap(err, "cannot read '%s' of the %s", path, what);
	return 0;
}
