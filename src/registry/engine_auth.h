/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials in the form in which a container engine takes them: base64url of a JSON
 * object, in a header X-Registry-Auth. Values are secrets; free them with
 * s2c_secret_free().
 */
#ifndef S2C_REGISTRY_ENGINE_AUTH_H
#define S2C_REGISTRY_ENGINE_AUTH_H

#include <s2c/reference.h>

#include "util/ctx.h"

#define S2C_ENGINE_AUTH_MAX 8192 /* bytes of a value */

/*
 * A value that somebody else wrote, decoded and written anew. *out is NULL for one that
 * holds no credentials. S2C_EPROTO for what is none.
 */
S2C_CHECK int s2c_engine_auth_rewrite(
	const char *value, char **out, struct s2c_error **err);

/*
 * The value for a repository, by s2c_credentials_find(); `authfile` may be NULL. *out is
 * NULL if there are no credentials for it.
 */
S2C_CHECK int s2c_engine_auth_find(struct s2c_ctx *ctx, const char *authfile,
	const struct s2c_reference *name, char **out, struct s2c_error **err);

#endif
