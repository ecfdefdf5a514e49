/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON bodies of create and commit: read by a table of the fields that an engine
 * knows, each with what the gate thinks of it, into the ask. Pure. What is not in the
 * table may only be there with a value that means nothing (null, false, 0, "", [], {}),
 * for clients send all fields that they know.
 */
#ifndef S2C_GATE_FILTER_H
#define S2C_GATE_FILTER_H

#include "gate/ask.h"
#include "gate/route.h"

/*
 * Fills the ask, which has its op and method already, from a body of the kind. On -1
 * *code and ask->detail (the path of the field) say why.
 */
S2C_CHECK int s2c_gate_filter(enum s2c_gate_body kind, const char *text, size_t len,
	struct s2c_gate_ask *ask, enum s2c_gate_code *code, struct s2c_error **err);

#endif
