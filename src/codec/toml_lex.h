/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of TOML: white space and comments, keys, strings, numbers, with the line of a
 * mistake. It knows no tables; codec/toml.c does, and it alone includes this header. The
 * whole text is known to be UTF-8 without NUL.
 */
#ifndef S2C_CODEC_TOML_LEX_H
#define S2C_CODEC_TOML_LEX_H

#include <stdbool.h>

#include "util/buf.h"

/* Bytes of one number or word that is no string. */
#define S2C_TOML_WORD_MAX 64

struct s2c_toml_lex {
	const char *text, *at, *end;
};

/* S2C_EPROTO "line N: message" about the place `at`. Always -1. */
int s2c_toml_lex_fail(const struct s2c_toml_lex *lex, const char *at,
	struct s2c_error **err, const char *fmt, ...) S2C_PRINTF(4, 5);

/* Steps over blanks and tabs. */
void s2c_toml_lex_blank(struct s2c_toml_lex *lex);

/* True, and steps over it, if `word` is next. */
bool s2c_toml_lex_take(struct s2c_toml_lex *lex, const char *word);

/* Steps over blanks, a comment and the line's end, which must come (or the text's). */
S2C_CHECK int s2c_toml_lex_line_end(struct s2c_toml_lex *lex, struct s2c_error **err);

/* Steps over blanks, comments and lines: what may stand between elements of an array. */
S2C_CHECK int s2c_toml_lex_gap(struct s2c_toml_lex *lex, struct s2c_error **err);

/* One part of a key: bare, "basic" or 'literal'. Caller frees *out. */
S2C_CHECK int s2c_toml_lex_key(
	struct s2c_toml_lex *lex, char **out, struct s2c_error **err);

/* A string of any of the four kinds at lex->at, decoded. Caller frees *out. */
S2C_CHECK int s2c_toml_lex_string(
	struct s2c_toml_lex *lex, char **out, struct s2c_error **err);

/*
 * A boolean, integer or float as the text of the same JSON value: underscores and '+'
 * are gone, hexadecimal, octal and binary integers are decimal.
 */
S2C_CHECK int s2c_toml_lex_scalar(struct s2c_toml_lex *lex,
	char out[S2C_TOML_WORD_MAX + 1], struct s2c_error **err);

#endif
