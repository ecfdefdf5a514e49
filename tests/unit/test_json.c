/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is a document, what comes back out, typed access, building. */
#include "helper.h"

#include <locale.h>

#include "codec/json.h"

static int parse(const char *text, struct s2c_json **out, struct s2c_error **err)
{
	return s2c_json_parse(text, strlen(text), (struct s2c_json_limits){0}, out, err);
}

/* Documents that print as they came, or as `printed`. */
static void test_round_trip(void **state)
{
	static const struct {
		const char *text, *printed;
	} rows[] = {
		{"null", NULL},
		{"true", NULL},
		{"false", NULL},
		{"{}", NULL},
		{"[]", NULL},
		{"\"\"", NULL},
		{"0", NULL},
		{"-0", NULL},
		{"-1", NULL},
		{"9007199254740993", NULL},
		{"9223372036854775807", NULL},
		{"-9223372036854775808", NULL},
		{"18446744073709551615", NULL},
		{"1.0", NULL},
		{"1.50", NULL},
		{"1E5", NULL},
		{"1e+05", NULL},
		{"-0.0e-0", NULL},
		{"9.99e307", NULL},
		{"0e999", NULL},
		{"0.000001e313", NULL},
		{"1e-99999", NULL},
		{" \t\r\n[ 1 , 2 ] \n", "[1,2]"},
		{"{\"a\":{\"b\":[1,\"x\",null,true]},\"c\":-1}", NULL},
		{"{ \"a\" : 1 , \"b\" : [ ] }", "{\"a\":1,\"b\":[]}"},
		{"{\"\":1}", NULL},
		{"\"\\u0041\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
			"\"A/\\b\\f\\n\\r\\t\\\\\\\"\""},
		{"\"\\u001f\\u007F\"", "\"\\u001f\x7f\""},
		{"\"\\u00e9\\u20AC\\ud83d\\ude00\"",
			"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\"\xc3\xa9 <&> \xe2\x80\xa8 \xf4\x8f\xbf\xbf\"", NULL},
		{"{\"b\":1,\"a\":2,\"c\":3}", NULL},
		{"{\"a\":{\"a\":1},\"b\":{\"a\":1}}", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *node = NULL, *copy = NULL;
		CLEAN_FREE char *text = NULL, *again = NULL;

		assert_ok(parse(rows[i].text, &node, &terr));
		text = s2c_json_print(node, S2C_JSON_COMPACT);
		assert_string_equal(
			text, rows[i].printed ? rows[i].printed : rows[i].text);
		copy = s2c_json_copy(node);
		again = s2c_json_print(copy, S2C_JSON_COMPACT);
		assert_string_equal(text, again);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"", "line 1, column 1: the document ends too early"},
		{"  ", "ends too early"},
		{"{", "a string was expected"},
		{"[", "ends too early"},
		{"[1", "',' or ']' was expected"},
		{"[1,", "ends too early"},
		{"[1,]", "a value was expected"},
		{"[,1]", "a value was expected"},
		{"[1 2]", "',' or ']'"},
		{"{\"a\"}", "':' was expected"},
		{"{\"a\":}", "a value was expected"},
		{"{\"a\":1,}", "a string was expected"},
		{"{a:1}", "a string was expected"},
		{"{1:1}", "a string was expected"},
		{"{'a':1}", "a string was expected"},
		{"{\"a\":1]", "',' or '}'"},
		{"{\"a\":1}}", "more bytes behind the document"},
		{"{}{}", "more bytes behind"},
		{"{} x", "line 1, column 4: more bytes behind"},
		{"1 1", "more bytes behind"},
		{"nul", "a value was expected"},
		{"nullx", "more bytes behind"},
		{"True", "a value was expected"},
		{"NaN", "a value was expected"},
		{"Infinity", "a value was expected"},
		{"-Infinity", "malformed number"},
		{"\xef\xbb\xbf{}", "a value was expected"},
		{"// x\n1", "a value was expected"},
		{"[1,\n 2,\n  x]", "line 3, column 3: a value was expected"},
		/* numbers */
		{"01", "malformed number"},
		{"-01", "malformed number"},
		{"00", "malformed number"},
		{"-", "malformed number"},
		{"+1", "a value was expected"},
		{".5", "a value was expected"},
		{"1.", "malformed number"},
		{"1.e1", "malformed number"},
		{"1e", "malformed number"},
		{"1e+", "malformed number"},
		{"1e1.5", "more bytes behind"},
		{"0x10", "more bytes behind"},
		{"1_000", "more bytes behind"},
		{"1e400", "out of range"},
		{"-1e309", "out of range"},
		{"1e99999999999999999999", "out of range"},
		{"10000000000000000000000000000000000000000000000000000000000000000",
			"more than 64 bytes"},
		/* strings */
		{"\"abc", "has no end"},
		{"\"abc\\", "has no end"},
		{"\"abc\\\"", "has no end"},
		{"\"a\nb\"", "line 1, column 3: control byte"},
		{"\"\x1f\"", "control byte"},
		{"\"\\x41\"", "unknown escape"},
		{"\"\\'\"", "unknown escape"},
		{"\"\\u12\"", "four hex digits"},
		{"\"\\u12g4\"", "four hex digits"},
		{"\"\\u", "has no end"},
		{"\"a\\u0000b\"", "NUL in a string"},
		{"\"\\ud800\"", "lone surrogate"},
		{"\"\\ud800x\"", "lone surrogate"},
		{"\"\\ud800\\n\"", "lone surrogate"},
		{"\"\\ud800\\u0041\"", "lone surrogate"},
		{"\"\\udc00\\ud800\"", "lone surrogate"},
		{"\"\\ud800\\ud800\"", "lone surrogate"},
		{"\"\xff\"", "not UTF-8"},
		{"\"\xc3\"", "not UTF-8"},
		{"\"\xc0\x80\"", "not UTF-8"},
		{"\"\xed\xa0\x80\"", "not UTF-8"},
		{"\"\xf4\x90\x80\x80\"", "not UTF-8"},
		{"{\"\xff\":1}", "not UTF-8"},
		/* keys */
		{"{\"a\":1,\"a\":1}", "line 1, column 8: duplicate key 'a'"},
		{"{\"\":1,\"\":1}", "duplicate key ''"},
		{"{\"a\":1,\"A\":1}", "duplicate key 'A'"},
		{"{\"User\":1,\"x\":{},\"uSER\":1}", "duplicate key 'uSER'"},
		{"{\"a\":1,\"\\u0061\":1}", "duplicate key 'a'"},
		{"{\"K\":1,\"\\u212a\":1}", "duplicate key"},
		{"{\"HostConfig\":1,\"Ho\\u017ftConfig\":1}", "duplicate key"},
		{"[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]", "duplicate key 'a'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_json *node = NULL;

		assert_fails(
			parse(rows[i].text, &node, &terr), S2C_EPROTO, rows[i].words);
		assert_null(node);
	}
}

/* Raw NUL bytes are refused wherever they are, and never end the text. */
static void test_nul(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *words;
	} rows[] = {
		{"\"a\0b\"", 5, "NUL in a string"},
		{"{}\0", 3, "more bytes behind"},
		{"\0", 1, "a value was expected"},
		{"\"\\\0\"", 4, "unknown escape"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_json *node = NULL;

		assert_fails(s2c_json_parse(rows[i].text, rows[i].len,
				     (struct s2c_json_limits){0}, &node, &terr),
			S2C_EPROTO, rows[i].words);
	}
}

/* Every prefix of a document is refused, so nothing is read past the end of the text. */
static void test_prefixes(void **state)
{
	static const char text[] =
		"{\"a\":[1,-2.5e+3,true,false,null,\"x\\n\\u00e9\\ud83d\\ude00\"],"
		"\"b\":{\"c\":{}}}";

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		CLEAN_FREE char *exact = xmalloc(len);
		struct s2c_json *node = NULL;

		memcpy(exact, text, len);
		assert_fails(s2c_json_parse(exact, len, (struct s2c_json_limits){0},
				     &node, &terr),
			S2C_EPROTO, "line 1");
	}
}

