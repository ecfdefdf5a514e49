/* SPDX-License-Identifier: Apache-2.0 */
/* YAML documents as the JSON they mean here, and what is refused with the place of it. */
#include "helper.h"

#include "codec/yaml.h"

static int parse(const char *text, struct s2c_json **out)
{
	return s2c_yaml_parse(
		text, strlen(text), (struct s2c_json_limits){0}, out, &terr);
}

static const struct {
	const char *yaml, *json;
} good[] = {
	/* Documents. */
	{"a: 1", "{\"a\":1}"},
	{"---\na: 1\n...\n", "{\"a\":1}"},
	{"# c\n\n---\n# c\na: 1 # c\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"},
	{"x", "\"x\""},
	{"---", "null"},
	{"[]", "[]"},
	{"{}", "{}"},
	/* What plain scalars are. */
	{"[true, false]", "[true,false]"},
	{"[null, ~]", "[null,null]"},
	{"a:\nb: ", "{\"a\":null,\"b\":null}"},
	{"- \n-\n", "[null,null]"},
	{"[0, 1, -1, 10, 9999999999999999, -9999999999999999]",
		"[0,1,-1,10,9999999999999999,-9999999999999999]"},
	{"[-0]", "[0]"},
	/* What they are not, though some reader or other would say so. */
	{"[True, TRUE, False, yes, Yes, no, NO, on, off, y, n]",
		"[\"True\",\"TRUE\",\"False\",\"yes\",\"Yes\",\"no\",\"NO\",\"on\","
		"\"off\","
		"\"y\",\"n\"]"},
	{"[Null, NULL, none, nil]", "[\"Null\",\"NULL\",\"none\",\"nil\"]"},
	{"[0777, 0o17, 0x1F, 0b1, 1_000, +1, 1:30, 190:20:30]",
		"[\"0777\",\"0o17\",\"0x1F\",\"0b1\",\"1_000\",\"+1\",\"1:30\","
		"\"190:20:30\"]"},
	{"[00, -01, -, --1, 10000000000000000, 1.0, 1e3, .5, .inf, -.inf, .nan]",
		"[\"00\",\"-01\",\"-\",\"--1\",\"10000000000000000\",\"1.0\",\"1e3\","
		"\".5\",\".inf\",\"-.inf\",\".nan\"]"},
	{"[2001-12-14, 2001-12-14t21:59:43Z, =, 10Gi, 30m, 1001-1001]",
		"[\"2001-12-14\",\"2001-12-14t21:59:43Z\",\"=\",\"10Gi\",\"30m\","
		"\"1001-1001\"]"},
	/* Quotes make strings. */
	{"['true', \"1\", 'null', \"~\", '', \"\", '<<']",
		"[\"true\",\"1\",\"null\",\"~\",\"\",\"\",\"<<\"]"},
	{"'it''s'", "\"it's\""},
	{"\"\\t\\n\\\"\\\\\\u00e4\\U0001F600\\x41\"",
		"\"\\t\\n\\\"\\\\\xc3\xa4\xf0\x9f\x98\x80"
		"A\""},
	{"\"one\n  two\n\n  three\"", "\"one two\\nthree\""},
	{"a: |\n  one\n   two\n\nb: |-\n  one\nc: >\n  one\n  two\nd: |+\n  x\n\n",
		"{\"a\":\"one\\n two\\n\",\"b\":\"one\",\"c\":\"one two\\n\","
		"\"d\":\"x\\n\\n\"}"},
	{"a: |\n  true\nb: >-\n  1\n", "{\"a\":\"true\\n\",\"b\":\"1\"}"},
	{"a: b: c", NULL},
	{"a: b:c#d", "{\"a\":\"b:c#d\"}"},
	{"a: http://b/c?d=e&f", "{\"a\":\"http://b/c?d=e&f\"}"},
	{"a: \xc3\xa4\nb: \xf0\x9f\x90\xb3",
		"{\"a\":\"\xc3\xa4\",\"b\":\"\xf0\x9f\x90\xb3\"}"},
	/* Keys. */
	{"true: 1\n1: 2\nnull: 3\n~: 4\nno: 5",
		"{\"true\":1,\"1\":2,\"null\":3,\"~\":4,\"no\":5}"},
	{"\"a b\": 1\n'c:d': 2\n'': 3\n'<<': 4\na-b_9.c: 5",
		"{\"a b\":1,\"c:d\":2,\"\":3,\"<<\":4,\"a-b_9.c\":5}"},
	{"a: 1\nA: 2", "{\"a\":1,\"A\":2}"},
	{"? a\n: 1", "{\"a\":1}"},
	/* Containers. */
	{"a:\n  - b: 1\n    c: 2\n  - [x, 'y', {z: 1}]\n  -\n    - 1\nd: {e: [], f: "
	 "{}}\n",
		"{\"a\":[{\"b\":1,\"c\":2},[\"x\",\"y\",{\"z\":1}],[1]],"
		"\"d\":{\"e\":[],\"f\":{}}}"},
	{"a:\n- 1\n- 2\n", "{\"a\":[1,2]}"},
	{"{a: 1, b: [2,\n 3], }", "{\"a\":1,\"b\":[2,3]}"},
	{"{\"a\": 1, \"b\": [true, null, \"x\"]}", "{\"a\":1,\"b\":[true,null,\"x\"]}"},
	{"[a, b: c]", "[\"a\",{\"b\":\"c\"}]"},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEAN_JSON struct s2c_json *root = NULL;
		CLEAN_FREE char *json = NULL;

		if (!good[i].json) {
			assert_fails(parse(good[i].yaml, &root), S2C_EPROTO, "line 1");
			continue;
		}
		assert_ok(parse(good[i].yaml, &root));
		json = s2c_json_print(root, S2C_JSON_COMPACT);
		assert_string_equal(json, good[i].json);
	}
}

