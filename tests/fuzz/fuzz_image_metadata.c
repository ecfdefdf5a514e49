/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as image_metadata.json: what is taken leaves a configuration that parses
 * again, what is refused comes with an error.
 */
#include <stdint.h>

#include "build/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_platform platform = {.os = "linux", .architecture = "amd64"};
	CLEAN_CONFIG struct s2c_config *config = s2c_config_new(&platform), *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_labels_merge_metadata(config, (const char *)data, size, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	if (s2c_labels_check(config, &err) < 0)
		return 0;
	CLEAN_FREE char *text = s2c_config_print(config);
	if (s2c_config_parse(text, strlen(text), &again, &err) < 0 &&
		s2c_error_code(err) != S2C_ELIMIT)
		abort();
	return 0;
}
