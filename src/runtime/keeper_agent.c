/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/keeper_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "util/fs.h"

#define REQUEST_IDENTITIES 11
#define SIGN_REQUEST 13
#define FAILURE 5
#define HEAD 4 /* bytes of length */

bool s2c_keeper_agent_allows(unsigned char type)
{
	return type == REQUEST_IDENTITIES || type == SIGN_REQUEST;
}

static bool read_all(int fd, void *to, size_t len)
{
	char *p = to;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* A message with its length, or 0 when there is none (any more). */
static size_t read_message(int fd, unsigned char *to)
{
	size_t len;

	if (!read_all(fd, to, HEAD))
		return 0;
	len = (size_t)to[0] << 24 | (size_t)to[1] << 16 | (size_t)to[2] << 8 | to[3];
	if (len == 0 || len > S2C_AGENT_MESSAGE_MAX || !read_all(fd, to + HEAD, len))
		return 0;
	return HEAD + len;
}

static bool write_message(int fd, const unsigned char *message, size_t len)
{
	while (len) {
		ssize_t n = send(fd, message, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		message += n;
		len -= (size_t)n;
	}
	return true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* One question after the other, as the protocol has it. */
__attribute__((noreturn)) static void serve(int client, const char *path)
{
	static unsigned char message[HEAD + S2C_AGENT_MESSAGE_MAX];
	static const unsigned char failure[] = {0, 0, 0, 1, FAILURE};
	int agent = connect_to(path);
	size_t len;

	while ((len = read_message(client, message)) > 0) {
		if (agent < 0 || !s2c_keeper_agent_allows(message[HEAD])) {
			if (!write_message(client, failure, sizeof(failure)))
				break;
			continue;
		}
		if (!write_message(agent, message, len) ||
			(len = read_message(agent, message)) == 0 ||
			!write_message(client, message, len))
			break;
	}
	_exit(0);
}

/* Clients each have a process; those beyond the most that are allowed wait. */
__attribute__((noreturn)) static void listen_for(int listener, const char *path)
{
	unsigned clients = 0;

	for (;;) {
		int client;
		pid_t pid;

		while (waitpid(-1, NULL, clients < S2C_AGENT_CLIENTS_MAX ? WNOHANG : 0) >
			0)
			clients--;
		client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (client < 0)
			_exit(1);
		pid = fork();
		if (pid == 0)
			serve(client, path);
		clients += pid > 0;
		(void)close(client);
	}
}

int s2c_keeper_agent_start(const struct s2c_keeper_memory *memory, const char *dir,
	size_t i, struct s2c_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FREE char *path = xasprintf("%s/agent-%zu", dir, i);
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEAN_FD int dirfd = -1;
	pid_t pid;

	/* Short whatever the store is called, as paths of sockets must be. */
	if (s2c_fs_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, &dirfd, err) < 0)
		return -1;
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		"/proc/self/fd/%d/agent-%zu", dirfd, i);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, S2C_AGENT_CLIENTS_MAX) < 0 || chmod(path, 0600) < 0 ||
		(memory->chown && chown(path, memory->uid, memory->gid) < 0))
		return s2c_fail_errno(
			err, errno, "cannot make a socket for the SSH agent");
	pid = fork();
	if (pid < 0)
		return s2c_fail_errno(err, errno, "cannot start a process");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		listen_for(fd, memory->agents.items[i]);
	}
	return 0;
}