static const struct {
	const char *yaml, *why;
} bad[] = {
	{"", "empty"},
	{"# nothing\n", "empty"},
	{"a: 1\n---\nb: 2", "line 2, column 1: a second document"},
	{"a: 1\n...\n---\n", "line 3, column 1: a second document"},
	{"%YAML 1.1\n---\na: 1", "line 1, column 1: a directive"},
	{"%YAML 1.2\n---\na: 1", "line 1, column 1"},
	{"%TAG ! x:\n---\na: 1", "line 1, column 1: a directive"},
	/* Anchors, aliases, tags, merge keys. */
	{"a: &x 1\nb: *x", "line 1, column 4: an anchor"},
	{"a: &x {}", "line 1, column 4: an anchor"},
	{"a: &x []", "line 1, column 4: an anchor"},
	{"&x a: 1", "line 1, column 1: an anchor"},
	{"- *x", "line 1, column 3: an alias"},
	{"*x : 1", "line 1, column 1: an alias"},
	{"a: !!str 1", "line 1, column 4: a tag"},
	{"a: !x 1", "line 1, column 4: a tag"},
	{"a: ! 1", "line 1, column 4: a tag"},
	{"a: !!map {}", "line 1, column 4: a tag"},
	{"a: !<x> []", "line 1, column 4: a tag"},
	{"!!str a: 1", "line 1, column 1: a tag"},
	{"a:\n  <<: {b: 1}", "line 2, column 3: a merge key"},
	{"<<: 1", "line 1, column 1: a merge key"},
	/* Keys. */
	{"a: 1\nb: 2\na: 3", "line 3, column 1: key 'a' is there twice"},
	{"{a: 1, 'a': 2}", "line 1, column 8: key 'a' is there twice"},
	{"1: 1\n\"1\": 2", "line 2, column 1: key '1' is there twice"},
	{"a:\n  b: 1\n  \"\\x62\": 2", "line 3, column 3: key 'b' is there twice"},
	{"[a]: 1", "line 1, column 1: a key that is no text"},
	{"{a: 1}: 1", "line 1, column 1: a key that is no text"},
	{"? - a\n: 1", "line 1, column 3: a key that is no text"},
	{": 1", "line 1, column 1"},
	{"{: 1}", "line 1, column 2"},
	{"?\n: 1", "a key is missing"},
	{"? a\n  b\n: 1", "line 1, column 3: a plain text of several lines"},
	{"\"a\\0\": 1", "has a NUL"},
	/* Plain texts of several lines. */
	{"a: b\n  c", "line 1, column 4: a plain text of several lines"},
	{"[a\n b]", "line 1, column 2: a plain text of several lines"},
	/* Bytes. */
	{"a:\tb", "line 1, column 3: a tab"},
	{"a:\n\tb: 1", "line 2, column 1: a tab"},
	{"a: 'b\tc'", "line 1, column 6: a tab"},
	{"a: b # c\td", "line 1, column 9: a tab"},
	{"a: 1\rb: 2", "line 1, column 5: a carriage return"},
	{"a: 1\r", "line 1, column 5: a carriage return"},
	{"a: 1\xc2\x85"
	 "b: 2",
		"line 1, column 5: a next-line character"},
	{"a: \"1\xe2\x80\xa8"
	 "2\"",
		"line 1, column 6: a line separator"},
	{"\xc3\xa4: 1\xe2\x80\xa9", "line 1, column 5: a paragraph separator"},
	{"\xef\xbb\xbf"
	 "a: 1",
		"line 1, column 1: a byte order mark"},
	{"a: \xef\xbb\xbf", "line 1, column 4: a byte order mark"},
	{"a: \x01", "line 1, column 4: a control character"},
	{"a: \x1b[0m", "line 1, column 4: a control character"},
	{"a: \x7f", "line 1, column 4: a control character"},
	{"a: \xff", "not UTF-8"},
	{"a: \xed\xa0\x80", "not UTF-8"},
	{"\xff\xfe"
	 "a",
		"not UTF-8"},
	{"a: \"\\0\"", "line 1, column 4: the value is not UTF-8, or has a NUL"},
	{"a: \"b\\x00c\"", "has a NUL"},
	{"a: \"\\ud800\"", "line 1"},
	{"a: \"\\q\"", "line 1"},
	/* Structure. */
	{"a: [1", "line 2"},
	{"a: {b: 1", "line 2"},
	{"a: 'b", "line"},
	{"a: \"b", "line"},
	{"a: ]", "line 1, column 4"},
	{"a: 1\n  b: 2", "line"},
	{"a: 1\nb", "line"},
	{"- a\nb: 1", "line 2, column 1"},
	{"  a: 1\n b: 2", "line 2, column 2"},
	{"a: @b", "line 1, column 4"},
	{"a: `b", "line 1, column 4"},
	{"a: %b", "line 1, column 4"},
	{"a: - b", "line 1, column 4"},
	{"'a' 'b'", "line 1"},
	{"a: |x\n  b", "line 1"},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_json *root = NULL;

		if (parse(bad[i].yaml, &root) == 0)
			fail_msg("taken: %s", bad[i].yaml);
		if (s2c_error_code(terr) != S2C_EPROTO ||
			!strstr(s2c_error_message(terr), bad[i].why))
			fail_msg("'%s' instead of '%s' for: %s", s2c_error_message(terr),
				bad[i].why, bad[i].yaml);
		assert_null(root);
		s2c_error_free(TAKE(terr));
	}
}

