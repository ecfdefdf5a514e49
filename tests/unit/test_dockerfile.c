/* SPDX-License-Identifier: Apache-2.0 */
/* Dockerfiles as text. */
#include "helper.h"

#include "build/dockerfile.h"
#include "util/buf.h"

/* The instructions as text: "2 COPY [--chown=1] {a|b}" for an array, else its rest. */
static char *dump(const struct s2c_dockerfile *file)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 20);

	for (size_t i = 0; i < file->n; i++) {
		const struct s2c_instruction *item = &file->items[i];

		s2c_buf_must_printf(&buf, "%s%u %s ", i ? ";" : "", item->line,
			s2c_instruction_name(item->kind));
		s2c_strv_foreach (flag, &item->flags)
			s2c_buf_must_printf(&buf, "[%s] ", flag);
		if (!item->exec_form)
			s2c_buf_must_printf(&buf, "%s", item->rest);
		s2c_strv_foreach (word, &item->words)
			s2c_buf_must_printf(&buf, "{%s}", word);
	}
	return s2c_buf_take(&buf);
}

static void test_good(void **state)
{
	static const struct {
		const char *text, *dump;
	} cases[] = {
		{"", ""},
		{"\n \n# nothing\n", ""},
		{"FROM a", "1 FROM a"},
		{"\xef\xbb\xbf"
		 "FROM a",
			"1 FROM a"},
		{"from a\r\nrun  x  y \r\n", "1 FROM a;2 RUN x  y"},
		{"\tFROM\ta\n", "1 FROM a"},
		{"# c\n\nFROM a\n  # d\nRUN x", "3 FROM a;5 RUN x"},
		{"RUN a \\\n  b \\\n  c\nUSER 1", "1 RUN a   b   c;4 USER 1"},
		{"RUN a \\  \n b", "1 RUN a  b"},
		{"RUN a \\\n# comment\n   # another\n\n b\nUSER 1",
			"1 RUN a  b;6 USER 1"},
		{"RUN a \\", "1 RUN a"},
		{"\\\nRUN a", "1 RUN a"},
		{"RUN a # no comment", "1 RUN a # no comment"},
		{"RUN a\\\\\nUSER 1", "1 RUN a\\\\;2 USER 1"},
		{"# escape=`\nRUN a `\n b\\\nUSER 1", "2 RUN a  b\\;4 USER 1"},
		{"#  EsCaPe = `  \nRUN a `\n b", "2 RUN a  b"},
		{"# comment\n# escape=`\nRUN a \\\n b", "3 RUN a  b"},
		{"\n# escape=`\nRUN a \\\n b", "3 RUN a  b"},
		{"# syntax=x\n# escape=`\nRUN a `\n b", "3 RUN a  b"},
		{"# check=skip=all\n# escape=`\nRUN a `\n b", "3 RUN a  b"},
		{"CMD [\"a\", \"b c\"]", "1 CMD {a}{b c}"},
		{"CMD []", "1 CMD "},
		{"CMD [\"a\\u0041\\n\"]", "1 CMD {aA\n}"},
		{"CMD ['a']", "1 CMD ['a']"},
		{"RUN [ -f x ] && y", "1 RUN [ -f x ] && y"},
		{"RUN [\"a\",\\\n \"b\"]", "1 RUN {a}{b}"},
		{"ENV [\"a\"]", "1 ENV [\"a\"]"},
		{"COPY --chown=1:0 --chmod=755 a b",
			"1 COPY [--chown=1:0] [--chmod=755] a b"},
		{"COPY --chown=1:0 [\"a b\", \"c\"]", "1 COPY [--chown=1:0] {a b}{c}"},
		{"COPY --from=\"x y\" a\\ b c", "1 COPY [--from=x y] a\\ b c"},
		{"COPY -- --a b", "1 COPY --a b"},
		{"COPY a --b", "1 COPY a --b"},
		{"RUN --mount=type=x --mount=type=y z",
			"1 RUN [--mount=type=x] [--mount=type=y] z"},
		{"HEALTHCHECK --interval=3s CMD x",
			"1 HEALTHCHECK [--interval=3s] CMD x"},
		{"ONBUILD COPY --chown=1 a b", "1 ONBUILD COPY --chown=1 a b"},
		{"RUN echo $((1<<2)) <input", "1 RUN echo $((1<<2)) <input"},
		{"RUN [\"cat\", \"<<EOF\"]", "1 RUN {cat}{<<EOF}"},
		{"LABEL a=<<EOF", "1 LABEL a=<<EOF"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;

		assert_ok(s2c_dockerfile_parse(
			cases[i].text, strlen(cases[i].text), &file, &terr));
		CLEAN_FREE char *text = dump(file);
		assert_string_equal(text, cases[i].dump);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: strlen */
		const char *part;
	} cases[] = {
		{"RUNX a", 0, "line 1: 'RUNX' is no instruction"},
		{"FROM a\n\n x", 0, "line 3: 'x' is no instruction"},
		{"RUN", 0, "line 1: RUN needs an argument"},
		{"FROM a\nUSER \\\n\n", 0, "line 2: USER needs an argument"},
		{"COPY --chown=1", 0, "COPY needs an argument"},
		{"COPY --from=\"x a b", 0, "COPY: a quote is not closed"},
		{"CMD [\"a\", 1]", 0, "CMD: the array must hold strings only"},
		{"SHELL [[\"a\"]]", 0, "strings only"},
		{"# escape=x\nRUN a", 0, "line 1: the escape directive takes"},
		{"# escape=\nRUN a", 0, "the escape directive takes"},
		{"# escape=`\n# escape=`\nRUN a", 0,
			"line 2: the escape directive is there twice"},
		{"FROM a\nRUN cat <<EOF\nx\nEOF", 0,
			"line 2: RUN with a heredoc ('<<EOF')"},
		{"COPY <<-\"E\" /x", 0, "COPY with a heredoc"},
		{"RUN 3<<'E' x", 0, "heredoc"},
		{"RUN a\0b", 7, "no UTF-8"},
		{"RUN \xff", 0, "no UTF-8"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_dockerfile *file = NULL;
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);

		assert_fails(s2c_dockerfile_parse(cases[i].text, len, &file, &terr),
			S2C_EINVAL, cases[i].part);
		assert_null(file);
	}
}

static void test_one(void **state)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	struct s2c_dockerfile *none = NULL;

	assert_ok(s2c_dockerfile_parse_one("COPY . /app", &file, &terr));
	assert_int_equal(file->items[0].kind, S2C_INSTRUCTION_COPY);
	assert_fails(s2c_dockerfile_parse_one("", &none, &terr), S2C_EINVAL,
		"0 instructions instead of one");
	assert_fails(s2c_dockerfile_parse_one("RUN a\nUSER 0", &none, &terr), S2C_EINVAL,
		"2 instructions instead of one");
}

