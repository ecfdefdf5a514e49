/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mother of workers: a process without threads and secrets, forked before the core
 * has either, that forks a worker for each connection when the core asks.
 */
#ifndef S2C_GATE_ZYGOTE_H
#define S2C_GATE_ZYGOTE_H

#include <sys/types.h>

#include "util/ctx.h"

struct s2c_zygote {
	pid_t pid;
	int fd; /* readable when s2c_zygote_reap() has news, or the process is gone */
};
#define S2C_ZYGOTE_INIT                                                                  \
	{                                                                                \
		.pid = -1, .fd = -1                                                      \
	}

/* Forks it; the process must have one thread. It dies with this one. `own`: see
 * s2c_worker_run(). */
S2C_CHECK int s2c_zygote_start(bool own, struct s2c_zygote *out, struct s2c_error **err);
/* Ends it with its workers; harmless if it was not started. */
void s2c_zygote_stop(struct s2c_zygote *zygote);

/*
 * A worker for the client's connection (borrowed), with so much time for a head.
 * *out_wire is the core's end of the channel (gate/wire.h), which the caller owns.
 */
S2C_CHECK int s2c_zygote_spawn(struct s2c_zygote *zygote, int client,
	unsigned header_seconds, int *out_wire, struct s2c_error **err);

/*
 * The next worker that did not end by itself: 1 with the signal that ended it, 0 if there
 * is no news, -1 if the zygote is gone.
 */
S2C_CHECK int s2c_zygote_reap(
	struct s2c_zygote *zygote, int *out_signal, struct s2c_error **err);

#endif
