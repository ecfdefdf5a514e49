/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to challenges: the Basic header, or a bearer token for each scope. Tokens live
 * as long as the registry object and are never written anywhere. One lock covers it all,
 * also while a token is fetched: who needs one at the same time finds it afterwards.
 */
#include "registry/auth.h"

#include <ctype.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "http/url.h"
#include "registry/registry.h"
#include "util/clock.h"
#include "util/pool.h"

/* A token is not used in the last seconds of its life: a request takes time. */
#define EXPIRY_MARGIN 10
#define SCOPES_MAX 1024 /* tokens kept; a pull or push needs two */
/*
 * Tokens that are refused before any was accepted until it is no use to ask for more. One
 * is not enough: threads share a token, and another's request may have ended its life.
 */
#define REFUSED_MAX 5
/* Bytes of realm, service and scope of a challenge together: they end up in a URL. */
#define CHALLENGE_MAX 4096

struct grant {
	char *scope;     /* what callers ask for */
	char *header;    /* "Authorization: Bearer ..."; secret */
	char *asked;     /* the scopes sent to the token server, separated by blanks */
	int64_t expires; /* ms of s2c_now_ms() */
	bool accepted;
	unsigned refused; /* tokens in a row that were good for nothing */
};

struct s2c_auth {
	char *registry_url;
	char *host; /* for messages */
	struct s2c_credentials creds;
	struct s2c_monitor *lock; /* of what follows */
	char *basic; /* "Authorization: Basic ..." once it was asked for; secret */
	struct grant *grants;
	size_t n_grants;
};

void s2c_token_release(struct s2c_token *token)
{
	s2c_secret_free(token->value);
	*token = (struct s2c_token){0};
}

struct s2c_auth *s2c_auth_new(const char *registry_url, struct s2c_credentials *creds)
{
	struct s2c_auth *auth = xcalloc(1, sizeof(*auth));
	struct s2c_url url;

	auth->registry_url = xstrdup(registry_url);
	auth->host = xstrdup(
		s2c_url_parse(registry_url, &url, NULL) == 0 ? url.host : registry_url);
	auth->creds = *creds;
	*creds = (struct s2c_credentials){0};
	auth->lock = s2c_monitor_new();
	return auth;
}

static void release_grant(struct grant *grant)
{
	free(grant->scope);
	free(grant->asked);
	s2c_secret_free(grant->header);
	*grant = (struct grant){0};
}

void s2c_auth_free(struct s2c_auth *auth)
{
	if (!auth)
		return;
	for (size_t i = 0; i < auth->n_grants; i++)
		release_grant(&auth->grants[i]);
	free(auth->grants);
	s2c_secret_free(auth->basic);
	s2c_credentials_release(&auth->creds);
	s2c_monitor_free(auth->lock);
	free(auth->registry_url);
	free(auth->host);
	free(auth);
}

static struct grant *find_grant(struct s2c_auth *auth, const char *scope)
{
	for (size_t i = 0; i < auth->n_grants; i++)
		if (streq(auth->grants[i].scope, scope))
			return &auth->grants[i];
	return NULL;
}

/* The header that is good for `scope` as far as is known, or NULL. Under the lock. */
static const char *current(struct s2c_auth *auth, const char *scope)
{
	const struct grant *grant = find_grant(auth, scope);

	if (auth->basic)
		return auth->basic;
	return grant && grant->header && s2c_now_ms() < grant->expires ? grant->header
								       : NULL;
}

char *s2c_auth_header(struct s2c_auth *auth, const char *scope)
{
	s2c_monitor_enter(auth->lock);
	const char *header = current(auth, scope);
	char *copy = header ? xstrdup(header) : NULL;
	s2c_monitor_leave(auth->lock);
	return copy;
}

void s2c_auth_accepted(struct s2c_auth *auth, const char *scope)
{
	s2c_monitor_enter(auth->lock);
	struct grant *grant = find_grant(auth, scope);
	if (grant) {
		grant->accepted = true;
		grant->refused = 0;
	}
	s2c_monitor_leave(auth->lock);
}

static void scrub_one(char *text, const char *secret)
{
	size_t len = secret ? strlen(secret) : 0;

	/* A shorter "secret" would blank half of the words and is none. */
	if (len < 4)
		return;
	for (char *at = text; (at = strstr(at, secret)); at += len)
		memset(at, '*', len);
}

