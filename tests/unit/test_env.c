/* SPDX-License-Identifier: Apache-2.0 */
/* Environment files and -e values. */
#include "helper.h"

#include "build/env.h"

/* The vector as one string: "A=1|B=2". Caller frees. */
static char *joined(const struct s2c_strv *env)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 20);

	s2c_strv_foreach (item, env)
		s2c_buf_must_printf(&buf, "%s%s", buf.len ? "|" : "", item);
	return s2c_buf_take(&buf);
}

static void test_files(void **state)
{
	static const struct {
		const char *text, *env;
	} cases[] = {
		{"", ""},
		{"\n\n", ""},
		{"A=1", "A=1"},
		{"A=1\nB=2\n", "A=1|B=2"},
		{"A=1\r\nB=2\r\n", "A=1|B=2"},
		{"  A = 1  \n\tB\t=\t2\t", "A=1|B=2"},
		{"A=", "A="},
		{"A==", "A=="},
		{"URL=http://h/?a=b&c=d#e", "URL=http://h/?a=b&c=d#e"},
		{"A=\"quoted\" 'text' $HOME \\n", "A=\"quoted\" 'text' $HOME \\n"},
		{"A=two words", "A=two words"},
		{"# A=1\n  # B=2\nC=3", "C=3"},
		{"// A=1\n//B\nC=3", "C=3"},
		{"A=1 # kept", "A=1 # kept"},
		{"A=1\nB=2\nA=3", "A=3|B=2"},
		{"server.port=1\nx-y=2", "server.port=1|x-y=2"},
		{"A=gr\xc3\xbc\xc3\x9f", "A=gr\xc3\xbc\xc3\x9f"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

		assert_ok(s2c_env_parse_file(
			cases[i].text, strlen(cases[i].text), "f", &env, &terr));
		CLEAN_FREE char *text = joined(&env);
		assert_string_equal(text, cases[i].env);
	}
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: strlen */
		const char *part;
	} cases[] = {
		{"A", 0, "'.s2i/environment', line 1: 'A' has no '='"},
		{"A=1\n\n# c\nB", 0, "line 4"},
		{"=1", 0, "without a name"},
		{"  = 1", 0, "without a name"},
		{"export A=1", 0, "'export A'"},
		{"A\vB=1", 0, "no name of a variable"},
		{"A\x01=1", 0, "no name of a variable"},
		{"A=x\0y", 5, "NUL"},
		{"A=\xff\xfe", 0, "UTF-8"},
		{"\xff=a", 0, "UTF-8"},
		{"A=\xed\xa0\x80", 0, "UTF-8"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);

		assert_fails(s2c_env_parse_file(
				     cases[i].text, len, ".s2i/environment", &env, &terr),
			S2C_EINVAL, cases[i].part);
	}
}

/* A value may be a secret: no message shows one. */
static void test_values_are_not_quoted(void **state)
{
	static const char *const texts[] = {"A B=hunter2", "=hunter2", "A=hunter2\xff"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

		assert_int_equal(s2c_env_parse_flag("--env", texts[i], &env, &terr), -1);
		assert_null(strstr(s2c_error_message(terr), "hunter2"));
		s2c_error_free(TAKE(terr));
	}
}

static void test_limits(void **state)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	CLEAN_FREE char *big = xmalloc(S2C_ENV_FILE_MAX + 2);
	struct s2c_buf many = S2C_BUF_INIT(1u << 20);

	memset(big, 'x', S2C_ENV_FILE_MAX + 1);
	big[S2C_ENV_FILE_MAX + 1] = '\0';
	assert_fails(s2c_env_parse_file(big, S2C_ENV_FILE_MAX + 1, "f", &env, &terr),
		S2C_ELIMIT, "'f' is larger than");
	big[1] = '=';
	big[S2C_ENV_VAR_MAX - 1] = '\0';
	assert_ok(s2c_env_parse_flag("--env", big, &env, &terr));
	big[S2C_ENV_VAR_MAX - 1] = 'x';
	big[S2C_ENV_VAR_MAX] = '\0';
	assert_fails(s2c_env_parse_flag("--env", big, &env, &terr), S2C_ELIMIT,
		"--env: variable 'x' is larger");

	for (int i = 0; i < S2C_ENV_VARS_MAX; i++)
		s2c_buf_must_printf(&many, "V%d=\n", i);
	assert_fails(s2c_env_parse_file(many.data, many.len, "f", &env, &terr),
		S2C_ELIMIT, "more than 4096 variables");
	s2c_buf_release(&many);
}

static void test_flags(void **state)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;

	assert_ok(s2c_env_parse_flag("--env", " A = b,c=d ", &env, &terr));
	assert_ok(s2c_env_parse_flag("--env", "B=", &env, &terr));
	assert_ok(s2c_env_parse_flag("--env", "C=two\nlines", &env, &terr));
	assert_ok(s2c_env_parse_flag("--env", "A=last", &env, &terr));
	CLEAN_FREE char *text = joined(&env);
	assert_string_equal(text, "A=last|B=|C=two\nlines");
	assert_fails(s2c_env_parse_flag("--env", "", &env, &terr), S2C_EINVAL, "--env");
	assert_fails(s2c_env_parse_flag("--env", "NAME", &env, &terr), S2C_EINVAL,
		"NAME=VALUE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_values_are_not_quoted),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
