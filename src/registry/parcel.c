/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a document down to its blobs.
 */
#include "registry/parcel.h"

#include <stdio.h>

#include "store/blob.h"

void s2c_document_release(struct s2c_document *document)
{
	s2c_descriptor_release(&document->desc);
	s2c_buf_release(&document->body);
}

static void release_all(struct s2c_descriptor *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s2c_descriptor_release(&items[i]);
	free(items);
}

void s2c_parcel_release(struct s2c_parcel *parcel)
{
	for (size_t i = 0; i < parcel->n_documents; i++)
		s2c_document_release(&parcel->documents[i]);
	free(parcel->documents);
	release_all(parcel->blobs, parcel->n_blobs);
	release_all(parcel->foreign, parcel->n_foreign);
	*parcel = (struct s2c_parcel){0};
}

int s2c_document_load(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_document *document, struct s2c_error **err)
{
	CLEAN_DOCUMENT struct s2c_document found = {.body = {.max = S2C_MANIFEST_MAX}};

	if (s2c_blob_read(store, &desc->digest, &found.body, err) < 0)
		return -1;
	if (found.body.len != desc->size)
		return s2c_fail(err, S2C_EDIGEST, "manifest '%s' has %zu bytes, not %llu",
			desc->digest.str, found.body.len, (unsigned long long)desc->size);
	s2c_descriptor_copy(&found.desc, desc);
	*document = found;
	found = (struct s2c_document){0};
	return 0;
}

int s2c_document_set(struct s2c_document *document, const char *media_type,
	const char *text, struct s2c_error **err)
{
	struct s2c_descriptor desc = {.size = strlen(text)};

	if (desc.size > S2C_MANIFEST_MAX)
		return s2c_fail(err, S2C_ELIMIT, "manifest is larger than %u bytes",
			S2C_MANIFEST_MAX);
	(void)snprintf(desc.media_type, sizeof(desc.media_type), "%s", media_type);
	s2c_digest_of(text, desc.size, &desc.digest);
	s2c_buf_clear(&document->body);
	if (s2c_buf_add(&document->body, text, desc.size, err) < 0)
		return -1;
	s2c_descriptor_release(&document->desc);
	document->desc = desc;
	return 0;
}

/* ---- adding ---- */

static bool has(
	const struct s2c_descriptor *items, size_t n, const struct s2c_digest *digest)
{
	for (size_t i = 0; i < n; i++)
		if (s2c_digest_equal(&items[i].digest, digest))
			return true;
	return false;
}

static int add_blob(struct s2c_descriptor **items, size_t *n,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	if (has(*items, *n, &desc->digest))
		return 0;
	if (*n == S2C_PARCEL_BLOBS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d blobs", S2C_PARCEL_BLOBS_MAX);
	*items = xreallocarray(*items, *n + 1, sizeof(**items));
	s2c_descriptor_copy(&(*items)[(*n)++], desc);
	return 0;
}

static bool has_document(const struct s2c_parcel *parcel, const struct s2c_digest *digest)
{
	for (size_t i = 0; i < parcel->n_documents; i++)
		if (s2c_digest_equal(&parcel->documents[i].desc.digest, digest))
			return true;
	return false;
}

static int add_document(struct s2c_parcel *parcel, const struct s2c_document *document,
	struct s2c_error **err)
{
	struct s2c_document *own;

	if (parcel->n_documents == S2C_PARCEL_DOCUMENTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d images in an index",
			S2C_PARCEL_DOCUMENTS_MAX);
	parcel->documents = xreallocarray(
		parcel->documents, parcel->n_documents + 1, sizeof(*parcel->documents));
	own = &parcel->documents[parcel->n_documents++];
	*own = (struct s2c_document){.body = {.max = S2C_MANIFEST_MAX}};
	s2c_descriptor_copy(&own->desc, &document->desc);
	return s2c_buf_add(&own->body, document->body.data, document->body.len, err);
}

/* ---- walking ---- */

struct walk {
	struct s2c_store *store;
	struct s2c_parcel *parcel;
};

static int walk(struct walk *w, const struct s2c_document *document, unsigned depth,
	struct s2c_error **err);

static int walk_index(struct walk *w, const struct s2c_document *document, unsigned depth,
	struct s2c_error **err)
{
	CLEAN_INDEX struct s2c_index *index = NULL;

	if (depth == S2C_INDEX_DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d indexes inside each other",
			S2C_INDEX_DEPTH_MAX);
	if (s2c_index_parse(s2c_buf_str(&document->body), document->body.len,
		    document->desc.media_type, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct s2c_descriptor *desc = &index->manifests[i];
		CLEAN_DOCUMENT struct s2c_document child = {0};

		if (has_document(w->parcel, &desc->digest))
			continue;
		if (s2c_document_load(w->store, desc, &child, err) < 0 ||
			walk(w, &child, depth + 1, err) < 0)
			return s2c_wrap(err, "index '%s'", document->desc.digest.str);
	}
	return 0;
}

static int walk_manifest(
	struct walk *w, const struct s2c_document *document, struct s2c_error **err)
{
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	struct s2c_parcel *p = w->parcel;

	if (s2c_manifest_parse(s2c_buf_str(&document->body), document->body.len,
		    document->desc.media_type, &manifest, err) < 0)
		return s2c_wrap(err, "manifest '%s'", document->desc.digest.str);
	for (size_t i = 0; i < manifest->n_layers; i++) {
		const struct s2c_descriptor *layer = &manifest->layers[i];
		bool foreign = s2c_media_kind(layer->media_type, NULL) ==
			       S2C_MEDIA_FOREIGN_LAYER;

		if (foreign ? add_blob(&p->foreign, &p->n_foreign, layer, err) < 0
			    : add_blob(&p->blobs, &p->n_blobs, layer, err) < 0)
			return -1;
	}
	return add_blob(&p->blobs, &p->n_blobs, &manifest->config, err);
}

static int walk(struct walk *w, const struct s2c_document *document, unsigned depth,
	struct s2c_error **err)
{
	bool index = s2c_media_kind(document->desc.media_type, NULL) == S2C_MEDIA_INDEX;

	if (index ? walk_index(w, document, depth, err) < 0
		  : walk_manifest(w, document, err) < 0)
		return -1;
	return add_document(w->parcel, document, err);
}

static int larger_first(const void *a, const void *b)
{
	const struct s2c_descriptor *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return strcmp(x->digest.str, y->digest.str);
}

int s2c_parcel_make(struct s2c_store *store, const struct s2c_document *top,
	struct s2c_parcel *out, struct s2c_error **err)
{
	CLEAN_PARCEL struct s2c_parcel parcel = {0};
	struct walk w = {.store = store, .parcel = &parcel};

	if (walk(&w, top, 0, err) < 0)
		return -1;
	if (parcel.n_blobs)
		qsort(parcel.blobs, parcel.n_blobs, sizeof(*parcel.blobs), larger_first);
	*out = parcel;
	parcel = (struct s2c_parcel){0};
	return 0;
}
