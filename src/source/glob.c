/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs for one path component. A pattern is read item by item; only the last '*' is ever
 * gone back to, which is enough for this grammar and keeps hostile patterns cheap.
 */
#include "source/glob.h"

#include <stdint.h>
#include <string.h>

/* Reads one character; bytes that are no UTF-8 stand for themselves, out of its range. */
static size_t next_char(const char *s, size_t len, uint32_t *out)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0xc2   ? 1
		   : u[0] < 0xe0 ? 2
		   : u[0] < 0xf0 ? 3
		   : u[0] < 0xf5 ? 4
				 : 1;
	uint32_t c = u[0];

	if (u[0] < 0x80) {
		*out = c;
		return 1;
	}
	if (n > 1 && n <= len) {
		c = u[0] & (0xffu >> (n + 1));
		for (size_t i = 1; i < n; i++) {
			if ((u[i] & 0xc0) != 0x80) {
				n = 1;
				break;
			}
			c = c << 6 | (u[i] & 0x3f);
		}
		if (n > 1) {
			*out = c;
			return n;
		}
	}
	*out = 0x110000u + u[0];
	return 1;
}

/* One character of a class, after an optional '\'; NULL when the pattern ends in it. */
static const char *class_char(const char *p, uint32_t *out)
{
	if (*p == '\\')
		p++;
	if (!*p)
		return NULL;
	return p + next_char(p, strlen(p), out);
}

/*
 * Reads a class after its '[' and tells whether `c` is in it. Returns what follows the
 * ']', or NULL when the class is malformed.
 */
static const char *match_class(const char *p, uint32_t c, bool *out)
{
	bool negated = *p == '^';
	bool in = false;
	bool first = true;

	if (negated)
		p++;
	while (*p != ']' || first) {
		uint32_t lo = 0;
		uint32_t hi = 0;

		/* As in Go: a ']' or '-' of the class itself needs a '\'. */
		if (*p == ']' || *p == '-')
			return NULL;
		p = class_char(p, &lo);
		if (!p)
			return NULL;
		hi = lo;
		if (*p == '-') {
			if (p[1] == ']' || p[1] == '-')
				return NULL;
			p = class_char(p + 1, &hi);
			if (!p)
				return NULL;
		}
		in = in || (lo <= c && c <= hi);
		first = false;
	}
	*out = in != negated;
	return p + 1;
}

const char *s2c_glob_error(const char *pattern)
{
	const char *p = pattern;
	bool in = false;

	while (*p) {
		if (*p == '\\') {
			if (!p[1])
				return "'\\' at the end";
			p += 2;
		} else if (*p == '[') {
			p = match_class(p + 1, 0, &in);
			if (!p)
				return "malformed '[...]' class";
		} else {
			p++;
		}
	}
	return NULL;
}

/* One item that is no '*' against one character. Returns what follows it, or NULL. */
static const char *match_item(const char *p, uint32_t c)
{
	uint32_t literal = 0;
	bool in = false;

	switch (*p) {
	case '\0':
		return NULL;
	case '?':
		return p + 1;
	case '[':
		p = match_class(p + 1, c, &in);
		return in ? p : NULL;
	default:
		p = class_char(p, &literal);
		return literal == c ? p : NULL;
	}
}

bool s2c_glob_match(const char *pattern, const char *name, size_t len)
{
	const char *end = name + len;
	const char *star = NULL;      /* pattern after the last '*' */
	const char *star_name = NULL; /* where its match ends for now */

	while (name < end) {
		uint32_t c = 0;
		size_t n = next_char(name, (size_t)(end - name), &c);
		const char *rest = NULL;

		if (*pattern == '*') {
			star = ++pattern;
			star_name = name;
			continue;
		}
		rest = match_item(pattern, c);
		if (rest) {
			pattern = rest;
			name += n;
			continue;
		}
		if (!star)
			return false;
		star_name += next_char(star_name, (size_t)(end - star_name), &c);
		name = star_name;
		pattern = star;
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
