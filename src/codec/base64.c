/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 in both directions, nothing of its own opinion: no line breaks, no other
 * alphabet.
 */
#include "codec/base64.h"

#include <stdint.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *s2c_base64_encode(const void *data, size_t len)
{
	const unsigned char *in = data;
	char *out = xmalloc(len / 3 * 4 + 5), *p = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;
		if (n > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			v |= in[i + 2];
		*p++ = alphabet[v >> 18 & 63];
		*p++ = alphabet[v >> 12 & 63];
		*p++ = n > 1 ? alphabet[v >> 6 & 63] : '=';
		*p++ = n > 2 ? alphabet[v & 63] : '=';
	}
	*p = '\0';
	return out;
}

static int value(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int s2c_base64_decode(
	const char *text, char **out, size_t *out_len, struct s2c_error **err)
{
	size_t len = strlen(text), pad = 0, n = 0;
	CLEAN(s2c_clean_secret) char *bytes = NULL;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len % 4)
		return s2c_fail(err, S2C_EINVAL, "base64 text of odd length");
	bytes = xcalloc(len / 4 * 3 + 1, 1);
	for (size_t i = 0; i < len; i += 4) {
		size_t digits = i + 4 == len ? 4 - pad : 4;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? value(text[i + k]) : 0;
			if (d < 0)
				return s2c_fail(err, S2C_EINVAL, "no base64 text");
			v = v << 6 | (uint32_t)d;
		}
		for (size_t k = 0; k < 3; k++) {
			unsigned char b = (unsigned char)(v >> (16 - 8 * k));
			if (k + 1 < digits)
				bytes[n++] = (char)b;
			else if (b)
				return s2c_fail(
					err, S2C_EINVAL, "base64 text with stray bits");
		}
	}
	*out_len = n;
	*out = TAKE(bytes);
	return 0;
}
