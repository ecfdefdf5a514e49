/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs of the store: content under its digest. What is opened for reading is verified
 * while it is read; a truncated or altered blob ends as S2C_EDIGEST that names it.
 */
#ifndef S2C_STORE_BLOB_H
#define S2C_STORE_BLOB_H

#include "codec/digest.h"
#include "store/store.h"
#include "util/stream.h"

/* Size of a blob that is there, or S2C_ENOENT. Symlinks and odd files are not blobs. */
S2C_CHECK int s2c_blob_stat(struct s2c_store *store, const struct s2c_digest *digest,
	uint64_t *out_size, struct s2c_error **err);
bool s2c_blob_exists(
	struct s2c_store *store, const struct s2c_digest *digest, uint64_t size);

/* A reader that verifies digest and size by its end. Caller frees. */
S2C_CHECK int s2c_blob_open(struct s2c_store *store, const struct s2c_digest *digest,
	uint64_t size, struct s2c_reader **out, struct s2c_error **err);

/*
 * The same from `offset` on, for going on with something. From 0 it verifies, from
 * elsewhere it cannot.
 */
S2C_CHECK int s2c_blob_open_at(struct s2c_store *store, const struct s2c_descriptor *desc,
	uint64_t offset, struct s2c_reader **out, struct s2c_error **err);

/*
 * Its file, for who checks what it reads: nothing is verified but the size, which is
 * S2C_EDIGEST when it is another one. Caller closes.
 */
S2C_CHECK int s2c_blob_file(struct s2c_store *store, const struct s2c_descriptor *desc,
	int *out_fd, struct s2c_error **err);

/* Reads a small blob whole and verified; buf's maximum holds. */
S2C_CHECK int s2c_blob_read(struct s2c_store *store, const struct s2c_digest *digest,
	struct s2c_buf *buf, struct s2c_error **err);

/* Writing: ingest -> s2c_write(...) -> commit; freeing without commit removes the temp.
 */
struct s2c_ingest;
S2C_CHECK int s2c_ingest_begin(
	struct s2c_store *store, struct s2c_ingest **out, struct s2c_error **err);
/* The writer to fill it, borrowed; hashes what passes. */
struct s2c_writer *s2c_ingest_writer(struct s2c_ingest *ingest);
/*
 * Before the first write: the caller computes the digest of the very bytes it writes, and
 * commit takes expect->digest (which must be set) as it is instead of hashing them once
 * more. For layers made here, never for what comes from elsewhere.
 */
void s2c_ingest_hashed_by_caller(struct s2c_ingest *ingest);
/*
 * Verifies against `expected` and `size` (NULL and UINT64_MAX: no expectation), syncs and
 * renames. A blob that exists already is success. *out_digest, *out_size may be NULL.
 */
struct s2c_ingest_expect {
	const struct s2c_digest *digest;
	uint64_t size;
};
S2C_CHECK int s2c_ingest_commit(struct s2c_ingest *ingest,
	const struct s2c_ingest_expect *expect, struct s2c_digest *out_digest,
	uint64_t *out_size, struct s2c_error **err);
void s2c_ingest_free(struct s2c_ingest *ingest);
S2C_DEFINE_CLEAN(ingest, struct s2c_ingest *, s2c_ingest_free)
#define CLEAN_INGEST CLEAN(s2c_clean_ingest)

/* Puts memory in the store; fills digest and size of *desc. */
S2C_CHECK int s2c_blob_put(struct s2c_store *store, const void *data, size_t len,
	struct s2c_descriptor *desc, struct s2c_error **err);

#endif
