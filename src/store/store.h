/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store inside the library. On disk, below its root (0700):
 *
 *   oci-layout index.json blobs/sha256/<hex>   an OCI image layout for any tool
 *   trees/<diffID hex>/   a layer unpacked in overlay form, complete
 *   work/<name>/          a running command's own, flock on itself
 *   tmp/<name>/           its unfinished blobs and trees, likewise
 *   caches/<key>/         what builds keep for the next one (store/cache.h)
 *   partial/<algo>-<hex>  a blob that arrives, flock on itself; stays after a cut
 *   engine/<hex>          what an engine told of an image (store/facts.h)
 *   lock                  flock: shared for use, exclusive for gc
 *   index.lock            flock: exclusive to change index.json
 *
 * Names are index.json annotations "org.opencontainers.image.ref.name" holding the full
 * form of a reference. A blob or tree is either complete and verified under its name or
 * not there: temp + fsync + rename. kill -9 at any moment loses nothing that was done.
 */
#ifndef S2C_STORE_STORE_H
#define S2C_STORE_STORE_H

#include <s2c/reference.h>
#include <s2c/store.h>

#include "codec/digest.h"
#include "image/config.h"
#include "image/manifest.h"

#define S2C_STORE_NAMES_MAX 100000 /* entries of index.json */

S2C_DEFINE_CLEAN(store, struct s2c_store *, s2c_store_close)
#define CLEAN_STORE CLEAN(s2c_clean_store)

/* Directory fd and absolute path of the store's root. Borrowed. */
int s2c_store_fd(const struct s2c_store *store);
const char *s2c_store_path(const struct s2c_store *store);

/* ---- names (store/names.c) ---- */

struct s2c_store_name {
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_descriptor desc; /* of a manifest */
};
void s2c_store_names_free(struct s2c_store_name *names, size_t n);

/* The manifest a reference names: by name, or by manifest digest. S2C_ENOENT. */
S2C_CHECK int s2c_store_resolve(struct s2c_store *store, const struct s2c_reference *ref,
	struct s2c_descriptor *out, struct s2c_error **err);
/*
 * Resolves what a person typed: a reference, or a prefix (>= 6 hex digits, unique) of an
 * image id (config digest) or manifest digest. *out_name (S2C_REFERENCE_MAX + 1 bytes,
 * may be NULL) is the name it has, or "".
 */
S2C_CHECK int s2c_store_find(struct s2c_store *store, const char *text,
	struct s2c_descriptor *out, char *out_name, struct s2c_error **err);
/* Points a name at a manifest whose blobs are all in the store. Atomic, durable. */
S2C_CHECK int s2c_store_tag(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_descriptor *desc,
	struct s2c_error **err);
/* Keeps a manifest without a name, so that gc does not take it (a build without TAG). */
S2C_CHECK int s2c_store_keep(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_descriptor *desc, struct s2c_error **err);
/* Removes a name (S2C_ENOENT), or with a digest all names of the manifest. */
S2C_CHECK int s2c_store_untag(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, struct s2c_error **err);
/* All names and kept manifests ("" as name), in the order of index.json. */
S2C_CHECK int s2c_store_list(struct s2c_store *store, struct s2c_store_name **out,
	size_t *out_n, struct s2c_error **err);

/* ---- garbage (store/gc.c) ---- */

struct s2c_gc_opts {
	bool dry_run;
	bool check;    /* also re-hash every blob; damaged ones are named and removed */
	bool untagged; /* also drop kept manifests without a name */
	bool caches;   /* all caches, and not only those that are old or too large */
};
struct s2c_gc_result {
	/* Removed, or with dry_run: that would be. */
	uint64_t blobs, trees, works, caches;
	uint64_t bytes;
	uint64_t damaged; /* with check; not counted in blobs */
};
/*
 * Removes what no name reaches; waits for running commands (exclusive lock), but not for
 * a dry run. Refuses (S2C_EPROTO, S2C_EDIGEST, S2C_ENOENT) when index.json or the
 * manifest of an image cannot be read, as then it cannot know. After a failure with
 * S2C_ECANCELED or S2C_ETIMEOUT the lock may be gone: only s2c_store_close() may follow.
 */
S2C_CHECK int s2c_store_gc(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_gc_opts *opts, struct s2c_gc_result *out,
	struct s2c_error **err);

#endif
