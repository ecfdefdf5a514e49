/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolving paths from outside below a directory: by openat2(2), or component by
 * component in user space where a seccomp filter or an old kernel takes openat2 away.
 *
 * The walk never follows a link through the kernel and never goes up through "..": each
 * link is read and expanded as text, and ".." starts again from the root without the last
 * component. So a tree that changes under it can make it fail, not escape. Where it is
 * stricter than the kernel: every symlink on procfs counts as a magic link.
 */
#include "util/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "util/fault.h"
#include "util/strv.h"

/* As in the kernel. */
#define LINKS_MAX 40
/* openat2 says EAGAIN when a rename elsewhere made it lose track. */
#define RACES_MAX 64

enum confine {
	IN_ROOT, /* as in a chroot: links are followed inside */
	BENEATH, /* no link, no way out */
};

static atomic_bool no_openat2;

static int by_kernel(
	int dirfd, const char *path, int flags, mode_t mode, enum confine how)
{
	struct open_how request = {
		.flags = (uint64_t)(unsigned)flags,
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
		.resolve = how == IN_ROOT ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
					  : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						    RESOLVE_NO_MAGICLINKS,
	};

	for (int races = 0;; races++) {
		long fd = syscall(SYS_openat2, dirfd, path, &request, sizeof(request));

		if (fd >= 0)
			return (int)fd;
		if (errno != EINTR && (errno != EAGAIN || races >= RACES_MAX))
			return -1;
	}
}

/* The state of one walk. */
struct walk {
	int root;
	enum confine how;
	struct s2c_strv done; /* plain names that lead from the root to `at` */
	int at;               /* O_PATH descriptor of that directory; -1: the root */
	char *rest;           /* what is still to be resolved, owned */
	unsigned links;
};

static void walk_release(struct walk *w)
{
	s2c_strv_release(&w->done);
	s2c_clean_fd(&w->at);
	free(w->rest);
}

static int here(const struct walk *w)
{
	return w->at < 0 ? w->root : w->at;
}

