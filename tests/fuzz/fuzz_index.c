/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as index.json of a layout: what is taken lists as many entries as it has, and
 * an edit of it can be parsed again.
 */
#include <stdint.h>

#include "codec/json.h"
#include "store/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_JSON struct s2c_json *index = NULL, *edited = NULL, *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *text = NULL;
	struct s2c_store_name *names = NULL;
	struct s2c_index_match drop = {.name = "app:latest"};
	struct s2c_store_name add = {.name = "app:latest",
		.desc = {.media_type = S2C_MT_OCI_MANIFEST, .size = 3}};
	size_t n = 0, dropped = 0;

	s2c_digest_of("abc", 3, &add.desc.digest);
	if (s2c_layout_index_parse((const char *)data, size, &index, &err) < 0)
		return 0;
	s2c_layout_index_list(index, &names, &n);
	if (n != s2c_json_len(s2c_json_get(index, "manifests")))
		abort();
	s2c_store_names_free(names, n);
	if (s2c_layout_index_edit(index, &drop, &add, &edited, &dropped, &err) < 0)
		return 0;
	text = s2c_json_print(edited, S2C_JSON_COMPACT);
	if (s2c_layout_index_parse(text, strlen(text), &again, &err) < 0) {
		if (s2c_error_code(err) != S2C_ELIMIT)
			abort();
		return 0;
	}
	if (s2c_json_len(s2c_json_get(again, "manifests")) != n - dropped + 1)
		abort();
	return 0;
}
