/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of the host, read into memory before a build begins: files and directories of
 * --inject, files and variables of --secret. What they are recognised by is noted, so
 * that the image can be looked through for it.
 */
#ifndef S2C_BUILD_SECRETS_H
#define S2C_BUILD_SECRETS_H

#include "build/mount_spec.h"
#include "codec/needles.h"
#include "runtime/runtime.h"

#define S2C_SECRETS_BYTES_MAX (16u * 1024 * 1024) /* of a build, all together */

/* What one option gives. */
struct s2c_secret {
	struct s2c_secret_file *files; /* owned, with path and data */
	size_t n;
	bool is_dir; /* a directory's files; else there is one, its path "" */
};
/* Overwrites the data. */
void s2c_secret_release(struct s2c_secret *secret);

/* Of all secrets of a build. */
struct s2c_secret_total {
	struct s2c_needles *needles; /* gets what they are recognised by; borrowed */
	size_t files;
	uint64_t bytes;
};

/*
 * Reads what a spec of kind S2C_SPEC_INJECTION or S2C_SPEC_SECRET names. Of a directory
 * all regular files below it, links in it followed as long as they stay in it, names that
 * begin with ".." left out (Kubernetes keeps its own there). S2C_ENOENT, S2C_EINVAL for
 * something that is no file, S2C_ELIMIT.
 */
S2C_CHECK int s2c_secret_read(struct s2c_ctx *ctx, const struct s2c_mount_spec *spec,
	struct s2c_secret_total *total, struct s2c_secret *out, struct s2c_error **err);

#endif
