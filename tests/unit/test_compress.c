/* SPDX-License-Identifier: Apache-2.0 */
/* Compressors: what goes in comes out, in whatever pieces; what is cut off, damaged, too
 * much or not what it says is refused. */
#include "helper.h"

#include <sched.h>
#include <sys/mman.h>

#include "codec/compress.h"
#include "codec/compress_members.h"
#include "codec/digest.h"

static const enum s2c_compression kinds[] = {
	S2C_COMPRESS_NONE, S2C_COMPRESS_GZIP, S2C_COMPRESS_ZSTD};

/* --- a reader that hands out at most `piece` bytes and fails at the end if it shall --
 */

struct drip {
	struct s2c_reader base;
	const char *data;
	size_t len, piece;
	bool fail;
	int *freed;
};

static ssize_t drip_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct drip *r = (struct drip *)reader;
	size_t n = len < r->piece ? len : r->piece;

	n = n < r->len ? n : r->len;
	if (n == 0 && r->fail)
		return s2c_fail(err, S2C_ENET, "the line is dead");
	memcpy(buf, r->data, n);
	r->data += n;
	r->len -= n;
	return (ssize_t)n;
}

static void drip_free(struct s2c_reader *reader)
{
	struct drip *r = (struct drip *)reader;

	if (r->freed)
		++*r->freed;
	free(r);
}

static struct s2c_reader *drip(const char *data, size_t len, size_t piece)
{
	static const struct s2c_reader_ops ops = {.read = drip_read, .free = drip_free};
	struct drip *r = xmalloc(sizeof(*r));

	*r = (struct drip){.base.ops = &ops, .data = data, .len = len, .piece = piece};
	return &r->base;
}

/* --- helpers ------------------------------------------------------------------------ */

/* Repetitive text with noise in it, always the same. */
static char *sample(size_t len)
{
	char *data = xmalloc(len);
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(i % 100 < 70 ? "the quick brown fox "[i % 20]
					      : (int)(x >> 24));
	}
	return data;
}

/* Compresses in pieces of `piece` bytes, appending to `out`. */
static void compress_to(struct s2c_buf *out, enum s2c_compression kind, int level,
	const char *data, size_t len, size_t piece)
{
	CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(out);
	CLEAN_WRITER struct s2c_writer *w = s2c_compress(kind, level, end);

	while (len > 0) {
		size_t n = len < piece ? len : piece;

		assert_ok(s2c_write(w, data, n, &terr));
		data += n;
		len -= n;
	}
	assert_ok(s2c_finish(w, &terr));
}

/* Reads to the end in pieces; appends to `out` and returns 0, or -1. */
static int drain(
	struct s2c_reader *r, size_t piece, struct s2c_buf *out, struct s2c_error **err)
{
	CLEAN_FREE char *buf = xmalloc(piece);
	ssize_t n;

	while ((n = s2c_read(r, buf, piece, err)) > 0)
		if (s2c_buf_add(out, buf, (size_t)n, err) < 0)
			return -1;
	if (n == 0)
		assert_int_equal(s2c_read(r, buf, piece, err), 0);
	return n < 0 ? -1 : 0;
}

/* Decompresses memory; the result is in `out`. */
static int expand(enum s2c_compression kind, const char *data, size_t len,
	struct s2c_buf *out, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *r = s2c_decompress(
		kind, s2c_reader_mem(data, len), true);

	return drain(r, 4096, out, err);
}

/* --- tests -------------------------------------------------------------------------- */

