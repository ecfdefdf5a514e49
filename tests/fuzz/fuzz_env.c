/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an environment file: what comes out are assignments, and writing them as a
 * file again gives the same ones.
 */
#include <stdint.h>

#include "build/env.h"
#include "util/buf.h"
#include "util/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, again = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(4 * S2C_ENV_FILE_MAX);
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_env_parse_file((const char *)data, size, "f", &env, &err) < 0) {
		if (!err)
			abort();
		return 0;
	}
	for (size_t i = 0; i < env.len; i++) {
		const char *item = env.items[i];

		if (*item == '=' || !strchr(item, '=') || strchr(item, '\n') ||
			!s2c_utf8_valid(item, strlen(item)))
			abort();
		s2c_buf_must_printf(&text, "%s\n", item);
	}
	if (s2c_env_parse_file(s2c_buf_str(&text), text.len, "f", &again, &err) < 0 ||
		env.len != again.len)
		abort();
	for (size_t i = 0; i < env.len; i++)
		if (!streq(env.items[i], again.items[i]))
			abort();
	return 0;
}
