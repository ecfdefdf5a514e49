/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-Range, as registries write it and as they must not.
 */
#include "helper.h"

#include "registry/range.h"

static void good(void **state)
{
	static const struct {
		const char *value;
		struct s2c_content_range want;
	} rows[] = {
		{"bytes 0-499/1234", {0, 499, 1234, true}},
		{"Bytes 500-1233/1234", {500, 1233, 1234, true}},
		{"bytes 0-0/1", {0, 0, 1, true}},
		{"bytes 7-8/*", {7, 8, 0, false}},
		{"bytes 1099511627774-1099511627775/1099511627776",
			{1099511627774, 1099511627775, 1099511627776, true}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_content_range got = {0};
		assert_ok(s2c_content_range_parse(rows[i].value, &got, &terr));
		assert_int_equal(got.first, rows[i].want.first);
		assert_int_equal(got.last, rows[i].want.last);
		assert_int_equal(got.total, rows[i].want.total);
		assert_int_equal(got.total_known, rows[i].want.total_known);
	}
}

static void bad(void **state)
{
	static const char *const rows[] = {
		"",
		"bytes",
		"bytes ",
		"bytes */1234",
		"bytes 0-499",
		"bytes 0-499/",
		"bytes 0-/1234",
		"bytes -499/1234",
		"bytes 500-499/1234",
		"bytes 0-1234/1234",
		"bytes 0-499/1234 ",
		"bytes  0-499/1234",
		"bytes 0 - 499/1234",
		"bytes +0-499/1234",
		"bytes 0x0-499/1234",
		"items 0-499/1234",
		"bytes 0-499/**",
		"bytes 0-99999999999999999999999/1",
		"bytes 0-18446744073709551616/*",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_content_range got = {.first = 77};
		assert_fails(s2c_content_range_parse(rows[i], &got, &terr), S2C_EPROTO,
			"no Content-Range");
		assert_int_equal(got.first, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
