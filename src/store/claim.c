/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claimed directories: see claim.h for what they are and why they may race.
 */
#include "store/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "util/fault.h"
#include "util/fs.h"

/* A sweeper can win against a maker once in a while, not forever. */
#define MAKE_ATTEMPTS 64

static bool still_named(int parent_fd, const char *name, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(parent_fd, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &by_fd) == 0 && by_name.st_dev == by_fd.st_dev &&
	       by_name.st_ino == by_fd.st_ino;
}

/* Opens and locks; *out_fd stays -1 when another process was faster. */
static int open_locked(
	int parent_fd, const char *name, int *out_fd, struct s2c_error **err)
{
	CLEAN_FD int fd = openat(parent_fd, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return s2c_fail(err, S2C_EEXIST, "'%s' is not a directory", name);
	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot open directory '%s'", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK || errno == EINTR)
			return 0;
		return s2c_fail_errno(err, errno, "cannot lock directory '%s'", name);
	}
	if (!still_named(parent_fd, name, fd))
		return 0;
	*out_fd = take_fd(&fd);
	return 0;
}

int s2c_claim_make(
	int parent_fd, const char *prefix, struct s2c_claim *out, struct s2c_error **err)
{
	for (int i = 0; i < MAKE_ATTEMPTS; i++) {
		CLEAN_FREE char *name = s2c_fs_random_name(prefix);
		CLEAN_FD int fd = -1;

		if (s2c_fault_point("store.claim.make", err) < 0)
			return -1;
		if (mkdirat(parent_fd, name, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return s2c_fail_errno(
				err, errno, "cannot make directory '%s'", name);
		}
		if (open_locked(parent_fd, name, &fd, err) < 0)
			return -1;
		if (fd < 0)
			continue; /* swept between mkdir and lock */
		*out = (struct s2c_claim){
			.parent_fd = parent_fd, .name = TAKE(name), .fd = take_fd(&fd)};
		return 0;
	}
	return s2c_fail(err, S2C_EIO, "cannot claim a directory '%s-*'", prefix);
}

int s2c_claim_take(
	int parent_fd, const char *name, struct s2c_claim *out, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	if (open_locked(parent_fd, name, &fd, err) < 0)
		return -1;
	*out = (struct s2c_claim)S2C_CLAIM_INIT;
	if (fd >= 0)
		*out = (struct s2c_claim){.parent_fd = parent_fd,
			.name = xstrdup(name),
			.fd = take_fd(&fd)};
	return 0;
}

int s2c_claim_remove(struct s2c_claim *claim, struct s2c_error **err)
{
	int rc = 0;

	/* Locked until it is gone, or other sweeps would work on it at the same time. */
	if (claim->name)
		rc = s2c_fs_rm_rf(claim->parent_fd, claim->name, err);
	s2c_claim_release(claim);
	return rc;
}

void s2c_claim_release(struct s2c_claim *claim)
{
	free(claim->name);
	if (claim->fd >= 0)
		(void)close(claim->fd);
	*claim = (struct s2c_claim)S2C_CLAIM_INIT;
}
