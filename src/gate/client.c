/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#include "util/clock.h"

#define LINGER_MS 500
#define LINGER_PIECES 4096

/* Waits for the descriptor: 0 when it is ready. */
static int await(struct s2c_gate_client *client, short events, int64_t most_ms,
	struct s2c_error **err)
{
	struct pollfd ready[] = {{.fd = client->fd, .events = events},
		{.fd = client->core, .events = POLLRDHUP}};
	int n_ready;

	if (most_ms < 0)
		most_ms = 0;
	if (s2c_ctx_poll(client->ctx, ready, 2, (int)most_ms, &n_ready, err) < 0)
		return -1;
	if (ready[1].revents)
		return s2c_fail(err, S2C_ECANCELED, "the core is gone");
	if (n_ready == 0)
		return s2c_fail(err, S2C_ETIMEOUT, "the client is too slow");
	return 0;
}

static int64_t patience(const struct s2c_gate_client *client)
{
	if (!client->in_head)
		return S2C_CLIENT_BODY_SECONDS * 1000;
	return client->until ? client->until - s2c_now_ms()
			     : S2C_CLIENT_IDLE_SECONDS * 1000;
}

static ssize_t client_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct s2c_gate_client *client =
		(struct s2c_gate_client *)((char *)r -
					   offsetof(struct s2c_gate_client, in));

	for (;;) {
		if (await(client, POLLIN, patience(client), err) < 0)
			return -1;
		ssize_t n = read(client->fd, buf, len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return s2c_fail_errno(err, errno, "the client's connection");
		if (client->in_head && !client->until)
			client->until = s2c_now_ms() + client->head_seconds * 1000ll;
		return n;
	}
}

static int client_write_parts(
	struct s2c_writer *w, struct iovec *parts, size_t n, struct s2c_error **err)
{
	struct s2c_gate_client *client =
		(struct s2c_gate_client *)((char *)w -
					   offsetof(struct s2c_gate_client, out));
	size_t first = s2c_parts_rest(parts, n, 0);

	while (first < n) {
		ssize_t done = writev(client->fd, parts + first, (int)(n - first));

		if (done >= 0) {
			first += s2c_parts_rest(parts + first, n - first, (size_t)done);
		} else if (errno == EAGAIN) {
			if (await(client, POLLOUT, S2C_CLIENT_BODY_SECONDS * 1000, err) <
				0)
				return -1;
		} else if (errno != EINTR) {
			return s2c_fail_errno(err, errno, "the client's connection");
		}
	}
	return 0;
}

static int client_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct iovec all = {.iov_base = (void *)buf, .iov_len = len};

	return client_write_parts(w, &all, 1, err);
}

/* Both are parts of the client, which is freed by nobody. */
static void reader_free(struct s2c_reader *r)
{
	(void)r;
}

static void writer_free(struct s2c_writer *w)
{
	(void)w;
}

void s2c_gate_client_init(
	struct s2c_gate_client *client, struct s2c_ctx *ctx, int fd, int core)
{
	static const struct s2c_reader_ops in = {
		.read = client_read, .free = reader_free};
	static const struct s2c_writer_ops out = {.write = client_write,
		.write_parts = client_write_parts,
		.free = writer_free};
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	*client = (struct s2c_gate_client){.in.ops = &in,
		.out.ops = &out,
		.ctx = ctx,
		.fd = fd,
		.core = core,
		.head_seconds = S2C_CLIENT_HEAD_SECONDS};
}

void s2c_gate_client_expect_head(struct s2c_gate_client *client, bool begun)
{
	client->in_head = true;
	client->until = begun ? s2c_now_ms() + client->head_seconds * 1000ll : 0;
}

bool s2c_gate_client_has_begun(const struct s2c_gate_client *client)
{
	return client->until != 0;
}

void s2c_gate_client_expect_body(struct s2c_gate_client *client)
{
	client->in_head = false;
}

void s2c_gate_client_linger(struct s2c_gate_client *client)
{
	char piece[4096];

	(void)shutdown(client->fd, SHUT_WR);
	client->in_head = true;
	client->until = s2c_now_ms() + LINGER_MS;
	for (int i = 0; i < LINGER_PIECES; i++)
		if (client_read(&client->in, piece, sizeof(piece), NULL) <= 0)
			return;
}
