/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: one sandboxed process for one connection of a client. It reads the client's
 * HTTP, JSON and tar, hands what was meant to the core as an ask, and writes the answers.
 * It knows no policy and holds no secret; it cannot do more than ask.
 */
#ifndef S2C_GATE_WORKER_H
#define S2C_GATE_WORKER_H

#include "util/error.h"

/* Largest JSON bodies. */
#define S2C_WORKER_CREATE_MAX (256u * 1024)
#define S2C_WORKER_COMMIT_MAX (256u * 1024)

/*
 * Serves until the client or the core goes. Enters the sandbox first; if it cannot,
 * it only says so to the client. -1 then, or after anything but an orderly end.
 * Descriptors: the client's connection, the worker's end of the channel. `header_seconds`
 * are for a whole head, from its first byte.
 */
int s2c_worker_run(int client, int wire, unsigned header_seconds);

#endif
