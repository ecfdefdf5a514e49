/* SPDX-License-Identifier: Apache-2.0 */
/* .s2ifile: what S2I writes is read, what is written is read again, the rest is refused.
 */
#include "helper.h"

#include <s2c/s2ifile.h>

static void clean_file(struct s2c_s2ifile **file)
{
	s2c_s2ifile_free(*file);
}
#define CLEAN_FILE CLEAN(clean_file)

static struct s2c_s2ifile *parse(const char *text)
{
	struct s2c_s2ifile *file = NULL;

	assert_ok(s2c_s2ifile_parse(text, strlen(text), &file, &terr));
	return file;
}

/* The flags as "name=value;" in order. */
static char *flags_of(const struct s2c_s2ifile *file)
{
	char *all = xstrdup("");

	for (size_t i = 0; i < file->n_flags; i++) {
		char *more = xasprintf(
			"%s%s=%s;", all, file->flags[i].name, file->flags[i].value);

		free(all);
		all = more;
	}
	return all;
}

static void test_of_s2i(void **state)
{
	CLEAN_FILE struct s2c_s2ifile *file = parse(
		"{\"source\":\"https://h/r\",\"builderImage\":\"b:1\",\"tag\":\"t\","
		"\"flags\":{\"env-1\":\"B=2\",\"env-10\":\"K=11\",\"env-0\":\"A=1,x\","
		"\"env-2\":\"C=3\",\"volume\":\"[/a:/b:ro,/c:/d]\","
		"\"cap-drop\":\"[]\",\"add-host\":\"[\\\"q\\\"\\\"u,o\\\",h:1]\","
		"\"inject\":\"/s:/d,/e:/f\",\"quiet\":\"true\"}}");
	CLEAN_FREE char *flags = flags_of(file);

	assert_string_equal(file->source, "https://h/r");
	assert_string_equal(file->builder, "b:1");
	assert_string_equal(file->tag, "t");
	assert_string_equal(flags,
		"add-host=q\"u,o;add-host=h:1;env=A=1,x;env=B=2;env=C=3;"
		"env=K=11;inject=/s:/d;inject=/e:/f;quiet=true;"
		"volume=/a:/b:ro;volume=/c:/d;");
}

static void test_little(void **state)
{
	static const char *const texts[] = {"{}", "{\"flags\":null}", "{\"flags\":{}}",
		"{\"source\":null,\"more\":[1]}"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEAN_FILE struct s2c_s2ifile *file = parse(texts[i]);

		assert_string_equal(file->source, "");
		assert_string_equal(file->tag, "");
		assert_int_equal(file->n_flags, 0);
	}
}

static void test_round_trip(void **state)
{
	CLEAN_FILE struct s2c_s2ifile *file = s2c_s2ifile_new(), *again = NULL;
	CLEAN_FREE char *before = NULL;
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *after = NULL;

	s2c_s2ifile_add(file, "env", "A= [x],\"y\"\n", 0);
	s2c_s2ifile_add(file, "env", "B", 1);
	s2c_s2ifile_add(file, "inject", "/a,b:/c", 0);
	s2c_s2ifile_add(file, "volume", "[/a:/b]", 0);
	s2c_s2ifile_add(file, "with-9x", "-1", -1);
	before = flags_of(file);
	text = s2c_s2ifile_print(file);
	again = parse(text);
	after = flags_of(again);
	assert_string_equal(before, after);
}

static void test_no_passwords(void **state)
{
	static const char *const cases[][2] = {
		{"https://user:pass@host/r#v1", "https://host/r#v1"},
		{"https://token@host:8443/r", "https://host:8443/r"},
		{"ssh://git@host/r", "ssh://git@host/r"},
		{"git@host:r", "git@host:r"},
		{"./a@b", "./a@b"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FILE struct s2c_s2ifile *file = s2c_s2ifile_new();
		CLEAN_FREE char *text = NULL;
		CLEAN_FILE struct s2c_s2ifile *again = NULL;

		free(file->source);
		file->source = xstrdup(cases[i][0]);
		text = s2c_s2ifile_print(file);
		again = parse(text);
		assert_string_equal(again->source, cases[i][1]);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} cases[] = {
		{"", ""},
		{"{", ""},
		{"[]", "must be an object"},
		{"{\"source\":1}", "'source' must be a string"},
		{"{\"builderImage\":[]}", "'builderImage' must be a string"},
		{"{\"flags\":[]}", "'flags' must be an object"},
		{"{\"flags\":{\"env-0\":1}}", "flag 'env-0' must be a string"},
		{"{\"flags\":{\"\":\"x\"}}", "no name of a flag"},
		{"{\"flags\":{\"-x\":\"x\"}}", "no name of a flag"},
		{"{\"flags\":{\"A\":\"x\"}}", "no name of a flag"},
		{"{\"flags\":{\"a b\":\"x\"}}", "no name of a flag"},
		{"{\"flags\":{\"a\":\"x\",\"a\":\"y\"}}", "duplicate"},
		{"{\"flags\":{\"volume\":\"[\\\"a,b]\"}}", "quotes"},
		{"{\"flags\":{\"volume\":\"[\\\"a\\\"b]\"}}", "quotes"},
		{"{\"tag\":\"\\u0000\"}", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_s2ifile *file = NULL;

		assert_fails(s2c_s2ifile_parse(
				     cases[i].text, strlen(cases[i].text), &file, &terr),
			S2C_EPROTO, cases[i].part);
		assert_null(file);
	}
}

static void test_limits(void **state)
{
	CLEAN_FILE struct s2c_s2ifile *file = s2c_s2ifile_new();
	CLEAN_FREE char *commas = xcalloc(1, 3000);
	CLEAN_FREE char *text = NULL;
	struct s2c_s2ifile *out = NULL;

	for (int i = 0; i <= S2C_S2IFILE_FLAGS_MAX; i++)
		s2c_s2ifile_add(file, "env", "A", i);
	text = s2c_s2ifile_print(file);
	assert_fails(s2c_s2ifile_parse(text, strlen(text), &out, &terr), S2C_ELIMIT,
		"more than 1000 flags");
	for (size_t i = 0; i < 2998; i++)
		commas[i] = i % 2 ? ',' : 'x';
	free(TAKE(text));
	text = xasprintf("{\"flags\":{\"inject\":\"%s\"}}", commas);
	assert_fails(s2c_s2ifile_parse(text, strlen(text), &out, &terr), S2C_ELIMIT,
		"more than 1000 flags");
	free(TAKE(text));
	text = xcalloc(1, S2C_S2IFILE_MAX + 2);
	memset(text, ' ', S2C_S2IFILE_MAX + 1);
	assert_fails(s2c_s2ifile_parse(text, strlen(text), &out, &terr), S2C_ELIMIT,
		"1048576 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_s2i),
		cmocka_unit_test(test_little),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_passwords),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
