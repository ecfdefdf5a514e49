/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate as a program: sockets, connections, limits, reload, the end.
 *
 * What keeps what from whom: clients speak to workers, which are sandboxed and can only
 * ask; the core decides and alone reaches the engine. docs/gate.md has the threat model.
 */
#ifndef S2C_GATE_SERVER_H
#define S2C_GATE_SERVER_H

#include "http/tunnel.h"
#include "policy/rules.h"
#include "util/ctx.h"

struct s2c_gate_server {
	const char *policy;      /* file; NULL: `rules` */
	struct s2c_rules *rules; /* of a private gate; taken over */
	const char *upstream; /* path of the engine's socket; NULL: as the policy says */
	uint32_t owner;       /* of a private gate: the engine's uid */
	/* Of a private gate: an engine elsewhere, in the place of `upstream`; or NULL. */
	const struct s2c_tunnel_opts *remote;
	bool takes_over;       /* of a private gate: see struct s2c_private_gate_opts */
	const char *state;     /* directory for what must survive a crash */
	const char *listen;    /* path of the common socket; NULL: only `listen_fds` */
	const int *listen_fds; /* sockets that listen already; borrowed */
	size_t n_listen_fds;
	int reload_fd;             /* readable: load the policy again; -1: never */
	int life_fd;               /* when it hangs up the gate ends; -1: none */
	void (*ready)(void *self); /* called when clients can come; NULL: nobody waits */
	void *ready_self;
};

/*
 * Serves until ctx is cancelled or life_fd hangs up; then ends what is under way and
 * removes the containers that it made. The process must have one thread.
 */
S2C_CHECK int s2c_gate_server_run(
	struct s2c_ctx *ctx, const struct s2c_gate_server *opts, struct s2c_error **err);

#endif
