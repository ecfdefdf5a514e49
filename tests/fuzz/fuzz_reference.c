/* SPDX-License-Identifier: Apache-2.0 */
/* Any text into the reference parser. What it takes must format to a fixpoint. */
#include <stdint.h>

#include <s2c/reference.h>

#include "util/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[S2C_REFERENCE_MAX + 1], again[S2C_REFERENCE_MAX + 1];
	CLEAN_FREE char *input = xstrndup((const char *)data, size);
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_reference ref, second;

	if (s2c_reference_parse(input, &ref, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	s2c_reference_format(&ref, text);
	if (s2c_reference_parse(text, &second, &err) < 0 ||
		memcmp(&ref, &second, sizeof(ref)) != 0)
		abort();
	s2c_reference_format(&second, again);
	if (!streq(text, again))
		abort();
	return 0;
}
