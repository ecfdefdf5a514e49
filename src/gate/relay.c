/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#define PIECE (64u * 1024)

/* One direction. */
struct way {
	int from, to;
	char *piece;
	size_t len, done; /* of the piece: read, and written */
	uint64_t *total, max;
	bool ended;  /* nothing more comes */
	bool closed; /* and that was passed on */
};

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Reads if there is room; the piece is written before more is read. */
static int fill(struct way *way, struct s2c_error **err)
{
	ssize_t n;

	if (way->ended || way->done < way->len)
		return 0;
	n = read(way->from, way->piece, PIECE);
	way->len = way->done = 0;
	if (n < 0 && again())
		return 0;
	if (n <= 0) {
		/* A reset is an end as well. */
		way->ended = true;
		return 0;
	}
	way->len = (size_t)n;
	*way->total += (uint64_t)n;
	if (*way->total > way->max)
		return s2c_fail(err, S2C_ELIMIT, "more than %llu bytes in a stream",
			(unsigned long long)way->max);
	return 0;
}

/* Writes what there is. Who does not take it any more has ended the way. */
static void drain(struct way *way)
{
	while (way->done < way->len) {
		ssize_t n = send(way->to, way->piece + way->done, way->len - way->done,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && again())
			return;
		if (n < 0) {
			way->ended = true;
			way->done = way->len;
			return;
		}
		way->done += (size_t)n;
	}
	if (way->ended && !way->closed) {
		(void)shutdown(way->to, SHUT_WR);
		way->closed = true;
	}
}

static int step(struct way *way, struct s2c_error **err)
{
	if (fill(way, err) < 0)
		return -1;
	drain(way);
	return 0;
}

static void unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static short wanted(const struct way *in, const struct way *out, int fd)
{
	short events = 0;

	if (in->from == fd && !in->ended && in->done == in->len)
		events |= POLLIN;
	if (out->to == fd && out->done < out->len)
		events |= POLLOUT;
	return events;
}

/*
 * How to wait for the client. When it has said all and is to get nothing at the moment,
 * only that it goes counts (POLLHUP, which a half-closed connection does not give): the
 * engine may be silent for long. Else a descriptor of which nothing is wanted must not
 * wake by its end.
 */
static struct pollfd wait_for_client(const struct way *in, const struct way *out)
{
	struct pollfd client = {.fd = in->from, .events = wanted(in, out, in->from)};

	if (!client.events && !(in->ended && in->done == in->len))
		client.fd = -1;
	return client;
}

static int run(
	struct s2c_ctx *ctx, struct way *in, struct way *out, struct s2c_error **err)
{
	while (!(out->ended && out->done == out->len)) {
		short engine = wanted(out, in, out->from);
		struct pollfd ready[] = {wait_for_client(in, out),
			{.fd = engine ? out->from : -1, .events = engine}};
		int n;

		if (s2c_ctx_poll(ctx, ready, 2, -1, &n, err) < 0)
			return -1;
		if (step(in, err) < 0 || step(out, err) < 0)
			return -1;
		/* Its last words are passed on; nobody is there for the answer. */
		if (in->ended && in->done == in->len && (ready[0].revents & POLLHUP))
			return 0;
	}
	drain(out);
	return 0;
}

int s2c_relay_run(struct s2c_ctx *ctx, struct s2c_relay *relay, struct s2c_error **err)
{
	CLEAN_FREE char *in_piece = xmalloc(PIECE);
	CLEAN_FREE char *out_piece = xmalloc(
		relay->n_early > PIECE ? relay->n_early : PIECE);
	struct way in = {
		.from = relay->client,
		.to = relay->engine,
		.piece = in_piece,
		.total = &relay->n_in,
		/* One byte too many where there should be none. */
		.max = relay->in ? relay->in_max : 0,
	};
	struct way out = {
		.from = relay->engine,
		.to = relay->client,
		.piece = out_piece,
		.len = relay->n_early,
		.total = &relay->n_out,
		.max = relay->out_max,
	};

	if (relay->n_early)
		memcpy(out_piece, relay->early, relay->n_early);
	relay->n_in = 0;
	relay->n_out = relay->n_early;
	unblock(relay->client);
	unblock(relay->engine);
	return run(ctx, &in, &out, err);
}
