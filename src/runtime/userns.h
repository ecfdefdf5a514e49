/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which user and group ids this process can give to files and containers: what
 * /proc/self/uid_map and gid_map say. Entering a namespace is host.c's work.
 */
#ifndef S2C_RUNTIME_USERNS_H
#define S2C_RUNTIME_USERNS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define S2C_IDMAP_RANGES_MAX 340 /* the kernel's own limit of lines in a map */

struct s2c_idmap_range {
	uint32_t inside, outside, count;
};
struct s2c_idmap {
	struct s2c_idmap_range ranges[S2C_IDMAP_RANGES_MAX];
	size_t n;
};

enum s2c_userns_kind {
	S2C_USERNS_NONE,   /* the host's own: every id */
	S2C_USERNS_RANGES, /* several ids */
	S2C_USERNS_SINGLE, /* one uid or one gid: all files have one owner */
};

struct s2c_userns {
	enum s2c_userns_kind kind;
	struct s2c_idmap uids, gids;
};

/* Parses the text of a map file (pure). S2C_EPROTO on anything but a valid map. */
S2C_CHECK int s2c_idmap_parse(
	const char *text, struct s2c_idmap *out, struct s2c_error **err);
/* True if `id` of the inside is mapped. */
bool s2c_idmap_has(const struct s2c_idmap *map, uint32_t id);
/* Number of mapped ids. */
uint64_t s2c_idmap_count(const struct s2c_idmap *map);

/* Classifies a pair of maps (pure). */
enum s2c_userns_kind s2c_userns_classify(
	const struct s2c_idmap *uids, const struct s2c_idmap *gids);

/* Reads the maps of this process. */
S2C_CHECK int s2c_userns_read(struct s2c_userns *out, struct s2c_error **err);

/* "trusted.overlay." or "user.overlay.": where overlayfs keeps its marks here. */
const char *s2c_userns_overlay_prefix(const struct s2c_userns *userns);

/*
 * Ranges that /etc/subuid or /etc/subgid (its text) give to a user, by name or number,
 * as lines for newuidmap: 0 -> own id, 1.. -> the ranges (pure). False when there are
 * none.
 */
struct s2c_subid_owner {
	const char *name; /* may be "" */
	uint32_t id;
};
bool s2c_subid_map(const char *text, const struct s2c_subid_owner *owner, uint32_t own_id,
	struct s2c_idmap *out);

#endif
