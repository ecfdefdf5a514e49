/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns which images, written down and read again.
 */
#include "helper.h"

#include <fcntl.h>

#include "gate/estate.h"
#include "util/fs.h"

#define ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int dir_of(void *tmp)
{
	int fd = open(((struct tmp *)tmp)->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_nothing_is_fine(void **state)
{
	CLEAN_FD int dir = dir_of(*state);
	CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);
	char id[72];

	assert_ok(s2c_estate_load(dir, ledger, &terr));
	assert_false(s2c_ledger_find_image(ledger, "u:1", ID, id));
}

static void test_comes_back(void **state)
{
	CLEAN_FD int dir = dir_of(*state);
	CLEAN(s2c_clean_ledger) struct s2c_ledger *before = s2c_ledger_new(1);
	CLEAN(s2c_clean_ledger) struct s2c_ledger *after = s2c_ledger_new(1);
	char id[72];

	s2c_ledger_add_image(before, "u:1", ID);
	s2c_ledger_add_name(before, "u:1", ID, "docker.io/library/a:1");
	/* The newest owner of a name is its owner. */
	s2c_ledger_add_name(before, "u:2", ID, "docker.io/library/a:1");
	assert_ok(s2c_estate_save(dir, before, &terr));
	assert_ok(s2c_estate_load(dir, after, &terr));
	assert_true(s2c_ledger_find_image(after, "u:1", ID, id));
	assert_string_equal(id, ID);
	assert_false(s2c_ledger_find_image(after, "u:1", "docker.io/library/a:1", id));
	assert_true(s2c_ledger_find_image(after, "u:2", "docker.io/library/a:1", id));
	assert_false(s2c_ledger_find_image(after, "u:2", ID, id));
}

static void test_damage_is_said(void **state)
{
	static const char *const bad[] = {"", "{", "{}x", "[1]", "[{\"owner\":\"u:1\"}]",
		"[{\"owner\":\"u:1\",\"id\":\"short\"}]",
		"[{\"owner\":1,\"id\":\"" ID "\"}]"};
	CLEAN_FD int dir = dir_of(*state);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEAN(s2c_clean_ledger) struct s2c_ledger *ledger = s2c_ledger_new(1);

		assert_ok(s2c_fs_write_file(
			dir, "images", bad[i], strlen(bad[i]), 0600, &terr));
		assert_fails(
			s2c_estate_load(dir, ledger, &terr), S2C_EPROTO, "remove it");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_nothing_is_fine),
		tmp_test(test_comes_back),
		tmp_test(test_damage_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
