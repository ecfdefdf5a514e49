/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points, tried on the atomic replacement of a file: whichever step fails, the old
 * content is there, no temporary file stays, and the error names the point. The program
 * runs itself, since the points are counted from the start of a process.
 */
#include "helper.h"

#include "util/strv.h"
#include "util/subprocess.h"

#ifdef S2C_WITH_FAULT
/* Runs "replace tmp/file" with the N-th point failing; its status and what it said. */
static int replace(const struct tmp *tmp, const char *fault, struct s2c_buf *said)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_run_io io = {.out = said, .err = said};
	int status = -1;

	s2c_strv_add(&argv, "/proc/self/exe");
	s2c_strv_add(&argv, tmp->path);
	s2c_strv_addf(&env, "S2C_FAULT=%s", fault);
	s2c_strv_addf(&env, "S2C_FAULT_LOG=%s/log", tmp->path);
	opts.argv = &argv;
	opts.env = &env;
	s2c_buf_clear(said);
	assert_ok(s2c_process_run(ctx, &opts, &io, &status, &terr));
	return status;
}

static void test_each_step(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_BUF struct s2c_buf said = S2C_BUF_INIT(4096);
	int steps = 0;

	tmp_write(tmp, "d/file", "old");
	for (;;) {
		CLEAN_FREE char *number = xasprintf("%d", ++steps);
		CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
		CLEAN_FD int dir = -1;
		int status = replace(tmp, number, &said);
		CLEAN_FREE char *content = tmp_read(tmp, "d/file");

		assert_ok(s2c_fs_open(tmp->fd, "d", O_RDONLY, 0, &dir, &terr));
		assert_ok(s2c_fs_list(dir, 10, &names, &terr));
		assert_int_equal(names.len, 1);
		if (status == 0) {
			assert_string_equal(content, "new");
			break;
		}
		assert_int_equal(status, 1);
		assert_non_null(strstr(s2c_buf_str(&said), "injected fault at 'fs."));
		/* The last one is the sync of the directory, when the new name is there.
		 */
		if (!strstr(s2c_buf_str(&said), "'fs.sync'"))
			assert_string_equal(content, "old");
		assert_true(steps < 50);
	}
	/* open, open, write, sync, rename, open, sync */
	assert_int_equal(steps, 8);
}

static void test_log(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_BUF struct s2c_buf said = S2C_BUF_INIT(4096);

	assert_int_equal(mkdirat(tmp->fd, "d", 0755), 0);
	assert_int_equal(replace(tmp, "", &said), 0);

	CLEAN_FREE char *log = tmp_read(tmp, "log");

	assert_string_equal(log,
		"fs.open\nfs.open\nfs.write\nfs.sync\nfs.rename\nfs.open\nfs.sync\n");
}
#else
static void test_each_step(void **state)
{
	skip_because("built without -Dfault=true");
}

static void test_log(void **state)
{
	skip_because("built without -Dfault=true");
}
#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_each_step),
		tmp_test(test_log),
	};

	if (argc == 2) {
		CLEAN_FREE char *path = xasprintf("%s/d/file", argv[1]);
		CLEAN_ERROR struct s2c_error *err = NULL;

		if (s2c_fs_write_file(AT_FDCWD, path, "new", 3, 0644, &err) < 0) {
			fprintf(stderr, "%s\n", s2c_error_message(err));
			return 1;
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