static void test_table(void **state)
{
	static const char *const names[] = {"none", "gzip", "zstd"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_ptr_equal(
			s2c_compressor(kinds[i]), s2c_compressor_by_name(names[i]));
		assert_int_equal(s2c_compressor(kinds[i])->kind, kinds[i]);
		assert_string_equal(s2c_compressor(kinds[i])->name, names[i]);
	}
	assert_null(s2c_compressor_by_name("xz"));
	assert_null(s2c_compressor_by_name(""));
	assert_int_equal(s2c_compressor(S2C_COMPRESS_GZIP)->default_level, 3);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		enum s2c_compression kind;
		int level;
	} good[] = {
		{"gzip", S2C_COMPRESS_GZIP, 0},
		{"gzip:1", S2C_COMPRESS_GZIP, 1},
		{"gzip:9", S2C_COMPRESS_GZIP, 9},
		{"gzip:09", S2C_COMPRESS_GZIP, 9},
		{"zstd", S2C_COMPRESS_ZSTD, 0},
		{"zstd:19", S2C_COMPRESS_ZSTD, 19},
	};
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"", "neither gzip nor zstd"},
		{":3", "neither gzip nor zstd"},
		{"none", "neither gzip nor zstd"},
		{"none:1", "neither gzip nor zstd"},
		{"GZIP", "neither gzip nor zstd"},
		{"gzip ", "neither gzip nor zstd"},
		{"gzip3", "neither gzip nor zstd"},
		{"zstd:chunked", "levels of zstd are 1 to 19"},
		{"zstd:20", "levels of zstd are 1 to 19"},
		{"zstd:3:4", "levels of zstd are 1 to 19"},
		{"gzip:", "levels of gzip are 1 to 9"},
		{"gzip:0", "levels of gzip are 1 to 9"},
		{"gzip:10", "levels of gzip are 1 to 9"},
		{"gzip:-1", "levels of gzip are 1 to 9"},
		{"gzip:+1", "levels of gzip are 1 to 9"},
		{"gzip:1 ", "levels of gzip are 1 to 9"},
		{"gzip:4294967297", "levels of gzip are 1 to 9"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		enum s2c_compression kind = S2C_COMPRESS_NONE;
		int level = -7;

		assert_ok(s2c_compression_parse(good[i].text, &kind, &level, &terr));
		assert_int_equal(kind, good[i].kind);
		assert_int_equal(level, good[i].level);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		enum s2c_compression kind = S2C_COMPRESS_NONE;
		int level = -7;

		assert_fails(s2c_compression_parse(bad[i].text, &kind, &level, &terr),
			S2C_EINVAL, bad[i].words);
		assert_int_equal(kind, S2C_COMPRESS_NONE);
		assert_int_equal(level, -7);
	}
}

#define BLOCK (1024u * 1024) /* what becomes a member of its own in gzip */

/* Sizes around the internal ones, written and read in pieces of several sizes. */
static void test_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 5, 1000, 128 * 1024, 256 * 1024 - 1,
		256 * 1024, 256 * 1024 + 1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK};
	CLEAN_FREE char *data = sample(7 * BLOCK);

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(8 * BLOCK),
						 out = S2C_BUF_INIT(7 * BLOCK);

			compress_to(&packed, kinds[k], 0, data, sizes[i], 50000);
			assert_ok(expand(kinds[k], packed.data, packed.len, &out, &terr));
			assert_int_equal(out.len, sizes[i]);
			if (out.len)
				assert_memory_equal(out.data, data, out.len);
		}
	}
}

/* The output depends on input and level, not on how the input came. */
static void test_pieces(void **state)
{
	static const size_t pieces[] = {1, 3, 4096, 262143, 262144, BLOCK, 1500000};
	CLEAN_FREE char *data = sample(1500000);

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct s2c_digest first = {""};

		for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
			CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(2000000),
						 out = S2C_BUF_INIT(1500000);
			CLEAN_READER struct s2c_reader *r = NULL;
			struct s2c_digest digest;

			compress_to(&packed, kinds[k], 0, data, 1500000, pieces[i]);
			s2c_digest_of(packed.data, packed.len, &digest);
			if (i == 0)
				first = digest;
			assert_string_equal(digest.str, first.str);
			/* the same pieces below and above the decompressor */
			r = s2c_decompress(
				kinds[k], drip(packed.data, packed.len, pieces[i]), true);
			assert_ok(drain(r, pieces[i], &out, &terr));
			assert_int_equal(out.len, 1500000);
			assert_memory_equal(out.data, data, out.len);
		}
	}
}

