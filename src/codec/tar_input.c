/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a tar archive on their way in: a buffer that counts where it is, and the
 * numbers in header fields. It knows nothing of entries.
 */
#include <inttypes.h>

#include "codec/tar_format.h"
#include "util/error.h"

int s2c_tar_damaged(
	const struct s2c_tar_input *t, const char *what, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO, "damaged tar archive at byte %" PRIu64 ": %s",
		t->offset, what);
}

int s2c_tar_foreign(struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO,
		"it is no tar archive, neither plain nor compressed with gzip or zstd");
}

int s2c_tar_fill(struct s2c_tar_input *t, struct s2c_error **err)
{
	ssize_t n;

	if (t->at < t->end)
		return 1;
	n = s2c_read(t->next, t->buf, S2C_STREAM_CHUNK, err);
	if (n < 0)
		return -1;
	t->at = 0;
	t->end = (size_t)n;
	return n > 0;
}

int s2c_tar_take(struct s2c_tar_input *t, void *dst, size_t len, struct s2c_error **err)
{
	unsigned char *to = dst;

	while (len > 0) {
		int more = s2c_tar_fill(t, err);
		size_t n = t->end - t->at < len ? t->end - t->at : len;

		if (more < 0)
			return -1;
		if (!more && t->offset < S2C_TAR_BLOCK)
			return s2c_tar_foreign(err);
		if (!more)
			return s2c_tar_damaged(t, "it ends too early", err);
		memcpy(to, t->buf + t->at, n);
		to += n;
		len -= n;
		t->at += n;
		t->offset += n;
	}
	return 0;
}

int s2c_tar_skip(struct s2c_tar_input *t, uint64_t len, struct s2c_error **err)
{
	while (len > 0) {
		int more = s2c_tar_fill(t, err);
		size_t n = t->end - t->at < len ? t->end - t->at : (size_t)len;

		if (more < 0)
			return -1;
		if (!more)
			return s2c_tar_damaged(t, "it ends too early", err);
		len -= n;
		t->at += n;
		t->offset += n;
	}
	return 0;
}

uint64_t s2c_tar_padding(uint64_t len)
{
	return (S2C_TAR_BLOCK - len % S2C_TAR_BLOCK) % S2C_TAR_BLOCK;
}

/* Base-256 of GNU: the top bit of the first byte is set, two's complement below it. */
static bool parse_base256(const char *field, size_t len, int64_t *out)
{
	const unsigned char *bytes = (const unsigned char *)field;
	bool negative = bytes[0] & 0x40;
	uint64_t value = negative ? UINT64_MAX : 0;

	for (size_t i = 0; i < len; i++) {
		unsigned byte = bytes[i];

		if (i == 0)
			byte = negative ? byte : byte & 0x7f;
		if (value >> 55 != (negative ? 0x1ff : 0))
			return false;
		value = value << 8 | byte;
	}
	*out = (int64_t)value;
	return true;
}

bool s2c_tar_field(const char *field, size_t len, int64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	if ((unsigned char)field[0] & 0x80)
		return parse_base256(field, len, out);
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (unsigned)(field[i] - '0');
	for (; i < len; i++)
		if (field[i] != ' ' && field[i] != '\0')
			return false;
	*out = (int64_t)value;
	return true;
}

int s2c_tar_number(struct s2c_tar_input *t, const char *field, size_t len, uint64_t *out,
	struct s2c_error **err)
{
	int64_t value;

	if (!s2c_tar_field(field, len, &value) || value < 0)
		return s2c_tar_damaged(t, "a header has a bad number", err);
	*out = (uint64_t)value;
	return 0;
}
