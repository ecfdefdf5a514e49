/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confined path resolution. One table of good and hostile paths is run three times: with
 * openat2, and with openat2 taken away as an old kernel (ENOSYS) or a container's seccomp
 * profile (EPERM) does it. The results must be the same.
 */
#include "helper.h"

#include <sys/syscall.h>

#include "sandbox.h"

enum how { IN, BENEATH };

#define DIR_OK "<dir>"
#define NEW "<new>"
#define LINK "<link>"

/* What is at tmp/root/: a file with text, a link (-> in front), or a directory (NULL). */
static const struct {
	const char *path;
	const char *content;
} tree[] = {
	{"a", NULL},
	{"a/b", NULL},
	{"a/b/c", NULL},
	{"etc", NULL},
	{"a/f", "inside"},
	{"etc/passwd", "fake"},
	{"abs", "->/a/f"},
	{"up", "->../../../../../../etc/passwd"},
	{"absup", "->/../../../secret"},
	{"a/b/rel", "->../f"},
	{"a/b/relup", "->../../../../secret"},
	{"dirlink", "->/a/b"},
	{"dirlink2", "->dirlink/c/"},
	{"loop", "->loop"},
	{"loop1", "->a/../loop2"},
	{"loop2", "->/loop1"},
	{"dangling", "->/a/nothing"},
	{"dotlink", "->."},
	{"rootlink", "->/"},
	{"slashes", "->////a///f"},
};

