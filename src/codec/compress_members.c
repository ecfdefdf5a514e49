/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hops over the members of a gzip file from header to header, and finds those that are
 * asked for by CRC and size.
 */
#include "codec/compress_members.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

/* Magic, deflate, FEXTRA, no time, OS unknown; one subfield of 6 bytes. */
static const unsigned char head[] = {
	0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 10, 0, 'S', 'C', 6, 0};
#define AT_SIZE sizeof(head)     /* 32 bits: of the whole member */
#define AT_LEVEL (AT_SIZE + 4)   /* 8 bits */
#define AT_VERSION (AT_SIZE + 5) /* 8 bits: of how members are cut and made */
#define VERSION 1
_Static_assert(AT_VERSION + 1 == S2C_MEMBER_HEADER, "the header ends with the version");

struct member {
	uint32_t crc, len; /* of the content */
	uint64_t at;
	uint32_t size; /* of the member */
	uint8_t level;
};

struct s2c_members {
	int fd;
	struct member *items; /* sorted by CRC, then length */
	size_t n;
};

static uint32_t get32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

void s2c_member_frame(unsigned char *member, size_t packed, int level,
	const unsigned char *content, size_t len)
{
	unsigned char *trailer = member + S2C_MEMBER_HEADER + packed;

	memcpy(member, head, sizeof(head));
	put32(member + AT_SIZE,
		(uint32_t)(S2C_MEMBER_HEADER + packed + S2C_MEMBER_TRAILER));
	member[AT_LEVEL] = (unsigned char)level;
	member[AT_VERSION] = VERSION;
	put32(trailer, libdeflate_crc32(0, content, len));
	put32(trailer + 4, (uint32_t)len);
}

static bool read_at(int fd, void *buf, size_t len, uint64_t at)
{
	return pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

static bool read_member(int fd, uint64_t at, struct member *out)
{
	unsigned char header[S2C_MEMBER_HEADER], trailer[S2C_MEMBER_TRAILER];
	uint32_t size;

	if (!read_at(fd, header, sizeof(header), at) ||
		memcmp(header, head, sizeof(head)) != 0 || header[AT_VERSION] != VERSION)
		return false;
	size = get32(header + AT_SIZE);
	if (size <= sizeof(header) + sizeof(trailer) ||
		!read_at(fd, trailer, sizeof(trailer), at + size - sizeof(trailer)))
		return false;
	*out = (struct member){.crc = get32(trailer),
		.len = get32(trailer + 4),
		.at = at,
		.size = size,
		.level = header[AT_LEVEL]};
	return true;
}

static int by_content(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->crc != y->crc)
		return x->crc < y->crc ? -1 : 1;
	return x->len < y->len ? -1 : x->len > y->len;
}

struct s2c_members *s2c_members_find(int fd)
{
	struct s2c_members *members = xcalloc(1, sizeof(*members));
	struct member one;
	uint64_t at = 0;
	size_t cap = 0;

	members->fd = fd;
	while (members->n < S2C_MEMBERS_MAX && read_member(fd, at, &one)) {
		if (members->n == cap) {
			cap = cap ? 2 * cap : 64;
			members->items = xreallocarray(
				members->items, cap, sizeof(*members->items));
		}
		members->items[members->n++] = one;
		at += one.size;
	}
	if (members->n == 0) {
		s2c_members_free(members);
		return NULL;
	}
	qsort(members->items, members->n, sizeof(*members->items), by_content);
	return members;
}

void s2c_members_free(struct s2c_members *members)
{
	if (!members)
		return;
	free(members->items);
	free(members);
}

/* Whether the deflate stream of a member is this content, and nothing else. */
static bool holds(const unsigned char *member, size_t size, const unsigned char *content,
	size_t len, unsigned char *scratch)
{
	struct libdeflate_decompressor *d = s2c_must(libdeflate_alloc_decompressor());
	size_t packed = size - S2C_MEMBER_HEADER - S2C_MEMBER_TRAILER, used = 0;
	bool same = libdeflate_deflate_decompress_ex(d, member + S2C_MEMBER_HEADER,
			    packed, scratch, len, &used, NULL) == LIBDEFLATE_SUCCESS &&
		    used == packed && memcmp(scratch, content, len) == 0;

	libdeflate_free_decompressor(d);
	return same;
}

size_t s2c_members_take(const struct s2c_members *members, int level,
	const unsigned char *content, size_t len, unsigned char *out, size_t room,
	unsigned char *scratch)
{
	const struct member key = {
		.crc = libdeflate_crc32(0, content, len), .len = (uint32_t)len};
	const struct member *found = bsearch(
		&key, members->items, members->n, sizeof(key), by_content);

	if (!found || found->level != level || found->size > room ||
		!read_at(members->fd, out, found->size, found->at) ||
		!holds(out, found->size, content, len, scratch))
		return 0;
	return found->size;
}
