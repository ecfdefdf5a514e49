/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing, comparing, resolving and redacting URLs. No curl here, no I/O, no name lookup.
 */
#include "http/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <strings.h>

#include "http/client.h"

/* Length of "scheme:" at the start of `text`, or 0. */
static size_t scheme_len(const char *text)
{
	size_t i = 0;

	if (!isalpha((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[i]) || (text[i] && strchr("+-.", text[i])))
		i++;
	return text[i] == ':' ? i + 1 : 0;
}

char *s2c_http_redact(const char *url)
{
	struct s2c_buf out = S2C_BUF_INIT(SIZE_MAX / 2);
	size_t scheme = scheme_len(url);
	const char *p = url;

	if (scheme && starts_with(url + scheme, "//")) {
		const char *authority = url + scheme + 2;
		size_t len = strcspn(authority, "/?#");
		const char *at = memrchr(authority, '@', len);

		s2c_buf_must_printf(&out, "%.*s", (int)(authority - url), url);
		if (at)
			len -= (size_t)(at + 1 - authority);
		p = at ? at + 1 : authority;
		s2c_buf_must_printf(&out, "%.*s", (int)len, p);
		p += len;
	}
	size_t path = strcspn(p, "?#");
	s2c_buf_must_printf(&out, "%.*s", (int)path, p);
	p += path;
	/* Names of parameters tell what was asked; their values may be credentials. */
	if (*p == '?') {
		const char *sep = "?";
		p++;
		while (*p && *p != '#') {
			size_t pair = strcspn(p, "&#");
			const char *eq = memchr(p, '=', pair);
			if (eq)
				s2c_buf_must_printf(
					&out, "%s%.*s=...", sep, (int)(eq - p), p);
			else
				s2c_buf_must_printf(&out, "%s...", sep);
			sep = "&";
			p += pair;
			if (*p == '&')
				p++;
		}
	}
	return s2c_buf_take(&out);
}

static int bad(const char *text, const char *why, struct s2c_error **err)
{
	CLEAN_FREE char *shown = s2c_http_redact(text);

	return s2c_fail(err, S2C_EINVAL, "URL '%s': %s", shown, why);
}

static bool host_char(unsigned char c)
{
	return isalnum(c) || c == '.' || c == '-' || c == '_';
}

/* "host[:port]" of `len` bytes into *out. Returns why not, or NULL. */
static const char *parse_hostport(const char *s, size_t len, struct s2c_url *out)
{
	const char *end = s + len, *host = s, *host_end;
	struct in6_addr v6;

	if (len && *s == '[') {
		host_end = memchr(s, ']', len);
		if (!host_end)
			return "'[' without ']'";
		host = s + 1;
		s = host_end + 1;
		out->ipv6 = true;
	} else {
		while (s < end && host_char((unsigned char)*s))
			s++;
		host_end = s;
	}
	if (host_end == host)
		return "no host";
	if ((size_t)(host_end - host) > S2C_HTTP_HOST_MAX)
		return "the host is too long";
	for (size_t i = 0; host + i < host_end; i++)
		out->host[i] = (char)tolower((unsigned char)host[i]);
	out->host[host_end - host] = '\0';
	if (out->ipv6 && inet_pton(AF_INET6, out->host, &v6) != 1)
		return "bad IPv6 address";
	if (s == end)
		return NULL;
	if (*s != ':')
		return "bad character in the host";
	s++;
	if (s == end)
		return NULL; /* "host:" is the default port, RFC 3986 3.2.3 */
	unsigned port = 0;
	for (; s < end; s++) {
		if (!isdigit((unsigned char)*s))
			return "bad port";
		port = port * 10 + (unsigned)(*s - '0');
		if (port > 65535)
			return "bad port";
	}
	if (port == 0)
		return "bad port";
	out->port = (uint16_t)port;
	return NULL;
}

int s2c_url_parse(const char *text, struct s2c_url *out, struct s2c_error **err)
{
	struct s2c_url url = {0};
	size_t len = strlen(text);

	if (len > S2C_HTTP_URL_MAX)
		return s2c_fail(err, S2C_EINVAL, "URL of %zu bytes: more than %d", len,
			S2C_HTTP_URL_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\\\"<>", c))
			return bad(
				text, "it holds a character that no URL may have", err);
	}
	if (strchr(text, '#'))
		return bad(text, "it has a fragment", err);
	size_t skip;
	if (strncasecmp(text, "https://", 8) == 0) {
		url.https = true;
		skip = 8;
	} else if (strncasecmp(text, "http://", 7) == 0) {
		skip = 7;
	} else {
		return bad(text, "it is neither https nor http", err);
	}
	url.port = url.https ? 443 : 80;
	const char *authority = text + skip;
	size_t alen = strcspn(authority, "/?");
	url.rest = authority + alen;
	url.origin_len = skip + alen;
	const char *at = memrchr(authority, '@', alen);
	if (at) {
		url.has_userinfo = true;
		alen -= (size_t)(at + 1 - authority);
		authority = at + 1;
	}
	const char *why = parse_hostport(authority, alen, &url);
	if (why)
		return bad(text, why, err);
	*out = url;
	return 0;
}

bool s2c_http_same_origin(const char *a, const char *b)
{
	struct s2c_url ua, ub;

	if (s2c_url_parse(a, &ua, NULL) < 0 || s2c_url_parse(b, &ub, NULL) < 0)
		return false;
	return ua.https == ub.https && ua.port == ub.port && streq(ua.host, ub.host);
}

