/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate for one build: a process that is forked for it, serves it alone, and ends with
 * it. So the process that reads source trees, image configs and the answers of registries
 * never holds the engine's socket.
 */
#ifndef S2C_GATE_PRIVATE_H
#define S2C_GATE_PRIVATE_H

#include <sys/types.h>

#include "http/tunnel.h"
#include "policy/policy.h"
#include "util/ctx.h"
#include "util/strv.h"

struct s2c_private_gate;

struct s2c_private_gate_opts {
	const char *
		upstream; /* path of the engine's socket: root's or the user's own; or: */
	const struct s2c_tunnel_opts *remote; /* an engine elsewhere; NULL: none */
	const char *state; /* directory for what survives a crash; made when missing */
	int dir;           /* where its socket goes; borrowed */
	const struct s2c_uids *uids;     /* of containers */
	const struct s2c_strv *networks; /* as the engine calls them */
	uint32_t deadline;               /* seconds a container may run */
	/* Whether the build may remove an image from which it took its name (--rm). */
	bool takes_over;
};

/*
 * Starts it. Its socket can be connected to at once, and who asks there is answered when
 * it is ready. The process must have one thread: a fork with others would copy their
 * locks.
 */
S2C_CHECK int s2c_private_gate_start(const struct s2c_private_gate_opts *opts,
	struct s2c_private_gate **out, struct s2c_error **err);

/* Waits until it is ready; fails with what it fails with. Once. */
S2C_CHECK int s2c_private_gate_await(
	struct s2c_ctx *ctx, struct s2c_private_gate *gate, struct s2c_error **err);

/* Path of its socket, valid in this process only. Borrowed. */
const char *s2c_private_gate_socket(const struct s2c_private_gate *gate);

/* Lets it begin to end while other things are done. Nothing may use it any more. */
void s2c_private_gate_end(struct s2c_private_gate *gate);
/* Ends it, and waits until it has removed what it made on the engine. NULL is fine. */
void s2c_private_gate_stop(struct s2c_private_gate *gate);

#endif
