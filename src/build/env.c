/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assignments out of text: trimmed, checked, put in order into an environment.
 */
#include "build/env.h"

#include <stdbool.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **at, size_t *len)
{
	while (*len && is_blank(**at)) {
		(*at)++;
		(*len)--;
	}
	while (*len && is_blank((*at)[*len - 1]))
		(*len)--;
}

/* "NAME = VALUE" of `len` bytes; `what` leads the message. */
static int put(const char *text, size_t len, const char *what, struct s2c_strv *env,
	struct s2c_error **err)
{
	const char *equals, *value;
	size_t name_len, value_len;
	CLEAN_FREE char *assignment = NULL;

	trim(&text, &len);
	equals = memchr(text, '=', len);
	if (!equals)
		return s2c_fail(err, S2C_EINVAL, "%s: '%.*s' is not NAME=VALUE", what,
			(int)(len < 80 ? len : 80), text);
	name_len = (size_t)(equals - text);
	value = equals + 1;
	value_len = len - name_len - 1;
	trim(&text, &name_len);
	trim(&value, &value_len);
	if (name_len == 0)
		return s2c_fail(
			err, S2C_EINVAL, "%s: the variable before '=' has no name", what);
	if (len > S2C_ENV_VAR_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"%s: the variable is longer than %d bytes", what,
			S2C_ENV_VAR_MAX);
	if (memchr(text, '\0', len))
		return s2c_fail(err, S2C_EINVAL, "%s: a variable holds a NUL byte", what);
	assignment = xasprintf("%.*s=%.*s", (int)name_len, text, (int)value_len, value);
	s2c_env_put(env, assignment);
	if (env->len > S2C_ENV_VARS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "%s: more than %d variables", what,
			S2C_ENV_VARS_MAX);
	return 0;
}

int s2c_env_parse_flag(const char *text, struct s2c_strv *env, struct s2c_error **err)
{
	return put(text, strlen(text), "--env", env, err);
}

int s2c_env_parse_file(const char *text, size_t len, const char *what,
	struct s2c_strv *env, struct s2c_error **err)
{
	const char *end = text + len;
	unsigned number = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line = text;
		size_t line_len = (size_t)((newline ? newline : end) - text);
		CLEAN_FREE char *where = xasprintf("%s line %u", what, ++number);

		text += line_len + 1;
		trim(&line, &line_len);
		if (line_len == 0 || *line == '#')
			continue;
		if (put(line, line_len, where, env, err))
			return -1;
	}
	return 0;
}
