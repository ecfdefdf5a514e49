/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The round trip: random work in a real overlay, the difference as a layer, the layer
 * unpacked as one more lower directory. The two merged views must be the same, and the
 * same upper directory must give the same bytes again, and, settled, the same view. Two
 * layers deep, so that
 * whiteouts and opaque directories meet lowers that have some themselves.
 *
 * It needs to mount, in a private mount namespace of a child process.
 */
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "codec/digest.h"
#include "codec/tar.h"
#include "layer/diff.h"
#include "layer/settle.h"
#include "layer/unpack.h"

#define PREFIX "trusted.overlay."
#define OVERLAY_OPTIONS "redirect_dir=off,metacopy=off,index=off,xino=off"
#define TAR_MAX (64u * 1024 * 1024)
#define SEEDS 80
#define STEPS 150
#define CANNOT_MOUNT 77

/* cmocka's asserts jump into the parent's frames: a child only says and exits. */
#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "%s:%d: %s (errno %d) %s\n", __FILE__, __LINE__, \
				#cond, errno, s2c_error_message(terr));                  \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

/* ---- random work ---- */

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Few names, so that they meet again and again. */
static void random_path(char *out, size_t size)
{
	static const char *const names[] = {"a", "b", "c", "d.x", "\xc3\xa9", "\xff"};
	unsigned depth = 1 + rnd(4);

	out[0] = '\0';
	for (unsigned i = 0; i < depth; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s%s", i ? "/" : "",
			names[rnd(ARRAY_SIZE(names))]);
	}
}

static void write_random(int root, const char *path, int flags)
{
	CLEAN_FD int fd = openat(
		root, path, flags | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0644);
	CLEAN_FREE char *data = xmalloc(200000);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	memset(data, (int)rnd(3), 200000);
	CHECK(write(fd, data, rnd(4) ? rnd(64) : rnd(200000)) >= 0);
	if (rnd(8) == 0)
		CHECK(ftruncate(fd, (off_t)rnd(300000)) == 0);
}

