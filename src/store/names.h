/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names.c offers to the other files of this room; the rest of it is in store.h.
 */
#ifndef S2C_STORE_NAMES_H
#define S2C_STORE_NAMES_H

#include "store/index.h"

/* The parsed index.json; a damaged or missing one is an error that says so. */
S2C_CHECK int s2c_names_load(
	struct s2c_store *store, struct s2c_json **out, struct s2c_error **err);

/* Removes entries under the lock of index.json. */
S2C_CHECK int s2c_names_drop(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_index_match *match, size_t *out_dropped, struct s2c_error **err);

/* Config and layers of a manifest are there with the right sizes (stat only). */
S2C_CHECK int s2c_store_check_blobs(struct s2c_store *store,
	const struct s2c_manifest *manifest, struct s2c_error **err);

#endif