/* Nor does it depend on how many CPUs there are to make it. */
static void test_cpus(void **state)
{
	const size_t len = 9 * BLOCK + 5;
	CLEAN_FREE char *data = sample(len);
	cpu_set_t all, one;
	int cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2)
		skip_because("there is one CPU only");
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		CLEAN_BUF struct s2c_buf a = S2C_BUF_INIT(2 * len),
					 b = S2C_BUF_INIT(2 * len);

		compress_to(&a, kinds[k], 0, data, len, 100000);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		compress_to(&b, kinds[k], 0, data, len, 100000);
		assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.data, b.data, a.len);
	}
}

/* Given up half-way, with threads at work. */
static void test_abandoned(void **state)
{
	CLEAN_FREE char *data = sample(6 * BLOCK);

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t len = 0; len <= 6 * BLOCK; len += 3 * BLOCK) {
			CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(8 * BLOCK);
			CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(&out);
			CLEAN_WRITER struct s2c_writer *w = s2c_compress(
				kinds[k], 0, end);

			assert_ok(s2c_write(w, data, len, &terr));
		}
}

static void test_levels(void **state)
{
	CLEAN_FREE char *data = sample(300000);

	for (size_t k = 1; k < ARRAY_SIZE(kinds); k++) {
		static const struct {
			int level, same_as;
		} rows[] = {{0, 0}, {-5, 1}, {1, 1}, {9, 9}, {1000, 19}};
		size_t one = 0, nine = 0;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			CLEAN_BUF struct s2c_buf a = S2C_BUF_INIT(1000000),
						 b = S2C_BUF_INIT(1000000);

			compress_to(&a, kinds[k], rows[i].level, data, 300000, 300000);
			compress_to(&b, kinds[k], rows[i].same_as, data, 300000, 300000);
			assert_int_equal(a.len, b.len);
			assert_memory_equal(a.data, b.data, a.len);
			one = rows[i].level == 1 ? a.len : one;
			nine = rows[i].level == 9 ? a.len : nine;
		}
		assert_true(nine != one);
	}
}

/* mtime 0, one extra field, OS 255: nothing of this machine is in the header. */
static void test_gzip_header(void **state)
{
	CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(1000);

	compress_to(&packed, S2C_COMPRESS_GZIP, 0, "hello", 5, 5);
	assert_memory_equal(
		packed.data, "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x0a\0SC\x06\0", 16);
	assert_memory_equal(packed.data + 16, "\x28\0\0\0\x03\x01", 6);
	assert_int_equal(packed.len, 0x28);
	assert_memory_equal(
		packed.data + packed.len - 8, "\x86\xa6\x10\x36\x05\0\0\0", 8);
}

/* ---- members of earlier files ---- */

