/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the registry room: one request to a registry with everything around it, that is
 * scheme, authentication, retries. What requests mean is in registry.c and upload.c.
 */
#ifndef S2C_REGISTRY_EXCHANGE_H
#define S2C_REGISTRY_EXCHANGE_H

#include <stdatomic.h>

#include "registry/auth.h"
#include "registry/registry.h"
#include "util/pool.h"

/* First wait before a retry, doubled each time, plus jitter. */
#define S2C_RETRY_FIRST_MS 250
/* The longest wait, also when the registry asks for more (Retry-After). */
#define S2C_RETRY_WAIT_MAX_MS 60000

struct s2c_registry {
	char *registry; /* "host[:port]" as in the reference */
	char *host;     /* "host[:port]" to connect to */
	char *repository;
	char *secure, *plain;       /* "https://host[:port]", "http://host[:port]" */
	_Atomic(const char *) base; /* one of them */
	bool may_be_http;           /* not TLS: try http, then keep to what worked */
	bool loopback;              /* which mostly is on http */
	atomic_bool settled;        /* the scheme is known */
	atomic_bool sent_ranges;    /* it has answered with 206 */
	atomic_bool no_ranges;      /* what it calls a range is not to be relied on */
	char *pull_scope, *push_scope;
	char *authfile;
	struct s2c_credentials given; /* instead of those of files, if not empty */
	unsigned retries;
	struct s2c_http *http;
	struct s2c_monitor *lock; /* of making auth */
	struct s2c_auth *auth;    /* made at the first challenge, then it stays */
	bool has_credentials;
	bool probed;                  /* for TLS; under the lock */
	bool pinged;                  /* under the lock, as what follows */
	struct s2c_strv ping_headers; /* of /v2/, where other answers have no challenge */
};

/* The state of authentication; NULL before the first challenge. */
struct s2c_auth *s2c_registry_auth(struct s2c_registry *registry);

struct s2c_registry_call {
	const char *method;
	const char *path; /* below /v2/<repository>/; NULL without url: /v2/ itself */
	const char *url;  /* absolute, instead of path */
	const char *scope;
	const struct s2c_strv *headers;
	const void *body;
	uint64_t body_len;
	const struct s2c_blob_source *source; /* instead of body: a reader for each try */
	uint64_t offset;                      /* where in the source the body begins */
	struct s2c_writer *sink;
	/* As in struct s2c_http_request. */
	int (*head)(void *self, const struct s2c_http_response *response,
		struct s2c_error **err);
	void *head_self;
	uint64_t max_body;
	const char *phase, *subject; /* of PROGRESS events; NULL: none */
	bool once;                   /* no retry but the one after a 401 */
};

/*
 * Does it. 0 with any status that is not worth a retry any more; *response as for
 * s2c_http_perform(). Once bytes are in `sink` there is no retry: they cannot be undone.
 */
S2C_CHECK int s2c_exchange(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_registry_call *call, struct s2c_http_response *response,
	struct s2c_error **err);

/*
 * Turns a status that was not wanted into an error about `what` ("manifest 'x'"), with
 * the registry's own words, free of secrets. Always -1.
 */
int s2c_exchange_fail(struct s2c_registry *registry, const char *what,
	const struct s2c_http_response *response, struct s2c_error **err);

/*
 * s2c_registry_head_manifest() with a scope: who is about to push asks with the
 * permission that the rest needs, and needs one token less.
 */
S2C_CHECK int s2c_registry_look(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const char *tag_or_digest, const char *scope, struct s2c_descriptor *desc,
	struct s2c_error **err);

/* True if the error document of an answer has this code ("BLOB_UNKNOWN"). */
bool s2c_exchange_says(const struct s2c_http_response *response, const char *code);

/*
 * The media type a document claims or shows: "" when it is neither a manifest nor an
 * index. `out` has S2C_MEDIA_TYPE_MAX + 1 bytes.
 */
S2C_CHECK int s2c_document_type(
	const struct s2c_buf *body, char *out, struct s2c_error **err);

/*
 * Says why, then waits before try number `attempt` + 1 (counted from 0), at least
 * `floor_ms`. Fails only when the context ends.
 */
S2C_CHECK int s2c_exchange_wait(struct s2c_ctx *ctx, const struct s2c_registry *registry,
	const char *why, unsigned attempt, int floor_ms, struct s2c_error **err);

/* The wait that an answer asks for, in milliseconds; 0: none. */
int s2c_exchange_floor_ms(const struct s2c_http_response *response);

/*
 * Retry-After in milliseconds: seconds or an HTTP date, `now` in Unix time; 0 when it
 * says nothing sensible. Pure.
 */
int s2c_retry_after_ms(const char *value, long long now);

#endif
