/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tar_read, tar_pax and tar_write share: the layout of a header block (POSIX
 * 1003.1-2001 pax, and the GNU dialect) and extended header records. Private to codec.
 */
#ifndef S2C_CODEC_TAR_FORMAT_H
#define S2C_CODEC_TAR_FORMAT_H

#include "codec/entry.h"

#define S2C_TAR_BLOCK 512u
#define S2C_TAR_PAX_MAX (1024u * 1024) /* bytes of one extended header */
#define S2C_TAR_EXTENTS_MAX 262144u    /* pieces of one sparse file */

/* Largest values of the octal fields of 8 and 12 bytes. */
#define S2C_TAR_OCTAL7_MAX 2097151u
#define S2C_TAR_OCTAL11_MAX 8589934591ull

struct s2c_tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8]; /* "ustar\0" "00", or GNU's "ustar  \0" */
	char uname[32];
	char gname[32];
	char dev_major[8];
	char dev_minor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct s2c_tar_header) == S2C_TAR_BLOCK, "tar header is one block");

/* The sum of the header with the checksum field read as blanks. */
uint32_t s2c_tar_checksum(const struct s2c_tar_header *h, bool is_signed);

/* An archive that is being read. */
struct s2c_tar_input {
	struct s2c_reader *next;
	bool own;
	unsigned char *buf; /* S2C_STREAM_CHUNK bytes; [at, end) is not yet used */
	size_t at, end;
	uint64_t offset; /* of buf[at] in the archive, for messages */
};

/* Makes at least one byte available: 1, or 0 at the end of the stream, or -1. */
S2C_CHECK int s2c_tar_fill(struct s2c_tar_input *in, struct s2c_error **err);
/* Exactly `len` bytes, or S2C_EPROTO. */
S2C_CHECK int s2c_tar_take(
	struct s2c_tar_input *in, void *dst, size_t len, struct s2c_error **err);
S2C_CHECK int s2c_tar_skip(
	struct s2c_tar_input *in, uint64_t len, struct s2c_error **err);
/* People name all kinds of files: S2C_EPROTO when not even the first header is one. */
int s2c_tar_foreign(struct s2c_error **err);
/* S2C_EPROTO with the place in the archive; always -1. */
int s2c_tar_damaged(
	const struct s2c_tar_input *in, const char *what, struct s2c_error **err);

/* Octal between blanks and NULs, or GNU's base-256; an empty field is 0. */
bool s2c_tar_field(const char *field, size_t len, int64_t *out);
/* The same for a field that cannot be negative. */
S2C_CHECK int s2c_tar_number(struct s2c_tar_input *in, const char *field, size_t len,
	uint64_t *out, struct s2c_error **err);
#define S2C_TAR_NUMBER(in, field, out, err)                                              \
	s2c_tar_number(in, field, sizeof(field), out, err)

/* Bytes from `len` to the next block. */
uint64_t s2c_tar_padding(uint64_t len);

/* A piece of a sparse file that has data. */
struct s2c_tar_extent {
	uint64_t offset;
	uint64_t len;
};

struct s2c_tar_extents {
	struct s2c_tar_extent *items; /* ascending, not overlapping */
	size_t n, cap;
};

void s2c_tar_extents_release(struct s2c_tar_extents *extents);
/* Appends; S2C_EPROTO when out of order, S2C_ELIMIT above S2C_TAR_EXTENTS_MAX. */
S2C_CHECK int s2c_tar_extents_add(struct s2c_tar_extents *extents, uint64_t offset,
	uint64_t len, struct s2c_error **err);

/* What an extended header says; see the bits for what it says nothing about. */
enum s2c_tar_pax_field {
	S2C_PAX_PATH = 1 << 0,
	S2C_PAX_LINKPATH = 1 << 1,
	S2C_PAX_SIZE = 1 << 2,
	S2C_PAX_UID = 1 << 3,
	S2C_PAX_GID = 1 << 4,
	S2C_PAX_MTIME = 1 << 5,
	S2C_PAX_SPARSE_NAME = 1 << 6,
	S2C_PAX_SPARSE_SIZE = 1 << 7,
	S2C_PAX_SPARSE_MAJOR = 1 << 8,
	S2C_PAX_SPARSE_MINOR = 1 << 9,
	S2C_PAX_SPARSE_MAP = 1 << 10,
	S2C_PAX_SPARSE_BLOCKS = 1 << 11,
	S2C_PAX_CHARSET = 1 << 12,
};

struct s2c_tar_pax {
	unsigned set; /* of enum s2c_tar_pax_field */
	char *path;
	char *linkpath;
	char *sparse_name;
	uint64_t size;
	uint64_t uid, gid;
	int64_t mtime;
	uint32_t mtime_ns;
	uint64_t sparse_size;
	uint64_t sparse_major, sparse_minor, sparse_blocks;
	struct s2c_tar_extents extents; /* GNU.sparse 0.0 and 0.1 */
	uint64_t pending_offset;        /* GNU.sparse.offset that waits for numbytes */
	bool has_pending;
	struct s2c_entry attrs; /* only its xattrs are used */
};

void s2c_tar_pax_release(struct s2c_tar_pax *pax);
#define CLEAN_PAX CLEAN(s2c_tar_pax_release)

/*
 * Parses the records of an extended header by their lengths, never by lines: values hold
 * any bytes. A key that is given twice, a NUL in a path, a number that is none are
 * S2C_EPROTO. Keys that say nothing about a file's identity are passed over.
 */
S2C_CHECK int s2c_tar_pax_parse(
	const char *data, size_t len, struct s2c_tar_pax *out, struct s2c_error **err);

/* True if the extended header makes its entry a sparse file. */
bool s2c_tar_pax_is_sparse(const struct s2c_tar_pax *pax);

/*
 * Where the data of a FILE goes: one piece, or those of a sparse map in the header, in
 * its extension blocks, in the extended header, or in front of the data. *stored is the
 * number of bytes behind the header and gets less by the length of a map that was read.
 * Checks that pieces, data and size agree.
 */
struct s2c_tar_plan {
	struct s2c_tar_extents extents;
	uint64_t size; /* of the expanded file */
};
S2C_CHECK int s2c_tar_plan_data(struct s2c_tar_input *in, const struct s2c_tar_header *h,
	struct s2c_tar_pax *pax, uint64_t *stored, struct s2c_tar_plan *plan,
	struct s2c_error **err);

/* Strict decimal without sign; false when empty, malformed or above max. */
bool s2c_tar_decimal(const char *s, size_t len, uint64_t max, uint64_t *out);

#endif