static void set_random_meta(int root, const char *path)
{
	struct timespec times[2] = {
		{.tv_sec = rnd(1000)}, {.tv_sec = (int)rnd(4000) - 2000,
					       .tv_nsec = rnd(2) ? rnd(1000000000) : 0}};
	static const mode_t modes[] = {0644, 04755, 02755, 01777, 0, 0700};
	char full[512];

	snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", root, path);
	switch (rnd(streq(path, ".") ? 3 : 5)) {
	case 0:
		(void)fchmodat(root, path, modes[rnd(6)], AT_SYMLINK_NOFOLLOW);
		break;
	case 1:
		(void)fchownat(root, path, rnd(3) * 1000240000u, rnd(70000),
			AT_SYMLINK_NOFOLLOW);
		break;
	case 2:
		(void)utimensat(root, path, times, AT_SYMLINK_NOFOLLOW);
		break;
	case 3:
		(void)lsetxattr(full, rnd(2) ? "user.a" : "user.b", "v\n=\0w", rnd(6), 0);
		break;
	default:
		(void)lsetxattr(full, "security.capability",
			"\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0);
	}
}

static void work(int root)
{
	char path[200], other[256];

	random_path(path, sizeof(path));
	random_path(other, sizeof(other));
	switch (rnd(14)) {
	case 0:
	case 1:
		write_random(root, path, O_CREAT | O_TRUNC);
		break;
	case 2:
		write_random(root, path, O_APPEND);
		break;
	case 3:
	case 4:
	case 5:
		(void)mkdirat(root, path, 0755);
		break;
	case 6:
		if (s2c_fs_rm_rf(root, path, NULL))
			return;
		break;
	case 7:
		(void)renameat(root, path, root, other);
		break;
	case 8:
		(void)symlinkat(other, root, path);
		break;
	case 9:
		(void)linkat(root, other, root, path, 0);
		break;
	case 10: /* delete and make again: opaque, with names that were there before */
		if (s2c_fs_rm_rf(root, path, NULL) || mkdirat(root, path, 0755))
			return;
		snprintf(other, sizeof(other), "%s/%s", path, rnd(2) ? "a" : "b");
		if (rnd(2) && mkdirat(root, other, 0755) == 0)
			strncat(other, "/c", 3);
		write_random(root, other, O_CREAT);
		break;
	case 11:
		(void)mknodat(root, path, rnd(2) ? S_IFIFO | 0600 : S_IFCHR | 0600,
			makedev(1, 3));
		break;
	default:
		set_random_meta(root, rnd(30) ? path : ".");
	}
}

/* ---- views ---- */

static void describe_xattrs(const char *full, struct s2c_buf *out)
{
	char names[4096], value[4096];
	ssize_t len = llistxattr(full, names, sizeof(names));

	for (char *name = names; len > 0 && name < names + len;
		name += strlen(name) + 1) {
		ssize_t n = lgetxattr(full, name, value, sizeof(value));

		if (!s2c_entry_xattr_kept(name) || n < 0)
			continue;
		s2c_buf_must_printf(out, " %s=", name);
		for (ssize_t i = 0; i < n; i++)
			s2c_buf_must_printf(out, "%02x", (unsigned char)value[i]);
	}
}

static void describe_content(int dir, const char *name, struct s2c_buf *out)
{
	CLEAN_BUF struct s2c_buf data = S2C_BUF_INIT(TAR_MAX);
	struct s2c_digest digest;

	CHECK(s2c_fs_read_file(dir, name, &data, &terr) == 0);
	s2c_digest_of(data.data, data.len, &digest);
	s2c_buf_must_printf(out, " %.12s", s2c_digest_hex(&digest));
}

/* A line for everything in a tree; mtimes of directories are not part of a layer. */
static void describe(int dir, const char *name, const char *path, struct s2c_buf *out)
{
	CLEAN_FREE char *full = xasprintf("/proc/self/fd/%d/%s", dir, name);
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	char target[4096] = "";
	struct stat st;
	CLEAN_FD int fd = -1;

	CHECK(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	s2c_buf_must_printf(out, "%s %o %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
	if (!S_ISDIR(st.st_mode))
		s2c_buf_must_printf(out, " %lld.%09ld %lx", (long long)st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec, (unsigned long)st.st_rdev);
	if (S_ISLNK(st.st_mode))
		CHECK(readlinkat(dir, name, target, sizeof(target) - 1) > 0);
	if (S_ISREG(st.st_mode)) {
		s2c_buf_must_printf(out, " %lld", (long long)st.st_size);
		describe_content(dir, name, out);
	}
	/* On links and devices file capabilities mean nothing and are not kept. */
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		describe_xattrs(full, out);
	s2c_buf_must_printf(out, " %s\n", target);
	if (!S_ISDIR(st.st_mode))
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(s2c_fs_list(fd, 10000, &names, &terr) == 0);
	s2c_strv_foreach (child, &names) {
		CLEAN_FREE char *below = xasprintf("%s/%s", path, child);

		describe(fd, child, below, out);
	}
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static char *view_of(const char *path)
{
	struct s2c_buf out = S2C_BUF_INIT(TAR_MAX);
	CLEAN_FD int fd = open_dir(path);

	describe(fd, ".", ".", &out);
	return s2c_buf_take(&out);
}

/* ---- one stage ---- */

static void make_tar(int upper, const int *lowers, size_t n,
	const struct s2c_strv *excludes, struct s2c_diff_rest *rest, struct s2c_buf *tar)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(tar);
	struct s2c_diff_opts opts = {.upper_fd = upper,
		.lower_fds = lowers,
		.n_lowers = n,
		.xattr_prefix = PREFIX,
		.excludes = excludes,
		.rest = rest};

	CHECK(s2c_layer_diff(ctx, &opts, &e, &terr) == 0);
	CHECK(s2c_tar_write_all(ctx, e, w, &terr) == 0);
}

static void unpack_tar(const struct s2c_buf *tar, int root)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_unpack_input input = {s2c_reader_mem(tar->data, tar->len), true};
	struct s2c_unpack_opts opts = {.xattr_prefix = PREFIX};

	CHECK(s2c_layer_unpack(ctx, input, root, &opts, NULL, &terr) == 0);
}

static bool has_root(const struct s2c_buf *tar)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = s2c_tar_reader(
		s2c_reader_mem(tar->data, tar->len), true, (struct s2c_tar_limits){0});
	const struct s2c_entry *first;

	CHECK(s2c_entries_next(e, ctx, &first, &terr) == 0);
	return first && streq(first->path, ".");
}

/* As runtimes do it: the root of the view is that of the upper directory. */
static void copy_root(int from, int to)
{
	struct stat st;

	CHECK(fstat(from, &st) == 0);
	CHECK(fchown(to, st.st_uid, st.st_gid) == 0);
	CHECK(fchmod(to, st.st_mode & 07777) == 0);
}

static void mount_view(const char *lowers, const char *upper)
{
	CLEAN_FREE char *options =
		upper ? xasprintf("lowerdir=%s,upperdir=%s,workdir=%s.work,%s", lowers,
				upper, upper, OVERLAY_OPTIONS)
		      : xasprintf("lowerdir=%s,%s", lowers, OVERLAY_OPTIONS);

	if (mount("overlay", "view", "overlay", 0, options) == 0)
		return;
	fprintf(stderr, "overlay cannot be mounted: %s\n", strerror(errno));
	_exit(CANNOT_MOUNT);
}

static char *view_with(const char *top, const char *lowers)
{
	CLEAN_FREE char *all = xasprintf("%s:%s", top, lowers);
	char *view;

	mount_view(all, NULL);
	view = view_of("view");
	CHECK(umount("view") == 0);
	return view;
}

static void check_same(const char *before, const char *after)
{
	if (streq(before, after))
		return;
	fprintf(stderr, "the views differ\n--- before\n%s--- after\n%s", before, after);
	_exit(1);
}

/* The short way gives the same tree; for every second upper directory with excludes. */
static void settle_upper(const char *lowers, const int *lower_fds, size_t n,
	const char *upper, const char *other)
{
	CLEAN(s2c_diff_rest_release) struct s2c_diff_rest rest = {.more = false};
	CLEAN_STRV struct s2c_strv excludes = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	CLEAN_FREE char *unpacked = NULL, *settled = NULL;
	CLEAN_FD int upper_fd = open_dir(upper), other_fd = -1;

	if (rnd(2)) {
		s2c_strv_add(&excludes, "a/b");
		s2c_strv_add(&excludes, "c");
	}
	make_tar(upper_fd, lower_fds, n, &excludes, &rest, &tar);
	CHECK(rest.root_said == has_root(&tar));
	CHECK(excludes.len || !rest.more);
	if (rest.more)
		return;
	CHECK(mkdir(other, 0755) == 0);
	other_fd = open_dir(other);
	unpack_tar(&tar, other_fd);
	if (!has_root(&tar))
		copy_root(upper_fd, other_fd);
	unpacked = view_with(other, lowers);
	CHECK(s2c_layer_settle(upper_fd, &rest, &terr) == 0);
	settled = view_with(upper, lowers);
	check_same(unpacked, settled);
}

/* Works above `lowers` ("l1:l0"), and puts the result into the directory `layer`. */
static void stage(const char *lowers, const int *lower_fds, size_t n, const char *layer)
{
	CLEAN_FREE char *upper = xasprintf("%s.upper", layer);
	CLEAN_FREE char *work_dir = xasprintf("%s.work", upper);
	CLEAN_FREE char *other = xasprintf("%s.other", layer);
	CLEAN_FREE char *before = NULL, *after = NULL;
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX),
				 again = S2C_BUF_INIT(TAR_MAX);
	CLEAN_FD int upper_fd = -1, layer_fd = -1;

	CHECK(mkdir(upper, 0755) == 0 && mkdir(work_dir, 0755) == 0);
	CHECK(mkdir(layer, 0755) == 0);
	upper_fd = open_dir(upper);
	copy_root(lower_fds[s2c_layer_root_tree(lower_fds, n)], upper_fd);
	mount_view(lowers, upper);
	{
		CLEAN_FD int root = open_dir("view");

		for (unsigned i = 0; i < STEPS; i++)
			work(root);
	}
	before = view_of("view");
	CHECK(umount("view") == 0);
	make_tar(upper_fd, lower_fds, n, NULL, NULL, &tar);
	make_tar(upper_fd, lower_fds, n, NULL, NULL, &again);
	CHECK(tar.len == again.len && !memcmp(tar.data, again.data, tar.len));
	layer_fd = open_dir(layer);
	unpack_tar(&tar, layer_fd);
	/* A layer says nothing of a root that stayed the same. */
	if (!has_root(&tar))
		copy_root(lower_fds[s2c_layer_root_tree(lower_fds, n)], layer_fd);
	after = view_with(layer, lowers);
	check_same(before, after);
	settle_upper(lowers, lower_fds, n, upper, other);
}

static void child(const char *dir)
{
	int fds[3];

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("tmpfs", dir, "tmpfs", 0, "mode=0755"))
		_exit(CANNOT_MOUNT);
	CHECK(chdir(dir) == 0);
	CHECK(mkdir("view", 0755) == 0 && mkdir("l0", 0755) == 0);
	fds[2] = open_dir("l0");
	for (unsigned i = 0; i < 2 * STEPS; i++)
		work(fds[2]);
	/* Trees of the store are made by unpacking: no sockets, plain root. */
	CHECK(fchmod(fds[2], 0755) == 0 && fchown(fds[2], 0, 0) == 0);
	stage("l0", fds + 2, 1, "l1");
	fds[1] = open_dir("l1");
	stage("l1:l0", fds + 1, 2, "l2");
	fds[0] = open_dir("l2");
	stage("l2:l1:l0", fds, 3, "l3");
	_exit(0);
}

static void round_trips(void **state)
{
	struct tmp *tmp = *state;

	for (unsigned i = 1; i <= SEEDS; i++) {
		pid_t pid;
		int status;

		seed = i * 7919;
		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(tmp->path);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_MOUNT)
			skip_because("cannot mount an overlay here");
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			fail_msg("seed %u: status %x", i, (unsigned)status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
