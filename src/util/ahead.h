/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader that reads ahead: what is below it runs in a thread of its own, so that two
 * stages of a pipeline (fetch and inflate, inflate and unpack) keep two CPUs busy.
 */
#ifndef S2C_UTIL_AHEAD_H
#define S2C_UTIL_AHEAD_H

#include "util/stream.h"

/* Most bytes that are read and not taken yet. */
#define S2C_AHEAD_MAX (1024u * 1024)
/* Asked of `next` at a time, at most. */
#define S2C_AHEAD_PIECE S2C_STREAM_CHUNK

/*
 * Passes `next` on; owns it if `own`. All reads of `next` happen in the thread, from the
 * first read of this reader on; an error of `next` comes out behind the bytes before it.
 * Without a thread to be had, `next` is read directly.
 *
 * Freeing may happen at any time, and waits for the read that is under way. So a `next`
 * that can wait (for a network, a pipe) must wait under a context and return when that is
 * cancelled. `stop` (borrowed, may be NULL) is that context, one that may be cancelled
 * when nobody reads any more: freeing cancels it. Make it with s2c_ctx_branch(), or
 * everything else of the operation is cancelled too. NULL is for a `next` that only works
 * and never waits.
 */
struct s2c_reader *s2c_reader_ahead(
	struct s2c_reader *next, bool own, struct s2c_ctx *stop);

#endif
