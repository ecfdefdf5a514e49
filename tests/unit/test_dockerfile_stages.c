/* SPDX-License-Identifier: Apache-2.0 */
/* A whole Dockerfile as stages. */
#include "helper.h"

#include "build/dockerfile_stages.h"

#define CLEAN_STAGES CLEAN(s2c_stages_release)

static int read_stages(const char *text, const char *given, struct s2c_dockerfile **file,
	struct s2c_stages *out)
{
	CLEAN_STRV struct s2c_strv values = S2C_STRV_INIT;

	if (given)
		s2c_strv_add(&values, given);
	assert_ok(s2c_dockerfile_parse(text, strlen(text), file, &terr));
	return s2c_stages_read(*file, &values, out, &terr);
}

/* "image as name on platform: n;" of each, then "unused". */
static char *dump(const struct s2c_stages *stages)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 16);

	for (size_t i = 0; i < stages->n; i++)
		s2c_buf_must_printf(&buf, "%s as %s on %s: %zu;", stages->items[i].image,
			stages->items[i].name ? stages->items[i].name : "-",
			stages->items[i].platform ? stages->items[i].platform : "-",
			stages->items[i].n);
	s2c_strv_foreach (name, &stages->unused)
		s2c_buf_must_printf(&buf, " unused %s", name);
	return s2c_buf_take(&buf);
}

static void test_read(void **state)
{
	static const struct {
		const char *text, *given, *found;
	} cases[] = {
		{"FROM a", NULL, "a as - on -: 0;"},
		{"# x\n\nFROM a:1 AS One\nRUN x\nCMD y\nfrom b\nUSER 1\n", NULL,
			"a:1 as one on -: 2;b as - on -: 1;"},
		{"ARG A=x\nARG B=$A/y\nFROM $B:1", NULL, "x/y:1 as - on -: 0;"},
		{"ARG A=x\nFROM $A", "A=y", "y as - on -: 0;"},
		{"ARG A\nFROM ${A:-z}", NULL, "z as - on -: 0;"},
		{"ARG P=linux/arm64\nFROM --platform=$P a as b", NULL,
			"a as b on linux/arm64: 0;"},
		/* An ARG of a stage is not for FROM. */
		{"FROM a\nARG B=x\nFROM ${B:-y}", "C=1",
			"a as - on -: 1;y as - on -: 0; unused C"},
		{"FROM a\nARG B", "B=1", "a as - on -: 1;"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
		CLEAN_STAGES struct s2c_stages stages = {.n = 0};

		assert_ok(read_stages(cases[i].text, cases[i].given, &file, &stages));
		CLEAN_FREE char *found = dump(&stages);
		assert_string_equal(found, cases[i].found);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{"", S2C_EINVAL, "there is no FROM"},
		{"ARG A=1", S2C_EINVAL, "there is no FROM"},
		{"\nENV A=1\nFROM a", S2C_EINVAL, "line 2: ENV stands before"},
		{"ARG =1\nFROM a", S2C_EINVAL, "line 1: ARG: "},
		{"FROM a b", S2C_EINVAL, "line 1: FROM: it takes IMAGE"},
		{"FROM a IS b", S2C_EINVAL, "it takes IMAGE"},
		{"FROM a AS", S2C_EINVAL, "it takes IMAGE"},
		{"FROM a AS b c", S2C_EINVAL, "it takes IMAGE"},
		{"FROM \"\"", S2C_EINVAL, "the image's name is empty"},
		{"FROM scratch", S2C_EUNSUPPORTED, "'scratch' is not supported"},
		{"FROM a AS 0", S2C_EINVAL, "'0' is no name of a stage"},
		{"FROM a AS b/c", S2C_EINVAL, "no name of a stage"},
		{"FROM a AS b\nFROM c AS B", S2C_EINVAL, "line 2: FROM: there is a st"},
		{"FROM a AS b\nFROM B", S2C_EUNSUPPORTED, "'B' is a stage"},
		{"FROM --x=1 a", S2C_EINVAL, "FROM has no flag"},
		{"FROM a\nONBUILD RUN x", S2C_EUNSUPPORTED, "line 2: ONBUILD is not"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
		struct s2c_stages stages = {.n = 0};

		assert_fails(read_stages(cases[i].text, NULL, &file, &stages),
			cases[i].code, cases[i].part);
		assert_int_equal(stages.n, 0);
	}
}

static void test_limit(void **state)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	struct s2c_stages stages = {.n = 0};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 16);

	for (int i = 0; i <= S2C_STAGES_MAX; i++)
		s2c_buf_must_printf(&text, "FROM a\n");
	assert_fails(read_stages(s2c_buf_str(&text), NULL, &file, &stages), S2C_ELIMIT,
		"line 65: FROM: more than 64 stages");
}

static void test_find(void **state)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN_STAGES struct s2c_stages stages = {.n = 0};
	static const char *const wrong[] = {
		"two", "2", "3", "0000", "-1", "", "1x", "registry.example/one"};
	size_t found = 9;

	assert_ok(read_stages(
		"FROM a AS one\nFROM b\nFROM c AS two", NULL, &file, &stages));
	assert_ok(s2c_stages_find(&stages, 2, "ONE", &found, &terr));
	assert_int_equal(found, 0);
	assert_ok(s2c_stages_find(&stages, 2, "1", &found, &terr));
	assert_int_equal(found, 1);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_fails(s2c_stages_find(&stages, 2, wrong[i], &found, &terr),
			S2C_EINVAL, "is no stage before this one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
