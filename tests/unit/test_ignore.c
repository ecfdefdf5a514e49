/* SPDX-License-Identifier: Apache-2.0 */
/* .s2iignore rules and --exclude: what they leave out, what they refuse, what they cost.
 */
#include "helper.h"

#include "source/glob.h"
#include "source/ignore.h"

static struct s2c_ignore *make(const char *text, const char *exclude)
{
	struct s2c_ignore *ignore = NULL;

	assert_ok(s2c_ignore_new(text, text ? strlen(text) : 0, exclude, &ignore, &terr));
	assert_non_null(ignore);
	return ignore;
}

/* One rule text, one path, what comes of it. */
struct verdict {
	const char *text;
	const char *path;
	bool excluded;
};

static void check(const struct verdict *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEAN(s2c_clean_ignore)
		struct s2c_ignore *ignore = make(cases[i].text, "");

		if (s2c_ignore_match(ignore, cases[i].path, false) != cases[i].excluded)
			fail_msg("'%s' on '%s' is not %d", cases[i].text, cases[i].path,
				cases[i].excluded);
	}
}

/* What S2I does with the same file. */
static void test_s2i(void **state)
{
	static const struct verdict cases[] = {
		{"", "foo", false},
		{"foo", "foo", true},
		{"foo", "foobar", false},
		{"foo", "dir/foo", false},
		{"*.bar", "foo.bar", true},
		{"*.bar", ".bar", true},
		{"*.bar", "foo.bar2", false},
		{"*.bar", "dir/foo.bar", false},
		{"foo.*", "foo.", true},
		{"foo.*", "foo.bar", true},
		{"foo.*", "foo", false},
		{"dir", "dir/a/b", true},
		{"dir/", "dir/a", true},
		{"dir/", "dir", true},
		{"/dir", "dir/a", true},
		{"./dir//a", "dir/a", true},
		{"dir/*", "dir/a/b", true},
		{"dir/*", "dir", false},
		{"*/*.bar", "dir/foo.bar", true},
		{"*/*.bar", "foo.bar", false},
		{"*/*.bar", "a/b/foo.bar", false},
		{"dir/?.c", "dir/a.c", true},
		{"dir/?.c", "dir/ab.c", false},
		{"dir?a", "dir/a", false},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[^a-c]x", "dx", true},
		{"[^a-c]x", "bx", false},
		{"[a\\-c]x", "-x", true},
		{"[a\\-c]x", "bx", false},
		{"[\\]]x", "]x", true},
		{"\\*", "*", true},
		{"\\*", "a", false},
		{"  foo  ", "foo", true},
		{"\tfoo\t", "foo", true},
		{"#foo", "foo", false},
		{"#foo", "#foo", false},
		{"  # foo", "foo", false},
		{"\\#foo", "#foo", true},
		{"\n\nfoo\n\n", "foo", true},
		{"foo\nbar", "bar", true},
		{"foo", "foo\n", false},
		{"a b", "a b", true},
	};

	check(cases, ARRAY_SIZE(cases));
}

static void test_take_back(void **state)
{
	static const struct verdict cases[] = {
		{"*.bar\n!keep.bar", "keep.bar", false},
		{"*.bar\n!keep.bar", "foo.bar", true},
		{"*.bar\n! keep.bar", "keep.bar", false},
		/* Only earlier matches are taken back. */
		{"!keep.bar\n*.bar", "keep.bar", true},
		{"*.bar\n!keep.bar\nk*", "keep.bar", true},
		{"*.bar\n!*.bar\n*.bar", "a.bar", true},
		/* Nothing comes back below what is left out. */
		{"dir\n!dir/keep", "dir/keep", true},
		{"dir/*\n!dir/keep", "dir/keep", false},
		{"dir/*\n!dir/keep", "dir/other", true},
		{"**\n!keep", "keep", false},
		{"**\n!keep", "other", true},
		{"!", "a", false},
		{"!!a", "!a", false},
		{"a\n!", "a", true},
	};

	check(cases, ARRAY_SIZE(cases));
}

