/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WWW-Authenticate values, one per line, into the challenge parser; what comes out as
 * realm into the realm check, which must never let an address of our own network pass.
 */
#include <stdint.h>

#include "http/url.h"
#include "registry/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_realm(const char *realm)
{
	struct s2c_url url;

	if (s2c_realm_check(realm, "https://registry.example", NULL) < 0)
		return;
	if (s2c_url_parse(realm, &url, NULL) < 0 || !url.https || url.has_userinfo ||
		s2c_host_kind(url.host) == S2C_HOST_LOOPBACK ||
		s2c_host_kind(url.host) == S2C_HOST_PRIVATE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN(s2c_challenge_release) struct s2c_challenge challenge = {.realm = NULL};
	CLEAN_STRV struct s2c_strv values = S2C_STRV_INIT;
	CLEAN_FREE char *text = xstrndup((const char *)data, size);
	CLEAN_ERROR struct s2c_error *err = NULL;

	for (char *line = text; line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		s2c_strv_add(&values, line);
		line = end;
	}
	if (s2c_challenge_parse(&values, &challenge, &err) < 0) {
		if (s2c_error_code(err) != S2C_EPROTO || challenge.realm)
			abort();
		return 0;
	}
	if (challenge.scheme == S2C_AUTH_BEARER && !challenge.realm)
		abort();
	if (challenge.realm)
		check_realm(challenge.realm);
	return 0;
}
