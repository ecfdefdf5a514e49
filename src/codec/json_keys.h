/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of members as other decoders compare them. Go's finds a member by ignoring case:
 * that of ASCII, and U+017F and U+212A, which fold to s and k. Whoever looks at a
 * document before such a decoder does must not see one member where it sees another.
 */
#ifndef S2C_CODEC_JSON_KEYS_H
#define S2C_CODEC_JSON_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct s2c_json_name {
	const char *name; /* of the node */
	const char *at;   /* in the text, or NULL */
};

/* Order of two names with case folded; 0 if such a decoder takes one for the other. */
int s2c_json_name_compare_folded(const char *a, const char *b);

/* Sorts the names; the second of two equal ones (in the text, too), or NULL. */
const struct s2c_json_name *s2c_json_name_twice(
	struct s2c_json_name *names, size_t n, bool mixed_case);

#endif
