/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of an upload in pieces: how long the next one is, and what the
 * registry's answer to it means (distribution-spec, "Pushing a blob in chunks"). Pure.
 */
#ifndef S2C_REGISTRY_CHUNKS_H
#define S2C_REGISTRY_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* The length that is tried first when the registry does not take a blob in one piece. */
#define S2C_CHUNK_FIRST (16u * 1024 * 1024)
/* Shorter than that no chunk is made because a registry finds it too long. */
#define S2C_CHUNK_LEAST (64u * 1024)
/* Shorter than that nobody may ask for. */
#define S2C_CHUNK_MIN 4096u

struct s2c_chunks {
	uint64_t size;  /* of the blob */
	uint64_t want;  /* length of a chunk; 0: all that is left */
	uint64_t least; /* the registry's minimum for all but the last; 0: none */
};

/* Length of the chunk that begins at `offset` (< size). */
uint64_t s2c_chunk_length(const struct s2c_chunks *chunks, uint64_t offset);

/* After `tried` bytes were too many: halves. False when it cannot get shorter. */
bool s2c_chunks_shrink(struct s2c_chunks *chunks, uint64_t tried);

/*
 * The Range of an answer about an upload, "0-N" or as some write "bytes=0-N": how many
 * bytes are there. "0-0" is one byte, or as registries say it none at all. S2C_EPROTO for
 * anything else.
 */
struct s2c_upload_range {
	uint64_t have;
	bool maybe_none;
};
S2C_CHECK int s2c_upload_range_parse(
	const char *value, struct s2c_upload_range *out, struct s2c_error **err);

/* What such a Range says after a chunk of `length` bytes at `start` was taken. */
enum s2c_chunk_fate {
	S2C_CHUNK_TAKEN,
	S2C_CHUNK_CUT,  /* only its beginning: *out_have bytes are there */
	S2C_CHUNK_LOST, /* nothing of it, or what cannot be: chunks do not work here */
};
enum s2c_chunk_fate s2c_chunk_fate(uint64_t start, uint64_t length,
	const struct s2c_upload_range *range, uint64_t *out_have);

/* OCI-Chunk-Min-Length; 0 for a value that makes no sense. */
uint64_t s2c_chunk_least_parse(const char *value);

#endif