void s2c_auth_scrub(struct s2c_auth *auth, char *text)
{
	s2c_monitor_enter(auth->lock);
	scrub_one(text, auth->creds.password);
	scrub_one(text, auth->creds.identity_token);
	if (auth->basic)
		scrub_one(text, strrchr(auth->basic, ' ') + 1);
	for (size_t i = 0; i < auth->n_grants; i++)
		if (auth->grants[i].header)
			scrub_one(text, strrchr(auth->grants[i].header, ' ') + 1);
	s2c_monitor_leave(auth->lock);
}

/* ---- token responses ---- */

int s2c_token_parse(
	const char *text, size_t len, struct s2c_token *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_TOKEN_MAX};
	const char *token = NULL, *access = NULL;
	int64_t seconds = 0;

	if (s2c_json_parse(text, len, limits, &root, err) < 0)
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EPROTO, "it must be a JSON object");
	if (s2c_json_get_str(root, "token", S2C_OPTIONAL, &token, err) < 0 ||
		s2c_json_get_str(root, "access_token", S2C_OPTIONAL, &access, err) < 0 ||
		s2c_json_get_int(root, "expires_in", S2C_OPTIONAL, &seconds, err) < 0)
		return -1;
	if (!token || !*token)
		token = access;
	if (!token || !*token)
		return s2c_fail(
			err, S2C_EPROTO, "neither 'token' nor 'access_token' in it");
	size_t n = strlen(token);
	if (n > S2C_TOKEN_VALUE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "the token is larger than %d bytes",
			S2C_TOKEN_VALUE_MAX);
	for (size_t i = 0; i < n; i++)
		if (token[i] <= 0x20 || token[i] >= 0x7f)
			return s2c_fail(
				err, S2C_EPROTO, "the token is no printable ASCII");
	if (seconds < S2C_TOKEN_SECONDS_MIN)
		seconds = S2C_TOKEN_SECONDS_MIN;
	if (seconds > S2C_TOKEN_SECONDS_MAX)
		seconds = S2C_TOKEN_SECONDS_MAX;
	out->value = xstrdup(token);
	out->expires_in = (unsigned)seconds;
	return 0;
}

/* ---- token requests ---- */

/* "&name=value", or "name=value" at the start of a form. */
static void add_param(
	struct s2c_buf *buf, const char *name, const char *value, size_t len)
{
	s2c_buf_must_printf(buf, "%s%s=", buf->len ? "&" : "", name);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		bool plain = isalnum(c) || (c && strchr("-._~", c));
		s2c_buf_must_printf(buf, plain ? "%c" : "%%%02X", c);
	}
}

static void add_scopes(
	struct s2c_buf *buf, const char *name, const char *scopes, bool each)
{
	if (!each) {
		if (*scopes)
			add_param(buf, name, scopes, strlen(scopes));
		return;
	}
	while (*scopes) {
		size_t len = strcspn(scopes, " ");
		if (len)
			add_param(buf, name, scopes, len);
		scopes += len + (scopes[len] == ' ');
	}
}

/* Where there is no password, an identity token stands for it. */
static char *basic_header(const struct s2c_credentials *creds)
{
	const char *user = creds->username ? creds->username : S2C_TOKEN_USER;
	const char *password = creds->password && *creds->password ? creds->password
			       : creds->identity_token             ? creds->identity_token
								   : "";
	CLEAN(s2c_clean_secret) char *pair = xasprintf("%s:%s", user, password);
	CLEAN(s2c_clean_secret) char *coded = s2c_base64_encode(pair, strlen(pair));

	return xasprintf("Authorization: Basic %s", coded);
}

/* The OAuth2 way: the identity token for an access token. */
static int post_for_token(struct s2c_ctx *ctx, struct s2c_auth *auth,
	struct s2c_http *http, const struct s2c_challenge *challenge, const char *scopes,
	struct s2c_http_response *response, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf form = S2C_BUF_INIT(SIZE_MAX / 2);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	const char *token = auth->creds.identity_token;

	if (challenge->service)
		add_param(
			&form, "service", challenge->service, strlen(challenge->service));
	add_scopes(&form, "scope", scopes, false);
	add_param(&form, "grant_type", "refresh_token", 13);
	add_param(&form, "client_id", "s2c", 3);
	add_param(&form, "refresh_token", token, strlen(token));
	s2c_strv_add(&headers, "Accept: application/json");
	s2c_strv_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	struct s2c_http_request request = {.method = "POST",
		.url = challenge->realm,
		.headers = &headers,
		.body = form.data,
		.body_len = form.len,
		.max_body = S2C_TOKEN_MAX,
		.no_redirect = true};
	return s2c_http_perform(ctx, http, &request, response, err);
}

