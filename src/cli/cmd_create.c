/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c create: the files of a new builder image.
 */
#include <s2c/create.h>

#include "cli/command.h"

static const struct s2c_option options[] = {
	{"from", 0, S2C_OPT_STR, offsetof(struct s2c_create_options, from), "IMAGE",
		"base image of the Dockerfile (default: " S2C_CREATE_FROM ")", NULL},
	{"force", 0, S2C_OPT_FLAG, offsetof(struct s2c_create_options, force), NULL,
		"replace files that are there already", NULL},
	{0},
};

static int create(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_create_options *o = call->args;

	o->image = call->operands.items[0];
	o->directory = call->operands.items[1];
	return s2c_create(call->ctx, o, err);
}

const struct s2c_command s2c_cmd_create = {
	.name = "create",
	.summary = "write the files of a new builder image",
	.operands = "IMAGE DIR",
	.description =
		"Writes a Dockerfile, the scripts assemble, run, usage and "
		"save-artifacts, a test with an application, a Makefile, CI files and a "
		"README to DIR, which is made when it is missing. They work as they are: "
		"'make -C DIR test' builds IMAGE with docker or podman and tests it.\n\n"
		"When one of the files is there already, nothing is written.",
	.examples =
		"  s2c create builder/ruby ./builder-ruby\n"
		"  s2c create --from docker.io/library/ruby:3.3-slim builder/ruby .\n",
	.options = options,
	.args_size = sizeof(struct s2c_create_options),
	.min_operands = 2,
	.max_operands = 2,
	.run = create,
};
