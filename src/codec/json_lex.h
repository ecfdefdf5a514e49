/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of JSON: white space, strings and numbers by the letter of RFC 8259, with
 * the place of a mistake. It knows no values and no nesting; codec/json.c does, and it
 * alone includes this header.
 */
#ifndef S2C_CODEC_JSON_LEX_H
#define S2C_CODEC_JSON_LEX_H

#include <stdbool.h>

#include "util/buf.h"

/* Bytes of one number; more digits than this have no honest use. */
#define S2C_JSON_NUMBER_MAX 64
/* Decimal exponent that a number must stay below, so that every decoder finds it finite.
 */
#define S2C_JSON_EXPONENT_MAX 308

struct s2c_json_lex {
	const char *text, *at, *end;
};

/* S2C_EPROTO "line L, column C: message"; columns count bytes. Always -1. */
int s2c_json_lex_fail(const struct s2c_json_lex *lex, const char *at,
	struct s2c_error **err, const char *fmt, ...) S2C_PRINTF(4, 5);

/* Steps over white space. */
void s2c_json_lex_space(struct s2c_json_lex *lex);

/* True, and steps over it, if `c` is next. */
bool s2c_json_lex_take(struct s2c_json_lex *lex, char c);

/* The same for a literal word such as "null". */
bool s2c_json_lex_word(struct s2c_json_lex *lex, const char *word);

/*
 * A string with its quotes at lex->at, decoded. Refuses control bytes, NUL in any form,
 * lone surrogates and what is not UTF-8. Caller frees *out.
 */
S2C_CHECK int s2c_json_lex_string(
	struct s2c_json_lex *lex, char **out, struct s2c_error **err);

/* The text of a number at lex->at, NUL-terminated. */
S2C_CHECK int s2c_json_lex_number(struct s2c_json_lex *lex,
	char out[S2C_JSON_NUMBER_MAX + 1], struct s2c_error **err);

#endif
