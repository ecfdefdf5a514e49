/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER, passwd and group, with a NUL byte between them. Digits are their own number; root
 * comes out only where a 0 is written out.
 */
#include <stdint.h>

#include "image/passwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text up to the next NUL byte; steps behind it. */
static char *next_text(const char **at, const char *end)
{
	size_t len = strnlen(*at, (size_t)(end - *at));
	char *text = xstrndup(*at, len);

	*at += len;
	*at += *at < end;
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	CLEAN_FREE char *spec = next_text(&at, end), *passwd = next_text(&at, end),
			*group = next_text(&at, end);
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_user user;
	size_t digits = strspn(spec, "0123456789");

	if (s2c_user_resolve(spec, passwd, group, &user, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	if (user.uid > S2C_UID_MAX || user.gid > S2C_UID_MAX || user.home[0] != '/')
		abort();
	if (*spec && (spec[digits] == '\0' || spec[digits] == ':') &&
		(digits == 0 || strtoull(spec, NULL, 10) != user.uid))
		abort();
	if (user.uid == 0 && *spec && digits == 0 && !strstr(passwd, ":0"))
		abort();
	return 0;
}