static int file_of(const char *data, size_t len)
{
	int fd = memfd_create("earlier", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return fd;
}

static void compress_again(
	struct s2c_buf *out, int level, int earlier, const char *data, size_t len)
{
	CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(out);
	CLEAN_WRITER struct s2c_writer *w = s2c_compress_again(
		S2C_COMPRESS_GZIP, level, earlier, end);

	assert_ok(s2c_write(w, data, len, &terr));
	assert_ok(s2c_finish(w, &terr));
}

/* Whatever the earlier file is, the output is what it would be without it. */
static void test_earlier_changes_nothing(void **state)
{
	const size_t len = 6 * BLOCK, at = BLOCK + 512 * 3;
	CLEAN_FREE char *data = sample(len), *before = sample(len);
	CLEAN_BUF struct s2c_buf first = S2C_BUF_INIT(2 * len),
				 other = S2C_BUF_INIT(2 * len),
				 clean = S2C_BUF_INIT(2 * len);

	/* Two records were put in, one was changed. */
	memmove(data + at + 1024, data + at, len - at - 1024);
	data[4 * BLOCK] ^= 1;
	compress_to(&first, S2C_COMPRESS_GZIP, 0, before, len, len);
	compress_to(&other, S2C_COMPRESS_GZIP, 1, before, len, len);
	compress_to(&clean, S2C_COMPRESS_GZIP, 0, data, len, len);
	for (int kind = 0; kind < 6; kind++) {
		CLEAN_BUF struct s2c_buf again = S2C_BUF_INIT(2 * len);
		CLEAN_FD int fd = kind == 1   ? file_of(other.data, other.len)
				  : kind == 2 ? file_of(before, len)
				  : kind == 3 ? file_of("", 0)
					      : file_of(first.data, first.len);

		if (kind == 4) /* cut off within a member */
			assert_int_equal(ftruncate(fd, (off_t)first.len / 2), 0);
		for (size_t i = 30; kind == 5 && i < first.len; i += 20000)
			assert_int_equal(pwrite(fd, "\x55\xaa", 2, (off_t)i), 2);
		compress_again(&again, 0, fd, data, len);
		assert_int_equal(again.len, clean.len);
		assert_memory_equal(again.data, clean.data, clean.len);
	}
}

/* A member is taken if level and content are the same, and else not. */
static void test_members(void **state)
{
	CLEAN_FREE char *data = sample(BLOCK / 8);
	const unsigned char *content = (const unsigned char *)data;
	const size_t len = BLOCK / 8, room = BLOCK;
	CLEAN_FREE unsigned char *out = xmalloc(room), *scratch = xmalloc(len);
	CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(room);
	struct s2c_members *members;

	compress_to(&packed, S2C_COMPRESS_GZIP, 3, data, len, len);
	CLEAN_FD int fd = file_of(packed.data, packed.len);
	members = s2c_members_find(fd);
	assert_non_null(members);
	assert_int_equal(s2c_members_take(members, 3, content, len, out, room, scratch),
		packed.len);
	assert_memory_equal(out, packed.data, packed.len);
	assert_int_equal(
		s2c_members_take(members, 4, content, len, out, room, scratch), 0);
	assert_int_equal(
		s2c_members_take(members, 3, content, len - 1, out, room, scratch), 0);
	assert_int_equal(
		s2c_members_take(members, 3, content, len, out, packed.len - 1, scratch),
		0);
	/* Its CRC says that it is, its bytes say another thing. */
	assert_int_equal(pwrite(fd, "\x55\xaa\x55\xaa", 4, 1000), 4);
	assert_int_equal(
		s2c_members_take(members, 3, content, len, out, room, scratch), 0);
	s2c_members_free(members);
	/* A size that leads beyond the end, or nowhere. */
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 16), 4);
	assert_null(s2c_members_find(fd));
	assert_int_equal(pwrite(fd, "\x1e\0\0\0", 4, 16), 4);
	assert_null(s2c_members_find(fd));
}

#define FLAGS                                                                            \
	"\x1f\x8b\x08\x1e\x01\x02\x03\x04\x00\x03\x07\x00\x41\x42\x03\x00\x78\x79\x7a"   \
	"\x6e\x61\x6d\x65\x00\x63\x6f\x6d\x6d\x65\x6e\x74\x00\xc3\x51\xcb\x48\xcd\xc9"   \
	"\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00"
#define GZ                                                                               \
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6"   \
	"\x10\x36\x05\x00\x00\x00"
#define GZ_EMPTY "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x03\0\0\0\0\0\0\0\0\0"
#define ZSTD "\x28\xb5\x2f\xfd\x04\x58\x29\x00\x00\x68\x65\x6c\x6c\x6f\xa3\x6d\x9f\x88"
#define SKIP "\x5a\x2a\x4d\x18\x03\x00\x00\x00xyz"
#define BYTES(s) s, sizeof(s) - 1