/* Replaces `at` by its child directory `name`. -1 with errno. */
static int enter(struct walk *w, const char *name)
{
	int fd = openat(here(w), name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	s2c_clean_fd(&w->at);
	w->at = fd;
	return 0;
}

static void to_root(struct walk *w)
{
	s2c_clean_fd(&w->at);
	w->at = -1;
}

/* Goes to the directory above, by walking there from the root. -1 with errno. */
static int go_up(struct walk *w)
{
	if (!w->done.len) {
		if (w->how == IN_ROOT)
			return 0;
		errno = EXDEV;
		return -1;
	}
	s2c_strv_remove(&w->done, w->done.len - 1);
	to_root(w);
	s2c_strv_foreach (name, &w->done)
		if (enter(w, name) < 0)
			return -1;
	return 0;
}

/*
 * If `name` is a symlink that has to be followed, puts its target before the rest and
 * returns 1. 0: it is none or does not exist. -1 with errno.
 */
static int expand(struct walk *w, const char *name)
{
	CLEAN_FD int link = -1;
	CLEAN_FREE char *rest = NULL;
	char target[PATH_MAX];
	struct statfs fs;
	struct stat st;
	ssize_t n;

	link = openat(here(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstat(link, &st) < 0)
		return -1;
	if (!S_ISLNK(st.st_mode))
		return 0;
	errno = ELOOP;
	if (w->how == BENEATH || ++w->links > LINKS_MAX)
		return -1;
	if (fstatfs(link, &fs) < 0)
		return -1;
	if (fs.f_type == PROC_SUPER_MAGIC)
		return -1;
	n = readlinkat(link, "", target, sizeof(target));
	if (n < 0)
		return -1;
	if (n == 0 || n == (ssize_t)sizeof(target)) {
		errno = n ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	rest = *w->rest ? xasprintf("%.*s/%s", (int)n, target, w->rest)
			: xstrndup(target, (size_t)n);
	free(w->rest);
	w->rest = TAKE(rest);
	if (target[0] == '/') {
		s2c_strv_release(&w->done);
		to_root(w);
	}
	return 1;
}

/*
 * Cuts the next component off the rest; NULL when there is none. A slash at the end of
 * the path counts as "/.", since it asks for a directory.
 */
static char *next_component(struct walk *w, bool *out_last)
{
	char *p = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(p, "/");
	CLEAN_FREE char *name = NULL;
	char *rest;

	if (!n)
		return NULL;
	name = xstrndup(p, n);
	rest = xstrdup(p[n] && !p[n + strspn(p + n, "/")] ? "." : p + n);
	free(w->rest);
	w->rest = rest;
	*out_last = !*rest;
	return TAKE(name);
}

/* The last component: opens it as asked. 0 with *out_fd, 1: a link was expanded, or -1.
 */
static int open_last(
	struct walk *w, const char *name, int flags, mode_t mode, int *out_fd)
{
	bool exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);

	if (!(flags & O_NOFOLLOW) && !exclusive) {
		int rc = expand(w, name);

		if (rc)
			return rc;
	}
	*out_fd = openat(here(w), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	return *out_fd < 0 ? -1 : 0;
}

/* One component on the way. 0, or -1 with errno. */
static int step(struct walk *w, const char *name)
{
	int rc = expand(w, name);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (enter(w, name) < 0)
		return -1;
	s2c_strv_add(&w->done, name);
	return 0;
}

static int by_walk(int dirfd, const char *path, int flags, mode_t mode, enum confine how)
{
	CLEAN(walk_release)
	struct walk w = {.root = dirfd, .how = how, .at = -1, .rest = xstrdup(path)};

	if (!*path || strlen(path) >= PATH_MAX) {
		errno = *path ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	if (*path == '/' && how == BENEATH) {
		errno = EXDEV;
		return -1;
	}
	for (;;) {
		bool last = true;
		CLEAN_FREE char *name = next_component(&w, &last);
		int fd, rc;

		if (name && streq(name, "..")) {
			if (go_up(&w) < 0)
				return -1;
		} else if (name && !streq(name, ".")) {
			rc = last ? open_last(&w, name, flags, mode, &fd)
				  : step(&w, name);
			if (rc < 0)
				return -1;
			if (last && rc == 0)
				return fd;
			continue;
		}
		if (last)
			return openat(here(&w), ".", flags | O_CLOEXEC, mode);
	}
}

static int resolve(int dirfd, const char *path, int flags, mode_t mode, enum confine how)
{
	int fd;

	if (atomic_load_explicit(&no_openat2, memory_order_relaxed))
		return by_walk(dirfd, path, flags, mode, how);
	fd = by_kernel(dirfd, path, flags, mode, how);
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	/* EPERM may be meant for this file: then the walk gets it again. */
	if (errno == ENOSYS)
		atomic_store(&no_openat2, true);
	return by_walk(dirfd, path, flags, mode, how);
}

static int open_confined(int dirfd, const char *path, int flags, mode_t mode,
	enum confine how, struct s2c_error **err)
{
	int fd;

	if (s2c_fault_point("fs.open", err) < 0)
		return -1;
	/* openat2 refuses flags that mean nothing for O_PATH. */
	flags |= flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NOCTTY;
	fd = resolve(dirfd, path, flags, mode, how);
	if (fd >= 0)
		return fd;
	if (errno == EXDEV)
		return s2c_fail_as(err, S2C_EINVAL, EXDEV,
			"cannot open '%s': it leaves its directory", path);
	if (errno == ELOOP && how == BENEATH)
		return s2c_fail_as(err, S2C_EINVAL, ELOOP,
			"cannot open '%s': it is or goes through a symlink", path);
	return s2c_fail_errno(err, errno, "cannot open '%s'", path);
}

int s2c_fs_open_in(int root_fd, const char *path, int flags, mode_t mode, int *out_fd,
	struct s2c_error **err)
{
	int fd = open_confined(root_fd, path, flags, mode, IN_ROOT, err);

	if (fd < 0)
		return -1;
	*out_fd = fd;
	return 0;
}

int s2c_fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *out_fd,
	struct s2c_error **err)
{
	int fd = open_confined(dirfd, path, flags, mode, BENEATH, err);

	if (fd < 0)
		return -1;
	*out_fd = fd;
	return 0;
}

int s2c_fs_mkdir_in(
	int root_fd, const char *path, mode_t mode, int *out_fd, struct s2c_error **err)
{
	const int flags = O_PATH | O_DIRECTORY;
	CLEAN_FD int at = -1;

	if (s2c_fault_point("fs.mkdir", err) < 0)
		return -1;
	if (s2c_fs_open_in(root_fd, "/", flags, 0, &at, err) < 0)
		return -1;
	/* Every prefix is resolved from the root: a link in it may lead anywhere inside.
	 */
	for (size_t end = strspn(path, "/"); path[end];) {
		size_t len = strcspn(path + end, "/");
		CLEAN_FREE char *name = xstrndup(path + end, len);
		CLEAN_FREE char *prefix = xstrndup(path, end + len);
		int next = resolve(root_fd, prefix, flags | O_CLOEXEC, 0, IN_ROOT);

		if (next < 0 && errno == ENOENT) {
			if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
				return s2c_fail_errno(err, errno,
					"cannot create directory '%s'", prefix);
			next = resolve(root_fd, prefix, flags | O_CLOEXEC, 0, IN_ROOT);
		}
		if (next < 0)
			return s2c_fail_errno(
				err, errno, "cannot create directory '%s'", prefix);
		s2c_clean_fd(&at);
		at = next;
		end += len;
		end += strspn(path + end, "/");
	}
	if (out_fd)
		*out_fd = take_fd(&at);
	return 0;
}
