/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environment files: .s2i/environment and -E. Pure. Same grammar as S2I, without its
 * slips: blanks before a "#" (or, as in S2I's -E files, two slashes) still make a
 * comment, order is kept, and what is no assignment is refused instead of passed over.
 */
#ifndef S2C_BUILD_ENV_H
#define S2C_BUILD_ENV_H

#include "util/error.h"
#include "util/strv.h"

#define S2C_ENV_FILE_MAX (1024u * 1024) /* bytes */
#define S2C_ENV_VARS_MAX 4096
#define S2C_ENV_VAR_MAX 131072 /* bytes of NAME=VALUE: Linux MAX_ARG_STRLEN */

/*
 * Puts the assignments of a file's text into `env` (later ones win). Lines without "=",
 * names with blanks ("export A=b"), NUL bytes and text that is not UTF-8 are S2C_EINVAL
 * naming file and line, never a value; `what` is the file's name for messages.
 */
S2C_CHECK int s2c_env_parse_file(const char *text, size_t len, const char *what,
	struct s2c_strv *env, struct s2c_error **err);

/*
 * One value "NAME=VALUE" of an option such as --env; both sides trimmed as S2I does;
 * S2C_EINVAL names option and variable.
 */
S2C_CHECK int s2c_env_parse_flag(const char *option, const char *text,
	struct s2c_strv *env, struct s2c_error **err);

/* Gives PATH and HOME (`home`, or "/" when that is "") to who has none. */
void s2c_env_default(struct s2c_strv *env, const char *home);

#endif
