/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as .s2ifile: what is taken has bounded flags with proper names, and is the
 * same when it is written and read again.
 */
#include <stdbool.h>
#include <stdint.h>

#include <s2c/s2ifile.h>

#include "util/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean_file(struct s2c_s2ifile **file)
{
	s2c_s2ifile_free(*file);
}

static bool same(const struct s2c_s2ifile *a, const struct s2c_s2ifile *b)
{
	if (!streq(a->tag, b->tag) || !streq(a->builder, b->builder) ||
		a->n_flags != b->n_flags)
		return false;
	for (size_t i = 0; i < a->n_flags; i++)
		if (!streq(a->flags[i].name, b->flags[i].name) ||
			!streq(a->flags[i].value, b->flags[i].value))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN(clean_file) struct s2c_s2ifile *file = NULL, *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *text = NULL;

	if (s2c_s2ifile_parse((const char *)data, size, &file, &err) < 0) {
		if (!err || file)
			abort();
		return 0;
	}
	if (file->n_flags > S2C_S2IFILE_FLAGS_MAX)
		abort();
	for (size_t i = 0; i < file->n_flags; i++)
		if (!*file->flags[i].name || *file->flags[i].name == '-')
			abort();
	text = s2c_s2ifile_print(file);
	/* Equal indexes ("env-1", "env-01") become one; longer texts may pass a limit. */
	if (s2c_s2ifile_parse(text, strlen(text), &again, &err) < 0)
		return 0;
	if (again->n_flags == file->n_flags && !same(file, again))
		abort();
	return 0;
}
