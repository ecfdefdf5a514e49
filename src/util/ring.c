/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring: where its bytes are is under the monitor, the bytes themselves are not. Those
 * that are free are the filling side's, the others the taking side's.
 */
#include "util/ring.h"

#include <stdbool.h>

#include "util/pool.h"

struct s2c_ring {
	struct s2c_monitor *monitor; /* of what follows */
	size_t from;                 /* where the first byte is */
	size_t len;                  /* bytes in it */
	bool ended;                  /* nothing more comes */
	bool abandoned;              /* nothing more will be taken */

	size_t size;
	char bytes[];
};

struct s2c_ring *s2c_ring_new(size_t size)
{
	struct s2c_ring *ring = xmalloc(sizeof(*ring) + size);

	*ring = (struct s2c_ring){.monitor = s2c_monitor_new(), .size = size};
	return ring;
}

void s2c_ring_free(struct s2c_ring *ring)
{
	if (!ring)
		return;
	s2c_monitor_free(ring->monitor);
	free(ring);
}

/* Free bytes for which who waits for room is woken. */
static size_t wake_at(const struct s2c_ring *ring)
{
	return (ring->size + 3) / 4;
}

size_t s2c_ring_room(struct s2c_ring *ring, char **out_at)
{
	size_t room, at;

	s2c_monitor_enter(ring->monitor);
	if (ring->len == ring->size)
		while (!ring->abandoned && ring->size - ring->len < wake_at(ring))
			s2c_monitor_wait(ring->monitor);
	room = ring->abandoned ? 0 : ring->size - ring->len;
	at = (ring->from + ring->len) % ring->size;
	s2c_monitor_leave(ring->monitor);
	*out_at = ring->bytes + at;
	return room < ring->size - at ? room : ring->size - at;
}

void s2c_ring_put(struct s2c_ring *ring, size_t n)
{
	s2c_monitor_enter(ring->monitor);
	ring->len += n;
	s2c_monitor_wake(ring->monitor);
	s2c_monitor_leave(ring->monitor);
}

void s2c_ring_end(struct s2c_ring *ring)
{
	s2c_monitor_enter(ring->monitor);
	ring->ended = true;
	s2c_monitor_wake(ring->monitor);
	s2c_monitor_leave(ring->monitor);
}

/* Up to `len` bytes in one piece, waited for. */
static size_t await_bytes(struct s2c_ring *ring, size_t len)
{
	size_t n;

	s2c_monitor_enter(ring->monitor);
	while (ring->len == 0 && !ring->ended)
		s2c_monitor_wait(ring->monitor);
	n = ring->len < len ? ring->len : len;
	s2c_monitor_leave(ring->monitor);
	return n < ring->size - ring->from ? n : ring->size - ring->from;
}

size_t s2c_ring_take(struct s2c_ring *ring, void *buf, size_t len)
{
	size_t n = await_bytes(ring, len);

	if (n == 0)
		return 0;
	memcpy(buf, ring->bytes + ring->from, n);
	s2c_monitor_enter(ring->monitor);
	ring->from = (ring->from + n) % ring->size;
	ring->len -= n;
	if (ring->size - ring->len >= wake_at(ring))
		s2c_monitor_wake(ring->monitor);
	s2c_monitor_leave(ring->monitor);
	return n;
}

void s2c_ring_abandon(struct s2c_ring *ring)
{
	s2c_monitor_enter(ring->monitor);
	ring->abandoned = true;
	s2c_monitor_wake(ring->monitor);
	s2c_monitor_leave(ring->monitor);
}
