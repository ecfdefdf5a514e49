/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share about an open store. No other room includes it.
 *
 * Durability: a blob is synced before it is renamed, a tree by one syncfs before its
 * rename. The directory of the blobs is synced once, when a name is about to be written:
 * a blob that is lost with its directory entry is simply not there, and no name on disk
 * can point at it. index.json is synced together with the store's root.
 */
#ifndef S2C_STORE_INTERNAL_H
#define S2C_STORE_INTERNAL_H

#include "store/claim.h"
#include "store/store.h"

#define S2C_STORE_BLOBS_MAX 4000000u /* files in one directory of blobs, and trees */
#define S2C_STORE_WORKS_MAX 100000u  /* directories below work/ and tmp/ */

/* Directories of blobs, one per digest algorithm. */
enum s2c_blob_algo { S2C_BLOB_SHA256, S2C_BLOB_SHA512, S2C_BLOB_ALGOS };
const char *s2c_blob_algo_name(enum s2c_blob_algo algo);

struct s2c_store {
	char *path; /* absolute, without symlinks */
	/* What is made at its first use, by whichever thread; s2c_store_scratch() and
	 * s2c_store_algo_fd() hold it. */
	struct s2c_monitor *lazy;
	int root_fd;
	int lock_fd;                 /* flock on "lock", shared but during gc */
	int blobs_fd;                /* "blobs" */
	int algo_fd[S2C_BLOB_ALGOS]; /* "blobs/<algo>"; sha512: -1 until it is needed */
	int trees_fd;
	int work_fd;
	int tmp_fd;
	struct s2c_claim scratch; /* tmp/<own>, made at its first use */
};

/* Bytes of a tree on disk, for people: what cannot be read counts as nothing. */
uint64_t s2c_store_tree_bytes(const char *path);

/* Directory for the unfinished files of this process. Borrowed. */
S2C_CHECK int s2c_store_scratch(
	struct s2c_store *store, int *out_fd, struct s2c_error **err);

/* Replaces a small file of the store: temp in the scratch directory, fsync, rename. */
S2C_CHECK int s2c_store_put_file(struct s2c_store *store, int dirfd, const char *name,
	const void *data, size_t len, struct s2c_error **err);

/* Opens (and with `make` makes) the directory of an algorithm; -1 when there is none. */
S2C_CHECK int s2c_store_algo_fd(struct s2c_store *store, enum s2c_blob_algo algo,
	bool make, int *out_fd, struct s2c_error **err);

/* Makes all renames of blobs durable. */
S2C_CHECK int s2c_store_sync_blobs(struct s2c_store *store, struct s2c_error **err);

/*
 * Removes the work and temp directories of dead processes; counts the former in *removed
 * (may be NULL). What cannot be removed is logged and left.
 */
S2C_CHECK int s2c_store_sweep(struct s2c_ctx *ctx, struct s2c_store *store, bool dry_run,
	uint64_t *removed, struct s2c_error **err);

/*
 * s2c_claim_take() for a work directory: when its s2c is dead and only a keeper, which is
 * about to end as well, holds the claim, waits for that a moment (store/work.c).
 */
S2C_CHECK int s2c_work_take(struct s2c_ctx *ctx, int work_dir_fd, const char *name,
	struct s2c_claim *claim, struct s2c_error **err);

/* Removes what a dead work directory noted, then the directory (store/work.c). */
S2C_CHECK int s2c_work_sweep(
	struct s2c_ctx *ctx, struct s2c_claim *claim, struct s2c_error **err);

/*
 * Gives a finished temp file, whose content was hashed while it was written, its name
 * among the blobs. `fd` is open on it. A sound blob that is there already stays and the
 * temp is removed; a damaged one is replaced (store/blob.c).
 */
struct s2c_blob_temp {
	int dirfd;
	const char *name;
	int fd;
};
S2C_CHECK int s2c_blob_install(struct s2c_store *store, const struct s2c_blob_temp *temp,
	const struct s2c_digest *digest, uint64_t size, struct s2c_error **err);

/* True if the store holds these very bytes, which it reads; a damaged blob is not them.
 */
bool s2c_blob_sound(
	struct s2c_store *store, const struct s2c_digest *digest, uint64_t size);

/* Reads the content of a regular file through its digest; S2C_EDIGEST when it differs. */
S2C_CHECK int s2c_blob_verify_fd(struct s2c_ctx *ctx, int fd,
	const struct s2c_digest *digest, struct s2c_error **err);

#endif