/* Streams of other tools, whole and not. */
static void test_vectors(void **state)
{
	static const struct {
		enum s2c_compression kind;
		const char *data;
		size_t len;
		const char *out, *words; /* one of the two */
		enum s2c_code code;
	} rows[] = {
		{S2C_COMPRESS_GZIP, BYTES(GZ), "hello", NULL, S2C_OK},
		{S2C_COMPRESS_GZIP, BYTES(FLAGS), "hello", NULL, S2C_OK},
		{S2C_COMPRESS_GZIP, BYTES(GZ_EMPTY), "", NULL, S2C_OK},
		{S2C_COMPRESS_GZIP, BYTES(GZ GZ), "hellohello", NULL, S2C_OK},
		{S2C_COMPRESS_GZIP, BYTES(GZ FLAGS GZ_EMPTY GZ), "hellohellohello", NULL,
			S2C_OK},
		{S2C_COMPRESS_GZIP, BYTES(""), NULL, "ends too early", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES("\x1f"), NULL, "ends too early", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES("hello, this is no gzip"), NULL,
			"has no gzip header", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES("\x1f\x8b\x07\0\0\0\0\0\0\xff\x03\0"), NULL,
			"has no gzip header", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES(GZ "x"), NULL, "other bytes", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES(GZ "trailing garbage here"), NULL,
			"other bytes behind its end", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES(GZ "\0\0\0\0\0\0\0\0\0\0\0\0"), NULL,
			"other bytes behind its end", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES(GZ "\x1f\x8b\x08"), NULL, "ends too early",
			S2C_EPROTO},
		{S2C_COMPRESS_GZIP,
			BYTES("\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48\xcd\xc9\xc9\x07\x00"
			      "\x86\xa6\x10\x37\x05\0\0\0"),
			NULL, "checksum is wrong", S2C_EPROTO},
		{S2C_COMPRESS_GZIP,
			BYTES("\x1f\x8b\x08\0\0\0\0\0\0\xff\xcb\x48\xcd\xc9\xc9\x07\x00"
			      "\x86\xa6\x10\x36\x06\0\0\0"),
			NULL, "checksum is wrong", S2C_EPROTO},
		{S2C_COMPRESS_GZIP, BYTES("\x1f\x8b\x08\0\0\0\0\0\0\xff\xff\xff\xff\xff"),
			NULL, "is damaged", S2C_EPROTO},
		{S2C_COMPRESS_ZSTD, BYTES(ZSTD), "hello", NULL, S2C_OK},
		{S2C_COMPRESS_ZSTD, BYTES(ZSTD ZSTD), "hellohello", NULL, S2C_OK},
		{S2C_COMPRESS_ZSTD, BYTES(SKIP ZSTD SKIP), "hello", NULL, S2C_OK},
		{S2C_COMPRESS_ZSTD, BYTES(""), NULL, "ends too early", S2C_EPROTO},
		{S2C_COMPRESS_ZSTD, BYTES("\x28\xb5\x2f"), NULL, "ends too early",
			S2C_EPROTO},
		{S2C_COMPRESS_ZSTD, BYTES("hello"), NULL, "has no zstd header",
			S2C_EPROTO},
		{S2C_COMPRESS_ZSTD, BYTES("\x27\xb5\x2f\xfd\x04\x58\x29\0\0hello"), NULL,
			"has no zstd header", S2C_EPROTO}, /* zstd 0.7 */
		{S2C_COMPRESS_ZSTD, BYTES(ZSTD "garbage"), NULL,
			"other bytes behind its end", S2C_EPROTO},
		{S2C_COMPRESS_ZSTD, BYTES(ZSTD "x"), NULL, "ends too early", S2C_EPROTO},
		{S2C_COMPRESS_ZSTD,
			BYTES("\x28\xb5\x2f\xfd\x04\x58\x29\0\0hello\xa3\x6d\x9f\x89"),
			NULL, "checksum is wrong", S2C_EPROTO},
		{S2C_COMPRESS_ZSTD, BYTES("\x28\xb5\x2f\xfd\x04\x58\xff\xff\xffhello"),
			NULL, "is damaged", S2C_EPROTO},
		/* windows of 128 and 256 MiB around one empty block */
		{S2C_COMPRESS_ZSTD, BYTES("\x28\xb5\x2f\xfd\0\x88\x01\0\0"), "", NULL,
			S2C_OK},
		{S2C_COMPRESS_ZSTD, BYTES("\x28\xb5\x2f\xfd\0\x90\x01\0\0"), NULL,
			"window of more than 128 MiB", S2C_ELIMIT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
		size_t row = i / 2;
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(1000);
		CLEAN_READER struct s2c_reader *r = s2c_decompress(rows[row].kind,
			drip(rows[row].data, rows[row].len, i % 2 ? 1 : 1000), true);

		if (rows[row].out) {
			assert_ok(drain(r, i % 2 ? 1 : 100, &out, &terr));
			assert_string_equal(s2c_buf_str(&out), rows[row].out);
		} else {
			assert_fails(drain(r, i % 2 ? 1 : 100, &out, &terr),
				rows[row].code, rows[row].words);
			/* it stays so */
			assert_int_equal(drain(r, 100, &out, &terr), -1);
			s2c_error_free(TAKE(terr));
		}
	}
}

/* A name that fills a header, and one that fills memory. */
static void test_long_header(void **state)
{
	for (size_t len = 100000; len <= 200000; len += 100000) {
		CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(300000),
					 out = S2C_BUF_INIT(1000);
		CLEAN_READER struct s2c_reader *r = NULL;

		assert_ok(s2c_buf_add(&packed, GZ, 10, &terr));
		packed.data[3] = 8;
		s2c_buf_must_printf(&packed, "%0*d", (int)len, 0);
		assert_ok(s2c_buf_add(&packed, "", 1, &terr));
		assert_ok(s2c_buf_add(&packed, GZ + 10, sizeof(GZ) - 11, &terr));
		r = s2c_decompress(
			S2C_COMPRESS_GZIP, drip(packed.data, packed.len, 1000), true);
		if (len == 100000)
			assert_ok(drain(r, 100, &out, &terr));
		else
			assert_fails(drain(r, 100, &out, &terr), S2C_EPROTO,
				"header of more than 128 KiB");
		assert_string_equal(s2c_buf_str(&out), len == 100000 ? "hello" : "");
	}
}

/* Every proper prefix is too short: nothing that is cut off passes for whole. */
static void test_truncated(void **state)
{
	CLEAN_FREE char *data = sample(3000);

	for (size_t k = 1; k < ARRAY_SIZE(kinds); k++) {
		CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(10000);

		compress_to(&packed, kinds[k], 0, data, 3000, 3000);
		for (size_t len = 0; len < packed.len; len++) {
			CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(10000);
			CLEAN_FREE char *exact = xmalloc(len);

			memcpy(exact, packed.data, len);
			assert_fails(expand(kinds[k], exact, len, &out, &terr),
				S2C_EPROTO, "ends too early");
			assert_true(out.len <= 3000);
			if (out.len)
				assert_memory_equal(out.data, data, out.len);
		}
	}
}

/* A flipped bit is found, or was one that does not matter (a date, an OS). */
static void test_flipped(void **state)
{
	CLEAN_FREE char *data = sample(1200);

	for (size_t k = 1; k < ARRAY_SIZE(kinds); k++) {
		CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(10000);
		size_t found = 0;

		compress_to(&packed, kinds[k], 0, data, 1200, 1200);
		for (size_t bit = 0; bit < packed.len * 8; bit++) {
			CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(1u << 20);

			packed.data[bit / 8] ^= (char)(1 << bit % 8);
			if (expand(kinds[k], packed.data, packed.len, &out, &terr) < 0) {
				found++;
				s2c_error_free(TAKE(terr));
			} else {
				assert_int_equal(out.len, 1200);
				assert_memory_equal(out.data, data, 1200);
			}
			packed.data[bit / 8] ^= (char)(1 << bit % 8);
		}
		assert_true(found > packed.len * 8 - 200);
	}
}

/* A small file of zeros without end is stopped by who reads it. */
static void test_bomb(void **state)
{
	CLEAN_FREE char *zeros = xcalloc(1, 1u << 20);

	for (size_t k = 1; k < ARRAY_SIZE(kinds); k++) {
		CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(1u << 20),
					 out = S2C_BUF_INIT(2u << 20);
		CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(&packed);
		CLEAN_WRITER struct s2c_writer *w = s2c_compress(kinds[k], 0, end);
		CLEAN_READER struct s2c_reader *r = NULL;

		for (int i = 0; i < 64; i++)
			assert_ok(s2c_write(w, zeros, 1u << 20, &terr));
		assert_ok(s2c_finish(w, &terr));
		assert_true(packed.len < 100000);
		r = s2c_reader_limit(
			s2c_decompress(
				kinds[k], s2c_reader_mem(packed.data, packed.len), true),
			true, 1u << 20, "layer 'x'");
		assert_fails(drain(r, 65536, &out, &terr), S2C_ELIMIT, "layer 'x'");
		assert_true(out.len <= 1u << 20);
	}
}

/* Compressors hold back: what is below may fail at the end only. */
static int write_all(
	struct s2c_writer *w, const char *data, size_t len, struct s2c_error **err)
{
	return s2c_write(w, data, len, err) < 0 ? -1 : s2c_finish(w, err);
}

/* What fails below or above fails the chain with its own words. */
static void test_failures(void **state)
{
	CLEAN_FREE char *data = sample(2000000);

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		CLEAN_BUF struct s2c_buf small = S2C_BUF_INIT(1000),
					 packed = S2C_BUF_INIT(3000000),
					 out = S2C_BUF_INIT(3000000);
		CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(&small);
		CLEAN_WRITER struct s2c_writer *w = s2c_compress(kinds[k], 0, end);
		CLEAN_READER struct s2c_reader *r = NULL, *below = NULL;

		assert_fails(write_all(w, data, 2000000, &terr), S2C_ELIMIT, "larger");
		compress_to(&packed, kinds[k], 0, data, 2000000, 2000000);
		below = drip(packed.data, packed.len / 2, 100000);
		((struct drip *)below)->fail = true;
		r = s2c_decompress(kinds[k], below, false);
		assert_fails(drain(r, 65536, &out, &terr), S2C_ENET, "the line is dead");
	}
}

