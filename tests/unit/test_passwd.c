/* SPDX-License-Identifier: Apache-2.0 */
/* USER to numbers: every string that once became root by accident, and the plain ones. */
#include "helper.h"

#include "image/passwd.h"

#define N63 "a12345678901234567890123456789012345678901234567890123456789012"

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "# a comment\n"
			     "\n"
			     "+::::::\n"
			     "app:x:1001:1002:App,,,:/opt/app:/bin/sh\n"
			     "app:x:0:0:the second of a name never counts:/root:/bin/sh\n"
			     "1000:x:0:0:a number as a name:/root:/bin/sh\n"
			     "toor:x:0:0::/root:\n"
			     "big:x:4294967296:0::/:\n"
			     "neg:x:-1:0::/:\n"
			     "hex:x:0x0:0::/:\n"
			     "oct:x:00:0::/:\n"
			     "blank:x: 5:0::/:\n"
			     "badgid:x:7:4294967297::/:\n"
			     "short:x:8\n"
			     "shorter\n"
			     "relhome:x:10:10::home:/bin/sh\n"
			     "nohome:x:11:11:::\n"
			     "max:x:2147483647:2147483647::/max:\n"
			     "over:x:2147483648:1::/:\n"
			     "svc$:x:12:12::/:\n"
			     "with.dot-and_x:x:13:13::/:\n"
			     "we ird:x:14:14::/weird:\n"
			     "last:x:99:98::/last:/bin/sh";

static const char group[] = "root:x:0:\n"
			    "staff:x:50:app,last\n"
			    "1001:x:0:\n"
			    "biggrp:x:4294967296:\n"
			    "emptygrp:x::\n"
			    "staff:x:0:\n"
			    "lastgrp:x:77:";