static void test_limits(void **state)
{
	struct s2c_json_limits depth = {.depth = 3}, nodes = {.nodes = 4},
			       bytes = {.bytes = 6};
	CLEAN_JSON struct s2c_json *a = NULL, *b = NULL, *c = NULL;
	struct s2c_json *none = NULL;
	CLEAN_FREE char *deep = xcalloc(1, 100001);

	assert_ok(s2c_json_parse("[[[]]]", 6, depth, &a, &terr));
	assert_fails(s2c_json_parse("[[[{}]]]", 8, depth, &none, &terr), S2C_ELIMIT,
		"nested deeper than 3");
	assert_ok(s2c_json_parse("[1,2,3]", 7, nodes, &b, &terr));
	assert_fails(s2c_json_parse("[1,2,3,4]", 9, nodes, &none, &terr), S2C_ELIMIT,
		"more than 4 values");
	assert_ok(s2c_json_parse("[1,22]", 6, bytes, &c, &terr));
	assert_fails(s2c_json_parse("[1,222]", 7, bytes, &none, &terr), S2C_ELIMIT,
		"larger than 6 bytes");
	memset(deep, '[', 100000);
	assert_fails(parse(deep, &none, &terr), S2C_ELIMIT, "nested deeper than 32");
}

/* Many keys, all different and all alike: the check must not be quadratic. */
static void test_many_keys(void **state)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_JSON_BYTES_MAX);
	CLEAN_JSON struct s2c_json *node = NULL;

	s2c_buf_must_printf(&text, "{\"k\":0");
	for (int i = 1; i < 150000; i++)
		s2c_buf_must_printf(&text, ",\"k%d\":0", i);
	s2c_buf_must_printf(&text, "}");
	assert_ok(s2c_json_parse(
		text.data, text.len, (struct s2c_json_limits){0}, &node, &terr));
	assert_int_equal(s2c_json_len(node), 150000);
	text.len--;
	s2c_buf_must_printf(&text, ",\"K77777\":0}");
	assert_fails(s2c_json_parse(text.data, text.len, (struct s2c_json_limits){0},
			     &node, &terr),
		S2C_EPROTO, "duplicate key 'K77777'");
}

