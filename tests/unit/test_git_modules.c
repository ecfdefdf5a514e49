/* SPDX-License-Identifier: Apache-2.0 */
/* Submodules as .gitmodules has them: what is taken, and what git must not hear of. */
#include "helper.h"

#include "source/git_modules.h"

/* Text with "|" for the NUL bytes that git writes. */
static int parse(const char *text, struct s2c_git_modules *out)
{
	CLEAN_FREE char *copy = xstrdup(text);
	size_t len = strlen(copy);

	for (size_t i = 0; i < len; i++)
		if (copy[i] == '|')
			copy[i] = '\0';
	return s2c_git_modules_parse(copy, len, out, &terr);
}

static void test_parse(void **state)
{
	CLEAN_GIT_MODULES struct s2c_git_modules found = {0};

	assert_ok(parse("submodule.a.path\nlib/a|submodule.a.url\nhttps://h/a|"
			"core.x\ny|submodule.b.c.url\n../b|submodule.b.c.update\nnone|"
			"submodule.a.url\nhttps://h/second|submodule.flag.shallow|"
			"submodule.recurse\ntrue|",
		&found));
	assert_int_equal(found.n, 2);
	assert_string_equal(found.items[0].name, "a");
	assert_string_equal(found.items[0].path, "lib/a");
	assert_string_equal(found.items[0].url, "https://h/second");
	assert_false(found.items[0].skip);
	assert_string_equal(found.items[1].name, "b.c");
	assert_string_equal(found.items[1].path, "b.c");
	assert_true(found.items[1].skip);
}

static void test_nothing(void **state)
{
	CLEAN_GIT_MODULES struct s2c_git_modules found = {0};

	assert_ok(s2c_git_modules_parse("", 0, &found, &terr));
	assert_int_equal(found.n, 0);
}

static void test_hostile(void **state)
{
	static const char *const texts[] = {
		"submodule.../x.path\na|",
		"submodule.a/../../x.path\na|",
		"submodule.a.path\n../a|",
		"submodule.a.path\nx/../../a|",
		"submodule.a.path\n/etc|",
		"submodule.a.path\n-x|",
		"submodule.-x.path\na|",
		"submodule.a.path\n|",
		"submodule.a.path\n.git/hooks|",
		"submodule.a.path\nx/.GIT|",
		"submodule.a.path\nx\\.git|",
		"submodule.a.path\n..\\x|",
		"submodule.a.path\na\r|",
		"submodule.a.path\na\nb|",
		"submodule.a.path\na//b|",
		"submodule.a.path\na/|",
		"submodule.a.path\n./a|",
		"submodule.a.path\n\xff|",
		"submodule.x\033y.path\na|",
		"submodule..path\na|",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct s2c_git_modules found = {0};

		if (parse(texts[i], &found) == 0)
			fail_msg("'%s' is taken", texts[i]);
		assert_int_equal(s2c_error_code(terr), S2C_EDENIED);
		s2c_error_free(TAKE(terr));
		assert_null(found.items);
	}
}

static void test_limits(void **state)
{
	CLEAN_FREE char *text = xstrdup("");
	struct s2c_git_modules found = {0};

	for (int i = 0; i <= S2C_GIT_MODULES_MAX; i++) {
		char *more = xasprintf("%ssubmodule.m%d.url\nx|", text, i);

		free(text);
		text = more;
	}
	assert_fails(parse(text, &found), S2C_ELIMIT, "more than 100");
	assert_fails(parse("submodule.a.url\nx", &found), S2C_EPROTO, "cut off");
}

static void test_urls(void **state)
{
	static const struct {
		const char *base, *url, *full;
	} cases[] = {
		{"https://h/a/b", "../c", "https://h/a/c"},
		{"https://h/a/b/", "../c.git", "https://h/a/c.git"},
		{"https://h/a/b", "../../x/y", "https://h/x/y"},
		{"https://h/a/b", "./c", "https://h/a/b/c"},
		{"https://h/a/b", "https://other/x", "https://other/x"},
		{"http://h/a", "https://other/x", "https://other/x"},
		{"ssh://git@h/a/b", "../c", "ssh://git@h/a/c"},
		{"git@h:a/b", "../c", "git@h:a/c"},
		{"git@h:b", "../c", "git@h:c"},
		{"git@h:b", "ssh://x/y", "ssh://x/y"},
		{"git://h/a/b", ".././../c", "git://h/c"},
		{"file:///a/b", "https://h/x", "https://h/x"},
		/* Of its password nothing is left. */
		{"https://h/a", "https://u:p@x/y", "https://x/y"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *full = NULL;

		assert_ok(s2c_git_module_url(cases[i].base, cases[i].url, &full, &terr));
		assert_string_equal(full, cases[i].full);
	}
}

static void test_bad_urls(void **state)
{
	static const char *const cases[][2] = {
		{"https://h/a/b", "../../../c"},
		{"git@h:a", "../../c"},
		{"https://h/a", "/etc"},
		{"https://h/a", "etc"},
		{"https://h/a", "file:///etc"},
		{"https://h/a", "http://h/a"},
		{"https://h/a", "git://h/a"},
		{"https://h/a", "git@h:a"},
		{"https://h/a", "ext::sh -c id"},
		{"https://h/a", "-oProxyCommand=x"},
		{"https://h/a", "ssh://-oProxyCommand=x/y"},
		{"https://h/a", "../x#y"},
		{"https://h/a", "-"},
		{"https://h/a", ""},
		{"https://h/a", "https://h/a\nb"},
		{"https://h/a", "../c d"},
		{"file:///a/b", "../c"},
		{"file:///a/b", "/c"},
		{"file:///a/b", "http://h/c"},
		{"/a/b", "../c"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *full = NULL;

		if (s2c_git_module_url(cases[i][0], cases[i][1], &full, &terr) == 0)
			fail_msg("%s, %s: %s", cases[i][0], cases[i][1], full);
		s2c_error_free(TAKE(terr));
		assert_null(full);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_bad_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
