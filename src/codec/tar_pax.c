/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PAX extended headers, the reading side. Pure: bytes in, a struct or an error out.
 *
 * Two tar readers that disagree about a header disagree about where the next one starts,
 * and then about which files there are (CVE-2025-62518 and its kin). So whatever
 * could be read in two ways is refused here instead of being decided.
 */
#include <inttypes.h>

#include "codec/tar_format.h"
#include "util/error.h"

#define NANO_DIGITS 9
#define KEY_MAX 320 /* "SCHILY.xattr." and a name of 255 bytes fit */

struct record {
	const char *key;
	size_t key_len;
	const char *value;
	size_t len;
};

uint32_t s2c_tar_checksum(const struct s2c_tar_header *h, bool is_signed)
{
	const unsigned char *bytes = (const unsigned char *)h;
	const unsigned char *own = (const unsigned char *)h->checksum;
	/* The field itself counts as blanks. */
	int32_t sum = ' ' * (int32_t)sizeof(h->checksum);

	/* Simple loops, which compilers make wide. */
	for (size_t i = 0; i < S2C_TAR_BLOCK; i++)
		sum += is_signed ? (signed char)bytes[i] : bytes[i];
	for (size_t i = 0; i < sizeof(h->checksum); i++)
		sum -= is_signed ? (signed char)own[i] : own[i];
	return (uint32_t)sum;
}

void s2c_tar_extents_release(struct s2c_tar_extents *extents)
{
	free(extents->items);
	memset(extents, 0, sizeof(*extents));
}

int s2c_tar_extents_add(struct s2c_tar_extents *extents, uint64_t offset, uint64_t len,
	struct s2c_error **err)
{
	const struct s2c_tar_extent *last = extents->n ? &extents->items[extents->n - 1]
						       : NULL;

	if (offset > INT64_MAX || len > INT64_MAX - offset ||
		(last && offset < last->offset + last->len))
		return s2c_fail(err, S2C_EPROTO,
			"the sparse map has a piece out of order at %" PRIu64, offset);
	if (len == 0)
		return 0;
	if (extents->n >= S2C_TAR_EXTENTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "the sparse map has more than %u pieces",
			S2C_TAR_EXTENTS_MAX);
	if (extents->n == extents->cap) {
		extents->cap = extents->cap ? extents->cap * 2 : 4;
		extents->items = xreallocarray(
			extents->items, extents->cap, sizeof(extents->items[0]));
	}
	extents->items[extents->n++] = (struct s2c_tar_extent){offset, len};
	return 0;
}

void s2c_tar_pax_release(struct s2c_tar_pax *pax)
{
	free(pax->path);
	free(pax->linkpath);
	free(pax->sparse_name);
	s2c_tar_extents_release(&pax->extents);
	s2c_entry_release(&pax->attrs);
	memset(pax, 0, sizeof(*pax));
}

bool s2c_tar_decimal(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(s[i] - '0');

		if (digit > 9 || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

/* "-12.345": seconds towards minus infinity and nanoseconds; more digits are cut. */
static bool parse_time(const char *s, size_t len, int64_t *out_sec, uint32_t *out_ns)
{
	bool negative = len > 0 && s[0] == '-';
	const char *dot;
	size_t whole, digits;
	uint64_t sec, nano = 0;

	s += negative;
	len -= negative;
	dot = memchr(s, '.', len);
	whole = dot ? (size_t)(dot - s) : len;
	if (!s2c_tar_decimal(s, whole, INT64_MAX - 1, &sec))
		return false;
	digits = dot ? len - whole - 1 : 0;
	for (size_t i = 0; i < digits; i++)
		if (dot[1 + i] < '0' || dot[1 + i] > '9')
			return false;
	for (size_t i = 0; i < NANO_DIGITS; i++)
		nano = nano * 10 + (i < digits ? (uint64_t)(dot[1 + i] - '0') : 0);
	*out_sec = negative ? -(int64_t)sec - (nano > 0) : (int64_t)sec;
	*out_ns = (uint32_t)(negative && nano ? 1000000000 - nano : nano);
	return true;
}

static int bad_record(const struct record *r, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO, "extended header has a bad value for '%.*s'",
		(int)(r->key_len > 64 ? 64 : r->key_len), r->key);
}

static int take_string(const struct record *r, char **out, struct s2c_error **err)
{
	if (r->len == 0 || memchr(r->value, '\0', r->len))
		return bad_record(r, err);
	*out = xstrndup(r->value, r->len);
	return 0;
}

static int take_number(const struct record *r, uint64_t *out, struct s2c_error **err)
{
	if (!s2c_tar_decimal(r->value, r->len, INT64_MAX, out))
		return bad_record(r, err);
	return 0;
}

/* GNU.sparse 0.1: "offset,bytes,offset,bytes". */
static int take_map(
	const struct record *r, struct s2c_tar_extents *extents, struct s2c_error **err)
{
	const char *p = r->value, *end = r->value + r->len;
	uint64_t pair[2];
	size_t n = 0;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if (!s2c_tar_decimal(p, (size_t)(stop - p), INT64_MAX, &pair[n % 2]))
			return bad_record(r, err);
		if (n++ % 2 && s2c_tar_extents_add(extents, pair[0], pair[1], err))
			return -1;
		if (comma && comma + 1 == end)
			return bad_record(r, err);
		p = comma ? comma + 1 : end;
	}
	return n % 2 ? bad_record(r, err) : 0;
}

