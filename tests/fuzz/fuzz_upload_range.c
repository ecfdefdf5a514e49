/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Range of an upload, and what is made of it: whatever a registry says, the next
 * piece begins within the blob and the arithmetic does not wrap.
 */
#include <stdint.h>
#include <stdlib.h>

#include "image/manifest.h"
#include "registry/chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fate(
	const struct s2c_upload_range *range, uint64_t start, uint64_t length)
{
	uint64_t have = UINT64_MAX;

	switch (s2c_chunk_fate(start, length, range, &have)) {
	case S2C_CHUNK_CUT:
		if (have <= start || have >= start + length)
			abort();
		break;
	case S2C_CHUNK_TAKEN:
		if (range->have != start + length)
			abort();
		break;
	case S2C_CHUNK_LOST:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *text = xstrndup((const char *)data, size);
	struct s2c_chunks chunks = {.size = S2C_BLOB_SIZE_MAX, .want = S2C_CHUNK_FIRST};
	struct s2c_upload_range range;

	chunks.least = s2c_chunk_least_parse(text);
	if (chunks.least > S2C_BLOB_SIZE_MAX)
		abort();
	for (uint64_t at = 0; at < chunks.size; at += chunks.size / 7 + 1) {
		uint64_t n = s2c_chunk_length(&chunks, at);

		if (n == 0 || n > chunks.size - at)
			abort();
	}
	if (s2c_upload_range_parse(text, &range, NULL) < 0)
		return 0;
	if (range.have == 0 || range.have > S2C_BLOB_SIZE_MAX + 1)
		abort();
	check_fate(&range, 0, 1);
	check_fate(&range, 0, S2C_BLOB_SIZE_MAX);
	check_fate(&range, range.have / 2, range.have);
	check_fate(&range, range.have - 1, 1);
	return 0;
}
