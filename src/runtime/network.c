/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines of pasta and slirp4netns. Every port option is given: pasta's defaults
 * ("auto") would forward what listens on the host's loopback into the namespace and back.
 * --no-map-gw takes away the gateway address as another name of the host's loopback.
 * --no-netns-quit: the keeper's end ends pasta; taking down the watch on the namespace's
 * file, which would end it as well, is half of the time that its exit takes.
 */
#include "runtime/network.h"

#include "util/buf.h"
#include "util/subprocess.h"

#define HOSTS_MAX (S2C_HOSTS_MAX * 320 + 256) /* a name and an address each */
#define RESOLV_MAX (64u * 1024)
/* libslirp's own forwarder. */
#define SLIRP_DNS "10.0.2.3"

void s2c_net_choice_release(struct s2c_net_choice *choice)
{
	free(choice->program);
	free(choice->why);
	*choice = (struct s2c_net_choice){.helper = S2C_NET_HELPER_NONE};
}

const char *s2c_net_helper_name(enum s2c_net_helper helper)
{
	switch (helper) {
	case S2C_NET_HELPER_PASTA:
		return "pasta";
	case S2C_NET_HELPER_SLIRP:
		return "slirp4netns";
	case S2C_NET_HELPER_NONE:
		break;
	}
	return "none";
}

void s2c_net_choose(bool ports, struct s2c_net_choice *out)
{
	static const enum s2c_net_helper order[] = {
		S2C_NET_HELPER_PASTA, S2C_NET_HELPER_SLIRP};

	*out = (struct s2c_net_choice){.helper = S2C_NET_HELPER_NONE};
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		out->why = xstrdup(
			"'/dev/net/tun' cannot be opened (chmod 0666 would let users)");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (ports && order[i] == S2C_NET_HELPER_SLIRP)
			continue;
		out->program = s2c_find_program(s2c_net_helper_name(order[i]));
		if (out->program) {
			out->helper = order[i];
			return;
		}
	}
	out->why = xstrdup(
		ports ? "'pasta' (package 'passt') is not installed"
		      : "neither 'pasta' (package 'passt') nor 'slirp4netns' is "
			"installed");
}

static void pasta_args(const struct s2c_net_command *c, struct s2c_strv *argv)
{
	static const char *const fixed[] = {"--quiet", "--config-net", "--no-map-gw",
		"--no-netns-quit", "-u", "none", "-T", "none", "-U", "none"};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		s2c_strv_add(argv, fixed[i]);
	if (c->host_root) {
		s2c_strv_add(argv, "--runas");
		s2c_strv_add(argv, "0");
	}
	if (c->n_ports == 0) {
		s2c_strv_add(argv, "-t");
		s2c_strv_add(argv, "none");
	}
	for (size_t i = 0; i < c->n_ports; i++) {
		const struct s2c_port *p = &c->ports[i];

		s2c_strv_add(argv, "-t");
		s2c_strv_addf(argv, "%s/%u:%u", p->host_ip[0] ? p->host_ip : "127.0.0.1",
			p->host, p->container);
	}
	s2c_strv_add(argv, "--ns-ifname");
	s2c_strv_add(argv, S2C_NET_INTERFACE);
	s2c_strv_add(argv, "--netns");
	s2c_strv_add(argv, c->netns);
}

static void slirp_args(const struct s2c_net_command *c, struct s2c_strv *argv)
{
	static const char *const fixed[] = {"--configure", "--mtu=65520",
		"--disable-host-loopback", "--enable-sandbox", "--enable-seccomp",
		"--netns-type=path"};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		s2c_strv_add(argv, fixed[i]);
	s2c_strv_addf(argv, "--ready-fd=%d", S2C_NET_READY_FD);
	s2c_strv_add(argv, c->netns);
	s2c_strv_add(argv, S2C_NET_INTERFACE);
}

void s2c_net_args(const struct s2c_net_command *c, struct s2c_strv *argv)
{
	s2c_strv_add(argv, c->choice->program);
	if (c->choice->helper == S2C_NET_HELPER_PASTA)
		pasta_args(c, argv);
	else
		slirp_args(c, argv);
}

/* True for "nameserver A" where A is a loopback address. */
static bool loopback_server(const char *line, size_t len)
{
	static const char key[] = "nameserver";
	size_t n = sizeof(key) - 1;

	if (len <= n || memcmp(line, key, n) != 0)
		return false;
	for (line += n, len -= n; len && (*line == ' ' || *line == '\t'); line++)
		len--;
	return (len >= 4 && !memcmp(line, "127.", 4)) ||
	       (len >= 3 && !memcmp(line, "::1", 3) && (len == 3 || line[3] <= ' '));
}

/* Copies the lines of `text`; returns the number of name servers among them. */
static size_t copy_lines(const char *text, bool reachable_only, struct s2c_buf *out)
{
	size_t servers = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!(reachable_only && loopback_server(text, len))) {
			servers += starts_with(text, "nameserver");
			if (s2c_buf_add(out, text, len, NULL) < 0 ||
				s2c_buf_puts(out, "\n", NULL) < 0)
				break;
		}
		text += len + (text[len] == '\n');
	}
	return servers;
}

char *s2c_net_resolv_conf(const char *host, const char *fallback,
	enum s2c_network network, enum s2c_net_helper helper)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(RESOLV_MAX);
	bool isolated = network == S2C_NETWORK_ISOLATED;

	if (isolated && helper == S2C_NET_HELPER_SLIRP)
		return xstrdup("nameserver " SLIRP_DNS "\n");
	if (copy_lines(host, isolated, &out) > 0 || !isolated)
		return s2c_buf_take(&out);
	s2c_buf_clear(&out);
	(void)copy_lines(fallback, true, &out);
	return s2c_buf_take(&out);
}

char *s2c_net_hosts(const char *hostname, const struct s2c_host *hosts, size_t n)
{
	struct s2c_buf out = S2C_BUF_INIT(HOSTS_MAX);

	s2c_buf_must_printf(&out,
		"127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost\n", hostname);
	for (size_t i = 0; i < n; i++)
		s2c_buf_must_printf(&out, "%s\t%s\n", hosts[i].ip, hosts[i].name);
	return s2c_buf_take(&out);
}
