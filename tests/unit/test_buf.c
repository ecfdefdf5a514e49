/* SPDX-License-Identifier: Apache-2.0 */
/* Capped buffers: growth, the maximum, formatted text, hand-over. */
#include "helper.h"

#include "util/buf.h"

static void test_add(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(1024);

	assert_string_equal(s2c_buf_str(&buf), "");
	assert_ok(s2c_buf_add(&buf, NULL, 0, &terr));
	assert_ok(s2c_buf_puts(&buf, "ab", &terr));
	assert_ok(s2c_buf_add(&buf, "c\0d", 3, &terr));
	assert_ok(s2c_buf_printf(&buf, &terr, "%d-%s", 42, "x"));
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf.data, "abc\0d42-x", 10);
	s2c_buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(s2c_buf_str(&buf), "");
	s2c_buf_must_printf(&buf, "%s", "again");
	assert_string_equal(s2c_buf_str(&buf), "again");
}

static void test_maximum(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(4);
	CLEAN_BUF struct s2c_buf none = S2C_BUF_INIT(0);

	assert_ok(s2c_buf_puts(&buf, "abcd", &terr));
	assert_fails(s2c_buf_puts(&buf, "e", &terr), S2C_ELIMIT, "larger than 4 bytes");
	assert_fails(s2c_buf_printf(&buf, &terr, "%d", 1), S2C_ELIMIT, "larger than 4");
	assert_string_equal(s2c_buf_str(&buf), "abcd");
	assert_ok(s2c_buf_puts(&buf, "", &terr));
	/* What a peer announces costs nothing: refused before any allocation. */
	s2c_buf_clear(&buf);
	assert_fails(s2c_buf_add(&buf, "x", SIZE_MAX, &terr), S2C_ELIMIT, "larger");
	assert_ok(s2c_buf_puts(&none, "", &terr));
	assert_fails(s2c_buf_puts(&none, "x", &terr), S2C_ELIMIT, "larger than 0 bytes");
}

static void test_overflow_of_sizes(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(SIZE_MAX);

	assert_ok(s2c_buf_puts(&buf, "abc", &terr));
	assert_fails(
		s2c_buf_add(&buf, "x", SIZE_MAX - 3, &terr), S2C_ELIMIT, "too large");
	assert_string_equal(s2c_buf_str(&buf), "abc");
}

static void test_growth(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100000);

	for (int i = 0; i < 10000; i++)
		assert_ok(s2c_buf_printf(&buf, &terr, "%05d", i));
	assert_int_equal(buf.len, 50000);
	assert_memory_equal(buf.data + 5 * 9999, "09999", 6);
}

static void test_take(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(16);
	CLEAN_FREE char *empty = s2c_buf_take(&buf);

	assert_string_equal(empty, "");
	assert_ok(s2c_buf_puts(&buf, "abc", &terr));

	CLEAN_FREE char *full = s2c_buf_take(&buf);

	assert_string_equal(full, "abc");
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	/* Still usable, with its maximum. */
	assert_ok(s2c_buf_puts(&buf, "next", &terr));
	assert_int_equal(buf.max, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_overflow_of_sizes),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
