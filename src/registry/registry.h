/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One registry as a peer of the OCI distribution protocol 1.1: endpoint, authentication,
 * manifests and blobs. What to move is decided in registry/pull and
 * registry/push.
 */
#ifndef S2C_REGISTRY_REGISTRY_H
#define S2C_REGISTRY_REGISTRY_H

#include <s2c/reference.h>

#include "http/client.h"
#include "image/manifest.h"
#include "registry/credentials.h"

#define S2C_TOKEN_MAX (1024u * 1024) /* bytes of a token response */
#define S2C_REGISTRY_RETRIES 3
#define S2C_TRANSFERS_MAX 4 /* blobs that move at the same time */

struct s2c_registry_opts {
	/*
	 * http is used for loopback registries, and for others only when this is set;
	 * insecure_tls goes as far as redirects and token servers. Both are what the user
	 * said for this command.
	 */
	bool plain_http, insecure_tls;
	/* Both of them, for the registry's own host: what its configuration says. */
	bool insecure;
	/* Trusted besides the system's and those of certs.d; NULL: none. */
	const char *ca_file, *ca_bundle;
	const char *cert_dir; /* instead of certs.d, see trust.h; NULL: certs.d */
	const char *authfile; /* NULL: the usual places, see credentials.h */
	/* Instead of those of any file; NULL: look for them. Borrowed during open. */
	const struct s2c_credentials *credentials;
	/* Who is asked, see conf.h. Not looked at by s2c_registry_open(). */
	const char *registries_conf;
	const char *const *registry_mirrors;
	unsigned tries; /* of each request, the first one too; 0: S2C_REGISTRY_RETRIES + 1
			 */
};

struct s2c_registry;

/*
 * The registry of `ref` for its repository: this very place; who asks the configuration
 * first uses places.h. Certificates are read, no request is made yet. Several threads may
 * use it at once, each with its own context.
 */
S2C_CHECK int s2c_registry_open(const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_registry **out,
	struct s2c_error **err);
void s2c_registry_close(struct s2c_registry *registry);
S2C_DEFINE_CLEAN(registry, struct s2c_registry *, s2c_registry_close)

/*
 * Fetches a manifest or index by tag or digest ("sha256:..."). The bytes are checked
 * against the digest asked for, or against Docker-Content-Digest; *desc is filled.
 */
S2C_CHECK int s2c_registry_get_manifest(struct s2c_ctx *ctx,
	struct s2c_registry *registry, const char *tag_or_digest, struct s2c_buf *body,
	struct s2c_descriptor *desc, struct s2c_error **err);
/* HEAD of a manifest: S2C_ENOENT when there is none. */
S2C_CHECK int s2c_registry_head_manifest(struct s2c_ctx *ctx,
	struct s2c_registry *registry, const char *tag_or_digest,
	struct s2c_descriptor *desc, struct s2c_error **err);

/* A document on its way to a registry. */
struct s2c_manifest_put {
	const char *reference; /* tag or digest */
	const struct s2c_descriptor *desc;
	const void *body;
	bool complete; /* it is an error if the registry lacks a blob */
};
struct s2c_manifest_answer {
	bool blobs_missing; /* not stored: the registry has not got all it refers to */
	bool subject_seen;  /* it keeps the list of referrers by itself */
};
/*
 * Puts a manifest or index, and makes sure that the registry has this very one when its
 * answer leaves doubts. A tag that may not be moved is a success if it is this manifest
 * already, else S2C_EEXIST.
 */
S2C_CHECK int s2c_registry_put_manifest(struct s2c_ctx *ctx,
	struct s2c_registry *registry, const struct s2c_manifest_put *put,
	struct s2c_manifest_answer *out, struct s2c_error **err);

/* A piece of a blob that is wanted. */
struct s2c_blob_part {
	uint64_t offset, length;
	/*
	 * Called before the first byte if the registry does not send pieces of this blob
	 * (200 instead of 206); true: all from `offset` on is welcome. NULL: false.
	 */
	bool (*whole)(void *self);
	void *self;
};
/*
 * Streams a part of a blob into `sink`, and nothing else: a registry that sends more than
 * was asked for is read up to the part and left behind it. For a part of no bytes nobody
 * is asked. When the connection breaks it
 * goes on where it was, as long as every try brings something. The bytes are verified by
 * whoever owns the sink. `desc` says what the size of the blob is.
 */
S2C_CHECK int s2c_registry_get_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_descriptor *desc, const struct s2c_blob_part *part,
	struct s2c_writer *sink, struct s2c_error **err);
/*
 * When a blob turned out to be wrong: true if the registry has sent pieces of blobs,
 * which some do wrongly. From then on it is asked for whole ones only.
 */
bool s2c_registry_distrust_ranges(struct s2c_registry *registry);
/* *out_there tells whether the repository has the blob. */
S2C_CHECK int s2c_registry_has_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, bool *out_there, struct s2c_error **err);
/*
 * Tries to mount a blob from another repository of the same registry. Neither mounted nor
 * a session (and no error): the registry would rather have it uploaded.
 */
struct s2c_blob_mount {
	bool mounted;
	char *session; /* an upload that was opened instead, to be used; NULL: none */
};
void s2c_blob_mount_release(struct s2c_blob_mount *mount);
S2C_CHECK int s2c_registry_mount_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, const char *from_repository,
	struct s2c_blob_mount *out, struct s2c_error **err);
/*
 * Where the bytes of a blob come from. `open` makes a fresh reader that begins at
 * `offset`, so a body is never replayed blindly (token expiry, retry, resume). A reader
 * from offset 0 verifies digest and size by its end.
 */
struct s2c_blob_source {
	int (*open)(void *self, uint64_t offset, struct s2c_reader **out,
		struct s2c_error **err);
	void *self;
};
struct s2c_blob_upload {
	const struct s2c_descriptor *desc;
	struct s2c_blob_source source;
	const char *session; /* of s2c_blob_mount; NULL: one is opened */
	uint64_t chunk_size; /* bytes of a PATCH; 0: POST and one PUT where that works */
};
/*
 * Uploads a blob: POST and one PUT, or in pieces when asked to, or when the registry does
 * not take it otherwise. After a break it goes on where the registry is. When it fails
 * the session is cancelled.
 */
S2C_CHECK int s2c_registry_put_blob(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_blob_upload *upload, struct s2c_error **err);

/*
 * Asks for nothing but to be let in: S2C_EAUTH when the credentials are refused.
 * *out_asked tells whether the registry wanted any.
 */
S2C_CHECK int s2c_registry_check_login(struct s2c_ctx *ctx, struct s2c_registry *registry,
	bool *out_asked, struct s2c_error **err);

/* Fails early with S2C_EAUTH when pushing to the repository would not be allowed. */
S2C_CHECK int s2c_registry_check_push(
	struct s2c_ctx *ctx, struct s2c_registry *registry, struct s2c_error **err);

#endif
