/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an isolated network namespace reaches the outside: by pasta, else slirp4netns, both
 * plain user processes. This module finds one and knows its command line; the keeper runs
 * it. Also the resolv.conf and hosts files that containers see. Pure but for the finding.
 */
#ifndef S2C_RUNTIME_NETWORK_H
#define S2C_RUNTIME_NETWORK_H

#include "runtime/runtime.h"
#include "util/strv.h"

enum s2c_net_helper { S2C_NET_HELPER_NONE, S2C_NET_HELPER_PASTA, S2C_NET_HELPER_SLIRP };

struct s2c_net_choice {
	enum s2c_net_helper helper;
	char *program; /* absolute path; NULL for none */
	char *why;     /* what is missing, when none; NULL otherwise */
};
void s2c_net_choice_release(struct s2c_net_choice *choice);

/*
 * The helper for these ports. slirp4netns cannot forward ports from its command line, so
 * with ports only pasta will do.
 */
void s2c_net_choose(bool ports, struct s2c_net_choice *out);

/* "pasta" and so on, for messages. */
const char *s2c_net_helper_name(enum s2c_net_helper helper);

struct s2c_net_command {
	const struct s2c_net_choice *choice;
	const char *netns; /* path of the bind-mounted namespace */
	bool host_root;    /* really root: pasta would become "nobody" and fail */
	const struct s2c_port *ports;
	size_t n_ports;
};
/* The helper's arguments, appended. Its descriptor 3 is the ready pipe of slirp4netns. */
void s2c_net_args(const struct s2c_net_command *command, struct s2c_strv *argv);
#define S2C_NET_READY_FD 3
/* The interface, made by the keeper beforehand and attached to by the helper. */
#define S2C_NET_INTERFACE "eth0"

/*
 * The container's resolv.conf from the host's (its text). Name servers on the host's
 * loopback cannot be reached from an isolated network and are left out; `fallback` is
 * systemd-resolved's list of real servers ("" when there is none), used when none is
 * left. Caller frees.
 */
char *s2c_net_resolv_conf(const char *host, const char *fallback,
	enum s2c_network network, enum s2c_net_helper helper);

/* The container's /etc/hosts, with more lines; caller frees. */
char *s2c_net_hosts(const char *hostname, const struct s2c_host *hosts, size_t n);

#endif
