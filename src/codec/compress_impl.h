/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between codec/compress.c and the files of the single methods; nobody else includes it.
 */
#ifndef S2C_CODEC_COMPRESS_IMPL_H
#define S2C_CODEC_COMPRESS_IMPL_H

#include "codec/compress.h"

/*
 * What a compressor is fed at a time, whatever pieces its writer is given: the output
 * must not depend on how the input was cut.
 */
#define S2C_COMPRESS_STAGE (256u * 1024)
/* Bytes read from below at a time, and compressed bytes written at a time. */
#define S2C_COMPRESS_PIECE (128u * 1024)

extern const struct s2c_compressor_ops s2c_compressor_gzip;
extern const struct s2c_compressor_ops s2c_compressor_zstd;

#define S2C_GZIP_LEVEL_MAX 9 /* libdeflate's 10 to 12 take minutes */

/* The writer of gzip, which has a file of its own. */
struct s2c_writer *s2c_gzip_writer(int level, int earlier_fd, struct s2c_writer *next);

/* Input of a decompressor: bytes of `next` that are not consumed yet. */
struct s2c_compress_in {
	struct s2c_reader *next;
	bool own, eof;
	unsigned char *data; /* S2C_COMPRESS_PIECE bytes */
	size_t at, end;      /* unread bytes are data[at..end) */
};

void s2c_compress_in_init(struct s2c_compress_in *in, struct s2c_reader *next, bool own);
void s2c_compress_in_release(struct s2c_compress_in *in);
/* Reads on until at least `want` bytes are unread, or sets eof. */
S2C_CHECK int s2c_compress_in_fill(
	struct s2c_compress_in *in, size_t want, struct s2c_error **err);

/* Input of a compressor, gathered to whole stages. */
struct s2c_compress_stage {
	unsigned char *data; /* S2C_COMPRESS_STAGE bytes */
	size_t len;
};

/* Takes what fits of *data and steps over it; true if the stage is full then. */
bool s2c_compress_stage_add(
	struct s2c_compress_stage *stage, const unsigned char **data, size_t *len);

#endif
