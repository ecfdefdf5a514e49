/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the host that containers may see counts only if it is root's alone. */
#include "helper.h"

#include <sys/stat.h>

#include "gate/hosts.h"

#define TEXT "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

/* By the longer way: each part of the path on its own. */
static bool is_roots(const char *path)
{
	CLEAN_FREE char *part = xstrdup(path);

	for (;;) {
		char *slash = strrchr(part, '/');
		struct stat st;

		assert_int_equal(lstat(*part ? part : "/", &st), 0);
		if (S_ISLNK(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022))
			return false;
		if (!slash)
			return true;
		*slash = '\0';
	}
}

/* The one that is installed; whether it counts where it is depends on who built this. */
static void test_the_installed_one(void **state)
{
	const char *source = getenv("S2C_SOURCE");

	assert_non_null(source);
	CLEAN_FREE char *path = xasprintf("%s/src/gate/hosts", source);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1024);
	assert_ok(s2c_fs_read_file(AT_FDCWD, path, &text, &terr));
	assert_string_equal(s2c_buf_str(&text), TEXT);
	assert_int_equal(s2c_gate_hosts_count(path), is_roots(path));
}

static void test_others_do_not_count(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_FREE char *file = xasprintf("%s/hosts", tmp->path);
	const char *const odd[] = {"", "/", "hosts", "./hosts", "//etc/hosts",
		"/etc//hosts", "/etc/./hosts", "/etc/../etc/hosts", "/etc/", "/etc",
		"/dev/null", "/etc/passwd", "/no/such/file", "/proc/self/environ"};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		if (s2c_gate_hosts_count(odd[i]))
			fail_msg("'%s' counts", odd[i]);
	/* Where others may put files, one with the right text is nothing. */
	tmp_write(tmp, "hosts", TEXT);
	assert_int_equal(s2c_gate_hosts_count(file), is_roots(file));
	tmp_write(tmp, "hosts", TEXT "192.0.2.1 registry.example\n");
	assert_false(s2c_gate_hosts_count(file));
	tmp_write(tmp, "hosts", "");
	assert_false(s2c_gate_hosts_count(file));
}

static void test_the_variable(void **state)
{
	assert_int_equal(setenv(S2C_GATE_HOSTS_VARIABLE, "/etc/passwd", 1), 0);
	assert_null(s2c_gate_hosts());
	assert_int_equal(unsetenv(S2C_GATE_HOSTS_VARIABLE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_installed_one),
		cmocka_unit_test_setup_teardown(
			test_others_do_not_count, tmp_setup, tmp_teardown),
		cmocka_unit_test(test_the_variable),
	};

	return cmocka_run_group_tests_name("gate_hosts", tests, NULL, NULL);
}