static int take_xattr(
	struct s2c_tar_pax *pax, const struct record *r, struct s2c_error **err)
{
	size_t prefix = strlen("SCHILY.xattr.");
	CLEAN_FREE char *name = xstrndup(r->key + prefix, r->key_len - prefix);

	if (!name[0] || strlen(name) > S2C_ENTRY_NAME_MAX)
		return bad_record(r, err);
	for (size_t i = 0; i < pax->attrs.n_xattrs; i++)
		if (streq(pax->attrs.xattrs[i].name, name))
			return s2c_fail(err, S2C_EPROTO,
				"extended header gives attribute '%s' twice", name);
	return s2c_entry_add_xattr(&pax->attrs, name, r->value, r->len, err);
}

/* The two keys of GNU.sparse 0.0, which come in pairs, many times. */
static int take_sparse_pair(struct s2c_tar_pax *pax, const struct record *r, bool offset,
	struct s2c_error **err)
{
	uint64_t value;

	if (take_number(r, &value, err))
		return -1;
	if (pax->has_pending == offset || (pax->set & S2C_PAX_SPARSE_MAP))
		return bad_record(r, err);
	pax->has_pending = offset;
	if (offset) {
		pax->pending_offset = value;
		return 0;
	}
	return s2c_tar_extents_add(&pax->extents, pax->pending_offset, value, err);
}

