/* SPDX-License-Identifier: Apache-2.0 */
/* Removing trees that a hostile build may leave: links, depth, no rights, mounts. */
#include "helper.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "sandbox.h"

static void test_simple(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *absolute = xasprintf("%s/abs", tmp->path);

	tmp_write(tmp, "file", "x");
	tmp_write(tmp, "abs/d/file", "x");
	tmp_write(tmp, "keep/d/file", "x");
	assert_ok(s2c_fs_rm_rf(tmp->fd, "file", &terr));
	assert_ok(s2c_fs_rm_rf(AT_FDCWD, absolute, &terr));
	assert_ok(s2c_fs_rm_rf(tmp->fd, "keep/d", &terr));
	assert_false(tmp_has(tmp, "file"));
	assert_false(tmp_has(tmp, "abs"));
	assert_false(tmp_has(tmp, "keep/d"));
	assert_true(tmp_has(tmp, "keep"));
	/* Missing, also with its parent, is fine. */
	assert_ok(s2c_fs_rm_rf(tmp->fd, "file", &terr));
	assert_ok(s2c_fs_rm_rf(tmp->fd, "none/file", &terr));
}

static void test_no_name(void **state)
{
	static const char *const names[] = {
		"", ".", "..", "/", "keep/", "keep/..", "keep/."};
	struct tmp *tmp = *state;

	tmp_write(tmp, "keep/file", "x");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_fails(
			s2c_fs_rm_rf(tmp->fd, names[i], &terr), S2C_EINVAL, "no name");
	assert_true(tmp_has(tmp, "keep/file"));
}

static void test_links_are_not_followed(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *absolute = xasprintf("%s/keep", tmp->path);

	tmp_write(tmp, "keep/file", "x");
	tmp_write(tmp, "t/d/file", "x");
	assert_int_equal(symlinkat("../keep", tmp->fd, "t/rel"), 0);
	assert_int_equal(symlinkat(absolute, tmp->fd, "t/d/abs"), 0);
	assert_int_equal(symlinkat("../..", tmp->fd, "t/d/up"), 0);
	assert_int_equal(symlinkat("keep", tmp->fd, "top"), 0);
	assert_int_equal(linkat(tmp->fd, "keep/file", tmp->fd, "t/hard", 0), 0);
	assert_ok(s2c_fs_rm_rf(tmp->fd, "t", &terr));
	assert_ok(s2c_fs_rm_rf(tmp->fd, "top", &terr));
	assert_false(tmp_has(tmp, "t"));
	assert_false(tmp_has(tmp, "top"));
	assert_true(tmp_has(tmp, "keep/file"));
}

