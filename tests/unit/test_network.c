/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines of the network helpers, resolv.conf and hosts.
 */
#include "helper.h"

#include "runtime/network.h"

/* "a b c" of the arguments; caller frees. */
static char *args_of(const struct s2c_net_command *command)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(4096);

	s2c_net_args(command, &argv);
	s2c_strv_foreach (arg, &argv)
		assert_ok(s2c_buf_printf(&text, &terr, "%s%s", text.len ? " " : "", arg));
	return s2c_buf_take(&text);
}

static void pasta_forwards_nothing_unasked(void **state)
{
	static char program[] = "/usr/bin/pasta";
	struct s2c_net_choice choice = {S2C_NET_HELPER_PASTA, program, NULL};
	struct s2c_net_command command = {.choice = &choice, .netns = "/w/netns"};
	CLEAN_FREE char *user = args_of(&command);

	assert_string_equal(user,
		"/usr/bin/pasta --quiet --config-net --no-map-gw --no-netns-quit "
		"-u none -T none -U none -t none --ns-ifname eth0 --netns /w/netns");
	command.host_root = true;
	CLEAN_FREE char *root = args_of(&command);
	assert_non_null(strstr(root, " --runas 0 "));
}

static void ports_are_on_loopback_unless_asked(void **state)
{
	static char program[] = "pasta";
	struct s2c_net_choice choice = {S2C_NET_HELPER_PASTA, program, NULL};
	struct s2c_port ports[] = {{.host = 8080, .container = 80},
		{.host = 53, .container = 5353, .host_ip = "192.0.2.1"}};
	struct s2c_net_command command = {
		.choice = &choice, .netns = "/w/netns", .ports = ports, .n_ports = 2};
	CLEAN_FREE char *args = args_of(&command);

	assert_non_null(strstr(args, " -t 127.0.0.1/8080:80 -t 192.0.2.1/53:5353 "));
	assert_null(strstr(args, "-t none"));
}

static void slirp_is_confined(void **state)
{
	static char program[] = "slirp4netns";
	struct s2c_net_choice choice = {S2C_NET_HELPER_SLIRP, program, NULL};
	struct s2c_net_command command = {.choice = &choice, .netns = "/w/netns"};
	CLEAN_FREE char *args = args_of(&command);

	assert_string_equal(args, "slirp4netns --configure --mtu=65520 "
				  "--disable-host-loopback --enable-sandbox "
				  "--enable-seccomp --netns-type=path --ready-fd=3 "
				  "/w/netns eth0");
}

static void resolv_conf(void **state)
{
	static const struct {
		const char *host, *fallback;
		enum s2c_network network;
		enum s2c_net_helper helper;
		const char *expect;
	} rows[] = {
		{"nameserver 192.0.2.53\n", "", S2C_NETWORK_ISOLATED,
			S2C_NET_HELPER_PASTA, "nameserver 192.0.2.53\n"},
		{"search x\nnameserver\t127.0.0.53\noptions edns0",
			"nameserver 192.0.2.9", S2C_NETWORK_ISOLATED,
			S2C_NET_HELPER_PASTA, "nameserver 192.0.2.9\n"},
		{"nameserver 127.0.0.1\nnameserver ::1\nnameserver 192.0.2.1\n", "",
			S2C_NETWORK_ISOLATED, S2C_NET_HELPER_PASTA,
			"nameserver 192.0.2.1\n"},
		{"nameserver 127.0.0.1\n", "nameserver 127.0.0.2\n", S2C_NETWORK_ISOLATED,
			S2C_NET_HELPER_PASTA, ""},
		{"nameserver 127.0.0.1\n", "", S2C_NETWORK_ISOLATED, S2C_NET_HELPER_SLIRP,
			"nameserver 10.0.2.3\n"},
		{"nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n", S2C_NETWORK_HOST,
			S2C_NET_HELPER_NONE, "nameserver 127.0.0.53\n"},
		{"", "", S2C_NETWORK_HOST, S2C_NET_HELPER_NONE, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *got = s2c_net_resolv_conf(
			rows[i].host, rows[i].fallback, rows[i].network, rows[i].helper);

		assert_string_equal(got, rows[i].expect);
	}
}

static void hosts_name_the_container(void **state)
{
	CLEAN_FREE char *hosts = s2c_net_hosts("box", NULL, 0);

	assert_string_equal(
		hosts, "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pasta_forwards_nothing_unasked),
		cmocka_unit_test(ports_are_on_loopback_unless_asked),
		cmocka_unit_test(slirp_is_confined),
		cmocka_unit_test(resolv_conf),
		cmocka_unit_test(hosts_name_the_container),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
