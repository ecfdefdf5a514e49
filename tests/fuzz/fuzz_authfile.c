/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an auth file, and the same bytes as a token response. What is accepted
 * must be whole: no password without a user, no helper name that could be a path.
 */
#include <stdint.h>

#include "registry/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_file(const char *text, size_t size, const char *registry)
{
	CLEAN(s2c_authfile_entry_release)
	struct s2c_authfile_entry entry = {.helper = NULL};
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_authfile_parse(text, size, registry, "library/x", &entry, &err) < 0) {
		if (!err || entry.helper || entry.creds.username)
			abort();
		return;
	}
	if (entry.creds.password && !entry.creds.username)
		abort();
	if (entry.helper && (!*entry.helper || strpbrk(entry.helper, "/ \t\n;$`|&")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN(s2c_token_release) struct s2c_token token = {.value = NULL};
	const char *text = (const char *)data;

	try_file(text, size, "docker.io");
	try_file(text, size, "r.example:5000");
	if (s2c_token_parse(text, size, &token, NULL) == 0 &&
		(!*token.value || strpbrk(token.value, "\r\n ")))
		abort();
	return 0;
}
