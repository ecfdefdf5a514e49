/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing an auth file on disk. Other programs read it at any time and know nothing of
 * our lock, so it is replaced in one step and is at no moment readable by others.
 */
#include <errno.h>
#include <fcntl.h>

#include "registry/authfile.h"
#include "util/fs.h"

/* The file as it is found: its directory, its name in there, its owner if it exists. */
struct target {
	int dir;
	char *name;
	struct stat st; /* st_nlink 0: it does not exist */
};

static void target_release(struct target *target)
{
	s2c_clean_fd(&target->dir);
	free(target->name);
}

/* Where `path` leads; a link to nothing is refused, for nobody knows what it was for. */
static int resolve(const char *path, char **out, struct s2c_error **err)
{
	struct stat st;
	char *real = realpath(path, NULL);

	if (!real && errno != ENOENT)
		return s2c_fail_errno(err, errno, "cannot open '%s'", path);
	if (!real && lstat(path, &st) == 0)
		return s2c_fail(err, S2C_EINVAL, "'%s' is a link to nothing", path);
	*out = real ? real : xstrdup(path);
	return 0;
}

static int open_target(
	const char *path, bool make, struct target *out, struct s2c_error **err)
{
	CLEAN_FREE char *real = NULL;
	char *slash;
	const char *dir = ".", *name;

	if (resolve(path, &real, err) < 0)
		return -1;
	slash = strrchr(real, '/');
	name = slash ? slash + 1 : real;
	out->name = xstrdup(name);
	if (slash) {
		*slash = '\0';
		dir = slash == real ? "/" : real;
	}
	if (!*out->name)
		return s2c_fail(err, S2C_EINVAL, "'%s' is a directory", path);
	if (make && s2c_fs_mkdir_p(AT_FDCWD, dir, 0700, err) < 0)
		return -1;
	if (s2c_fs_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, &out->dir, err) < 0)
		return -1;
	return 0;
}

/* The new text under the file's name, with the owner that it had. */
static int replace(const struct target *target, const char *text, struct s2c_error **err)
{
	CLEAN_FREE char *temp = s2c_fs_random_name(".s2c-tmp");
	CLEAN_FD int fd = -1;
	const struct stat *st = &target->st;
	int rc;

	if (s2c_fs_open(target->dir, temp, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, err) <
		0)
		return -1;
	rc = s2c_fs_write_all(fd, text, strlen(text), err);
	/* Root may change the file of an ordinary user, who wants to read it again. */
	if (rc == 0 && st->st_nlink && st->st_uid != geteuid() &&
		fchown(fd, st->st_uid, st->st_gid) < 0)
		rc = s2c_fail_errno(err, errno, "cannot keep its owner");
	if (rc == 0)
		rc = s2c_fs_sync(fd, target->name, err);
	if (rc == 0)
		rc = s2c_fs_rename(target->dir, temp, target->dir, target->name, err);
	if (rc < 0)
		(void)unlinkat(target->dir, temp, 0);
	return rc;
}

/* Under the lock. */
static int change_locked(const struct target *target,
	const struct s2c_authfile_change *change, bool *changed, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf text = S2C_BUF_INIT(S2C_AUTHFILE_MAX);
	CLEAN(s2c_clean_secret) char *edited = NULL;
	struct target now = *target;

	if (fstatat(target->dir, target->name, &now.st, 0) == 0) {
		if (s2c_fs_read_file(target->dir, target->name, &text, err) < 0)
			return -1;
	} else {
		now.st.st_nlink = 0;
	}
	if (s2c_authfile_edit(s2c_buf_str(&text), text.len, change, &edited, err) < 0)
		return -1;
	*changed = edited != NULL;
	return edited ? replace(&now, edited, err) : 0;
}

static int update(struct s2c_ctx *ctx, const char *path,
	const struct s2c_authfile_change *change, bool *changed, struct s2c_error **err)
{
	CLEAN(target_release) struct target target = {.dir = -1};
	CLEAN_FREE char *lock = NULL;
	CLEAN_FD int lock_fd = -1;
	int rc;

	if (!change->creds && access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (open_target(path, change->creds != NULL, &target, err) < 0)
		return -1;
	lock = xasprintf(".%s.s2c-lock", target.name);
	if (s2c_fs_lock(ctx, target.dir, lock, (struct s2c_lock_opts){.exclusive = true},
		    &lock_fd, err) < 0)
		return -1;
	rc = change_locked(&target, change, changed, err);
	/* Who waits for it looks again whether it is still there. */
	(void)unlinkat(target.dir, lock, 0);
	return rc;
}

int s2c_authfile_update(struct s2c_ctx *ctx, const char *path,
	const struct s2c_authfile_change *change, bool *out_changed,
	struct s2c_error **err)
{
	bool changed = false;

	if (update(ctx, path, change, &changed, err) < 0)
		return s2c_wrap(err, "auth file '%s'", path);
	if (out_changed)
		*out_changed = changed;
	return 0;
}
