/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a maximum fixed at initialisation. The content is always followed
 * by a NUL that does not count, so `data` is a C string when no NUL was put in.
 */
#ifndef S2C_UTIL_BUF_H
#define S2C_UTIL_BUF_H

#include <stddef.h>

#include "util/error.h"

struct s2c_buf {
	char *data; /* NULL until something was added */
	size_t len;
	size_t cap;
	size_t max;
};

#define S2C_BUF_INIT(maximum)                                                            \
	{                                                                                \
		.max = (maximum)                                                         \
	}

void s2c_buf_release(struct s2c_buf *buf);
/* The same for secrets: the bytes are overwritten first. */
void s2c_buf_wipe(struct s2c_buf *buf);

/* Appends; S2C_ELIMIT when the maximum would be passed (nothing is added then). */
S2C_CHECK int s2c_buf_add(
	struct s2c_buf *buf, const void *data, size_t len, struct s2c_error **err);
S2C_CHECK int s2c_buf_puts(struct s2c_buf *buf, const char *s, struct s2c_error **err);
S2C_CHECK int s2c_buf_printf(struct s2c_buf *buf, struct s2c_error **err, const char *fmt,
	...) S2C_PRINTF(3, 4);

/* For text that the program sizes itself: going past the maximum aborts. */
void s2c_buf_must_printf(struct s2c_buf *buf, const char *fmt, ...) S2C_PRINTF(2, 3);

/* Length 0, memory and maximum kept. */
void s2c_buf_clear(struct s2c_buf *buf);

/* Content as a string, "" when empty. Borrowed. */
const char *s2c_buf_str(const struct s2c_buf *buf);

/* Hands the bytes over (never NULL, NUL-terminated) and leaves the buffer empty. */
char *s2c_buf_take(struct s2c_buf *buf);

#define CLEAN_BUF CLEAN(s2c_buf_release)
#define CLEAN_BUF_SECRET CLEAN(s2c_buf_wipe)

#endif
