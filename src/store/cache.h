/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches: directories that survive the build that filled them, for the next one of the
 * same kind. They are never part of an image.
 *
 *   caches/<key>/data    what a build sees; whatever it wrote there
 *   caches/<key>/packed  the same for who cannot mount it: one file, written as a whole
 *   caches/<key>/about   one line for people; its time of change is that of the last use
 *
 * A cache has one user at a time, by a flock on its directory. What is in its data is
 * never read by s2c but to measure and to remove it.
 */
#ifndef S2C_STORE_CACHE_H
#define S2C_STORE_CACHE_H

#include "store/store.h"

#define S2C_CACHE_KEY_LEN 64                              /* lower hex digits */
#define S2C_CACHES_MAX 10000                              /* in a store */
#define S2C_CACHE_AGE_MAX (30 * 24 * 3600)                /* seconds without a use */
#define S2C_CACHES_BYTES_MAX (10ull * 1024 * 1024 * 1024) /* of all of them */

struct s2c_cache;

struct s2c_cache_opts {
	const char *key;   /* S2C_CACHE_KEY_LEN lower hex digits */
	const char *about; /* one line */
	bool packed; /* it is wanted as a file; the directory is left alone. Else: */
	/* Who owns its directory; one of somebody else is begun anew. */
	bool chown;
	uint32_t uid, gid;
};

/*
 * Opens a cache, making it when it is not there. Success with *out == NULL: somebody else
 * uses it. S2C_EINVAL for a key of another form.
 */
S2C_CHECK int s2c_cache_open(struct s2c_store *store, const struct s2c_cache_opts *opts,
	struct s2c_cache **out, struct s2c_error **err);
/* Absolute path of its data. Borrowed. */
const char *s2c_cache_path(const struct s2c_cache *cache);
/* The locked descriptor: who holds it keeps others out. Borrowed. */
int s2c_cache_fd(const struct s2c_cache *cache);
/* The file as it is, to be read; *out_fd is -1 if there is none. */
S2C_CHECK int s2c_cache_open_packed(
	const struct s2c_cache *cache, int *out_fd, struct s2c_error **err);
/* A file to be written, which the other one makes that of the cache once it is whole. */
S2C_CHECK int s2c_cache_new_packed(
	const struct s2c_cache *cache, int *out_fd, struct s2c_error **err);
S2C_CHECK int s2c_cache_set_packed(
	const struct s2c_cache *cache, int fd, struct s2c_error **err);
/* Forgets the file; or one that was not finished. Best effort. */
void s2c_cache_drop_packed(const struct s2c_cache *cache);
void s2c_cache_drop_unfinished(const struct s2c_cache *cache);
/* Lets it go; NULL is fine. */
void s2c_cache_close(struct s2c_cache *cache);
S2C_DEFINE_CLEAN(cache, struct s2c_cache *, s2c_cache_close)

/*
 * Removes caches that nobody used for `age` seconds, and then the ones that were used
 * longest ago until the others have at most `bytes`. Those in use stay. Adds to *bytes
 * and *count what was removed, or with dry_run would be.
 */
struct s2c_cache_sweep {
	bool dry_run;
	int64_t age;
	uint64_t bytes;
};
S2C_CHECK int s2c_cache_sweep(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_cache_sweep *sweep, uint64_t *count, uint64_t *bytes,
	struct s2c_error **err);

#endif
