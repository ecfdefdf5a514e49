/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be moved for a document to be whole: itself, with an index all that it
 * lists, and their blobs, each once. Nothing is asked of a registry here.
 */
#ifndef S2C_REGISTRY_PARCEL_H
#define S2C_REGISTRY_PARCEL_H

#include "image/manifest.h"
#include "store/store.h"

#define S2C_PARCEL_DOCUMENTS_MAX 1000
#define S2C_PARCEL_BLOBS_MAX 10000

/* A manifest or index with its bytes. */
struct s2c_document {
	struct s2c_descriptor desc;
	struct s2c_buf body;
};
void s2c_document_release(struct s2c_document *document);
#define CLEAN_DOCUMENT CLEAN(s2c_document_release)

/* Reads a document of the store, verified. `document` must be zeroed. */
S2C_CHECK int s2c_document_load(struct s2c_store *store,
	const struct s2c_descriptor *desc, struct s2c_document *document,
	struct s2c_error **err);

/* Replaces the bytes: another document, with size and digest of its own. */
S2C_CHECK int s2c_document_set(struct s2c_document *document, const char *media_type,
	const char *text, struct s2c_error **err);

struct s2c_parcel {
	struct s2c_document
		*documents; /* those of an index before it; the last is the one */
	size_t n_documents;
	struct s2c_descriptor *blobs; /* the largest first */
	size_t n_blobs;
	struct s2c_descriptor *foreign; /* layers that are not distributable */
	size_t n_foreign;
};
void s2c_parcel_release(struct s2c_parcel *parcel);
#define CLEAN_PARCEL CLEAN(s2c_parcel_release)

/*
 * Finds out, with `top` (copied) and what it lists in the store. S2C_ENOENT when an index
 * lists something that is not there. Blobs are not looked for. *out must be zeroed.
 */
S2C_CHECK int s2c_parcel_make(struct s2c_store *store, const struct s2c_document *top,
	struct s2c_parcel *out, struct s2c_error **err);

#endif