static const struct {
	enum how how;
	const char *path;
	int flags;
	int errnum;
	const char *content;
} cases[] = {
	/* As in a chroot. */
	{IN, "a/f", O_RDONLY, 0, "inside"},
	{IN, "/a/f", O_RDONLY, 0, "inside"},
	{IN, "//a//./f", O_RDONLY, 0, "inside"},
	{IN, "..", O_RDONLY, 0, DIR_OK},
	{IN, "/", O_RDONLY, 0, DIR_OK},
	{IN, ".", O_RDONLY, 0, DIR_OK},
	{IN, "", O_RDONLY, ENOENT, NULL},
	{IN, "../secret", O_RDONLY, ENOENT, NULL},
	{IN, "a/../../../secret", O_RDONLY, ENOENT, NULL},
	{IN, "/../../a/f", O_RDONLY, 0, "inside"},
	{IN, "a/b/../f", O_RDONLY, 0, "inside"},
	{IN, "a/f/../f", O_RDONLY, ENOTDIR, NULL},
	{IN, "a/f/", O_RDONLY, ENOTDIR, NULL},
	{IN, "a/f/.", O_RDONLY, ENOTDIR, NULL},
	{IN, "a/b/", O_RDONLY, 0, DIR_OK},
	{IN, "nothing/../a/f", O_RDONLY, ENOENT, NULL},
	{IN, "abs", O_RDONLY, 0, "inside"},
	{IN, "up", O_RDONLY, 0, "fake"},
	{IN, "absup", O_RDONLY, ENOENT, NULL},
	{IN, "a/b/rel", O_RDONLY, 0, "inside"},
	{IN, "a/b/relup", O_RDONLY, ENOENT, NULL},
	{IN, "dirlink/rel", O_RDONLY, 0, "inside"},
	{IN, "dirlink/../f", O_RDONLY, 0, "inside"},
	{IN, "dirlink2/../rel", O_RDONLY, 0, "inside"},
	{IN, "dirlink/", O_RDONLY | O_DIRECTORY, 0, DIR_OK},
	{IN, "dirlink", O_RDONLY | O_NOFOLLOW, ELOOP, NULL},
	{IN, "dirlink/", O_RDONLY | O_NOFOLLOW, 0, DIR_OK},
	{IN, "slashes", O_RDONLY, 0, "inside"},
	{IN, "slashes/", O_RDONLY, ENOTDIR, NULL},
	{IN, "loop", O_RDONLY, ELOOP, NULL},
	{IN, "loop1", O_RDONLY, ELOOP, NULL},
	{IN, "loop/x", O_RDONLY, ELOOP, NULL},
	{IN, "dangling", O_RDONLY, ENOENT, NULL},
	{IN, "dotlink/dotlink/a/f", O_RDONLY, 0, "inside"},
	{IN, "a/b/c/../../../rootlink/a/f", O_RDONLY, 0, "inside"},
	{IN, "rootlink/../secret", O_RDONLY, ENOENT, NULL},
	{IN, "a/f", O_RDONLY | O_DIRECTORY, ENOTDIR, NULL},
	{IN, "abs", O_RDONLY | O_NOFOLLOW, ELOOP, NULL},
	{IN, "chain40", O_RDONLY, 0, "inside"},
	{IN, "chain41", O_RDONLY, ELOOP, NULL},
	{IN, "abs", O_PATH | O_NOFOLLOW, 0, LINK},
	{IN, "dirlink", O_PATH | O_DIRECTORY, 0, DIR_OK},
	{IN, "a/new1", O_RDWR | O_CREAT, 0, NEW},
	{IN, "dirlink/new2", O_RDWR | O_CREAT | O_EXCL, 0, NEW},
	{IN, "abs", O_RDWR | O_CREAT | O_EXCL, EEXIST, NULL},
	{IN, "dangling", O_RDWR | O_CREAT | O_EXCL, EEXIST, NULL},
	{IN, "dangling", O_RDWR | O_CREAT, 0, NEW},
	{IN, "a/nothing", O_RDONLY, 0, ""},
	{IN, "../../new3", O_RDWR | O_CREAT, 0, NEW},
	{IN, "new3", O_RDONLY, 0, ""},
	{IN, "nodir/new", O_RDWR | O_CREAT, ENOENT, NULL},
	/* Beneath, without any link. */
	{BENEATH, "a/f", O_RDONLY, 0, "inside"},
	{BENEATH, "a/b/../f", O_RDONLY, 0, "inside"},
	{BENEATH, ".", O_RDONLY, 0, DIR_OK},
	{BENEATH, "a/..", O_RDONLY, 0, DIR_OK},
	{BENEATH, "", O_RDONLY, ENOENT, NULL},
	{BENEATH, "..", O_RDONLY, EXDEV, NULL},
	{BENEATH, "../root/a/f", O_RDONLY, EXDEV, NULL},
	{BENEATH, "a/../../secret", O_RDONLY, EXDEV, NULL},
	{BENEATH, "a/b/../../../root", O_RDONLY, EXDEV, NULL},
	{BENEATH, "/", O_RDONLY, EXDEV, NULL},
	{BENEATH, "/a/f", O_RDONLY, EXDEV, NULL},
	{BENEATH, "abs", O_RDONLY, ELOOP, NULL},
	{BENEATH, "dotlink", O_RDONLY, ELOOP, NULL},
	{BENEATH, "dotlink/a/f", O_RDONLY, ELOOP, NULL},
	{BENEATH, "dirlink/rel", O_RDONLY, ELOOP, NULL},
	{BENEATH, "a/b/rel", O_RDONLY, ELOOP, NULL},
	{BENEATH, "dirlink/", O_RDONLY, ELOOP, NULL},
	{BENEATH, "dirlink", O_RDONLY | O_DIRECTORY, ELOOP, NULL},
	{BENEATH, "abs", O_RDONLY | O_NOFOLLOW, ELOOP, NULL},
	{BENEATH, "dangling", O_RDWR | O_CREAT, ELOOP, NULL},
	{BENEATH, "dangling", O_RDWR | O_CREAT | O_EXCL, EEXIST, NULL},
	{BENEATH, "abs", O_PATH | O_NOFOLLOW, 0, LINK},
	{BENEATH, "abs", O_PATH, ELOOP, NULL},
	{BENEATH, "a/b", O_PATH | O_DIRECTORY, 0, DIR_OK},
	{BENEATH, "nothing", O_RDONLY, ENOENT, NULL},
	{BENEATH, "a/f/x", O_RDONLY, ENOTDIR, NULL},
	{BENEATH, "a/b/c/new4", O_RDWR | O_CREAT | O_EXCL, 0, NEW},
	{BENEATH, "a/f", O_RDWR | O_CREAT | O_EXCL, EEXIST, NULL},
};

