/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of commands that talk to registries: one struct and one piece of an option
 * table, for all of them.
 */
#ifndef S2C_CLI_REMOTE_H
#define S2C_CLI_REMOTE_H

#include <s2c/image.h>

#include "cli/command.h"

struct s2c_remote_args {
	const char *tls_verify;
	struct s2c_strv mirrors;
	struct s2c_remote_options o;
};

/* Rows of a table for the struct s2c_remote_args that is `member` of `type`. */
#define S2C_REMOTE_OPTIONS(type, member)                                                 \
	{"tls-verify", 0, S2C_OPT_STR, offsetof(type, member.tls_verify), "true|false",  \
		"false: plain http and any certificate are fine for this command",       \
		"true|false"},                                                           \
		{"ca-file", 0, S2C_OPT_STR, offsetof(type, member.o.ca_file), "FILE",    \
			"trust these certificates too", NULL},                           \
		{"cert-dir", 0, S2C_OPT_STR, offsetof(type, member.o.cert_dir), "DIR",   \
			"certificates (*.crt, *.cert with *.key) to use instead of "     \
			"those in certs.d",                                              \
			NULL},                                                           \
		{"authfile", 0, S2C_OPT_STR, offsetof(type, member.o.authfile), "FILE",  \
			"registry credentials to use instead of the usual files", NULL}, \
		{"retry", 0, S2C_OPT_MORE, offsetof(type, member.o.tries), "NUMBER",     \
			"try requests to registries again so often (default: 3)", NULL}, \
	{                                                                                \
		"registries-conf", 0, S2C_OPT_STR,                                       \
			offsetof(type, member.o.registries_conf), "FILE",                \
			"mirrors, aliases and the like instead of the usual files", NULL \
	}

/* One row more where something is pulled. */
#define S2C_MIRROR_OPTION(type, member)                                                  \
	{                                                                                \
		"registry-mirror", 0, S2C_OPT_LIST, offsetof(type, member.mirrors),      \
			"REGISTRY=MIRROR",                                               \
			"pull what begins with REGISTRY from MIRROR first, both "        \
			"HOST[:PORT] "                                                   \
			"with or without /PATH",                                         \
			NULL                                                             \
	}

/* And one where nothing else has a time limit. */
#define S2C_TIMEOUT_OPTION(type, member)                                                 \
	{                                                                                \
		"timeout", 0, S2C_OPT_UINT, offsetof(type, member.o.timeout), "SECONDS", \
			"give up after this time", NULL                                  \
	}

/* What was said, for the library; it borrows from `args`. */
struct s2c_remote_options s2c_remote_options_of(const struct s2c_remote_args *args);

#endif
