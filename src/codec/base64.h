/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648 section 4) for "user:password" in headers and auth files. Pure. The
 * texts are secrets: callers wipe what they get.
 */
#ifndef S2C_CODEC_BASE64_H
#define S2C_CODEC_BASE64_H

#include "util/error.h"

/* Caller frees with s2c_secret_free(). */
char *s2c_base64_encode(const void *data, size_t len);

/*
 * Strict: the standard alphabet, padding complete, unused bits zero, nothing around it.
 * *out is followed by a NUL that does not count. S2C_EINVAL never quotes the text.
 */
S2C_CHECK int s2c_base64_decode(
	const char *text, char **out, size_t *out_len, struct s2c_error **err);

#endif