/* The first way that there was: a GET, with Basic unless we are nobody. */
static int get_token(struct s2c_ctx *ctx, struct s2c_auth *auth, struct s2c_http *http,
	const struct s2c_challenge *challenge, const char *scopes,
	struct s2c_http_response *response, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf query = S2C_BUF_INIT(SIZE_MAX / 2);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	CLEAN(s2c_clean_secret) char *basic = NULL;
	CLEAN_FREE char *url = NULL;

	if (challenge->service)
		add_param(&query, "service", challenge->service,
			strlen(challenge->service));
	add_scopes(&query, "scope", scopes, true);
	url = query.len ? xasprintf("%s%c%s", challenge->realm,
				  strchr(challenge->realm, '?') ? '&' : '?',
				  s2c_buf_str(&query))
			: xstrdup(challenge->realm);
	if (!s2c_credentials_empty(&auth->creds))
		basic = basic_header(&auth->creds);
	s2c_strv_add(&headers, "Accept: application/json");
	struct s2c_http_request request = {.method = "GET",
		.url = url,
		.headers = &headers,
		.secret_header = basic,
		.max_body = S2C_TOKEN_MAX,
		.no_redirect = true};
	return s2c_http_perform(ctx, http, &request, response, err);
}

/* Token servers that know no POST: 405, GCR 404, Artifactory 401, ACR 400. */
static bool knows_no_post(int status)
{
	return status == 400 || status == 401 || status == 404 || status == 405;
}

/* Asks the token server in the way that fits the credentials. */
static int request_token(struct s2c_ctx *ctx, struct s2c_auth *auth,
	struct s2c_http *http, const struct s2c_challenge *challenge, const char *scopes,
	struct s2c_http_response *response, struct s2c_error **err)
{
	if (auth->creds.identity_token) {
		if (post_for_token(ctx, auth, http, challenge, scopes, response, err) < 0)
			return -1;
		if (!knows_no_post(response->status))
			return 0;
	}
	return get_token(ctx, auth, http, challenge, scopes, response, err);
}

/* What to say when nobody gets in: were there credentials, and where would they be. */
static int refused(
	struct s2c_auth *auth, const char *by, int status, struct s2c_error **err)
{
	if (auth->creds.username || auth->creds.identity_token)
		return s2c_fail_status(err, S2C_EAUTH, status,
			"the credentials for '%s' were refused%s; log in again or "
			"correct the "
			"auth file",
			auth->host, by);
	return s2c_fail_status(err, S2C_EAUTH, status,
		"'%s' wants credentials%s and none were found for it", auth->host, by);
}

static int fetch_token(struct s2c_ctx *ctx, struct s2c_auth *auth, struct s2c_http *http,
	const struct s2c_challenge *challenge, const char *scopes, struct s2c_token *out,
	struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_FREE char *shown = s2c_http_redact(challenge->realm);

	if (s2c_realm_check(challenge->realm, auth->registry_url, err) < 0)
		return -1;
	if (request_token(ctx, auth, http, challenge, scopes, &response, err) < 0)
		return s2c_wrap(err, "token server '%s'", shown);
	int status = response.status, rc = 0;
	if (status == 401 || status == 403 ||
		(status == 400 && auth->creds.identity_token))
		rc = refused(auth, " by its token server", status, err);
	else if (status == 408 || status == 429 || status >= 500)
		rc = s2c_fail_status(err, S2C_ENET, status,
			"token server '%s' answers with status %d; try again later",
			shown, status);
	else if (status != 200)
		rc = s2c_fail_status(err, S2C_EPROTO, status,
			"token server '%s' answers with status %d", shown, status);
	else if (s2c_token_parse(
			 s2c_buf_str(&response.body), response.body.len, out, err) < 0)
		rc = s2c_wrap(err, "answer of token server '%s'", shown);
	if (response.body.data)
		explicit_bzero(response.body.data, response.body.cap);
	return rc;
}

/* ---- challenges ---- */

/* True if every scope of `some` is one of `all`; both separated by blanks. */
static bool covers(const char *all, const char *some)
{
	while (*some) {
		size_t len = strcspn(some, " ");
		const char *p = all;
		bool found = len == 0;
		while (*p && !found) {
			size_t n = strcspn(p, " ");
			found = n == len && strncmp(p, some, len) == 0;
			p += n + (p[n] == ' ');
		}
		if (!found)
			return false;
		some += len + (some[len] == ' ');
	}
	return true;
}

