/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c generate: the Dockerfile of a builder image for any source.
 */
#include <stdio.h>

#include <s2c/build.h>

#include "cli/remote.h"
#include "util/error.h"

struct args {
	struct s2c_build_options o;
	struct s2c_strv env, env_files;
	const char *runtime_user;
	struct s2c_remote_args remote;
};

#define ARG(field) offsetof(struct args, field)

static const struct s2c_option options[] = {
	{"env", 'e', S2C_OPT_LIST, ARG(env), "NAME=VALUE",
		"set a variable for assemble and for the image", NULL},
	{"environment-file", 'E', S2C_OPT_LIST, ARG(env_files), "FILE",
		"read variables from a file of NAME=VALUE lines", NULL},
	{"assemble-user", 0, S2C_OPT_STR, ARG(o.assemble_user), "USER",
		"user that runs assemble, a number or a name of the builder image", NULL},
	{"assemble-runtime-user", 0, S2C_OPT_STR, ARG(runtime_user), "USER",
		"taken as S2I does; without a runtime image it means nothing", NULL},
	{"allowed-uids", 'u', S2C_OPT_STR, ARG(o.allowed_uids), "RANGES",
		"user ids that may run assemble, such as 1001,2000- (default: 1-)", NULL},
	{"destination", 'd', S2C_OPT_STR, ARG(o.destination), "DIR",
		"directory in the image that gets src and scripts", NULL},
	{"image-scripts-url", 0, S2C_OPT_STR, ARG(o.image_scripts_url), "URL",
		"where the scripts of a builder image are that does not say it (default: "
		"image:///usr/libexec/s2i)",
		NULL},
	{"keep-build-files", 0, S2C_OPT_FLAG, ARG(o.keep_build_files), NULL,
		"leave the copied source and scripts in the image", NULL},
	S2C_MIRROR_OPTION(struct args, remote),
	S2C_REMOTE_OPTIONS(struct args, remote),
	{0},
};

static const char *const *list_of(const struct s2c_strv *v)
{
	return v->len ? (const char *const *)v->items : NULL;
}

static int generate(struct s2c_call *call, struct s2c_error **err)
{
	struct args *args = call->args;
	CLEAN_FREE char *path = NULL;

	args->o.builder = call->operands.items[0];
	args->o.env = list_of(&args->env);
	args->o.env_files = list_of(&args->env_files);
	args->o.remote = s2c_remote_options_of(&args->remote);
	if (s2c_build_as_dockerfile(call->ctx, call->store, &args->o,
		    call->operands.items[1], &path, err))
		return -1;
	puts(path);
	return 0;
}

const struct s2c_command s2c_cmd_generate = {
	.name = "generate",
	.summary = "write a Dockerfile that builds with a builder image",
	.operands = "BUILDER FILE",
	.description =
		"Writes a Dockerfile that does what 's2c build' would do with BUILDER, "
		"for whatever source is in the directory 'upload/src' beside it when "
		"it is built. Of the builder image only its labels are looked at: in "
		"the store, else at its registry. Where neither has it the usual "
		"places are taken, with a warning.\n\n"
		"'s2c build --as-dockerfile' writes one for a source, with the source.",
	.examples = "  s2c generate registry.example/builder/python out/Dockerfile\n"
		    "  podman build out\n",
	.options = options,
	.args_size = sizeof(struct args),
	.min_operands = 2,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = generate,
};
