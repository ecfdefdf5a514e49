/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the YAML parser. What it takes is a tree within the limits that JSON has
 * too: it prints, and both JSON and YAML read the same tree out of that. (JSON is nearly
 * YAML: a tab or an odd line end in a string is escaped by none of them, so such a text
 * is read back by JSON only.)
 */
#include <stdint.h>

#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_json_limits none = {0}, exact = {.mixed_case = true};
	CLEAN_JSON struct s2c_json *node = NULL, *again = NULL, *yaml = NULL;
	CLEAN_FREE char *text = NULL, *second = NULL, *third = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_yaml_parse((const char *)data, size, none, &node, &err) < 0) {
		if (!err || node)
			abort();
		return 0;
	}
	text = s2c_json_print(node, S2C_JSON_COMPACT);
	if (s2c_json_parse(text, strlen(text), exact, &again, &err) < 0)
		abort();
	second = s2c_json_print(again, S2C_JSON_COMPACT);
	if (!streq(text, second))
		abort();
	if (s2c_yaml_parse(text, strlen(text), none, &yaml, NULL) < 0)
		return 0;
	third = s2c_json_print(yaml, S2C_JSON_COMPACT);
	if (!streq(text, third))
		abort();
	return 0;
}
