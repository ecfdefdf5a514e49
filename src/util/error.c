/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object. One code, one sentence, and the two numbers that a program may want
 * (errno, status). No stack of causes: s2c_wrap() writes the context into the sentence.
 */
#include "util/error.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "util/escape.h"

struct s2c_error {
	enum s2c_code code;
	int sys_errno;
	int status;
	char *message;
};

enum s2c_code s2c_error_code(const struct s2c_error *err)
{
	return err ? err->code : S2C_OK;
}

const char *s2c_error_message(const struct s2c_error *err)
{
	return err ? err->message : "";
}

int s2c_error_errno(const struct s2c_error *err)
{
	return err ? err->sys_errno : 0;
}

int s2c_error_status(const struct s2c_error *err)
{
	return err ? err->status : 0;
}

void s2c_error_free(struct s2c_error *err)
{
	if (!err)
		return;
	free(err->message);
	free(err);
}

/* Formats, cuts and escapes; a format that cannot be printed is a programming error. */
__attribute__((format(printf, 1, 0))) static char *sentence(const char *fmt, va_list ap)
{
	CLEAN_FREE char *raw = NULL;

	if (vasprintf(&raw, fmt, ap) < 0)
		raw = s2c_must(NULL);
	return s2c_escape(raw, strlen(raw), S2C_ERROR_MESSAGE_MAX, false);
}

/* Takes the message. */
static struct s2c_error *error_new(
	struct s2c_error **err, enum s2c_code code, char *message)
{
	struct s2c_error *e;

	if (!err) {
		free(message);
		return NULL;
	}
	/* A second error would silently replace the cause by its consequence. */
	assert(!*err);
	assert(code != S2C_OK);
	e = xcalloc(1, sizeof(*e));
	e->code = code;
	e->message = message;
	*err = e;
	return e;
}

int(s2c_fail)(struct s2c_error **err, enum s2c_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_new(err, code, sentence(fmt, ap));
	va_end(ap);
	return -1;
}

int(s2c_fail_status)(
	struct s2c_error **err, enum s2c_code code, int status, const char *fmt, ...)
{
	struct s2c_error *e;
	va_list ap;

	va_start(ap, fmt);
	e = error_new(err, code, sentence(fmt, ap));
	va_end(ap);
	if (e)
		e->status = status;
	return -1;
}

static enum s2c_code code_of_errno(int errnum)
{
	static const struct {
		int errnum;
		enum s2c_code code;
	} map[] = {
		{ENOENT, S2C_ENOENT},
		{EACCES, S2C_EDENIED},
		{EPERM, S2C_EDENIED},
		{EEXIST, S2C_EEXIST},
		{ENOSYS, S2C_EUNSUPPORTED},
		{EOPNOTSUPP, S2C_EUNSUPPORTED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].errnum == errnum)
			return map[i].code;
	return S2C_EIO;
}

/* The text of errno as a clause: untranslated, and small at its start unless an acronym.
 */
static char *errno_text(int errnum)
{
	const char *desc = strerrordesc_np(errnum);
	char *text;

	/* The one errno whose remedy is the same wherever it comes from. */
	if (errnum == ENOSPC)
		desc = "no space left on device: free some; 's2c prune' may help";
	text = desc ? xstrdup(desc) : xasprintf("error %d", errnum);
	if (text[0] && islower((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

__attribute__((format(printf, 4, 0))) static int fail_errno(struct s2c_error **err,
	enum s2c_code code, int errnum, const char *fmt, va_list ap)
{
	CLEAN_FREE char *said = sentence(fmt, ap);
	CLEAN_FREE char *why = errno_text(errnum);
	struct s2c_error *e = error_new(err, code, xasprintf("%s: %s", said, why));

	if (e)
		e->sys_errno = errnum;
	return -1;
}

int(s2c_fail_errno)(struct s2c_error **err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_errno(err, code_of_errno(errnum), errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int(s2c_fail_as)(
	struct s2c_error **err, enum s2c_code code, int errnum, const char *fmt, ...)
{
	struct s2c_error *e;
	va_list ap;

	va_start(ap, fmt);
	e = error_new(err, code, sentence(fmt, ap));
	va_end(ap);
	if (e)
		e->sys_errno = errnum;
	return -1;
}

int(s2c_wrap)(struct s2c_error **err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	assert(*err);
	va_start(ap, fmt);

	CLEAN_FREE char *context = sentence(fmt, ap);
	CLEAN_FREE char *cause = (*err)->message;
	CLEAN_FREE char *both = xasprintf("%s: %s", context, cause);

	va_end(ap);
	(*err)->message = s2c_escape(both, strlen(both), S2C_ERROR_MESSAGE_MAX, false);
	return -1;
}

void s2c_error_move(struct s2c_error **dst, struct s2c_error **src)
{
	if (!dst) {
		s2c_error_free(*src);
		*src = NULL;
		return;
	}
	assert(!*dst);
	*dst = TAKE(*src);
}
