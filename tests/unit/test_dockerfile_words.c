/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes and variables of Dockerfiles. */
#include "helper.h"

#include "build/dockerfile_words.h"
#include "util/buf.h"

/* A=1, E is empty, S has a blank, Q has quotes; B is an ARG that ENV hides, C one alone.
 */
static void make(struct s2c_strv *env, struct s2c_strv *args)
{
	static const char *const envs[] = {
		"A=1", "E=", "S=two words", "Q='$A'", "B=env", "A_b1=long"};

	for (size_t i = 0; i < ARRAY_SIZE(envs); i++)
		s2c_strv_add(env, envs[i]);
	s2c_strv_add(args, "B=arg");
	s2c_strv_add(args, "C=c");
}

static void test_one(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"two words", "two words"},
		{"$A", "1"},
		{"x${A}y", "x1y"},
		{"$A_b1.$A", "long.1"},
		{"$NONE", ""},
		{"$B$C", "envc"},
		{"$S", "two words"},
		{"$Q", "'$A'"}, /* what it brings is not read again */
		{"\\$A", "$A"},
		{"\\\\", "\\"},
		{"a\\", "a"},
		{"\\a", "a"},
		{"'$A \\n'", "$A \\n"},
		{"\"$A\"", "1"},
		{"\"\\$A \\\" \\\\ \\n\"", "$A \" \\ \\n"},
		{"\"it's\"", "it's"},
		{"'a'\"b\"c", "abc"},
		{"$", "$"},
		{"$ x", "$ x"},
		{"$.", "$."},
		{"100%$$", "100%"}, /* the sign of a shell's process, never set */
		{"$1$10$?$@", ""},
		{"${A:-d}", "1"},
		{"${E:-d}", "d"},
		{"${E-d}", ""},
		{"${NONE:-d}", "d"},
		{"${NONE-d}", "d"},
		{"${NONE:-}", ""},
		{"${A:+d}", "d"},
		{"${E:+d}", ""},
		{"${E+d}", "d"},
		{"${NONE+d}", ""},
		{"${NONE:-${A}}", "1"},
		{"${NONE:-${NONE:-x${A}}}!", "x1!"},
		{"${NONE:-'}'}", "}"},
		{"${NONE:-\"}\"}", "}"},
		{"${NONE:-\\}}", "}"},
		{"${NONE:-a b}", "a b"},
		{"${A:?never}", "1"},
		{"${E?never}", ""},
		{"a}b", "a}b"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	};
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, args = S2C_STRV_INIT;
	struct s2c_words words = {.env = &env, .args = &args, .escape = '\\'};

	make(&env, &args);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *word = NULL;

		assert_ok(s2c_words_one(&words, cases[i].text, &word, &terr));
		assert_string_equal(word, cases[i].word);
	}
}

static void test_one_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"'", "quote (') is not closed"},
		{"\"a", "quote (\") is not closed"},
		{"\"a\\\"", "quote (\") is not closed"},
		{"${A", "'${A' is not closed"},
		{"${A:-x", "'${' is not closed"},
		{"\"${A:-x\"", "quote (\") is not closed"},
		{"${", "without the name"},
		{"${}", "without the name"},
		{"${.}", "without the name"},
		{"${A#x}", "'${A#...}' is not supported"},
		{"${A%%x}", "'${A%...}'"},
		{"${A/x/y}", "'${A/...}'"},
		{"${A:=x}", "'${A:=...}'"},
		{"${A:1}", "'${A:1...}'"},
		{"${A.b}", "'${A....}'"},
		{"${NONE:?say why}", "'NONE' has no value: say why"},
		{"${E:?}", "'E' has no value: it must be set"},
		{"${NONE?}", "'NONE' has no value"},
	};
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, args = S2C_STRV_INIT;
	struct s2c_words words = {.env = &env, .args = &args, .escape = '\\'};

	make(&env, &args);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *word = NULL;

		assert_fails(s2c_words_one(&words, cases[i].text, &word, &terr),
			S2C_EINVAL, cases[i].part);
		assert_null(word);
	}
}

