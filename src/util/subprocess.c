/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes by plain fork and exec (posix_spawn knows no PR_SET_PDEATHSIG). All
 * that allocates or searches happens before the fork: s2c may have threads, so the child
 * only makes async-signal-safe calls. A failure in the child comes back through a pipe
 * that a successful exec closes. Waiting is by pidfd, so a reused pid is never signalled.
 */
#include "util/subprocess.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util/fault.h"
#include "util/fs.h"

/* Between SIGTERM and SIGKILL. */
#define GRACE_MS 1000
/* Where programs are when PATH says nothing. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PIPE_PIECE (16u * 1024)

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

extern char **environ;

enum stage { STAGE_FDS, STAGE_CWD, STAGE_EXEC };

/* What the child tells when it cannot become the program. */
struct report {
	enum stage stage;
	int errnum;
};

/* All that the child needs, prepared before the fork. */
struct launch {
	const char *program;
	char *const *argv;
	char *const *env;
	const char *cwd;
	int fds[3 + S2C_PROCESS_FDS_MAX];
	int n_fds;
	int report_fd;
	pid_t parent;
	bool die_with_parent, new_session;
};

char *s2c_find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return faccessat(AT_FDCWD, name, X_OK, AT_EACCESS) == 0 ? xstrdup(name)
									: NULL;
	for (const char *p = path && *path ? path : DEFAULT_PATH; *p;) {
		size_t n = strcspn(p, ":");
		CLEAN_FREE char *full = xasprintf("%.*s/%s", (int)n, p, name);
		struct stat st;

		/* Relative elements would run what a source tree brings along. */
		if (*p == '/' && stat(full, &st) == 0 && S_ISREG(st.st_mode) &&
			faccessat(AT_FDCWD, full, X_OK, AT_EACCESS) == 0)
			return TAKE(full);
		p += n;
		p += *p == ':';
	}
	return NULL;
}

/* From here to child(): after the fork, async-signal-safe calls only. */

