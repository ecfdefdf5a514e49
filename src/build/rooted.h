/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries with an entry for their root in front. Without it the directory that receives
 * them would keep the time at which it was made, which a script that copies it with its
 * times would bring into the image: then no two builds of one source would be equal.
 */
#ifndef S2C_BUILD_ROOTED_H
#define S2C_BUILD_ROOTED_H

#include "codec/entry.h"

/* `next` is owned; the root is a directory of mode 0755 and this time. */
struct s2c_entries *s2c_rooted(
	struct s2c_entries *next, int64_t mtime, uint32_t mtime_ns);

#endif
