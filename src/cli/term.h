/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event sinks of the command line: a live line on a terminal, plain lines, or JSON lines.
 * Everything goes to standard error.
 */
#ifndef S2C_CLI_TERM_H
#define S2C_CLI_TERM_H

#include <stdbool.h>
#include <stdio.h>

#include <s2c/context.h>

struct s2c_term;

struct s2c_term_opts {
	const char *progress; /* "auto", "tty", "plain", "none" */
	const char *format;   /* "text", "json" */
	enum s2c_level level; /* least important level shown */
	bool quiet;           /* only errors */
};

struct s2c_term *s2c_term_new(const struct s2c_term_opts *opts);
struct s2c_sink s2c_term_sink(struct s2c_term *term);
/* Ends a live line, then prints "s2c: MESSAGE" (or a JSON event). */
void s2c_term_error(struct s2c_term *term, const struct s2c_error *err);
void s2c_term_free(struct s2c_term *term);

/* Prints a JSON string with its quotes. */
void s2c_print_json_string(FILE *f, const char *text);

/* "1.4 MiB", "12 B". */
#define S2C_SIZE_TEXT 24
void s2c_format_size(uint64_t bytes, char out[S2C_SIZE_TEXT]);

#endif
