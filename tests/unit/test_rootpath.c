/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where paths of an image lead: symlinks of every kind, missing ends, ways out.
 */
#include "helper.h"

#include "runtime/rootpath.h"

static void link_to(const struct tmp *tmp, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, tmp->fd, name), 0);
}

static void resolves_as_in_a_chroot(void **state)
{
	static const struct {
		const char *path, *expect;
		bool exists;
	} rows[] = {
		{"/", "/", true},
		{"/a/b", "/a/b", true},
		{"//a/./b/", "/a/b", true},
		{"/a/../a/b", "/a/b", true},
		{"/../../a", "/a", true},
		{"/abs/b", "/a/b", true},
		{"/rel", "/a/b", true},
		{"/out", "/etc", false},
		{"/out2/x", "/x", false},
		{"/chain", "/a/b", true},
		{"/dangling/x", "/none/there/x", false},
		{"/none/../a", "/a", false},
		{"/file/x", "/file/x", false},
		{"/file", "/file", true},
	};
	struct tmp *tmp = *state;

	tmp_write(tmp, "a/b/c", "");
	tmp_write(tmp, "file", "");
	link_to(tmp, "/a", "abs");
	link_to(tmp, "./a/b", "rel");
	link_to(tmp, "../../../etc", "out");
	link_to(tmp, "/..", "out2");
	link_to(tmp, "abs/../rel", "chain");
	link_to(tmp, "/none/there", "dangling");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *got = NULL;
		bool exists;

		assert_ok(s2c_rootpath_resolve(
			tmp->fd, rows[i].path, &got, &exists, &terr));
		assert_string_equal(got, rows[i].expect);
		if (exists != rows[i].exists)
			fail_msg("%s: exists is wrong", rows[i].path);
	}
}

static void refuses_loops_and_relative_paths(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_FREE char *huge = xcalloc(1, 5000);
	char *got;

	link_to(tmp, "loop", "loop");
	memset(huge, '/', 4999);
	assert_fails(s2c_rootpath_resolve(tmp->fd, "/loop/x", &got, NULL, &terr),
		S2C_EINVAL, "too many levels");
	assert_fails(s2c_rootpath_resolve(tmp->fd, "a", &got, NULL, &terr), S2C_EINVAL,
		"not an absolute path");
	assert_fails(s2c_rootpath_resolve(tmp->fd, huge, &got, NULL, &terr), S2C_ELIMIT,
		"too long");
	memset(huge, 'a', 4000);
	huge[0] = '/';
	huge[4000] = '\0';
	assert_fails(s2c_rootpath_resolve(tmp->fd, huge, &got, NULL, &terr), S2C_ELIMIT,
		"too long");
}

static void knows_what_is_covered(void **state)
{
	assert_true(s2c_rootpath_covered("/proc"));
	assert_true(s2c_rootpath_covered("/proc/self/fd/7"));
	assert_true(s2c_rootpath_covered("/dev/shm"));
	assert_true(s2c_rootpath_covered("/sys/fs"));
	assert_false(s2c_rootpath_covered("/process"));
	assert_false(s2c_rootpath_covered("/opt/dev"));
	assert_false(s2c_rootpath_covered("/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(resolves_as_in_a_chroot),
		tmp_test(refuses_loops_and_relative_paths),
		cmocka_unit_test(knows_what_is_covered),
	};

	return cmocka_run_group_tests_name("rootpath", tests, NULL, NULL);
}
