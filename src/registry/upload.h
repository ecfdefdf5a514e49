/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the registry room: what everything that writes to a registry stands on.
 * Redirects of writes, Locations, sessions that nobody wants any more, and bodies that
 * can be read again from any place.
 */
#ifndef S2C_REGISTRY_UPLOAD_H
#define S2C_REGISTRY_UPLOAD_H

#include "registry/exchange.h"

/* Redirects of one write that are followed. */
#define S2C_WRITE_REDIRECTS_MAX 5
/* What cancelling a session may take, also when all else is cancelled. */
#define S2C_SESSION_CANCEL_SECONDS 2

/*
 * s2c_exchange() for POST, PUT and PATCH: 307 and 308 are followed with method and body,
 * to wherever a Location may lead, and with no credentials to another host. 301, 302 and
 * 303 are S2C_EPROTO, as clients make a GET of them.
 */
S2C_CHECK int s2c_write_exchange(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_registry_call *call, struct s2c_http_response *response,
	struct s2c_error **err);

/*
 * Where things go on: the Location of an answer, resolved. It may be on another host,
 * which then gets no credentials, but not on an address inside of our own network, nor
 * may it leave TLS. Caller frees *out; S2C_EPROTO when there is none.
 */
S2C_CHECK int s2c_take_location(const struct s2c_registry *registry,
	const struct s2c_http_response *response, char **out, struct s2c_error **err);

/* What the registry says that it stored must be what was sent; it may say nothing. */
S2C_CHECK int s2c_check_stored(const struct s2c_http_response *response,
	const struct s2c_digest *digest, struct s2c_error **err);

/*
 * Cancels an upload session, best effort and also when ctx is cancelled: registries throw
 * sessions away by themselves, and some forbid this. NULL is fine.
 */
void s2c_session_cancel(
	struct s2c_ctx *ctx, struct s2c_registry *registry, const char *location);

/*
 * The bytes of a blob for one upload. One reader serves for all pieces as long as they
 * are asked for in order; otherwise the source is opened again where the piece begins.
 * Emits PROGRESS under "push". The last piece comes out only when the source has come to
 * its end, so that a reader that verifies has its say.
 */
struct s2c_feed {
	struct s2c_ctx *ctx;
	const struct s2c_blob_source *source;
	const struct s2c_descriptor *desc;
	struct s2c_reader *reader;
	uint64_t at; /* where the reader is */
	struct s2c_error
		*failure; /* why it could not be read; better than curl's words */
};
void s2c_feed_release(struct s2c_feed *feed);
/* A source that hands on a feed; borrowed. */
struct s2c_blob_source s2c_feed_source(struct s2c_feed *feed);

#endif
