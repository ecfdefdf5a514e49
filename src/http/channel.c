/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting, one request, one strictly read answer.
 */
#include "http/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "http/http1.h"

#define CONNECT_MS 10000
#define EARLY_MAX (1024u * 1024)

void s2c_channel_release(struct s2c_channel *channel)
{
	s2c_clean_fd(&channel->fd);
	s2c_buf_release(&channel->early);
	*channel = (struct s2c_channel)S2C_CHANNEL_INIT;
}

/* A full backlog makes connect fail with EAGAIN at once: then wait a little. */
static int connect_to(struct s2c_ctx *ctx, int fd, const struct sockaddr_un *address,
	struct s2c_error **err)
{
	int ready;

	for (int waited = 0;; waited += 20) {
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || waited >= CONNECT_MS)
			return s2c_fail_as(err, S2C_ENET, errno,
				"cannot connect to '%s': %s", address->sun_path,
				strerror(errno));
		if (s2c_ctx_poll(ctx, NULL, 0, 20, &ready, err) < 0)
			return -1;
	}
}

static int open_socket(
	struct s2c_ctx *ctx, const char *path, int *out, struct s2c_error **err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FD int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return s2c_fail(err, S2C_EINVAL,
			"the path of socket '%s' is longer than the %zu bytes that a "
			"socket can have",
			path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot make a socket");
	if (connect_to(ctx, fd, &address, err) < 0)
		return -1;
	*out = take_fd(&fd);
	return 0;
}

static int send_request(
	struct s2c_ctx *ctx, int fd, const char *target, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf head = S2C_BUF_INIT(S2C_HTTP1_REQUEST_MAX);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN_WRITER struct s2c_writer *writer = s2c_writer_pipe(ctx, fd, false);

	s2c_strv_add(&headers, "Host: localhost");
	s2c_strv_add(&headers, "Connection: Upgrade");
	s2c_strv_add(&headers, "Upgrade: tcp");
	s2c_strv_add(&headers, "Content-Length: 0");
	if (s2c_http1_write_request(&head, S2C_HTTP1_POST, target, &headers, err) < 0)
		return -1;
	return s2c_write(writer, head.data, head.len, err);
}

/* The final head; interim ones are stepped over. */
static int read_head(struct s2c_http1_stream *stream, struct s2c_http1_response *response,
	struct s2c_error **err)
{
	struct s2c_http1_asked asked = {.method = S2C_HTTP1_POST, .upgrade = true};
	const char *head;

	for (int i = 0; i < 10; i++) {
		ssize_t n = s2c_http1_stream_head(
			stream, S2C_HTTP1_RESPONSE_MAX, &head, NULL, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return s2c_fail(err, S2C_ENET,
				"the connection was closed "
				"without an answer");
		if (s2c_http1_response_parse(
			    head, (size_t)n, asked, response, NULL, err) < 0)
			return -1;
		if (response->status >= 200 || response->status == 101)
			return 0;
		s2c_http1_response_release(response);
		*response = (struct s2c_http1_response){0};
	}
	return s2c_fail(err, S2C_ELIMIT, "more than 10 interim answers to one request");
}

/* What was read behind the head, without waiting for more. */
static int take_early(struct s2c_http1_stream *stream, struct s2c_channel *channel,
	struct s2c_error **err)
{
	char piece[4096];
	size_t held;

	channel->early.max = EARLY_MAX;
	while ((held = s2c_http1_stream_held(stream)) > 0) {
		ssize_t n = s2c_read(s2c_http1_stream_reader(stream), piece,
			held < sizeof(piece) ? held : sizeof(piece), err);

		if (n < 0 || s2c_buf_add(&channel->early, piece, (size_t)n, err) < 0)
			return -1;
		if (n == 0)
			break;
	}
	return 0;
}

/* The beginning of a refusal's body, which says why. */
static int take_refusal(struct s2c_http1_stream *stream,
	const struct s2c_http1_response *response, struct s2c_channel *channel,
	struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *body = s2c_http1_response_body(
		response, s2c_http1_stream_reader(stream));
	char piece[4096];
	ssize_t n;

	channel->early.max = S2C_CHANNEL_REFUSAL_MAX;
	while ((n = s2c_read(body, piece, sizeof(piece), err)) > 0) {
		size_t room = channel->early.max - channel->early.len;
		size_t take = (size_t)n < room ? (size_t)n : room;

		if (s2c_buf_add(&channel->early, piece, take, err) < 0)
			return -1;
		if (take < (size_t)n)
			return 0;
	}
	return n < 0 ? -1 : 0;
}

int s2c_channel_dial(struct s2c_ctx *ctx, const char *socket_path,
	struct s2c_channel *channel, struct s2c_error **err)
{
	return open_socket(ctx, socket_path, &channel->fd, err);
}

/* Nobody sends before being asked: what can be read is the end. */
static bool is_over(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

int s2c_channel_open(struct s2c_ctx *ctx, const char *socket_path, const char *target,
	struct s2c_channel *channel, struct s2c_error **err)
{
	CLEAN_FD int fd = take_fd(&channel->fd);
	CLEAN_HTTP1_STREAM struct s2c_http1_stream *stream = NULL;
	CLEAN_HTTP1_RESPONSE struct s2c_http1_response response = {0};

	if (fd >= 0 && is_over(fd))
		s2c_clean_fd(&fd);
	if ((fd < 0 && open_socket(ctx, socket_path, &fd, err) < 0) ||
		send_request(ctx, fd, target, err) < 0)
		return -1;
	stream = s2c_http1_stream_new(s2c_reader_pipe(ctx, fd, false), true);
	if (read_head(stream, &response, err) < 0)
		return s2c_wrap(err, "'%s'", socket_path);
	channel->status = response.status;
	if (response.status != 101 && response.status != 200)
		return take_refusal(stream, &response, channel, err);
	if (take_early(stream, channel, err) < 0)
		return -1;
	channel->fd = take_fd(&fd);
	return 0;
}
