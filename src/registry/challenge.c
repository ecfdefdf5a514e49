/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WWW-Authenticate (RFC 9110 section 11.6.1) and where a realm may point. Pure. The
 * grammar of the field is ambiguous at commas, which separate both challenges and
 * parameters: a name followed by '=' is a parameter of the challenge before it, all else
 * starts one.
 */
#include <ctype.h>
#include <strings.h>

#include "http/url.h"
#include "registry/auth.h"

#define CHALLENGES_MAX 16

void s2c_challenge_release(struct s2c_challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	free(challenge->error);
	*challenge = (struct s2c_challenge){0};
}

static bool is_token(unsigned char c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static int bad(const char *why, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO, "malformed WWW-Authenticate header: %s", why);
}

/* A quoted-string at *pp; caller frees *out. */
static int take_quoted(const char **pp, char **out, struct s2c_error **err)
{
	const char *p = *pp + 1;
	CLEAN_FREE char *text = xmalloc(strlen(p) + 1);
	size_t n = 0;

	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (!*p)
			return bad("a quote is not closed", err);
		if ((unsigned char)*p < 0x20 && *p != '\t')
			return bad("a control character", err);
		text[n++] = *p;
	}
	text[n] = '\0';
	*pp = p + 1;
	*out = TAKE(text);
	return 0;
}

/*
 * A parameter's value at *pp. Unquoted ones may hold more than a token's characters:
 * registries send `realm=https://...` bare.
 */
static int take_value(const char **pp, char **out, struct s2c_error **err)
{
	const char *p = *pp;

	if (*p == '"')
		return take_quoted(pp, out, err);
	while ((unsigned char)*p > 0x20 && *p != 0x7f && *p != ',' && *p != '"')
		p++;
	if (p == *pp)
		return bad("a parameter without value", err);
	if (*p == '"')
		return bad("a quote inside of a value", err);
	*out = xstrndup(*pp, (size_t)(p - *pp));
	*pp = p;
	return 0;
}

static char **slot_of(struct s2c_challenge *c, const char *name, size_t len)
{
	const struct {
		const char *name;
		char **slot;
	} slots[] = {
		{"realm", &c->realm},
		{"service", &c->service},
		{"scope", &c->scope},
		{"error", &c->error},
	};

	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		if (strlen(slots[i].name) == len &&
			strncasecmp(name, slots[i].name, len) == 0)
			return slots[i].slot;
	return NULL;
}

/* The parameters after a scheme, up to the next challenge or the end. */
static int take_params(const char **pp, struct s2c_challenge *c, struct s2c_error **err)
{
	const char *p = *pp;

	for (;;) {
		while (*p == ',' || *p == ' ' || *p == '\t')
			p++;
		const char *name = p;
		while (is_token((unsigned char)*p))
			p++;
		size_t len = (size_t)(p - name);
		p = skip_blanks(p);
		if (len == 0 || *p != '=') {
			*pp = name; /* the end, a new scheme, or what take_one refuses */
			return 0;
		}
		p = skip_blanks(p + 1);
		CLEAN_FREE char *value = NULL;
		if (take_value(&p, &value, err) < 0)
			return -1;
		p = skip_blanks(p);
		if (*p && *p != ',')
			return bad("something after a value", err);
		char **slot = slot_of(c, name, len);
		if (slot && *slot)
			return bad("a parameter is given twice", err);
		if (slot)
			*slot = TAKE(value);
	}
}

/* Skips token68 credentials ("Negotiate abc=="): no parameter has a value that is '='. */
static const char *skip_token68(const char *p)
{
	const char *q = p;

	while (isalnum((unsigned char)*q) || (*q && strchr("-._~+/", *q)))
		q++;
	if (q == p)
		return p;
	while (*q == '=')
		q++;
	const char *after = skip_blanks(q);
	return *after == '\0' || *after == ',' ? after : p;
}

/* One challenge at *pp, which is not at the end. */
static int take_one(const char **pp, struct s2c_challenge *c, struct s2c_error **err)
{
	const char *p = *pp, *scheme = p;

	while (is_token((unsigned char)*p))
		p++;
	size_t len = (size_t)(p - scheme);
	if (len == 0)
		return bad("no scheme where one is due", err);
	if (*p && *p != ' ' && *p != '\t' && *p != ',')
		return bad("a bad character after a scheme", err);
	if (len == 6 && strncasecmp(scheme, "Bearer", len) == 0)
		c->scheme = S2C_AUTH_BEARER;
	else if (len == 5 && strncasecmp(scheme, "Basic", len) == 0)
		c->scheme = S2C_AUTH_BASIC;
	p = skip_blanks(p);
	if (c->scheme == S2C_AUTH_NONE)
		p = skip_token68(p);
	*pp = p;
	return take_params(pp, c, err);
}

int s2c_challenge_parse(
	const struct s2c_strv *values, struct s2c_challenge *out, struct s2c_error **err)
{
	CLEAN(s2c_challenge_release) struct s2c_challenge best = {0};
	unsigned seen = 0;

	s2c_strv_foreach (value, values) {
		const char *p = value;
		for (;;) {
			CLEAN(s2c_challenge_release) struct s2c_challenge one = {0};
			while (*p == ',' || *p == ' ' || *p == '\t')
				p++;
			if (!*p || seen == CHALLENGES_MAX)
				break;
			seen++;
			if (take_one(&p, &one, err) < 0)
				return -1;
			/* Nobody can answer a Bearer challenge that names no token
			 * server. */
			if (one.scheme == S2C_AUTH_BEARER && !one.realm)
				continue;
			if (one.scheme <= best.scheme)
				continue;
			struct s2c_challenge old = best;
			best = one;
			one = old;
		}
	}
	*out = best;
	best = (struct s2c_challenge){0};
	return 0;
}

int s2c_realm_check(const char *realm, const char *registry_url, struct s2c_error **err)
{
	struct s2c_url to, registry;
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_url_parse(registry_url, &registry, err) < 0)
		return -1;
	if (s2c_url_parse(realm, &to, &cause) < 0)
		return s2c_fail(err, S2C_EPROTO, "token server of '%s': %s",
			registry.host, s2c_error_message(cause));
	if (to.has_userinfo)
		return s2c_fail(err, S2C_EPROTO,
			"token server of '%s': its URL holds credentials", registry.host);
	if (!to.https && registry.https)
		return s2c_fail(err, S2C_EPROTO,
			"token server of '%s': '%s' is on plain http, credentials do not "
			"go there",
			registry.host, to.host);
	enum s2c_host_kind kind = s2c_host_kind(to.host);
	if ((kind == S2C_HOST_LOOPBACK || kind == S2C_HOST_PRIVATE) &&
		!streq(to.host, registry.host))
		return s2c_fail(err, S2C_EPROTO,
			"token server of '%s': '%s' is a private address, credentials do "
			"not go "
			"there",
			registry.host, to.host);
	return 0;
}
