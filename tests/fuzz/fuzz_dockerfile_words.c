/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the words of an instruction: in single quotes nothing is expanded, and what
 * was split and is quoted again gives the same words.
 */
#include <stdint.h>

#include "build/dockerfile_words.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The words in double quotes, which keep everything but '"', '$' and '\'. */
static void quote(const struct s2c_strv *words, struct s2c_buf *out)
{
	s2c_strv_foreach (word, words) {
		s2c_buf_must_printf(out, "\"");
		for (const char *p = word; *p; p++)
			s2c_buf_must_printf(
				out, "%s%c", strchr("\"$\\", *p) ? "\\" : "", *p);
		s2c_buf_must_printf(out, "\" ");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, out = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv again = S2C_STRV_INIT, raw = S2C_STRV_INIT;
	struct s2c_words words = {.env = &env, .escape = '\\'};
	CLEAN_FREE char *text = xstrndup((const char *)data, size);
	CLEAN_BUF struct s2c_buf quoted = S2C_BUF_INIT(64u * S2C_WORDS_BYTES_MAX);
	CLEAN_ERROR struct s2c_error *err = NULL, *other = NULL;
	CLEAN_FREE char *one = NULL;

	s2c_strv_add(&env, "A=x y");
	s2c_strv_add(&env, "E=");
	if (s2c_words_one(&words, text, &one, &other) < 0 && (one || !other))
		abort();
	if (s2c_words_raw(text, '\\', &raw, NULL) < 0)
		s2c_strv_release(&raw);
	if (s2c_words_split(&words, text, &out, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	quote(&out, &quoted);
	if (s2c_words_split(&words, s2c_buf_str(&quoted), &again, &err) < 0 ||
		again.len != out.len)
		abort();
	for (size_t i = 0; i < out.len; i++)
		if (!streq(out.items[i], again.items[i]))
			abort();
	return 0;
}
