/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of what a function writes: the function runs in a thread of its own, and what
 * it writes waits in a buffer of fixed size until it is read. For when one side pushes
 * (a transfer into a writer) and the other pulls (the body of another transfer).
 */
#ifndef S2C_UTIL_PUMP_H
#define S2C_UTIL_PUMP_H

#include "util/stream.h"

/* Most bytes that are written and not read yet. */
#define S2C_PUMP_MAX (1024u * 1024)

struct s2c_pump {
	/*
	 * Writes everything to `out` and returns; its error comes out of the reader
	 * behind the bytes before it. It waits under `ctx` only, which is cancelled when
	 * nobody reads any more; writing fails with S2C_ECANCELED then.
	 */
	int (*run)(void *self, struct s2c_ctx *ctx, struct s2c_writer *out,
		struct s2c_error **err);
	void *self; /* borrowed, must outlive the reader */
};

/*
 * The reader. The thread starts with the first read; S2C_EIO when there is none to be
 * had. Freeing it at any time ends `run` and waits for that. `ctx` must outlive it.
 */
struct s2c_reader *s2c_reader_pump(struct s2c_ctx *ctx, const struct s2c_pump *pump);

#endif