static void test_mixed_case(void **state)
{
	static const char text[] =
		"{\"config\":{\"Labels\":{\"Vendor\":\"a\",\"vendor\":\"b\"}}}";
	static const char *const known[] = {"Labels", "labelsx", NULL};
	static const char *const wrong[] = {"x", "Config", NULL};
	struct s2c_json_limits limits = {.mixed_case = true};
	CLEAN_JSON struct s2c_json *node = NULL;
	struct s2c_json *none = NULL;
	const struct s2c_json *config, *labels;

	assert_fails(parse(text, &none, &terr), S2C_EPROTO, "duplicate key 'vendor'");
	assert_ok(s2c_json_parse(text, strlen(text), limits, &node, &terr));
	assert_fails(s2c_json_parse("{\"a\":1,\"a\":2}", 13, limits, &none, &terr),
		S2C_EPROTO, "duplicate key 'a'");
	config = s2c_json_get(node, "config");
	labels = s2c_json_get(config, "Labels");
	assert_ok(s2c_json_check_keys(node, NULL, &terr));
	assert_ok(s2c_json_check_keys(config, known, &terr));
	assert_ok(s2c_json_check_keys(NULL, known, &terr));
	assert_fails(s2c_json_check_keys(node, wrong, &terr), S2C_EPROTO,
		"key 'config' must be spelt 'Config'");
	assert_fails(
		s2c_json_check_keys(labels, NULL, &terr), S2C_EPROTO, "is there twice");
}

