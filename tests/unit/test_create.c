/* SPDX-License-Identifier: Apache-2.0 */
/* Scaffolds: what is written, with which modes and names, and what is never touched. */
#include "helper.h"

#include <s2c/create.h>

#include "build/create.h"
#include "util/strv.h"

static const char *const all[] = {"Dockerfile", "s2i/bin/assemble", "s2i/bin/run",
	"s2i/bin/usage", "s2i/bin/save-artifacts", "test/run", "test/test-app/index.html",
	"README.md", "Makefile", ".dockerignore", ".github/workflows/ci.yml",
	".gitlab-ci.yml"};

/* A call on DIR below the temporary directory. */
static int create(const struct tmp *tmp, const char *image, const char *from, bool force)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *dir = xasprintf("%s/dir", tmp->path);
	struct s2c_create_options o = {
		.image = image, .directory = dir, .from = from, .force = force};

	return s2c_create(ctx, &o, &terr);
}

static mode_t mode_of(const struct tmp *tmp, const char *name)
{
	CLEAN_FREE char *path = xasprintf("dir/%s", name);
	struct stat st;

	assert_int_equal(fstatat(tmp->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode;
}

static void assert_only(const struct tmp *tmp, const char *dir, const char *names)
{
	CLEAN_STRV struct s2c_strv list = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf joined = S2C_BUF_INIT(4096);
	CLEAN_FD int fd = openat(tmp->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_ok(s2c_fs_list(fd, 100, &list, &terr));
	s2c_strv_foreach (name, &list)
		s2c_buf_must_printf(&joined, "%s%s", joined.len ? " " : "", name);
	assert_string_equal(s2c_buf_str(&joined), names);
}

static void test_files(void **state)
{
	struct tmp *tmp = *state;
	static const mode_t masks[] = {0, 022, 077, 0777};

	for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
		mode_t was = umask(masks[m]);

		assert_ok(create(tmp, "builder/x", NULL, m > 0));
		umask(was);
		assert_int_equal(mode_of(tmp, "."), S_IFDIR | 0755);
		assert_int_equal(mode_of(tmp, "s2i/bin"), S_IFDIR | 0755);
		assert_int_equal(mode_of(tmp, ".github/workflows"), S_IFDIR | 0755);
		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			bool script = strstr(all[i], "s2i/bin/") ||
				      streq(all[i], "test/run");

			assert_int_equal(
				mode_of(tmp, all[i]), S_IFREG | (script ? 0755 : 0644));
		}
	}
	assert_only(tmp, "dir",
		".dockerignore .github .gitlab-ci.yml Dockerfile Makefile README.md s2i "
		"test");
	assert_only(tmp, "dir/s2i/bin", "assemble run save-artifacts usage");
	assert_only(tmp, "dir/test", "run test-app");
}

/* Modes of directories that this call makes, not of those that were there. */
static void test_umask_of_new_directories(void **state)
{
	struct tmp *tmp = *state;
	mode_t was;

	assert_int_equal(mkdirat(tmp->fd, "dir", 0700), 0);
	assert_int_equal(mkdirat(tmp->fd, "dir/test", 0700), 0);
	was = umask(0777);
	assert_ok(create(tmp, "builder/x", NULL, false));
	umask(was);
	assert_int_equal(mode_of(tmp, "."), S_IFDIR | 0700);
	assert_int_equal(mode_of(tmp, "test"), S_IFDIR | 0700);
	assert_int_equal(mode_of(tmp, "test/test-app"), S_IFDIR | 0755);
	assert_int_equal(mode_of(tmp, "test/run"), S_IFREG | 0755);
}

static void test_names_in_files(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *docker = NULL;

	assert_ok(create(tmp, "registry.example:5000/team/x:v1",
		"registry.example/base@sha256:"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		false));
	docker = tmp_read(tmp, "dir/Dockerfile");
	assert_non_null(strstr(docker, "\nFROM registry.example/base@sha256:aaaa"));
	assert_non_null(strstr(docker, "registry.example:5000/team/x:v1"));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		CLEAN_FREE char *path = xasprintf("dir/%s", all[i]);
		CLEAN_FREE char *text = tmp_read(tmp, path);

		assert_null(strstr(text, "@IMAGE@"));
		assert_null(strstr(text, "@FROM@"));
		assert_true(*text);
	}
	/* What only looks like a name stays: actions/checkout@v4. */
	{
		CLEAN_FREE char *ci = tmp_read(tmp, "dir/.github/workflows/ci.yml");

		assert_non_null(strstr(ci, "actions/checkout@v4\n"));
		assert_non_null(strstr(ci, "${{ vars.S2C_REPOSITORY }}"));
	}
	assert_ok(create(tmp, "x", NULL, true));
	free(docker);
	docker = tmp_read(tmp, "dir/Dockerfile");
	assert_non_null(strstr(docker, "\nFROM " S2C_CREATE_FROM "\n"));
}

