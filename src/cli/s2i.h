/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called as s2i: its command lines. Most of them are s2c's own; what is left is where
 * flags may stand, and which engine is meant when none is named.
 */
#ifndef S2C_CLI_S2I_H
#define S2C_CLI_S2I_H

#include "cli/command.h"

/* Whether the program was called as s2i, or by its older name sti, with a warning. */
bool s2c_s2i_is(const char *argv0);

/*
 * Rearranges the words behind argv[0]: S2I's persistent flags (-U, --tls and so on) may
 * stand before the command, which s2c has them after, if it has a use for them. Words
 * are borrowed; `out` is a vector to parse, ended by NULL.
 */
void s2c_s2i_words(char **argv, struct s2c_strv *out);

#endif
