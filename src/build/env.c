/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environment files and -e values. No quoting and no expansion: what stands behind the
 * first "=" is the value, without the blanks around it. Messages name the variable and
 * never its value.
 */
#include "build/env.h"

#include <stdbool.h>

#include "util/escape.h"

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the blanks off both ends. */
static const char *trim(const char *text, size_t *len)
{
	while (*len && blank(*text)) {
		text++;
		(*len)--;
	}
	while (*len && blank(text[*len - 1]))
		(*len)--;
	return text;
}

/* Blanks inside a name are typing errors such as "export A=b". */
static int check_name(const char *name, size_t len, struct s2c_error **err)
{
	if (!len)
		return s2c_fail(
			err, S2C_EINVAL, "a variable without a name; write NAME=VALUE");
	for (size_t i = 0; i < len; i++)
		if (blank(name[i]) || (unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return s2c_fail(err, S2C_EINVAL,
				"'%.*s' is no name of a variable; write NAME=VALUE",
				(int)(len < 200 ? len : 200), name);
	return 0;
}

static int put(const char *text, size_t len, struct s2c_strv *env, struct s2c_error **err)
{
	const char *equals = memchr(text, '=', len);

	if (!equals)
		return s2c_fail(err, S2C_EINVAL, "'%.*s' has no '='; write NAME=VALUE",
			(int)(len < 200 ? len : 200), text);
	size_t name_len = (size_t)(equals - text);
	size_t value_len = len - name_len - 1;
	const char *name = trim(text, &name_len);
	const char *value = trim(equals + 1, &value_len);
	if (check_name(name, name_len, err) < 0)
		return -1;
	if (name_len + 1 + value_len >= S2C_ENV_VAR_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"variable '%.*s' is larger than %d bytes",
			(int)(name_len < 200 ? name_len : 200), name, S2C_ENV_VAR_MAX);
	/* The image's configuration is JSON: other bytes would not survive in it. */
	if (!s2c_utf8_valid(name, name_len) || !s2c_utf8_valid(value, value_len))
		return s2c_fail(err, S2C_EINVAL, "variable '%.*s' is not valid UTF-8",
			(int)(name_len < 200 ? name_len : 200), name);
	CLEAN_FREE char *both = xasprintf(
		"%.*s=%.*s", (int)name_len, name, (int)value_len, value);
	s2c_env_put(env, both);
	if (env->len > S2C_ENV_VARS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d variables", S2C_ENV_VARS_MAX);
	return 0;
}

/* Comments begin with "#", in S2I's -E files also with two slashes. */
static bool comment(const char *line, size_t len)
{
	return line[0] == '#' || (len > 1 && line[0] == '/' && line[1] == '/');
}

int s2c_env_parse_file(const char *text, size_t len, const char *what,
	struct s2c_strv *env, struct s2c_error **err)
{
	const char *end = text + len;
	unsigned number = 1;

	if (len > S2C_ENV_FILE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%s' is larger than %u bytes", what,
			S2C_ENV_FILE_MAX);
	if (len && memchr(text, 0, len))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' holds a NUL byte; it must be text of NAME=VALUE lines",
			what);
	for (const char *line = text; line < end; number++) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *next = stop ? stop + 1 : end;
		size_t size = (size_t)((stop ? stop : end) - line);

		line = trim(line, &size);
		if (size && !comment(line, size) && put(line, size, env, err) < 0)
			return s2c_wrap(err, "'%s', line %u", what, number);
		line = next;
	}
	return 0;
}

int s2c_env_parse_flag(const char *option, const char *text, struct s2c_strv *env,
	struct s2c_error **err)
{
	size_t len = strlen(text);

	text = trim(text, &len);
	if (put(text, len, env, err) < 0)
		return s2c_wrap(err, "%s", option);
	return 0;
}

void s2c_env_default(struct s2c_strv *env, const char *home)
{
	static const char path[] =
		"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

	if (!s2c_env_get(env, "PATH"))
		s2c_env_set(env, "PATH", path);
	if (!s2c_env_get(env, "HOME"))
		s2c_env_set(env, "HOME", *home ? home : "/");
}
