/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "codec/digest.h"
#include "gate/listener.h"
#include "gate/server.h"

#define SOCKET_NAME "gate.sock"

struct s2c_private_gate {
	pid_t pid;
	int life; /* the gate ends when this closes */
	int dir;
	char socket[64];
};

/* Descriptors of the gate; all others are closed. */
enum { LIFE = 3, LISTEN, FIRST_OTHER };

/* "R", or the code of an error and its sentence. */
static void report_ready(void *self)
{
	(void)self;
	(void)!send(LIFE, "R", 1, MSG_NOSIGNAL);
}

static void report_failure(const struct s2c_error *failure)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "%c%s", (char)s2c_error_code(failure),
		s2c_error_message(failure));

	(void)!send(LIFE, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1,
		MSG_NOSIGNAL);
}

/* A terminal's interrupt is for the build, which then ends the gate in its own time. */
static void calm_down(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)prctl(PR_SET_NAME, "s2c-gate");
}

static int take_descriptors(int life, int listener)
{
	int a = fcntl(life, F_DUPFD_CLOEXEC, 16),
	    b = fcntl(listener, F_DUPFD_CLOEXEC, 16);

	return a < 0 || b < 0 || dup3(a, LIFE, O_CLOEXEC) < 0 ||
			       dup3(b, LISTEN, O_CLOEXEC) < 0 ||
			       close_range(FIRST_OTHER, ~0u, 0) < 0
		       ? -1
		       : 0;
}

static void be_gate(const struct s2c_private_gate_opts *opts, uint32_t owner)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;
	int listen_fd = LISTEN;
	struct s2c_private_rules rules = {
		.uid = geteuid(),
		.uids = opts->uids,
		.networks = opts->networks,
		.deadline = opts->deadline,
	};
	struct s2c_gate_server server = {
		.rules = s2c_rules_private(&rules),
		.upstream = opts->upstream,
		.owner = owner,
		.remote = opts->remote,
		.state = opts->state,
		.listen_fds = &listen_fd,
		.n_listen_fds = 1,
		.reload_fd = -1,
		.life_fd = LIFE,
		.takes_over = opts->takes_over,
		.ready = report_ready,
	};
	struct s2c_ctx *ctx = s2c_ctx_new((struct s2c_sink){0});

	if (s2c_gate_server_run(ctx, &server, &failure) < 0)
		report_failure(failure);
	_exit(0);
}

/* The engine is root's or the user's own: others could be anybody. */
static int find_owner(const char *path, uint32_t *out, struct s2c_error **err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return s2c_fail_as(err, errno == ENOENT ? S2C_ENET : S2C_EIO, errno,
			"there is no engine's socket '%s': %s; start the engine, or name "
			"its socket as unix:///path",
			path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return s2c_fail(err, S2C_EINVAL, "'%s' is no socket", path);
	/* In a user namespace all that are not in it look the same, root among them. */
	if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != S2C_OVERFLOW_ID)
		return s2c_fail(err, S2C_EDENIED,
			"the engine's socket '%s' belongs to uid %u, neither to root nor "
			"to you",
			path, st.st_uid);
	*out = st.st_uid;
	return 0;
}

int s2c_private_gate_await(
	struct s2c_ctx *ctx, struct s2c_private_gate *gate, struct s2c_error **err)
{
	struct pollfd ready = {.fd = gate->life, .events = POLLIN};
	char text[1024];
	int n_ready;
	ssize_t n;

	if (s2c_ctx_poll(ctx, &ready, 1, -1, &n_ready, err) < 0)
		return -1;
	n = recv(gate->life, text, sizeof(text) - 1, 0);
	if (n == 1 && text[0] == 'R')
		return 0;
	if (n <= 1 || text[0] <= S2C_OK || text[0] > S2C_EUNSUPPORTED)
		return s2c_fail(err, S2C_EIO, "the gate for this build did not start");
	text[n] = '\0';
	return s2c_fail(err, (enum s2c_code)text[0], "%s", text + 1);
}

static int listen_in(struct s2c_private_gate *gate, int dir, struct s2c_listener *out,
	struct s2c_error **err)
{
	gate->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (gate->dir < 0)
		return s2c_fail_errno(err, errno, "cannot keep a directory");
	/* Short whatever the directory is called, as paths of sockets must be. */
	(void)snprintf(gate->socket, sizeof(gate->socket),
		"/proc/self/fd/%d/" SOCKET_NAME, gate->dir);
	return s2c_listener_open(gate->socket, 0600, out, err);
}

static int launch(struct s2c_private_gate *gate, const struct s2c_private_gate_opts *opts,
	int listener, struct s2c_error **err)
{
	uint32_t owner = 0;
	int pair[2];

	if (!opts->remote && find_owner(opts->upstream, &owner, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket pair");
	gate->pid = fork();
	if (gate->pid == 0) {
		calm_down();
		if (take_descriptors(pair[1], listener) < 0)
			_exit(1);
		be_gate(opts, owner);
	}
	int failure = errno;
	(void)close(pair[1]);
	gate->life = pair[0];
	if (gate->pid < 0)
		return s2c_fail_errno(err, failure, "cannot start a process");
	return 0;
}

int s2c_private_gate_start(const struct s2c_private_gate_opts *opts,
	struct s2c_private_gate **out, struct s2c_error **err)
{
	struct s2c_private_gate *gate = xcalloc(1, sizeof(*gate));
	struct s2c_listener listener = {.fd = -1};
	char mac[65];
	int rc;

	/* The crypto library takes milliseconds to begin: once, and not on both sides. */
	s2c_hmac_sha256("", 0, "", 0, mac);
	gate->pid = gate->life = gate->dir = -1;
	rc = listen_in(gate, opts->dir, &listener, err);
	if (rc == 0)
		rc = launch(gate, opts, listener.fd, err);
	if (listener.fd >= 0)
		(void)close(listener.fd);
	if (rc < 0) {
		s2c_private_gate_stop(gate);
		return -1;
	}
	*out = gate;
	return 0;
}

const char *s2c_private_gate_socket(const struct s2c_private_gate *gate)
{
	return gate->socket;
}

void s2c_private_gate_end(struct s2c_private_gate *gate)
{
	if (gate->life >= 0)
		(void)close(gate->life);
	gate->life = -1;
}

void s2c_private_gate_stop(struct s2c_private_gate *gate)
{
	if (!gate)
		return;
	s2c_private_gate_end(gate);
	if (gate->pid > 0)
		while (waitpid(gate->pid, NULL, 0) < 0 && errno == EINTR)
			;
	if (gate->dir >= 0) {
		(void)unlinkat(gate->dir, SOCKET_NAME, 0);
		(void)close(gate->dir);
	}
	free(gate);
}
