/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing names of members, with and without case. */
#include "codec/json_keys.h"

#include "util/mem.h"

/* The next byte of a name with case folded; 0 at its end. */
static int fold(const char **p)
{
	int c = (unsigned char)**p;

	if (c == 0)
		return 0;
	if (strncmp(*p, "\xe2\x84\xaa", 3) == 0) { /* KELVIN SIGN */
		*p += 3;
		return 'k';
	}
	if (strncmp(*p, "\xc5\xbf", 2) == 0) { /* LONG S */
		*p += 2;
		return 's';
	}
	(*p)++;
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

int s2c_json_name_compare_folded(const char *a, const char *b)
{
	int x, y;

	do {
		x = fold(&a);
		y = fold(&b);
	} while (x == y && x);
	return x - y;
}

static int compare_folded(const void *a, const void *b)
{
	return s2c_json_name_compare_folded(((const struct s2c_json_name *)a)->name,
		((const struct s2c_json_name *)b)->name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct s2c_json_name *)a)->name,
		((const struct s2c_json_name *)b)->name);
}

const struct s2c_json_name *s2c_json_name_twice(
	struct s2c_json_name *names, size_t n, bool mixed_case)
{
	int (*order)(const void *, const void *) = mixed_case ? compare : compare_folded;

	if (n < 2)
		return NULL;
	qsort(names, n, sizeof(*names), order);
	for (size_t i = 1; i < n; i++)
		if (order(&names[i - 1], &names[i]) == 0)
			return names[i].at > names[i - 1].at ? &names[i] : &names[i - 1];
	return NULL;
}
