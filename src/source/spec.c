/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing source arguments. Characters are allowed, not forbidden: a host has letters,
 * digits, dots and dashes, and everything else is an error before git hears of it.
 */
#include "source/spec.h"

#include <string.h>

#include "source/source.h"
#include "util/buf.h"

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define SCHEMES "https, http, ssh, git, file"

/* What each scheme may carry. */
struct scheme {
	const char *name;
	enum s2c_spec_form form;
	bool login;  /* "user@" is a login name, no secret */
	bool secret; /* "user:password@" */
};

static const struct scheme schemes[] = {
	{.name = "https", .form = S2C_SPEC_URL, .secret = true},
	{.name = "http", .form = S2C_SPEC_URL, .secret = true},
	{.name = "ssh", .form = S2C_SPEC_URL, .login = true},
	{.name = "git", .form = S2C_SPEC_URL},
	{.name = "file", .form = S2C_SPEC_PATH},
};

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static bool only_of(const char *s, size_t len, const char *allowed)
{
	for (size_t i = 0; i < len; i++) {
		if (!s[i] || !strchr(allowed, s[i]))
			return false;
	}
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX; NULL for malformed escapes and for control characters that come out. */
static char *percent_decode(const char *s, size_t len)
{
	CLEAN_FREE char *out = xmalloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '%') {
			int hi = i + 2 < len ? hex_value(s[i + 1]) : -1;
			int lo = i + 2 < len ? hex_value(s[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return NULL;
			c = (unsigned char)(hi * 16 + lo);
			i += 2;
		}
		if (is_control(c))
			return NULL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return TAKE(out);
}

/* "git@github.com:x" and "https://host/x" without what may be secret: for messages. */
static char *shown(const char *text)
{
	const char *slashes = strstr(text, "://");
	const char *authority = slashes ? slashes + 3 : text;
	size_t len = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', len);

	if (!at)
		return xstrdup(text);
	return xasprintf("%.*s%s", (int)(authority - text), text, at + 1);
}

int s2c_spec_check_ref(const char *ref, const char *origin, struct s2c_error **err)
{
	size_t len = strlen(ref);
	const char *wrong = NULL;

	if (len == 0)
		return s2c_fail(err, S2C_EINVAL, "%s is empty", origin);
	if (len > S2C_SOURCE_REF_MAX)
		return s2c_fail(err, S2C_EINVAL, "%s is longer than %d bytes", origin,
			S2C_SOURCE_REF_MAX);
	if (*ref == '-')
		wrong = "it begins with '-'";
	else if (*ref == '/' || ref[len - 1] == '/' || strstr(ref, "//"))
		wrong = "it has an empty part";
	else if (*ref == '.' || strstr(ref, "/.") || ref[len - 1] == '.')
		wrong = "a part of it begins, or all of it ends, with '.'";
	else if (strstr(ref, ".."))
		wrong = "it contains '..'";
	else if (strstr(ref, "@{") || streq(ref, "@"))
		wrong = "it is a revision expression";
	else if (strpbrk(ref, " ~^:?*[\\"))
		wrong = "it contains one of ' ~^:?*[\\'";
	for (const char *p = ref; *p && !wrong; p++) {
		if (is_control((unsigned char)*p))
			wrong = "it contains a control character";
		if (starts_with(p, ".lock") && (p[5] == '/' || !p[5]))
			wrong = "a part of it ends with '.lock'";
	}
	if (wrong)
		return s2c_fail(err, S2C_EINVAL,
			"%s '%s' is no branch, tag or commit id: %s", origin, ref, wrong);
	return 0;
}

/* Cuts "#ref[:subdir]" off; returns the length of what is before it. */
static int take_fragment(
	const char *text, struct s2c_spec *spec, size_t *out_len, struct s2c_error **err)
{
	const char *hash = strchr(text, '#');
	const char *colon = NULL;

	*out_len = hash ? (size_t)(hash - text) : strlen(text);
	if (!hash || !hash[1])
		return 0;
	colon = strchr(hash, ':');
	if (colon && colon[1])
		spec->subdir = xstrdup(colon + 1);
	if (colon == hash + 1)
		return 0;
	spec->ref = colon ? xstrndup(hash + 1, (size_t)(colon - hash - 1))
			  : xstrdup(hash + 1);
	return s2c_spec_check_ref(spec->ref, "the ref after '#'", err);
}

/* "host", "host:port" or "[ipv6]:port". */
static bool host_ok(const char *s, size_t len, bool port)
{
	size_t n = 0;

	if (len == 0 || *s == '-' || *s == '.')
		return false;
	if (*s == '[') {
		const char *end = memchr(s, ']', len);

		if (!end || !only_of(s + 1, (size_t)(end - s - 1),
				    "0123456789abcdefABCDEF:."))
			return false;
		n = (size_t)(end - s) + 1;
	} else {
		const char *colon = memchr(s, ':', len);

		n = colon ? (size_t)(colon - s) : len;
		if (n == 0 || !only_of(s, n, ALNUM ".-_"))
			return false;
	}
	if (n == len)
		return true;
	return port && s[n] == ':' && len - n > 1 && len - n <= 6 &&
	       only_of(s + n + 1, len - n - 1, "0123456789");
}

static bool login_ok(const char *s, size_t len)
{
	return len > 0 && *s != '-' && only_of(s, len, ALNUM "._-+~");
}

/* userinfo of `len` bytes; gives the login to keep in the address. */
static int take_userinfo(const struct scheme *scheme, const char *s, size_t len,
	struct s2c_spec *spec, struct s2c_error **err)
{
	if (scheme->secret) {
		spec->userinfo = percent_decode(s, len);
		if (!spec->userinfo)
			return s2c_fail(err, S2C_EINVAL,
				"the credentials in the %s URL are not percent-encoded",
				scheme->name);
		return 0;
	}
	if (!scheme->login)
		return s2c_fail(
			err, S2C_EINVAL, "a %s URL cannot carry a user", scheme->name);
	if (memchr(s, ':', len))
		return s2c_fail(
			err, S2C_EINVAL, "an ssh URL cannot carry a password: use a key");
	if (!login_ok(s, len))
		return s2c_fail(err, S2C_EINVAL, "the user in the ssh URL is malformed");
	return 0;
}

/* What follows "scheme://" of a URL for git. */
static int parse_url(const struct scheme *scheme, const char *rest, size_t len,
	struct s2c_spec *spec, struct s2c_error **err)
{
	const char *end = rest + len;
	const char *path = memchr(rest, '/', len);
	const char *host = rest;
	const char *at = NULL;
	CLEAN_FREE char *decoded = NULL;

	if (!path || path + 1 == end)
		return s2c_fail(err, S2C_EINVAL, "the %s URL has no path", scheme->name);
	at = memrchr(rest, '@', (size_t)(path - rest));
	if (at) {
		host = at + 1;
		if (take_userinfo(scheme, rest, (size_t)(at - rest), spec, err) < 0)
			return -1;
	}
	if (!host_ok(host, (size_t)(path - host), true))
		return s2c_fail(err, S2C_EINVAL,
			"the host '%.*s' in the %s URL is malformed", (int)(path - host),
			host, scheme->name);
	if (memchr(path, '?', (size_t)(end - path)))
		return s2c_fail(err, S2C_EINVAL,
			"the %s URL has a query, which git cannot use", scheme->name);
	decoded = percent_decode(path, (size_t)(end - path));
	if (!decoded)
		return s2c_fail(err, S2C_EINVAL,
			"the path of the %s URL has a malformed escape or hides a "
			"control "
			"character",
			scheme->name);
	if (scheme->login && at)
		host = rest;
	spec->address = xasprintf("%s://%.*s", scheme->name, (int)(end - host), host);
	return 0;
}

/* "file:///path", "file://localhost/path", "file:/path". */
static int parse_file_url(
	const char *rest, size_t len, struct s2c_spec *spec, struct s2c_error **err)
{
	if (starts_with(rest, "//")) {
		const char *path = memchr(rest + 2, '/', len - 2);
		size_t host = path ? (size_t)(path - rest - 2) : 0;

		if (!path ||
			(host > 0 && !(host == 9 && starts_with(rest + 2, "localhost"))))
			return s2c_fail(err, S2C_EINVAL,
				"a file URL names a path of this host: write "
				"'file:///absolute/path'");
		len -= (size_t)(path - rest);
		rest = path;
	}
	if (*rest != '/')
		return s2c_fail(err, S2C_EINVAL,
			"a file URL needs an absolute path: write "
			"'file:///absolute/path'");
	spec->address = percent_decode(rest, len);
	if (!spec->address)
		return s2c_fail(err, S2C_EINVAL,
			"the file URL has a malformed escape or hides a control "
			"character");
	return 0;
}

static const struct scheme *find_scheme(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strlen(schemes[i].name) == len &&
			strncasecmp(schemes[i].name, name, len) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* "[user@]host:path", the colon before any slash. */
static int parse_scp(const char *text, size_t len, size_t colon, struct s2c_spec *spec,
	struct s2c_error **err)
{
	const char *at = memrchr(text, '@', colon);
	const char *host = at ? at + 1 : text;
	const char *path = text + colon + 1;

	spec->form = S2C_SPEC_SCP;
	spec->scheme = "ssh";
	if (at && !login_ok(text, (size_t)(at - text)))
		return s2c_fail(err, S2C_EINVAL,
			"the user in a source of the form 'user@host:path' is malformed");
	if (!host_ok(host, (size_t)(text + colon - host), false))
		return s2c_fail(err, S2C_EINVAL,
			"the host '%.*s' in a source of the form 'user@host:path' is "
			"malformed",
			(int)(text + colon - host), host);
	if (path == text + len || *path == '-')
		return s2c_fail(err, S2C_EINVAL,
			"the path in a source of the form 'user@host:path' is %s",
			path == text + len ? "empty" : "an option");
	spec->address = xstrndup(text, len);
	return 0;
}

static int parse_address(
	const char *text, size_t len, struct s2c_spec *spec, struct s2c_error **err)
{
	size_t word = strspn(text, ALNUM "+.-");
	const char *rest = text + word + 1;
	size_t colon = strcspn(text, ":/[");
	CLEAN_FREE char *safe = shown(text);

	if (word > 0 && word < len && starts_with(text + word, "::"))
		return s2c_fail(err, S2C_EINVAL,
			"git transport '%.*s::' is not allowed: use one of " SCHEMES,
			(int)word, text);
	if (word > 0 && word < len && text[word] == ':') {
		const struct scheme *scheme = find_scheme(text, word);
		size_t left = len - word - 1;

		if (!scheme && starts_with(rest, "//"))
			return s2c_fail(err, S2C_EINVAL,
				"source '%s': scheme '%.*s' is not known: use one "
				"of " SCHEMES,
				safe, (int)word, text);
		if (scheme && scheme->form == S2C_SPEC_PATH) {
			spec->scheme = scheme->name;
			return parse_file_url(rest, left, spec, err);
		}
		if (scheme && left >= 2 && starts_with(rest, "//")) {
			spec->form = scheme->form;
			spec->scheme = scheme->name;
			return parse_url(scheme, rest + 2, left - 2, spec, err);
		}
	}
	/* As git does: a colon before the first slash is a host, but not in "[::1]". */
	if (text[colon] == '[') {
		const char *end = strchr(text, ']');

		colon = end && end[1] == ':' ? (size_t)(end + 1 - text) : len;
	}
	if (colon < len && text[colon] == ':')
		return parse_scp(text, len, colon, spec, err);
	spec->scheme = "file";
	spec->address = xstrndup(text, len);
	return 0;
}

int s2c_spec_parse(const char *text, struct s2c_spec *out, struct s2c_error **err)
{
	CLEAN_SPEC struct s2c_spec spec = {.form = S2C_SPEC_PATH, .scheme = "file"};
	size_t len = 0;

	if (!text || !*text)
		return s2c_fail(err, S2C_EINVAL,
			"the source is empty: name a directory, a git URL, a tar file or "
			"'-'");
	if (strlen(text) > S2C_SOURCE_SPEC_MAX)
		return s2c_fail(err, S2C_EINVAL, "the source is longer than %d bytes",
			S2C_SOURCE_SPEC_MAX);
	if (streq(text, "-")) {
		spec.form = S2C_SPEC_STDIN;
		spec.scheme = "";
		spec.address = xstrdup(text);
	} else {
		if (*text == '-')
			return s2c_fail(err, S2C_EINVAL,
				"source '%s' begins with '-': write './%s' if it is a "
				"path",
				text, text);
		if (take_fragment(text, &spec, &len, err) < 0 ||
			parse_address(text, len, &spec, err) < 0)
			return -1;
	}
	for (const char *p = text; *p && spec.form != S2C_SPEC_PATH; p++) {
		if (is_control((unsigned char)*p) || *p == ' ')
			return s2c_fail(err, S2C_EINVAL,
				"the source URL holds a blank or control character");
	}
	*out = spec;
	spec = (struct s2c_spec){0};
	return 0;
}

void s2c_spec_release(struct s2c_spec *spec)
{
	free(spec->address);
	s2c_secret_free(spec->userinfo);
	free(spec->ref);
	free(spec->subdir);
	*spec = (struct s2c_spec){0};
}
