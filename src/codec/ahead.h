/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that are read ahead: what is below the stream runs in a thread of its own, so
 * that finding and reading files keeps one CPU busy and making them another one.
 */
#ifndef S2C_CODEC_AHEAD_H
#define S2C_CODEC_AHEAD_H

#include "codec/entry.h"

/* How far ahead: batches, and what one of them holds. */
#define S2C_ENTRIES_AHEAD_BATCHES 8
#define S2C_ENTRIES_AHEAD_ENTRIES 256
#define S2C_ENTRIES_AHEAD_BYTES (128u * 1024) /* of paths, link targets and data */

/*
 * Passes the entries of `next` on, with their data; owns it if `own`. All calls of `next`
 * happen in the thread, from the first entry on, but for the data of entries that are too
 * large for a batch or have extended attributes: those are read, or copied by data_fd,
 * from `next` while the thread waits. Data that nobody reads are read nevertheless. An
 * error comes out behind the entries before it. Without a thread to be had, `next` is
 * asked directly.
 *
 * Freeing may happen at any time, and waits for the call of `next` that is under way: one
 * that can wait does so under the context that it is given, a branch of `ctx`, which is
 * cancelled then. `ctx` must outlive the stream. Once the end or an error has come out
 * there is no thread any more.
 */
struct s2c_entries *s2c_entries_ahead(
	struct s2c_ctx *ctx, struct s2c_entries *next, bool own);

#endif