static void test_auto(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		enum s2c_compression kind;
		const char *out;
	} rows[] = {
		{BYTES(GZ), S2C_COMPRESS_GZIP, "hello"},
		{BYTES(ZSTD), S2C_COMPRESS_ZSTD, "hello"},
		{BYTES(SKIP ZSTD), S2C_COMPRESS_ZSTD, "hello"},
		{BYTES("hello, world"), S2C_COMPRESS_NONE, "hello, world"},
		{BYTES(""), S2C_COMPRESS_NONE, ""},
		{BYTES("\x1f"), S2C_COMPRESS_NONE, "\x1f"},
		{BYTES("\x1f\x8b"), S2C_COMPRESS_NONE, "\x1f\x8b"},
		{BYTES("\x28\xb5\x2f"), S2C_COMPRESS_NONE, "\x28\xb5\x2f"},
		{BYTES("\x1f\x8b\x07zz"), S2C_COMPRESS_NONE, "\x1f\x8b\x07zz"},
		{BYTES("abcd"), S2C_COMPRESS_NONE, "abcd"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows) * 4; i++) {
		size_t row = i / 4, piece = i % 2 ? 1 : 1000;
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(1000);
		CLEAN_READER struct s2c_reader *r = NULL;
		enum s2c_compression kind = S2C_COMPRESS_NONE;
		struct s2c_reader *below = drip(rows[row].data, rows[row].len, piece);
		bool own = i % 4 < 2;
		int freed = 0;

		((struct drip *)below)->freed = &freed;
		assert_ok(s2c_decompress_auto(below, own, own ? &kind : NULL, &r, &terr));
		if (own)
			assert_int_equal(kind, rows[row].kind);
		assert_ok(drain(r, piece, &out, &terr));
		assert_string_equal(s2c_buf_str(&out), rows[row].out);
		s2c_reader_free(TAKE(r));
		assert_int_equal(freed, own);
		if (!own)
			s2c_reader_free(below);
		assert_int_equal(freed, 1);
	}
}

/* Also when the first bytes cannot be read, `own` means taken over. */
static void test_auto_fails(void **state)
{
	struct s2c_reader *below = drip("ab", 2, 1), *r = NULL;
	int freed = 0;

	((struct drip *)below)->freed = &freed;
	((struct drip *)below)->fail = true;
	assert_fails(
		s2c_decompress_auto(below, false, NULL, &r, &terr), S2C_ENET, "dead");
	assert_null(r);
	assert_int_equal(freed, 0);
	assert_fails(s2c_decompress_auto(below, true, NULL, &r, &terr), S2C_ENET, "dead");
	assert_int_equal(freed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_gzip_header),
		cmocka_unit_test(test_earlier_changes_nothing),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_long_header),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_auto),
		cmocka_unit_test(test_auto_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