static void test_getters(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"i\":-7,\"big\":9223372036854775807,"
				   "\"bigger\":9223372036854775808,\"f\":1.0,\"e\":1e3,"
				   "\"t\":true,\"n\":null,"
				   "\"o\":{\"a\":1},\"a\":[\"p\",\"q\"],\"m\":[\"p\",1]}";
	CLEAN_JSON struct s2c_json *node = NULL;
	const struct s2c_json *member = NULL;
	CLEAN_STRV struct s2c_strv v = S2C_STRV_INIT;
	const char *s = "kept";
	int64_t i = 42;
	bool b = false;

	assert_ok(parse(text, &node, &terr));
	assert_ok(s2c_json_get_str(node, "none", S2C_OPTIONAL, &s, &terr));
	assert_ok(s2c_json_get_str(node, "n", S2C_OPTIONAL, &s, &terr));
	assert_ok(s2c_json_get_str(node, "S", S2C_OPTIONAL, &s, &terr));
	assert_ok(s2c_json_get_str(NULL, "s", S2C_OPTIONAL, &s, &terr));
	assert_ok(
		s2c_json_get_str(s2c_json_get(node, "s"), "s", S2C_OPTIONAL, &s, &terr));
	assert_string_equal(s, "kept");
	assert_fails(s2c_json_get_str(node, "none", S2C_REQUIRED, &s, &terr), S2C_EPROTO,
		"'none' is missing");
	assert_fails(s2c_json_get_str(node, "n", S2C_REQUIRED, &s, &terr), S2C_EPROTO,
		"'n' must be a string");
	assert_fails(s2c_json_get_str(node, "i", S2C_OPTIONAL, &s, &terr), S2C_EPROTO,
		"'i' must be a string");
	assert_ok(s2c_json_get_str(node, "s", S2C_REQUIRED, &s, &terr));
	assert_string_equal(s, "x");

	assert_ok(s2c_json_get_int(node, "none", S2C_OPTIONAL, &i, &terr));
	assert_int_equal(i, 42);
	assert_ok(s2c_json_get_int(node, "i", S2C_REQUIRED, &i, &terr));
	assert_int_equal(i, -7);
	assert_ok(s2c_json_get_int(node, "big", S2C_REQUIRED, &i, &terr));
	assert_true(i == INT64_MAX);
	assert_fails(s2c_json_get_int(node, "bigger", S2C_REQUIRED, &i, &terr),
		S2C_EPROTO, "out of range");
	assert_fails(s2c_json_get_int(node, "f", S2C_REQUIRED, &i, &terr), S2C_EPROTO,
		"must be an integer");
	assert_fails(s2c_json_get_int(node, "e", S2C_REQUIRED, &i, &terr), S2C_EPROTO,
		"must be an integer");
	assert_fails(s2c_json_get_int(node, "s", S2C_REQUIRED, &i, &terr), S2C_EPROTO,
		"must be an integer");
	assert_true(i == INT64_MAX);

	assert_ok(s2c_json_get_bool(node, "t", S2C_REQUIRED, &b, &terr));
	assert_true(b);
	assert_fails(s2c_json_get_bool(node, "i", S2C_OPTIONAL, &b, &terr), S2C_EPROTO,
		"must be a boolean");
	assert_ok(s2c_json_get_object(node, "o", S2C_REQUIRED, &member, &terr));
	assert_int_equal(s2c_json_len(member), 1);
	assert_fails(s2c_json_get_object(node, "a", S2C_OPTIONAL, &member, &terr),
		S2C_EPROTO, "must be an object");
	assert_ok(s2c_json_get_array(node, "a", S2C_REQUIRED, &member, &terr));
	assert_int_equal(s2c_json_len(member), 2);
	assert_null(s2c_json_key(s2c_json_first(member)));
	assert_fails(s2c_json_get_array(node, "o", S2C_OPTIONAL, &member, &terr),
		S2C_EPROTO, "must be an array");

	assert_fails(s2c_json_get_strv(node, "m", S2C_REQUIRED, &v, &terr), S2C_EPROTO,
		"'m' must be an array of strings");
	assert_int_equal(v.len, 0);
	assert_ok(s2c_json_get_strv(node, "n", S2C_OPTIONAL, &v, &terr));
	assert_ok(s2c_json_get_strv(node, "a", S2C_REQUIRED, &v, &terr));
	assert_int_equal(v.len, 2);
	assert_string_equal(v.items[1], "q");
}

