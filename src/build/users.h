/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users of an image: text of its /etc/passwd and /etc/group, read through the root of
 * its file system before there is a container.
 */
#ifndef S2C_BUILD_USERS_H
#define S2C_BUILD_USERS_H

#include "image/passwd.h"
#include "runtime/runtime.h"

struct s2c_users {
	struct s2c_buf passwd, group; /* "" where the image has none */
};

/* Reads both; missing files are fine, too large ones are S2C_ELIMIT. */
S2C_CHECK int s2c_users_read(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, struct s2c_users *out, struct s2c_error **err);
void s2c_users_release(struct s2c_users *users);

#endif