static void test_bad_names(void **state)
{
	struct tmp *tmp = *state;
	static const char *const bad[] = {"", "UPPER", "a b", "x;rm -rf", "$(id)", "`id`",
		"a/../b", "/x", "x'y", "x\"y", "x\ny", "-x", "x:", "@IMAGE@"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_fails(create(tmp, bad[i], NULL, false), S2C_EINVAL, "name of the");
		assert_fails(create(tmp, "x", bad[i], false), S2C_EINVAL, "--from");
	}
	assert_fails(create(tmp,
			     "x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			     "aaaaaaaaaaaaaa",
			     NULL, false),
		S2C_EINVAL, "has a digest");
	assert_false(tmp_has(tmp, "dir"));
}

static void test_existing_files(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *text = NULL;

	tmp_write(tmp, "dir/Makefile", "mine");
	tmp_write(tmp, "dir/test/run", "mine too");
	tmp_write(tmp, "dir/other", "not in the way");
	assert_fails(create(tmp, "x", NULL, false), S2C_EEXIST,
		"has test/run, Makefile already; nothing was written");
	assert_only(tmp, "dir", "Makefile other test");
	assert_only(tmp, "dir/test", "run");
	text = tmp_read(tmp, "dir/Makefile");
	assert_string_equal(text, "mine");
	assert_ok(create(tmp, "x", NULL, true));
	free(text);
	text = tmp_read(tmp, "dir/Makefile");
	assert_non_null(strstr(text, "IMAGE_NAME ?= x\n"));
	assert_int_equal(mode_of(tmp, "Makefile"), S_IFREG | 0644);
	assert_int_equal(mode_of(tmp, "test/run"), S_IFREG | 0755);
	free(text);
	text = tmp_read(tmp, "dir/other");
	assert_string_equal(text, "not in the way");
}

/* Whatever --force says, nothing outside of the directory changes. */
static void test_links(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *text = NULL;

	tmp_write(tmp, "outside/victim", "whole");
	assert_int_equal(mkdirat(tmp->fd, "dir", 0755), 0);
	assert_int_equal(symlinkat("../outside", tmp->fd, "dir/s2i"), 0);
	for (int force = 0; force < 2; force++)
		assert_fails(create(tmp, "x", NULL, force), S2C_EINVAL,
			"s2i' is a symbolic link, where a directory is to be");
	assert_only(tmp, "dir", "s2i");
	assert_only(tmp, "outside", "victim");
	assert_int_equal(unlinkat(tmp->fd, "dir/s2i", 0), 0);
	assert_int_equal(symlinkat("../outside/victim", tmp->fd, "dir/Makefile"), 0);
	assert_int_equal(symlinkat("../outside/new", tmp->fd, "dir/README.md"), 0);
	assert_fails(create(tmp, "x", NULL, false), S2C_EEXIST, "README.md, Makefile");
	assert_ok(create(tmp, "x", NULL, true));
	assert_only(tmp, "outside", "victim");
	text = tmp_read(tmp, "outside/victim");
	assert_string_equal(text, "whole");
	assert_int_equal(mode_of(tmp, "Makefile"), S_IFREG | 0644);
}

static void test_in_the_way(void **state)
{
	struct tmp *tmp = *state;

	tmp_write(tmp, "dir/test", "a file");
	assert_fails(create(tmp, "x", NULL, true), S2C_EINVAL,
		"test' is a file, where a directory is to be");
	assert_only(tmp, "dir", "test");
	assert_int_equal(unlinkat(tmp->fd, "dir/test", 0), 0);
	assert_int_equal(mkdirat(tmp->fd, "dir/Dockerfile", 0755), 0);
	assert_fails(create(tmp, "x", NULL, true), S2C_EINVAL,
		"Dockerfile' is a directory, where a file is to be");
	assert_int_equal(unlinkat(tmp->fd, "dir/Dockerfile", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(tmp->fd, "dir/Makefile", 0644), 0);
	assert_fails(create(tmp, "x", NULL, true), S2C_EINVAL,
		"Makefile' is a special file, where a file is to be");
	assert_only(tmp, "dir", "Makefile");
}

/* DIR itself is the caller's own word: a link there is followed. */
static void test_directory(void **state)
{
	struct tmp *tmp = *state;

	assert_int_equal(mkdirat(tmp->fd, "real", 0755), 0);
	assert_int_equal(symlinkat("real", tmp->fd, "dir"), 0);
	assert_ok(create(tmp, "x", NULL, false));
	assert_true(tmp_has(tmp, "real/Dockerfile"));
	assert_int_equal(unlinkat(tmp->fd, "dir", 0), 0);
	tmp_write(tmp, "dir", "a file");
	assert_fails(create(tmp, "x", NULL, true), S2C_EEXIST, "it exists and is none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_files),
		tmp_test(test_umask_of_new_directories),
		tmp_test(test_names_in_files),
		tmp_test(test_bad_names),
		tmp_test(test_existing_files),
		tmp_test(test_links),
		tmp_test(test_in_the_way),
		tmp_test(test_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
