/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential helpers: docker-credential-<name> with a verb as its only argument and
 * everything else on standard input, for arguments are there for all to see.
 */
#ifndef S2C_REGISTRY_HELPER_H
#define S2C_REGISTRY_HELPER_H

#include "registry/credentials.h"

#define S2C_HELPER_OUTPUT_MAX (1024u * 1024)
#define S2C_HELPER_SECONDS 60
#define S2C_HELPER_LIST_MAX 10000

/*
 * Asks for a registry ("host[:port]"). "Not found" is success with nothing in *out; any
 * other failure is an error, for it must not look like an absence (CVE-2021-41092).
 */
S2C_CHECK int s2c_helper_get(struct s2c_ctx *ctx, const char *name, const char *registry,
	struct s2c_credentials *out, struct s2c_error **err);
S2C_CHECK int s2c_helper_store(struct s2c_ctx *ctx, const char *name,
	const char *registry, const struct s2c_credentials *creds,
	struct s2c_error **err);
/* *out_found tells whether there was anything. */
S2C_CHECK int s2c_helper_erase(struct s2c_ctx *ctx, const char *name,
	const char *registry, bool *out_found, struct s2c_error **err);
/* The registries it has something for, appended. */
S2C_CHECK int s2c_helper_list(struct s2c_ctx *ctx, const char *name, struct s2c_strv *out,
	struct s2c_error **err);

#endif