static void child_signals(void)
{
	struct sigaction deflt = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* The mask is lifted last, so that no handler of the parent runs here. */
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &deflt, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts fds[i] to i and marks all above to be closed by exec. */
static int child_fds(struct launch *l)
{
	struct rlimit limit;

	/* First out of the way of the targets. */
	l->report_fd = fcntl(l->report_fd, F_DUPFD_CLOEXEC, l->n_fds);
	if (l->report_fd < 0)
		return -1;
	for (int i = 0; i < l->n_fds; i++) {
		l->fds[i] = fcntl(l->fds[i], F_DUPFD_CLOEXEC, l->n_fds);
		if (l->fds[i] < 0)
			return -1;
	}
	for (int i = 0; i < l->n_fds; i++)
		if (dup2(l->fds[i], i) < 0)
			return -1;
	if (syscall(SYS_close_range, l->n_fds, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	for (int fd = l->n_fds; fd < INT_MAX && (rlim_t)fd < limit.rlim_cur; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static enum stage child_become(struct launch *l)
{
	if (l->new_session)
		(void)setsid();
	if (l->die_with_parent) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It may have died before the line above. */
		if (getppid() != l->parent)
			_exit(127);
	}
	if (child_fds(l) < 0)
		return STAGE_FDS;
	if (l->cwd && chdir(l->cwd) < 0)
		return STAGE_CWD;
	child_signals();
	execve(l->program, l->argv, l->env);
	return STAGE_EXEC;
}

__attribute__((noreturn)) static void child(struct launch *l)
{
	enum stage stage = child_become(l);
	struct report report = {.stage = stage, .errnum = errno};

	/* Were the pipe broken, the parent would see an exit status of 127. */
	if (write(l->report_fd, &report, sizeof(report)) < 0)
		_exit(126);
	_exit(127);
}

static int fail_report(const struct s2c_process_opts *opts, const struct report *report,
	struct s2c_error **err)
{
	switch (report->stage) {
	case STAGE_CWD:
		return s2c_fail_errno(err, report->errnum,
			"cannot run '%s' in directory '%s'", opts->argv->items[0],
			opts->cwd);
	case STAGE_FDS:
	case STAGE_EXEC:
		break;
	}
	return s2c_fail_errno(
		err, report->errnum, "cannot run '%s'", opts->argv->items[0]);
}

static int reap(struct s2c_process *process, int *out_status, struct s2c_error **err)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(process->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	s2c_clean_fd(&process->pidfd);
	process->pid = -1;
	process->pidfd = -1;
	if (got < 0)
		return s2c_fail_errno(err, errno, "cannot get the status of a process");
	*out_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* Forks with all signals blocked: none is handled twice, nor by the child's copy. */
static pid_t fork_child(struct launch *l)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child(l);
	int errnum = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = errnum;
	return pid;
}

static int read_report(int fd, struct report *report)
{
	ssize_t n;

	do
		n = read(fd, report, sizeof(*report));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*report);
}

int s2c_process_spawn(const struct s2c_process_opts *opts,
	struct s2c_process *out_process, struct s2c_error **err)
{
	static char *no_env[] = {NULL};
	CLEAN_PROCESS struct s2c_process process = S2C_PROCESS_INIT;
	CLEAN_FREE char *program = NULL;
	CLEAN_FD int null = -1;
	CLEAN_FD int report_in = -1;
	CLEAN_FD int report_out = -1;
	const int std[3] = {opts->fd_in, opts->fd_out, opts->fd_err};
	struct report report;
	int ends[2], ignored;

	assert(opts->argv->len && opts->n_extra_fds <= S2C_PROCESS_FDS_MAX);
	if (s2c_fault_point("process.spawn", err) < 0)
		return -1;
	/* A path is left to exec, which knows why it cannot be run. */
	program = strchr(opts->argv->items[0], '/')
			  ? xstrdup(opts->argv->items[0])
			  : s2c_find_program(opts->argv->items[0]);
	if (!program)
		return s2c_fail(err, S2C_ENOENT,
			"cannot run '%s': no such program; install it or check PATH",
			opts->argv->items[0]);
	if (s2c_fs_open(AT_FDCWD, "/dev/null", O_RDWR, 0, &null, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot run '%s'", program);
	report_in = ends[0];
	report_out = ends[1];

	struct launch l = {
		.program = program,
		.argv = opts->argv->items,
		.env = !opts->env         ? environ
		       : opts->env->items ? opts->env->items
					  : no_env,
		.cwd = opts->cwd,
		.n_fds = 3 + (int)opts->n_extra_fds,
		.report_fd = report_out,
		.parent = getpid(),
		.die_with_parent = opts->die_with_parent,
		.new_session = opts->new_session,
	};

	for (size_t i = 0; i < 3; i++)
		l.fds[i] = std[i] < 0 ? null : std[i];
	for (size_t i = 0; i < opts->n_extra_fds; i++)
		l.fds[3 + i] = opts->extra_fds[i];

	process.pid = fork_child(&l);
	if (process.pid < 0)
		return s2c_fail_errno(err, errno, "cannot run '%s'", program);
	s2c_clean_fd(&report_out);
	report_out = -1;
	if (read_report(report_in, &report)) {
		(void)reap(&process, &ignored, NULL);
		return fail_report(opts, &report, err);
	}
	process.group = opts->new_session;
	process.pidfd = pidfd_open(process.pid, 0);
	if (process.pidfd < 0)
		return s2c_fail_errno(err, errno, "cannot watch '%s'", program);
	*out_process = process;
	process = (struct s2c_process)S2C_PROCESS_INIT;
	return 0;
}

static void send_signal(const struct s2c_process *process, int sig)
{
	/* Not reaped yet, so neither the pid nor the group can belong to another one. */
	(void)kill(process->group ? -process->pid : process->pid, sig);
}

/* Ends the process: gently if `grace_ms`, in any case surely. */
static void terminate(struct s2c_process *process, int grace_ms)
{
	int ignored;

	if (grace_ms) {
		struct pollfd p = {.fd = process->pidfd, .events = POLLIN};

		send_signal(process, SIGTERM);
		(void)poll(&p, 1, grace_ms);
	}
	send_signal(process, SIGKILL);
	(void)reap(process, &ignored, NULL);
}

int s2c_process_wait(struct s2c_ctx *ctx, struct s2c_process *process, int *out_status,
	struct s2c_error **err)
{
	struct pollfd p = {.fd = process->pidfd, .events = POLLIN};

	assert(process->pid > 0);
	if (s2c_ctx_poll(ctx, &p, 1, -1, NULL, err) < 0) {
		terminate(process, GRACE_MS);
		return -1;
	}
	return reap(process, out_status, err);
}

void s2c_process_release(struct s2c_process *process)
{
	if (process->pid > 0)
		terminate(process, 0);
	s2c_clean_fd(&process->pidfd);
	process->pidfd = -1;
}

/* One output of a process on its way into a buf. */
struct pump {
	struct s2c_buf *buf;
	int fd;
};

static int pump_open(
	struct pump *pump, struct s2c_buf *buf, int *child_end, struct s2c_error **err)
{
	int ends[2];

	if (!buf)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	pump->buf = buf;
	pump->fd = ends[0];
	*child_end = ends[1];
	/* Of this end only: O_NONBLOCK belongs to the open file, which is one per end. */
	if (fcntl(pump->fd, F_SETFL, O_NONBLOCK) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	return 0;
}

/* Takes all that is there; closes at the end of the stream. */
static int pump_drain(struct pump *pump, struct s2c_error **err)
{
	char piece[PIPE_PIECE];

	while (pump->fd >= 0) {
		ssize_t n = read(pump->fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return s2c_fail_errno(err, errno, "cannot read");
		if (n == 0) {
			s2c_clean_fd(&pump->fd);
			pump->fd = -1;
			return 0;
		}
		if (s2c_buf_add(pump->buf, piece, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

/* Standard output and standard error. */
struct pumps {
	struct pump of[2];
};

static void pumps_release(struct pumps *pumps)
{
	s2c_clean_fd(&pumps->of[0].fd);
	s2c_clean_fd(&pumps->of[1].fd);
}

/*
 * Pumps until the process ends. Not until the pipes do: a daemon that it left behind may
 * hold them open for ever.
 */
static int pump_all(struct s2c_ctx *ctx, struct s2c_process *process, struct pumps *pumps,
	struct s2c_error **err)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = process->pidfd, .events = POLLIN},
			{.fd = pumps->of[0].fd, .events = POLLIN},
			{.fd = pumps->of[1].fd, .events = POLLIN},
		};

		if (s2c_ctx_poll(ctx, fds, ARRAY_SIZE(fds), -1, NULL, err) < 0) {
			terminate(process, GRACE_MS);
			return -1;
		}
		for (size_t i = 0; i < 2; i++)
			if (pump_drain(&pumps->of[i], err) < 0)
				return -1;
		if (fds[0].revents)
			return 0;
	}
}

/* Standard input as a file in memory: nothing to pump, and no SIGPIPE. */
static int input_file(const struct s2c_run_io *io, int *out_fd, struct s2c_error **err)
{
	CLEAN_FD int fd = memfd_create("s2c-input", MFD_CLOEXEC);

	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot make a file in memory");
	if (s2c_fs_write_all(fd, io->input, io->input_len, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return s2c_fail_errno(err, errno, "cannot rewind a file in memory");
	*out_fd = take_fd(&fd);
	return 0;
}

int s2c_process_run(struct s2c_ctx *ctx, const struct s2c_process_opts *opts,
	const struct s2c_run_io *io, int *out_status, struct s2c_error **err)
{
	static const struct s2c_run_io nothing;
	CLEAN(pumps_release) struct pumps pumps = {.of = {{.fd = -1}, {.fd = -1}}};
	CLEAN_PROCESS struct s2c_process process = S2C_PROCESS_INIT;
	CLEAN_FD int in = -1;
	CLEAN_FD int child_out = -1;
	CLEAN_FD int child_err = -1;
	struct s2c_process_opts with_io = *opts;

	if (!io)
		io = &nothing;
	if (s2c_ctx_check(ctx, err) < 0)
		return -1;
	if (io->input && input_file(io, &in, err) < 0)
		return -1;
	if (pump_open(&pumps.of[0], io->out, &child_out, err) < 0)
		return -1;
	if (io->err != io->out && pump_open(&pumps.of[1], io->err, &child_err, err) < 0)
		return -1;
	with_io.fd_in = in;
	with_io.fd_out = child_out;
	with_io.fd_err = io->err == io->out ? child_out : child_err;
	if (s2c_process_spawn(&with_io, &process, err) < 0)
		return -1;
	s2c_clean_fd(&child_out);
	s2c_clean_fd(&child_err);
	child_out = child_err = -1;

	if (pump_all(ctx, &process, &pumps, err) < 0)
		return s2c_wrap(err, "'%s'", opts->argv->items[0]);
	return s2c_process_wait(ctx, &process, out_status, err);
}
