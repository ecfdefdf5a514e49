/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content digests (OCI image-spec, descriptor.md "Digests"). This is the only module
 * that hashes. The text form is kept in the struct because every use needs it.
 */
#ifndef S2C_CODEC_DIGEST_H
#define S2C_CODEC_DIGEST_H

#include "util/stream.h"

/* "sha512:" + 128 hex + NUL */
#define S2C_DIGEST_STR_MAX 136

struct s2c_digest {
	char str[S2C_DIGEST_STR_MAX]; /* "sha256:<64 lower hex>", or "" when unset */
};

/*
 * Parses "sha256:..." or "sha512:..." with exactly the lower-case hex that the algorithm
 * has; everything else is S2C_EINVAL before it reaches a path or URL (CVE-2024-3727).
 */
S2C_CHECK int s2c_digest_parse(
	const char *text, struct s2c_digest *out, struct s2c_error **err);

bool s2c_digest_equal(const struct s2c_digest *a, const struct s2c_digest *b);
/* Pointer to the hex part. */
const char *s2c_digest_hex(const struct s2c_digest *digest);
/* "sha256" or "sha512". */
const char *s2c_digest_algo(const struct s2c_digest *digest);
/* First 12 hex digits for people; `out` has 13 bytes. */
void s2c_digest_short(const struct s2c_digest *digest, char out[13]);

/* SHA-256 of memory. */
void s2c_digest_of(const void *data, size_t len, struct s2c_digest *out);

/* HMAC-SHA-256 (RFC 2104) as 64 hex digits and NUL. */
void s2c_hmac_sha256(
	const void *key, size_t key_len, const void *data, size_t len, char out[65]);

/* Incremental. algo is "sha256" or "sha512". */
struct s2c_hasher;

struct s2c_hasher *s2c_hasher_new(const char *algo);
void s2c_hasher_update(struct s2c_hasher *hasher, const void *data, size_t len);
/* Ends; only free may follow. */
void s2c_hasher_final(struct s2c_hasher *hasher, struct s2c_digest *out);
void s2c_hasher_free(struct s2c_hasher *hasher);

/*
 * A writer that passes everything to `next` (borrowed, may be NULL) and puts the SHA-256
 * and the number of bytes in *digest and *size (borrowed, may be NULL) on finish.
 */
struct s2c_writer *s2c_writer_digest(
	struct s2c_writer *next, struct s2c_digest *digest, uint64_t *size);

/*
 * A reader that hands on `next` and at its end fails with S2C_EDIGEST when digest or size
 * differ, or as soon as more than `size` bytes came (size UINT64_MAX: not checked).
 * `what` names the content in the error. Owns next if `own`.
 */
struct s2c_digest_check {
	struct s2c_digest digest;
	uint64_t size;
	const char *what; /* borrowed, must outlive the reader */
};
struct s2c_reader *s2c_reader_digest(
	struct s2c_reader *next, bool own, const struct s2c_digest_check *check);

#endif
