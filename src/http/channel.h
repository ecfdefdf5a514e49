/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request whose answer turns the connection into a stream of bytes in both directions
 * ("Upgrade: tcp", as container engines attach to a process). Ordinary requests go
 * through http/client; this one cannot, since nobody else may own the descriptor.
 */
#ifndef S2C_HTTP_CHANNEL_H
#define S2C_HTTP_CHANNEL_H

#include "util/buf.h"
#include "util/ctx.h"

#define S2C_CHANNEL_REFUSAL_MAX 65536 /* bytes of a refusal's body that are kept */

struct s2c_channel {
	int status; /* 101, or 200 with a raw stream: open; else refused */
	int fd;     /* of the open stream, not blocking; -1 when refused */
	/* Open: what came behind the head already. Refused: the body. */
	struct s2c_buf early;
};
#define S2C_CHANNEL_INIT                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Closes it. */
void s2c_channel_release(struct s2c_channel *channel);
#define CLEAN_CHANNEL CLEAN(s2c_channel_release)

/*
 * Only connects, for an open to come: what takes its time at the other end, such as the
 * start of a gate's worker, is over by then. *channel must be S2C_CHANNEL_INIT.
 */
S2C_CHECK int s2c_channel_dial(struct s2c_ctx *ctx, const char *socket_path,
	struct s2c_channel *channel, struct s2c_error **err);

/*
 * Connects to a unix socket and asks for the upgrade with POST and no body. Any complete
 * answer is success. S2C_ENET when nobody answers, S2C_EPROTO for what is not HTTP.
 * *channel must be S2C_CHANNEL_INIT, or one that was dialled: if that has been closed
 * meanwhile, it is dialled again.
 */
S2C_CHECK int s2c_channel_open(struct s2c_ctx *ctx, const char *socket_path,
	const char *target, struct s2c_channel *channel, struct s2c_error **err);

#endif
