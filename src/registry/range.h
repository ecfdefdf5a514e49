/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte ranges in headers (RFC 9110 section 14.4). Pure.
 */
#ifndef S2C_REGISTRY_RANGE_H
#define S2C_REGISTRY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct s2c_content_range {
	uint64_t first, last; /* both count */
	uint64_t total;
	bool total_known; /* false: "*" */
};

/*
 * "bytes 0-499/1234", or an asterisk for the total; S2C_EPROTO for everything else, also
 * for a range that ends before it begins or behind the total.
 */
S2C_CHECK int s2c_content_range_parse(
	const char *value, struct s2c_content_range *out, struct s2c_error **err);

#endif
