/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File work relative to directory descriptors. Every fd is O_CLOEXEC. Paths that come
 * from outside are only ever resolved by s2c_fs_open_in / s2c_fs_open_beneath.
 */
#ifndef S2C_UTIL_FS_H
#define S2C_UTIL_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/ctx.h"

/* open(2) with context in the error; O_CLOEXEC is added. dirfd may be AT_FDCWD. */
S2C_CHECK int s2c_fs_open(int dirfd, const char *path, int flags, mode_t mode,
	int *out_fd, struct s2c_error **err);

/*
 * Opens `path` as a process chrooted to root_fd would: absolute paths and symlinks are
 * resolved inside, ".." stops at the root (openat2 RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS,
 * else a component walk in user space with the same result for a quiet tree).
 * Image paths from a config or label are resolved with this one. CVE-2024-21626 class.
 */
S2C_CHECK int s2c_fs_open_in(int root_fd, const char *path, int flags, mode_t mode,
	int *out_fd, struct s2c_error **err);

/*
 * Opens `path` below dirfd and refuses absolute paths, ".." that leaves, and every
 * symlink on the way and at the end (RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS, with the
 * same fallback). Names from archives and source trees are resolved with this one.
 */
S2C_CHECK int s2c_fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode,
	int *out_fd, struct s2c_error **err);

/* mkdir -p; existing directories are fine. Follows symlinks: for trusted paths only. */
S2C_CHECK int s2c_fs_mkdir_p(
	int dirfd, const char *path, mode_t mode, struct s2c_error **err);

/* mkdir -p as seen from inside root_fd (see s2c_fs_open_in); *out_fd may be NULL. */
S2C_CHECK int s2c_fs_mkdir_in(
	int root_fd, const char *path, mode_t mode, int *out_fd, struct s2c_error **err);

/*
 * Removes a tree below dirfd without following symlinks or crossing into other mounts;
 * makes directories that are not readable readable first. Missing is fine.
 */
S2C_CHECK int s2c_fs_rm_rf(int dirfd, const char *name, struct s2c_error **err);

/* Appends a whole regular file to `buf`, whose maximum bounds it; FIFOs are refused. */
S2C_CHECK int s2c_fs_read_file(
	int dirfd, const char *path, struct s2c_buf *buf, struct s2c_error **err);
/* The same from an open fd of a regular file, from offset 0. */
S2C_CHECK int s2c_fs_read_fd(int fd, struct s2c_buf *buf, struct s2c_error **err);

/* Replaces a file atomically: temp beside it, fsync, rename, fsync of the directory. */
S2C_CHECK int s2c_fs_write_file(int dirfd, const char *name, const void *data, size_t len,
	mode_t mode, struct s2c_error **err);

/* write(2) until all is written. */
S2C_CHECK int s2c_fs_write_all(
	int fd, const void *data, size_t len, struct s2c_error **err);

/* fsync with context. `what` is for the message. */
S2C_CHECK int s2c_fs_sync(int fd, const char *what, struct s2c_error **err);

/*
 * For a file that grows from its beginning and is synced at its end: tells the kernel,
 * now and then, to begin writing out the `length` bytes that there are, so that the sync
 * waits for little. *told is 0 at first and this function's. Best effort.
 */
void s2c_fs_writeout(int fd, uint64_t length, uint64_t *told);

/* renameat(2) and fsync of the new directory. */
S2C_CHECK int s2c_fs_rename(int old_dirfd, const char *old_name, int new_dirfd,
	const char *new_name, struct s2c_error **err);

/* A fresh name "<prefix>-<random hex>"; caller frees. */
char *s2c_fs_random_name(const char *prefix);

/* Reads a symlink of any length; caller frees *out_target. */
S2C_CHECK int s2c_fs_readlink(
	int dirfd, const char *path, char **out_target, struct s2c_error **err);

/*
 * Reads the names in a directory, without "." and "..", sorted bytewise, and fails with
 * S2C_ELIMIT above `max` names. The strv is appended to.
 */
struct s2c_strv;
S2C_CHECK int s2c_fs_list(
	int dir_fd, size_t max, struct s2c_strv *names, struct s2c_error **err);

/*
 * Takes a whole-file lock (flock) on `name` below dirfd, creating it (0600). exclusive or
 * shared; waits under ctx (polling), or with `try_only` gives *out_fd = -1 and success
 * when it is held elsewhere. Closing the fd releases.
 */
struct s2c_lock_opts {
	bool exclusive;
	bool try_only;
};
S2C_CHECK int s2c_fs_lock(struct s2c_ctx *ctx, int dirfd, const char *name,
	struct s2c_lock_opts opts, int *out_fd, struct s2c_error **err);

#endif
