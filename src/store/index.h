/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json of an OCI image layout, ours or a foreign one: which manifests there are and
 * what they are called. Pure: text to document, document to document. Entries that s2c
 * does not touch keep every member they have.
 */
#ifndef S2C_STORE_INDEX_H
#define S2C_STORE_INDEX_H

#include "image/manifest.h"
#include "store/store.h"

#define S2C_STORE_INDEX_MAX (64u * 1024 * 1024) /* bytes of index.json */
#define S2C_ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"

/*
 * Parses and checks the document and each of its descriptors. More than
 * S2C_STORE_NAMES_MAX entries are S2C_ELIMIT, all else that is wrong S2C_EPROTO.
 */
S2C_CHECK int s2c_layout_index_parse(
	const char *text, size_t len, struct s2c_json **out, struct s2c_error **err);
struct s2c_json *s2c_layout_index_new(void);

/*
 * All entries with their names; "" for one without a name (or with one that is too long
 * to be a reference). Freed with s2c_store_names_free().
 */
void s2c_layout_index_list(
	const struct s2c_json *index, struct s2c_store_name **out, size_t *out_n);

/* Which entries go: those that match any member that is set. */
struct s2c_index_match {
	const char *name;                 /* this name */
	const struct s2c_digest *digest;  /* this manifest under any name or none */
	const struct s2c_digest *unnamed; /* this manifest without a name */
	bool all_unnamed;
};

/*
 * A changed copy: without what matches, then with `add` (may be NULL) called `name` (""
 * or NULL: no name) at the end. *out_dropped (may be NULL) is the number gone.
 */
S2C_CHECK int s2c_layout_index_edit(const struct s2c_json *index,
	const struct s2c_index_match *drop, const struct s2c_store_name *add,
	struct s2c_json **out, size_t *out_dropped, struct s2c_error **err);

#endif
