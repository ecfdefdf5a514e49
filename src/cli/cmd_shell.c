/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c shell: into the container of a build that failed.
 */
#include <unistd.h>

#include <s2c/run.h>

#include "cli/limits.h"
#include "util/error.h"

struct args {
	struct s2c_run_options o;
	bool last;
};

#define ARG(field) offsetof(struct args, field)

static const struct s2c_option options[] = {
	{"last", 0, S2C_OPT_FLAG, ARG(last), NULL,
		"the container that s2c build --keep-failed kept last", NULL},
	S2C_NETWORK_OPTION(struct args, o),
	S2C_LIMIT_OPTIONS(struct args, o),
	{0},
};

static int check(struct s2c_call *call, struct s2c_error **err)
{
	const struct args *args = call->args;

	if (args->last)
		return 0;
	return s2c_fail(err, S2C_EINVAL,
		"say which container: --last is the one that 's2c build --keep-failed' "
		"kept; for an image there is 's2c run IMAGE -- sh'");
}

static int shell(struct s2c_call *call, struct s2c_error **err)
{
	struct args *args = call->args;
	struct s2c_run_options *o = &args->o;
	int status;

	o->argv = call->operands.len ? (const char *const *)call->operands.items : NULL;
	o->fd_in = STDIN_FILENO;
	o->fd_out = STDOUT_FILENO;
	o->fd_err = STDERR_FILENO;
	if (s2c_shell_last(call->ctx, call->store, o, &status, err))
		return -1;
	return status;
}

const struct s2c_command s2c_cmd_shell = {
	.name = "shell",
	.summary = "go into the container of a failed build",
	.operands = "--last [-- CMD...]",
	.description =
		"Runs a shell, or CMD, on the files that a failed assemble left, as the "
		"user that ran it, with its environment and directory. Nothing that is "
		"written there is kept; the next failed build with --keep-failed takes "
		"its place, and s2c prune removes it. The exit status is that of the "
		"process.",
	.examples = "  s2c build ./app builder/python myapp --keep-failed\n"
		    "  s2c shell --last\n"
		    "  s2c shell --last -- ls -la /tmp/src\n",
	.options = options,
	.args_size = sizeof(struct args),
	.max_operands = -1,
	.needs = S2C_NEEDS_STORE,
	.check = check,
	.run = shell,
};
