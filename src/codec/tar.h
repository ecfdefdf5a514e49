/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar. Reading accepts ustar, GNU, PAX (also sparse); writing is deterministic PAX: the
 * same entries give the same bytes whatever the locale, host and day. No file system work
 * happens here, and no library is used: tar_read.c and tar_write.c say why.
 */
#ifndef S2C_CODEC_TAR_H
#define S2C_CODEC_TAR_H

#include "codec/entry.h"

struct s2c_tar_limits {
	uint64_t entries;    /* 0: S2C_TAR_ENTRIES_MAX */
	uint64_t bytes;      /* sum of file sizes; 0: S2C_TAR_BYTES_MAX */
	uint64_t file_bytes; /* one file; 0: S2C_TAR_BYTES_MAX */
	/* A block of zeros must end the archive, and nothing but zeros follow. */
	bool whole;
};
#define S2C_TAR_ENTRIES_MAX 4000000u
#define S2C_TAR_BYTES_MAX (1ull << 40)

/*
 * Entries of an uncompressed tar read from `reader` (owned if own). Paths and hard link
 * targets are normalised (strip_root), so hostile names end as S2C_EINVAL errors; ids
 * above S2C_ENTRY_ID_MAX, names with NUL, and damaged headers are S2C_EPROTO. At the end
 * the rest of the stream is drained, so that digest readers below see every byte
 * (trailing zero blocks belong to the diffID).
 */
struct s2c_entries *s2c_tar_reader(
	struct s2c_reader *reader, bool own, struct s2c_tar_limits limits);

/*
 * Writer of the deterministic form. uname and gname are empty; mtime keeps nanoseconds
 * only when there are any; no atime, ctime; xattrs as SCHILY.xattr.*; names of any bytes;
 * sparse files are written plain.
 */
struct s2c_tar_writer;
/* `out` is borrowed and is not finished by the tar writer. */
struct s2c_tar_writer *s2c_tar_writer_new(struct s2c_writer *out);
void s2c_tar_writer_free(struct s2c_tar_writer *tar);
S2C_DEFINE_CLEAN(tar_writer, struct s2c_tar_writer *, s2c_tar_writer_free)

/* Header of an entry; exactly entry->size bytes of data must follow for a FILE. */
S2C_CHECK int s2c_tar_writer_entry(struct s2c_tar_writer *tar,
	const struct s2c_entry *entry, struct s2c_error **err);
S2C_CHECK int s2c_tar_writer_data(
	struct s2c_tar_writer *tar, const void *data, size_t len, struct s2c_error **err);
/* All data of the current FILE out of the stream that it came from. */
S2C_CHECK int s2c_tar_write_data(struct s2c_tar_writer *tar, struct s2c_ctx *ctx,
	struct s2c_entries *entries, struct s2c_error **err);
/* Writes the end of archive (two zero blocks, no further padding). */
S2C_CHECK int s2c_tar_writer_finish(struct s2c_tar_writer *tar, struct s2c_error **err);

/* Writes all entries of a stream, then finishes. */
S2C_CHECK int s2c_tar_write_all(struct s2c_ctx *ctx, struct s2c_entries *entries,
	struct s2c_writer *out, struct s2c_error **err);

#endif
