/* SPDX-License-Identifier: Apache-2.0 */
/* TOML documents as the JSON they mean, and what is no TOML with the line that says so.
 */
#include "helper.h"

#include "codec/toml.h"

static int parse(const char *text, struct s2c_json **out)
{
	return s2c_toml_parse(
		text, strlen(text), (struct s2c_json_limits){0}, out, &terr);
}

static void test_good(void **state)
{
	static const struct {
		const char *toml, *json;
	} rows[] = {
		/* Space and comments. */
		{"", "{}"},
		{" \t \n\r\n# only a comment", "{}"},
		{"a=1", "{\"a\":1}"},
		{"\ta\t=\t1\t# why\r\nb = 2\r\n", "{\"a\":1,\"b\":2}"},
		{"a = 1 # with \xc3\xa4 and # more", "{\"a\":1}"},
		/* Keys. */
		{"A-b_9 = 1\n1234 = 2", "{\"A-b_9\":1,\"1234\":2}"},
		{"\"a b\" = 1\n'c.d' = 2\n\"\" = 3", "{\"a b\":1,\"c.d\":2,\"\":3}"},
		{"a.b = 1\na . \"c\" = 2", "{\"a\":{\"b\":1,\"c\":2}}"},
		{"true = false", "{\"true\":false}"},
		{"a = 1\nA = 2", "{\"a\":1,\"A\":2}"},
		{"\"\\u0061\" = 1", "{\"a\":1}"},
		{"3.14 = 'pi'", "{\"3\":{\"14\":\"pi\"}}"},
		/* Strings. */
		{"a = \"x\"", "{\"a\":\"x\"}"},
		{"a = \"\"\nb = ''", "{\"a\":\"\",\"b\":\"\"}"},
		{"a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00e4\\U0001F600\"",
			"{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\xc3\xa4\xf0\x9f\x98\x80\"}"},
		{"a = 'C:\\x\\'", "{\"a\":\"C:\\\\x\\\\\"}"},
		{"a = \"\ttab\"", "{\"a\":\"\\ttab\"}"},
		{"a = \"\"\"\none\ntwo\"\"\"", "{\"a\":\"one\\ntwo\"}"},
		{"a = \"\"\"one \\  \n\n \t two\"\"\"", "{\"a\":\"one two\"}"},
		{"a = \"\"\"x\"\"\"\"\"", "{\"a\":\"x\\\"\\\"\"}"},
		{"a = \"\"\"\"x\"\"\"", "{\"a\":\"\\\"x\"}"},
		{"a = \"\"\"x\"\"y\"\"\"", "{\"a\":\"x\\\"\\\"y\"}"},
		{"a = \"\"\"x\\\"\"\"\"", "{\"a\":\"x\\\"\"}"},
		{"a = '''\n\\ ''x'''", "{\"a\":\"\\\\ ''x\"}"},
		{"a = ''''''", "{\"a\":\"\"}"},
		{"a = '''x'''''", "{\"a\":\"x''\"}"},
		/* Numbers. */
		{"a = [0, +0, -0, +1, -17, 1_000]", "{\"a\":[0,0,-0,1,-17,1000]}"},
		{"a = [0xDEAD_beef, 0o755, 0b1101]", "{\"a\":[3735928559,493,13]}"},
		{"a = [9223372036854775807, -9223372036854775808]",
			"{\"a\":[9223372036854775807,-9223372036854775808]}"},
		{"a = [1.0, +1.5, -0.01, 5e+22, 1E06, 6.6e-3_4]",
			"{\"a\":[1.0,1.5,-0.01,5e+22,1E06,6.6e-34]}"},
		/* Arrays and inline tables. */
		{"a = []", "{\"a\":[]}"},
		{"a = [ # c\n  1,\n\n  [\"x\", 'y',],# d\n]",
			"{\"a\":[1,[\"x\",\"y\"]]}"},
		{"a = [1, \"x\", true, {b = 2}]", "{\"a\":[1,\"x\",true,{\"b\":2}]}"},
		{"a = {}\nb = { c = 1, d.e = 2, d.f = 3 }",
			"{\"a\":{},\"b\":{\"c\":1,\"d\":{\"e\":2,\"f\":3}}}"},
		{"a = { b = [\n1,\n2 ], c = '''x\ny''' }",
			"{\"a\":{\"b\":[1,2],\"c\":\"x\\ny\"}}"},
		/* Tables. */
		{"[a]\nb = 1\n[ c . \"d\" ]\ne = 2",
			"{\"a\":{\"b\":1},\"c\":{\"d\":{\"e\":2}}}"},
		{"[a.b]\n[a]\nc = 1", "{\"a\":{\"b\":{},\"c\":1}}"},
		{"[a.b.c]\n[a.b]\nx = 1\n[a.d]",
			"{\"a\":{\"b\":{\"c\":{},\"x\":1},\"d\":{}}}"},
		{"[a]\nb.c = 1\nb.d.e = 2\n[a.b.f]\ng = 3",
			"{\"a\":{\"b\":{\"c\":1,\"d\":{\"e\":2},\"f\":{\"g\":3}}}}"},
		{"[[a]]\nb = 1\n[[a]]\n[[ a ]] # last\nb = 3",
			"{\"a\":[{\"b\":1},{},{\"b\":3}]}"},
		{"[[r]]\nx = 1\n[[r.m]]\ny = 1\n[[r.m]]\ny = 2\n[r.t]\nz = 1\n"
		 "[[r]]\n[[r.m]]\n[r.t]",
			"{\"r\":[{\"x\":1,\"m\":[{\"y\":1},{\"y\":2}],\"t\":{\"z\":1}},"
			"{\"m\":[{}],\"t\":{}}]}"},
		{"[[a.b]]\n[a]\nc = 1", "{\"a\":{\"b\":[{}],\"c\":1}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *root = NULL;
		CLEAN_FREE char *text = NULL;

		if (parse(rows[i].toml, &root) < 0)
			fail_with_error(rows[i].toml, __FILE__, __LINE__);
		text = s2c_json_print(root, S2C_JSON_COMPACT);
		assert_string_equal(text, rows[i].json);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *toml;
		enum s2c_code code;
		const char *part;
	} rows[] = {
		/* Lines. */
		{"a", S2C_EPROTO, "line 1: '=' was expected"},
		{"a = ", S2C_EPROTO, "line 1: a value was expected"},
		{"a = \n1", S2C_EPROTO, "line 1: a value was expected"},
		{"= 1", S2C_EPROTO, "a key was expected"},
		{"a = 1 b = 2", S2C_EPROTO, "the end of the line was expected"},
		{"\n\na = 1 ,", S2C_EPROTO, "line 3: the end of the line"},
		{"a = 1\rb = 2", S2C_EPROTO, "line 1: the end of the line"},
		{"a = 1 # \x01", S2C_EPROTO, "a control byte in a comment"},
		{"# x\ry", S2C_EPROTO, "a control byte in a comment"},
		{"# \x7f", S2C_EPROTO, "a control byte in a comment"},
		{"\xef\xbb\xbf"
		 "a = 1",
			S2C_EPROTO, "a key was expected"},
		{"a = 1\nb = '\xff'", S2C_EPROTO, "not a text in UTF-8"},
		/* Keys. */
		{"a b = 1", S2C_EPROTO, "'=' was expected"},
		{"\xc3\xa4 = 1", S2C_EPROTO, "a key was expected"},
		{"a. = 1", S2C_EPROTO, "a key was expected"},
		{".a = 1", S2C_EPROTO, "a key was expected"},
		{"a..b = 1", S2C_EPROTO, "a key was expected"},
		{"\"\"\"a\"\"\" = 1", S2C_EPROTO, "a key cannot have several lines"},
		{"'a\nb' = 1", S2C_EPROTO, "line 1: the string has no end on its line"},
		{"a = 1\na = 2", S2C_EPROTO, "line 2: 'a' is defined a second time"},
		{"a = 1\n\"a\" = 2", S2C_EPROTO, "line 2: 'a' is defined a second time"},
		{"a.b = 1\na.b = 2", S2C_EPROTO, "line 2: 'b' is defined a second"},
		{"a = 1\na.b = 2", S2C_EPROTO, "line 2: 'a' is defined a second"},
		{"a.b = 1\na = 2", S2C_EPROTO, "line 2: 'a' is defined a second"},
		{"a = {}\na.b = 1", S2C_EPROTO, "line 2: 'a' is defined a second"},
		{"a = []\na.b = 1", S2C_EPROTO, "line 2: 'a' is defined a second"},
		/* Strings. */
		{"a = \"x", S2C_EPROTO, "the string has no end"},
		{"a = \"x\n\"", S2C_EPROTO, "line 1: the string has no end on its line"},
		{"a = \"x\r\n\"", S2C_EPROTO, "the string has no end on its line"},
		{"\na = \"\"\"x\n\"\"", S2C_EPROTO, "line 2: the string has no end"},
		{"a = '''x''", S2C_EPROTO, "the string has no end"},
		{"a = \"\x1b\"", S2C_EPROTO, "a control byte in a string"},
		{"a = '\x7f'", S2C_EPROTO, "a control byte in a string"},
		{"a = \"\"\"x\ry\"\"\"", S2C_EPROTO, "no end on its line"},
		{"a = \"\\a\"", S2C_EPROTO, "unknown escape"},
		{"a = \"\\'\"", S2C_EPROTO, "unknown escape"},
		{"a = \"\\\n\"", S2C_EPROTO, "unknown escape"},
		{"a = \"\\", S2C_EPROTO, "unknown escape"},
		{"a = \"\\u12\"", S2C_EPROTO, "needs 4 hexadecimal digits"},
		{"a = \"\\U1234567\"", S2C_EPROTO, "needs 8 hexadecimal digits"},
		{"a = \"\\ud800\"", S2C_EPROTO, "what is no character"},
		{"a = \"\\U00110000\"", S2C_EPROTO, "what is no character"},
		{"a = \"\\u0000\"", S2C_EPROTO, "NUL in a string"},
		{"a = \"\"\"x \\ y\"\"\"", S2C_EPROTO, "unknown escape"},
		{"a = \"\"\"x\"\"\"\"\"\"", S2C_EPROTO, "too many quotes"},
		{"a = '''x''''''", S2C_EPROTO, "too many quotes"},
		/* Numbers and words. */
		{"a = x", S2C_EPROTO, "'x' is no value; a text needs quotes"},
		{"a = True", S2C_EPROTO, "'True' is no value"},
		{"a = 01", S2C_EPROTO, "'01' is no value"},
		{"a = +", S2C_EPROTO, "'+' is no value"},
		{"a = --1", S2C_EPROTO, "'--1' is no value"},
		{"a = 1__0", S2C_EPROTO, "is no value"},
		{"a = _1", S2C_EPROTO, "is no value"},
		{"a = 1_", S2C_EPROTO, "is no value"},
		{"a = 1.", S2C_EPROTO, "is no value"},
		{"a = .1", S2C_EPROTO, "is no value"},
		{"a = 1.e1", S2C_EPROTO, "is no value"},
		{"a = 1e", S2C_EPROTO, "is no value"},
		{"a = 1e1.0", S2C_EPROTO, "is no value"},
		{"a = 00.5", S2C_EPROTO, "is no value"},
		{"a = 0x", S2C_EPROTO, "is no value"},
		{"a = 0xg", S2C_EPROTO, "is no value"},
		{"a = -0x1", S2C_EPROTO, "is no value"},
		{"a = 0X1", S2C_EPROTO, "is no value"},
		{"a = 0o8", S2C_EPROTO, "is no value"},
		{"a = 0b2", S2C_EPROTO, "is no value"},
		{"a = 9223372036854775808", S2C_EPROTO, "is no value"},
		{"a = -9223372036854775809", S2C_EPROTO, "is no value"},
		{"a = 0xFFFFFFFFFFFFFFFF", S2C_EPROTO, "is no value"},
		{"a = 1e309", S2C_EPROTO, "out of range"},
		{"a = 11111111111111111111111111111111111111111111111111111111111111111",
			S2C_EPROTO, "a number of more than 64 bytes"},
		{"\na = 1979-05-27", S2C_EUNSUPPORTED,
			"line 2: a date or time is not supported"},
		{"a = 1979-05-27T07:32:00Z", S2C_EUNSUPPORTED, "a date or time"},
		{"a = 07:32:00", S2C_EUNSUPPORTED, "a date or time"},
		{"a = inf", S2C_EUNSUPPORTED, "not finite"},
		{"a = -nan", S2C_EUNSUPPORTED, "not finite"},
		/* Arrays and inline tables. */
		{"a = [", S2C_EPROTO, "a value was expected"},
		{"a = [1", S2C_EPROTO, "',' or ']' was expected"},
		{"a = [1 2]", S2C_EPROTO, "',' or ']' was expected"},
		{"a = [,]", S2C_EPROTO, "a value was expected"},
		{"a = [1,,2]", S2C_EPROTO, "a value was expected"},
		{"a = [1]]", S2C_EPROTO, "the end of the line"},
		{"a = {", S2C_EPROTO, "a key was expected"},
		{"a = {b = 1", S2C_EPROTO, "',' or '}' was expected"},
		{"a = {b = 1,}", S2C_EPROTO, "a key was expected"},
		{"a = {b = 1\n}", S2C_EPROTO, "line 1: ',' or '}' was expected on"},
		{"a = {\nb = 1}", S2C_EPROTO, "a key was expected"},
		{"a = {b = 1, b = 2}", S2C_EPROTO, "'b' is defined a second time"},
		{"a = {b.c = 1, b = 2}", S2C_EPROTO, "'b' is defined a second time"},
		{"a = {b = {c = 1}, b.d = 2}", S2C_EPROTO, "'b' is defined a second"},
		/* Tables. */
		{"[]", S2C_EPROTO, "a key was expected"},
		{"[a", S2C_EPROTO, "']' was expected"},
		{"[a]]", S2C_EPROTO, "the end of the line"},
		{"[[a]", S2C_EPROTO, "']]' was expected"},
		{"[ [a]]", S2C_EPROTO, "a key was expected"},
		{"[[a] ]", S2C_EPROTO, "']]' was expected"},
		{"[a] b = 1", S2C_EPROTO, "the end of the line"},
		{"[a\n]", S2C_EPROTO, "']' was expected"},
		{"[a]\n[b]\n[a]", S2C_EPROTO, "line 3: 'a' is defined a second time"},
		{"[a]\n['a']", S2C_EPROTO, "'a' is defined a second time"},
		{"[a.b]\n[a]\n[a]", S2C_EPROTO, "line 3: 'a' is defined a second"},
		{"a = 1\n[a]", S2C_EPROTO, "'a' is defined a second time"},
		{"a = 1\n[a.b]", S2C_EPROTO, "'a' is a value and has no tables"},
		{"a = {}\n[a.b]", S2C_EPROTO, "'a' is a value and has no tables"},
		{"a = [{}]\n[a.b]", S2C_EPROTO, "'a' is a value and has no tables"},
		{"a = [{}]\n[[a]]", S2C_EPROTO, "'a' is defined a second time"},
		{"[a]\nb = 1\n[a.b]", S2C_EPROTO, "'b' is defined a second time"},
		{"[a]\n[[a]]", S2C_EPROTO, "'a' is defined a second time"},
		{"[[a]]\n[a]", S2C_EPROTO, "'a' is defined a second time"},
		{"[a.b]\n[[a]]", S2C_EPROTO, "'a' is defined a second time"},
		{"[a]\nb.c = 1\n[a.b]", S2C_EPROTO, "'b' is defined a second time"},
		{"[a.b.c]\nz = 9\n[a]\nb.c.t = 1", S2C_EPROTO, "line 4: 'b' is defined"},
		{"[[a.b]]\n[a]\nb.y = 2", S2C_EPROTO, "line 3: 'b' is defined"},
		{"[a.b]\nx = 1\n[a]\nb = 2", S2C_EPROTO, "line 4: 'b' is defined"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_json *root = NULL;

		if (parse(rows[i].toml, &root) == 0)
			fail_msg("taken: %s", rows[i].toml);
		if (s2c_error_code(terr) != rows[i].code ||
			!strstr(s2c_error_message(terr), rows[i].part))
			fail_with_error(rows[i].toml, __FILE__, __LINE__);
		s2c_error_free(TAKE(terr));
		assert_null(root);
	}
}

static void test_nul(void **state)
{
	struct s2c_json *root = NULL;

	assert_fails(
		s2c_toml_parse("a = 1\0", 6, (struct s2c_json_limits){0}, &root, &terr),
		S2C_EPROTO, "not a text in UTF-8");
}

/* `n` times `unit` behind `start`. */
static char *repeat(const char *start, const char *unit, unsigned n)
{
	struct s2c_buf text = S2C_BUF_INIT(SIZE_MAX / 2);

	s2c_buf_must_printf(&text, "%s", start);
	for (unsigned i = 0; i < n; i++)
		s2c_buf_must_printf(&text, "%s", unit);
	return s2c_buf_take(&text);
}

static void test_limits(void **state)
{
	static const struct {
		const char *start, *unit;
	} deep[] = {
		{"a = ", "["},
		{"a = ", "{b="},
		{"a", ".a"},
		{"[a", ".a"},
		{"[[a", ".a"},
		{"a = {b = [", "{b = ["},
	};
	struct s2c_json_limits small = {.bytes = 20, .nodes = 3};
	CLEAN_JSON struct s2c_json *root = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
		CLEAN_FREE char *text = repeat(deep[i].start, deep[i].unit, 100000);

		assert_fails(parse(text, &root), S2C_ELIMIT, "deeper than 16 levels");
	}
	CLEAN_FREE char *wide = repeat("a = [", "1,", S2C_TOML_NODES_MAX);
	assert_fails(parse(wide, &root), S2C_ELIMIT, "more than 10000 values");
	CLEAN_FREE char *elements = repeat("", "[[a]]\n", S2C_TOML_NODES_MAX);
	assert_fails(parse(elements, &root), S2C_ELIMIT, "more than 10000 values");
	CLEAN_FREE char *large = repeat("", "# 4567890123456\n", 65537);
	assert_fails(parse(large, &root), S2C_ELIMIT, "larger than 1048576 bytes");
	assert_fails(s2c_toml_parse("a=1\nb=1\nc=1\nd=1\n", 16, small, &root, &terr),
		S2C_ELIMIT, "more than 3 values");
	assert_fails(s2c_toml_parse("# 345678901234567890\n", 21, small, &root, &terr),
		S2C_ELIMIT, "larger than 20 bytes");
	assert_ok(s2c_toml_parse("a=1\nb=1\nc=1\n# 56789\n", 20, small, &root, &terr));
}

static void test_shipped(void **state)
{
	/* In the manner of the files that distributions ship. */
	static const char text[] =
		"# comment\nunqualified-search-registries = [\"example.com\"]\n\n"
		"[[registry]]\nprefix = \"example.com/foo\"\ninsecure = false\n"
		"location = \"internal.example/bar\"\n\n[[registry.mirror]]\n"
		"location = \"m0.local/foo\"\n[[registry.mirror]]\n"
		"location = \"m1.local/foo\"\ninsecure = true\n\n[aliases]\n"
		"  # centos\n  \"centos\" = \"quay.io/centos/centos\"\n";
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *registry;

	assert_ok(parse(text, &root));
	registry = s2c_json_first(s2c_json_get(root, "registry"));
	assert_int_equal(s2c_json_len(s2c_json_get(registry, "mirror")), 2);
	assert_string_equal(
		s2c_json_str(s2c_json_get(s2c_json_get(root, "aliases"), "centos")),
		"quay.io/centos/centos");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
