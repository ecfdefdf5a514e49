/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms of images, and what binfmt_misc does for those of other hosts. */
#include "helper.h"

#include "build/platform.h"

#define ARM64_MAGIC "7f454c460201010000000000000000000200b700"
#define USUAL_MASK "ffffffffffffff00fffffffffffffffffeffffff"

static struct s2c_config *config_for(
	const char *os, const char *architecture, const char *variant)
{
	struct s2c_platform platform = {0};

	(void)snprintf(platform.os, sizeof(platform.os), "%s", os);
	(void)snprintf(
		platform.architecture, sizeof(platform.architecture), "%s", architecture);
	(void)snprintf(platform.variant, sizeof(platform.variant), "%s", variant);
	return s2c_config_new(&platform);
}

static void test_serves(void **state)
{
	static const struct {
		const char *asked, *architecture, *variant;
		bool serves;
	} cases[] = {
		{"linux/arm64", "arm64", "", true},
		{"linux/arm64", "arm64", "v8", true},
		{"linux/arm64/v8", "arm64", "", true},
		{"linux/arm/v6", "arm", "v7", false},
		{"linux/arm/v7", "arm", "v7", true},
		{"linux/arm64", "amd64", "", false},
		{"windows/arm64", "arm64", "", false},
		{"linux/arm64", "", "", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = config_for(
			"linux", cases[i].architecture, cases[i].variant);
		struct s2c_platform platform;

		assert_ok(s2c_platform_parse(cases[i].asked, &platform, &terr));
		if (s2c_platform_serves(&platform, config) != cases[i].serves)
			fail_msg("case %zu, %s", i, cases[i].asked);
		assert_true(s2c_platform_serves(NULL, config));
	}
}

static void test_binfmt(void **state)
{
	static const struct {
		const char *entry, *architecture;
		bool takes;
	} cases[] = {
		{"enabled\ninterpreter /usr/bin/qemu\nflags: OCF\noffset 0\n"
		 "magic " ARM64_MAGIC "\nmask " USUAL_MASK "\n",
			"arm64", true},
		{"enabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 0\n"
		 "magic " ARM64_MAGIC "\n",
			"arm64", true},
		{"enabled\ninterpreter /usr/bin/qemu\nflags: OCF\noffset 0\n"
		 "magic " ARM64_MAGIC "\nmask " USUAL_MASK "\n",
			"arm", false},
		/* The interpreter would have to be in the image. */
		{"enabled\ninterpreter /usr/bin/qemu\nflags: OC\noffset 0\n"
		 "magic " ARM64_MAGIC "\n",
			"arm64", false},
		/* The F is of another line. */
		{"enabled\nflags: \noffset 0\nmagic " ARM64_MAGIC "\nmask F\n", "arm64",
			false},
		{"disabled\ninterpreter /q\nflags: F\noffset 0\nmagic " ARM64_MAGIC "\n",
			"arm64", false},
		{"enabled\ninterpreter /q\nflags: F\noffset 4\nmagic " ARM64_MAGIC "\n",
			"arm64", false},
		/* Any ELF file. */
		{"enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c46\n", "arm64",
			false},
		{"enabled\ninterpreter /q\nflags: F\nextension .exe\n", "arm64", false},
		{"enabled\nflags: F\noffset 0\nmagic " ARM64_MAGIC "\n", "vax", false},
		{"enabled\nflags: F\noffset 0\n"
		 "magic 7f454c4602020100000000000000000000020016\n",
			"s390x", true},
		{"enabled\n", "arm64", false},
		{"", "arm64", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (s2c_binfmt_takes(cases[i].entry, cases[i].architecture) !=
			cases[i].takes)
			fail_msg("case %zu", i);
}

static void test_host(void **state)
{
	struct s2c_platform host;

	s2c_platform_host(&host);
	CLEAN_CONFIG struct s2c_config *own = config_for("linux", host.architecture, "");
	CLEAN_CONFIG struct s2c_config *unknown = config_for("linux", "vax", "");
	CLEAN_CONFIG struct s2c_config *windows = config_for(
		"windows", host.architecture, "");

	assert_ok(s2c_platform_check_host(own, "b", &terr));
	assert_fails(s2c_platform_check_host(unknown, "b", &terr), S2C_EUNSUPPORTED,
		"'linux/vax'");
	assert_fails(s2c_platform_check_host(windows, "b", &terr), S2C_EUNSUPPORTED,
		"only images for Linux");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serves),
		cmocka_unit_test(test_binfmt),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
