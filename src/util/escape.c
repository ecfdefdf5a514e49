/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict UTF-8 and escaping for display. Only well-formed, shortest-form sequences of
 * RFC 3629 pass; a terminal sees no control byte of a peer.
 */
#include "util/escape.h"

#include "util/mem.h"

/*
 * Length of the well-formed sequence at the start of `s`, 0 when there is none. The table
 * of RFC 3629 section 4 with its ranges for the second byte, which rule out overlong
 * forms, surrogates and what lies above U+10FFFF.
 */
static size_t sequence(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char first_lo, first_hi, second_lo, second_hi, len;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t n = forms[i].len;

		if (s[0] < forms[i].first_lo || s[0] > forms[i].first_hi)
			continue;
		if (n > len)
			return 0;
		if (n > 1 && (s[1] < forms[i].second_lo || s[1] > forms[i].second_hi))
			return 0;
		for (size_t k = 2; k < n; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return n;
	}
	return 0;
}

bool s2c_utf8_valid(const char *bytes, size_t len)
{
	const unsigned char *s = (const unsigned char *)bytes;

	while (len) {
		size_t n = *s ? sequence(s, len) : 0;

		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

size_t s2c_utf8_put(char *out, unsigned code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* C0 with DEL, and C1, which some terminals obey (U+009B is another ESC '['). */
static bool is_control(const unsigned char *s, size_t n)
{
	return (n == 1 && (s[0] < 0x20 || s[0] == 0x7f)) ||
	       (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

char *s2c_escape(const char *bytes, size_t len, size_t max, bool keep_tab)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)bytes;
	/* Four bytes for one at worst, and no more than wanted. */
	size_t room = len < max / 4 ? len * 4 : max, out = 0;
	char *text = xmalloc(room + sizeof("..."));

	while (len) {
		size_t n = sequence(s, len);
		bool plain = n &&
			     (!is_control(s, n) || (keep_tab && n == 1 && s[0] == '\t'));

		if (!n)
			n = 1;
		if (n * (plain ? 1 : 4) > room - out) {
			memcpy(text + out, "...", 3);
			out += 3;
			break;
		}
		for (size_t i = 0; i < n; i++) {
			if (plain) {
				text[out++] = (char)s[i];
				continue;
			}
			text[out++] = '\\';
			text[out++] = 'x';
			text[out++] = hex[s[i] >> 4];
			text[out++] = hex[s[i] & 15];
		}
		s += n;
		len -= n;
	}
	text[out] = '\0';
	return text;
}
