/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that talk to a registry: pull and push.
 */
#include <stdio.h>

#include <s2c/image.h>

#include "cli/command.h"
#include "util/mem.h"

struct remote_args {
	const char *tls_verify, *ca_file, *authfile;
};

static const struct s2c_option remote_options[] = {
	{"tls-verify", 0, S2C_OPT_STR, offsetof(struct remote_args, tls_verify),
		"true|false",
		"false: plain http and any certificate are fine for this command",
		"true|false"},
	{"ca-file", 0, S2C_OPT_STR, offsetof(struct remote_args, ca_file), "FILE",
		"trust these certificates too", NULL},
	{"authfile", 0, S2C_OPT_STR, offsetof(struct remote_args, authfile), "FILE",
		"registry credentials to use instead of the usual files", NULL},
	{0},
};

static struct s2c_remote_options remote(const struct remote_args *args)
{
	return (struct s2c_remote_options){
		.tls_verify_off = args->tls_verify && streq(args->tls_verify, "false"),
		.ca_file = args->ca_file,
		.authfile = args->authfile,
	};
}

static int pull(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_remote_options o = remote(call->args);
	char digest[136];

	if (s2c_images_pull(
		    call->ctx, call->store, call->operands.items[0], &o, digest, err))
		return -1;
	puts(digest);
	return 0;
}

const struct s2c_command s2c_cmd_pull = {
	.name = "pull",
	.summary = "fetch an image from a registry",
	.operands = "REGISTRY/NAME[:TAG|@DIGEST]",
	.description = "Fetches an image into the store and prints its manifest digest. "
		       "Loopback registries are reached by http, others by https.",
	.options = remote_options,
	.args_size = sizeof(struct remote_args),
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = pull,
};

static int push(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_remote_options o = remote(call->args);
	const char *destination = call->operands.len > 1 ? call->operands.items[1] : NULL;
	struct s2c_push_result result;

	if (s2c_images_push(call->ctx, call->store, call->operands.items[0], destination,
		    &o, &result, err))
		return -1;
	puts(result.pushed);
	return 0;
}

const struct s2c_command s2c_cmd_push = {
	.name = "push",
	.summary = "send an image to a registry",
	.operands = "IMAGE [REGISTRY/NAME[:TAG]]",
	.description =
		"Sends an image to the registry of its name, or to the name given, "
		"and prints NAME@DIGEST. What is there already is not sent again.",
	.options = remote_options,
	.args_size = sizeof(struct remote_args),
	.min_operands = 1,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = push,
};
