/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof that the sandbox holds on this kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "gate/sandbox.h"

/* Each returns if it came to pass, or did not without the process being killed. */

static long open_a_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long make_a_file(void)
{
	return open("/tmp/s2c-selftest", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static long make_a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long reach_the_network(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long start_a_program(void)
{
	static char *const argv[] = {"true", NULL};

	return execv("/bin/true", argv);
}

static long make_a_process(void)
{
	return fork();
}

static long signal_the_core(void)
{
	return kill(getppid(), 0);
}

static long trace_the_core(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), 0, 0);
}

static long run_own_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long get_root_back(void)
{
	return setuid(0);
}

static const struct {
	const char *name;
	long (*attempt)(void);
} checks[] = {
	{"open a file", open_a_file},
	{"make a file", make_a_file},
	{"make a unix socket", make_a_socket},
	{"make an internet socket", reach_the_network},
	{"start a program", start_a_program},
	{"make a process", make_a_process},
	{"signal the core", signal_the_core},
	{"trace the core", trace_the_core},
	{"map memory that can be executed", run_own_code},
	{"become root", get_root_back},
};
_Static_assert(ARRAY_SIZE(checks) <= S2C_SANDBOX_CHECKS_MAX, "places for all checks");

#define REPORT 3 /* bytes of what the process sends before it tries */

/* The process: says which layers it has, then tries, and says how it ended. */
static void try_it(int fd, long (*attempt)(void))
{
	struct s2c_sandbox layers;
	unsigned char report[REPORT];
	unsigned char failed;

	if (s2c_sandbox_enter(&layers, NULL) < 0)
		_exit(1);
	report[0] = layers.seccomp;
	report[1] = (unsigned char)layers.landlock;
	report[2] = layers.other_uid;
	if (write(fd, report, sizeof(report)) != sizeof(report))
		_exit(1);
	errno = 0;
	failed = attempt() < 0 ? (unsigned char)errno : 0;
	(void)!write(fd, &failed, 1);
	_exit(0);
}

static int judge(int fd, int status, struct s2c_sandbox_check *out,
	struct s2c_sandbox *layers, struct s2c_error **err)
{
	unsigned char report[REPORT + 1];
	ssize_t n = read(fd, report, sizeof(report));

	if (n < REPORT)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"a worker cannot enter its sandbox on this kernel");
	*layers = (struct s2c_sandbox){.seccomp = report[0] != 0,
		.landlock = report[1],
		.other_uid = report[2] != 0};
	if (n == REPORT) {
		out->held = WIFSIGNALED(status);
		(void)snprintf(out->how, sizeof(out->how), "killed by %s",
			WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
				? "SIGSYS"
				: "something else");
		return 0;
	}
	out->held = report[REPORT] != 0;
	(void)snprintf(out->how, sizeof(out->how), "%s",
		out->held ? strerror(report[REPORT]) : "IT WORKED");
	return 0;
}

static int check(long (*attempt)(void), struct s2c_sandbox_check *out,
	struct s2c_sandbox *layers, struct s2c_error **err)
{
	int fds[2], status = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid == 0)
		try_it(fds[1], attempt);
	(void)close(fds[1]);
	int failure = errno;
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	int rc = pid < 0 ? s2c_fail_errno(err, failure, "cannot start a process")
			 : judge(fds[0], status, out, layers, err);
	(void)close(fds[0]);
	return rc;
}

static long nothing(void)
{
	return 0;
}

int s2c_sandbox_probe(struct s2c_sandbox *out, struct s2c_error **err)
{
	struct s2c_sandbox_check none;

	return check(nothing, &none, out, err);
}

int s2c_sandbox_selftest(struct s2c_sandbox_check *out, size_t *n,
	struct s2c_sandbox *out_layers, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		out[i].name = checks[i].name;
		if (check(checks[i].attempt, &out[i], out_layers, err) < 0)
			return -1;
	}
	*n = ARRAY_SIZE(checks);
	return 0;
}
