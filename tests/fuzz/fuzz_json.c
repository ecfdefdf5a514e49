/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the JSON parser. What it takes must print, parse again to the same
 * text, and survive copying and sorting.
 */
#include <stdint.h>

#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_json_limits limits = {.mixed_case = size & 1};
	CLEAN_JSON struct s2c_json *node = NULL, *again = NULL, *copy = NULL;
	CLEAN_FREE char *text = NULL, *second = NULL, *pretty = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_json_parse((const char *)data, size, limits, &node, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	text = s2c_json_print(node, S2C_JSON_COMPACT);
	pretty = s2c_json_print(node, S2C_JSON_PRETTY);
	if (s2c_json_parse(pretty, strlen(pretty), limits, &again, &err) < 0)
		abort();
	second = s2c_json_print(again, S2C_JSON_COMPACT);
	if (!streq(text, second))
		abort();
	copy = s2c_json_copy(node);
	s2c_json_sort(copy);
	return 0;
}
