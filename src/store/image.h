/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image of the store, loaded and verified: manifest and config parsed, counts of
 * layers and diffIDs equal. Indexes are resolved to this host's platform. Layers need not
 * be there yet: a pull loads the image before it fetches them.
 */
#ifndef S2C_STORE_IMAGE_H
#define S2C_STORE_IMAGE_H

#include "store/store.h"

struct s2c_image {
	struct s2c_descriptor desc; /* of the manifest */
	struct s2c_manifest *manifest;
	struct s2c_config *config;
	char name[S2C_REFERENCE_MAX + 1]; /* as resolved, or "" */
};

S2C_CHECK int s2c_image_load(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_image **out, struct s2c_error **err);
void s2c_image_free(struct s2c_image *image);
S2C_DEFINE_CLEAN(image, struct s2c_image *, s2c_image_free)
#define CLEAN_IMAGE CLEAN(s2c_clean_image)

/*
 * Config and layers are in the store with the right sizes (stat only); S2C_ENOENT or
 * S2C_EDIGEST names what is not. An image whose name is in the store may have lost a blob
 * to 's2c prune --check' since: then it must be pulled or built again.
 */
S2C_CHECK int s2c_image_check(
	struct s2c_store *store, const struct s2c_image *image, struct s2c_error **err);

/* The image id: the config digest. */
const struct s2c_digest *s2c_image_id(const struct s2c_image *image);

/*
 * Writes config and manifest of a new image whose layer blobs are in the store.
 * `manifest->config` is filled; *out describes the manifest. Checks the count of layers
 * against diffIDs and history.
 */
S2C_CHECK int s2c_image_put(struct s2c_store *store, struct s2c_manifest *manifest,
	const struct s2c_config *config, struct s2c_descriptor *out,
	struct s2c_error **err);

#endif
