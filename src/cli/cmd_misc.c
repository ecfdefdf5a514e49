/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands about s2c itself: doctor, version, help.
 */
#include <stdio.h>

#include <s2c/host.h>

#include "cli/command.h"
#include "cli/help.h"
#include "util/error.h"

struct doctor_args {
	const char *oci_runtime;
};

static const struct s2c_option doctor_options[] = {
	{"oci-runtime", 0, S2C_OPT_STR, offsetof(struct doctor_args, oci_runtime),
		"PROGRAM",
		"OCI runtime to check, a name or path (default: crun, else runc)", NULL},
	{0},
};

static int doctor(struct s2c_call *call, struct s2c_error **err)
{
	static const char *const words[] = {
		[S2C_CHECK_OK] = "ok",
		[S2C_CHECK_WARN] = "warn",
		[S2C_CHECK_FAIL] = "FAIL",
	};
	const struct doctor_args *args = call->args;
	struct s2c_check_result *results = NULL;
	size_t n = 0, failed = 0;

	s2c_host_doctor(call->ctx, call->root, args->oci_runtime, &results, &n);
	for (size_t i = 0; i < n; i++) {
		printf("%-4s  %-16s  %s\n", words[results[i].state], results[i].name,
			results[i].detail);
		failed += results[i].state == S2C_CHECK_FAIL;
	}
	s2c_check_results_free(results, n);
	if (failed)
		return s2c_fail(
			err, S2C_EUNSUPPORTED, "%zu of %zu checks failed", failed, n);
	return 0;
}

const struct s2c_command s2c_cmd_doctor = {
	.name = "doctor",
	.summary = "check what this host can do",
	.operands = "",
	.description =
		"Checks what builds need of this host: user namespaces, overlay, an "
		"OCI runtime, cgroups, network helpers, the store. Says what to do "
		"about what is missing.",
	.options = doctor_options,
	.args_size = sizeof(struct doctor_args),
	.run = doctor,
};

static int version(struct s2c_call *call, struct s2c_error **err)
{
	(void)err;
	puts(call->global->s2i ? "s2i v" S2C_VERSION " (s2c)" : "s2c " S2C_VERSION);
	return 0;
}

const struct s2c_command s2c_cmd_version = {
	.name = "version",
	.summary = "print the version",
	.operands = "",
	.description = "Prints the version.",
	.run = version,
};

struct help_args {
	bool man;
};

static const struct s2c_option help_options[] = {
	{"man", 0, S2C_OPT_FLAG, offsetof(struct help_args, man), NULL,
		"print the manual page's source instead", NULL},
	{0},
};

static int help(struct s2c_call *call, struct s2c_error **err)
{
	const struct help_args *args = call->args;
	const struct s2c_command *command = NULL;

	if (call->operands.len) {
		command = s2c_command_find(call->operands.items[0]);
		if (!command)
			return s2c_fail(err, S2C_EINVAL,
				"unknown command '%s'; see 's2c help'",
				call->operands.items[0]);
	}
	if (call->operands.len > 1) {
		const char *word = call->operands.items[1];

		command = s2c_subcommand_find(command, word);
		if (!command)
			return s2c_fail(err, S2C_EINVAL,
				"'%s' has no command '%s'; see 's2c help %s'",
				call->operands.items[0], word, call->operands.items[0]);
	}
	if (args->man)
		s2c_help_man(stdout, command);
	else if (command)
		s2c_help_command(stdout, command);
	else
		s2c_help_overview(stdout);
	return 0;
}

const struct s2c_command s2c_cmd_help = {
	.name = "help",
	.summary = "show help on a command",
	.operands = "[COMMAND [WORD]]",
	.description = "Shows the commands, or what one of them does.",
	.options = help_options,
	.args_size = sizeof(struct help_args),
	.max_operands = 2,
	.run = help,
};