/* Makes the tree in tmp/root and a secret beside it; gives the fd of root. */
static int make_tree(const struct tmp *tmp)
{
	int root;

	tmp_write(tmp, "secret", "secret");
	assert_int_equal(mkdirat(tmp->fd, "root", 0755), 0);
	root = openat(tmp->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(tree); i++) {
		CLEAN_FREE char *path = xasprintf("root/%s", tree[i].path);

		if (!tree[i].content)
			assert_int_equal(mkdirat(root, tree[i].path, 0755), 0);
		else if (starts_with(tree[i].content, "->"))
			assert_int_equal(
				symlinkat(tree[i].content + 2, root, tree[i].path), 0);
		else
			tmp_write(tmp, path, tree[i].content);
	}
	for (int i = 1; i <= 41; i++) {
		CLEAN_FREE char *name = xasprintf("chain%d", i);
		CLEAN_FREE char *to = xasprintf("chain%d", i - 1);

		assert_int_equal(symlinkat(i == 1 ? "/a/f" : to, root, name), 0);
	}
	return root;
}

/* NULL, or what is wrong with an opened file. */
static const char *wrong_content(int fd, const char *wanted)
{
	char got[64] = "";
	struct stat st;

	if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
		return "not close-on-exec";
	if (fstat(fd, &st) < 0)
		return "cannot stat";
	if (streq(wanted, DIR_OK))
		return S_ISDIR(st.st_mode) ? NULL : "no directory";
	if (streq(wanted, LINK))
		return S_ISLNK(st.st_mode) ? NULL : "no link";
	if (read(fd, got, sizeof(got) - 1) < 0)
		return "cannot read";
	if (streq(wanted, NEW))
		return *got || (st.st_mode & 07777) != 0640 ? "not new" : NULL;
	return streq(got, wanted) ? NULL : "another file";
}

/* Runs the table; 0 if all is as wanted. */
static int run_table(void *arg)
{
	const int *root = arg;
	int bad = 0;

	umask(0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_error *err = NULL;
		const char *wrong = NULL;
		int fd = -1;
		int rc = (cases[i].how == IN ? s2c_fs_open_in : s2c_fs_open_beneath)(
			*root, cases[i].path, cases[i].flags, 0640, &fd, &err);

		if (rc == 0 && cases[i].errnum)
			wrong = "was opened";
		else if (rc == 0)
			wrong = wrong_content(fd, cases[i].content);
		else if (fd != -1)
			wrong = "touched the fd";
		else if (s2c_error_errno(err) != cases[i].errnum)
			wrong = s2c_error_message(err);
		if (wrong)
			fprintf(stderr, "# case %zu, %s '%s': %s\n", i,
				cases[i].how == IN ? "in" : "beneath", cases[i].path,
				wrong);
		bad += !!wrong;
		s2c_error_free(err);
		if (fd >= 0)
			close(fd);
	}
	return bad ? 1 : 0;
}

static int table_without_openat2(void *arg)
{
	if (deny_syscall(SYS_openat2, ENOSYS) < 0)
		return SANDBOX_SKIP;
	return run_table(arg);
}

static int table_with_forbidden_openat2(void *arg)
{
	if (deny_syscall(SYS_openat2, EPERM) < 0)
		return SANDBOX_SKIP;
	return run_table(arg);
}

static void check_table(const struct tmp *tmp, int (*run)(void *arg))
{
	int root = make_tree(tmp);
	int got = in_child(run, &root);

	close(root);
	if (got == SANDBOX_SKIP)
		skip_because("seccomp filters are not allowed here");
	assert_int_equal(got, 0);
	/* Nothing was made outside. */
	assert_false(tmp_has(tmp, "new3"));
}

static void test_kernel(void **state)
{
	check_table(*state, run_table);
}

static void test_openat2_missing(void **state)
{
	check_table(*state, table_without_openat2);
}

static void test_openat2_forbidden(void **state)
{
	check_table(*state, table_with_forbidden_openat2);
}

