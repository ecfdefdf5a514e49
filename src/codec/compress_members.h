/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of a gzip file that s2c wrote. Each tells its own size and level in an
 * extra field of its header (RFC 1952, 2.3.1.1, as BGZF does it), so that they are found
 * without inflating anything; its trailer has CRC and size of the content. That is what
 * takes a member of an earlier blob over into the next one: most of what a build makes
 * again is what was there before.
 */
#ifndef S2C_CODEC_COMPRESS_MEMBERS_H
#define S2C_CODEC_COMPRESS_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define S2C_MEMBER_HEADER 22 /* bytes */
#define S2C_MEMBER_TRAILER 8

/* Writes header and trailer around `packed` bytes of deflate, which lie between. */
void s2c_member_frame(unsigned char *member, size_t packed, int level,
	const unsigned char *content, size_t len);

struct s2c_members;

/*
 * Finds the members of a file, from its begin to the first that is none of ours; fd is
 * borrowed and must stay open. NULL when there is none. At most S2C_MEMBERS_MAX are
 * known.
 */
struct s2c_members *s2c_members_find(int fd);
#define S2C_MEMBERS_MAX (1u << 18)
void s2c_members_free(struct s2c_members *members); /* NULL is fine */

/*
 * Looks for a member of this level with exactly this content and reads it into `out`
 * (`room` bytes). Its size, or 0 when there is none. The content is compared byte by
 * byte, as the file may be anybody's; `scratch` has room for `len` bytes. Threads may do
 * this at once.
 */
size_t s2c_members_take(const struct s2c_members *members, int level,
	const unsigned char *content, size_t len, unsigned char *out, size_t room,
	unsigned char *scratch);

#endif
