/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for credentials: a home of its own, an environment that names no other files,
 * and bin/ below the directory in PATH, for credential helpers. Include after helper.h.
 */
#ifndef S2C_TESTS_UNIT_PLACE_H
#define S2C_TESTS_UNIT_PLACE_H

#include <stdlib.h>

struct place {
	struct tmp *tmp;
	struct s2c_ctx *ctx;
	char *old_path;
};

/* Sets a variable to a path below the directory; NULL: unsets it. */
UNUSED static void set(const char *name, const struct tmp *tmp, const char *below)
{
	CLEAN_FREE char *value = below ? xasprintf("%s/%s", tmp->path, below) : NULL;

	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

UNUSED static int place_setup(void **state)
{
	static const char *const others[] = {"DOCKER_CONFIG", "REGISTRY_AUTH_FILE",
		"XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"};
	struct place *place = xcalloc(1, sizeof(*place));
	CLEAN_FREE char *path = NULL;

	if (tmp_setup((void **)&place->tmp) < 0)
		return -1;
	place->ctx = quiet_ctx();
	place->old_path = xstrdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	path = xasprintf("%s/bin:%s", place->tmp->path, place->old_path);
	setenv("PATH", path, 1);
	set("HOME", place->tmp, "home");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		unsetenv(others[i]);
	*state = place;
	return 0;
}

UNUSED static int place_teardown(void **state)
{
	struct place *place = *state;
	void *tmp = place->tmp;
	int rc;

	setenv("PATH", place->old_path, 1);
	s2c_ctx_free(place->ctx);
	rc = tmp_teardown(&tmp);
	free(place->old_path);
	free(place);
	return rc;
}

#define place_test(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

#endif
