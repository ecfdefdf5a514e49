/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/listener.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define BACKLOG 128

/* Whether somebody listens there. */
static bool is_served(const struct sockaddr_un *address)
{
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
	       connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static int clear_path(const struct sockaddr_un *address, struct s2c_error **err)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return s2c_fail(err, S2C_EEXIST, "'%s' is there and no socket", path);
	if (is_served(address))
		return s2c_fail(
			err, S2C_EEXIST, "'%s' is served by another process", path);
	if (unlink(path) < 0)
		return s2c_fail_errno(
			err, errno, "cannot remove the old socket '%s'", path);
	return 0;
}

int s2c_listener_open(
	const char *path, unsigned mode, struct s2c_listener *out, struct s2c_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket");
	if (strlen(path) >= sizeof(address.sun_path))
		return s2c_fail(
			err, S2C_EINVAL, "the path '%s' is too long for a socket", path);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (clear_path(&address, err) < 0)
		return -1;
	/* Nobody comes in before the mode is what it should be. */
	mode_t before = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
	int failure = errno;
	(void)umask(before);
	if (rc < 0)
		return s2c_fail_errno(err, failure, "cannot listen at '%s'", path);
	if (chmod(path, (mode_t)mode) < 0 || listen(fd, BACKLOG) < 0)
		return s2c_fail_errno(err, errno, "cannot listen at '%s'", path);
	*out = (struct s2c_listener){.fd = take_fd(&fd), .path = path};
	return 0;
}

void s2c_listener_close(struct s2c_listener *listener)
{
	if (listener->fd >= 0 && listener->path) {
		(void)unlink(listener->path);
		(void)close(listener->fd);
	}
	listener->fd = -1;
}

int s2c_listener_peer(int client, struct s2c_gate_peer *out, struct s2c_error **err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	*out = (struct s2c_gate_peer){0};
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return s2c_fail_errno(err, errno, "cannot tell who connects");
	out->pid = peer.pid;
	out->uid = peer.uid;
	out->gid = peer.gid;
	len = sizeof(out->groups);
	if (getsockopt(client, SOL_SOCKET, SO_PEERGROUPS, out->groups, &len) < 0)
		return s2c_fail_errno(
			err, errno, "cannot tell the groups of who connects");
	out->n_groups = len / sizeof(out->groups[0]);
	return 0;
}
