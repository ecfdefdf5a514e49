/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs for one path component, in the grammar of Go's path/filepath that .s2iignore
 * files are written for: '*' any run of characters, '?' one character, '[a-z]' and
 * '[^a-z]' one of a class, '\' takes the next character as it is. Characters are UTF-8
 * sequences, or single bytes where the text is not UTF-8. Pure; the cost is at most the
 * product of the two lengths, whatever the pattern.
 */
#ifndef S2C_SOURCE_GLOB_H
#define S2C_SOURCE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* NULL when the pattern is well formed, else what is wrong with it (static text). */
const char *s2c_glob_error(const char *pattern);

/* True if all of `name` (len bytes) matches; the pattern must be well formed. */
bool s2c_glob_match(const char *pattern, const char *name, size_t len);

#endif
