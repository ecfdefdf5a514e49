/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of TOML 1.0 by its grammar. What other readers forgive (a lone CR, a control
 * byte in a comment, 01, 1__0) is an error here: a configuration that two programs read
 * differently decides nothing.
 */
#include "codec/toml_lex.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "util/escape.h"

int s2c_toml_lex_fail(const struct s2c_toml_lex *lex, const char *at,
	struct s2c_error **err, const char *fmt, ...)
{
	size_t line = 1;
	char what[512];
	va_list args;

	for (const char *p = lex->text; p < at; p++)
		line += *p == '\n';
	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return s2c_fail(err, S2C_EPROTO, "line %zu: %s", line, what);
}

/* --- between the words ------------------------------------------------------------ */

/* The byte at lex->at + i, or 0 behind the end; a NUL is not in the text. */
static unsigned char peek(const struct s2c_toml_lex *lex, size_t i)
{
	return (size_t)(lex->end - lex->at) > i ? (unsigned char)lex->at[i] : 0;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

void s2c_toml_lex_blank(struct s2c_toml_lex *lex)
{
	while (peek(lex, 0) == ' ' || peek(lex, 0) == '\t')
		lex->at++;
}

bool s2c_toml_lex_take(struct s2c_toml_lex *lex, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(lex->end - lex->at) < len || memcmp(lex->at, word, len) != 0)
		return false;
	lex->at += len;
	return true;
}

static bool take_newline(struct s2c_toml_lex *lex)
{
	return s2c_toml_lex_take(lex, "\n") || s2c_toml_lex_take(lex, "\r\n");
}

static int take_comment(struct s2c_toml_lex *lex, struct s2c_error **err)
{
	if (!s2c_toml_lex_take(lex, "#"))
		return 0;
	while (lex->at < lex->end && !is_control(peek(lex, 0)))
		lex->at++;
	if (lex->at < lex->end && peek(lex, 0) != '\n' &&
		!(peek(lex, 0) == '\r' && peek(lex, 1) == '\n'))
		return s2c_toml_lex_fail(
			lex, lex->at, err, "a control byte in a comment");
	return 0;
}

int s2c_toml_lex_line_end(struct s2c_toml_lex *lex, struct s2c_error **err)
{
	s2c_toml_lex_blank(lex);
	if (take_comment(lex, err) < 0)
		return -1;
	if (lex->at < lex->end && !take_newline(lex))
		return s2c_toml_lex_fail(
			lex, lex->at, err, "the end of the line was expected");
	return 0;
}

int s2c_toml_lex_gap(struct s2c_toml_lex *lex, struct s2c_error **err)
{
	const char *start;

	do {
		start = lex->at;
		s2c_toml_lex_blank(lex);
		if (take_comment(lex, err) < 0)
			return -1;
		(void)take_newline(lex);
	} while (lex->at > start);
	return 0;
}

/* --- strings ---------------------------------------------------------------------- */

/* Quotes and what they mean. */
struct quotes {
	const char *mark;
	bool escapes, lines;
};

/* The escape's `digits` hex digits at lex->at as UTF-8. */
static int unicode_escape(struct s2c_toml_lex *lex, unsigned digits, struct s2c_buf *out,
	struct s2c_error **err)
{
	unsigned code = 0;
	char bytes[4];

	for (unsigned i = 0; i < digits; i++) {
		unsigned char c = peek(lex, 0);

		if (!isxdigit(c))
			return s2c_toml_lex_fail(lex, lex->at, err,
				"the escape needs %u hexadecimal digits", digits);
		code *= 16;
		code += isdigit(c) ? (unsigned)c - '0' : (c | 32u) - 'a' + 10u;
		lex->at++;
	}
	if (code == 0)
		return s2c_toml_lex_fail(lex, lex->at, err, "NUL in a string");
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return s2c_toml_lex_fail(
			lex, lex->at, err, "an escape for what is no character");
	return s2c_buf_add(out, bytes, s2c_utf8_put(bytes, code), err);
}

/*
 * A backslash at the end of a line, with lex->at behind it: white space up to the next
 * text goes. False: it is something else.
 */
static bool line_continues(struct s2c_toml_lex *lex)
{
	const char *start = lex->at;

	s2c_toml_lex_blank(lex);
	if (!take_newline(lex)) {
		lex->at = start;
		return false;
	}
	do
		s2c_toml_lex_blank(lex);
	while (take_newline(lex));
	return true;
}

