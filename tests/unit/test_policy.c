/* SPDX-License-Identifier: Apache-2.0 */
/* What may run: users, networks, limits, and the numbers of the command line. */
#include "helper.h"

#include "policy/policy.h"

#define LABEL "label 'io.openshift.s2i.assemble-user'"

static void test_networks(void **state)
{
	static const char *const names[] = {"isolated", "none", "host"};
	enum s2c_network network = S2C_NETWORK_NONE;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_ok(s2c_network_parse(names[i], &network, &terr));
		assert_int_equal(network, i);
		assert_string_equal(s2c_network_name(network), names[i]);
	}
	assert_fails(s2c_network_parse("", &network, &terr), S2C_EINVAL, "isolated (or");
	assert_fails(s2c_network_parse("Host", &network, &terr), S2C_EINVAL, "'Host'");
	assert_fails(s2c_network_parse("container:x", &network, &terr), S2C_EINVAL,
		"'container:x'");
	assert_int_equal(network, S2C_NETWORK_HOST);
	/* The words of engines. */
	assert_ok(s2c_network_parse("bridge", &network, &terr));
	assert_int_equal(network, S2C_NETWORK_ISOLATED);
	assert_string_equal(s2c_network_name((enum s2c_network)7), "unknown");
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"1", 1},
		{"1073741824", 1073741824},
		{"512m", 512ull << 20},
		{"512M", 512ull << 20},
		{"2g", 2ull << 30},
		{"1k", 1024},
		{"1T", 1ull << 40},
		{"007", 7},
		{"16777215t", 16777215ull << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"", "m", "-1", "+1", " 1", "1 ", "1.5g", "1mb",
		"1x", "0x10", "1e3", "16777216t", "18446744073709551616",
		"99999999999999999999g", "1\v", "1mm", "inf"};
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_ok(s2c_size_parse(good[i].text, &bytes, &terr));
		assert_true(bytes == good[i].bytes);
	}
	bytes = 42;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(
			s2c_size_parse(bad[i], &bytes, &terr), S2C_EINVAL, "is no size");
	assert_int_equal(bytes, 42);
}

static void test_cpus(void **state)
{
	static const struct {
		const char *text;
		uint32_t milli;
	} good[] = {
		{"1", 1000},
		{"1.5", 1500},
		{"0.25", 250},
		{"0.001", 1},
		{"2.000", 2000},
		{"4096", 4096000},
		{"4095.999", 4095999},
	};
	static const char *const bad[] = {"", "0", "0.0", "0.0001", "4096.001", "4097",
		"-1", ".5", "1.", "1,5", "1e1", "inf", "nan", "1.2.3", " 1", "0x1",
		"1.5x", "18446744073709551617", "1.18446744073709551617"};
	uint32_t milli = 0;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_ok(s2c_cpus_parse(good[i].text, &milli, &terr));
		assert_int_equal(milli, good[i].milli);
	}
	milli = 42;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(s2c_cpus_parse(bad[i], &milli, &terr), S2C_EINVAL, "CPUs");
	assert_int_equal(milli, 42);
}

static void test_check(void **state)
{
	static const struct {
		const char *allowed;
		struct s2c_policy_request request;
		const char *part; /* NULL: allowed */
	} cases[] = {
		{NULL, {.uid = 1001}, NULL},
		{NULL, {.uid = 1001, .gid = 0}, NULL},
		{NULL, {.uid = 2147483647}, NULL},
		{NULL, {.uid = 0, .user_origin = LABEL},
			LABEL
			" asks for user 0 (root), allowed are 1-: choose another one "
			"with --assemble-user, or allow root with --allowed-uids 0-"},
		{"0-", {.uid = 0}, NULL},
		{"0", {.uid = 1, .user_origin = "--assemble-user"},
			"--assemble-user asks for user 1, allowed are 0: "},
		{"1000-2000,3000", {.uid = 2500, .user_origin = "image USER"},
			"image USER asks for user 2500, allowed are 1000-2000,3000: "
			"choose "
			"another one with --assemble-user, or allow it with "
			"--allowed-uids "
			"2500"},
		{"1000-2000,3000", {.uid = 3000}, NULL},
		{"5", {.uid = 6}, "the request asks for user 6"},
		/* setuid and chown take it for "leave it". */
		{"0-", {.uid = UINT32_MAX}, "out of range"},
		{"0-", {.uid = 1, .gid = UINT32_MAX}, "out of range"},
		{"0-", {.uid = 2147483648u}, "out of range"},
		{NULL, {.uid = 1, .network = S2C_NETWORK_NONE}, NULL},
		{NULL, {.uid = 1, .network = S2C_NETWORK_ISOLATED}, NULL},
		{NULL, {.uid = 1, .network = S2C_NETWORK_HOST}, "use --network host"},
		{NULL,
			{.uid = 1,
				.network = S2C_NETWORK_HOST,
				.host_network_asked = true},
			NULL},
		{NULL, {.uid = 1, .network = (enum s2c_network)9}, "network 9"},
		{NULL, {.uid = 1, .limits = {.memory = S2C_MEMORY_MIN}}, NULL},
		{NULL, {.uid = 1, .limits = {.memory = S2C_MEMORY_MIN - 1}},
			"use --memory 8m"},
		{NULL, {.uid = 1, .limits = {.pids = S2C_PIDS_MAX}}, NULL},
		{NULL, {.uid = 1, .limits = {.pids = S2C_PIDS_MAX + 1}}, "--pids-limit"},
		{NULL, {.uid = 1, .limits = {.milli_cpus = 4096000}}, NULL},
		{NULL, {.uid = 1, .limits = {.milli_cpus = 4096001}}, "--cpus"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_UIDS struct s2c_uids allowed = {0};

		assert_ok(s2c_uids_parse(cases[i].allowed, &allowed, &terr));
		if (cases[i].part)
			assert_fails(s2c_policy_check(&allowed, &cases[i].request, &terr),
				S2C_EDENIED, cases[i].part);
		else
			assert_ok(s2c_policy_check(&allowed, &cases[i].request, &terr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