static void test_directives(void **state)
{
	static const char text[] =
		"# syntax = docker/dockerfile:1\n#syntax=other\nFROM a";
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;

	assert_ok(s2c_dockerfile_parse(text, strlen(text), &file, &terr));
	assert_string_equal(file->syntax, "docker/dockerfile:1");
	assert_int_equal(file->escape, '\\');
	assert_int_equal(file->n, 1);
}

static void test_flags(void **state)
{
	static const char *const known[] = {"chown", "link", NULL};
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL, *twice = NULL, *bad = NULL;

	assert_ok(s2c_dockerfile_parse_one("COPY --chown=1:0 --link a b", &file, &terr));
	assert_string_equal(s2c_instruction_flag(&file->items[0], "chown"), "1:0");
	assert_string_equal(s2c_instruction_flag(&file->items[0], "link"), "");
	assert_null(s2c_instruction_flag(&file->items[0], "cho"));
	assert_null(s2c_instruction_flag(&file->items[0], "chownx"));
	assert_ok(s2c_instruction_check_flags(&file->items[0], known, &terr));
	assert_ok(
		s2c_dockerfile_parse_one("COPY --chown=1 --chown=2 a b", &twice, &terr));
	assert_fails(s2c_instruction_check_flags(&twice->items[0], known, &terr),
		S2C_EINVAL, "COPY has the flag --chown twice");
	assert_ok(s2c_dockerfile_parse_one("COPY --chow=1 a b", &bad, &terr));
	assert_fails(s2c_instruction_check_flags(&bad->items[0], known, &terr),
		S2C_EINVAL, "COPY has no flag '--chow=1'");
}

static void test_limits(void **state)
{
	struct s2c_buf text = S2C_BUF_INIT(4 * S2C_DOCKERFILE_MAX);
	struct s2c_dockerfile *file = NULL;

	for (int i = 0; i <= S2C_DOCKERFILE_INSTRUCTIONS_MAX; i++)
		s2c_buf_must_printf(&text, "USER 1\n");
	assert_fails(s2c_dockerfile_parse(text.data, text.len, &file, &terr), S2C_ELIMIT,
		"line 4097: more than 4096 instructions");
	s2c_buf_clear(&text);
	s2c_buf_must_printf(&text, "COPY");
	for (int i = 0; i <= S2C_DOCKERFILE_FLAGS_MAX; i++)
		s2c_buf_must_printf(&text, " --f");
	assert_fails(s2c_dockerfile_parse(text.data, text.len, &file, &terr), S2C_ELIMIT,
		"more than 64 flags");
	s2c_buf_clear(&text);
	s2c_buf_must_printf(&text, "RUN");
	while (text.len < S2C_DOCKERFILE_LINE_MAX)
		s2c_buf_must_printf(&text, " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\\n");
	s2c_buf_must_printf(
		&text, " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	while (text.len < 2 * S2C_DOCKERFILE_LINE_MAX)
		s2c_buf_must_printf(&text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	assert_fails(s2c_dockerfile_parse(text.data, text.len, &file, &terr), S2C_ELIMIT,
		"line 1");
	while (text.len <= S2C_DOCKERFILE_MAX)
		s2c_buf_must_printf(&text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
	assert_fails(s2c_dockerfile_parse(text.data, text.len, &file, &terr), S2C_ELIMIT,
		"larger than");
	s2c_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
