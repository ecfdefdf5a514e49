/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help and manual pages, made from the command tables.
 */
#ifndef S2C_CLI_HELP_H
#define S2C_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* The list of commands with global options; lines of at most 79 columns. */
void s2c_help_overview(FILE *out);
/* One command in full. */
void s2c_help_command(FILE *out, const struct s2c_command *command);
/* The manual page in man(7) source: of a command, or of s2c itself for NULL. */
void s2c_help_man(FILE *out, const struct s2c_command *command);

#endif
