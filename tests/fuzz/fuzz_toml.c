/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the TOML parser. What it takes must be a JSON object within the limits
 * that JSON has, too: it prints, and parses again to the same text.
 */
#include <stdint.h>

#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_json_limits none = {0}, exact = {.mixed_case = true};
	CLEAN_JSON struct s2c_json *node = NULL, *again = NULL;
	CLEAN_FREE char *text = NULL, *second = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_toml_parse((const char *)data, size, none, &node, &err) < 0) {
		if (!err || node)
			abort();
		return 0;
	}
	if (!s2c_json_is_object(node))
		abort();
	text = s2c_json_print(node, S2C_JSON_COMPACT);
	if (s2c_json_parse(text, strlen(text), exact, &again, &err) < 0)
		abort();
	second = s2c_json_print(again, S2C_JSON_COMPACT);
	if (!streq(text, second))
		abort();
	return 0;
}
