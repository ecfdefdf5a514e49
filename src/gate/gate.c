/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate as others start it.
 */
#include <s2c/gate.h>

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gate/sandbox.h"
#include "gate/server.h"

#define LISTEN_FD_FIRST 3 /* sd_listen_fds(3) */
#define LISTEN_FDS_MAX 16

/* "unix:///PATH" or "/PATH"; *out is borrowed from it. */
static int unix_path(
	const char *what, const char *url, const char **out, struct s2c_error **err)
{
	const char *path = url;

	if (!url)
		return 0;
	if (starts_with(url, "unix://"))
		path += strlen("unix://");
	if (path[0] != '/')
		return s2c_fail(err, S2C_EINVAL, "%s '%s': take unix:///PATH", what, url);
	*out = path;
	return 0;
}

/* Sockets that a service manager has opened for this process. */
static size_t inherited(int fds[LISTEN_FDS_MAX])
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	size_t n = 0;

	if (!pid || !count || strtol(pid, NULL, 10) != getpid())
		return 0;
	for (long left = strtol(count, NULL, 10); left > 0 && n < LISTEN_FDS_MAX;
		left--) {
		fds[n] = LISTEN_FD_FIRST + (int)n;
		n++;
	}
	return n;
}

/* Tells a service manager that waits for it (sd_notify(3)). */
static void notify_ready(void *self)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FD int fd = -1;

	(void)self;
	if (!path || (path[0] != '/' && path[0] != '@') ||
		strlen(path) >= sizeof(address.sun_path))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (fd >= 0)
		(void)!sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    strlen(path)));
}

int s2c_gate_serve(struct s2c_ctx *ctx, const struct s2c_gate_options *options,
	struct s2c_error **err)
{
	int fds[LISTEN_FDS_MAX];
	struct s2c_gate_server server = {
		.policy = options->policy,
		.state = options->state ? options->state : S2C_GATE_STATE,
		.listen_fds = fds,
		.n_listen_fds = inherited(fds),
		.reload_fd = options->reload_fd,
		.life_fd = -1,
		.ready = notify_ready,
	};
	const char *listen = options->listen;

	if (!listen && !server.n_listen_fds)
		listen = S2C_GATE_LISTEN;
	if (unix_path("--listen", listen, &server.listen, err) < 0 ||
		unix_path("--upstream", options->upstream, &server.upstream, err) < 0)
		return -1;
	return s2c_gate_server_run(ctx, &server, err);
}

int s2c_gate_selftest(char **out_text, bool *out_held, struct s2c_error **err)
{
	struct s2c_sandbox_check checks[S2C_SANDBOX_CHECKS_MAX];
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(65536);
	struct s2c_sandbox layers;
	bool held = true;
	size_t n;

	if (s2c_sandbox_selftest(checks, &n, &layers, err) < 0)
		return -1;
	s2c_buf_must_printf(&text, "seccomp: yes\n");
	if (layers.landlock)
		s2c_buf_must_printf(&text, "Landlock: ABI %d\n", layers.landlock);
	else
		s2c_buf_must_printf(&text, "Landlock: this kernel has none\n");
	s2c_buf_must_printf(&text, "uid of its own: %s\n",
		layers.other_uid ? "yes" : "no, the gate does not run as root");
	for (size_t i = 0; i < n; i++) {
		held = held && checks[i].held;
		s2c_buf_must_printf(&text, "%s %s: %s\n",
			checks[i].held ? "ok  " : "FAIL", checks[i].name, checks[i].how);
	}
	*out_text = s2c_buf_take(&text);
	*out_held = held;
	return 0;
}
