/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper as s2c sees it: starting the warden, talking, stopping. What warden and
 * keeper do themselves is in keeper_child.c.
 */
#include "runtime/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/keeper_child.h"
#include "util/fault.h"

int s2c_keeper_start(const struct s2c_keeper_opts *opts, struct s2c_keeper *out,
	struct s2c_error **err)
{
	CLEAN_FD int life_ours = -1;
	CLEAN_FD int life_theirs = -1;
	CLEAN_FD int ours = -1;
	CLEAN_FD int theirs = -1;
	int pair[2];
	pid_t pid;

	if (s2c_fault_point("keeper.start", err) < 0)
		return -1;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	life_theirs = pair[0];
	life_ours = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return s2c_fail_errno(err, errno, "cannot start a process");
	if (pid == 0)
		s2c_keeper_child(opts, life_theirs, theirs);
	*out = (struct s2c_keeper){
		.warden = pid, .life = take_fd(&life_ours), .control = take_fd(&ours)};
	return 0;
}

int s2c_keeper_run(struct s2c_keeper *keeper, const int fds[4], struct s2c_error **err)
{
	struct s2c_keeper_message run = {.event = S2C_KEEPER_ORDER_RUN};
	struct iovec iov = {.iov_base = &run, .iov_len = sizeof(run)};
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(4 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 4 * sizeof(int));
	if (sendmsg(keeper->control, &msg, MSG_NOSIGNAL) < 0)
		return s2c_fail_errno(err, errno, "the container's keeper has died");
	return 0;
}

void s2c_keeper_signal(struct s2c_keeper *keeper, int sig)
{
	struct s2c_keeper_message order = {
		.event = S2C_KEEPER_ORDER_SIGNAL, .value = sig};

	/* A keeper that is gone needs no signal any more. */
	if (send(keeper->control, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void s2c_keeper_next(struct s2c_keeper *keeper, struct s2c_keeper_message *out)
{
	ssize_t n;

	do
		n = recv(keeper->control, out, sizeof(*out), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*out))
		*out = (struct s2c_keeper_message){.event = S2C_KEEPER_NONE};
	out->text[sizeof(out->text) - 1] = '\0';
}

void s2c_keeper_stop(struct s2c_keeper *keeper)
{
	if (keeper->warden < 0)
		return;
	s2c_clean_fd(&keeper->life);
	s2c_clean_fd(&keeper->control);
	/* It ends after the keeper has: SIGKILL to a pid 1 cannot be held up for long. */
	while (waitpid(keeper->warden, NULL, 0) < 0 && errno == EINTR)
		;
	*keeper = (struct s2c_keeper)S2C_KEEPER_INIT;
}
