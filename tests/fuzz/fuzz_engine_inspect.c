/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine says of an image, as a configuration: refused, or one that holds what a
 * build reads.
 */
#include <stdint.h>

#include "runtime/engine_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_json_limits limits = {.mixed_case = true};
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_CONFIG struct s2c_config *config = NULL, *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL, *other = NULL;
	CLEAN_FREE char *text = NULL;

	if (s2c_json_parse((const char *)data, size, limits, &root, &err) < 0)
		return 0;
	if (s2c_engine_image_config(root, &config, &other) < 0) {
		if (!other || config)
			abort();
		return 0;
	}
	text = s2c_config_print(config);
	if (s2c_config_parse(text, strlen(text), &again, &other) < 0 ||
		again->n_diff_ids != config->n_diff_ids)
		abort();
	return 0;
}
