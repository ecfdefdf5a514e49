/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that clients come by, and who they are.
 */
#ifndef S2C_GATE_LISTENER_H
#define S2C_GATE_LISTENER_H

#include "gate/session.h"

#define S2C_LISTENERS_MAX 64

struct s2c_listener {
	int fd;
	const char *path; /* to be removed at the end; NULL: somebody else's */
	bool own;         /* of a tenant: the socket says who it is */
};

/*
 * Listens at a path. A socket that nobody serves any more is replaced; S2C_EEXIST for one
 * that somebody does, and for what is no socket. `mode` as for chmod.
 */
S2C_CHECK int s2c_listener_open(const char *path, unsigned mode, struct s2c_listener *out,
	struct s2c_error **err);
void s2c_listener_close(struct s2c_listener *listener);

/* Who is at the other end of a connection (SO_PEERCRED, SO_PEERGROUPS). */
S2C_CHECK int s2c_listener_peer(
	int client, struct s2c_gate_peer *out, struct s2c_error **err);

#endif
