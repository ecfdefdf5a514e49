/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of user ids. Numbers are plain decimals: no sign, blank, hex or leading zero, so
 * that nothing can read as one id here and as another one elsewhere.
 */
#include "policy/uids.h"

#include <string.h>

#include "util/buf.h"

/* Largest id Linux gives out: 2^32-1 means "no id". */
#define UID_LAST 4294967294u

/* Reads digits at *p up to `end` and moves *p behind them. */
static bool take_number(const char **p, const char *end, uint32_t *out)
{
	const char *start = *p;
	uint64_t n = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (uint64_t)(**p - '0');
		if (n > UID_LAST)
			return false;
	}
	*out = (uint32_t)n;
	return *p > start && (*start != '0' || *p == start + 1);
}

/* "n", "-n", "n-" or "n-m". */
static bool parse_range(const char *p, const char *end, struct s2c_uid_range *out)
{
	const char *dash = memchr(p, '-', (size_t)(end - p));
	uint32_t first = 0;
	uint32_t last = UID_LAST;

	if (end - p == 1 && dash)
		return false;
	if (dash != p && !take_number(&p, dash ? dash : end, &first))
		return false;
	if (!dash)
		last = first;
	else if (p++ != dash)
		return false;
	else if (p < end && !take_number(&p, end, &last))
		return false;
	if (p != end || first > last)
		return false;
	*out = (struct s2c_uid_range){.first = first, .last = last};
	return true;
}

int s2c_uids_parse(const char *text, struct s2c_uids *out, struct s2c_error **err)
{
	CLEAN_UIDS struct s2c_uids uids = {0};

	if (!text || !*text)
		text = S2C_UIDS_DEFAULT;
	for (const char *p = text; p;) {
		size_t len = strcspn(p, ",");
		const char *start = p;
		const char *end = p + len;
		struct s2c_uid_range range;

		while (start < end && *start == ' ')
			start++;
		while (end > start && end[-1] == ' ')
			end--;
		if (start == end || !parse_range(start, end, &range))
			return s2c_fail(err, S2C_EINVAL,
				"'%.*s' in the allowed user ids is no range: write 'n', "
				"'-n', 'n-' or 'n-m'",
				(int)(end - start), start);
		if (uids.n >= S2C_UID_RANGES_MAX)
			return s2c_fail(err, S2C_EINVAL,
				"the allowed user ids have more than %d ranges",
				S2C_UID_RANGES_MAX);
		uids.ranges = xreallocarray(uids.ranges, uids.n + 1, sizeof(range));
		uids.ranges[uids.n++] = range;
		p = p[len] ? p + len + 1 : NULL;
	}
	*out = uids;
	uids = (struct s2c_uids){0};
	return 0;
}

void s2c_uids_release(struct s2c_uids *uids)
{
	free(uids->ranges);
	*uids = (struct s2c_uids){0};
}

bool s2c_uids_allow(const struct s2c_uids *uids, uint32_t uid)
{
	for (size_t i = 0; i < uids->n; i++) {
		if (uids->ranges[i].first <= uid && uid <= uids->ranges[i].last)
			return true;
	}
	return false;
}

char *s2c_uids_format(const struct s2c_uids *uids)
{
	/* At most 22 bytes a range. */
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT((size_t)S2C_UID_RANGES_MAX * 24);

	for (size_t i = 0; i < uids->n; i++) {
		const struct s2c_uid_range *r = &uids->ranges[i];
		const char *comma = i > 0 ? "," : "";

		if (r->first == r->last)
			s2c_buf_must_printf(&buf, "%s%u", comma, r->first);
		else if (r->last == UID_LAST)
			s2c_buf_must_printf(&buf, "%s%u-", comma, r->first);
		else
			s2c_buf_must_printf(&buf, "%s%u-%u", comma, r->first, r->last);
	}
	return s2c_buf_take(&buf);
}
