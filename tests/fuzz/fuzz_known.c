/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of what is known of blobs: whatever is read is within its bounds, and printed
 * it is read again as the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "store/known_table.h"

#define NOW 2000000000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct s2c_known_table *table)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table again = {0};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_KNOWN_BYTES_MAX);
	CLEAN_BUF struct s2c_buf second = S2C_BUF_INIT(S2C_KNOWN_BYTES_MAX);

	s2c_known_print(table, &text);
	if (s2c_known_parse(text.data, text.len, NOW, &again, NULL) < 0)
		abort();
	s2c_known_print(&again, &second);
	if (text.len != second.len || memcmp(text.data, second.data, text.len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_known_parse((const char *)data, size, NOW, &table, &err) < 0)
		return 0;
	for (size_t i = 0; i < table.n_forms; i++)
		if (table.forms[i].when > NOW ||
			table.forms[i].form.size > S2C_BLOB_SIZE_MAX)
			abort();
	check_again(&table);
	s2c_known_bound(&table);
	if (table.n_forms > S2C_KNOWN_FORMS_MAX || table.n_places > S2C_KNOWN_PLACES_MAX)
		abort();
	check_again(&table);
	return 0;
}
