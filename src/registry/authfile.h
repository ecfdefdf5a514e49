/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Auth files as docker, podman and their relatives share them: containers-auth.json(5),
 * ~/.docker/config.json. Reading and editing are pure; s2c_authfile_update() changes a
 * file on disk. Errors never quote a document: it holds secrets.
 */
#ifndef S2C_REGISTRY_AUTHFILE_H
#define S2C_REGISTRY_AUTHFILE_H

#include "registry/credentials.h"

#define S2C_AUTHFILE_MAX (1024u * 1024)
#define S2C_HELPER_NAME_MAX 64
/* The name under which programs keep Docker Hub's credentials. */
#define S2C_HUB_KEY "https://index.docker.io/v1/"

/* What a file says about a repository: credentials, or the helper to ask. */
struct s2c_authfile_entry {
	struct s2c_credentials creds;
	char *helper; /* "<name>" of docker-credential-<name>, asked first; NULL: none */
};
void s2c_authfile_entry_release(struct s2c_authfile_entry *entry);

/*
 * Looks up by the longest key that is the registry, or the registry and the beginning of
 * the repository's path (NULL: keys with a path do not count). Nothing found is success
 * with everything NULL. A document without "auths" may have the old form of .dockercfg,
 * in which the keys are its own.
 */
S2C_CHECK int s2c_authfile_parse(const char *text, size_t len, const char *registry,
	const char *repository, struct s2c_authfile_entry *out, struct s2c_error **err);

/* True if `registry` is one of the names of Docker Hub. */
bool s2c_is_docker_io(const char *registry);

struct s2c_authfile_change {
	const char *registry;                /* "host[:port]"; NULL: all entries go */
	const char *path;                    /* "a/b" below it, or NULL */
	const struct s2c_credentials *creds; /* NULL: the entry goes */
};

/*
 * The document with an entry set or removed, all spellings of its key included; whatever
 * else is in it stays. An empty text is an empty document. *out is a secret, or NULL when
 * nothing changed. S2C_EUNSUPPORTED for the old form.
 */
S2C_CHECK int s2c_authfile_edit(const char *text, size_t len,
	const struct s2c_authfile_change *change, char **out, struct s2c_error **err);

/*
 * The same on disk: under a lock, in one step, mode 0600, the owner kept. Links are
 * followed, the file that they lead to is replaced. Missing directories are made when
 * there is something to write. *out_changed (may be NULL) tells.
 */
S2C_CHECK int s2c_authfile_update(struct s2c_ctx *ctx, const char *path,
	const struct s2c_authfile_change *change, bool *out_changed,
	struct s2c_error **err);

/* All helpers that the document names: "HOST=NAME" of credHelpers, "=NAME" of credsStore.
 */
S2C_CHECK int s2c_authfile_helpers(
	const char *text, size_t len, struct s2c_strv *out, struct s2c_error **err);

#endif
