/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte strings that must not be anywhere: what secrets are recognised by, and looking for
 * all of them at once in one pass over any amount of data. Pure.
 *
 * A secret gives itself away by
 *   - its whole content without the white space around it, if that has at least
 *     S2C_NEEDLE_MIN bytes (of long ones the first S2C_NEEDLE_MAX);
 *   - text: each line of at least S2C_NEEDLE_LINE_MIN bytes that can be a secret (no
 *     comment, no armour of PEM, no bare tag), and what stands behind its "=" or ":" or
 *     between two tags, if that looks like a token: S2C_NEEDLE_TOKEN_MIN bytes without
 *     blanks, of letters and digits both;
 *   - other bytes: each piece of S2C_NEEDLE_PIECE bytes with some variety.
 * Nothing is recognised that was encoded, encrypted, compressed or taken apart.
 */
#ifndef S2C_CODEC_NEEDLES_H
#define S2C_CODEC_NEEDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define S2C_NEEDLE_MIN 8
#define S2C_NEEDLE_MAX 4096
#define S2C_NEEDLE_LINE_MIN 12
#define S2C_NEEDLE_TOKEN_MIN 16
#define S2C_NEEDLE_PIECE 32
#define S2C_NEEDLES_MAX 65536

struct s2c_needles;

struct s2c_needles *s2c_needles_new(void);
/* Overwrites what it held. */
void s2c_needles_free(struct s2c_needles *needles);
S2C_DEFINE_CLEAN(needles, struct s2c_needles *, s2c_needles_free)
#define CLEAN_NEEDLES CLEAN(s2c_clean_needles)

/*
 * Adds what a secret is recognised by. `what` names it in messages ("--secret 'npm'").
 * *out_known (may be NULL) is false when it is too short or too uniform to be told from
 * chance. S2C_ELIMIT above S2C_NEEDLES_MAX.
 */
S2C_CHECK int s2c_needles_add(struct s2c_needles *needles, const char *what,
	const void *secret, size_t len, bool *out_known, struct s2c_error **err);

/*
 * A text that everybody may see: of its lines, those that needles were made of are looked
 * for no more. A secret that is one line stays one, and so does a line with a token.
 */
void s2c_needles_forgive(struct s2c_needles *needles, const char *text, size_t len);

/* How many there are. */
size_t s2c_needles_count(const struct s2c_needles *needles);

/* The name of a secret that is in the bytes, or NULL. Borrowed. */
const char *s2c_needles_find(
	const struct s2c_needles *needles, const void *data, size_t len);

/* The same for data that comes in pieces: a secret may lie across any number of them. */
struct s2c_needle_search {
	const struct s2c_needles *needles; /* borrowed */
	char tail[2 * S2C_NEEDLE_MAX];
	size_t len; /* of tail */
};
void s2c_needle_search_begin(
	struct s2c_needle_search *search, const struct s2c_needles *needles);
const char *s2c_needle_search_next(
	struct s2c_needle_search *search, const void *data, size_t len);

#endif
