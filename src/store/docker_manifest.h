/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.json of the archives that `docker save` writes: a list of images, each with
 * the path of its config, those of its layers (lowest first) and its names. Pure. The
 * format is described by moby's image/tarexport and by containers/image only.
 */
#ifndef S2C_STORE_DOCKER_MANIFEST_H
#define S2C_STORE_DOCKER_MANIFEST_H

#include "util/error.h"
#include "util/strv.h"

#define S2C_DOCKER_MANIFEST_MAX (4u * 1024 * 1024) /* bytes */
#define S2C_DOCKER_IMAGES_MAX 1000
#define S2C_DOCKER_TAGS_MAX 1000 /* of one image */

struct s2c_docker_image {
	char *config;           /* path in the archive, normalised */
	struct s2c_strv layers; /* likewise */
	struct s2c_strv tags;   /* full forms of references */
};

/* Parses; paths that leave the archive and names that are none are errors. */
S2C_CHECK int s2c_docker_manifest_parse(const char *text, size_t len,
	struct s2c_docker_image **out, size_t *out_n, struct s2c_error **err);
void s2c_docker_images_free(struct s2c_docker_image *images, size_t n);

/* The document for one image; caller frees. */
char *s2c_docker_manifest_print(const struct s2c_docker_image *image);

/*
 * Where a link leads that lies at `path` and says `target`: a path in the archive.
 * S2C_EPROTO when it is absolute or leaves the archive. Caller frees *out.
 */
S2C_CHECK int s2c_docker_link_target(
	const char *path, const char *target, char **out, struct s2c_error **err);

#endif
