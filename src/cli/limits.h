/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of commands that run a container: what it may use.
 */
#ifndef S2C_CLI_LIMITS_H
#define S2C_CLI_LIMITS_H

#include "cli/command.h"

/* Rows of a table for members `memory`, `cpus`, ... of the `member` of `type`. */
#define S2C_LIMIT_OPTIONS(type, member)                                                  \
	{"memory", 0, S2C_OPT_STR, offsetof(type, member.memory), "SIZE",                \
		"memory limit, such as 512m or 2g", NULL},                               \
		{"cpus", 0, S2C_OPT_STR, offsetof(type, member.cpus), "NUMBER",          \
			"CPU limit, such as 1.5", NULL},                                 \
		{"pids-limit", 0, S2C_OPT_UINT, offsetof(type, member.pids_limit),       \
			"NUMBER", "most processes at once (default: 4096)", NULL},       \
	{                                                                                \
		"oci-runtime", 0, S2C_OPT_STR, offsetof(type, member.oci_runtime),       \
			"PROGRAM",                                                       \
			"OCI runtime to use, a name or path (default: crun, else runc)", \
			NULL                                                             \
	}

/* And one for those that run an image, not a build. */
#define S2C_NETWORK_OPTION(type, member)                                                 \
	{                                                                                \
		"network", 0, S2C_OPT_STR, offsetof(type, member.network), "MODE",       \
			"network of the container (default: isolated where the host "    \
			"can, else none)",                                               \
			"isolated|none|host"                                             \
	}

#endif