/* One escape with lex->at behind the backslash. */
static int escape(struct s2c_toml_lex *lex, const struct quotes *quotes,
	struct s2c_buf *out, struct s2c_error **err)
{
	static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
	unsigned char c = peek(lex, 0);
	const char *hit = c ? strchr(from, c) : NULL;

	if (quotes->lines && line_continues(lex))
		return 0;
	if (hit) {
		lex->at++;
		return s2c_buf_add(out, &to[hit - from], 1, err);
	}
	if (c != 'u' && c != 'U')
		return s2c_toml_lex_fail(lex, lex->at, err, "unknown escape in a string");
	lex->at++;
	return unicode_escape(lex, c == 'u' ? 4 : 8, out, err);
}

/* Quotes that end a string of several lines may have two of their kind before them. */
static bool closes(struct s2c_toml_lex *lex, const struct quotes *quotes)
{
	if (!s2c_toml_lex_take(lex, quotes->mark))
		return false;
	if (!quotes->lines || peek(lex, 0) != (unsigned char)*quotes->mark)
		return true;
	/* One more, so the first was text. */
	lex->at -= strlen(quotes->mark);
	return false;
}

/* One byte of text, or an escape. */
static int take_text(struct s2c_toml_lex *lex, const struct quotes *quotes,
	struct s2c_buf *out, struct s2c_error **err)
{
	const char *start = lex->at;

	if (quotes->escapes && s2c_toml_lex_take(lex, "\\"))
		return escape(lex, quotes, out, err);
	if (quotes->lines && take_newline(lex))
		return s2c_buf_add(out, start, (size_t)(lex->at - start), err);
	if (is_control(peek(lex, 0)))
		return s2c_toml_lex_fail(lex, start, err,
			strchr("\r\n", peek(lex, 0)) ? "the string has no end on its line"
						     : "a control byte in a string");
	lex->at++;
	return s2c_buf_add(out, start, 1, err);
}

static int take_string(struct s2c_toml_lex *lex, const struct quotes *quotes, char **out,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT((size_t)(lex->end - lex->at));
	const char *start = lex->at;
	size_t run = 0; /* quotes in a row that were text */

	lex->at += strlen(quotes->mark);
	if (quotes->lines)
		(void)take_newline(lex);
	for (;;) {
		if (lex->at == lex->end)
			return s2c_toml_lex_fail(
				lex, start, err, "the string has no end");
		if (closes(lex, quotes))
			break;
		run = peek(lex, 0) == (unsigned char)*quotes->mark ? run + 1 : 0;
		if (take_text(lex, quotes, &text, err) < 0)
			return -1;
	}
	/* The grammar knows one or two before the closing ones. */
	if (quotes->lines && run > 2)
		return s2c_toml_lex_fail(
			lex, lex->at, err, "too many quotes at the end of a string");
	*out = s2c_buf_take(&text);
	return 0;
}

static const struct quotes *quotes_at(const struct s2c_toml_lex *lex)
{
	static const struct quotes kinds[] = {
		{"\"\"\"", true, true},
		{"'''", false, true},
		{"\"", true, false},
		{"'", false, false},
	};
	struct s2c_toml_lex look = *lex;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (s2c_toml_lex_take(&look, kinds[i].mark))
			return &kinds[i];
	return NULL;
}

int s2c_toml_lex_string(struct s2c_toml_lex *lex, char **out, struct s2c_error **err)
{
	const struct quotes *quotes = quotes_at(lex);

	if (!quotes)
		return s2c_toml_lex_fail(lex, lex->at, err, "a string was expected");
	return take_string(lex, quotes, out, err);
}

int s2c_toml_lex_key(struct s2c_toml_lex *lex, char **out, struct s2c_error **err)
{
	const struct quotes *quotes = quotes_at(lex);
	const char *start = lex->at;

	if (quotes && quotes->lines)
		return s2c_toml_lex_fail(
			lex, start, err, "a key cannot have several lines");
	if (quotes)
		return take_string(lex, quotes, out, err);
	while (isalnum(peek(lex, 0)) || peek(lex, 0) == '_' || peek(lex, 0) == '-')
		lex->at++;
	if (lex->at == start)
		return s2c_toml_lex_fail(lex, start, err, "a key was expected");
	*out = xstrndup(start, (size_t)(lex->at - start));
	return 0;
}