static void test_building(void **state)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object(), *copy = NULL;
	CLEAN_STRV struct s2c_strv v = S2C_STRV_INIT;
	CLEAN_FREE char *text = NULL, *sorted = NULL, *pretty = NULL;
	struct s2c_json *array;

	s2c_json_set_int(root, "b", 1);
	s2c_json_set_str(root, "a", "x");
	s2c_json_set_int(root, "b", INT64_MIN);
	s2c_json_set_bool(root, "B", true);
	s2c_strv_add(&v, "p");
	s2c_json_set_strv(root, "v", &v);
	s2c_json_set(s2c_json_object_at(root, "o"), "z", s2c_json_new_array());
	s2c_json_set_str(s2c_json_object_at(root, "o"), "y", "1");
	array = s2c_json_array_at(root, "l");
	s2c_json_add_int(array, 5);
	s2c_json_add_str(array, "f");
	copy = s2c_json_copy(s2c_json_get(root, "o"));
	assert_null(s2c_json_key(copy));
	s2c_json_add(array, TAKE(copy));
	s2c_json_set_str(root, "gone", "x");
	s2c_json_remove(root, "gone");
	s2c_json_remove(root, "never there");
	/* A member of another type is replaced by the container that is asked for. */
	(void)s2c_json_object_at(root, "a");

	text = s2c_json_print(root, S2C_JSON_COMPACT);
	assert_string_equal(text, "{\"b\":-9223372036854775808,\"a\":{},\"B\":true,"
				  "\"v\":[\"p\"],\"o\":{\"z\":[],\"y\":\"1\"},"
				  "\"l\":[5,\"f\",{\"z\":[],\"y\":\"1\"}]}");
	s2c_json_sort(root);
	sorted = s2c_json_print(root, S2C_JSON_COMPACT);
	assert_string_equal(sorted, "{\"B\":true,\"a\":{},\"b\":-9223372036854775808,"
				    "\"l\":[5,\"f\",{\"y\":\"1\",\"z\":[]}],"
				    "\"o\":{\"y\":\"1\",\"z\":[]},\"v\":[\"p\"]}");
	/* The list is whole after sorting: appending and removing at both ends works. */
	s2c_json_set_int(root, "w", 1);
	s2c_json_remove(root, "B");
	s2c_json_remove(root, "l");
	s2c_json_remove(root, "w");
	pretty = s2c_json_print(root, S2C_JSON_PRETTY);
	assert_string_equal(pretty,
		"{\n    \"a\": {},\n    \"b\": -9223372036854775808,\n"
		"    \"o\": {\n        \"y\": \"1\",\n        \"z\": []\n"
		"    },\n    \"v\": [\n        \"p\"\n    ]\n}");
}

/* Bytes of our own that are no UTF-8 never reach a document. */
static void test_print_bytes(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"a\xff"
		 "b",
			"[\"a\xef\xbf\xbd"
			"b\"]"},
		{"\xc3", "[\"\xef\xbf\xbd\"]"},
		{"\xe2\x82", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]"},
		{"\xc3\xa9\xc3\"", "[\"\xc3\xa9\xef\xbf\xbd\\\"\"]"},
		{"\x01\x1b\x7f", "[\"\\u0001\\u001b\x7f\"]"},
		{"", "[\"\"]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_JSON struct s2c_json *array = s2c_json_new_array();
		CLEAN_FREE char *text = NULL;

		s2c_json_add_str(array, rows[i].in);
		text = s2c_json_print(array, S2C_JSON_COMPACT);
		assert_string_equal(text, rows[i].out);
	}
}

/* A locale with another decimal point changes nothing. */
static void test_locale(void **state)
{
	CLEAN_JSON struct s2c_json *node = NULL;
	CLEAN_FREE char *text = NULL;

	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "C.UTF-8"))
		skip_because("no UTF-8 locale installed");
	assert_ok(parse("[1.5,1e3]", &node, &terr));
	text = s2c_json_print(node, S2C_JSON_COMPACT);
	assert_string_equal(text, "[1.5,1e3]");
	(void)setlocale(LC_ALL, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_mixed_case),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_print_bytes),
		cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
