/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names in one directory, sorted in layer order, in as little memory as they need: a
 * directory of 100,000 files costs a few MiB. What d_type says is kept, so that a walk
 * needs no stat before it opens a file.
 */
#ifndef S2C_CODEC_LISTING_H
#define S2C_CODEC_LISTING_H

#include <stdint.h>

#include "util/error.h"

#define S2C_LISTING_BYTES_MAX (64u * 1024 * 1024) /* names of one directory */

struct s2c_listing {
	char *bytes; /* per name: its d_type, the name, NUL */
	size_t len, cap;
	uint32_t *offsets; /* into bytes, sorted */
	size_t n, n_cap;
};

/* Reads what dir_fd lists. `path` is for messages. S2C_ELIMIT above the maximum. */
S2C_CHECK int s2c_listing_read(
	int dir_fd, const char *path, struct s2c_listing *out, struct s2c_error **err);
/* A listing of this name alone, of an unknown type. */
S2C_CHECK int s2c_listing_only(
	const char *name, struct s2c_listing *out, struct s2c_error **err);
void s2c_listing_release(struct s2c_listing *listing);
#define CLEAN_LISTING CLEAN(s2c_listing_release)

static inline const char *s2c_listing_name(const struct s2c_listing *listing, size_t i)
{
	return listing->bytes + listing->offsets[i] + 1;
}

/* DT_REG, DT_DIR, ... or DT_UNKNOWN. */
static inline unsigned char s2c_listing_type(const struct s2c_listing *listing, size_t i)
{
	return (unsigned char)listing->bytes[listing->offsets[i]];
}

#endif
