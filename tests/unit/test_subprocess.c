/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes: what they get, what they do not inherit, and how they are ended. */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "sandbox.h"
#include "util/subprocess.h"

struct fixture {
	struct s2c_strv argv;
	struct s2c_process_opts opts;
	struct s2c_buf out, err;
	struct s2c_ctx *ctx;
};

/* A shell script as the program to run. */
static void script(struct fixture *f, const char *text)
{
	s2c_strv_add(&f->argv, "sh");
	s2c_strv_add(&f->argv, "-c");
	s2c_strv_add(&f->argv, text);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->opts = (struct s2c_process_opts)S2C_PROCESS_OPTS_INIT;
	f->opts.argv = &f->argv;
	f->out = (struct s2c_buf)S2C_BUF_INIT(1u << 20);
	f->err = (struct s2c_buf)S2C_BUF_INIT(1u << 20);
	f->ctx = quiet_ctx();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	s2c_strv_release(&f->argv);
	s2c_buf_release(&f->out);
	s2c_buf_release(&f->err);
	s2c_ctx_free(f->ctx);
	free(f);
	s2c_error_free(TAKE(terr));
	return 0;
}

static int run(struct fixture *f)
{
	struct s2c_run_io io = {.out = &f->out, .err = &f->err};
	int status = -1;

	assert_ok(s2c_process_run(f->ctx, &f->opts, &io, &status, &terr));
	return status;
}

static void test_status(void **state)
{
	struct fixture *f = *state;

	script(f, "exit 3");
	assert_int_equal(run(f), 3);
	s2c_strv_release(&f->argv);
	script(f, "kill -9 $$");
	assert_int_equal(run(f), 137);
	s2c_strv_release(&f->argv);
	s2c_strv_add(&f->argv, "/bin/true");
	assert_int_equal(run(f), 0);
}

static void test_output_and_input(void **state)
{
	struct fixture *f = *state;
	CLEAN_FREE char *much = xmalloc(1u << 20);
	struct s2c_run_io io = {
		.out = &f->out, .err = &f->err, .input = much, .input_len = 1u << 20};
	int status = -1;

	memset(much, 'x', 1u << 20);
	script(f, "echo oops >&2; cat");
	assert_ok(s2c_process_run(f->ctx, &f->opts, &io, &status, &terr));
	assert_int_equal(status, 0);
	assert_int_equal(f->out.len, 1u << 20);
	assert_memory_equal(f->out.data, much, 1u << 20);
	assert_string_equal(s2c_buf_str(&f->err), "oops\n");
}

static void test_nothing_to_read_and_nobody_to_listen(void **state)
{
	struct fixture *f = *state;
	int status = -1;

	script(f, "cat; echo out; echo err >&2");
	assert_ok(s2c_process_run(f->ctx, &f->opts, NULL, &status, &terr));
	assert_int_equal(status, 0);
}

static void test_one_buf_for_both_outputs(void **state)
{
	struct fixture *f = *state;
	struct s2c_run_io io = {.out = &f->out, .err = &f->out};
	int status = -1;

	script(f, "echo 1; echo 2 >&2; echo 3");
	assert_ok(s2c_process_run(f->ctx, &f->opts, &io, &status, &terr));
	assert_string_equal(s2c_buf_str(&f->out), "1\n2\n3\n");
}

