/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of one build to a container engine: always through a gate. Either one that a
 * platform runs, or one of the build's own.
 */
#ifndef S2C_BUILD_ENGINE_GATE_H
#define S2C_BUILD_ENGINE_GATE_H

#include <s2c/build.h>

#include "store/work.h"

struct s2c_engine_gate;

/*
 * Finds the engine that the options name and, unless they name a gate, starts a gate for
 * it, whose socket is in the work directory. The process must have one thread.
 */
S2C_CHECK int s2c_engine_gate_open(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_work *work, const struct s2c_build_options *options,
	struct s2c_engine_gate **out, struct s2c_error **err);
/*
 * A gate of the build's own may still be starting: 0 when it has, else what it fails
 * with. Once.
 */
S2C_CHECK int s2c_engine_gate_await(
	struct s2c_ctx *ctx, const struct s2c_engine_gate *gate, struct s2c_error **err);
/* The socket to build by; borrowed. */
const char *s2c_engine_gate_socket(const struct s2c_engine_gate *gate);
/*
 * How messages call what is behind a gate of the build's own; NULL: there is none, and
 * the socket is the one that was named. Borrowed.
 */
const char *s2c_engine_gate_name(const struct s2c_engine_gate *gate);
/* Lets a gate of the build's own begin to end. NULL is fine. */
void s2c_engine_gate_end(struct s2c_engine_gate *gate);
/* Ends a gate of the build's own, when nothing uses its socket any more. NULL is fine. */
void s2c_engine_gate_close(struct s2c_engine_gate *gate);

#endif