/* --- numbers and other words ------------------------------------------------------ */

/* Digits of a base with single underscores between them at *pp, appended to *put. */
static bool take_digits(const char **pp, const char *digits, char **put)
{
	const char *p = *pp;

	for (;;) {
		size_t n = strspn(p, digits);

		if (n == 0)
			return false;
		memcpy(*put, p, n);
		*put += n;
		p += n;
		if (*p != '_')
			break;
		p++;
	}
	*pp = p;
	return true;
}

/* 0x, 0o and 0b; `out` has room for any int64. */
static bool other_base(const char *word, char *out, size_t size)
{
	static const struct {
		char letter;
		int base;
		const char *digits;
	} bases[] = {
		{'x', 16, "0123456789abcdefABCDEF"},
		{'o', 8, "01234567"},
		{'b', 2, "01"},
	};
	char plain[S2C_TOML_WORD_MAX + 1], *put = plain;
	const char *p = word + 2;
	long long value;

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		if (word[0] != '0' || word[1] != bases[i].letter)
			continue;
		if (!take_digits(&p, bases[i].digits, &put) || *p)
			return false;
		*put = '\0';
		errno = 0;
		value = strtoll(plain, NULL, bases[i].base);
		(void)snprintf(out, size, "%lld", value);
		return errno == 0;
	}
	return false;
}

/* An integer that fits int64, or a float, which codec/json checks. */
static bool fits(const char *number)
{
	if (strpbrk(number, ".eE"))
		return true;
	errno = 0;
	(void)strtoll(number, NULL, 10);
	return errno == 0;
}

/* A decimal integer or a float in the form of JSON. */
static bool decimal(const char *word, char *out)
{
	static const char digits[] = "0123456789";
	char *put = out;

	if (*word == '-')
		*put++ = '-';
	if (*word == '-' || *word == '+')
		word++;
	if (word[0] == '0' && (isdigit((unsigned char)word[1]) || word[1] == '_'))
		return false;
	if (!take_digits(&word, digits, &put))
		return false;
	if (*word == '.') {
		*put++ = *word++;
		if (!take_digits(&word, digits, &put))
			return false;
	}
	if (*word == 'e' || *word == 'E') {
		*put++ = *word++;
		if (*word == '-' || *word == '+')
			*put++ = *word++;
		if (!take_digits(&word, digits, &put))
			return false;
	}
	*put = '\0';
	return *word == '\0' && fits(out);
}

/* 1979-05-27 and 07:32 begin like numbers. */
static bool is_time(const char *word)
{
	size_t n = strspn(word, "0123456789");

	return (n == 4 && word[n] == '-') || (n == 2 && word[n] == ':');
}

static bool is_special(const char *word)
{
	if (*word == '-' || *word == '+')
		word++;
	return streq(word, "inf") || streq(word, "nan");
}

static int unsupported(const struct s2c_toml_lex *lex, const char *at, const char *what,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *where = NULL;

	(void)s2c_toml_lex_fail(lex, at, &where, "%s is not supported", what);
	return s2c_fail(err, S2C_EUNSUPPORTED, "%s", s2c_error_message(where));
}

int s2c_toml_lex_scalar(
	struct s2c_toml_lex *lex, char out[S2C_TOML_WORD_MAX + 1], struct s2c_error **err)
{
	const char *start = lex->at;
	char word[S2C_TOML_WORD_MAX + 1];
	size_t len = 0;
	unsigned char c;

	while (c = peek(lex, len), isalnum(c) || (c && strchr("_+-.:", c)))
		len++;
	if (len == 0)
		return s2c_toml_lex_fail(lex, start, err, "a value was expected");
	if (len > S2C_TOML_WORD_MAX)
		return s2c_toml_lex_fail(lex, start, err,
			"a number of more than %d bytes", S2C_TOML_WORD_MAX);
	memcpy(word, start, len);
	word[len] = '\0';
	lex->at += len;
	if (streq(word, "true") || streq(word, "false")) {
		memcpy(out, word, len + 1);
		return 0;
	}
	if (is_time(word))
		return unsupported(lex, start, "a date or time", err);
	if (is_special(word))
		return unsupported(lex, start, "a number that is not finite", err);
	if (other_base(word, out, S2C_TOML_WORD_MAX + 1) || decimal(word, out))
		return 0;
	return s2c_toml_lex_fail(
		lex, start, err, "'%s' is no value; a text needs quotes around it", word);
}
