/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that talk to registries: pull, push, referrers. And the options that they
 * share with others.
 */
#include <stdio.h>

#include <s2c/image.h>

#include "cli/remote.h"
#include "util/mem.h"

struct args {
	struct s2c_remote_args remote;
	const char *platform; /* of pull */
	struct s2c_strv tags; /* of push */
	const char *chunk_size, *compression;
	bool force_compression;
	const char *subject;
	const char *artifact_type; /* of referrers */
};

#define ARG(field) offsetof(struct args, field)

static const struct s2c_option pull_options[] = {
	{"platform", 0, S2C_OPT_STR, ARG(platform), "OS/ARCH[/VARIANT]",
		"which image of an index (default: this host's)", NULL},
	S2C_MIRROR_OPTION(struct args, remote),
	S2C_REMOTE_OPTIONS(struct args, remote),
	S2C_TIMEOUT_OPTION(struct args, remote),
	{0},
};

static const struct s2c_option push_options[] = {
	{"tag", 't', S2C_OPT_LIST, ARG(tags), "TAG|REGISTRY/NAME[:TAG]",
		"push under this tag or name too; content is sent once", NULL},
	{"chunk-size", 0, S2C_OPT_STR, ARG(chunk_size), "SIZE",
		"upload in pieces of this size, such as 16m (default: only when the "
		"registry does not take a blob otherwise)",
		NULL},
	{"compression", 0, S2C_OPT_STR, ARG(compression), "METHOD[:LEVEL]",
		"compress layers that are not: gzip or zstd, with a level as in zstd:9; "
		"the registry gets another manifest then",
		NULL},
	{"force-compression", 0, S2C_OPT_FLAG, ARG(force_compression), NULL,
		"compress all layers anew", NULL},
	{"subject", 0, S2C_OPT_STR, ARG(subject), "REGISTRY/NAME[:TAG|@DIGEST]",
		"push it as something that refers to this image, into its repository",
		NULL},
	S2C_REMOTE_OPTIONS(struct args, remote),
	S2C_TIMEOUT_OPTION(struct args, remote),
	{0},
};

struct s2c_remote_options s2c_remote_options_of(const struct s2c_remote_args *args)
{
	struct s2c_remote_options o = args->o;

	o.tls_verify_off = args->tls_verify && streq(args->tls_verify, "false");
	if (args->mirrors.len)
		o.registry_mirrors = (const char *const *)args->mirrors.items;
	return o;
}

static int pull(struct s2c_call *call, struct s2c_error **err)
{
	const struct args *args = call->args;
	struct s2c_pull_options o = {.remote = s2c_remote_options_of(&args->remote),
		.platform = args->platform};
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
	.description =
		"Fetches an image into the store and prints its manifest digest. A NAME "
		"without registry is what [aliases] of registries.conf says. Mirrors are "
		"tried before the registry itself.",
	.options = pull_options,
	.args_size = sizeof(struct args),
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = pull,
};

static int push(struct s2c_call *call, struct s2c_error **err)
{
	const struct args *args = call->args;
	struct s2c_push_options o = {
		.remote = s2c_remote_options_of(&args->remote),
		.destination = call->operands.len > 1 ? call->operands.items[1] : NULL,
		.tags = (const char *const *)args->tags.items,
		.chunk_size = args->chunk_size,
		.compression = args->compression,
		.force_compression = args->force_compression,
		.subject = args->subject,
	};
	CLEAN_FREE char *pushed = NULL;

	if (s2c_images_push(
		    call->ctx, call->store, call->operands.items[0], &o, &pushed, err))
		return -1;
	puts(pushed);
	return 0;
}

const struct s2c_command s2c_cmd_push = {
	.name = "push",
	.summary = "send an image to a registry",
	.operands = "IMAGE [REGISTRY/NAME[:TAG]]",
	.description =
		"Sends an image to the registry of its name, or to the name given, "
		"and prints NAME@DIGEST, a line for each repository. What is there "
		"already is not sent again, and what another repository of the "
		"registry is known to have is mounted from there.",
	.examples = "  s2c push myapp registry.example/team/app:v2 \\\n"
		    "      --tag latest --tag mirror.example/team/app:v2\n",
	.options = push_options,
	.args_size = sizeof(struct args),
	.min_operands = 1,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = push,
};

static const struct s2c_option referrers_options[] = {
	{"artifact-type", 0, S2C_OPT_STR, ARG(artifact_type), "TYPE",
		"only what is of this type", NULL},
	S2C_REMOTE_OPTIONS(struct args, remote),
	S2C_TIMEOUT_OPTION(struct args, remote),
	{0},
};

static int referrers(struct s2c_call *call, struct s2c_error **err)
{
	const struct args *args = call->args;
	struct s2c_remote_options o = s2c_remote_options_of(&args->remote);
	CLEAN_FREE char *json = NULL;

	if (s2c_images_referrers(call->ctx, call->operands.items[0], &o,
		    args->artifact_type, &json, err))
		return -1;
	puts(json);
	return 0;
}

const struct s2c_command s2c_cmd_referrers = {
	.name = "referrers",
	.summary = "list what refers to an image in a registry",
	.operands = "REGISTRY/NAME[:TAG|@DIGEST]",
	.description =
		"Prints signatures, bills of materials and other things that refer "
		"to an image, as a JSON array of descriptors.",
	.options = referrers_options,
	.args_size = sizeof(struct args),
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_NOTHING,
	.run = referrers,
};