static void test_codes(void **state)
{
	int root = make_tree(*state), fd = -1;

	assert_fails(s2c_fs_open_beneath(root, "../secret", O_RDONLY, 0, &fd, &terr),
		S2C_EINVAL, "'../secret': it leaves its directory");
	assert_fails(s2c_fs_open_beneath(root, "dirlink/rel", O_RDONLY, 0, &fd, &terr),
		S2C_EINVAL, "goes through a symlink");
	assert_fails(s2c_fs_open_in(root, "nothing", O_RDONLY, 0, &fd, &terr), S2C_ENOENT,
		"cannot open 'nothing'");
	assert_fails(s2c_fs_open_in(root, "loop", O_RDONLY, 0, &fd, &terr), S2C_EIO,
		"too many levels");
	assert_int_equal(fd, -1);
	close(root);
}

/* CVE-2024-21626: a path that is a link to a descriptor of ours must not get out. */
static int magic_link(void *arg)
{
	struct s2c_error *err = NULL;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int mine = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[64];
	int fd = -1, rc;

	if (arg && deny_syscall(SYS_openat2, ENOSYS) < 0)
		return SANDBOX_SKIP;
	snprintf(path, sizeof(path), "/%d/fd/%d", getpid(), mine);
	rc = s2c_fs_open_in(proc, path, O_RDONLY, 0, &fd, &err);
	if (rc == 0 || s2c_error_errno(err) != ELOOP)
		return 1;
	s2c_error_free(err);
	return 0;
}

static void test_magic_links(void **state)
{
	int denied = 1;

	assert_int_equal(in_child(magic_link, NULL), 0);
	assert_int_equal(in_child(magic_link, &denied), 0);
}

static const struct {
	const char *path;
	int errnum;
	const char *made; /* what exists afterwards, below tmp */
} mkdirs[] = {
	{"x/y/z", 0, "root/x/y/z"},
	{"/x//y/./w/", 0, "root/x/y/w"},
	{"a/b", 0, "root/a/b"},
	{"/", 0, "root"},
	{"../../q", 0, "root/q"},
	{"x/../r/../s", 0, "root/s"},
	{"dirlink/n", 0, "root/a/b/n"},
	{"rootlink/opt/app", 0, "root/opt/app"},
	{"a/b/relup/n", ENOENT, NULL},
	{"a/f/n", ENOTDIR, NULL},
	{"a/f", ENOTDIR, NULL},
	{"loop/n", ELOOP, NULL},
	{"dangling/n", ENOENT, NULL},
};

static int run_mkdirs(void *arg)
{
	const struct tmp *tmp = arg;
	CLEAN_FD int root = openat(tmp->fd, "root", O_PATH | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(mkdirs); i++) {
		struct s2c_error *err = NULL;
		struct stat made, got;
		CLEAN_FD int fd = -1;
		int rc = s2c_fs_mkdir_in(root, mkdirs[i].path, 0755, &fd, &err);
		bool ok = rc == (mkdirs[i].errnum ? -1 : 0) &&
			  s2c_error_errno(err) == mkdirs[i].errnum;

		if (ok && rc == 0)
			ok = fstatat(tmp->fd, mkdirs[i].made, &made, 0) == 0 &&
			     fstat(fd, &got) == 0 && made.st_ino == got.st_ino;
		if (!ok) {
			fprintf(stderr, "# mkdir '%s': %s\n", mkdirs[i].path,
				s2c_error_message(err));
			return 1;
		}
		s2c_error_free(err);
	}
	return tmp_has(tmp, "q") || tmp_has(tmp, "secret/n") ? 2 : 0;
}

static int run_mkdirs_by_walk(void *arg)
{
	if (deny_syscall(SYS_openat2, ENOSYS) < 0)
		return SANDBOX_SKIP;
	return run_mkdirs(arg);
}

static void test_mkdir_in(void **state)
{
	close(make_tree(*state));
	assert_int_equal(in_child(run_mkdirs, *state), 0);
}

static void test_mkdir_in_by_walk(void **state)
{
	int got;

	close(make_tree(*state));
	got = in_child(run_mkdirs_by_walk, *state);
	if (got == SANDBOX_SKIP)
		skip_because("seccomp filters are not allowed here");
	assert_int_equal(got, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_kernel),
		tmp_test(test_openat2_missing),
		tmp_test(test_openat2_forbidden),
		tmp_test(test_codes),
		cmocka_unit_test(test_magic_links),
		tmp_test(test_mkdir_in),
		tmp_test(test_mkdir_in_by_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
