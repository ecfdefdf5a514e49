/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c usage: what a builder image says of itself.
 */
#include <unistd.h>

#include "cli/build_args.h"
#include "util/error.h"

/* Of the options of build: what a container without a source has a use for. */
static const char *const names[] = {
	"env",
	"environment-file",
	"scripts-url",
	"destination",
	"assemble-user",
	"allowed-uids",
	"pull-policy",
	"platform",
	"network",
	"memory",
	"cpus",
	"pids-limit",
	"timeout",
	"oci-runtime",
	"engine",
	"url",
	"tls",
	"tlsverify",
	"ca",
	"cert",
	"key",
	"ca-bundle",
	"tls-verify",
	"ca-file",
	"cert-dir",
	"authfile",
	"retry",
	"registries-conf",
	"registry-mirror",
	"dockercfg-path",
	"location",
	"scripts",
	"save-temp-dir",
};

#define ARG(field) offsetof(struct s2c_build_args, field)
#define POLICIES "always|if-not-present|never"
#define FOR_S2I "for command lines of S2I, without effect"

/* S2I's command takes them as well, and has as little use for them. */
static const struct s2c_option unused[] = {
	{"incremental", 0, S2C_OPT_FLAG, ARG(unused), NULL, FOR_S2I, NULL},
	{"rm", 0, S2C_OPT_FLAG, ARG(unused), NULL, FOR_S2I, NULL},
	{"callback-url", 0, S2C_OPT_STR, ARG(unused_text), "URL", FOR_S2I, NULL},
	{"incremental-pull-policy", 0, S2C_OPT_STR, ARG(unused_text), "POLICY", FOR_S2I,
		POLICIES},
	{"runtime-pull-policy", 0, S2C_OPT_STR, ARG(unused_text), "POLICY", FOR_S2I,
		POLICIES},
	{0},
};

/* The rows of `names` and the end; filled in by s2c_cmd_usage_init(). */
static struct s2c_option options[ARRAY_SIZE(names) + 1];

void s2c_cmd_usage_init(void)
{
	s2c_build_options_named(names, ARRAY_SIZE(names), options);
}

static int usage(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_build_args *args = call->args;

	if (s2c_build_args_settle(call, err))
		return -1;
	if (args->o.phase_timeouts)
		return s2c_fail(err, S2C_EINVAL,
			"--timeout '%s': only builds have phases with a time of their "
			"own",
			args->o.phase_timeouts[0]);
	args->o.builder = call->operands.items[0];
	return s2c_builder_usage(call->ctx, call->store, &args->o, STDOUT_FILENO, err);
}

const struct s2c_command s2c_cmd_usage = {
	.name = "usage",
	.summary = "show how a builder image is used",
	.operands = "BUILDER",
	.description = "Runs the usage script of a builder image, as the user that would "
		       "run its assemble, and shows what it prints. Nothing is kept.",
	.examples = "  s2c usage builder/python\n",
	.options = options,
	.shared = unused,
	.args_size = sizeof(struct s2c_build_args),
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = usage,
};
