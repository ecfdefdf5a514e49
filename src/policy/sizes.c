/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of --memory and --cpus. Plain decimals; whatever else strtoull or strtod
 * would take (signs, blanks, hex, exponents, "inf") is an error.
 */
#include "policy/policy.h"

#include <string.h>

/* Reads digits at *p; false if there is none or the number does not fit. */
static bool take_digits(const char **p, uint64_t *out)
{
	const char *start = *p;
	uint64_t n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
			return false;
	}
	*out = n;
	return *p > start;
}

int s2c_size_parse(const char *text, uint64_t *out, struct s2c_error **err)
{
	static const char units[] = "kmgt";
	const char *p = text;
	uint64_t n = 0;
	uint64_t factor = 1;

	if (take_digits(&p, &n)) {
		const char *unit = *p ? strchr(units, *p | 0x20) : NULL;

		if (unit) {
			factor = 1ull << (10 * (unit - units + 1));
			p++;
		}
		if (!*p && !__builtin_mul_overflow(n, factor, &n)) {
			*out = n;
			return 0;
		}
	}
	return s2c_fail(err, S2C_EINVAL,
		"'%s' is no size: write bytes, or a whole number with k, m, g or t",
		text);
}

int s2c_cpus_parse(const char *text, uint32_t *out, struct s2c_error **err)
{
	const char *p = text;
	uint64_t whole = 0;
	uint64_t milli = 0;
	bool ok = take_digits(&p, &whole) && whole <= S2C_CPUS_MAX;

	if (ok && *p == '.') {
		const char *fraction = ++p;

		ok = take_digits(&p, &milli) && p - fraction <= 3;
		for (int digits = (int)(p - fraction); ok && digits < 3; digits++)
			milli *= 10;
	}
	milli += whole * 1000;
	if (!ok || *p || milli == 0 || milli > S2C_CPUS_MAX * 1000ull)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is no number of CPUs: write 0.001 to %d, with at most "
			"three "
			"decimals",
			text, S2C_CPUS_MAX);
	*out = (uint32_t)milli;
	return 0;
}
