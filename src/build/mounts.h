/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of a build: from options to what a container is made with, in three steps as
 * more becomes known. Options alone are parsed first, then the host's files are read, and
 * once there is a plan everything gets its place in the container.
 */
#ifndef S2C_BUILD_MOUNTS_H
#define S2C_BUILD_MOUNTS_H

#include <s2c/build.h>

#include "build/mount_spec.h"
#include "build/plan.h"
#include "build/secrets.h"

struct s2c_build_mounts {
	struct s2c_mount_specs specs;
	struct s2c_secret *secrets; /* of each spec that there was when they were read */
	size_t n_secrets;
	struct s2c_strv strings;     /* what the mounts point to */
	struct s2c_needles *needles; /* of all secrets; NULL: there are none */

	/* For the container, once placed. */
	struct s2c_mount *items;
	size_t n;
	struct s2c_host *hosts;
	size_t n_hosts;
};

/* Only after the containers that were made with them are gone. */
void s2c_build_mounts_release(struct s2c_build_mounts *mounts);
/* Names of the files that are secrets, without directories; appended. */
void s2c_build_mounts_file_names(
	const struct s2c_build_mounts *mounts, struct s2c_strv *out);

/* Parses; S2C_EINVAL names the option. Pure. */
S2C_CHECK int s2c_build_mounts_parse(struct s2c_build_mounts *mounts,
	const struct s2c_build_options *options, struct s2c_error **err);

/* Reads secrets and finds volumes. `store` is its path. */
S2C_CHECK int s2c_build_mounts_read(struct s2c_ctx *ctx, struct s2c_build_mounts *mounts,
	const char *store, struct s2c_error **err);

/* The volumes that were found, as "PATH:ro" and "PATH:rw". */
void s2c_build_mounts_volumes(
	const struct s2c_build_mounts *mounts, struct s2c_strv *out);

/* The lines for /etc/hosts, which need no place; s2c_build_mounts_place() has them too.
 */
void s2c_build_mounts_hosts(struct s2c_build_mounts *mounts);

/*
 * What a cache is found again by: everybody who builds with this image as this user in
 * this store. Caller frees.
 */
char *s2c_build_cache_key(const char *id, const char *image, uint32_t uid, uint32_t gid);

/*
 * Adds what the builder image's label asks for, and places everything. plan->build_env
 * gets SSH_AUTH_SOCK.
 */
struct s2c_build_place {
	const struct s2c_config *builder;
	const char *builder_name;
	bool no_caches;
};
S2C_CHECK int s2c_build_mounts_place(struct s2c_build_mounts *mounts,
	const struct s2c_build_place *place, struct s2c_plan *plan,
	struct s2c_error **err);

#endif
