/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: codes, messages, context, escaping, and what is cut. */
#include "helper.h"

#include <errno.h>

static void test_fail(void **state)
{
	assert_int_equal(s2c_fail(&terr, S2C_EPROTO, "manifest of '%s'", "x"), -1);
	assert_string_equal(s2c_error_message(terr), "manifest of 'x'");
	assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
	assert_int_equal(s2c_error_errno(terr), 0);
	assert_int_equal(s2c_error_status(terr), 0);
	s2c_error_free(TAKE(terr));
}

static void test_null(void **state)
{
	struct s2c_error *none = NULL;

	assert_int_equal(s2c_error_code(NULL), S2C_OK);
	assert_string_equal(s2c_error_message(NULL), "");
	assert_int_equal(s2c_error_errno(NULL), 0);
	assert_int_equal(s2c_error_status(NULL), 0);
	s2c_error_free(NULL);
	/* Callers that do not want the text. */
	assert_int_equal(s2c_fail(NULL, S2C_EIO, "x"), -1);
	assert_int_equal(s2c_fail_errno(NULL, EIO, "x"), -1);
	assert_int_equal(s2c_fail_as(NULL, S2C_EIO, EIO, "x"), -1);
	assert_int_equal(s2c_fail_status(NULL, S2C_ECHILD, 1, "x"), -1);
	assert_int_equal(s2c_wrap(NULL, "x"), -1);
	s2c_error_move(NULL, &none);
}

static void test_errno(void **state)
{
	static const struct {
		int errnum;
		enum s2c_code code;
		const char *message;
	} cases[] = {
		{ENOENT, S2C_ENOENT, "open 'f': no such file or directory"},
		{EACCES, S2C_EDENIED, "open 'f': permission denied"},
		{EPERM, S2C_EDENIED, "open 'f': operation not permitted"},
		{EEXIST, S2C_EEXIST, "open 'f': file exists"},
		{ENOSYS, S2C_EUNSUPPORTED, "open 'f': function not implemented"},
		{EOPNOTSUPP, S2C_EUNSUPPORTED, "open 'f': operation not supported"},
		{ENOSPC, S2C_EIO,
			"open 'f': no space left on device: free some; "
			"'s2c prune' may help"},
		{EIO, S2C_EIO, "open 'f': input/output error"},
		{EDOTDOT, S2C_EIO, "open 'f': RFS specific error"},
		{4095, S2C_EIO, "open 'f': error 4095"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		s2c_fail_errno(&terr, cases[i].errnum, "open '%s'", "f");
		assert_string_equal(s2c_error_message(terr), cases[i].message);
		assert_int_equal(s2c_error_code(terr), cases[i].code);
		assert_int_equal(s2c_error_errno(terr), cases[i].errnum);
		s2c_error_free(TAKE(terr));
	}
}

static void test_status_and_as(void **state)
{
	s2c_fail_status(&terr, S2C_ECHILD, 3, "assemble failed");
	assert_int_equal(s2c_error_status(terr), 3);
	assert_int_equal(s2c_error_code(terr), S2C_ECHILD);
	s2c_error_free(TAKE(terr));
	s2c_fail_as(&terr, S2C_EINVAL, ELOOP, "goes through a symlink");
	assert_int_equal(s2c_error_errno(terr), ELOOP);
	assert_int_equal(s2c_error_code(terr), S2C_EINVAL);
	assert_string_equal(s2c_error_message(terr), "goes through a symlink");
	s2c_error_free(TAKE(terr));
}

static void test_wrap_keeps_the_numbers(void **state)
{
	s2c_fail_errno(&terr, ECONNRESET, "blob '%s'", "sha256:1");
	assert_int_equal(s2c_wrap(&terr, "pull '%s'", "x"), -1);
	assert_string_equal(s2c_error_message(terr),
		"pull 'x': blob 'sha256:1': connection reset by peer");
	assert_int_equal(s2c_error_errno(terr), ECONNRESET);
	assert_int_equal(s2c_error_code(terr), S2C_EIO);
	s2c_error_free(TAKE(terr));
}

static void test_hostile_bytes(void **state)
{
	s2c_fail(&terr, S2C_EPROTO, "entry '%s'", "a\x1b[31m\nb\xff\xc3\xa9");
	assert_string_equal(
		s2c_error_message(terr), "entry 'a\\x1b[31m\\x0ab\\xff\xc3\xa9'");
	s2c_wrap(&terr, "tar '%s'", "t\r");
	assert_string_equal(s2c_error_message(terr),
		"tar 't\\x0d': entry 'a\\x1b[31m\\x0ab\\xff\xc3\xa9'");
	s2c_error_free(TAKE(terr));
}

static void test_long_messages_are_cut(void **state)
{
	CLEAN_FREE char *big = xcalloc(S2C_ERROR_MESSAGE_MAX * 2, 1);

	memset(big, 'a', S2C_ERROR_MESSAGE_MAX * 2 - 1);
	s2c_fail(&terr, S2C_EPROTO, "%s", big);
	assert_int_equal(strlen(s2c_error_message(terr)), S2C_ERROR_MESSAGE_MAX + 3);
	s2c_wrap(&terr, "context");
	assert_int_equal(strlen(s2c_error_message(terr)), S2C_ERROR_MESSAGE_MAX + 3);
	assert_memory_equal(s2c_error_message(terr), "context: aaa", 12);
	s2c_error_free(TAKE(terr));
}

static void test_move(void **state)
{
	struct s2c_error *inner = NULL;

	s2c_fail(&inner, S2C_EIO, "x");
	s2c_error_move(&terr, &inner);
	assert_null(inner);
	assert_string_equal(s2c_error_message(terr), "x");
	s2c_error_move(NULL, &terr);
	assert_null(terr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_status_and_as),
		cmocka_unit_test(test_wrap_keeps_the_numbers),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
