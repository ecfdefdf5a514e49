/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: open, read, write, rename, list, lock. Everything here trusts its path; names
 * that come from outside go through fs_resolve.c. Removal of trees is in fs_rm.c.
 */
#include "util/fs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>

#include "util/fault.h"
#include "util/strv.h"

#define READ_PIECE (16u * 1024)
#define WRITEOUT_STEP (8u * 1024 * 1024)
/* Longest target of a symlink that is read; Linux itself stops at 4095. */
#define LINK_MAX_LEN (64u * 1024)
/* Waiting for a lock: first and longest pause between two tries. */
#define LOCK_PAUSE_MIN_MS 5
#define LOCK_PAUSE_MAX_MS 100

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int s2c_fs_open(int dirfd, const char *path, int flags, mode_t mode, int *out_fd,
	struct s2c_error **err)
{
	int fd;

	if (s2c_fault_point("fs.open", err) < 0)
		return -1;
	do
		fd = openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot %s '%s'",
			flags & O_CREAT ? "create" : "open", path);
	*out_fd = fd;
	return 0;
}

/* One directory of a mkdir -p; existing ones are fine. */
static int mkdir_one(int dirfd, const char *path, mode_t mode, struct s2c_error **err)
{
	struct stat st;

	if (mkdirat(dirfd, path, mode) == 0)
		return 0;
	if (errno != EEXIST) {
		int errnum = errno;

		/* On read-only parents EROFS or EACCES comes before EEXIST. */
		if (fstatat(dirfd, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
			return 0;
		return s2c_fail_errno(err, errnum, "cannot create directory '%s'", path);
	}
	if (fstatat(dirfd, path, &st, 0) < 0)
		return s2c_fail_errno(err, errno, "cannot create directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return s2c_fail_as(err, S2C_EEXIST, ENOTDIR,
			"cannot create directory '%s': it exists and is none", path);
	return 0;
}

int s2c_fs_mkdir_p(int dirfd, const char *path, mode_t mode, struct s2c_error **err)
{
	CLEAN_FREE char *copy = xstrdup(path);

	if (s2c_fault_point("fs.mkdir", err) < 0)
		return -1;
	for (char *p = copy + strspn(copy, "/"); *p;) {
		char *end = p + strcspn(p, "/");
		char *next = end + strspn(end, "/");
		char kept = *end;

		*end = '\0';
		if (mkdir_one(dirfd, copy, mode, err) < 0)
			return -1;
		*end = kept;
		p = next;
	}
	return 0;
}

int s2c_fs_read_fd(int fd, struct s2c_buf *buf, struct s2c_error **err)
{
	char piece[READ_PIECE];
	struct stat st;
	off_t at = 0;

	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot read");
	if (!S_ISREG(st.st_mode))
		return s2c_fail(err, S2C_EINVAL, "not a regular file");
	for (;;) {
		ssize_t n = pread(fd, piece, sizeof(piece), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return s2c_fail_errno(err, errno, "cannot read");
		if (n == 0)
			return 0;
		if (s2c_buf_add(buf, piece, (size_t)n, err) < 0)
			return -1;
		at += n;
	}
}

int s2c_fs_read_file(
	int dirfd, const char *path, struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	/* O_NONBLOCK: a FIFO without writer must not hold us before it is refused. */
	if (s2c_fs_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	if (s2c_fs_read_fd(fd, buf, err) < 0)
		return s2c_wrap(err, "'%s'", path);
	return 0;
}

int s2c_fs_write_all(int fd, const void *data, size_t len, struct s2c_error **err)
{
	const char *p = data;

	if (s2c_fault_point("fs.write", err) < 0)
		return -1;
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return s2c_fail_errno(err, errno, "cannot write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int s2c_fs_sync(int fd, const char *what, struct s2c_error **err)
{
	if (s2c_fault_point("fs.sync", err) < 0)
		return -1;
	/* EINVAL: a filesystem that cannot sync this kind of file. */
	if (fsync(fd) < 0 && errno != EINVAL)
		return s2c_fail_errno(err, errno, "cannot write '%s' to disk", what);
	return 0;
}

void s2c_fs_writeout(int fd, uint64_t length, uint64_t *told)
{
	if (length - *told < WRITEOUT_STEP)
		return;
	(void)sync_file_range(
		fd, (off_t)*told, (off_t)(length - *told), SYNC_FILE_RANGE_WRITE);
	*told = length;
}

/* The directory part of a name as a fresh string, "." when there is none. */
static char *parent_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!slash)
		return xstrdup(".");
	return slash == name ? xstrdup("/") : xstrndup(name, (size_t)(slash - name));
}

int s2c_fs_rename(int old_dirfd, const char *old_name, int new_dirfd,
	const char *new_name, struct s2c_error **err)
{
	CLEAN_FREE char *parent = parent_of(new_name);
	CLEAN_FD int dir = -1;

	if (s2c_fault_point("fs.rename", err) < 0)
		return -1;
	if (s2c_fs_open(new_dirfd, parent, O_RDONLY | O_DIRECTORY, 0, &dir, err) < 0)
		return -1;
	if (renameat(old_dirfd, old_name, new_dirfd, new_name) < 0)
		return s2c_fail_errno(
			err, errno, "cannot rename '%s' to '%s'", old_name, new_name);
	return s2c_fs_sync(dir, parent, err);
}

int s2c_fs_write_file(int dirfd, const char *name, const void *data, size_t len,
	mode_t mode, struct s2c_error **err)
{
	CLEAN_FREE char *parent = parent_of(name);
	CLEAN_FREE char *temp = s2c_fs_random_name(".s2c-tmp");
	CLEAN_FD int dir = -1;
	CLEAN_FD int fd = -1;
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	struct stat st;
	int rc;

	if (s2c_fs_open(dirfd, parent, O_RDONLY | O_DIRECTORY, 0, &dir, err) < 0)
		return -1;
	/* A rename would replace a device or a FIFO by a file. */
	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) &&
		!S_ISLNK(st.st_mode))
		return s2c_fail(err, S2C_EINVAL,
			"cannot write '%s': it exists and is not a regular file", name);
	if (s2c_fs_open(dir, temp, O_WRONLY | O_CREAT | O_EXCL, mode, &fd, err) < 0)
		return s2c_wrap(err, "cannot write '%s'", name);
	rc = s2c_fs_write_all(fd, data, len, err);
	if (rc == 0)
		rc = s2c_fs_sync(fd, name, err);
	if (rc == 0)
		rc = s2c_fs_rename(dir, temp, dir, base, err);
	if (rc < 0) {
		(void)unlinkat(dir, temp, 0);
		return s2c_wrap(err, "cannot write '%s'", name);
	}
	return 0;
}

char *s2c_fs_random_name(const char *prefix)
{
	unsigned char r[8];
	ssize_t n;

	do
		n = getrandom(r, sizeof(r), 0);
	while (n < 0 && errno == EINTR);
	s2c_must(n == (ssize_t)sizeof(r) ? r : NULL);
	return xasprintf("%s-%02x%02x%02x%02x%02x%02x%02x%02x", prefix, r[0], r[1], r[2],
		r[3], r[4], r[5], r[6], r[7]);
}

int s2c_fs_readlink(
	int dirfd, const char *path, char **out_target, struct s2c_error **err)
{
	for (size_t size = 256; size <= LINK_MAX_LEN; size *= 2) {
		CLEAN_FREE char *target = xmalloc(size);
		ssize_t n = readlinkat(dirfd, path, target, size);

		if (n < 0)
			return s2c_fail_errno(err, errno, "cannot read link '%s'", path);
		if ((size_t)n < size) {
			target[n] = '\0';
			*out_target = TAKE(target);
			return 0;
		}
	}
	return s2c_fail(err, S2C_ELIMIT, "target of link '%s' is longer than %u bytes",
		path, LINK_MAX_LEN);
}

int s2c_fs_list(int dir_fd, size_t max, struct s2c_strv *names, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv found = S2C_STRV_INIT;
	CLEAN(close_dir) DIR *dir = NULL;
	CLEAN_FD int fd = -1;

	/* An fd of its own: the position of the caller's is shared with dup()s of it. */
	if (s2c_fs_open(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd, err) < 0)
		return -1;
	dir = fdopendir(fd);
	if (!dir)
		return s2c_fail_errno(err, errno, "cannot read directory");
	take_fd(&fd);
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry && errno)
			return s2c_fail_errno(err, errno, "cannot read directory");
		if (!entry)
			break;
		if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
			continue;
		if (found.len >= max)
			return s2c_fail(err, S2C_ELIMIT,
				"directory has more than %zu entries", max);
		s2c_strv_add(&found, entry->d_name);
	}
	s2c_strv_sort(&found);
	s2c_strv_add_all(names, &found);
	return 0;
}

