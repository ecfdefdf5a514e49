/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte ranges in headers.
 */
#include "registry/range.h"

#include <strings.h>

#include "image/manifest.h"
#include "util/mem.h"

/* Digits up to the largest size of a blob; steps over them. */
static bool take_number(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9' && n <= S2C_BLOB_SIZE_MAX; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == *text || n > S2C_BLOB_SIZE_MAX)
		return false;
	*text = p;
	*out = n;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

int s2c_content_range_parse(
	const char *value, struct s2c_content_range *out, struct s2c_error **err)
{
	struct s2c_content_range range = {0};
	const char *p = value;
	bool fine = strncasecmp(p, "bytes ", 6) == 0;

	p += fine ? 6 : 0;
	fine = fine && take_number(&p, &range.first) && take_char(&p, '-') &&
	       take_number(&p, &range.last) && take_char(&p, '/');
	if (fine && !take_char(&p, '*'))
		fine = range.total_known = take_number(&p, &range.total);
	if (!fine || *p || range.last < range.first ||
		(range.total_known && range.last >= range.total))
		return s2c_fail(err, S2C_EPROTO, "'%s' is no Content-Range", value);
	*out = range;
	return 0;
}
