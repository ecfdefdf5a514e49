/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of what may be built and run, in one place for all runtimes: who may be the
 * user of a container, what network and limits it gets. Pure. The native runtime asks it
 * before it writes a container spec; the gate will ask it before it writes a request.
 */
#ifndef S2C_POLICY_POLICY_H
#define S2C_POLICY_POLICY_H

#include "policy/uids.h"

enum s2c_network {
	S2C_NETWORK_ISOLATED, /* own namespace, outbound only, no host loopback */
	S2C_NETWORK_NONE,
	S2C_NETWORK_HOST,
};
/* By name "isolated", "none", "host"; S2C_EINVAL names the choices. */
S2C_CHECK int s2c_network_parse(
	const char *text, enum s2c_network *out, struct s2c_error **err);
const char *s2c_network_name(enum s2c_network network);

struct s2c_limits {
	uint64_t memory;     /* bytes; 0: none */
	uint32_t milli_cpus; /* thousandths of a CPU; 0: none */
	uint32_t pids;       /* 0: S2C_PIDS_DEFAULT */
	uint64_t disk; /* bytes the container may add; 0: none (watched, not exact) */
};
#define S2C_PIDS_DEFAULT 4096
#define S2C_PIDS_MAX 4194304
#define S2C_MEMORY_MIN (8u * 1024 * 1024)
#define S2C_CPUS_MAX 4096

/* "512m", "2g", "1073741824": bytes with optional k, m, g, t (powers of 1024). */
S2C_CHECK int s2c_size_parse(const char *text, uint64_t *out, struct s2c_error **err);
/* "1.5" -> 1500; 0.001 to 4096. */
S2C_CHECK int s2c_cpus_parse(const char *text, uint32_t *out, struct s2c_error **err);

/* Network and limits as a person asks for them; NULL and 0: the default. */
struct s2c_limit_options {
	const char *network; /* NULL: isolated */
	const char *memory, *cpus;
	unsigned pids; /* 0: S2C_PIDS_DEFAULT */
};

/* Parses all of them; S2C_EINVAL names the option. */
S2C_CHECK int s2c_limits_parse(const struct s2c_limit_options *options,
	enum s2c_network *out_network, struct s2c_limits *out_limits,
	struct s2c_error **err);

/* A container as the native runtime is about to make it. */
struct s2c_policy_request {
	uint32_t uid, gid;
	const char *user_origin; /* "--assemble-user", "label 'io...'", "image USER" */
	bool host_network_asked; /* the user said --network host */
	enum s2c_network network;
	struct s2c_limits limits;
};

/*
 * S2C_OK or S2C_EDENIED with a sentence that names the value, where it came from, and
 * what would allow it.
 */
S2C_CHECK int s2c_policy_check(const struct s2c_uids *allowed,
	const struct s2c_policy_request *request, struct s2c_error **err);

#endif