static bool charset_known(const struct record *r)
{
	static const char *const known[] = {"BINARY", "ISO-IR 10646 2000 UTF-8"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (r->len == strlen(known[i]) && memcmp(r->value, known[i], r->len) == 0)
			return true;
	return false;
}

static const struct {
	const char *key;
	enum s2c_tar_pax_field field;
} fields[] = {
	{"path", S2C_PAX_PATH},
	{"linkpath", S2C_PAX_LINKPATH},
	{"size", S2C_PAX_SIZE},
	{"uid", S2C_PAX_UID},
	{"gid", S2C_PAX_GID},
	{"mtime", S2C_PAX_MTIME},
	{"hdrcharset", S2C_PAX_CHARSET},
	{"GNU.sparse.name", S2C_PAX_SPARSE_NAME},
	{"GNU.sparse.size", S2C_PAX_SPARSE_SIZE},
	{"GNU.sparse.realsize", S2C_PAX_SPARSE_SIZE},
	{"GNU.sparse.major", S2C_PAX_SPARSE_MAJOR},
	{"GNU.sparse.minor", S2C_PAX_SPARSE_MINOR},
	{"GNU.sparse.map", S2C_PAX_SPARSE_MAP},
	{"GNU.sparse.numblocks", S2C_PAX_SPARSE_BLOCKS},
};

static int take_field(struct s2c_tar_pax *pax, const struct record *r,
	enum s2c_tar_pax_field field, struct s2c_error **err)
{
	switch (field) {
	case S2C_PAX_PATH:
		return take_string(r, &pax->path, err);
	case S2C_PAX_LINKPATH:
		return take_string(r, &pax->linkpath, err);
	case S2C_PAX_SPARSE_NAME:
		return take_string(r, &pax->sparse_name, err);
	case S2C_PAX_SIZE:
		return take_number(r, &pax->size, err);
	case S2C_PAX_UID:
		return take_number(r, &pax->uid, err);
	case S2C_PAX_GID:
		return take_number(r, &pax->gid, err);
	case S2C_PAX_SPARSE_SIZE:
		return take_number(r, &pax->sparse_size, err);
	case S2C_PAX_SPARSE_MAJOR:
		return take_number(r, &pax->sparse_major, err);
	case S2C_PAX_SPARSE_MINOR:
		return take_number(r, &pax->sparse_minor, err);
	case S2C_PAX_SPARSE_BLOCKS:
		return take_number(r, &pax->sparse_blocks, err);
	case S2C_PAX_SPARSE_MAP:
		if (pax->extents.n || pax->has_pending)
			return bad_record(r, err);
		return take_map(r, &pax->extents, err);
	case S2C_PAX_MTIME:
		if (!parse_time(r->value, r->len, &pax->mtime, &pax->mtime_ns))
			return bad_record(r, err);
		return 0;
	case S2C_PAX_CHARSET:
		return charset_known(r) ? 0 : bad_record(r, err);
	}
	return bad_record(r, err);
}

static bool key_is(const struct record *r, const char *key)
{
	return r->key_len == strlen(key) && memcmp(r->key, key, r->key_len) == 0;
}

static int take_record(
	struct s2c_tar_pax *pax, const struct record *r, struct s2c_error **err)
{
	const char *xattr = "SCHILY.xattr.", *sparse = "GNU.sparse.";

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!key_is(r, fields[i].key))
			continue;
		if (pax->set & fields[i].field)
			return s2c_fail(err, S2C_EPROTO,
				"extended header gives '%s' twice", fields[i].key);
		if (take_field(pax, r, fields[i].field, err))
			return -1;
		pax->set |= fields[i].field;
		return 0;
	}
	if (r->key_len > strlen(xattr) && memcmp(r->key, xattr, strlen(xattr)) == 0)
		return take_xattr(pax, r, err);
	if (key_is(r, "GNU.sparse.offset") || key_is(r, "GNU.sparse.numbytes"))
		return take_sparse_pair(pax, r, key_is(r, "GNU.sparse.offset"), err);
	if (r->key_len > strlen(sparse) && memcmp(r->key, sparse, strlen(sparse)) == 0)
		return bad_record(r, err);
	return 0;
}

/* Cuts the record "<len> <key>=<value>\n" off the front of data. */
static bool cut_record(const char *data, size_t len, struct record *r, size_t *out_total)
{
	const char *space = memchr(data, ' ', len < 8 ? len : 8);
	const char *equals;
	size_t digits = space ? (size_t)(space - data) : 0;
	uint64_t total;

	if (!space || !s2c_tar_decimal(data, digits, len, &total) || total < digits + 4 ||
		data[total - 1] != '\n')
		return false;
	r->key = space + 1;
	equals = memchr(r->key, '=', (size_t)(data + total - 1 - r->key));
	if (!equals || equals == r->key)
		return false;
	r->key_len = (size_t)(equals - r->key);
	r->value = equals + 1;
	r->len = (size_t)(data + total - 1 - r->value);
	*out_total = total;
	return r->key_len <= KEY_MAX && !memchr(r->key, '\0', r->key_len);
}

int s2c_tar_pax_parse(
	const char *data, size_t len, struct s2c_tar_pax *out, struct s2c_error **err)
{
	CLEAN_PAX struct s2c_tar_pax pax = {0};
	struct record r;

	for (size_t at = 0, total; at < len; at += total) {
		if (!cut_record(data + at, len - at, &r, &total))
			return s2c_fail(err, S2C_EPROTO,
				"extended header has a malformed record at byte %zu", at);
		if (take_record(&pax, &r, err))
			return -1;
	}
	if (pax.has_pending)
		return s2c_fail(err, S2C_EPROTO,
			"extended header ends in the middle of a sparse map");
	*out = pax;
	memset(&pax, 0, sizeof(pax));
	return 0;
}
