/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's connection to its client, for which nobody waits for ever: neither for bytes
 * nor for the client to take some.
 */
#ifndef S2C_GATE_CLIENT_H
#define S2C_GATE_CLIENT_H

#include <stdbool.h>

#include "util/stream.h"

#define S2C_CLIENT_HEAD_SECONDS 10  /* for a whole head, from its first byte, unless: */
#define S2C_CLIENT_IDLE_SECONDS 300 /* between requests */
#define S2C_CLIENT_BODY_SECONDS 30  /* without a byte of a body, in either direction */

struct s2c_gate_client {
	struct s2c_reader in;
	struct s2c_writer out;
	struct s2c_ctx *ctx;
	int fd;
	int core;              /* when it goes, waiting ends with S2C_ECANCELED */
	bool in_head;          /* a head is awaited */
	unsigned head_seconds; /* may be set after init */
	int64_t until; /* monotonic milliseconds: for all of a head; 0: not begun */
};

/* Borrows everything; nothing has to be released. Too slow is S2C_ETIMEOUT. */
void s2c_gate_client_init(
	struct s2c_gate_client *client, struct s2c_ctx *ctx, int fd, int core);

/* A head may come; its time runs from its first byte, or now if there are some. */
void s2c_gate_client_expect_head(struct s2c_gate_client *client, bool begun);
/* Whether something of that head came. */
bool s2c_gate_client_has_begun(const struct s2c_gate_client *client);
void s2c_gate_client_expect_body(struct s2c_gate_client *client);

/*
 * Ends the connection. A client that is told no while it still sends would get a reset,
 * and not read why: so what it sends is taken for a moment.
 */
void s2c_gate_client_linger(struct s2c_gate_client *client);

#endif
