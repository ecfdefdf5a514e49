/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for a registry, from --authfile, REGISTRY_AUTH_FILE,
 * $XDG_RUNTIME_DIR/containers/auth.json, DOCKER_CONFIG/config.json or
 * ~/.docker/config.json: first file that has an entry. credHelpers and credsStore run
 * docker-credential-<name> with the host on stdin. Secrets are wiped on release.
 */
#ifndef S2C_REGISTRY_CREDENTIALS_H
#define S2C_REGISTRY_CREDENTIALS_H

#include "util/ctx.h"

#define S2C_AUTHFILE_MAX (1024u * 1024)

struct s2c_credentials {
	char *username;	      /* NULL: anonymous */
	char *password;
	char *identity_token; /* OAuth2 refresh token; NULL: none */
};
void s2c_credentials_release(struct s2c_credentials *creds);
#define CLEAN_CREDENTIALS CLEAN(s2c_credentials_release)

/*
 * Looks up by longest prefix of "host[:port]/repository", then host, with the docker.io
 * aliases. Nothing found is success with everything NULL. A broken helper is an error,
 * never a silent fall-through to another registry (CVE-2021-41092).
 */
S2C_CHECK int s2c_credentials_find(struct s2c_ctx *ctx, const char *authfile,
	const char *registry, const char *repository, struct s2c_credentials *out,
	struct s2c_error **err);

#endif