static void test_good(void **state)
{
	static const struct {
		const char *spec;
		uint32_t uid, gid;
		const char *name, *home;
	} rows[] = {
		{"", 0, 0, "root", "/root"},
		{"0", 0, 0, "root", "/root"},
		{"root", 0, 0, "root", "/root"},
		{"toor", 0, 0, "toor", "/root"},
		{"app", 1001, 1002, "app", "/opt/app"},
		{"1001", 1001, 1002, "app", "/opt/app"},
		{"1001:0", 1001, 0, "app", "/opt/app"},
		{"app:staff", 1001, 50, "app", "/opt/app"},
		{"app:1001", 1001, 1001, "app", "/opt/app"},
		{"1001:lastgrp", 1001, 77, "app", "/opt/app"},
		{"0:0", 0, 0, "root", "/root"},
		/* A number is never a name, be it that of a user or of a group. */
		{"1000", 1000, 0, "", "/"},
		{"1000:1000", 1000, 1000, "", "/"},
		{"5", 5, 0, "", "/"},
		{"4000:staff", 4000, 50, "", "/"},
		{"max", 2147483647, 2147483647, "max", "/max"},
		{"2147483647:2147483647", 2147483647, 2147483647, "max", "/max"},
		{"relhome", 10, 10, "relhome", "/"},
		{"nohome", 11, 11, "nohome", "/"},
		{"svc$", 12, 12, "svc$", "/"},
		{"with.dot-and_x", 13, 13, "with.dot-and_x", "/"},
		{"14", 14, 14, "", "/weird"},
		{"last", 99, 98, "last", "/last"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_user user;

		assert_ok(s2c_user_resolve(rows[i].spec, passwd, group, &user, &terr));
		assert_int_equal(user.uid, rows[i].uid);
		assert_int_equal(user.gid, rows[i].gid);
		assert_string_equal(user.name, rows[i].name);
		assert_string_equal(user.home, rows[i].home);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *spec;
		enum s2c_code code;
		const char *words;
	} rows[] = {
		{"4294967296", S2C_EINVAL, "neither a number"},
		{"4294967295", S2C_EINVAL, "neither a number"},
		{"2147483648", S2C_EINVAL, "neither a number"},
		{"18446744073709551616", S2C_EINVAL, "neither a number"},
		{"0x0", S2C_EINVAL, "neither a number"},
		{"0x1", S2C_EINVAL, "neither a number"},
		{"1 ", S2C_EINVAL, "neither a number"},
		{" 1", S2C_EINVAL, "neither a number"},
		{"1\n", S2C_EINVAL, "neither a number"},
		{"1\t", S2C_EINVAL, "neither a number"},
		{"+0", S2C_EINVAL, "neither a number"},
		{"+1", S2C_EINVAL, "neither a number"},
		{"-0", S2C_EINVAL, "neither a number"},
		{"-1", S2C_EINVAL, "neither a number"},
		{"00", S2C_EINVAL, "neither a number"},
		{"01", S2C_EINVAL, "neither a number"},
		{"0000000001", S2C_EINVAL, "neither a number"},
		{"1e0", S2C_EINVAL, "neither a number"},
		{"1.0", S2C_EINVAL, "neither a number"},
		{"1000x", S2C_EINVAL, "neither a number"},
		{"\xd9\xa1", S2C_EINVAL, "neither a number"}, /* ARABIC-INDIC ONE */
		{"we ird", S2C_EINVAL, "neither a number"},
		{"#root", S2C_EINVAL, "neither a number"},
		{"+", S2C_EINVAL, "neither a number"},
		{"a/b", S2C_EINVAL, "neither a number"},
		{"a$b", S2C_EINVAL, "neither a number"},
		{":", S2C_EINVAL, "neither a number"},
		{":0", S2C_EINVAL, "neither a number"},
		{"1001:", S2C_EINVAL, "the name of a group"},
		{"1001:0:0", S2C_EINVAL, "the name of a group"},
		{"1001:00", S2C_EINVAL, "the name of a group"},
		{"1001:-1", S2C_EINVAL, "the name of a group"},
		{"1001:4294967296", S2C_EINVAL, "the name of a group"},
		{"1001: 0", S2C_EINVAL, "the name of a group"},
		{"nobody", S2C_ENOENT, "'nobody' is not in /etc/passwd"},
		{"Root", S2C_ENOENT, "'Root' is not in /etc/passwd"},
		{"ap", S2C_ENOENT, "'ap' is not in /etc/passwd"},
		{"app:none", S2C_ENOENT, "'none' is not in /etc/group"},
		{"app:app", S2C_ENOENT, "'app' is not in /etc/group"},
		{"big", S2C_EPROTO, "the line 'big'"},
		{"over", S2C_EPROTO, "the line 'over'"},
		{"neg", S2C_EPROTO, "the line 'neg'"},
		{"hex", S2C_EPROTO, "the line 'hex'"},
		{"oct", S2C_EPROTO, "the line 'oct'"},
		{"blank", S2C_EPROTO, "the line 'blank'"},
		{"badgid", S2C_EPROTO, "the line 'badgid'"},
		{"7", S2C_EPROTO, "the line 'badgid'"},
		{"short", S2C_EPROTO, "the line 'short'"},
		{"shorter", S2C_EPROTO, "the line 'shorter'"},
		{"app:biggrp", S2C_EPROTO, "the line 'biggrp'"},
		{"app:emptygrp", S2C_EPROTO, "the line 'emptygrp'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_user user = {.uid = 4242, .gid = 4242};

		assert_fails(s2c_user_resolve(rows[i].spec, passwd, group, &user, &terr),
			rows[i].code, rows[i].words);
		assert_int_equal(user.uid, 4242);
		assert_int_equal(user.gid, 4242);
	}
}

/* No files, files without a last newline, files that are one field. */
static void test_files(void **state)
{
	static const char *const files[] = {
		NULL, "", "\n", ":", "::::::::::::", "x", "\n\n\n", "root", ":x:5:5::/:"};
	struct s2c_user user;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_ok(s2c_user_resolve("", files[i], files[i], &user, &terr));
		assert_int_equal(user.uid, 0);
		assert_int_equal(user.gid, 0);
		assert_string_equal(user.home, "/");
		assert_ok(s2c_user_resolve("1001", files[i], files[i], &user, &terr));
		assert_int_equal(user.uid, 1001);
		assert_int_equal(user.gid, 0);
		assert_fails(s2c_user_resolve("app", files[i], files[i], &user, &terr),
			S2C_ENOENT, "not in /etc/passwd");
		assert_fails(s2c_user_resolve("1:app", files[i], files[i], &user, &terr),
			S2C_ENOENT, "not in /etc/group");
	}
	/* root of passwd may have another group; "" is 0:0 all the same */
	assert_ok(s2c_user_resolve("", "root:x:0:5::/r:\n", "", &user, &terr));
	assert_int_equal(user.gid, 0);
	assert_ok(s2c_user_resolve("0", "root:x:0:5::/r:\n", "", &user, &terr));
	assert_int_equal(user.gid, 5);
}

static void test_long(void **state)
{
	CLEAN_FREE char *huge = xmalloc(S2C_PASSWD_BYTES_MAX + 2);
	char spec[S2C_USER_SPEC_MAX + 2], line[1024];
	struct s2c_user user;

	memset(spec, 'a', sizeof(spec) - 1);
	spec[sizeof(spec) - 1] = '\0';
	assert_fails(s2c_user_resolve(spec, passwd, group, &user, &terr), S2C_EINVAL,
		"longer than 255");
	memset(huge, 'a', S2C_PASSWD_BYTES_MAX + 1);
	huge[S2C_PASSWD_BYTES_MAX + 1] = '\0';
	assert_fails(
		s2c_user_resolve("1", huge, "", &user, &terr), S2C_ELIMIT, "is larger");
	assert_fails(
		s2c_user_resolve("1", "", huge, &user, &terr), S2C_ELIMIT, "is larger");
	huge[S2C_PASSWD_BYTES_MAX] = '\0';
	assert_ok(s2c_user_resolve("1", huge, huge, &user, &terr));
	/* names and homes that do not fit are left out, not cut */
	snprintf(line, sizeof(line), "%s:x:1:1::/h:\n%sb:x:2:2::/%0300d:\n", N63, N63, 0);
	assert_ok(s2c_user_resolve("1", line, "", &user, &terr));
	assert_string_equal(user.name, N63);
	assert_ok(s2c_user_resolve("2", line, "", &user, &terr));
	assert_string_equal(user.name, "");
	assert_string_equal(user.home, "/");
	assert_int_equal(user.gid, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
