/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between a client and a process that it is attached to, in both directions, not
 * looked at.
 */
#ifndef S2C_GATE_RELAY_H
#define S2C_GATE_RELAY_H

#include <stdbool.h>

#include "util/ctx.h"

struct s2c_relay {
	int client, engine;
	bool in;           /* the client's bytes go to the engine; else they end it */
	const char *early; /* of the engine, that came already */
	size_t n_early;
	uint64_t in_max, out_max; /* bytes in each direction */
	uint64_t n_in, n_out;     /* out: that there were */
};

/*
 * Until the engine has no more to say, or the client is gone. The end of the client's
 * bytes is passed on, and the output goes on. S2C_ELIMIT above a maximum. The
 * descriptors are not blocking afterwards.
 */
S2C_CHECK int s2c_relay_run(
	struct s2c_ctx *ctx, struct s2c_relay *relay, struct s2c_error **err);

#endif
