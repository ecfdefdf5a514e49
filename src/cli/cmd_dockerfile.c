/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c dockerfile: a Dockerfile of the kind that build --as-dockerfile and generate write,
 * built without an engine.
 */
#include <stdio.h>

#include "cli/build_args.h"
#include "util/error.h"

struct args {
	struct s2c_build_args
		build; /* the first member: rows of build's table are in it */
	const char *file;
	struct s2c_strv build_args;
};

#define ARG(field) offsetof(struct args, field)

static const struct s2c_option own[] = {
	{"file", 'f', S2C_OPT_STR, ARG(file), "FILE",
		"the Dockerfile (default: CONTEXT/Dockerfile)", NULL},
	{"build-arg", 0, S2C_OPT_LIST, ARG(build_args), "NAME[=VALUE]",
		"value of an ARG; without VALUE that of the environment", NULL},
	/* What means the same to build, but is said of other things there. */
	{"allowed-uids", 'u', S2C_OPT_STR, ARG(build.o.allowed_uids), "RANGES",
		"user ids that a RUN may have, such as 1001,2000- (default: 1-)", NULL},
	{"pull-policy", 'p', S2C_OPT_STR, ARG(build.pull_policy), "POLICY",
		"when to pull the images of FROM", "always|if-not-present|never"},
	{"platform", 0, S2C_OPT_STR, ARG(build.o.platform), "OS/ARCH[/VARIANT]",
		"which image of an index, where FROM does not say it (default: this "
		"host's)",
		NULL},
	{"secret", 0, S2C_OPT_LIST, ARG(build.secrets), "id=NAME,src=FILE",
		"a secret for the RUNs that mount NAME; or id=NAME,env=VARIABLE", NULL},
	{"ssh", 0, S2C_OPT_STR, ARG(build.o.ssh), "AGENT",
		"the SSH agent for the RUNs that mount it: default for that of "
		"SSH_AUTH_SOCK, or a socket",
		NULL},
	{"engine", 0, S2C_OPT_STR, ARG(build.o.engine), "ENGINE",
		"refused, as engines build Dockerfiles by themselves; '' if S2C_ENGINE "
		"is set",
		NULL},
};

/* Of the options of build: what does not ask for a builder image or its scripts. */
static const char *const names[] = {
	"network",
	"add-host",
	"memory",
	"cpus",
	"pids-limit",
	"timeout",
	"oci-runtime",
	"ca-bundle",
	"compression",
	"output",
	"push",
	"tag",
	"chunk-size",
	"label",
	"annotation",
	"iidfile",
	"digest-file",
	"metadata-file",
	"tls-verify",
	"ca-file",
	"cert-dir",
	"authfile",
	"retry",
	"registries-conf",
	"registry-mirror",
};

/* All rows and the end; filled in by s2c_cmd_dockerfile_init(). */
static struct s2c_option options[ARRAY_SIZE(own) + ARRAY_SIZE(names) + 1];

void s2c_cmd_dockerfile_init(void)
{
	memcpy(options, own, sizeof(own));
	s2c_build_options_named(names, ARRAY_SIZE(names), options + ARRAY_SIZE(own));
}

static int dockerfile(struct s2c_call *call, struct s2c_error **err)
{
	struct args *args = call->args;
	CLEAN(s2c_build_result_release) struct s2c_build_result result = {0};
	struct s2c_dockerfile_options what = {
		.context = call->operands.items[0],
		.file = args->file,
		.build_args = args->build_args.len
				      ? (const char *const *)args->build_args.items
				      : NULL,
	};

	if (s2c_build_args_settle(call, err))
		return -1;
	args->build.o.tag = call->operands.len > 1 ? call->operands.items[1] : NULL;
	if (s2c_dockerfile_build(
		    call->ctx, call->store, &args->build.o, &what, &result, err) ||
		s2c_build_record(&args->build, &result, err))
		return -1;
	puts(result.pushed ? result.pushed : result.image_id);
	return 0;
}

const struct s2c_command s2c_cmd_dockerfile = {
	.name = "dockerfile",
	.summary = "build a Dockerfile that build --as-dockerfile or generate wrote",
	.operands = "CONTEXT [TAG]",
	.description =
		"Builds a Dockerfile of the kind that 's2c build --as-dockerfile' and "
		"'s2c generate' write, without an engine. CONTEXT is the directory that "
		"COPY takes files of; a .dockerignore in it says which it may not. "
		"Without TAG the image has no name but its id, which is printed.\n\n"
		"A RUN as root is refused, unless --allowed-uids has 0. Heredocs, ADD "
		"of URLs, COPY --from an image, stages on top of stages and whatever "
		"else such a file does not hold is refused, with its line; nothing of a "
		"build is taken from an earlier one.",
	.examples = "  s2c build ./app builder/python --as-dockerfile out/\n"
		    "  s2c dockerfile out myapp\n"
		    "  s2c dockerfile --secret id=token,src=token.txt out myapp\n",
	.options = options,
	.args_size = sizeof(struct args),
	.min_operands = 1,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = dockerfile,
};
