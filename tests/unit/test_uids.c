/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of allowed user ids: S2I's grammar, and strictly no more than it. */
#include "helper.h"

#include "policy/uids.h"

#define LAST 4294967294u

static void test_good(void **state)
{
	static const struct {
		const char *text;
		const char *formatted;
		uint32_t in[3];
		int64_t out[3]; /* -1: no more */
	} cases[] = {
		{NULL, "1-", {1, 1001, LAST}, {0, -1}},
		{"", "1-", {1, 1001, LAST}, {0, -1}},
		{"1-", "1-", {1, 1, LAST}, {0, -1}},
		{"5", "5", {5, 5, 5}, {4, 6, 0}},
		{"0", "0", {0, 0, 0}, {1, LAST, -1}},
		{"-5", "0-5", {0, 3, 5}, {6, LAST, -1}},
		{"5-", "5-", {5, 6, LAST}, {0, 4, -1}},
		{"5-10", "5-10", {5, 7, 10}, {4, 11, 0}},
		{"5-5", "5", {5, 5, 5}, {4, 6, -1}},
		{"1,3,5-7", "1,3,5-7", {1, 3, 6}, {0, 2, 8}},
		{"1-10,5-20", "1-10,5-20", {1, 10, 20}, {0, 21, -1}},
		{" 1 , 2- ", "1,2-", {1, 2, LAST}, {0, -1}},
		{"10,-3", "10,0-3", {0, 3, 10}, {4, 9, 11}},
		{"4294967294", "4294967294", {LAST, LAST, LAST}, {0, 1, -1}},
		{"1000240000-1000249999", "1000240000-1000249999",
			{1000240000, 1000245000, 1000249999},
			{0, 1000239999, 1000250000}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_UIDS struct s2c_uids uids = {0};

		assert_ok(s2c_uids_parse(cases[i].text, &uids, &terr));
		CLEAN_FREE char *formatted = s2c_uids_format(&uids);

		assert_string_equal(formatted, cases[i].formatted);
		for (size_t k = 0; k < 3; k++) {
			if (!s2c_uids_allow(&uids, cases[i].in[k]))
				fail_msg(
					"'%s' forbids %u", cases[i].text, cases[i].in[k]);
		}
		for (size_t k = 0; k < 3 && cases[i].out[k] >= 0; k++) {
			if (s2c_uids_allow(&uids, (uint32_t)cases[i].out[k]))
				fail_msg("'%s' allows %u", cases[i].text,
					(uint32_t)cases[i].out[k]);
		}
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} cases[] = {
		{"--", "'--'"},
		{"-", "'-'"},
		{"4-5-1", "'4-5-1'"},
		{"-1-5", "'-1-5'"},
		{"abc", "'abc'"},
		{"1-abc", "'1-abc'"},
		{"1a", "'1a'"},
		{"1,,2", "''"},
		{"1,", "''"},
		{",", "''"},
		{" ", "''"},
		{"10-5", "'10-5'"},
		{"+1", "'+1'"},
		{"0x10", "'0x10'"},
		{"00", "'00'"},
		{"01-5", "'01-5'"},
		{"1-05", "'1-05'"},
		{"1 -5", "'1 -5'"},
		{"1:5", "'1:5'"},
		{"4294967295", "'4294967295'"},
		{"1-4294967295", "no range"},
		{"99999999999999999999999", "no range"},
		{"1-,x\n", "'x\\x0a'"},
		{"\xc2\xb9", "no range"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_uids uids = {0};

		assert_fails(s2c_uids_parse(cases[i].text, &uids, &terr), S2C_EINVAL,
			cases[i].part);
		assert_null(uids.ranges);
	}
}

static void test_many(void **state)
{
	CLEAN_UIDS struct s2c_uids uids = {0};
	struct s2c_uids none = {0};
	char text[2 * S2C_UID_RANGES_MAX + 3] = "";
	char *p = text;

	for (int i = 0; i < S2C_UID_RANGES_MAX; i++)
		p = stpcpy(p, i ? ",7" : "7");
	assert_ok(s2c_uids_parse(text, &uids, &terr));
	assert_int_equal(uids.n, S2C_UID_RANGES_MAX);
	stpcpy(p, ",7");
	assert_fails(s2c_uids_parse(text, &none, &terr), S2C_EINVAL, "more than 256");
	assert_false(s2c_uids_allow(&none, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
