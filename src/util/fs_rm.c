/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a tree of any shape without recursion: one descriptor at a time, whatever the
 * depth. Going up through ".." is checked against the inode that was left. The tree may
 * be made by a build script, so nothing in it is followed and no mount in it is entered.
 */
#include "util/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "util/fault.h"
#include "util/strv.h"

/* How often a directory is emptied again when something keeps on filling it. */
#define RESCANS_MAX 8

/* A directory on the way down. */
struct level {
	char *name;
	dev_t dev;
	ino_t ino;
	struct s2c_strv dirs; /* subdirectories that are still to be removed */
	unsigned scans;
};

struct removal {
	struct level *levels;
	size_t depth, cap;
	int fd;           /* the directory of the last level, or the parent of all */
	uint64_t mount;   /* id of the mount the tree is on, 0: unknown */
	dev_t dev;        /* its device, for kernels without mount ids */
	const char *what; /* for messages */
};

static void level_release(struct level *l)
{
	free(l->name);
	s2c_strv_release(&l->dirs);
}

static void removal_release(struct removal *r)
{
	for (size_t i = 0; i < r->depth; i++)
		level_release(&r->levels[i]);
	free(r->levels);
	s2c_clean_fd(&r->fd);
}

static int failed(struct removal *r, int errnum, const char *name, struct s2c_error **err)
{
	if (streq(name, r->what))
		return s2c_fail_errno(err, errnum, "cannot remove '%s'", name);
	return s2c_fail_errno(err, errnum, "cannot remove '%s' in '%s'", name, r->what);
}

static uint64_t mount_of(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
		!(stx.stx_mask & STATX_MNT_ID))
		return 0;
	return stx.stx_mnt_id;
}

/* Gives the owner all rights on a directory that cannot be opened without them. */
static void unlock_dir(int parent, const char *name)
{
	CLEAN_FD int fd = openat(
		parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[64];

	if (fd < 0)
		return;
	/* fchmod() takes no O_PATH descriptor, and a name could be swapped for a link. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)chmod(path, 0700);
}

static int open_dir(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	if (fd >= 0 || errno != EACCES)
		return fd;
	unlock_dir(parent, name);
	return openat(parent, name, flags);
}

/*
 * Unlinks all that is no directory in the last level and notes the subdirectories.
 */
static int scan(struct removal *r, struct s2c_error **err)
{
	struct level *l = &r->levels[r->depth - 1];
	int fd = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		rc = failed(r, errno, l->name, err);
		s2c_clean_fd(&fd);
		return rc;
	}
	l->scans++;
	while (rc == 0 && (errno = 0, entry = readdir(dir))) {
		if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
			continue;
		if (entry->d_type != DT_DIR && unlinkat(r->fd, entry->d_name, 0) == 0)
			continue;
		if (entry->d_type == DT_DIR || errno == EISDIR)
			s2c_strv_add(&l->dirs, entry->d_name);
		else if (errno != ENOENT)
			rc = failed(r, errno, entry->d_name, err);
		errno = 0;
	}
	if (rc == 0 && errno)
		rc = failed(r, errno, l->name, err);
	closedir(dir);
	return rc;
}

/* Enters the directory `name` (taken) of the last level. 1: it is gone, or none. */
static int descend(struct removal *r, char *name_taken, struct s2c_error **err)
{
	CLEAN_FREE char *name = name_taken;
	CLEAN_FD int fd = open_dir(r->fd, name);
	struct level *l;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (unlinkat(r->fd, name, 0) < 0 && errno != ENOENT)
			return failed(r, errno, name, err);
		return 1;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(r, errno, name, err);
	if (r->mount ? mount_of(fd) != r->mount : st.st_dev != r->dev)
		return s2c_fail_as(err, S2C_EIO, EBUSY,
			"cannot remove '%s': something is mounted on '%s' in it", r->what,
			name);
	if ((st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(fd, (st.st_mode & 07777) | S_IRWXU);
	if (r->depth == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 16;
		r->levels = xreallocarray(r->levels, r->cap, sizeof(*r->levels));
	}
	l = &r->levels[r->depth++];
	*l = (struct level){.name = TAKE(name), .dev = st.st_dev, .ino = st.st_ino};
	s2c_clean_fd(&r->fd);
	r->fd = take_fd(&fd);
	return scan(r, err);
}

/* Leaves the last level, which is empty, and removes it. `top` is the parent of all. */
static int ascend(struct removal *r, int top, struct s2c_error **err)
{
	struct level *l = &r->levels[r->depth - 1];
	CLEAN_FD int up = r->depth == 1 ? fcntl(top, F_DUPFD_CLOEXEC, 0)
					: openat(r->fd, "..",
						  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (up < 0)
		return failed(r, errno, l->name, err);
	if (r->depth > 1) {
		if (fstat(up, &st) < 0)
			return failed(r, errno, l->name, err);
		if (st.st_dev != l[-1].dev || st.st_ino != l[-1].ino)
			return s2c_fail(err, S2C_EIO,
				"cannot remove '%s': '%s' was moved away meanwhile",
				r->what, l->name);
	}
	if (unlinkat(up, l->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		if ((errno == ENOTEMPTY || errno == EEXIST) && l->scans < RESCANS_MAX)
			return scan(r, err);
		return failed(r, errno, l->name, err);
	}
	level_release(l);
	r->depth--;
	s2c_clean_fd(&r->fd);
	r->fd = take_fd(&up);
	return 0;
}

int s2c_fs_rm_rf(int dirfd, const char *name, struct s2c_error **err)
{
	CLEAN(removal_release) struct removal r = {.fd = -1, .what = name};
	const char *slash = strrchr(name, '/');
	CLEAN_FREE char *parent = !slash ? xstrdup(".")
				  : slash == name
					  ? xstrdup("/")
					  : xstrndup(name, (size_t)(slash - name));
	const char *base = slash ? slash + 1 : name;
	CLEAN_FD int top = -1;
	struct stat st;

	if (!*base || streq(base, ".") || streq(base, ".."))
		return s2c_fail(err, S2C_EINVAL, "cannot remove '%s': no name", name);
	if (s2c_fault_point("fs.rm", err) < 0)
		return -1;
	top = openat(dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 && errno == ENOENT)
		return 0;
	if (top < 0)
		return failed(&r, errno, name, err);
	if (unlinkat(top, base, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return failed(&r, errno, name, err);
	if (fstat(top, &st) < 0)
		return failed(&r, errno, name, err);
	r.dev = st.st_dev;
	r.mount = mount_of(top);
	r.fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
	if (r.fd < 0)
		return failed(&r, errno, name, err);
	if (descend(&r, xstrdup(base), err) < 0)
		return -1;
	while (r.depth) {
		struct level *l = &r.levels[r.depth - 1];

		if (l->dirs.len) {
			char *child = l->dirs.items[--l->dirs.len];

			l->dirs.items[l->dirs.len] = NULL;
			if (descend(&r, child, err) < 0)
				return -1;
		} else if (ascend(&r, top, err) < 0) {
			return -1;
		}
	}
	return 0;
}