/* The words as one string: "a|b". Caller frees. */
static char *joined(const struct s2c_strv *words)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 20);

	for (size_t i = 0; i < words->len; i++)
		s2c_buf_must_printf(&buf, "%s%s", i ? "|" : "", words->items[i]);
	return s2c_buf_take(&buf);
}

static void test_split(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", ""},
		{"  ", ""},
		{" a\tb  c ", "a|b|c"},
		{"\"a b\" 'c d' e\\ f", "a b|c d|e f"},
		{"'' \"\"", "|"},
		{"$S", "two|words"},
		{"x$S-y", "xtwo|words-y"},
		{"\"$S\"", "two words"},
		{"\"x $S\"y z", "x two wordsy|z"},
		{"${NONE:-a b} c", "a|b|c"},
		{"$E $NONE x", "x"},
		{"\"$E\" x", "|x"},
	};
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, args = S2C_STRV_INIT;
	struct s2c_words words = {.env = &env, .args = &args, .escape = '\\'};

	make(&env, &args);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_STRV struct s2c_strv out = S2C_STRV_INIT;

		assert_ok(s2c_words_split(&words, cases[i].text, &out, &terr));
		CLEAN_FREE char *text = joined(&out);
		assert_string_equal(text, cases[i].words);
	}
}

static void test_raw(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", ""},
		{" A=1  B=\"x y\" ", "A=1|B=\"x y\""},
		{"A='x y'z \"k\"=$v", "A='x y'z|\"k\"=$v"},
		{"A=a\\ b C=\\\"", "A=a\\ b|C=\\\""},
		{"A='\\' B=", "A='\\'|B="},
	};
	CLEAN_STRV struct s2c_strv bad = S2C_STRV_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_STRV struct s2c_strv out = S2C_STRV_INIT;

		assert_ok(s2c_words_raw(cases[i].text, '\\', &out, &terr));
		CLEAN_FREE char *text = joined(&out);
		assert_string_equal(text, cases[i].words);
	}
	assert_fails(s2c_words_raw("A=\"x", '\\', &bad, &terr), S2C_EINVAL,
		"quote (\") is not closed");
	assert_fails(s2c_words_raw("A='x\\'y'", '\\', &bad, &terr), S2C_EINVAL,
		"quote (') is not closed");
}

static void test_other_escape(void **state)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_words words = {.env = &env, .escape = '`'};
	CLEAN_FREE char *word = NULL;

	s2c_strv_add(&env, "A=1");
	assert_ok(s2c_words_one(&words, "C:\\dir\\$A `$A \"`$A\"", &word, &terr));
	assert_string_equal(word, "C:\\dir\\1 $A $A");
}

static void test_limits(void **state)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, out = S2C_STRV_INIT;
	struct s2c_words words = {.env = &env, .escape = '\\'};
	struct s2c_buf text = S2C_BUF_INIT(1u << 20);
	CLEAN_FREE char *big = xmalloc(S2C_WORDS_BYTES_MAX / 2 + 4);
	char *word = NULL;

	memset(big, 'x', S2C_WORDS_BYTES_MAX / 2 + 3);
	big[0] = 'B';
	big[1] = '=';
	big[S2C_WORDS_BYTES_MAX / 2 + 3] = '\0';
	s2c_strv_add(&env, big);
	/* A short text of a hostile file becomes a large one. */
	assert_fails(s2c_words_one(&words, "$B$B$B", &word, &terr), S2C_ELIMIT, "");
	for (int i = 0; i <= S2C_WORDS_DEPTH_MAX; i++)
		s2c_buf_must_printf(&text, "${N:-");
	assert_fails(s2c_words_one(&words, text.data, &word, &terr), S2C_ELIMIT,
		"nested deeper than 16");
	s2c_buf_clear(&text);
	for (int i = 0; i <= S2C_WORDS_MAX; i++)
		s2c_buf_must_printf(&text, "w ");
	assert_fails(s2c_words_split(&words, text.data, &out, &terr), S2C_ELIMIT,
		"more than 4096 words");
	s2c_strv_release(&out);
	assert_fails(s2c_words_raw(text.data, '\\', &out, &terr), S2C_ELIMIT,
		"more than 4096");
	s2c_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_one_refused),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_other_escape),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
