/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image with its layers in another compression: the same content, diffIDs and config,
 * other blobs and so another manifest, which is always an OCI one. What a layer was
 * compressed to is known afterwards (store/known.h), so that it is done once.
 */
#ifndef S2C_REGISTRY_CONVERT_H
#define S2C_REGISTRY_CONVERT_H

#include "registry/parcel.h"
#include "store/known.h"

struct s2c_convert {
	struct s2c_store *store;
	struct s2c_known *known;
	enum s2c_compression to;
	int level;  /* 0: the method's default */
	bool force; /* not only layers that are not compressed, but all of them */
	/* A blob has to be in the store; else one that a registry is known to have will
	 * do. */
	bool in_store;
};

/*
 * Replaces a document by one with the other blobs, which are put into the store, where
 * 's2c prune' finds them. *out_elsewhere (may be NULL) tells that some are not there but
 * known elsewhere. Without anything to change the document stays. Layers that are not
 * distributable stay as they are. S2C_EUNSUPPORTED for indexes and artifacts. The work is
 * phase "compress" for each layer.
 */
S2C_CHECK int s2c_document_convert(struct s2c_ctx *ctx, const struct s2c_convert *how,
	struct s2c_document *document, bool *out_elsewhere, struct s2c_error **err);

/*
 * Makes a manifest refer to another one, in the same repository: it becomes an OCI one
 * with a "subject". S2C_EUNSUPPORTED for an index.
 */
S2C_CHECK int s2c_document_refer(struct s2c_document *document,
	const struct s2c_descriptor *subject, struct s2c_error **err);

#endif
