/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c rebuild: a build whose source and builder image an image remembers.
 */
#include "cli/build_args.h"
#include "util/error.h"

#define ARG(field) offsetof(struct s2c_build_args, field)

static const struct s2c_option options[] = {
	{"source", 0, S2C_OPT_STR, ARG(again_source), "SOURCE",
		"build this instead of what the image was built from", NULL},
	{"builder", 0, S2C_OPT_STR, ARG(again_builder), "BUILDER",
		"builder image to use instead of the one the image was built with", NULL},
	{"allow-local-source", 0, S2C_OPT_FLAG, ARG(again.allow_local_source), NULL,
		"take paths and addresses of this host from the image's labels", NULL},
	{0},
};

static void free_rebuild(struct s2c_rebuild **rebuild)
{
	s2c_rebuild_free(*rebuild);
}

static int rebuild(struct s2c_call *call, struct s2c_error **err)
{
	CLEAN(free_rebuild) struct s2c_rebuild *again = NULL;
	struct s2c_build_args *args = call->args;

	if (s2c_build_args_settle(call, err))
		return -1;
	if (args->use_config)
		return s2c_fail(err, S2C_EINVAL,
			"--use-config is for s2c build: what is built again, the image "
			"says");
	args->again.image = call->operands.items[0];
	args->o.source = args->again_source;
	args->o.builder = args->again_builder;
	args->o.tag = call->operands.len > 1 ? call->operands.items[1] : NULL;
	if (s2c_rebuild_prepare(
		    call->ctx, call->store, &args->again, &args->o, &again, err))
		return -1;
	return s2c_build_perform(call, s2c_rebuild_build_options(again), err);
}

const struct s2c_command s2c_cmd_rebuild = {
	.name = "rebuild",
	.summary = "build an image again from what it was built from",
	.operands = "IMAGE [TAG]",
	.description =
		"Builds again what an image was built from, with the builder image that "
		"was used, both as they are now. The labels of the image say what that "
		"was: s2c and S2I write them. Variables that the image has and its "
		"builder has not are kept, and so are --scripts-url, --destination, "
		"--assemble-user and --runtime-image with what goes with it; options "
		"that are given win over what the image remembers.\n\n"
		"Without TAG the result gets the name IMAGE. Labels are the word of "
		"whoever made the image: a path of this host is only followed when "
		"--allow-local-source or --source says so.",
	.examples = "  s2c rebuild registry.example/team/app:v1 "
		    "registry.example/team/app:v2\n"
		    "  s2c rebuild myapp --source ./app\n",
	.options = options,
	.shared = s2c_build_option_table,
	.args_size = sizeof(struct s2c_build_args),
	.min_operands = 1,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = rebuild,
};