static void test_odd_entries(void **state)
{
	struct tmp *tmp = *state;
	int fd;

	tmp_write(tmp, "t/\xff\n", "x");
	tmp_write(tmp, "t/-rf/ ", "x");
	tmp_write(tmp, "t/\\/x", "x");
	assert_int_equal(mkfifoat(tmp->fd, "t/fifo", 0), 0);
	if (geteuid() == 0)
		(void)mknodat(tmp->fd, "t/null", S_IFCHR | 0, makedev(0, 0));
	fd = openat(tmp->fd, "t/open", O_CREAT | O_RDWR | O_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_ok(s2c_fs_rm_rf(tmp->fd, "t", &terr));
	assert_false(tmp_has(tmp, "t"));
	close(fd);
}

static void test_wide(void **state)
{
	struct tmp *tmp = *state;

	for (int i = 0; i < 3000; i++) {
		CLEAN_FREE char *dir = xasprintf("t/dir%d", i);
		CLEAN_FREE char *file = xasprintf("t/dir%d/%d", i % 7, i);

		assert_ok(s2c_fs_mkdir_p(tmp->fd, dir, 0755, &terr));
		tmp_write(tmp, file, "");
	}
	assert_ok(s2c_fs_rm_rf(tmp->fd, "t", &terr));
	assert_false(tmp_has(tmp, "t"));
}

/* Deeper than PATH_MAX can name, and than there are descriptors or stack. */
static void test_deep(void **state)
{
	struct tmp *tmp = *state;
	int at = dup(tmp->fd);

	for (int i = 0; i < 6000; i++) {
		int next;

		assert_int_equal(mkdirat(at, "directory", 0755), 0);
		next = openat(at, "directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
		if (i % 100 == 0)
			close(openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	}
	close(at);
	assert_ok(s2c_fs_rm_rf(tmp->fd, "directory", &terr));
	assert_false(tmp_has(tmp, "directory"));
}

/*
 * Two large subdirectories in each directory, one of them as deep as the tree: whoever
 * helps with that one finds the same there again.
 */
static void test_deep_and_wide(void **state)
{
	struct tmp *tmp = *state;
	int at = dup(tmp->fd);

	for (int i = 0; i < 200; i++) {
		int next;

		assert_int_equal(mkdirat(at, "deep", 0755), 0);
		next = openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
		assert_int_equal(mkdirat(at, "a", 0755), 0);
		assert_int_equal(mkdirat(at, "z", 0755), 0);
		close(openat(at, "a/1", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		close(openat(at, "a/2", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		close(openat(at, "z/1", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	}
	close(at);
	assert_ok(s2c_fs_rm_rf(tmp->fd, "deep", &terr));
	assert_false(tmp_has(tmp, "deep"));
}

/* A tree for many hands. */
static void make_wide(const struct tmp *tmp, const char *name)
{
	for (int i = 0; i < 800; i++) {
		CLEAN_FREE char *file = xasprintf("%s/%d/file%d", name, i % 100, i);

		tmp_write(tmp, file, "x");
	}
}

/* There are no threads to be had: it is done by the caller. */
static int remove_alone(void *arg)
{
	const struct tmp *tmp = arg;

	make_wide(tmp, "t");
	if (deny_syscall(SYS_clone3, EAGAIN) < 0 || deny_syscall(SYS_clone, EAGAIN) < 0)
		return SANDBOX_SKIP;
	assert_ok(s2c_fs_rm_rf(tmp->fd, "t", &terr));
	return tmp_has(tmp, "t");
}

static void test_without_threads(void **state)
{
	int got = in_child(remove_alone, *state);

	if (got == SANDBOX_SKIP)
		skip_because("system calls cannot be denied here");
	assert_int_equal(got, 0);
}

/* As an ordinary user, who needs rights on what he owns. */
static int remove_locked(void *arg)
{
	const struct tmp *tmp = arg;
	struct s2c_error *err = NULL;
	const char *name = "t";

	if (geteuid() == 0 &&
		(fchown(tmp->fd, 65534, 65534) < 0 || setgroups(0, NULL) < 0 ||
			setgid(65534) < 0 || setuid(65534) < 0))
		return SANDBOX_SKIP;
	tmp_write(tmp, "t/none/d/file", "x");
	tmp_write(tmp, "t/readonly/d/file", "x");
	tmp_write(tmp, "t/noexec/d/file", "x");
	if (fchmodat(tmp->fd, "t/none/d", 0, 0) < 0 ||
		fchmodat(tmp->fd, "t/none", 0, 0) < 0 ||
		fchmodat(tmp->fd, "t/readonly/d", 0555, 0) < 0 ||
		fchmodat(tmp->fd, "t/readonly", 0555, 0) < 0 ||
		fchmodat(tmp->fd, "t/noexec", 0444, 0) < 0 ||
		fchmodat(tmp->fd, "t", 0, 0) < 0)
		return 2;
	if (s2c_fs_rm_rf(tmp->fd, name, &err) < 0) {
		fprintf(stderr, "# %s\n", s2c_error_message(err));
		return 1;
	}
	return tmp_has(tmp, name) ? 3 : 0;
}

static void test_directories_without_rights(void **state)
{
	int got = in_child(remove_locked, *state);

	if (got == SANDBOX_SKIP)
		skip_because("uid and groups cannot be changed here");
	assert_int_equal(got, 0);
}

/* Something is mounted in the tree, even from the same filesystem. */
static int remove_with_mount(void *arg)
{
	const struct tmp *tmp = arg;
	struct s2c_error *err = NULL;
	CLEAN_FREE char *from = xasprintf("%s/keep", tmp->path);
	CLEAN_FREE char *tree = xasprintf("%s/t", tmp->path);
	CLEAN_FREE char *at = xasprintf("%s/t/m/here", tmp->path);

	tmp_write(tmp, "keep/file", "x");
	tmp_write(tmp, "t/m/here/below", "x");
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(from, at, NULL, MS_BIND, NULL) < 0)
		return SANDBOX_SKIP;
	/* tmp->fd is on the mount of the namespace that we left. */
	if (s2c_fs_rm_rf(AT_FDCWD, tree, &err) == 0 || s2c_error_errno(err) != EBUSY ||
		!strstr(s2c_error_message(err), "mounted on 'here'"))
		return 1;
	s2c_error_free(TAKE(err));
	if (!tmp_has(tmp, "keep/file"))
		return 2;
	/* Nor when it is the top itself. */
	if (s2c_fs_rm_rf(AT_FDCWD, at, &err) == 0 || !tmp_has(tmp, "keep/file"))
		return 3;
	s2c_error_free(TAKE(err));
	return umount(at) < 0 ? 4 : 0;
}

/* In a tree that many hands remove it is told as well, and nothing below is touched. */
static int remove_wide_with_mount(void *arg)
{
	const struct tmp *tmp = arg;
	struct s2c_error *err = NULL;
	CLEAN_FREE char *from = xasprintf("%s/keep", tmp->path);
	CLEAN_FREE char *tree = xasprintf("%s/t", tmp->path);
	CLEAN_FREE char *at = xasprintf("%s/t/50/here", tmp->path);

	tmp_write(tmp, "keep/file", "x");
	make_wide(tmp, "t");
	tmp_write(tmp, "t/50/here/below", "x");
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(from, at, NULL, MS_BIND, NULL) < 0)
		return SANDBOX_SKIP;
	if (s2c_fs_rm_rf(AT_FDCWD, tree, &err) == 0 || s2c_error_errno(err) != EBUSY ||
		!strstr(s2c_error_message(err), "mounted on 'here'"))
		return 1;
	s2c_error_free(TAKE(err));
	if (!tmp_has(tmp, "keep/file"))
		return 2;
	if (umount(at) < 0)
		return 3;
	return s2c_fs_rm_rf(AT_FDCWD, tree, &err) < 0 ? 4 : 0;
}

static void test_mounts_are_not_entered(void **state)
{
	int got = in_child(remove_with_mount, *state);

	if (got == SANDBOX_SKIP)
		skip_because("nothing can be mounted here");
	assert_int_equal(got, 0);
	got = in_child(remove_wide_with_mount, *state);
	assert_int_equal(got, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_simple),
		tmp_test(test_no_name),
		tmp_test(test_links_are_not_followed),
		tmp_test(test_odd_entries),
		tmp_test(test_wide),
		tmp_test(test_deep),
		tmp_test(test_deep_and_wide),
		tmp_test(test_without_threads),
		tmp_test(test_directories_without_rights),
		tmp_test(test_mounts_are_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
