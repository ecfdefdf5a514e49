/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull and push as phases of their own, with the reference in front of what goes wrong:
 * the one way in which this room moves images.
 */
#ifndef S2C_BUILD_REMOTE_H
#define S2C_BUILD_REMOTE_H

#include <s2c/image.h>

#include "registry/pull.h"
#include "registry/push.h"

/* "registry/repository@sha256:..." + NUL */
#define S2C_PUSHED_TEXT 650

/* What a user said, for the registry room. Strings stay the user's. */
struct s2c_registry_opts s2c_remote_opts(const struct s2c_remote_options *options);

/* s2c_registry_pull() in phase "pull", with the layers unpacked as the native runtime
 * needs them. */
S2C_CHECK int s2c_remote_pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_registry_opts *opts,
	struct s2c_descriptor *out, struct s2c_error **err);

/* s2c_registry_push() in phase "push"; out_pushed (S2C_PUSHED_TEXT bytes) is ref@digest.
 */
S2C_CHECK int s2c_remote_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, char *out_pushed, struct s2c_error **err);

#endif
