/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the name of an image to the image: where its builds have their images first, then
 * a registry, by policy.
 */
#ifndef S2C_BUILD_RESOLVE_H
#define S2C_BUILD_RESOLVE_H

#include <s2c/build.h>

#include "build/home.h"

struct s2c_resolve_opts {
	const char *name;
	const char *role; /* what it is for messages: "builder image" */
	const char *flag; /* which option is its pull policy: "--pull-policy" */
	enum s2c_pull_policy policy;
	struct s2c_registry_opts registry;
	/* What it must be for; an index is looked up for it. NULL: this host, if possible
	 */
	const struct s2c_platform *platform;
	bool dry_run; /* pull nothing */
};

/*
 * Loads the image of a name or id. Names without a registry are local, or what [aliases]
 * of registries.conf says: else S2C_ENOENT. With dry_run, success with *out untouched
 * means that it would be pulled. An image that is here for another platform than the one
 * asked for counts as absent.
 */
S2C_CHECK int s2c_resolve_image(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_resolve_opts *opts, struct s2c_image **out,
	struct s2c_error **err);

#endif
