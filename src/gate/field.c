/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/field.h"

#include "util/escape.h"

/* A string that is NULL, which an empty one is not. */
#define ABSENT 0xffffffffu

void s2c_gate_fields_release(void *object, const struct s2c_gate_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *field = (char *)object + fields[i].offset;

		/* One text is a secret; all are wiped. */
		if (fields[i].kind == S2C_GATE_TEXT)
			s2c_secret_free(*(char **)field);
		else if (fields[i].kind == S2C_GATE_LIST)
			s2c_strv_release(field);
	}
}

/* ---- out ---- */

static int put_number(
	struct s2c_buf *out, uint64_t value, size_t bytes, struct s2c_error **err)
{
	unsigned char le[8];

	for (size_t i = 0; i < bytes; i++)
		le[i] = (unsigned char)(value >> (8 * i));
	return s2c_buf_add(out, le, bytes, err);
}

static bool acceptable(const unsigned char *text, size_t len, bool lines)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] < 0x20 || text[i] == 0x7f) &&
			(!lines || (text[i] != '\n' && text[i] != '\t' &&
					   text[i] != '\r' && text[i] != 0x1b)))
			return false;
	return s2c_utf8_valid((const char *)text, len);
}

static int put_text(struct s2c_buf *out, const char *text, size_t max, bool lines,
	struct s2c_error **err)
{
	size_t len = text ? strlen(text) : 0;

	if (len > max)
		return s2c_fail(err, S2C_ELIMIT, "a value is longer than %zu bytes", max);
	if (text && !acceptable((const unsigned char *)text, len, lines))
		return s2c_fail(err, S2C_EINVAL, "a value holds control characters");
	if (put_number(out, text ? len : ABSENT, 4, err) < 0)
		return -1;
	return len ? s2c_buf_add(out, text, len, err) : 0;
}

static int put_list(
	struct s2c_buf *out, const struct s2c_strv *list, struct s2c_error **err)
{
	if (list->len > S2C_GATE_LIST_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "a list of more than %u", S2C_GATE_LIST_MAX);
	if (put_number(out, list->len, 4, err) < 0)
		return -1;
	s2c_strv_foreach (item, list)
		if (put_text(out, item, S2C_GATE_ITEM_MAX, true, err) < 0)
			return -1;
	return 0;
}

int s2c_gate_fields_encode(const void *object, const struct s2c_gate_field *fields,
	size_t n, struct s2c_buf *out, struct s2c_error **err)
{
	for (size_t i = 0; i < n; i++) {
		const void *field = (const char *)object + fields[i].offset;
		int rc = 0;

		switch (fields[i].kind) {
		case S2C_GATE_NUMBER:
			rc = put_number(out, *(const uint64_t *)field, 8, err);
			break;
		case S2C_GATE_TEXT:
			rc = put_text(out, *(char *const *)field, S2C_GATE_TEXT_MAX,
				false, err);
			break;
		case S2C_GATE_LIST:
			rc = put_list(out, field, err);
			break;
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* ---- in ---- */

struct input {
	const unsigned char *at;
	size_t left;
};

static int garbled(struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO,
		"the other side of the channel sent what it cannot mean");
}

static int get_number(
	struct input *input, size_t bytes, uint64_t *out, struct s2c_error **err)
{
	uint64_t value = 0;

	if (input->left < bytes)
		return garbled(err);
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)input->at[i] << (8 * i);
	input->at += bytes;
	input->left -= bytes;
	*out = value;
	return 0;
}

static int get_text(
	struct input *input, size_t max, bool lines, char **out, struct s2c_error **err)
{
	uint64_t len;

	if (get_number(input, 4, &len, err) < 0)
		return -1;
	if (len == ABSENT)
		return 0;
	if (len > max || len > input->left || !acceptable(input->at, len, lines))
		return garbled(err);
	*out = xstrndup((const char *)input->at, len);
	input->at += len;
	input->left -= len;
	return 0;
}

static int get_list(struct input *input, struct s2c_strv *out, struct s2c_error **err)
{
	uint64_t n;

	if (get_number(input, 4, &n, err) < 0)
		return -1;
	if (n > S2C_GATE_LIST_MAX)
		return garbled(err);
	while (n--) {
		char *item = NULL;

		if (get_text(input, S2C_GATE_ITEM_MAX, true, &item, err) < 0)
			return -1;
		if (!item)
			return garbled(err);
		s2c_strv_add_take(out, item);
	}
	return 0;
}

static int get_field(struct input *input, enum s2c_gate_field_kind kind, void *out,
	struct s2c_error **err)
{
	switch (kind) {
	case S2C_GATE_NUMBER:
		return get_number(input, 8, out, err);
	case S2C_GATE_TEXT:
		return get_text(input, S2C_GATE_TEXT_MAX, false, out, err);
	case S2C_GATE_LIST:
		return get_list(input, out, err);
	}
	return garbled(err);
}

int s2c_gate_fields_decode(const void *data, size_t len,
	const struct s2c_gate_field *fields, size_t n, void *object,
	struct s2c_error **err)
{
	struct input input = {.at = data, .left = len};

	for (size_t i = 0; i < n; i++)
		if (get_field(&input, fields[i].kind, (char *)object + fields[i].offset,
			    err) < 0)
			return -1;
	return input.left ? garbled(err) : 0;
}
