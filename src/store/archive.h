/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in and out of files: OCI layout directory, OCI archive (tar of one), and the
 * archive of `docker save`. Foreign layouts are hostile: no symlinks, digests verified,
 * sizes capped. Exports are deterministic and atomic (temp + rename).
 */
#ifndef S2C_STORE_ARCHIVE_H
#define S2C_STORE_ARCHIVE_H

#include "store/image.h"

enum s2c_archive_kind { S2C_ARCHIVE_OCI_DIR, S2C_ARCHIVE_OCI, S2C_ARCHIVE_DOCKER };

struct s2c_archive_spec {
	enum s2c_archive_kind kind;
	char *path;
	char *tag; /* after the path ("oci:DIR:TAG"); NULL when not given */
};

/*
 * Parses "oci:DIR[:TAG]", "oci-archive:FILE[:TAG]", "docker-archive:FILE[:REF]"; a path
 * without prefix is S2C_EINVAL naming the three.
 */
S2C_CHECK int s2c_archive_spec_parse(
	const char *text, struct s2c_archive_spec *out, struct s2c_error **err);
void s2c_archive_spec_release(struct s2c_archive_spec *spec);

/* Writes an image; `name` is recorded when the spec has no tag (may be ""). */
S2C_CHECK int s2c_archive_save(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err);

/*
 * Reads all images (or the one of spec->tag) into the store under the names they carry;
 * nothing is named before all its blobs are verified. Names of what was loaded are
 * appended to `names` ("sha256:..." for one without name). Existing names are replaced.
 */
S2C_CHECK int s2c_archive_load(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err);

#endif
