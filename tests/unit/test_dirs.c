/* SPDX-License-Identifier: Apache-2.0 */
/* Where configuration is, by environment and in a user namespace. */
#include "helper.h"

#include <sched.h>

#include "registry/dirs.h"
#include "sandbox.h"

static void put(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void test_config_home(void **state)
{
	static const struct {
		const char *xdg, *home, *want;
	} rows[] = {
		{"/xdg", "/home/me", "/xdg"},
		{"", "/home/me", "/home/me/.config"},
		{NULL, "/home/me", "/home/me/.config"},
		{"relative", "/home/me", "/home/me/.config"},
		{"/xdg", NULL, "/xdg"},
		{NULL, NULL, NULL},
		{"relative", "", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *found = NULL;

		put("XDG_CONFIG_HOME", rows[i].xdg);
		put("HOME", rows[i].home);
		found = s2c_config_home();
		assert_string_equal(
			found ? found : "-", rows[i].want ? rows[i].want : "-");
	}
}

static bool write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
	       close(fd) == 0;
}

/* Root inside, somebody else outside. */
static int as_root_inside(void *arg)
{
	unsigned uid = geteuid() ? (unsigned)geteuid() : 65534;
	CLEAN_FREE char *map = xasprintf("0 %u 1\n", uid);

	(void)arg;
	if (geteuid() == 0 && setuid(uid) < 0)
		return SANDBOX_SKIP;
	/* Changing the id made /proc/self root's. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER) < 0 ||
		!write_to("/proc/self/uid_map", map))
		return SANDBOX_SKIP;
	if (geteuid() != 0)
		return 1;
	return s2c_outer_uid() == uid ? 0 : 2;
}

static void test_outer_uid(void **state)
{
	int status = in_child(as_root_inside, NULL);

	if (status == SANDBOX_SKIP)
		skip_because("no user namespaces here");
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_home),
		cmocka_unit_test(test_outer_uid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
