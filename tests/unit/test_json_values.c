/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of JSON objects: the same objects however the bytes are cut, and nothing but
 * objects.
 */
#include "helper.h"

#include "codec/json_values.h"

struct seen {
	char text[512];
	unsigned n;
	bool refuse;
};

static int note(void *self, const struct s2c_json *object, struct s2c_error **err)
{
	struct seen *seen = self;
	CLEAN_FREE char *text = s2c_json_print(object, S2C_JSON_COMPACT);

	if (seen->refuse)
		return s2c_fail(err, S2C_EDENIED, "not this one");
	strncat(seen->text, text, sizeof(seen->text) - strlen(seen->text) - 1);
	seen->n++;
	return 0;
}

/* Writes in pieces of `step` bytes and finishes. */
static int feed(struct seen *seen, const char *text, size_t step, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *w = s2c_json_values(note, seen);
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += step)
		if (s2c_write(w, text + at, len - at < step ? len - at : step, err) < 0)
			return -1;
	return s2c_finish(w, err);
}

static void objects_come_out_whole(void **state)
{
	static const char text[] =
		" {\"a\":1}{\"b\":{\"c\":[1,{}]}}\r\n\t{\"d\":\"}{\\\"\\\\\"}\n";

	for (size_t step = 1; step < sizeof(text); step++) {
		struct seen seen = {.n = 0};

		assert_ok(feed(&seen, text, step, &terr));
		assert_int_equal(seen.n, 3);
		assert_string_equal(seen.text,
			"{\"a\":1}{\"b\":{\"c\":[1,{}]}}{\"d\":\"}{\\\"\\\\\"}");
	}
}

static void nothing_is_fine(void **state)
{
	struct seen seen = {.n = 0};

	assert_ok(feed(&seen, " \n", 1, &terr));
	assert_int_equal(seen.n, 0);
}

static void other_things_are_refused(void **state)
{
	static const char *const bad[] = {
		"[]", "null", "{}x", "1", "\"a\"", "{}[]", "{]}", "{\"a\":}", "}{"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct seen seen = {.n = 0};

		assert_fails(feed(&seen, bad[i], 3, &terr), S2C_EPROTO, "");
	}
}

static void an_end_inside_is_noticed(void **state)
{
	struct seen seen = {.n = 0};

	assert_fails(feed(&seen, "{\"a\":\"}", 100, &terr), S2C_EPROTO, "ends inside");
}

static void large_objects_are_refused(void **state)
{
	CLEAN_FREE char *text = xcalloc(1, S2C_JSON_VALUE_MAX + 100);
	struct seen seen = {.n = 0};

	memset(text, 'x', S2C_JSON_VALUE_MAX + 50);
	memcpy(text, "{\"a\":\"", 6);
	assert_fails(feed(&seen, text, 4096, &terr), S2C_ELIMIT, "larger than");
}

static void the_taker_may_stop_it(void **state)
{
	struct seen seen = {.refuse = true};

	assert_fails(feed(&seen, "{}{}", 100, &terr), S2C_EDENIED, "not this one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_come_out_whole),
		cmocka_unit_test(nothing_is_fine),
		cmocka_unit_test(other_things_are_refused),
		cmocka_unit_test(an_end_inside_is_noticed),
		cmocka_unit_test(large_objects_are_refused),
		cmocka_unit_test(the_taker_may_stop_it),
	};

	return cmocka_run_group_tests_name("json_values", tests, NULL, NULL);
}
