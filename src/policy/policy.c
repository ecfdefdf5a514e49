/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules as a table: each looks at one thing of a request and allows it or says in one
 * sentence what it is, where it came from and what would allow it. All must allow.
 */
#include "policy/policy.h"

#include <inttypes.h>

#include "image/passwd.h"

static const char *const network_names[] = {
	[S2C_NETWORK_ISOLATED] = "isolated",
	[S2C_NETWORK_NONE] = "none",
	[S2C_NETWORK_HOST] = "host",
};

int s2c_network_parse(const char *text, enum s2c_network *out, struct s2c_error **err)
{
	/* Words of engines, as S2I's users have them. */
	if (streq(text, "bridge") || streq(text, "default")) {
		*out = S2C_NETWORK_ISOLATED;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(network_names); i++) {
		if (streq(text, network_names[i])) {
			*out = (enum s2c_network)i;
			return 0;
		}
	}
	if (starts_with(text, "container:"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s': the network of another container is not joined; use "
			"isolated, none or host",
			text);
	return s2c_fail(err, S2C_EINVAL,
		"network '%s' is not known: use isolated (or bridge, default), none or "
		"host",
		text);
}

const char *s2c_network_name(enum s2c_network network)
{
	return (size_t)network < ARRAY_SIZE(network_names) ? network_names[network]
							   : "unknown";
}

static int check_user(const struct s2c_uids *allowed,
	const struct s2c_policy_request *request, struct s2c_error **err)
{
	const char *origin = request->user_origin ? request->user_origin : "the request";
	CLEAN_FREE char *ranges = NULL;

	/* 2^32-1 would mean "leave it as it is" to setuid and chown. */
	if (request->uid > S2C_UID_MAX || request->gid > S2C_UID_MAX)
		return s2c_fail(err, S2C_EDENIED,
			"user %" PRIu32 ":%" PRIu32
			" of %s is out of range: ids go up to %u",
			request->uid, request->gid, origin, S2C_UID_MAX);
	if (s2c_uids_allow(allowed, request->uid))
		return 0;
	ranges = s2c_uids_format(allowed);
	if (request->uid == 0)
		return s2c_fail(err, S2C_EDENIED,
			"%s asks for user 0 (root), allowed are %s: choose another one "
			"with "
			"--assemble-user, or allow root with --allowed-uids 0-",
			origin, ranges);
	return s2c_fail(err, S2C_EDENIED,
		"%s asks for user %" PRIu32 ", allowed are %s: choose another one with "
		"--assemble-user, or allow it with --allowed-uids %" PRIu32,
		origin, request->uid, ranges, request->uid);
}

static int check_network(const struct s2c_uids *allowed,
	const struct s2c_policy_request *request, struct s2c_error **err)
{
	switch (request->network) {
	case S2C_NETWORK_ISOLATED:
	case S2C_NETWORK_NONE:
		return 0;
	case S2C_NETWORK_HOST:
		if (request->host_network_asked)
			return 0;
		return s2c_fail(err, S2C_EDENIED,
			"the network of the host is only given when asked for: use "
			"--network host");
	}
	return s2c_fail(
		err, S2C_EDENIED, "network %d is not known", (int)request->network);
}

static int check_limits(const struct s2c_uids *allowed,
	const struct s2c_policy_request *request, struct s2c_error **err)
{
	const struct s2c_limits *limits = &request->limits;

	if (limits->memory != 0 && limits->memory < S2C_MEMORY_MIN)
		return s2c_fail(err, S2C_EDENIED,
			"a memory limit of %" PRIu64
			" bytes is too small to start anything: "
			"use --memory %um or more",
			limits->memory, S2C_MEMORY_MIN >> 20);
	if (limits->pids > S2C_PIDS_MAX)
		return s2c_fail(err, S2C_EDENIED,
			"a limit of %" PRIu32 " processes is more than Linux has: use "
			"--pids-limit %d or less",
			limits->pids, S2C_PIDS_MAX);
	if (limits->milli_cpus > S2C_CPUS_MAX * 1000u)
		return s2c_fail(err, S2C_EDENIED,
			"a limit of %" PRIu32 " CPUs is too large: use --cpus %d or less",
			limits->milli_cpus / 1000, S2C_CPUS_MAX);
	return 0;
}

static int (*const rules[])(const struct s2c_uids *allowed,
	const struct s2c_policy_request *request, struct s2c_error **err) = {
	check_user,
	check_network,
	check_limits,
};

int s2c_policy_check(const struct s2c_uids *allowed,
	const struct s2c_policy_request *request, struct s2c_error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i](allowed, request, err) < 0)
			return -1;
	}
	return 0;
}

int s2c_limits_parse(const struct s2c_limit_options *options,
	enum s2c_network *out_network, struct s2c_limits *out_limits,
	struct s2c_error **err)
{
	enum s2c_network network = S2C_NETWORK_ISOLATED;
	struct s2c_limits limits = {
		.pids = options->pids ? options->pids : S2C_PIDS_DEFAULT};

	if (options->network && s2c_network_parse(options->network, &network, err))
		return s2c_wrap(err, "--network");
	if (options->memory && s2c_size_parse(options->memory, &limits.memory, err))
		return s2c_wrap(err, "--memory");
	if (options->cpus && s2c_cpus_parse(options->cpus, &limits.milli_cpus, err))
		return s2c_wrap(err, "--cpus");
	*out_network = network;
	*out_limits = limits;
	return 0;
}
