/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as .gitmodules (as git lists it), and as the URL of a submodule: no path or
 * URL that is taken leaves the tree or the protocol.
 */
#include <stdint.h>

#include "source/git_modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_list(const char *text, size_t size)
{
	CLEAN_GIT_MODULES struct s2c_git_modules found = {0};
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (s2c_git_modules_parse(text, size, &found, &err) < 0) {
		if (!err || found.n)
			abort();
		return;
	}
	for (size_t i = 0; i < found.n; i++) {
		const char *path = found.items[i].path;

		if (!*path || *path == '/' || *path == '-' || starts_with(path, "../") ||
			strstr(path, "/../") || strstr(path, ".git/"))
			abort();
	}
}

static void try_url(const char *text)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *url = NULL;

	if (s2c_git_module_url("https://host/a/b", text, &url, &err) < 0) {
		if (!err || url)
			abort();
		return;
	}
	if (!starts_with(url, "https://"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *text = xstrndup((const char *)data, size);

	/* A buffer ends with a NUL, as the one that git's words go to. */
	try_list(text, strlen(text));
	CLEAN_FREE char *whole = xmalloc(size + 1);

	memcpy(whole, data, size);
	whole[size] = '\0';
	try_list(whole, size);
	try_url(text);
	return 0;
}