static void test_output_is_capped(void **state)
{
	struct fixture *f = *state;
	struct s2c_run_io io = {.out = &f->out};
	int status = -1;

	f->out.max = 1000;
	script(f, "while :; do echo yes; done");
	assert_fails(s2c_process_run(f->ctx, &f->opts, &io, &status, &terr), S2C_ELIMIT,
		"'sh': content is larger than 1000 bytes");
	assert_int_equal(status, -1);
	/* It was ended and reaped. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_programs_that_cannot_run(void **state)
{
	struct tmp *tmp = *state;

	tmp_write(tmp, "plain", "text");
	tmp_write(tmp, "broken",
		"\x7f"
		"ELF");
	assert_int_equal(fchmodat(tmp->fd, "broken", 0755, 0), 0);

	CLEAN_FREE char *plain = xasprintf("%s/plain", tmp->path);
	CLEAN_FREE char *broken = xasprintf("%s/broken", tmp->path);
	const struct {
		const char *program, *cwd;
		enum s2c_code code;
		const char *says;
	} cases[] = {
		{"s2c-no-such-program", NULL, S2C_ENOENT, "install it or check PATH"},
		{"/no/such/program", NULL, S2C_ENOENT, "cannot run '/no/such/program'"},
		{plain, NULL, S2C_EDENIED, "permission denied"},
		{tmp->path, NULL, S2C_EDENIED, "permission denied"},
		{broken, NULL, S2C_EIO, "exec format error"},
		{"sh", "/no/such/dir", S2C_ENOENT, "in directory '/no/such/dir'"},
		{"sh", "/dev/null", S2C_EIO, "not a directory"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
		CLEAN_PROCESS struct s2c_process process = S2C_PROCESS_INIT;
		struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;

		s2c_strv_add(&argv, cases[i].program);
		opts.argv = &argv;
		opts.cwd = cases[i].cwd;
		assert_fails(s2c_process_spawn(&opts, &process, &terr), cases[i].code,
			cases[i].says);
		assert_int_equal(process.pid, -1);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

static void test_cwd(void **state)
{
	struct fixture *f = *state;

	f->opts.cwd = "/usr";
	script(f, "pwd");
	assert_int_equal(run(f), 0);
	assert_string_equal(s2c_buf_str(&f->out), "/usr\n");
}

static void test_environment(void **state)
{
	struct fixture *f = *state;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	s2c_strv_add(&f->argv, "env");
	setenv("S2C_TEST_VARIABLE", "here", 1);
	assert_int_equal(run(f), 0);
	assert_non_null(strstr(s2c_buf_str(&f->out), "S2C_TEST_VARIABLE=here"));
	unsetenv("S2C_TEST_VARIABLE");
	/* The given one and no other. */
	f->opts.env = &env;
	s2c_buf_clear(&f->out);
	assert_int_equal(run(f), 0);
	assert_string_equal(s2c_buf_str(&f->out), "");
	s2c_env_set(&env, "A", "1");
	assert_int_equal(run(f), 0);
	assert_string_equal(s2c_buf_str(&f->out), "A=1\n");
}

static void test_descriptors(void **state)
{
	struct fixture *f = *state;
	int leak = fcntl(STDERR_FILENO, F_DUPFD, 50); /* without close-on-exec */
	int a[2], b[2];

	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	assert_int_equal(write(a[1], "first", 5), 5);
	assert_int_equal(write(b[1], "second", 6), 6);
	close(a[1]);
	close(b[1]);
	/* On each other's places, whatever was there before. */
	CLEAN_FD int kept3 = fcntl(3, F_DUPFD_CLOEXEC, 60);
	CLEAN_FD int kept4 = fcntl(4, F_DUPFD_CLOEXEC, 60);
	CLEAN_FD int first = fcntl(a[0], F_DUPFD_CLOEXEC, 60);
	CLEAN_FD int second = fcntl(b[0], F_DUPFD_CLOEXEC, 60);

	assert_int_equal(dup3(second, 3, O_CLOEXEC), 3);
	assert_int_equal(dup3(first, 4, O_CLOEXEC), 4);
	f->opts.extra_fds[0] = 4;
	f->opts.extra_fds[1] = 3;
	f->opts.n_extra_fds = 2;
	script(f, "cat <&3; cat <&4; exec ls -1 /proc/self/fd");
	assert_int_equal(run(f), 0);
	/* 5 is the directory that ls reads. */
	assert_string_equal(s2c_buf_str(&f->out), "firstsecond0\n1\n2\n3\n4\n5\n");
	if (kept3 >= 0)
		assert_int_equal(dup3(kept3, 3, O_CLOEXEC), 3);
	else
		close(3);
	if (kept4 >= 0)
		assert_int_equal(dup3(kept4, 4, O_CLOEXEC), 4);
	else
		close(4);
	close(leak);
}

