/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as source argument. What is handed to git must not read as an option, another
 * transport or a second line, and must not hold the credentials.
 */
#include <stdint.h>

#include "source/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *input = xstrndup((const char *)data, size);
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_SPEC struct s2c_spec spec = {0};

	if (s2c_spec_parse(input, &spec, &err) < 0) {
		require(err && !spec.address);
		return 0;
	}
	require(spec.address && spec.scheme);
	require(!spec.ref || s2c_spec_check_ref(spec.ref, "ref", &err) == 0);
	if (spec.form == S2C_SPEC_URL || spec.form == S2C_SPEC_SCP) {
		require(*spec.address != '-');
		for (const char *p = spec.address; *p; p++)
			require((unsigned char)*p > ' ' && *p != 0x7f);
	}
	if (spec.form == S2C_SPEC_URL) {
		const char *host = strstr(spec.address, "://") + 3;
		size_t len = strcspn(host, "/");

		require(starts_with(spec.address, spec.scheme));
		require(*host != '-' && len > 0 && host[len] == '/');
		/* Only ssh keeps a login name. */
		require(!memchr(host, '@', len) || streq(spec.scheme, "ssh"));
	}
	return 0;
}
