/* SPDX-License-Identifier: Apache-2.0 */
/* Any text into the ranges of user ids. What they say again must mean the same. */
#include <stdint.h>

#include "policy/uids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t probes[] = {0, 1, 999, 1000, 1001, 65534, 4294967294u};
	CLEAN_FREE char *input = xstrndup((const char *)data, size);
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_UIDS struct s2c_uids uids = {0};
	CLEAN_UIDS struct s2c_uids again = {0};

	if (s2c_uids_parse(input, &uids, &err) < 0) {
		if (!err || uids.ranges)
			abort();
		return 0;
	}
	CLEAN_FREE char *text = s2c_uids_format(&uids);

	if (s2c_uids_parse(text, &again, &err) < 0 || uids.n != again.n)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (s2c_uids_allow(&uids, probes[i]) != s2c_uids_allow(&again, probes[i]))
			abort();
	}
	return 0;
}
