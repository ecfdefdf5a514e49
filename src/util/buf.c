/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes. The maximum is checked before anything is allocated, so a peer that
 * announces a terabyte costs nothing. Not a stream: see util/stream.h for data of any
 * size.
 */
#include "util/buf.h"

#include <stdint.h>
#include <stdio.h>

#define BUF_MIN 64

void s2c_buf_release(struct s2c_buf *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
}

void s2c_buf_wipe(struct s2c_buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	s2c_buf_release(buf);
}

/* Makes room for `more` bytes and the NUL behind them. */
static int reserve(struct s2c_buf *buf, size_t more, struct s2c_error **err)
{
	size_t need, cap;

	if (buf->len > buf->max || more > buf->max - buf->len)
		return s2c_fail(
			err, S2C_ELIMIT, "content is larger than %zu bytes", buf->max);
	if (more >= SIZE_MAX - buf->len)
		return s2c_fail(err, S2C_ELIMIT, "content is too large");
	need = buf->len + more + 1;
	if (need <= buf->cap)
		return 0;
	cap = buf->cap ? buf->cap : BUF_MIN;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	buf->data = xreallocarray(buf->data, cap, 1);
	buf->cap = cap;
	return 0;
}

int s2c_buf_add(struct s2c_buf *buf, const void *data, size_t len, struct s2c_error **err)
{
	if (reserve(buf, len, err) < 0)
		return -1;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int s2c_buf_puts(struct s2c_buf *buf, const char *s, struct s2c_error **err)
{
	return s2c_buf_add(buf, s, strlen(s), err);
}

__attribute__((format(printf, 3, 0))) static int add_vprintf(
	struct s2c_buf *buf, struct s2c_error **err, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return s2c_fail(err, S2C_EINVAL, "text cannot be formatted");
	if (reserve(buf, (size_t)n, err) < 0)
		return -1;
	vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
	buf->len += (size_t)n;
	return 0;
}

int s2c_buf_printf(struct s2c_buf *buf, struct s2c_error **err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add_vprintf(buf, err, fmt, ap);
	va_end(ap);
	return rc;
}

void s2c_buf_must_printf(struct s2c_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = add_vprintf(buf, NULL, fmt, ap);
	va_end(ap);
	s2c_must(rc < 0 ? NULL : buf);
}

void s2c_buf_clear(struct s2c_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

const char *s2c_buf_str(const struct s2c_buf *buf)
{
	return buf->data ? buf->data : "";
}

char *s2c_buf_take(struct s2c_buf *buf)
{
	char *data = buf->data ? TAKE(buf->data) : xstrdup("");

	buf->len = 0;
	buf->cap = 0;
	return data;
}
