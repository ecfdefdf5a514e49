/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of JSON, strictly. General parsers forgive leading zeros, broken UTF-8 and
 * NUL escapes, each in its own way; two programs then read two different documents out
 * of the same bytes. Here such a document is no document.
 */
#include "codec/json_lex.h"

#include <stdio.h>

#include "util/escape.h"

int s2c_json_lex_fail(const struct s2c_json_lex *lex, const char *at,
	struct s2c_error **err, const char *fmt, ...)
{
	size_t line = 1, column = 1;
	char what[512];
	va_list args;

	for (const char *p = lex->text; p < at; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return s2c_fail(err, S2C_EPROTO, "line %zu, column %zu: %s", line, column, what);
}

void s2c_json_lex_space(struct s2c_json_lex *lex)
{
	while (lex->at < lex->end && (*lex->at == ' ' || *lex->at == '\t' ||
					     *lex->at == '\n' || *lex->at == '\r'))
		lex->at++;
}

bool s2c_json_lex_take(struct s2c_json_lex *lex, char c)
{
	if (lex->at == lex->end || *lex->at != c)
		return false;
	lex->at++;
	return true;
}

bool s2c_json_lex_word(struct s2c_json_lex *lex, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(lex->end - lex->at) < len || memcmp(lex->at, word, len) != 0)
		return false;
	lex->at += len;
	return true;
}

/* Four hex digits at `p`, or -1. */
static int hex4(const struct s2c_json_lex *lex, const char *p)
{
	int value = 0;

	if (lex->end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		value *= 16;
		if (c >= '0' && c <= '9')
			value += c - '0';
		else if (c >= 'a' && c <= 'f')
			value += c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value += c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

/* \uXXXX with lex->at behind the 'u'. */
static int unicode_escape(struct s2c_json_lex *lex, unsigned *out, struct s2c_error **err)
{
	const char *start = lex->at - 2;
	int high = hex4(lex, lex->at), low;

	if (high < 0)
		return s2c_json_lex_fail(lex, start, err, "\\u needs four hex digits");
	if (high == 0)
		return s2c_json_lex_fail(lex, start, err, "NUL in a string");
	lex->at += 4;
	*out = (unsigned)high;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high > 0xdbff || !s2c_json_lex_word(lex, "\\u"))
		return s2c_json_lex_fail(lex, start, err, "lone surrogate in a string");
	low = hex4(lex, lex->at);
	if (low < 0xdc00 || low > 0xdfff)
		return s2c_json_lex_fail(lex, start, err, "lone surrogate in a string");
	lex->at += 4;
	*out = 0x10000u + (((unsigned)high - 0xd800u) << 10) + ((unsigned)low - 0xdc00u);
	return 0;
}

/* One escape with lex->at behind the backslash; writes at most 4 bytes, fewer than read.
 */
static int escape(struct s2c_json_lex *lex, char **put, struct s2c_error **err)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;
	unsigned code = 0;
	char c = lex->at < lex->end ? *lex->at++ : '\0';

	if (c == 'u') {
		if (unicode_escape(lex, &code, err) < 0)
			return -1;
		*put += s2c_utf8_put(*put, code);
		return 0;
	}
	hit = c ? strchr(from, c) : NULL;
	if (!hit)
		return s2c_json_lex_fail(
			lex, lex->at - 1, err, "unknown escape in a string");
	*(*put)++ = to[hit - from];
	return 0;
}

/* The closing quote of the string that starts behind `p`, or NULL. */
static const char *closing_quote(const struct s2c_json_lex *lex, const char *p)
{
	for (; p < lex->end; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\' && ++p == lex->end)
			return NULL;
	}
	return NULL;
}

int s2c_json_lex_string(struct s2c_json_lex *lex, char **out, struct s2c_error **err)
{
	const char *start = lex->at, *close;
	CLEAN_FREE char *value = NULL;
	char *put;

	if (!s2c_json_lex_take(lex, '"'))
		return s2c_json_lex_fail(lex, start, err, "a string was expected");
	close = closing_quote(lex, lex->at);
	if (!close)
		return s2c_json_lex_fail(lex, start, err, "the string has no end");
	put = value = xmalloc((size_t)(close - lex->at) + 1);
	while (lex->at < close) {
		unsigned char c = (unsigned char)*lex->at++;

		if (c < 0x20)
			return s2c_json_lex_fail(lex, lex->at - 1, err,
				c ? "control byte in a string" : "NUL in a string");
		if (c != '\\')
			*put++ = (char)c;
		else if (escape(lex, &put, err) < 0)
			return -1;
	}
	lex->at = close + 1;
	*put = '\0';
	if (!s2c_utf8_valid(value, (size_t)(put - value)))
		return s2c_json_lex_fail(lex, start, err, "the string is not UTF-8");
	*out = TAKE(value);
	return 0;
}

static size_t digits(struct s2c_json_lex *lex)
{
	const char *start = lex->at;

	while (lex->at < lex->end && *lex->at >= '0' && *lex->at <= '9')
		lex->at++;
	return (size_t)(lex->at - start);
}

/* The grammar of a number; false if lex->at then is where it goes wrong. */
static bool number_grammar(struct s2c_json_lex *lex)
{
	(void)s2c_json_lex_take(lex, '-');
	if (!s2c_json_lex_take(lex, '0') && digits(lex) == 0)
		return false;
	if (lex->at[-1] == '0' && lex->at < lex->end && *lex->at >= '0' &&
		*lex->at <= '9')
		return false;
	if (s2c_json_lex_take(lex, '.') && digits(lex) == 0)
		return false;
	if (s2c_json_lex_take(lex, 'e') || s2c_json_lex_take(lex, 'E')) {
		if (!s2c_json_lex_take(lex, '+'))
			(void)s2c_json_lex_take(lex, '-');
		return digits(lex) > 0;
	}
	return true;
}

/*
 * The power of ten above the first digit that is not 0, so |number| < 10^result. No
 * strtod: its decimal point is a matter of locale.
 */
static long magnitude(const char *number)
{
	long exponent = 0, point = 0, first = -1, n = 0;
	bool seen_point = false;
	const char *p;

	for (p = number; *p && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			seen_point = true;
		} else if (*p != '-') {
			if (*p != '0' && first < 0)
				first = n;
			n++;
			if (!seen_point)
				point = n;
		}
	}
	if (first < 0)
		return 0;
	if (*p)
		exponent = strtol(p + 1, NULL, 10);
	if (exponent > 100000)
		exponent = 100000;
	if (exponent < -100000)
		exponent = -100000;
	return point - first + exponent;
}

int s2c_json_lex_number(struct s2c_json_lex *lex, char out[S2C_JSON_NUMBER_MAX + 1],
	struct s2c_error **err)
{
	const char *start = lex->at;
	size_t len;

	if (!number_grammar(lex))
		return s2c_json_lex_fail(lex, lex->at, err, "malformed number");
	len = (size_t)(lex->at - start);
	if (len > S2C_JSON_NUMBER_MAX)
		return s2c_json_lex_fail(lex, start, err,
			"a number of more than %d bytes", S2C_JSON_NUMBER_MAX);
	memcpy(out, start, len);
	out[len] = '\0';
	if (magnitude(out) > S2C_JSON_EXPONENT_MAX)
		return s2c_json_lex_fail(lex, start, err, "number out of range");
	return 0;
}
