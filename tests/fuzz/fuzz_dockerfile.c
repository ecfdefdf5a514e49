/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a Dockerfile: what is taken is an instruction with an argument, and is
 * taken again as the same one when it is written down alone.
 */
#include <stdint.h>

#include "build/dockerfile.h"
#include "util/buf.h"
#include "util/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct s2c_instruction *item, char escape)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(4 * S2C_DOCKERFILE_LINE_MAX);
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	/* "--" ends the flags, so that the rest is no flag. */
	s2c_buf_must_printf(&text, "# escape=%c\n%s %s%s\n", escape,
		s2c_instruction_name(item->kind),
		item->kind == S2C_INSTRUCTION_ONBUILD ? "" : "-- ", item->rest);
	if (s2c_dockerfile_parse(text.data, text.len, &file, &err) < 0) {
		if (s2c_error_code(err) != S2C_ELIMIT)
			abort();
		return;
	}
	if (file->n != 1 || file->items[0].kind != item->kind ||
		!streq(file->items[0].rest, item->rest) ||
		file->items[0].exec_form != item->exec_form ||
		file->items[0].words.len != item->words.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_dockerfile_parse((const char *)data, size, &file, &err) < 0) {
		if (!err || file)
			abort();
		return 0;
	}
	for (size_t i = 0; i < file->n; i++) {
		const struct s2c_instruction *item = &file->items[i];
		size_t len = strlen(item->rest);

		if (!len || strchr(item->rest, '\n') || !item->line ||
			!s2c_utf8_valid(item->rest, len) ||
			(i && item->line <= file->items[i - 1].line))
			abort();
		/* At its end the escape character would take the next line in. */
		if (item->rest[len - 1] != file->escape)
			again(item, file->escape);
	}
	return 0;
}
