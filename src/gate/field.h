/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct as bytes and back, by a table of its fields: numbers as 8 bytes little-endian,
 * strings as 4 bytes of length and the bytes, lists as 4 bytes of count and their
 * strings. Pure.
 */
#ifndef S2C_GATE_FIELD_H
#define S2C_GATE_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/strv.h"

#define S2C_GATE_TEXT_MAX 4096u  /* bytes of a string but of those of lists */
#define S2C_GATE_LIST_MAX 1024u  /* strings of a list */
#define S2C_GATE_ITEM_MAX 32768u /* bytes of a string of a list */

enum s2c_gate_field_kind {
	S2C_GATE_NUMBER, /* uint64_t */
	S2C_GATE_TEXT,   /* char *, NULL or one line of UTF-8 without control bytes */
	S2C_GATE_LIST,   /* struct s2c_strv of UTF-8; may hold several lines */
};

struct s2c_gate_field {
	enum s2c_gate_field_kind kind;
	size_t offset;
};
#define S2C_GATE_FIELD(kind, type, member)                                               \
	{                                                                                \
		S2C_GATE_##kind, offsetof(type, member)                                  \
	}

/* Frees strings and lists and leaves them dangling; strings are wiped. */
void s2c_gate_fields_release(void *object, const struct s2c_gate_field *fields, size_t n);

/* Appends; S2C_ELIMIT for a field above its maximum, S2C_EINVAL for control bytes. */
S2C_CHECK int s2c_gate_fields_encode(const void *object,
	const struct s2c_gate_field *fields, size_t n, struct s2c_buf *out,
	struct s2c_error **err);

/*
 * Reads all of `data` into the zeroed object, which the caller releases also after a
 * failure. S2C_EPROTO for whatever the other side would not have encoded.
 */
S2C_CHECK int s2c_gate_fields_decode(const void *data, size_t len,
	const struct s2c_gate_field *fields, size_t n, void *object,
	struct s2c_error **err);

#endif