static void test_double_star(void **state)
{
	static const struct verdict cases[] = {
		{"**/x", "x", true},
		{"**/x", "a/x", true},
		{"**/x", "a/b/c/x", true},
		{"**/x", "a/xy", false},
		{"a/**", "a", false},
		{"a/**", "a/b", true},
		{"a/**", "a/b/c", true},
		{"a/**/z", "a/z", true},
		{"a/**/z", "a/b/c/z", true},
		{"a/**/z", "a/b/c/y", false},
		{"a/**/m/**/z", "a/1/m/2/3/z", true},
		{"a/**/m/**/z", "a/1/2/3/z", false},
		{"**/*.pyc", "a/b.pyc", true},
		{"**/b/*.c", "b/a/b/x.c", true},
		{"**/b/*.c", "b/b/x.h", false},
		{"a**b", "axxb", true},
		{"a**b", "a/b", false},
		{"**", "anything/at/all", true},
		{"**/**", "a", true},
	};

	check(cases, ARRAY_SIZE(cases));
}

/* S2I removed files of the host for these. */
static void test_outside(void **state)
{
	static const struct verdict cases[] = {
		{"../x", "x", false},
		{"../../../etc/*", "etc/passwd", false},
		{"a/../../x", "x", false},
		{"/../x", "x", false},
		{"..", "a", false},
		{".", "a", false},
		{"/", "a", false},
		{"./", "a", false},
		{"a/..", "a", false},
		/* Stays inside, as joining it to the root would. */
		{"a/../x", "x", true},
		{"../x\ny", "y", true},
	};

	check(cases, ARRAY_SIZE(cases));
}

