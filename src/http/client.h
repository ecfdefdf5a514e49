/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests over TCP, TLS or a unix socket. The only module that knows curl. It
 * knows nothing of registries: no authentication, no redirect to another origin with
 * credentials, no decoding of Content-Encoding, no netrc, proxies from the environment.
 */
#ifndef S2C_HTTP_CLIENT_H
#define S2C_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/stream.h"
#include "util/strv.h"

#define S2C_HTTP_URL_MAX 16384
#define S2C_HTTP_HEADERS_MAX 100               /* response header lines kept */
#define S2C_HTTP_HEADER_BYTES_MAX (64u * 1024) /* of a whole response head */
#define S2C_HTTP_BODY_MAX (8u * 1024 * 1024)   /* body kept in memory, hard cap */
#define S2C_HTTP_REDIRECTS_MAX 5
#define S2C_HTTP_BODY_OPEN UINT64_MAX /* length of a body that ends when it ends */
#define S2C_HTTP_ERROR_BODY_MAX (1024u * 1024) /* body kept of a 4xx or 5xx */
/* A transfer slower than this for so long is S2C_ENET. */
#define S2C_HTTP_LOW_SPEED_BYTES 1024
#define S2C_HTTP_LOW_SPEED_SECONDS 30
#define S2C_HTTP_CONNECT_SECONDS 30

struct s2c_http;

struct s2c_http_opts {
	const char *unix_socket; /* connect there whatever the URL's host; NULL: TCP */
	const char *ca_file;     /* additional trusted certificates, PEM; NULL: system */
	const struct s2c_strv *ca_files; /* more of them; NULL: none */
	bool insecure_tls; /* accept any certificate: only when the user said so */
	/*
	 * A host (as in struct s2c_url) whatever the port, and what is for it alone and
	 * not for where it redirects to or has its tokens from; NULL: no host.
	 */
	const char *own_host;
	const char *client_cert, *client_key; /* PEM files; NULL: none */
	bool insecure_own;                    /* as insecure_tls */
};

/* A client with its connections. Any number of threads may use it at once, each with a
 * context whose events are fit for that; freed when none does. */
struct s2c_http *s2c_http_new(const struct s2c_http_opts *opts);
void s2c_http_free(struct s2c_http *http);
S2C_DEFINE_CLEAN(http, struct s2c_http *, s2c_http_free)

struct s2c_http_response {
	int status;
	struct s2c_strv headers; /* "name: value", names in lower case, in order */
	struct s2c_buf body;
	char *url; /* after redirects */
};
void s2c_http_response_release(struct s2c_http_response *response);
#define CLEAN_HTTP_RESPONSE CLEAN(s2c_http_response_release)

struct s2c_http_request {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
	const char *url;    /* absolute, http or https, without userinfo */
	const struct s2c_strv *headers; /* "Name: value"; may be NULL */
	/* A header such as "Authorization: ..." that is never sent to another origin. */
	const char *secret_header;
	/*
	 * Body: memory, or a reader of exactly body_len bytes (read once, no replay), or
	 * of any number if that is S2C_HTTP_BODY_OPEN: then it is sent in chunks.
	 */
	const void *body;
	struct s2c_reader *body_reader;
	uint64_t body_len;
	/*
	 * Where the body of a 2xx goes; NULL: response.body. Bodies of other statuses
	 * always go to response.body (cut at S2C_HTTP_ERROR_BODY_MAX).
	 */
	struct s2c_writer *sink;
	/*
	 * Called with the head of a 2xx before the first byte of its body goes anywhere
	 * (not at all without a body); an error ends the exchange with it. NULL: none.
	 */
	int (*head)(void *self, const struct s2c_http_response *response,
		struct s2c_error **err);
	void *head_self;
	uint64_t max_body; /* S2C_ELIMIT above; 0: S2C_HTTP_BODY_MAX */
	/*
	 * GET and HEAD follow up to S2C_HTTP_REDIRECTS_MAX redirects, never from https to
	 * http; other methods never do. No secret_header to another origin.
	 */
	bool no_redirect;
	bool patient; /* no lowest speed: the answer may wait for a long work */
	bool once; /* never sent again by itself, as curl does when a kept connection died
		    */
	const char *phase; /* emit PROGRESS under it; NULL: none */
	const char *subject;
};

/* Value of the first header with this lower-case name, or NULL. Borrowed. */
const char *s2c_http_header(const struct s2c_http_response *response, const char *name);

/*
 * One exchange. 0 for any complete response whatever its status; S2C_ENET for connection
 * level failures, S2C_EPROTO for malformed ones, S2C_EAUTH for TLS trust failures.
 * *response must be zeroed and is released by the caller.
 */
S2C_CHECK int s2c_http_perform(struct s2c_ctx *ctx, struct s2c_http *http,
	const struct s2c_http_request *request, struct s2c_http_response *response,
	struct s2c_error **err);

/*
 * Whether the peer of an https URL answers a TLS handshake at all; nothing is sent over
 * it and no certificate is looked at. *out_plain is true if it says something that is no
 * TLS, and false for every other failure: the request will tell. It spares a peer that
 * may be on plain http the loading of trusted certificates.
 */
S2C_CHECK int s2c_http_is_plain(struct s2c_ctx *ctx, struct s2c_http *http,
	const char *url, bool *out_plain, struct s2c_error **err);

/* A URL for messages: userinfo and query values removed. Caller frees. */
char *s2c_http_redact(const char *url);

/* Resolves a Location (absolute, path-absolute or relative) against a URL; caller frees.
 */
S2C_CHECK int s2c_http_resolve(
	const char *base, const char *location, char **out, struct s2c_error **err);

/* True if both URLs have the same scheme, host and port. */
bool s2c_http_same_origin(const char *a, const char *b);

#endif
