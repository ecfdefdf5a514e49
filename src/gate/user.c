/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/user.h"

#include <ctype.h>

/* Digits of a number up to 2^32-2 without leading zeros; steps over them. */
static bool take_id(const char **text, uint32_t *out)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > UINT32_MAX - 1)
			return false;
	}
	*text = p;
	*out = (uint32_t)value;
	return true;
}

bool s2c_gate_user_parse(const char *text, uint32_t *uid, uint32_t *gid)
{
	*gid = 0;
	if (!take_id(&text, uid))
		return false;
	if (*text == ':') {
		text++;
		if (!take_id(&text, gid))
			return false;
	}
	return !*text;
}
