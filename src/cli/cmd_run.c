/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c run: try an image in the foreground.
 */
#include <stdio.h>

#include <s2c/run.h>

#include "cli/limits.h"

struct args {
	struct s2c_run_options o;
	struct s2c_strv ports, env;
};

#define ARG(field) offsetof(struct args, field)

static const struct s2c_option options[] = {
	{"publish", 'p', S2C_OPT_LIST, ARG(ports), "[IP:]HOST:CONT",
		"reach TCP port CONT of the container at port HOST (of 127.0.0.1)", NULL},
	{"env", 'e', S2C_OPT_LIST, ARG(env), "NAME=VALUE", "set a variable", NULL},
	{"user", 'u', S2C_OPT_STR, ARG(o.user), "USER",
		"user instead of the image's, a number or a name of the image", NULL},
	S2C_NETWORK_OPTION(struct args, o),
	S2C_LIMIT_OPTIONS(struct args, o),
	{0},
};

static int run(struct s2c_call *call, struct s2c_error **err)
{
	struct args *args = call->args;
	struct s2c_run_options *o = &args->o;
	int status;

	o->image = call->operands.items[0];
	o->argv = call->operands.len > 1 ? (const char *const *)call->operands.items + 1
					 : NULL;
	o->ports = args->ports.len ? (const char *const *)args->ports.items : NULL;
	o->env = args->env.len ? (const char *const *)args->env.items : NULL;
	o->fd_in = 0;
	o->fd_out = 1;
	o->fd_err = 2;
	if (s2c_image_run(call->ctx, call->store, o, &status, err))
		return -1;
	return status;
}

const struct s2c_command s2c_cmd_run = {
	.name = "run",
	.summary = "run an image in the foreground",
	.operands = "IMAGE [-- CMD...]",
	.description =
		"Runs the image's command, or CMD instead, in a container that is gone "
		"with "
		"its process; nothing it writes is kept. The exit status is that of the "
		"process.",
	.examples = "  s2c run -p 8080:8080 myapp\n  s2c run myapp -- python3 -V\n",
	.options = options,
	.args_size = sizeof(struct args),
	.min_operands = 1,
	.max_operands = -1,
	.needs = S2C_NEEDS_STORE,
	.run = run,
};
