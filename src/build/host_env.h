/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the host reaches a build and never its image: a CA bundle, shown read-only in
 * the container, and proxy variables (--ca-bundle).
 */
#ifndef S2C_BUILD_HOST_ENV_H
#define S2C_BUILD_HOST_ENV_H

#include "util/error.h"
#include "util/strv.h"

/*
 * Where the bundle is in the container. Where nothing can be mounted it is a copy, in a
 * directory that everybody may clear away again.
 */
#define S2C_CA_BUNDLE_PATH "/run/s2c/ca-bundle.crt"
#define S2C_CA_BUNDLE_COPY_PATH "/tmp/.s2c/ca-bundle.crt"

/*
 * `bundle` is a file or "host". *out_file is its absolute path (caller frees), and `env`
 * gets the variables that tell common programs of it, by its path inside, and of the
 * proxies.
 */
S2C_CHECK int s2c_host_env_collect(const char *bundle, const char *inside,
	char **out_file, struct s2c_strv *env, struct s2c_error **err);

#endif