static struct grant *make_grant(struct s2c_auth *auth, const char *scope)
{
	if (auth->n_grants == SCOPES_MAX) {
		release_grant(&auth->grants[0]);
		memmove(auth->grants, auth->grants + 1,
			--auth->n_grants * sizeof(*auth->grants));
	}
	auth->grants = xreallocarray(
		auth->grants, auth->n_grants + 1, sizeof(*auth->grants));
	struct grant *grant = &auth->grants[auth->n_grants++];
	*grant = (struct grant){.scope = xstrdup(scope)};
	return grant;
}

static int answer_bearer(struct s2c_ctx *ctx, struct s2c_auth *auth,
	struct s2c_http *http, const struct s2c_challenge *challenge, const char *scope,
	struct s2c_error **err)
{
	CLEAN(s2c_token_release) struct s2c_token token = {0};
	struct grant *grant = find_grant(auth, scope);
	const char *wanted = challenge->scope ? challenge->scope : "";
	const char *service = challenge->service ? challenge->service : "";
	CLEAN_FREE char *scopes = NULL;

	if (strlen(challenge->realm) + strlen(service) + strlen(wanted) > CHALLENGE_MAX)
		return s2c_fail(err, S2C_EPROTO,
			"'%s' names a token server, service and scope of more than %d "
			"bytes",
			auth->host, CHALLENGE_MAX);
	bool lacking = challenge->error && streq(challenge->error, "insufficient_scope");
	if (grant && grant->header && !grant->accepted && covers(grant->asked, wanted) &&
		(lacking || ++grant->refused == REFUSED_MAX))
		return refused(auth, "", 401, err);
	/* The scope that the registry names comes first: some servers read only one. */
	if (*wanted && !covers(scope, wanted))
		scopes = xasprintf("%s %s", wanted, scope);
	else
		scopes = xstrdup(scope);
	if (fetch_token(ctx, auth, http, challenge, scopes, &token, err) < 0)
		return -1;
	if (!grant)
		grant = make_grant(auth, scope);
	s2c_secret_free(grant->header);
	free(grant->asked);
	grant->header = xasprintf("Authorization: Bearer %s", token.value);
	grant->asked = TAKE(scopes);
	grant->expires = s2c_now_ms() +
			 1000 * ((int64_t)token.expires_in - EXPIRY_MARGIN);
	grant->accepted = false;
	return 0;
}

static int answer_challenge(struct s2c_ctx *ctx, struct s2c_auth *auth,
	struct s2c_http *http, const struct s2c_challenge *challenge, const char *scope,
	struct s2c_error **err)
{
	switch (challenge->scheme) {
	case S2C_AUTH_BEARER:
		return answer_bearer(ctx, auth, http, challenge, scope, err);
	case S2C_AUTH_BASIC:
		if (auth->basic || !auth->creds.username)
			return refused(auth, "", 401, err);
		auth->basic = basic_header(&auth->creds);
		return 0;
	case S2C_AUTH_NONE:
		break;
	}
	if (auth->basic || auth->n_grants)
		return refused(auth, "", 401, err);
	return s2c_fail_status(err, S2C_EAUTH, 401,
		"'%s' wants a kind of login that s2c does not know (only Basic and "
		"Bearer)",
		auth->host);
}

int s2c_auth_answer(struct s2c_ctx *ctx, struct s2c_auth *auth, struct s2c_http *http,
	const struct s2c_auth_refusal *refusal, struct s2c_error **err)
{
	static const char name[] = "www-authenticate: ";
	CLEAN(s2c_challenge_release) struct s2c_challenge challenge = {0};
	CLEAN_STRV struct s2c_strv values = S2C_STRV_INIT;
	int rc = 0;

	s2c_strv_foreach (line, &refusal->response->headers)
		if (starts_with(line, name))
			s2c_strv_add(&values, line + strlen(name));
	if (s2c_challenge_parse(&values, &challenge, err) < 0)
		return s2c_wrap(err, "'%s'", auth->host);
	s2c_monitor_enter(auth->lock);
	const char *header = current(auth, refusal->scope);
	/* Another thread may have answered the same while this one waited for its 401. */
	if (!header || (refusal->header && streq(header, refusal->header)))
		rc = answer_challenge(ctx, auth, http, &challenge, refusal->scope, err);
	s2c_monitor_leave(auth->lock);
	return rc;
}
