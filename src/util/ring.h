/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bytes between two threads: one fills it, one takes from it, each waits for
 * the other. It is counted in bytes and not in pieces, so that whoever gives little at a
 * time still gets as far ahead.
 */
#ifndef S2C_UTIL_RING_H
#define S2C_UTIL_RING_H

#include "util/mem.h"

struct s2c_ring;

/* Holds at most `size` (> 0) bytes. */
struct s2c_ring *s2c_ring_new(size_t size);
/* Neither side may use it any more. NULL is fine. */
void s2c_ring_free(struct s2c_ring *ring);
S2C_DEFINE_CLEAN(ring, struct s2c_ring *, s2c_ring_free)
#define CLEAN_RING CLEAN(s2c_clean_ring)

/* ---- the side that fills ---- */

/*
 * Waits for room and returns how many bytes may be written to *out_at, which is that many
 * of the free ones as are in one piece; 0 when nobody takes any more. One that was full
 * counts as full until a quarter of it is free: being woken for less costs more than it
 * brings.
 */
size_t s2c_ring_room(struct s2c_ring *ring, char **out_at);
/* Hands over `n` bytes, at most as many as there was room for. */
void s2c_ring_put(struct s2c_ring *ring, size_t n);
/* Nothing more comes. */
void s2c_ring_end(struct s2c_ring *ring);

/* ---- the side that takes ---- */

/* Waits for bytes and takes up to `len` (> 0) of them; 0 when they are all taken and
 * nothing more comes. */
size_t s2c_ring_take(struct s2c_ring *ring, void *buf, size_t len);
/* Nothing more will be taken; any thread may say so. */
void s2c_ring_abandon(struct s2c_ring *ring);

#endif
