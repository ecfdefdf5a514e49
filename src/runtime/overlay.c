/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlay mounts. Every option that changes what lands in the upper directory is given,
 * because hosts set different defaults: redirect_dir, metacopy and index would put things
 * there that are no layer (buildkit#2490, containers/storage#640). The mount is volatile:
 * nothing in it outlives the command, so nothing needs to be synced.
 *
 * Directories are named through /proc/self/fd, which is short and cannot be swapped. The
 * new mount API has no limit on the number of layers from Linux 6.7 on; older kernels
 * take one string of 256 bytes, and beyond that only mount(2) with its page of options.
 */
#include "runtime/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "layer/unpack.h"
#include "util/buf.h"
#include "util/fault.h"
#include "util/fs.h"

#define UPPER S2C_OVERLAY_UPPER
#define OPTIONS_MAX 4095 /* bytes of mount(2) data */
#define FSCONFIG_STRING_MAX 255
#define VIEW_TARGET "/dev" /* only used for kernels that need mount(2) */

/* Held open for one mount. */
struct dirs {
	int upper, work;
};

static void dirs_release(struct dirs *dirs)
{
	s2c_clean_fd(&dirs->upper);
	s2c_clean_fd(&dirs->work);
}

int s2c_overlay_prepare(struct s2c_overlay *o, struct s2c_error **err)
{
	CLEAN_FD int upper = -1;
	struct stat st;

	if (mkdirat(o->work_fd, UPPER, 0755) < 0)
		return s2c_fail_errno(err, errno, "cannot make the upper directory");
	if (s2c_fs_open(o->work_fd, UPPER, O_RDONLY | O_DIRECTORY, 0, &upper, err) < 0)
		return -1;
	if (o->n_lowers == 0)
		return 0;
	if (fstat(o->lower_fds[s2c_layer_root_tree(o->lower_fds, o->n_lowers)], &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at a layer");
	if (!o->keep_owner && fchown(upper, st.st_uid, st.st_gid) < 0)
		return s2c_fail_errno(err, errno, "cannot set the owner of '/'");
	if (fchmod(upper, st.st_mode & 07777) < 0)
		return s2c_fail_errno(err, errno, "cannot set the mode of '/'");
	return 0;
}

int s2c_overlay_upper(const struct s2c_overlay *o, int *out_fd, struct s2c_error **err)
{
	return s2c_fs_open(o->work_fd, UPPER, O_RDONLY | O_DIRECTORY, 0, out_fd, err);
}

static int open_dirs(struct s2c_overlay *o, struct dirs *dirs, struct s2c_error **err)
{
	char work[32];

	if (s2c_fault_point("overlay.mount", err) < 0)
		return -1;
	if (o->work_fd < 0)
		return 0;
	(void)snprintf(work, sizeof(work), "ovl-%u", o->serial++);
	if (mkdirat(o->work_fd, work, 0700) < 0)
		return s2c_fail_errno(err, errno, "cannot make '%s'", work);
	if (s2c_fs_open(o->work_fd, work, O_PATH | O_DIRECTORY, 0, &dirs->work, err) < 0)
		return -1;
	return s2c_fs_open(o->work_fd, UPPER, O_PATH | O_DIRECTORY, 0, &dirs->upper, err);
}

/* "a:b:c" of all lowers. */
static int lower_string(
	const struct s2c_overlay *o, struct s2c_buf *out, struct s2c_error **err)
{
	for (size_t i = 0; i < o->n_lowers; i++)
		if (s2c_buf_printf(out, err, "%s/proc/self/fd/%d", i ? ":" : "",
			    o->lower_fds[i]) < 0)
			return -1;
	return 0;
}

static int set_string(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* An option that old kernels may not know but then do not need either. */
static const char *const fixed_options[][2] = {
	{"redirect_dir", "nofollow"},
	{"metacopy", "off"},
	{"index", "off"},
	{"xino", "off"},
};

static int set_lowers(int fs, const struct s2c_overlay *o)
{
	CLEAN_BUF struct s2c_buf all = S2C_BUF_INIT(FSCONFIG_STRING_MAX);
	char one[32];

	for (size_t i = 0; i < o->n_lowers; i++) {
		(void)snprintf(one, sizeof(one), "/proc/self/fd/%d", o->lower_fds[i]);
		if (set_string(fs, "lowerdir+", one) == 0)
			continue;
		if (i > 0 || errno != EINVAL)
			return -1;
		if (lower_string(o, &all, NULL) < 0) {
			errno = E2BIG;
			return -1;
		}
		return set_string(fs, "lowerdir", s2c_buf_str(&all));
	}
	return 0;
}

static int set_upper(int fs, const struct dirs *dirs)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dirs->upper);
	if (set_string(fs, "upperdir", path) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dirs->work);
	if (set_string(fs, "workdir", path) < 0)
		return -1;
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
}

static int set_options(int fs, const struct s2c_overlay *o, const struct dirs *dirs)
{
	if (set_lowers(fs, o) < 0)
		return -1;
	if (dirs->upper >= 0 && set_upper(fs, dirs) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(fixed_options); i++)
		if (set_string(fs, fixed_options[i][0], fixed_options[i][1]) < 0)
			return -1;
	if (o->userxattr &&
		syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

/* A mount attached nowhere, or -1 with errno; `why` gets the kernel's own words. */
static int mount_detached(
	const struct s2c_overlay *o, const struct dirs *dirs, char *why, size_t why_len)
{
	CLEAN_FD int fs = -1;
	int mnt, saved;
	ssize_t n;

	why[0] = '\0';
	errno = ENOSYS;
	if (!o->classic)
		fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -1;
	if (set_options(fs, o, dirs) == 0) {
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
		if (mnt >= 0)
			return mnt;
	}
	saved = errno;
	n = read(fs, why, why_len - 1);
	why[n > 0 ? n : 0] = '\0';
	why[strcspn(why, "\n")] = '\0';
	errno = saved;
	return -1;
}

/* The same by mount(2). */
static int mount_classic(const struct s2c_overlay *o, const struct dirs *dirs,
	const char *target, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf options = S2C_BUF_INIT(OPTIONS_MAX);

	if (s2c_buf_puts(&options, "lowerdir=", err) < 0 ||
		lower_string(o, &options, err) < 0)
		return s2c_wrap(err, "overlay options");
	if (dirs->upper >= 0 &&
		s2c_buf_printf(&options, err,
			",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,volatile",
			dirs->upper, dirs->work) < 0)
		return s2c_wrap(err, "overlay options");
	for (size_t i = 0; i < ARRAY_SIZE(fixed_options); i++)
		if (s2c_buf_printf(&options, err, ",%s=%s", fixed_options[i][0],
			    fixed_options[i][1]) < 0)
			return s2c_wrap(err, "overlay options");
	if (o->userxattr && s2c_buf_puts(&options, ",userxattr", err) < 0)
		return s2c_wrap(err, "overlay options");
	if (mount("overlay", target, "overlay", MS_NODEV | MS_NOSUID,
		    s2c_buf_str(&options)) < 0)
		return s2c_fail_errno(err, errno, "cannot mount an overlay");
	return 0;
}

static int fail_mount(int errnum, const char *why, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"cannot mount an overlay file system: %s%s%s; the store must lie on a "
		"file "
		"system that can hold one (not on an overlay or NFS): choose with --root",
		strerror(errnum), *why ? ": " : "", why);
}

/* True when the new mount API is not there or cannot take this many layers. */
static bool needs_classic(int errnum)
{
	return errnum == ENOSYS || errnum == E2BIG || errnum == EINVAL;
}

int s2c_overlay_mount(struct s2c_overlay *o, const char *target, struct s2c_error **err)
{
	CLEAN(dirs_release) struct dirs dirs = {-1, -1};
	CLEAN_ERROR struct s2c_error *classic = NULL;
	CLEAN_FD int mnt = -1;
	char why[256];
	int saved;

	if (open_dirs(o, &dirs, err) < 0)
		return -1;
	mnt = mount_detached(o, &dirs, why, sizeof(why));
	if (mnt >= 0) {
		if (syscall(SYS_move_mount, mnt, "", AT_FDCWD, target,
			    MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return s2c_fail_errno(err, errno, "cannot attach '%s'", target);
		return 0;
	}
	saved = errno;
	if (needs_classic(saved) && mount_classic(o, &dirs, target, &classic) == 0)
		return 0;
	return fail_mount(saved, why, err);
}

/* The directory of `fd` by its path in this mount namespace; it must be the same one. */
static int reopen(int fd, int *out_fd, struct s2c_error **err)
{
	CLEAN_FREE char *link = xasprintf("/proc/self/fd/%d", fd);
	CLEAN_FREE char *path = NULL;
	CLEAN_FD int again = -1;
	struct stat before, after;

	if (s2c_fs_readlink(AT_FDCWD, link, &path, err) < 0 ||
		s2c_fs_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &again, err) < 0)
		return -1;
	if (fstat(fd, &before) < 0 || fstat(again, &after) < 0 ||
		before.st_dev != after.st_dev || before.st_ino != after.st_ino)
		return s2c_fail(
			err, S2C_EIO, "directory '%s' was replaced meanwhile", path);
	*out_fd = take_fd(&again);
	return 0;
}

int s2c_overlay_rehome(struct s2c_overlay *o, struct s2c_error **err)
{
	for (size_t i = 0; i < o->n_lowers; i++) {
		int fd;

		if (reopen(o->lower_fds[i], &fd, err) < 0)
			return -1;
		close(o->lower_fds[i]);
		o->lower_fds[i] = fd;
	}
	if (o->work_fd >= 0 && reopen(o->work_fd, &o->work_fd, err) < 0)
		return -1;
	return 0;
}

/* ---- a view on kernels that need mount(2): made in a child's mount namespace ---- */

static int send_fd(int sock, int fd)
{
	char data = 0;
	struct iovec iov = {.iov_base = &data, .iov_len = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int receive_fd(int sock)
{
	char data;
	struct iovec iov = {.iov_base = &data, .iov_len = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

__attribute__((noreturn)) static void view_child(struct s2c_overlay *o, int sock)
{
	CLEAN(dirs_release) struct dirs dirs = {-1, -1};
	CLEAN_FD int mnt = -1;

	/* The mount point is anything that exists: nobody else sees this namespace. */
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		s2c_overlay_rehome(o, NULL) < 0 || open_dirs(o, &dirs, NULL) < 0 ||
		mount_classic(o, &dirs, VIEW_TARGET, NULL) < 0)
		_exit(1);
	mnt = open(VIEW_TARGET, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mnt < 0 || send_fd(sock, mnt) < 0)
		_exit(1);
	_exit(0);
}

static int view_classic(struct s2c_overlay *o)
{
	CLEAN_FD int ours = -1;
	CLEAN_FD int theirs = -1;
	int pair[2], fd;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0)
		view_child(o, theirs);
	close(take_fd(&theirs));
	fd = receive_fd(ours);
	(void)waitpid(pid, NULL, 0);
	/* The child's copy counted for itself. */
	o->serial++;
	return fd;
}

int s2c_overlay_view(struct s2c_overlay *o, int *out_fd, struct s2c_error **err)
{
	CLEAN(dirs_release) struct dirs dirs = {-1, -1};
	char why[256];

	/* One layer and nothing to write is a directory; overlayfs refuses to be that. */
	if (o->view_fd < 0 && o->work_fd < 0 && o->n_lowers == 1) {
		o->view_fd = fcntl(o->lower_fds[0], F_DUPFD_CLOEXEC, 3);
		if (o->view_fd < 0)
			return s2c_fail_errno(err, errno, "cannot open a layer");
	}
	if (o->view_fd < 0) {
		int saved;

		if (open_dirs(o, &dirs, err) < 0)
			return -1;
		o->view_fd = mount_detached(o, &dirs, why, sizeof(why));
		saved = errno;
		if (o->view_fd < 0 && needs_classic(saved))
			o->view_fd = view_classic(o);
		if (o->view_fd < 0)
			return fail_mount(saved, why, err);
	}
	*out_fd = o->view_fd;
	return 0;
}

void s2c_overlay_drop_view(struct s2c_overlay *o)
{
	s2c_clean_fd(&o->view_fd);
	o->view_fd = -1;
}

void s2c_overlay_release(struct s2c_overlay *o)
{
	s2c_overlay_drop_view(o);
	for (size_t i = 0; i < o->n_lowers; i++)
		s2c_clean_fd(&o->lower_fds[i]);
	free(o->lower_fds);
	o->lower_fds = NULL;
	o->n_lowers = 0;
}

int s2c_overlay_probe(int work_fd, bool userxattr, struct s2c_error **err)
{
	CLEAN(s2c_overlay_release) struct s2c_overlay o = S2C_OVERLAY_INIT;
	CLEAN_FREE char *name = s2c_fs_random_name("probe");
	CLEAN_FD int dir = -1;
	CLEAN_FD int lower = -1;
	int view, rc;

	if (mkdirat(work_fd, name, 0700) < 0)
		return s2c_fail_errno(err, errno, "cannot make a directory in the store");
	rc = s2c_fs_open(work_fd, name, O_RDONLY | O_DIRECTORY, 0, &dir, err);
	if (rc == 0 && mkdirat(dir, "lower", 0755) < 0)
		rc = s2c_fail_errno(err, errno, "cannot make a directory in the store");
	if (rc == 0)
		rc = s2c_fs_open(dir, "lower", O_PATH | O_DIRECTORY, 0, &lower, err);
	if (rc == 0) {
		o.lower_fds = xcalloc(1, sizeof(int));
		o.lower_fds[o.n_lowers++] = take_fd(&lower);
		o.work_fd = dir;
		o.userxattr = o.keep_owner = userxattr;
		rc = s2c_overlay_prepare(&o, err);
	}
	if (rc == 0)
		rc = s2c_overlay_view(&o, &view, err);
	s2c_overlay_drop_view(&o);
	/* What cannot be removed now is swept with the work directory. */
	(void)!s2c_fs_rm_rf(work_fd, name, NULL);
	return rc;
}
