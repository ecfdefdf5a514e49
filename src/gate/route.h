/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests that the gate knows: one table of method, path and parameters. Pure.
 * Whatever is not in it does not exist: an engine's other routes cannot be reached by any
 * spelling, because what is sent to the engine is not made out of the client's target but
 * out of the ask.
 */
#ifndef S2C_GATE_ROUTE_H
#define S2C_GATE_ROUTE_H

#include "gate/ask.h"
#include "http/http1.h"

/* What may follow the head. */
enum s2c_gate_body {
	S2C_GATE_NO_BODY,
	S2C_GATE_BODY_CREATE,     /* JSON of a container */
	S2C_GATE_BODY_CREATE_OWN, /* the same for a build's own gate, with mounts */
	S2C_GATE_BODY_COMMIT,     /* JSON of an image's config */
	S2C_GATE_BODY_COMMIT_OWN, /* the same for a build's own gate, with all of it */
	S2C_GATE_BODY_TAR,
};

/* Client API versions that are served. What the engine is spoken to in is pinned. */
#define S2C_GATE_VERSION_MIN 24
#define S2C_GATE_VERSION_MAX 99
#define S2C_GATE_VERSION_TOP "1.41" /* what clients are told */
#define S2C_GATE_VERSION_LOW "1.24"

/*
 * Fills the ask with everything but the body. On -1 *code and ask->detail say why, and
 * nothing is in *err that an answer should not show.
 */
S2C_CHECK int s2c_gate_route(const struct s2c_http1_request *request,
	struct s2c_gate_ask *ask, enum s2c_gate_body *out_body, enum s2c_gate_code *code,
	struct s2c_error **err);

#endif
