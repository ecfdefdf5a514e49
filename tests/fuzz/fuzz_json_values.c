/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stream of JSON objects, in one piece and byte by byte: the same verdict
 * and the same objects.
 */
#include <stdint.h>

#include "codec/json_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *self, const struct s2c_json *object, struct s2c_error **err)
{
	CLEAN_FREE char *text = s2c_json_print(object, S2C_JSON_COMPACT);

	if (!s2c_json_is_object(object))
		abort();
	return s2c_buf_puts(self, text, err);
}

static int feed(const uint8_t *data, size_t size, size_t step, struct s2c_buf *out)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_WRITER struct s2c_writer *w = s2c_json_values(take, out);

	for (size_t at = 0; at < size; at += step)
		if (s2c_write(w, data + at, size - at < step ? size - at : step, &err) <
			0)
			return -1;
	return s2c_finish(w, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct s2c_buf whole = S2C_BUF_INIT(64u << 20);
	CLEAN_BUF struct s2c_buf pieces = S2C_BUF_INIT(64u << 20);

	if (size == 0)
		return 0;
	if (feed(data, size, size, &whole) != feed(data, size, 1, &pieces) ||
		!streq(s2c_buf_str(&whole), s2c_buf_str(&pieces)))
		abort();
	return 0;
}
