/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of layers: a table of compressors behind streams. Output is a function of
 * the input, the method and the level only, for any number of CPUs; several of them are
 * used, by threads of the writer's own and in at most 80 MiB of memory. gzip: members of
 * 256 KiB to 1 MiB, mtime 0, no name, OS 255. gzip readers accept several members and
 * refuse trailing garbage; zstd windows are capped.
 */
#ifndef S2C_CODEC_COMPRESS_H
#define S2C_CODEC_COMPRESS_H

#include "util/stream.h"

enum s2c_compression { S2C_COMPRESS_NONE, S2C_COMPRESS_GZIP, S2C_COMPRESS_ZSTD };

/* Largest zstd window accepted (log2): 128 MiB. */
#define S2C_ZSTD_WINDOW_LOG_MAX 27

struct s2c_compressor_ops {
	const char *name; /* "none", "gzip", "zstd" */
	enum s2c_compression kind;
	int default_level, max_level; /* from 1; 0: it has no levels */
	/*
	 * A writer that compresses into `next` (borrowed; finished by finish), which is
	 * only written to by who calls the writer, but later. A level out of bounds
	 * counts as the nearest one: gzip 1 to 9, zstd 1 to 19. For `earlier_fd` see
	 * s2c_compress_again().
	 */
	struct s2c_writer *(*writer)(int level, int earlier_fd, struct s2c_writer *next);
	/*
	 * A reader that decompresses `next` to its end; owns it if `own`. Reading fails
	 * with S2C_EPROTO for input that is cut off, damaged or followed by other bytes,
	 * and with S2C_ELIMIT for a window that is too large. How much comes out is for
	 * s2c_reader_limit() to bound.
	 */
	struct s2c_reader *(*reader)(struct s2c_reader *next, bool own);
};

/* The table entry of a kind; by name: NULL when unknown. */
const struct s2c_compressor_ops *s2c_compressor(enum s2c_compression kind);
const struct s2c_compressor_ops *s2c_compressor_by_name(const char *name);

/*
 * Parses what --compression says: METHOD or METHOD:LEVEL, as "gzip" or "zstd:9".
 * *out_level is 0 when none is given. S2C_EINVAL for other methods and levels.
 */
S2C_CHECK int s2c_compression_parse(const char *text, enum s2c_compression *out_kind,
	int *out_level, struct s2c_error **err);

/* Convenience: default level when level is 0. */
struct s2c_writer *s2c_compress(
	enum s2c_compression kind, int level, struct s2c_writer *next);
/*
 * The same where a file (borrowed until the writer is freed; -1: none) is likely to hold
 * much of the same content, compressed by s2c at the same level: gzip takes members over
 * from it instead of compressing them again. The file may be anything.
 */
struct s2c_writer *s2c_compress_again(
	enum s2c_compression kind, int level, int earlier_fd, struct s2c_writer *next);
struct s2c_reader *s2c_decompress(
	enum s2c_compression kind, struct s2c_reader *next, bool own);

/*
 * Looks at the first bytes of `next` and decompresses gzip or zstd, or passes the bytes
 * on. *out_kind (may be NULL) tells which. If `own`, `next` is taken over in any case.
 */
S2C_CHECK int s2c_decompress_auto(struct s2c_reader *next, bool own,
	enum s2c_compression *out_kind, struct s2c_reader **out, struct s2c_error **err);

#endif
