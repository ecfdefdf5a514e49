/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar as a reader: for who pulls its bytes, such as an HTTP client that sends it. The
 * form is that of the tar writer (codec/tar.h).
 */
#ifndef S2C_CODEC_TAR_STREAM_H
#define S2C_CODEC_TAR_STREAM_H

#include "codec/entry.h"

/*
 * The tar of all entries, made while it is read; nothing but one piece is held. `entries`
 * and ctx are borrowed. Errors of the entries come out of read.
 */
struct s2c_reader *s2c_tar_stream(struct s2c_ctx *ctx, struct s2c_entries *entries);

#endif
