/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks and ranges of uploads. Numbers of a peer are bounded by S2C_BLOB_SIZE_MAX before
 * anything is computed with them.
 */
#include "registry/chunks.h"

#include "image/manifest.h"

uint64_t s2c_chunk_length(const struct s2c_chunks *chunks, uint64_t offset)
{
	uint64_t left = chunks->size - offset, length = chunks->want;

	if (length == 0)
		return left;
	if (length < chunks->least)
		length = chunks->least;
	return length < left ? length : left;
}

bool s2c_chunks_shrink(struct s2c_chunks *chunks, uint64_t tried)
{
	uint64_t half = tried / 2;

	if (half < S2C_CHUNK_LEAST || half < chunks->least)
		return false;
	chunks->want = half;
	return true;
}

/* Digits up to `stop` (which may be NUL); NULL when there is something else. */
static const char *number(const char *text, char stop, uint64_t *out)
{
	const char *p = text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > S2C_BLOB_SIZE_MAX)
			return NULL;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (p == text || *p != stop || n > S2C_BLOB_SIZE_MAX)
		return NULL;
	*out = n;
	return stop ? p + 1 : p;
}

int s2c_upload_range_parse(
	const char *value, struct s2c_upload_range *out, struct s2c_error **err)
{
	const char *text = starts_with(value, "bytes=") ? value + 6 : value;
	uint64_t first, last;

	text = number(text, '-', &first);
	if (!text || first != 0 || !number(text, '\0', &last))
		return s2c_fail(
			err, S2C_EPROTO, "'%.60s' is not the range of an upload", value);
	*out = (struct s2c_upload_range){.have = last + 1, .maybe_none = last == 0};
	return 0;
}

enum s2c_chunk_fate s2c_chunk_fate(uint64_t start, uint64_t length,
	const struct s2c_upload_range *range, uint64_t *out_have)
{
	uint64_t have = range->have;

	/* "0-0" after more than one byte is a registry that has nothing. */
	if (range->maybe_none && start + length > 1)
		have = 0;
	if (have == start + length)
		return S2C_CHUNK_TAKEN;
	if (have <= start || have > start + length)
		return S2C_CHUNK_LOST;
	*out_have = have;
	return S2C_CHUNK_CUT;
}

uint64_t s2c_chunk_least_parse(const char *value)
{
	uint64_t n;

	return number(value, '\0', &n) ? n : 0;
}
