/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two functions of mem.h that are too large to be inline. Not an allocator.
 */
#include "util/mem.h"

#include <stdarg.h>
#include <stdio.h>

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return s2c_must(n < 0 ? NULL : s);
}

void s2c_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
