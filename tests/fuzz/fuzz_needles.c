/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a secret, a line of 0xff, and data to look for it in: what looking in
 * pieces of any size finds is what looking at once finds, and a secret that is known is
 * found in itself.
 */
#include <stdint.h>

#include "codec/needles.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *in_pieces(
	const struct s2c_needles *needles, const uint8_t *data, size_t size, size_t piece)
{
	struct s2c_needle_search search;
	const char *found = NULL;

	s2c_needle_search_begin(&search, needles);
	for (size_t i = 0; i < size && !found; i += piece)
		found = s2c_needle_search_next(
			&search, data + i, size - i < piece ? size - i : piece);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {1, 3, 8, 61, 4096};
	CLEAN_NEEDLES struct s2c_needles *needles = s2c_needles_new();
	CLEAN_ERROR struct s2c_error *err = NULL;
	const uint8_t *end = size ? memchr(data, 0xff, size) : NULL;
	size_t secret = end ? (size_t)(end - data) : size;
	bool known = false;

	if (s2c_needles_add(needles, "it", data, secret, &known, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	if (known != (s2c_needles_count(needles) > 0) ||
		known != (s2c_needles_find(needles, data, secret) != NULL))
		abort();
	data += secret;
	size -= secret;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (!in_pieces(needles, data, size, pieces[i]) !=
			!s2c_needles_find(needles, data, size))
			abort();
	return 0;
}