static void test_nul(void **state)
{
	struct s2c_json *root = NULL;

	assert_fails(
		s2c_yaml_parse("a: 1\0b", 6, (struct s2c_json_limits){0}, &root, &terr),
		S2C_EPROTO, "not UTF-8");
}

/* `n` times `unit` behind `start`, then `end`; caller frees. */
static char *repeat(const char *start, const char *unit, size_t n, const char *end)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(16u << 20);

	assert_ok(s2c_buf_puts(&text, start, &terr));
	for (size_t i = 0; i < n; i++)
		assert_ok(s2c_buf_puts(&text, unit, &terr));
	assert_ok(s2c_buf_puts(&text, end, &terr));
	return s2c_buf_take(&text);
}

static void test_limits(void **state)
{
	static const struct {
		const char *unit;
		size_t n;
		const char *end;
	} deep[] = {
		{"[", 100000, ""},
		{"{a: ", 50000, ""},
		{"- ", 100000, "a"},
		{"- ", 17, "a"},
		{"[", 17, "]]]]]]]]]]]]]]]]]"},
	};
	struct s2c_json_limits small = {.bytes = 12, .nodes = 4, .depth = 1};
	CLEAN_JSON struct s2c_json *root = NULL, *more = NULL, *most = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
		CLEAN_FREE char *text = repeat("", deep[i].unit, deep[i].n, deep[i].end);

		assert_fails(parse(text, &root), S2C_ELIMIT, "deeper than 16 levels");
	}
	CLEAN_FREE char *fits = repeat("", "- ", 16, "a");
	assert_ok(parse(fits, &root));
	CLEAN_FREE char *wide = repeat("[", "1,", S2C_YAML_NODES_MAX, "]");
	assert_fails(parse(wide, &more), S2C_ELIMIT, "more than 20000 values");
	wide[strlen(wide) - 3] = ' '; /* "1," less, with the array itself */
	wide[strlen(wide) - 2] = ' ';
	assert_ok(parse(wide, &more));
	CLEAN_FREE char *large = repeat("a", "# 4567890123456\n", 65536, "");
	assert_fails(parse(large, &most), S2C_ELIMIT, "larger than 1048576 bytes");
	assert_fails(s2c_yaml_parse("[1, 2, 3, 4]", 12, small, &most, &terr), S2C_ELIMIT,
		"more than 4 values");
	assert_fails(s2c_yaml_parse("[1, 2,    3] ", 13, small, &most, &terr), S2C_ELIMIT,
		"larger than 12 bytes");
	assert_fails(s2c_yaml_parse("[[1]]", 5, small, &most, &terr), S2C_ELIMIT,
		"deeper than 1 levels");
	assert_ok(s2c_yaml_parse("[1, 2,    3]", 12, small, &most, &terr));
}

