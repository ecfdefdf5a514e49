/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What push.c and push_blobs.c share.
 */
#ifndef S2C_REGISTRY_PUSH_IMPL_H
#define S2C_REGISTRY_PUSH_IMPL_H

#include "registry/places.h"
#include "registry/push.h"

struct s2c_pushing {
	struct s2c_ctx *ctx;
	const struct s2c_push *push;
	const struct s2c_reference *to; /* registry and repository */
	struct s2c_places *places;
	struct s2c_registry *registry; /* the first of places, borrowed */
	struct s2c_parcel parcel;
};

/*
 * Sees to it that the repository has all blobs. With `anew` nobody is believed that it
 * has them already, neither by HEAD nor by a mount.
 */
S2C_CHECK int s2c_push_blobs(
	struct s2c_pushing *pushing, bool anew, struct s2c_error **err);

#endif
