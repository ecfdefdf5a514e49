/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups out of mountinfo text: version 1, version 2, both.
 */
#include "helper.h"

#include "runtime/cgroup.h"

#define V1(name)                                                                         \
	"40 30 0:35 / /sys/fs/cgroup/" name                                              \
	" rw,nosuid shared:9 - cgroup cgroup rw," name "\n"
#define V2(at) "26 25 0:23 / " at " rw,nosuid - cgroup2 cgroup2 rw\n"
#define OTHER "25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"

static void reads_mountinfo(void **state)
{
	static const struct {
		const char *text;
		size_t v1;
		const char *v2;
		bool hybrid;
	} rows[] = {
		{OTHER, 0, NULL, false},
		{"", 0, NULL, false},
		{OTHER V2("/sys/fs/cgroup"), 0, "/sys/fs/cgroup", false},
		{OTHER V1("pids") V1("memory"), 2, NULL, false},
		{V1("pids") V2("/sys/fs/cgroup/unified"), 1, "/sys/fs/cgroup/unified",
			true},
		/* The second one is a bind mount of the first. */
		{V2("/sys/fs/cgroup") V2("/mnt/x"), 0, "/sys/fs/cgroup", false},
		{V2("/mnt\\040x"), 0, NULL, false},
		{"40 30 0:35\n", 0, NULL, false},
		{"40 30 0:35 / /x rw - cgroup", 1, NULL, false},
		{"40 30 0:35 / /x rw -", 0, NULL, false},
		{" - cgroup cgroup rw\n", 0, NULL, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_cgroups_release) struct s2c_cgroups c;

		s2c_cgroups_parse(rows[i].text, &c);
		assert_int_equal(c.v1.len, rows[i].v1);
		if (rows[i].v2)
			assert_string_equal(c.v2, rows[i].v2);
		else
			assert_null(c.v2);
		assert_int_equal(s2c_cgroups_hybrid(&c), rows[i].hybrid);
		assert_false(c.usable);
	}
}

static void hierarchies_are_bounded(void **state)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 20);
	CLEAN(s2c_cgroups_release) struct s2c_cgroups c;

	for (int i = 0; i < 1000; i++)
		assert_ok(s2c_buf_puts(&text, V1("x"), &terr));
	s2c_cgroups_parse(s2c_buf_str(&text), &c);
	assert_int_equal(c.v1.len, S2C_CGROUP_HIERARCHIES_MAX);
}

static void names_the_groups(void **state)
{
	CLEAN(s2c_cgroups_release) struct s2c_cgroups old, new;
	CLEAN_STRV struct s2c_strv dirs = S2C_STRV_INIT;

	s2c_cgroups_parse(V1("pids") V2("/sys/fs/cgroup/unified"), &old);
	s2c_cgroups_parse(V2("/sys/fs/cgroup"), &new);
	s2c_cgroups_dirs(&old, "w-1", &dirs);
	s2c_cgroups_dirs(&new, "w-1", &dirs);
	assert_int_equal(dirs.len, 2);
	assert_string_equal(dirs.items[0], "/sys/fs/cgroup/pids/s2c-w-1");
	assert_string_equal(dirs.items[1], "/sys/fs/cgroup/s2c-w-1");
}

static void nobody_but_the_hosts_root_uses_them(void **state)
{
	CLEAN(s2c_cgroups_release) struct s2c_cgroups c;

	s2c_cgroups_probe(false, &c);
	assert_false(c.usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_mountinfo),
		cmocka_unit_test(hierarchies_are_bounded),
		cmocka_unit_test(names_the_groups),
		cmocka_unit_test(nobody_but_the_hosts_root_uses_them),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
