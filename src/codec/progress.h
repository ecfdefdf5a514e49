/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that tell how far they are: they pass everything on unchanged and emit PROGRESS
 * each mebibyte, so that people who wait for a large file see that something moves.
 */
#ifndef S2C_CODEC_PROGRESS_H
#define S2C_CODEC_PROGRESS_H

#include "codec/entry.h"

/* What the events say. Strings are borrowed and must outlive the stream. */
struct s2c_progress {
	const char *phase;
	const char *subject; /* of a reader; entries tell their own paths */
	uint64_t total;      /* expected bytes, 0 = unknown */
};

/* Bytes read. Owns next if `own`; ctx must outlive the reader. */
struct s2c_reader *s2c_reader_progress(struct s2c_ctx *ctx, struct s2c_reader *next,
	bool own, const struct s2c_progress *told);

/*
 * Bytes of file data, whether they are read or taken from data_fd; the last event has all
 * of them. Owns next if `own`; ctx must outlive the stream.
 */
struct s2c_entries *s2c_entries_progress(struct s2c_ctx *ctx, struct s2c_entries *next,
	bool own, const struct s2c_progress *told);

#endif
