/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of blobs beyond their bytes: which blobs a layer's content (diffID) comes
 * out of, and which repositories have a blob. So a push mounts instead of uploading and
 * compresses nothing twice. It is a cache of hints: whoever uses one must be right
 * without it, and a wrong one costs a request.
 *
 * It lives in the file "known" of the store, is read as a whole and replaced as a whole
 * under "known.lock". A damaged file counts as an empty one, and what cannot be written
 * is forgotten: neither is an error.
 */
#ifndef S2C_STORE_KNOWN_H
#define S2C_STORE_KNOWN_H

#include "store/store.h"

#define S2C_KNOWN_FORMS_MAX 4096
#define S2C_KNOWN_PLACES_MAX 16384
#define S2C_KNOWN_FORMS_EACH 8   /* of one diffID */
#define S2C_KNOWN_PLACES_EACH 16 /* of one blob */
#define S2C_KNOWN_METHOD_MAX 31  /* bytes */
#define S2C_KNOWN_BYTES_MAX (32u * 1024 * 1024)

struct s2c_known;

/* Reads the file. `ctx` and `store` must outlive it. Several threads may use it. */
struct s2c_known *s2c_known_open(struct s2c_ctx *ctx, struct s2c_store *store);
/* Writes what was noted that was not there, together with what others wrote meanwhile. */
void s2c_known_close(struct s2c_known *known);
S2C_DEFINE_CLEAN(known, struct s2c_known *, s2c_known_close)
#define CLEAN_KNOWN CLEAN(s2c_clean_known)

/*
 * A blob that a layer's content comes out of. `method` is how it was made: "gzip" or
 * "zstd" if only that is known, "zstd:3" when s2c did it itself, "none" for the plain
 * tar; of [a-z0-9:.-] only.
 */
struct s2c_known_form {
	struct s2c_digest digest;
	uint64_t size;
	char method[S2C_KNOWN_METHOD_MAX + 1];
};
/* The method of what s2c compresses: "zstd:3", also when level 0 means the default. */
void s2c_known_method(
	enum s2c_compression kind, int level, char out[S2C_KNOWN_METHOD_MAX + 1]);
/*
 * Notes a form. Only what was seen with own eyes may be noted: the blob was made here, or
 * was decompressed and had this diffID. What a manifest and a config say together is a
 * claim, and would let one image put its bytes into another.
 */
void s2c_known_note_form(struct s2c_known *known, const struct s2c_digest *diff_id,
	const struct s2c_known_form *form);
/* The newest form made by this very method. */
bool s2c_known_find_form(struct s2c_known *known, const struct s2c_digest *diff_id,
	const char *method, struct s2c_known_form *out);

/* Notes that a repository (registry and repository of *at) has a blob, or has it not. */
void s2c_known_note_place(struct s2c_known *known, const struct s2c_reference *at,
	const struct s2c_digest *digest);
void s2c_known_forget_place(struct s2c_known *known, const struct s2c_reference *at,
	const struct s2c_digest *digest);
/*
 * Up to `max` repositories that have a blob, the newest first, as references without tag;
 * only of `registry` unless that is NULL. Returns how many.
 */
size_t s2c_known_find_places(struct s2c_known *known, const struct s2c_digest *digest,
	const char *registry, struct s2c_reference *out, size_t max);

/*
 * For prune: drops what `keep` does not want to be kept. It is called with the diffID of
 * a form, and with NULL for places; those of forms that are kept stay too. Best effort as
 * all the rest.
 */
struct s2c_known_filter {
	bool (*keep)(void *self, const struct s2c_digest *diff_id,
		const struct s2c_digest *digest);
	void *self;
};
void s2c_known_prune(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_known_filter *filter);

#endif