static void test_signals_are_as_in_a_fresh_process(void **state)
{
	struct fixture *f = *state;
	sigset_t block, before;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	s2c_strv_add(&f->argv, "grep");
	s2c_strv_add(&f->argv, "-E");
	s2c_strv_add(&f->argv, "Sig(Blk|Ign)");
	s2c_strv_add(&f->argv, "/proc/self/status");
	assert_int_equal(run(f), 0);
	assert_string_equal(s2c_buf_str(&f->out),
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	/* And the mask of the parent is as it was. */
	sigprocmask(SIG_SETMASK, &before, &block);
	assert_true(sigismember(&block, SIGTERM));
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}

static void test_new_session(void **state)
{
	struct fixture *f = *state;
	int pid = 0, sid = 1;

	f->opts.new_session = true;
	s2c_strv_add(&f->argv, "cut");
	s2c_strv_add(&f->argv, "-d ");
	s2c_strv_add(&f->argv, "-f1,6");
	s2c_strv_add(&f->argv, "/proc/self/stat");
	assert_int_equal(run(f), 0);
	assert_int_equal(sscanf(s2c_buf_str(&f->out), "%d %d", &pid, &sid), 2);
	assert_int_equal(pid, sid);
}

/* True once nobody has that pid, zombies included. */
static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static void test_cancelled_before(void **state)
{
	struct fixture *f = *state;
	int status = -1;

	s2c_ctx_cancel(f->ctx);
	script(f, "exit 0");
	assert_fails(s2c_process_run(f->ctx, &f->opts, NULL, &status, &terr),
		S2C_ECANCELED, "cancelled");
}

static void test_timeout_lets_it_clean_up(void **state)
{
	struct fixture *f = *state;
	CLEAN_CTX struct s2c_ctx *second = s2c_ctx_child(f->ctx, 1);
	CLEAN_PROCESS struct s2c_process process = S2C_PROCESS_INIT;
	int ends[2], status = -1;
	char got[16] = "";

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	f->opts.fd_out = ends[1];
	script(f, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done");
	assert_ok(s2c_process_spawn(&f->opts, &process, &terr));

	pid_t pid = process.pid;

	assert_fails(s2c_process_wait(second, &process, &status, &terr), S2C_ETIMEOUT,
		"not done after 1 s");
	assert_int_equal(status, -1);
	assert_int_equal(process.pid, -1);
	assert_true(is_gone(pid));
	assert_int_equal(read(ends[0], got, sizeof(got) - 1), 4);
	assert_string_equal(got, "bye\n");
	close(ends[0]);
	close(ends[1]);
}

static void test_timeout_of_one_that_ignores_it(void **state)
{
	struct fixture *f = *state;
	CLEAN_CTX struct s2c_ctx *second = s2c_ctx_child(f->ctx, 1);
	struct s2c_run_io io = {.out = &f->out};
	int status = -1, pid = 0, child = 0;

	f->opts.new_session = true;
	script(f, "trap '' TERM; sleep 1000 & echo $$ $!; while :; do wait; sleep 0.05; "
		  "done");
	assert_fails(s2c_process_run(second, &f->opts, &io, &status, &terr), S2C_ETIMEOUT,
		"'sh': not done after 1 s");
	assert_int_equal(sscanf(s2c_buf_str(&f->out), "%d %d", &pid, &child), 2);
	assert_true(is_gone(pid));
	/* The group went too: init reaps it in its own time, so a zombie may do. */
	for (int i = 0; i < 500 && !is_gone(child); i++) {
		CLEAN_FREE char *path = xasprintf("/proc/%d/stat", child);
		CLEAN_BUF struct s2c_buf stat = S2C_BUF_INIT(4096);

		if (s2c_fs_read_file(AT_FDCWD, path, &stat, NULL) == 0 &&
			strstr(s2c_buf_str(&stat), ") Z "))
			return;
		usleep(10000);
	}
	assert_true(is_gone(child));
}

static void test_left_behind_children_do_not_hold_us(void **state)
{
	struct fixture *f = *state;
	int child = 0;

	script(f, "sleep 1000 & echo $!");
	assert_int_equal(run(f), 0);
	assert_int_equal(sscanf(s2c_buf_str(&f->out), "%d", &child), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
}

static void test_release_ends_it(void **state)
{
	struct fixture *f = *state;
	struct s2c_process process = S2C_PROCESS_INIT;
	pid_t pid;

	s2c_process_release(&process);
	script(f, "trap '' TERM; while :; do sleep 1; done");
	f->opts.new_session = true;
	assert_ok(s2c_process_spawn(&f->opts, &process, &terr));
	pid = process.pid;
	assert_int_equal(fcntl(process.pidfd, F_GETFD), FD_CLOEXEC);
	s2c_process_release(&process);
	assert_true(is_gone(pid));
	assert_int_equal(process.pid, -1);
	s2c_process_release(&process);
}

static void test_dies_with_its_parent(void **state)
{
	struct fixture *f = *state;
	struct pollfd p = {.events = POLLIN};
	int tell[2], go[2];
	pid_t middle, pid = -1;
	char c;

	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	f->opts.die_with_parent = true;
	script(f, "exec sleep 1000");
	middle = fork();
	if (middle == 0) {
		struct s2c_process process = S2C_PROCESS_INIT;

		if (s2c_process_spawn(&f->opts, &process, NULL) < 0 ||
			write(tell[1], &process.pid, sizeof(pid)) != sizeof(pid) ||
			read(go[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(tell[0], &pid, sizeof(pid)), sizeof(pid));
	p.fd = pidfd_open(pid, 0);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	assert_int_equal(poll(&p, 1, 20000), 1);
	close(p.fd);
	close(tell[0]);
	close(tell[1]);
	close(go[0]);
	close(go[1]);
}

static void test_find_program(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *before = xstrdup(getenv("PATH"));
	CLEAN_FREE char *path = xasprintf("::relative:%s/none:%s/dir:%s/plain:%s/good",
		tmp->path, tmp->path, tmp->path, tmp->path);
	CLEAN_FREE char *wanted = xasprintf("%s/good/prog", tmp->path);

	assert_ok(s2c_fs_mkdir_p(tmp->fd, "dir/prog", 0755, &terr));
	tmp_write(tmp, "plain/prog", "");
	tmp_write(tmp, "good/prog", "");
	tmp_write(tmp, "relative/prog", "");
	tmp_write(tmp, "prog", "");
	assert_int_equal(fchmodat(tmp->fd, "good/prog", 0755, 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "relative/prog", 0755, 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "prog", 0755, 0), 0);
	assert_int_equal(fchdir(tmp->fd), 0);
	setenv("PATH", path, 1);

	CLEAN_FREE char *got = s2c_find_program("prog");
	CLEAN_FREE char *none = s2c_find_program("prog2");
	CLEAN_FREE char *slash = s2c_find_program("./prog");
	CLEAN_FREE char *no_slash = s2c_find_program("plain/prog");

	unsetenv("PATH");

	CLEAN_FREE char *sh = s2c_find_program("sh");

	setenv("PATH", before, 1);
	assert_int_equal(chdir("/"), 0);
	/* Neither the current directory nor a relative one, no directory, no plain file.
	 */
	assert_string_equal(got, wanted);
	assert_null(none);
	assert_string_equal(slash, "./prog");
	assert_null(no_slash);
	assert_non_null(sh);
}

#define process_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		process_test(test_status),
		process_test(test_output_and_input),
		process_test(test_nothing_to_read_and_nobody_to_listen),
		process_test(test_one_buf_for_both_outputs),
		process_test(test_output_is_capped),
		tmp_test(test_programs_that_cannot_run),
		process_test(test_cwd),
		process_test(test_environment),
		process_test(test_descriptors),
		process_test(test_signals_are_as_in_a_fresh_process),
		process_test(test_new_session),
		process_test(test_cancelled_before),
		process_test(test_timeout_lets_it_clean_up),
		process_test(test_timeout_of_one_that_ignores_it),
		process_test(test_left_behind_children_do_not_hold_us),
		process_test(test_release_ends_it),
		process_test(test_dies_with_its_parent),
		tmp_test(test_find_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
