/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmocka with the assertions that every test of a fallible function wants: it succeeded
 * (else its message is shown), or it failed with this code and these words.
 */
#ifndef S2C_TEST_CHECK_H
#define S2C_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/error.h"

/* `call` uses &err, which is NULL before. */
#define check_ok(call)                                                                   \
	do {                                                                             \
		struct s2c_error *err = NULL;                                            \
		if ((call) < 0)                                                          \
			fail_msg("%s: %s", #call, s2c_error_message(err));               \
		assert_null(err);                                                        \
	} while (0)

/* The same for a call that must fail with `code` and a message that has `words`. */
#define check_fails(call, code, words)                                                   \
	do {                                                                             \
		struct s2c_error *err = NULL;                                            \
		if ((call) >= 0)                                                         \
			fail_msg("%s: succeeded and must not", #call);                   \
		check_error(&err, code, words, #call);                                   \
	} while (0)

__attribute__((noinline, unused)) static void check_error(
	struct s2c_error **err, enum s2c_code code, const char *words, const char *what)
{
	const char *message = s2c_error_message(*err);

	if (!*err)
		fail_msg("%s: failed without an error", what);
	if (s2c_error_code(*err) != code)
		fail_msg("%s: code %d is not %d: %s", what, (int)s2c_error_code(*err),
			(int)code, message);
	if (!strstr(message, words))
		fail_msg("%s: '%s' has no '%s'", what, message, words);
	s2c_error_free(*err);
	*err = NULL;
}

#endif
