/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build whose result stands on another image than the builder's (--runtime-image, S2I's
 * "extended build"): assemble runs in the builder image as ever, what it made is carried
 * over into a container of the runtime image, assemble-runtime runs there if there is
 * such a script, and that container becomes the image.
 */
#ifndef S2C_BUILD_EXTENSION_H
#define S2C_BUILD_EXTENSION_H

#include "build/mount_spec.h"
#include "build/plan.h"
#include "build/users.h"

struct s2c_build_job;

struct s2c_extension {
	struct s2c_image *image;          /* NULL: the build has no runtime image */
	struct s2c_mount_specs artifacts; /* from the builder's container to WORKDIR */
	struct s2c_users users;
	struct s2c_scripts scripts;
	struct s2c_plan_facts facts;
	struct s2c_plan *plan; /* of the result */
	struct s2c_container *container;
};
void s2c_extension_release(struct s2c_extension *extension);

/* Options that are wrong whatever the images say: S2C_EINVAL. */
S2C_CHECK int s2c_extension_check(
	const struct s2c_build_options *options, struct s2c_error **err);

bool s2c_build_is_extended(const struct s2c_build_job *job);
/* Finds the runtime image, by its own pull policy; after the builder image. */
S2C_CHECK int s2c_extension_resolve(struct s2c_build_job *job, struct s2c_error **err);
/* Its users, scripts and plan, under the same rules of uids; after the builder's plan. */
S2C_CHECK int s2c_extension_decide(struct s2c_build_job *job, struct s2c_error **err);
/* The phase behind assemble, up to a container to commit. */
S2C_CHECK int s2c_extension_run(struct s2c_build_job *job, struct s2c_error **err);

#endif
