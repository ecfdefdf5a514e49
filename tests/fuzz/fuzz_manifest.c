/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a manifest and as an index: never both; what is taken prints to a fixpoint
 * and can be copied and chosen from.
 */
#include <stdint.h>

#include "image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_manifest(const struct s2c_manifest *manifest)
{
	CLEAN_MANIFEST struct s2c_manifest *copy = s2c_manifest_copy(manifest),
					   *again = NULL;
	CLEAN_FREE char *text = s2c_manifest_print(copy), *second = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	/* Printing may only make a document larger than the limit, not another one. */
	if (s2c_manifest_parse(text, strlen(text), S2C_MT_OCI_MANIFEST, &again, &err) <
		0) {
		if (s2c_error_code(err) != S2C_ELIMIT)
			abort();
		return;
	}
	second = s2c_manifest_print(again);
	if (!streq(text, second) || manifest->n_layers > S2C_LAYERS_MAX)
		abort();
}

static void check_index(const struct s2c_index *index)
{
	CLEAN_FREE char *text = s2c_index_print(index), *second = NULL;
	CLEAN_INDEX struct s2c_index *again = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	struct s2c_platform host;

	s2c_platform_host(&host);
	(void)s2c_index_choose(index, &host);
	if (s2c_index_parse(text, strlen(text), S2C_MT_OCI_INDEX, &again, &err) < 0) {
		if (s2c_error_code(err) != S2C_ELIMIT)
			abort();
		return;
	}
	second = s2c_index_print(again);
	if (!streq(text, second))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_ERROR struct s2c_error *err = NULL, *err2 = NULL;
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_INDEX struct s2c_index *index = NULL;
	const char *text = (const char *)data;

	if (s2c_manifest_parse(text, size, "", &manifest, &err) == 0)
		check_manifest(manifest);
	if (s2c_index_parse(text, size, "", &index, &err2) == 0)
		check_index(index);
	if (manifest && index)
		abort();
	return 0;
}
