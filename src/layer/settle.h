/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way from an upper directory to a tree: instead of unpacking the layer that
 * was made of it, what the layer does not say is removed from the directory itself. What
 * is left is what layer/unpack makes of that layer, but for marks of overlayfs that mean
 * nothing in a lower directory. Not for ids of a single-id user namespace, where owners
 * are only in the layer, nor for layers whose times were changed on the way.
 */
#ifndef S2C_LAYER_SETTLE_H
#define S2C_LAYER_SETTLE_H

#include "layer/diff.h"

/*
 * upper_fd (borrowed) must not be mounted any more. S2C_EUNSUPPORTED when it cannot be
 * done; after a failure the directory is good for nothing but to be removed.
 */
S2C_CHECK int s2c_layer_settle(
	int upper_fd, const struct s2c_diff_rest *rest, struct s2c_error **err);

#endif
