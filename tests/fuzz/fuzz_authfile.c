/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an auth file, and the same bytes as a token response. What is accepted
 * must be whole: no password without a user, no helper name that could be a path.
 */
#include <stdint.h>

#include "registry/auth.h"
#include "registry/authfile.h"

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

/* Logs in and out: what was written is found, and then it is not there any more. */
static void try_edit(const char *text, size_t size)
{
	static const struct s2c_credentials creds = {
		.username = (char *)"fuzz", .password = (char *)"secret"};
	struct s2c_authfile_change set = {"docker.io", NULL, &creds};
	struct s2c_authfile_change removal = {"docker.io", NULL, NULL};
	CLEAN(s2c_authfile_entry_release)
	struct s2c_authfile_entry entry = {.helper = NULL}, gone = {.helper = NULL};
	CLEAN(s2c_clean_secret) char *with = NULL;
	CLEAN(s2c_clean_secret) char *without = NULL;
	CLEAN_STRV struct s2c_strv helpers = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *err = NULL;

	(void)!s2c_authfile_helpers(text, size, &helpers, NULL);
	if (s2c_authfile_edit(text, size, &set, &with, &err) < 0) {
		if (!err || with)
			abort();
		return;
	}
	if (s2c_authfile_parse(with, strlen(with), "docker.io", NULL, &entry, NULL) < 0)
		return; /* a bad helper's name, which login leaves alone */
	if (!entry.creds.username || !streq(entry.creds.username, "fuzz"))
		abort();
	if (s2c_authfile_edit(with, strlen(with), &removal, &without, NULL) < 0 ||
		!without)
		abort();
	if (s2c_authfile_parse(without, strlen(without), "docker.io", NULL, &gone, NULL) <
			0 ||
		gone.creds.username || gone.creds.identity_token)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN(s2c_token_release) struct s2c_token token = {.value = NULL};
	const char *text = (const char *)data;

	try_file(text, size, "docker.io");
	try_file(text, size, "r.example:5000");
	try_edit(text, size);
	if (s2c_token_parse(text, size, &token, NULL) == 0 &&
		(!*token.value || strpbrk(token.value, "\r\n ")))
		abort();
	return 0;
}