static void test_members(void **state)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 20);
	CLEAN_JSON struct s2c_json *root = NULL, *more = NULL;

	for (int i = 0; i < S2C_YAML_MEMBERS_MAX; i++)
		s2c_buf_must_printf(&text, "k%d: 1\n", i);
	assert_ok(parse(s2c_buf_str(&text), &root));
	assert_int_equal(s2c_json_len(root), S2C_YAML_MEMBERS_MAX);
	s2c_buf_must_printf(&text, "more: 1\n");
	assert_fails(parse(s2c_buf_str(&text), &more), S2C_ELIMIT, "more than 1000 keys");
}

/* A document cut or changed anywhere is taken or refused, and never half of both. */
static void test_every_byte(void **state)
{
	static const char text[] =
		"a:\n  - {b: 'c', d: \"\\x41\"}\n  - |\n    e\nf: [1, ~]\n";
	CLEAN_FREE char *copy = xstrdup(text);

	for (size_t i = 0; i <= strlen(text); i++) {
		for (int c = -1; c < 256; c++) {
			CLEAN_JSON struct s2c_json *root = NULL;
			size_t len = c < 0 ? i : strlen(text);
			int rc;

			if (c >= 0 && i < strlen(text))
				copy[i] = (char)c;
			rc = s2c_yaml_parse(
				copy, len, (struct s2c_json_limits){0}, &root, &terr);
			assert_int_equal(rc == 0, root != NULL);
			assert_int_equal(rc < 0, terr != NULL);
			s2c_error_free(TAKE(terr));
		}
		copy[i] = text[i];
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
