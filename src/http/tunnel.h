/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a TCP port, with TLS or without, that looks like a plain descriptor:
 * whoever speaks a protocol of its own on a unix socket can do so over TLS as well. A
 * thread carries the bytes.
 */
#ifndef S2C_HTTP_TUNNEL_H
#define S2C_HTTP_TUNNEL_H

#include "util/ctx.h"

struct s2c_tunnel_opts {
	const char
		*url; /* "https://host:port": TLS, always verified; "http://host:port" */
	const char *ca_file;                  /* PEM; NULL: the system's */
	const char *client_cert, *client_key; /* PEM files; NULL: none */
};

struct s2c_tunnel;

/*
 * Connects, and shakes hands. *out_fd is a stream socket, owned by the caller; shutting
 * it down for writing is passed on (as close_notify), as is the end of the other side.
 * S2C_ENET when nobody answers, S2C_EAUTH when the certificate is not to be trusted.
 * `ctx` must outlive the tunnel.
 */
S2C_CHECK int s2c_tunnel_open(struct s2c_ctx *ctx, const struct s2c_tunnel_opts *opts,
	struct s2c_tunnel **out, int *out_fd, struct s2c_error **err);

/* Ends it, whatever is under way. NULL is fine. */
void s2c_tunnel_close(struct s2c_tunnel *tunnel);

#endif