/* RFC 3986 5.2.4 on a path that starts with '/'; caller frees. */
static char *remove_dots(const char *path, size_t len)
{
	char *out = xmalloc(len + 2);
	size_t n = 0;
	const char *p = path, *end = path + len;

	while (p < end) {
		const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
		const char *next = slash ? slash : end;
		size_t seg = (size_t)(next - p) - 1;
		bool last = !slash;

		if (seg == 1 && p[1] == '.') {
			if (last)
				out[n++] = '/';
		} else if (seg == 2 && p[1] == '.' && p[2] == '.') {
			while (n > 0 && out[--n] != '/')
				;
			if (last)
				out[n++] = '/';
		} else {
			memcpy(out + n, p, seg + 1);
			n += seg + 1;
		}
		p = next;
	}
	out[n] = '\0';
	return out;
}

int s2c_http_resolve(
	const char *base, const char *location, char **out, struct s2c_error **err)
{
	struct s2c_url b, result;
	CLEAN_FREE char *url = NULL, *clean = NULL;
	size_t llen = strcspn(location, "#"); /* a fragment is not for the wire */

	if (s2c_url_parse(base, &b, err) < 0)
		return -1;
	if (llen == 0)
		return s2c_fail(err, S2C_EPROTO, "empty Location in an answer");
	if (llen > S2C_HTTP_URL_MAX)
		return s2c_fail(
			err, S2C_EPROTO, "Location of %zu bytes in an answer", llen);
	int n = (int)llen, origin = (int)b.origin_len;
	if (scheme_len(location)) {
		url = xasprintf("%.*s", n, location);
	} else if (starts_with(location, "//")) {
		url = xasprintf("%s:%.*s", b.https ? "https" : "http", n, location);
	} else if (location[0] == '/') {
		clean = remove_dots(location, strcspn(location, "?#"));
		size_t path = strcspn(location, "?#");
		url = xasprintf("%.*s%s%.*s", origin, base, clean, n - (int)path,
			location + path);
	} else if (location[0] == '?') {
		int path = (int)strcspn(b.rest, "?");
		url = xasprintf("%.*s%.*s%.*s", origin, base, path, b.rest, n, location);
	} else {
		size_t path = strcspn(b.rest, "?"), lpath = strcspn(location, "?#");
		const char *slash = memrchr(b.rest, '/', path);
		int dir = slash ? (int)(slash - b.rest) : 0;
		CLEAN_FREE char *joined = xasprintf(
			"%.*s/%.*s", dir, b.rest, (int)lpath, location);
		clean = remove_dots(joined, strlen(joined));
		url = xasprintf("%.*s%s%.*s", origin, base, clean, n - (int)lpath,
			location + lpath);
	}
	CLEAN_ERROR struct s2c_error *cause = NULL;
	if (s2c_url_parse(url, &result, &cause) < 0)
		return s2c_fail(err, S2C_EPROTO, "Location of an answer: %s",
			s2c_error_message(cause));
	if (result.has_userinfo)
		return s2c_fail(
			err, S2C_EPROTO, "Location of an answer holds credentials");
	*out = TAKE(url);
	return 0;
}

static enum s2c_host_kind ipv4_kind(uint32_t a)
{
	static const struct {
		uint32_t net, mask;
	} private[] = {
		{0x00000000, 0xff000000}, /* 0/8 this host */
		{0x0a000000, 0xff000000}, /* 10/8 */
		{0x64400000, 0xffc00000}, /* 100.64/10 carrier NAT */
		{0xa9fe0000, 0xffff0000}, /* 169.254/16 link-local, cloud metadata */
		{0xac100000, 0xfff00000}, /* 172.16/12 */
		{0xc0a80000, 0xffff0000}, /* 192.168/16 */
		{0xe0000000, 0xe0000000}, /* multicast, reserved, broadcast */
	};

	if ((a >> 24) == 127)
		return S2C_HOST_LOOPBACK;
	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		if ((a & private[i].mask) == private[i].net)
			return S2C_HOST_PRIVATE;
	return S2C_HOST_PUBLIC;
}

static enum s2c_host_kind ipv6_kind(const struct in6_addr *v6)
{
	static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
	const unsigned char *b = v6->s6_addr;

	if (IN6_IS_ADDR_LOOPBACK(v6))
		return S2C_HOST_LOOPBACK;
	if (IN6_IS_ADDR_UNSPECIFIED(v6) || (b[0] & 0xfe) == 0xfc || b[0] == 0xff ||
		(b[0] == 0xfe && (b[1] & 0x80)))
		return S2C_HOST_PRIVATE;
	if (IN6_IS_ADDR_V4MAPPED(v6) || IN6_IS_ADDR_V4COMPAT(v6) ||
		memcmp(b, nat64, sizeof(nat64)) == 0) {
		uint32_t a = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 |
			     (uint32_t)b[14] << 8 | b[15];
		return ipv4_kind(a) == S2C_HOST_PUBLIC ? S2C_HOST_PUBLIC
						       : S2C_HOST_PRIVATE;
	}
	return S2C_HOST_PUBLIC;
}

enum s2c_host_kind s2c_host_kind(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	size_t len = strlen(host);

	if (strcasecmp(host, "localhost") == 0)
		return S2C_HOST_LOOPBACK;
	if (strcasecmp(host, "localhost.") == 0 ||
		(len > 10 && strcasecmp(host + len - 10, ".localhost") == 0))
		return S2C_HOST_PRIVATE;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return ipv6_kind(&v6);
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ipv4_kind(ntohl(v4.s_addr));
	/* "127.1", "0x7f000001", "2130706433": the resolver reads these as addresses. */
	if (inet_aton(host, &v4))
		return S2C_HOST_PRIVATE;
	return S2C_HOST_NAME;
}
