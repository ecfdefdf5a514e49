/* SPDX-License-Identifier: Apache-2.0 */
/* Files: reading and writing whole files, directories, links, lists, locks. */
#include "helper.h"

#include <errno.h>
#include <sys/wait.h>

#include "util/strv.h"

static void test_open(void **state)
{
	struct tmp *tmp = *state;
	int fd = -1;

	assert_fails(s2c_fs_open(tmp->fd, "none", O_RDONLY, 0, &fd, &terr), S2C_ENOENT,
		"cannot open 'none': no such file");
	assert_fails(s2c_fs_open(tmp->fd, "no/ne", O_WRONLY | O_CREAT, 0644, &fd, &terr),
		S2C_ENOENT, "cannot create 'no/ne'");
	assert_int_equal(fd, -1);
	assert_ok(s2c_fs_open(tmp->fd, "f", O_WRONLY | O_CREAT, 0600, &fd, &terr));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void test_mkdir_p(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *absolute = xasprintf("%s/abs/x", tmp->path);

	assert_ok(s2c_fs_mkdir_p(tmp->fd, "a/b//c/", 0755, &terr));
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "a/b/c", 0755, &terr));
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "a/./b/../d", 0755, &terr));
	assert_ok(s2c_fs_mkdir_p(AT_FDCWD, absolute, 0700, &terr));
	assert_ok(s2c_fs_mkdir_p(AT_FDCWD, "/", 0700, &terr));
	assert_true(tmp_has(tmp, "a/b/c"));
	assert_true(tmp_has(tmp, "a/d"));
	assert_true(tmp_has(tmp, "abs/x"));
	/* Trusted paths may go through links. */
	assert_int_equal(symlinkat("a/b", tmp->fd, "link"), 0);
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "link/e", 0755, &terr));
	assert_true(tmp_has(tmp, "a/b/e"));
	tmp_write(tmp, "file", "x");
	assert_fails(s2c_fs_mkdir_p(tmp->fd, "file", 0755, &terr), S2C_EEXIST,
		"'file': it exists and is none");
	assert_fails(s2c_fs_mkdir_p(tmp->fd, "file/x", 0755, &terr), S2C_EEXIST, "none");
}

static void test_read_file(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100000);
	CLEAN_BUF struct s2c_buf small = S2C_BUF_INIT(3);
	CLEAN_FREE char *long_text = xcalloc(1, 50001);

	memset(long_text, 'x', 50000);
	tmp_write(tmp, "d/f", "text");
	tmp_write(tmp, "long", long_text);
	tmp_write(tmp, "empty", "");
	assert_ok(s2c_fs_read_file(tmp->fd, "empty", &buf, &terr));
	assert_int_equal(buf.len, 0);
	assert_ok(s2c_fs_read_file(tmp->fd, "d/f", &buf, &terr));
	/* Appends. */
	assert_ok(s2c_fs_read_file(tmp->fd, "long", &buf, &terr));
	assert_int_equal(buf.len, 50004);
	assert_memory_equal(buf.data, "textxxx", 7);
	/* No size is announced there. */
	s2c_buf_clear(&buf);
	assert_ok(s2c_fs_read_file(AT_FDCWD, "/proc/self/status", &buf, &terr));
	assert_true(buf.len > 100);

	assert_fails(s2c_fs_read_file(tmp->fd, "d/f", &small, &terr), S2C_ELIMIT,
		"'d/f': content is larger than 3 bytes");
	assert_fails(
		s2c_fs_read_file(tmp->fd, "none", &buf, &terr), S2C_ENOENT, "'none'");
	assert_fails(s2c_fs_read_file(tmp->fd, "d", &buf, &terr), S2C_EINVAL,
		"'d': not a regular file");
	assert_int_equal(mkfifoat(tmp->fd, "fifo", 0644), 0);
	assert_fails(s2c_fs_read_file(tmp->fd, "fifo", &buf, &terr), S2C_EINVAL,
		"'fifo': not a regular file");
	assert_fails(s2c_fs_read_file(AT_FDCWD, "/dev/zero", &buf, &terr), S2C_EINVAL,
		"not a regular file");
}

static void assert_names(int dir_fd, const char *wanted)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	char got[512] = "";

	assert_ok(s2c_fs_list(dir_fd, 100, &names, &terr));
	s2c_strv_foreach (name, &names)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", name);
	assert_string_equal(got, wanted);
}