/* True if `fd` is still what `name` leads to: the holder before us may have removed it.
 */
static bool still_there(int dirfd, const char *name, int fd)
{
	struct stat there, here;

	return fstatat(dirfd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &here) == 0 && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

int s2c_fs_lock(struct s2c_ctx *ctx, int dirfd, const char *name,
	struct s2c_lock_opts opts, int *out_fd, struct s2c_error **err)
{
	int op = (opts.exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
	int pause_ms = LOCK_PAUSE_MIN_MS;

	assert(ctx || opts.try_only);
	if (s2c_fault_point("fs.lock", err) < 0)
		return -1;
	for (;;) {
		CLEAN_FD int fd = -1;

		if (s2c_fs_open(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, &fd,
			    err) < 0)
			return -1;
		if (flock(fd, op) == 0) {
			if (!still_there(dirfd, name, fd))
				continue;
			*out_fd = take_fd(&fd);
			return 0;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return s2c_fail_errno(err, errno, "cannot lock '%s'", name);
		if (opts.try_only && errno == EWOULDBLOCK) {
			*out_fd = -1;
			return 0;
		}
		if (ctx && s2c_ctx_poll(ctx, NULL, 0, pause_ms, NULL, err) < 0)
			return s2c_wrap(err, "waiting for lock '%s'", name);
		if (pause_ms < LOCK_PAUSE_MAX_MS)
			pause_ms *= 2;
	}
}
