/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob on its way into the store: written at any offset by several threads, read from
 * its beginning by another as far as it is there. It lives in partial/<algo>-<hex> beside
 * a note of how far it has come, so that after a cut, a cancel or kill -9 the next pull
 * goes on where this one ended. What was left by an earlier process is as untrusted as
 * what comes from a network: whoever reads it compares the digest.
 */
#ifndef S2C_STORE_PARTIAL_H
#define S2C_STORE_PARTIAL_H

#include "image/manifest.h"
#include "store/store.h"
#include "util/stream.h"

/* Pieces with gaps between that a blob may consist of. */
#define S2C_PARTIAL_PIECES_MAX 64
/* What nobody went on with for so long is removed. */
#define S2C_PARTIAL_DAYS 7

struct s2c_partial;

/*
 * Begins or goes on with the blob of `desc` (borrowed). When another process is at the
 * same blob this one gets a file of its own, which nobody goes on with.
 */
S2C_CHECK int s2c_partial_open(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_partial **out, struct s2c_error **err);
/*
 * Closes. Without s2c_partial_install() the file stays for the next time if it holds
 * anything, unless it was discarded.
 */
void s2c_partial_free(struct s2c_partial *partial);
S2C_DEFINE_CLEAN(partial, struct s2c_partial *, s2c_partial_free)
#define CLEAN_PARTIAL CLEAN(s2c_clean_partial)

/* Bytes from the beginning without a gap. */
uint64_t s2c_partial_length(struct s2c_partial *partial);
/* The same when it was opened: what an earlier process left. */
uint64_t s2c_partial_resumed(const struct s2c_partial *partial);

/*
 * Writes at an offset; bytes may not be written twice or beyond the size of the blob
 * (S2C_EDIGEST). Any thread.
 */
S2C_CHECK int s2c_partial_write(struct s2c_partial *partial, uint64_t offset,
	const void *data, size_t len, struct s2c_error **err);

/*
 * A reader from the beginning, for one thread; waits under ctx for bytes that are still
 * to come. It verifies nothing. The partial must outlive it.
 */
struct s2c_reader *s2c_partial_reader(struct s2c_ctx *ctx, struct s2c_partial *partial);

/*
 * Makes a blob of it: its whole content was read and has the right digest. Syncs, then
 * renames.
 */
S2C_CHECK int s2c_partial_install(struct s2c_partial *partial, struct s2c_error **err);

/* Its content is wrong, nobody is to go on with it: removed when it is closed. */
void s2c_partial_discard(struct s2c_partial *partial);

/*
 * Removes what nobody uses: all of it, or with `old_only` what is older than
 * S2C_PARTIAL_DAYS. Adds the sizes to *bytes (may be NULL); with dry_run only that.
 */
struct s2c_partial_sweep {
	bool old_only, dry_run;
};
S2C_CHECK int s2c_partial_sweep(struct s2c_store *store,
	const struct s2c_partial_sweep *how, uint64_t *bytes, struct s2c_error **err);

#endif
