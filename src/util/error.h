/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors, the write side. `return s2c_fail(err, S2C_EPROTO, "manifest of '%s': ...",
 * ref);` is one line and always -1. Callers add what only they know with s2c_wrap().
 *
 * Messages: no capital, no full stop, name the subject in single quotes, and end with
 * what to do when there is something to do: "cannot open 'x': permission denied".
 * Bytes that are not printable ASCII or valid UTF-8 are escaped when the message is made.
 */
#ifndef S2C_UTIL_ERROR_H
#define S2C_UTIL_ERROR_H

#include <stdarg.h>

#include <s2c/error.h>

#include "util/mem.h"

/* Longest message kept; the rest is cut. */
#define S2C_ERROR_MESSAGE_MAX 4096

/* Sets *err (which must be NULL unless err is NULL) and returns -1. */
int s2c_fail(struct s2c_error **err, enum s2c_code code, const char *fmt, ...)
	S2C_PRINTF(3, 4);

/*
 * The same with errno: appends ": <strerror>" and chooses the code from errno (ENOENT ->
 * S2C_ENOENT, EACCES/EPERM -> S2C_EDENIED, EEXIST -> S2C_EEXIST, ENOSYS/EOPNOTSUPP ->
 * S2C_EUNSUPPORTED, else S2C_EIO). `errnum` > 0.
 */
int s2c_fail_errno(struct s2c_error **err, int errnum, const char *fmt, ...)
	S2C_PRINTF(3, 4);

/*
 * Like s2c_fail with an errno kept beside it that the message words better than
 * strerror would: `code` is chosen by the caller, nothing is appended.
 */
int s2c_fail_as(struct s2c_error **err, enum s2c_code code, int errnum, const char *fmt,
	...) S2C_PRINTF(4, 5);

/* Like s2c_fail with an HTTP or exit status kept beside it. */
int s2c_fail_status(struct s2c_error **err, enum s2c_code code, int status,
	const char *fmt, ...) S2C_PRINTF(4, 5);

/* Puts "context: " before the message of *err, which must be set; returns -1. */
int s2c_wrap(struct s2c_error **err, const char *fmt, ...) S2C_PRINTF(2, 3);

/*
 * All of them are -1 for the compiler too: without that it takes paths behind a failed
 * call for possible, and warns of what is only set on success.
 */
static inline int s2c_failed(int minus_one)
{
	(void)minus_one;
	return -1;
}
#define s2c_fail(...) s2c_failed(s2c_fail(__VA_ARGS__))
#define s2c_fail_errno(...) s2c_failed(s2c_fail_errno(__VA_ARGS__))
#define s2c_fail_as(...) s2c_failed(s2c_fail_as(__VA_ARGS__))
#define s2c_fail_status(...) s2c_failed(s2c_fail_status(__VA_ARGS__))
#define s2c_wrap(...) s2c_failed(s2c_wrap(__VA_ARGS__))

/* Moves an error out of a scope: *dst = *src, *src = NULL; frees *src if dst is NULL. */
void s2c_error_move(struct s2c_error **dst, struct s2c_error **src);

S2C_DEFINE_CLEAN(error, struct s2c_error *, s2c_error_free)
#define CLEAN_ERROR CLEAN(s2c_clean_error)

#endif
