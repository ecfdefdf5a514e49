/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "gate/worker.h"

#define WIRE_BYTES (256 * 1024) /* the kernel may have a lower maximum */

enum { CLIENT, WIRE, FDS };

/* ---- both sides ---- */

/* Descriptors with a number. */
static int send_fds(int socket, const int fds[FDS], unsigned number)
{
	char control[CMSG_SPACE(sizeof(int) * FDS)] = {0};
	struct iovec iov = {.iov_base = &number, .iov_len = sizeof(number)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * FDS);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * FDS);
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == sizeof(number) ? 0 : -1;
}

/* ---- the zygote ---- */

/* 1 with descriptors, 0 when the core is gone. */
static int receive_fds(int socket, int fds[FDS], unsigned *out_number)
{
	char control[CMSG_SPACE(sizeof(int) * FDS)];
	struct iovec iov = {.iov_base = out_number, .iov_len = sizeof(*out_number)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	if (n <= 0 || !cmsg || cmsg->cmsg_type != SCM_RIGHTS ||
		cmsg->cmsg_len != CMSG_LEN(sizeof(int) * FDS))
		return 0;
	memcpy(fds, CMSG_DATA(cmsg), sizeof(int) * FDS);
	return 1;
}

/* Low numbers and nothing else: 3 and 4. */
static void be_worker(const int fds[FDS], unsigned header_seconds)
{
	int client = fcntl(fds[CLIENT], F_DUPFD_CLOEXEC, 10);
	int wire = fcntl(fds[WIRE], F_DUPFD_CLOEXEC, 10);

	if (client < 0 || wire < 0 || dup2(client, 3) < 0 || dup2(wire, 4) < 0 ||
		close_range(5, ~0u, 0) < 0)
		_exit(1);
	_exit(s2c_worker_run(3, 4, header_seconds) < 0 ? 1 : 0);
}

static void spawn(const int fds[FDS], unsigned header_seconds)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGTERM, SIG_DFL);
		be_worker(fds, header_seconds);
	}
	/* Without a worker the channel closes, and the core drops the connection. */
	(void)close(fds[CLIENT]);
	(void)close(fds[WIRE]);
}

/* Tells the core of workers that were killed. */
static void reap(int socket)
{
	int status;

	while (waitpid(-1, &status, WNOHANG) > 0)
		if (WIFSIGNALED(status)) {
			unsigned char sig = (unsigned char)WTERMSIG(status);

			(void)send(socket, &sig, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
}

static void serve(int socket)
{
	sigset_t children;
	unsigned header_seconds = 0;
	int fds[FDS];

	(void)sigemptyset(&children);
	(void)sigaddset(&children, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &children, NULL);
	int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		struct pollfd ready[] = {{.fd = socket, .events = POLLIN},
			{.fd = signals, .events = POLLIN}};
		struct signalfd_siginfo info;

		if (poll(ready, 2, -1) < 0 && errno != EINTR)
			return;
		if (read(signals, &info, sizeof(info)) > 0)
			reap(socket);
		if (!ready[0].revents)
			continue;
		if (!receive_fds(socket, fds, &header_seconds))
			return;
		spawn(fds, header_seconds);
	}
}

/* Whoever takes a worker over is not to write into the gate's log; a sanitizer is. */
static int silence(int null)
{
#ifdef __SANITIZE_ADDRESS__
	(void)null;
	return 0;
#else
	return dup2(null, 2);
#endif
}

static void be_zygote(int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Interrupts of a terminal are for the core to decide on. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "s2c-gate-work");
	if (setpgid(0, 0) < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
		silence(null) < 0 || dup2(socket, 3) < 0 || close_range(4, ~0u, 0) < 0)
		_exit(1);
	serve(3);
	/* The group is its own and its workers'; who ends them also reaps them. */
	(void)signal(SIGTERM, SIG_IGN);
	(void)kill(0, SIGTERM);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	_exit(0);
}

/* ---- the core ---- */

int s2c_zygote_start(struct s2c_zygote *out, struct s2c_error **err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket pair");
	pid_t pid = fork();
	if (pid == 0)
		be_zygote(pair[1]);
	int failure = errno;
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return s2c_fail_errno(err, failure, "cannot start a process");
	}
	*out = (struct s2c_zygote){.pid = pid, .fd = pair[0]};
	return 0;
}

void s2c_zygote_stop(struct s2c_zygote *zygote)
{
	if (zygote->fd >= 0)
		(void)close(zygote->fd);
	if (zygote->pid > 0) {
		/* It ends when nobody can ask it for workers any more. */
		while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*zygote = (struct s2c_zygote)S2C_ZYGOTE_INIT;
}

/* Two large frames on their way: with less they come and go in halves. */
static void make_room(int fd)
{
	int bytes = WIRE_BYTES;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int s2c_zygote_spawn(struct s2c_zygote *zygote, int client, unsigned header_seconds,
	int *out_wire, struct s2c_error **err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket pair");
	make_room(pair[0]);
	make_room(pair[1]);
	int rc = send_fds(zygote->fd, (const int[FDS]){client, pair[1]}, header_seconds);
	int failure = errno;
	(void)close(pair[1]);
	if (rc < 0) {
		(void)close(pair[0]);
		return s2c_fail_errno(err, failure, "cannot ask for a worker");
	}
	*out_wire = pair[0];
	return 0;
}

int s2c_zygote_reap(struct s2c_zygote *zygote, int *out_signal, struct s2c_error **err)
{
	unsigned char sig;
	ssize_t n = recv(zygote->fd, &sig, 1, MSG_DONTWAIT);

	if (n == 1) {
		*out_signal = sig;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return s2c_fail(err, S2C_EIO, "the process that makes workers is gone");
}
