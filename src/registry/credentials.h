/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for a registry. A file that was named (--authfile, else REGISTRY_AUTH_FILE)
 * is the only one looked at and must be there. Otherwise
 * $XDG_RUNTIME_DIR/containers/auth.json, then DOCKER_CONFIG/config.json or
 * ~/.docker/config.json: the first that has an entry. credHelpers and credsStore run
 * docker-credential-<name> with the host on stdin. Secrets are wiped on release.
 */
#ifndef S2C_REGISTRY_CREDENTIALS_H
#define S2C_REGISTRY_CREDENTIALS_H

#include "util/ctx.h"
#include "util/strv.h"

#define S2C_AUTHFILE_MAX (1024u * 1024)
#define S2C_HELPER_NAME_MAX 64
#define S2C_HELPER_OUTPUT_MAX (1024u * 1024)
#define S2C_HELPER_SECONDS 60

struct s2c_credentials {
	char *username; /* NULL: anonymous */
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

/*
 * What one auth file says about a repository: credentials, or the helper to ask. Pure;
 * S2C_EPROTO never quotes the document.
 */
struct s2c_authfile_entry {
	struct s2c_credentials creds;
	char *helper; /* "<name>" of docker-credential-<name>, asked first; NULL: none */
};
void s2c_authfile_entry_release(struct s2c_authfile_entry *entry);
S2C_CHECK int s2c_authfile_parse(const char *text, size_t len, const char *registry,
	const char *repository, struct s2c_authfile_entry *out, struct s2c_error **err);

/* The files that s2c_credentials_find() looks at, appended; for messages. */
void s2c_credentials_files(const char *authfile, struct s2c_strv *out);

#endif
