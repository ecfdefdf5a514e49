/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for a registry, and the files that hold them. A file that was named
 * (--authfile, else REGISTRY_AUTH_FILE) is the only one looked at and must be there.
 * Otherwise, in the order of podman, the first that has an entry:
 * $XDG_RUNTIME_DIR/containers/auth.json (without that variable
 * /run/containers/UID/auth.json if it is there), $XDG_CONFIG_HOME/containers/auth.json,
 * then $DOCKER_CONFIG/config.json or ~/.docker/config.json. Secrets are wiped on release.
 */
#ifndef S2C_REGISTRY_CREDENTIALS_H
#define S2C_REGISTRY_CREDENTIALS_H

#include <stdbool.h>

#include "util/ctx.h"
#include "util/strv.h"

/* The user name that means: the password is an identity token. */
#define S2C_TOKEN_USER "<token>"

struct s2c_credentials {
	char *username; /* NULL: anonymous */
	char *password;
	char *identity_token; /* OAuth2 refresh token; NULL: none */
};
void s2c_credentials_release(struct s2c_credentials *creds);
#define CLEAN_CREDENTIALS CLEAN(s2c_credentials_release)
void s2c_credentials_copy(struct s2c_credentials *to, const struct s2c_credentials *from);
/* True if there is nothing to log in with. */
bool s2c_credentials_empty(const struct s2c_credentials *creds);

/*
 * Looks up by longest prefix of "host[:port]/repository", then host, with the docker.io
 * aliases. Nothing found is success with everything NULL. A broken helper is an error,
 * never a silent fall-through to another registry (CVE-2021-41092).
 */
S2C_CHECK int s2c_credentials_find(struct s2c_ctx *ctx, const char *authfile,
	const char *registry, const char *repository, struct s2c_credentials *out,
	struct s2c_error **err);

/* The files that s2c_credentials_find() looks at, appended in their order. */
void s2c_credentials_files(const char *authfile, struct s2c_strv *out);

/* What a login is for: "host[:port]" and a path below it or NULL. */
struct s2c_login_place {
	const char *registry, *path;
};

/*
 * Keeps credentials where a lookup will find them before all others: in the file that
 * was named, else in $XDG_RUNTIME_DIR/containers/auth.json, else in docker's file, but in
 * one that is looked at earlier if that has something for the registry. If the file names
 * a helper for the registry, the helper keeps them. *out_where (caller frees) is the file
 * or the helper.
 */
S2C_CHECK int s2c_credentials_store(struct s2c_ctx *ctx, const char *authfile,
	const struct s2c_login_place *place, const struct s2c_credentials *creds,
	char **out_where, struct s2c_error **err);

/*
 * Removes them from all files and helpers that a lookup asks; `place` NULL: everything
 * those have. *out_found tells whether there was anything.
 */
S2C_CHECK int s2c_credentials_forget(struct s2c_ctx *ctx, const char *authfile,
	const struct s2c_login_place *place, bool *out_found, struct s2c_error **err);

#endif
