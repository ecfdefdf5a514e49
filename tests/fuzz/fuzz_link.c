/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link headers: the next page is a part of the header, or there is none.
 */
#include <stdint.h>
#include <stdlib.h>

#include "registry/referrers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *value = xstrndup((const char *)data, size);
	CLEAN_FREE char *next = s2c_link_next(value);

	if (next && (!*next || strchr(next, '>') || !strstr(value, next)))
		abort();
	return 0;
}
