/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Id maps as text: /proc/self/uid_map and /etc/subuid.
 */
#include "helper.h"

#include "runtime/userns.h"

static void parses_maps(void **state)
{
	struct s2c_idmap map;

	assert_ok(s2c_idmap_parse(
		"         0       1000          1\n         1     100000      65536\n",
		&map, &terr));
	assert_int_equal(map.n, 2);
	assert_int_equal(map.ranges[1].outside, 100000);
	assert_int_equal(s2c_idmap_count(&map), 65537);
	assert_true(s2c_idmap_has(&map, 0));
	assert_true(s2c_idmap_has(&map, 65536));
	assert_false(s2c_idmap_has(&map, 65537));
	assert_false(s2c_idmap_has(&map, UINT32_MAX));
	assert_ok(s2c_idmap_parse("", &map, &terr));
	assert_int_equal(map.n, 0);
}

static void refuses_other_text(void **state)
{
	static const char *const bad[] = {"0", "0 0", "0 0 x", "-1 0 1", "0 0 1 2",
		"0 0 4294967296", "\n", "0 0 1x", "0x0 0 1", "0 0 1\n\n"};
	struct s2c_idmap map;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(
			s2c_idmap_parse(bad[i], &map, &terr), S2C_EPROTO, "malformed");
}

static enum s2c_userns_kind kind(const char *uids, const char *gids)
{
	struct s2c_idmap u, g;

	assert_ok(s2c_idmap_parse(uids, &u, &terr));
	assert_ok(s2c_idmap_parse(gids, &g, &terr));
	return s2c_userns_classify(&u, &g);
}

static void classifies(void **state)
{
	static const char all[] = "0 0 4294967295\n", one[] = "0 1000 1\n",
			  docker[] = "0 231072 65536\n";

	assert_int_equal(kind(all, all), S2C_USERNS_NONE);
	assert_int_equal(kind(one, one), S2C_USERNS_SINGLE);
	assert_int_equal(kind(docker, one), S2C_USERNS_SINGLE);
	assert_int_equal(kind(docker, docker), S2C_USERNS_RANGES);
	/* All ids but shifted is not the host's own. */
	assert_int_equal(kind("0 1 4294967294\n", all), S2C_USERNS_RANGES);
	assert_int_equal(kind("", ""), S2C_USERNS_SINGLE);
}

static void overlay_prefix_follows(void **state)
{
	struct s2c_userns host = {.kind = S2C_USERNS_NONE};
	struct s2c_userns user = {.kind = S2C_USERNS_RANGES};

	assert_string_equal(s2c_userns_overlay_prefix(&host), "trusted.overlay.");
	assert_string_equal(s2c_userns_overlay_prefix(&user), "user.overlay.");
}

static void subids_by_name_and_number(void **state)
{
	static const struct s2c_subid_owner ann = {.name = "ann", .id = 1000};
	struct s2c_idmap map;

	assert_true(s2c_subid_map(
		"bob:1:2\nann:100000:65536\n1000:300000:10\n", &ann, 1000, &map));
	assert_int_equal(map.n, 3);
	assert_int_equal(map.ranges[0].outside, 1000);
	assert_int_equal(map.ranges[1].inside, 1);
	assert_int_equal(map.ranges[1].outside, 100000);
	assert_int_equal(map.ranges[2].inside, 65537);
	assert_int_equal(map.ranges[2].outside, 300000);
}

static void subids_of_others_or_damaged_are_none(void **state)
{
	static const struct s2c_subid_owner ann = {.name = "ann", .id = 1000};
	static const char *const none[] = {"", "anna:1:2\n", "an:1:2\n", ":1:2\n",
		"ann:1\n", "ann:x:2\n", "ann:5:\n", "ann:5:0\n", "ann:0:65536\n",
		"ann:5:2 \n", "ann:-5:2\n", "10000:5:2\n", "ann:1:4294967295\n",
		"# ann:5:2\n"};
	struct s2c_idmap map;

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (s2c_subid_map(none[i], &ann, 1000, &map))
			fail_msg("'%s' gave ranges", none[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_maps),
		cmocka_unit_test(refuses_other_text),
		cmocka_unit_test(classifies),
		cmocka_unit_test(overlay_prefix_follows),
		cmocka_unit_test(subids_by_name_and_number),
		cmocka_unit_test(subids_of_others_or_damaged_are_none),
	};

	return cmocka_run_group_tests_name("userns", tests, NULL, NULL);
}
