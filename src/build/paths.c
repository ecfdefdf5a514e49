/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking and folding of paths inside a container.
 */
#include "build/paths.h"

#include "codec/entry.h"
#include "util/escape.h"

int s2c_inner_path(const char *text, char **out, struct s2c_error **err)
{
	CLEAN_FREE char *rel = NULL;
	size_t len = strlen(text);

	if (*text != '/')
		return s2c_fail(err, S2C_EINVAL, "'%s' is no absolute path", text);
	if (len > S2C_INNER_PATH_MAX)
		return s2c_fail(err, S2C_EINVAL, "a path of %zu bytes is too long", len);
	if (!s2c_utf8_valid(text, len))
		return s2c_fail(err, S2C_EINVAL, "path '%s' is not valid UTF-8", text);
	if (s2c_entry_normalize_path(text, true, &rel, err) < 0)
		return -1;
	*out = xasprintf("/%s", streq(rel, ".") ? "" : rel);
	return 0;
}

/* Appends the parts of `path` to an absolute one; *len is its length so far. */
static void append_parts(char *out, size_t *len, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (*len > 0 && out[--*len] != '/')
				;
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			out[(*len)++] = '/';
			memcpy(out + *len, path, n);
			*len += n;
		}
		path += n + (path[n] == '/');
	}
}

char *s2c_inner_join(const char *base, const char *path)
{
	char *out = xmalloc(strlen(base) + strlen(path) + 3);
	size_t len = 0;

	if (*path != '/')
		append_parts(out, &len, base);
	append_parts(out, &len, path);
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

bool s2c_inner_path_is_kernels(const char *path)
{
	static const char *const tops[] = {"/proc", "/sys", "/dev"};

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		size_t len = strlen(tops[i]);

		if (strncmp(path, tops[i], len) == 0 && (!path[len] || path[len] == '/'))
			return true;
	}
	return false;
}

int s2c_inner_workdir(const char *workdir, char **out, struct s2c_error **err)
{
	CLEAN_FREE char *absolute = xasprintf("/%s", workdir);
	CLEAN_FREE char *path = NULL;

	if (s2c_inner_path(absolute, &path, err) < 0)
		return s2c_wrap(err, "WORKDIR of the image");
	if (s2c_inner_path_is_kernels(path))
		return s2c_fail(err, S2C_EINVAL,
			"WORKDIR '%s' of the image lies in a file system of the kernel; "
			"nothing can be built or run there",
			path);
	*out = TAKE(path);
	return 0;
}
