/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making foreign bytes safe to show: names from archives, script output, server messages.
 */
#ifndef S2C_UTIL_ESCAPE_H
#define S2C_UTIL_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A printable copy of `len` bytes: valid UTF-8 stays, C0/C1 controls (with newline and
 * ESC; tab stays when keep_tab) and invalid bytes become \xNN. At most `max` bytes of
 * output, then "...". Caller frees.
 */
char *s2c_escape(const char *bytes, size_t len, size_t max, bool keep_tab);

/* True if the bytes are well-formed UTF-8 without NUL (RFC 3629: no surrogates). */
bool s2c_utf8_valid(const char *bytes, size_t len);

/* Writes a code point that is no surrogate as 1 to 4 bytes, without NUL; their number. */
size_t s2c_utf8_put(char *out, unsigned code);

#endif