static void test_write_file(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *absolute = xasprintf("%s/out", tmp->path);
	struct stat st;

	umask(022);
	assert_ok(s2c_fs_write_file(tmp->fd, "out", "one", 3, 0644, &terr));
	assert_ok(s2c_fs_write_file(AT_FDCWD, absolute, "second", 6, 0600, &terr));

	CLEAN_FREE char *got = tmp_read(tmp, "out");

	assert_string_equal(got, "second");
	assert_int_equal(fstatat(tmp->fd, "out", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A link is replaced, not followed. */
	tmp_write(tmp, "victim", "safe");
	assert_int_equal(symlinkat("victim", tmp->fd, "link"), 0);
	assert_ok(s2c_fs_write_file(tmp->fd, "link", "", 0, 0644, &terr));

	CLEAN_FREE char *victim = tmp_read(tmp, "victim");

	assert_string_equal(victim, "safe");
	assert_int_equal(mkdirat(tmp->fd, "dir", 0755), 0);
	assert_int_equal(mkfifoat(tmp->fd, "fifo", 0644), 0);
	assert_fails(s2c_fs_write_file(tmp->fd, "dir", "x", 1, 0644, &terr), S2C_EINVAL,
		"'dir': it exists and is not a regular file");
	assert_fails(s2c_fs_write_file(tmp->fd, "fifo", "x", 1, 0644, &terr), S2C_EINVAL,
		"'fifo'");
	assert_fails(s2c_fs_write_file(tmp->fd, "no/file", "x", 1, 0644, &terr),
		S2C_ENOENT, "cannot open 'no'");
	assert_names(tmp->fd, "dir fifo link out victim ");
}

static void test_write_and_sync_fail_on_bad_fds(void **state)
{
	assert_fails(s2c_fs_write_all(-1, "x", 1, &terr), S2C_EIO, "bad file descriptor");
	assert_fails(
		s2c_fs_sync(-1, "blob", &terr), S2C_EIO, "cannot write 'blob' to disk");
}

/* What was told is told once, in large steps; a file that cannot is no error. */
static void test_writeout(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FD int fd = openat(tmp->fd, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	uint64_t told = 0, step = 0;

	assert_true(fd >= 0);
	for (uint64_t length = 0; step == 0; length += 1024 * 1024) {
		assert_true(length < 1024ull * 1024 * 1024);
		s2c_fs_writeout(fd, length, &told);
		step = told;
	}
	s2c_fs_writeout(fd, step + 1, &told);
	assert_int_equal(told, step);
	s2c_fs_writeout(fd, 3 * step + 1, &told);
	assert_int_equal(told, 3 * step + 1);
	s2c_fs_writeout(-1, 10 * step, &told);
}

static void test_rename(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FD int dir = -1;

	tmp_write(tmp, "from", "x");
	tmp_write(tmp, "d/there", "old");
	/* A directory that cannot be synced itself. */
	assert_ok(s2c_fs_open(tmp->fd, "d", O_PATH | O_DIRECTORY, 0, &dir, &terr));
	assert_ok(s2c_fs_rename(tmp->fd, "from", dir, "there", &terr));
	assert_ok(s2c_fs_rename(dir, "there", tmp->fd, "d/again", &terr));
	assert_false(tmp_has(tmp, "from"));
	assert_true(tmp_has(tmp, "d/again"));
	assert_fails(s2c_fs_rename(tmp->fd, "from", tmp->fd, "to", &terr), S2C_ENOENT,
		"cannot rename 'from' to 'to'");
	assert_fails(s2c_fs_rename(tmp->fd, "d", tmp->fd, "none/to", &terr), S2C_ENOENT,
		"'none'");
}

static void test_random_names(void **state)
{
	CLEAN_FREE char *a = s2c_fs_random_name("work");
	CLEAN_FREE char *b = s2c_fs_random_name("work");

	assert_int_equal(strlen(a), strlen("work-") + 16);
	assert_true(starts_with(a, "work-"));
	assert_string_not_equal(a, b);
	assert_int_equal(strspn(a + 5, "0123456789abcdef"), 16);
}

static void test_readlink(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *long_target = xcalloc(1, 4001);
	char *got = NULL;

	memset(long_target, 'x', 4000);
	assert_int_equal(symlinkat("short", tmp->fd, "a"), 0);
	assert_int_equal(symlinkat(long_target, tmp->fd, "b"), 0);
	tmp_write(tmp, "file", "x");
	assert_ok(s2c_fs_readlink(tmp->fd, "a", &got, &terr));
	assert_string_equal(got, "short");
	free(got);
	assert_ok(s2c_fs_readlink(tmp->fd, "b", &got, &terr));
	assert_string_equal(got, long_target);
	free(got);
	got = NULL;
	assert_fails(s2c_fs_readlink(tmp->fd, "c", &got, &terr), S2C_ENOENT, "'c'");
	assert_fails(s2c_fs_readlink(tmp->fd, "file", &got, &terr), S2C_EIO, "'file'");
	assert_null(got);
}

static void test_list(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	assert_names(tmp->fd, "");
	tmp_write(tmp, "b", "");
	tmp_write(tmp, "B", "");
	tmp_write(tmp, "\xff", "");
	tmp_write(tmp, ".h", "");
	tmp_write(tmp, "a/x", "");
	/* Sorted bytewise, and as often as one likes from one descriptor. */
	assert_names(tmp->fd, ".h B a b \xff ");
	assert_names(tmp->fd, ".h B a b \xff ");
	s2c_strv_add(&names, "before");
	assert_ok(s2c_fs_list(tmp->fd, 5, &names, &terr));
	assert_int_equal(names.len, 6);
	assert_string_equal(names.items[0], "before");
	assert_fails(s2c_fs_list(tmp->fd, 4, &names, &terr), S2C_ELIMIT,
		"more than 4 entries");
	assert_int_equal(names.len, 6);
}

static const struct s2c_lock_opts exclusive_try = {.exclusive = true, .try_only = true};
static const struct s2c_lock_opts shared_try = {.try_only = true};
static const struct s2c_lock_opts exclusive_wait = {.exclusive = true};

static void test_locks(void **state)
{
	struct tmp *tmp = *state;
	int a = -1, b = -1, c = -1;

	assert_ok(s2c_fs_lock(NULL, tmp->fd, "lock", shared_try, &a, &terr));
	assert_ok(s2c_fs_lock(NULL, tmp->fd, "lock", shared_try, &b, &terr));
	assert_true(a >= 0 && b >= 0);
	c = 99;
	assert_ok(s2c_fs_lock(NULL, tmp->fd, "lock", exclusive_try, &c, &terr));
	assert_int_equal(c, -1);
	close(a);
	close(b);
	assert_ok(s2c_fs_lock(NULL, tmp->fd, "lock", exclusive_try, &a, &terr));
	assert_true(a >= 0);
	assert_ok(s2c_fs_lock(NULL, tmp->fd, "lock", shared_try, &b, &terr));
	assert_int_equal(b, -1);
	close(a);
}

static void test_waiting_for_a_lock_ends_with_the_context(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *second = s2c_ctx_child(ctx, 1);
	int held = -1, fd = -1;

	assert_ok(s2c_fs_lock(ctx, tmp->fd, "lock", exclusive_wait, &held, &terr));
	assert_fails(s2c_fs_lock(second, tmp->fd, "lock", exclusive_wait, &fd, &terr),
		S2C_ETIMEOUT, "waiting for lock 'lock'");
	assert_int_equal(fd, -1);
	close(held);
}

static void test_a_lock_is_had_when_its_holder_ends(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *minute = s2c_ctx_child(ctx, 60);
	int fd = -1, status = 0, tell[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int held = -1;

		if (s2c_fs_lock(NULL, tmp->fd, "lock", exclusive_try, &held, NULL) < 0 ||
			held < 0)
			_exit(1);
		/* Holders that remove the file must not leave a waiter with a dead one.
		 */
		(void)unlinkat(tmp->fd, "lock", 0);
		if (write(tell[1], "x", 1) != 1)
			_exit(2);
		usleep(100000);
		_exit(0);
	}
	assert_int_equal(read(tell[0], &c, 1), 1);
	tmp_write(tmp, "lock", "");
	assert_ok(s2c_fs_lock(minute, tmp->fd, "lock", exclusive_wait, &fd, &terr));
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(tell[0]);
	close(tell[1]);
}

static void test_a_lock_is_no_link(void **state)
{
	struct tmp *tmp = *state;
	int fd = -1;

	assert_int_equal(symlinkat("elsewhere", tmp->fd, "lock"), 0);
	assert_fails(s2c_fs_lock(NULL, tmp->fd, "lock", exclusive_try, &fd, &terr),
		S2C_EIO, "'lock'");
	assert_false(tmp_has(tmp, "elsewhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_open),
		tmp_test(test_mkdir_p),
		tmp_test(test_read_file),
		tmp_test(test_write_file),
		cmocka_unit_test(test_write_and_sync_fail_on_bad_fds),
		tmp_test(test_writeout),
		tmp_test(test_rename),
		cmocka_unit_test(test_random_names),
		tmp_test(test_readlink),
		tmp_test(test_list),
		tmp_test(test_locks),
		tmp_test(test_waiting_for_a_lock_ends_with_the_context),
		tmp_test(test_a_lock_is_had_when_its_holder_ends),
		tmp_test(test_a_lock_is_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
