/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs as far as a registry client needs them: http and https, a host, a port, the rest.
 * Pure. The grammar is narrower than RFC 3986 on purpose: what is accepted here is read
 * the same way by every other parser, so a check made here holds for curl too.
 */
#ifndef S2C_HTTP_URL_H
#define S2C_HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define S2C_HTTP_HOST_MAX 255

struct s2c_url {
	bool https;
	bool has_userinfo;
	char host[S2C_HTTP_HOST_MAX + 1]; /* lower case, IPv6 without brackets */
	bool ipv6;
	uint16_t port;     /* given, or the scheme's */
	const char *rest;  /* "/path?query" or "" or "?query" inside the parsed text */
	size_t origin_len; /* bytes of the text before `rest` */
};

/*
 * Parses an absolute URL. S2C_EINVAL for anything that is not printable ASCII, another
 * scheme, a bad host or port, a fragment, or more than S2C_HTTP_URL_MAX bytes. Userinfo
 * is reported, not refused. The message quotes the URL redacted.
 */
S2C_CHECK int s2c_url_parse(
	const char *text, struct s2c_url *out, struct s2c_error **err);

enum s2c_host_kind {
	S2C_HOST_NAME,     /* a DNS name; what it resolves to is not looked at */
	S2C_HOST_LOOPBACK, /* "localhost", 127.0.0.0/8 or ::1, written the plain way */
	S2C_HOST_PRIVATE,  /* other literals that never are a public server, odd spellings
			    */
	S2C_HOST_PUBLIC,   /* any other address literal */
};

/* What kind of host this is, `host` being without brackets and port. */
enum s2c_host_kind s2c_host_kind(const char *host);

#endif