static void test_text(void **state)
{
	static const struct verdict cases[] = {
		{"foo\r\nbar\r\n", "foo", true},
		{"foo\r\nbar\r\n", "bar", true},
		{"\xef\xbb\xbf"
		 "foo\nbar",
			"foo", true},
		{"\xef\xbb\xbf", "foo", false},
		{"\xc3\xa9?", "\xc3\xa9\xc3\xa9", true},
		{"?", "\xc3\xa9", true},
		{"?", "\xe9", true},
		{"??", "\xc3\xa9", false},
		{"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true},
		{"[\xc3\xa0-\xc3\xbf]", "\xc5\x93", false},
		{"\xff*", "\xff\xfe", true},
	};

	check(cases, ARRAY_SIZE(cases));
}

static void test_exclude(void **state)
{
	static const struct {
		const char *exclude;
		const char *path;
		bool is_dir;
		bool excluded;
	} cases[] = {
		{NULL, ".git", true, true},
		{NULL, ".git", false, true},
		{NULL, ".git/config", false, true},
		{NULL, "a/.git", true, true},
		{NULL, "a/.git/x/y", false, true},
		{NULL, ".gitignore", false, false},
		{NULL, "a.git", false, false},
		{NULL, "x/a.git/b", false, false},
		{S2C_EXCLUDE_DEFAULT, "a/.git/x", false, true},
		{"", ".git/config", false, false},
		{"\\.log$", "a/b.log", false, true},
		{"\\.log$", "b.log.1", false, false},
		{"\\.log$", ".git", true, false},
		{"(^|/)node_modules(/|$)", "a/node_modules/b", false, true},
		{"^tmp/", "tmp", true, true},
		{"^tmp/", "tmp", false, false},
		{"^tmp/", "tmp/a", false, true},
		{"^tmp/", "a/tmp/b", false, false},
		{"^a$", "a/b/c", false, true},
		{"b/c", "a/b/c", false, true},
		{"^.{3}$", "abc", false, true},
		{"x", "a\nx", false, true},
		{"^([a-z]+/)+[^/]+\\.(o|a)$", "ab/cd/e.o", false, true},
		{"^a{1,255}$", "aaa", false, true},
		{"^(a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+)+$", "abcdefghijklmnop", false,
			true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_clean_ignore)
		struct s2c_ignore *ignore = make(NULL, cases[i].exclude);

		if (s2c_ignore_match(ignore, cases[i].path, cases[i].is_dir) !=
			cases[i].excluded)
			fail_msg("'%s' on '%s' is not %d",
				cases[i].exclude ? cases[i].exclude : "NULL",
				cases[i].path, cases[i].excluded);
	}
}

static void test_both(void **state)
{
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = make("!.git\n*.o", NULL);

	/* A rule does not take back what the expression excludes. */
	assert_true(s2c_ignore_match(ignore, ".git/config", false));
	assert_true(s2c_ignore_match(ignore, "a.o", false));
	assert_false(s2c_ignore_match(ignore, "a.c", false));
	/* A walk has asked for the parents before. */
	assert_false(s2c_ignore_match_name(ignore, ".git/config", false));
	assert_true(s2c_ignore_match_name(ignore, ".git", true));
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *exclude;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{"a\n[b", "", S2C_EINVAL, ".s2iignore line 2: '[b': malformed"},
		{"[]a]", "", S2C_EINVAL, "malformed"},
		{"[a-]", "", S2C_EINVAL, "malformed"},
		{"[-a]", "", S2C_EINVAL, "malformed"},
		{"[a/b]", "", S2C_EINVAL, "malformed"},
		{"![", "", S2C_EINVAL, "malformed"},
		{"a\\", "", S2C_EINVAL, "'\\' at the end"},
		{"a\\ ", "", S2C_EINVAL, "'\\' at the end"},
		{NULL, "(", S2C_EINVAL, "--exclude '('"},
		{NULL, "a{2,1}", S2C_EINVAL, "--exclude"},
		{NULL, "(a*)\\1", S2C_EINVAL, "back references"},
		{NULL, "((a{1,99}){1,99}){1,99}", S2C_EINVAL, "repeat counts"},
		{NULL, "a{1,99999999999999999999}", S2C_EINVAL, "repeat counts"},
		{NULL, "a++++++++++++++++++++++++++++++++", S2C_EINVAL, "nested"},
		{NULL, "(((((a|$)+)+)+)+)+", S2C_EINVAL, "nested"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_ignore *ignore = NULL;

		assert_fails(s2c_ignore_new(cases[i].text,
				     cases[i].text ? strlen(cases[i].text) : 0,
				     cases[i].exclude, &ignore, &terr),
			cases[i].code, cases[i].part);
		assert_null(ignore);
	}
}

/* Appends `n` copies. */
static char *repeat(const char *what, size_t n)
{
	char *text = xcalloc(n, strlen(what) + 1);
	char *p = text;

	while (n-- > 0)
		p = stpcpy(p, what);
	return text;
}

static void test_limits(void **state)
{
	struct s2c_ignore *ignore = NULL;
	CLEAN_FREE char *many = repeat("a\n", S2C_IGNORE_RULES_MAX + 1);
	CLEAN_FREE char *lines = repeat("#\n", S2C_IGNORE_RULES_MAX + 1);
	CLEAN_FREE char *wide = repeat("a", S2C_IGNORE_PATTERN_MAX + 1);
	CLEAN_FREE char *big = repeat("\n", S2C_IGNORE_BYTES_MAX + 1);
	CLEAN_FREE char *expression = repeat("a", S2C_EXCLUDE_MAX + 1);

	assert_fails(s2c_ignore_new(many, strlen(many), "", &ignore, &terr), S2C_ELIMIT,
		"more than 10000 patterns");
	assert_fails(s2c_ignore_new(wide, strlen(wide), "", &ignore, &terr), S2C_ELIMIT,
		"line 1 is longer");
	assert_fails(s2c_ignore_new(big, strlen(big), "", &ignore, &terr), S2C_ELIMIT,
		"larger than");
	assert_fails(s2c_ignore_new("a\0b", 3, "", &ignore, &terr), S2C_EINVAL,
		"line 1 holds a NUL");
	assert_fails(s2c_ignore_new(NULL, 0, expression, &ignore, &terr), S2C_EINVAL,
		"--exclude is longer");
	many[strlen(many) - 2] = '\0';
	assert_ok(s2c_ignore_new(many, strlen(many), "", &ignore, &terr));
	s2c_ignore_free(TAKE(ignore));
	/* Comments are not rules. */
	assert_ok(s2c_ignore_new(lines, strlen(lines), "", &ignore, &terr));
	s2c_ignore_free(TAKE(ignore));
	s2c_ignore_free(NULL);
}

/*
 * Patterns that take a backtracking matcher longer than the universe lasts; the test
 * would never end.
 */
static void test_pathological(void **state)
{
	CLEAN_FREE char *stars = repeat("*a", 2000);
	CLEAN_FREE char *text = xasprintf("%sb", stars);
	CLEAN_FREE char *name = repeat("a", 255);
	CLEAN_FREE char *deep_pattern = repeat("**/a/", 800);
	CLEAN_FREE char *deep_text = xasprintf("%sb", deep_pattern);
	CLEAN_FREE char *deep_path = repeat("a/", 5000);
	CLEAN(s2c_clean_ignore) struct s2c_ignore *wide = make(text, "");
	CLEAN(s2c_clean_ignore) struct s2c_ignore *deep = make(deep_text, "");
	CLEAN(s2c_clean_ignore) struct s2c_ignore *regex = make(NULL, "(a*)*(a|aa)+b$");

	assert_false(s2c_ignore_match(wide, name, false));
	assert_false(s2c_ignore_match_name(deep, deep_path, false));
	assert_false(s2c_ignore_match(regex, name, false));
}

static void test_glob(void **state)
{
	assert_null(s2c_glob_error("a*[b-d]?\\["));
	assert_non_null(s2c_glob_error("["));
	assert_true(s2c_glob_match("a*", "abc", 1));
	assert_true(s2c_glob_match("", "abc", 0));
	assert_false(s2c_glob_match("", "a", 1));
	assert_true(s2c_glob_match("*", "", 0));
	assert_true(s2c_glob_match("*b*", "abc", 3));
	assert_false(s2c_glob_match("*b*", "abc", 1));
	/* A sequence that is cut off is bytes. */
	assert_true(s2c_glob_match("?", "\xc3", 1));
	assert_true(s2c_glob_match("??", "\xe2\x82", 2));
	assert_false(s2c_glob_match("?", "\xe2\x82", 2));
}

/* docker's meaning of the same globs. */
static void test_docker(void **state)
{
	static const struct {
		const char *text, *path;
		bool is_dir, out;
	} cases[] = {
		{"a", "a/b/c", false, true},
		{"a/", "a/b", false, true},
		{"/a", "a", false, true},
		{"a\n!a/b", "a/b", false, false},
		{"a\n!a/b", "a/b/c", false, false},
		{"a\n!a/b", "a/c", false, true},
		{"!a/b\na", "a/b", false, true},
		{"*\n!src", "src/x/y", false, false},
		{"*\n!src/x", "src/y", false, true},
		{"*.log\n!a.log", "a.log", false, false},
		{"*.log", "d/a.log", false, false},
		{"**/*.log", "d/e/a.log", false, true},
		{"#a", "#a", false, false},
		{" #a", "#a", false, true},
		{"../a", "a", false, false},
		{".git", ".git/config", false, true},
		{"", ".git/config", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = NULL;

		assert_ok(s2c_ignore_new_docker(
			cases[i].text, strlen(cases[i].text), &ignore, &terr));
		if (s2c_ignore_match(ignore, cases[i].path, cases[i].is_dir) !=
			cases[i].out)
			print_message("%s: %s\n", cases[i].text, cases[i].path);
		assert_int_equal(
			s2c_ignore_match(ignore, cases[i].path, false), cases[i].out);
		assert_int_equal(s2c_ignore_match_name(ignore, cases[i].path, false),
			cases[i].out);
		assert_int_equal(s2c_ignore_takes_back(ignore),
			strchr(cases[i].text, '!') != NULL);
	}
	struct s2c_ignore *ignore = NULL;
	assert_fails(s2c_ignore_new_docker("a\n[b", 4, &ignore, &terr), S2C_EINVAL,
		".dockerignore line 2: '[b': malformed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s2i),
		cmocka_unit_test(test_take_back),
		cmocka_unit_test(test_double_star),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_exclude),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pathological),
		cmocka_unit_test(test_docker),
		cmocka_unit_test(test_glob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
