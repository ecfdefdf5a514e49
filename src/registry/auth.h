/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication challenges and bearer tokens (RFC 7235, distribution token spec).
 */
#ifndef S2C_REGISTRY_AUTH_H
#define S2C_REGISTRY_AUTH_H

#include "http/client.h"
#include "registry/credentials.h"

enum s2c_auth_scheme { S2C_AUTH_NONE, S2C_AUTH_BASIC, S2C_AUTH_BEARER };

struct s2c_challenge {
	enum s2c_auth_scheme scheme;
	char *realm, *service, *scope, *error; /* NULL when absent */
};
void s2c_challenge_release(struct s2c_challenge *challenge);

/*
 * Chooses among all challenges of one or several WWW-Authenticate values: Bearer before
 * Basic, others skipped; NONE when there is none we know. Pure; quoted commas and pairs
 * are handled; at most 16 challenges are looked at.
 */
S2C_CHECK int s2c_challenge_parse(
	const struct s2c_strv *values, struct s2c_challenge *out, struct s2c_error **err);

/*
 * Checks a realm before credentials go there: https (http only for a registry on http),
 * no userinfo, no loopback, link-local or private literal address unless it is the
 * registry's own host (CVE-2026-48978 class). Pure.
 */
S2C_CHECK int s2c_realm_check(
	const char *realm, const char *registry_url, struct s2c_error **err);

/* What a token server gave. */
struct s2c_token {
	char *value;         /* secret */
	unsigned expires_in; /* seconds, S2C_TOKEN_SECONDS_MIN to S2C_TOKEN_SECONDS_MAX */
};
#define S2C_TOKEN_SECONDS_MIN 60 /* also when the server says nothing or less */
#define S2C_TOKEN_SECONDS_MAX 86400
#define S2C_TOKEN_VALUE_MAX 32768 /* bytes */
void s2c_token_release(struct s2c_token *token);

/*
 * Reads a token response: "token" or "access_token", of visible ASCII. Pure; errors never
 * quote the document.
 */
S2C_CHECK int s2c_token_parse(
	const char *text, size_t len, struct s2c_token *out, struct s2c_error **err);

struct s2c_auth;

/*
 * Authentication state for one registry, for any number of threads. `registry_url` is
 * "https://host:port"; what is in *creds moves into it.
 */
struct s2c_auth *s2c_auth_new(const char *registry_url, struct s2c_credentials *creds);
void s2c_auth_free(struct s2c_auth *auth);
S2C_DEFINE_CLEAN(auth, struct s2c_auth *, s2c_auth_free)

/* "Authorization: ..." for a request that needs `scope`, or NULL. The caller frees it
 * with s2c_secret_free(). */
char *s2c_auth_header(struct s2c_auth *auth, const char *scope);

/*
 * Tells that a request for `scope` was not answered with 401: if the same header meets a
 * 401 later it has expired, and is not simply wrong.
 */
void s2c_auth_accepted(struct s2c_auth *auth, const char *scope);

/* A request that was answered with 401. */
struct s2c_auth_refusal {
	const struct s2c_http_response *response;
	const char *scope;
	const char *header; /* what it carried from s2c_auth_header(); NULL: nothing */
};

/*
 * Answers a 401: takes the challenge, fetches a token for the scope where needed, so that
 * s2c_auth_header() gives something new. S2C_EAUTH when the credentials (or their
 * absence) were refused already.
 */
S2C_CHECK int s2c_auth_answer(struct s2c_ctx *ctx, struct s2c_auth *auth,
	struct s2c_http *http, const struct s2c_auth_refusal *refusal,
	struct s2c_error **err);

/* Overwrites every secret that `text` (a server's words, to be shown) repeats with '*'.
 */
void s2c_auth_scrub(struct s2c_auth *auth, char *text);

#endif
