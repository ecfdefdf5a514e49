/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a Dockerfile's instructions: quotes taken off, variables put in. Pure. The
 * rules are those of the Dockerfile reference ("Environment replacement"), which are not
 * a shell's: no command is ever run, no pattern is matched, and what a variable brings is
 * not expanded again.
 *
 *     $NAME ${NAME} ${NAME-word} ${NAME:-word} ${NAME+word} ${NAME:+word}
 *     ${NAME?word} ${NAME:?word}
 *
 * 'single' quotes keep everything, "double" ones everything but variables; the escape
 * character keeps the character behind it, within double quotes only '"', '$' and itself.
 */
#ifndef S2C_BUILD_DOCKERFILE_WORDS_H
#define S2C_BUILD_DOCKERFILE_WORDS_H

#include "util/error.h"
#include "util/strv.h"

#define S2C_WORDS_BYTES_MAX (1024u * 1024) /* of one expanded text */
#define S2C_WORDS_MAX 4096                 /* of one instruction */
#define S2C_WORDS_DEPTH_MAX 16             /* words within words */

struct s2c_words {
	/* Values of variables, NAME=VALUE; the first vector that has a name wins. Either
	 * may be NULL. */
	const struct s2c_strv *env, *args;
	char escape; /* '\\' or '`' */
};

/*
 * The text as one word. S2C_EINVAL for a quote or brace that is not closed, for a missing
 * or strange name, for modifiers of other shells (naming them), and for what ${NAME?}
 * says; S2C_ELIMIT above the maxima. Caller frees *out.
 */
S2C_CHECK int s2c_words_one(const struct s2c_words *words, const char *text, char **out,
	struct s2c_error **err);

/*
 * The same, split at blanks that are not quoted, also at those that a variable brings;
 * appended to `out`.
 */
S2C_CHECK int s2c_words_split(const struct s2c_words *words, const char *text,
	struct s2c_strv *out, struct s2c_error **err);

/*
 * Splits at blanks that are not quoted and leaves quotes and variables as they are: for
 * NAME=VALUE lists. S2C_EINVAL for a quote that is not closed.
 */
S2C_CHECK int s2c_words_raw(
	const char *text, char escape, struct s2c_strv *out, struct s2c_error **err);

#endif
