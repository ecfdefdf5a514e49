/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a layer blob out of entries in one pass:
 * tar -> SHA-256 (diffID) -> compressor -> SHA-256 (blob) -> `out`.
 */
#ifndef S2C_LAYER_WRITER_H
#define S2C_LAYER_WRITER_H

#include "codec/compress.h"
#include "codec/digest.h"
#include "codec/entry.h"

struct s2c_layer_opts {
	enum s2c_compression compression;
	int level; /* 0: the compressor's default */
	/* Later times of change become this one, in seconds since 1970, so that a build
	 * of another day makes the same layer (SOURCE_DATE_EPOCH); 0: all stay. */
	int64_t newest;
	/* A blob of much the same content, as s2c_compress_again() takes it; -1: none. */
	int earlier_fd;
};

struct s2c_layer_result {
	struct s2c_digest diff_id; /* of the uncompressed tar */
	struct s2c_digest digest;  /* of the blob */
	uint64_t size;             /* bytes of the blob */
	uint64_t tar_size;         /* bytes of the tar */
	uint64_t entries;          /* 0: nothing changed, the blob must not be used */
	const char *media_type;    /* static string */
};

/*
 * Writes all of `entries` (which must come in layer order) to `out` (borrowed; finished)
 * and fills *result. Emits PROGRESS under phase "layer".
 */
S2C_CHECK int s2c_layer_write(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_layer_opts *opts, struct s2c_writer *out,
	struct s2c_layer_result *result, struct s2c_error **err);

#endif
