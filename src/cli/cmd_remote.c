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
	unsigned tries, timeout;
};

/* Options of every command that talks to a registry; `args` is where remote_args is. */
#define REMOTE_OPTIONS(args)                                                             \
	{"tls-verify", 0, S2C_OPT_STR,                                                   \
		(args) + offsetof(struct remote_args, tls_verify), "true|false",         \
		"false: plain http and any certificate are fine for this command",       \
		"true|false"},                                                           \
		{"ca-file", 0, S2C_OPT_STR,                                              \
			(args) + offsetof(struct remote_args, ca_file), "FILE",          \
			"trust these certificates too", NULL},                           \
		{"authfile", 0, S2C_OPT_STR,                                             \
			(args) + offsetof(struct remote_args, authfile), "FILE",         \
			"registry credentials to use instead of the usual files", NULL}, \
		{"retry", 0, S2C_OPT_MORE, (args) + offsetof(struct remote_args, tries), \
			"NUMBER", "try again so often after a failure (default: 3)",     \
			NULL},                                                           \
	{                                                                                \
		"timeout", 0, S2C_OPT_UINT,                                              \
			(args) + offsetof(struct remote_args, timeout), "SECONDS",       \
			"give up after this time", NULL                                  \
	}

static struct s2c_remote_options remote(const struct remote_args *args)
{
	return (struct s2c_remote_options){
		.tls_verify_off = args->tls_verify && streq(args->tls_verify, "false"),
		.ca_file = args->ca_file,
		.authfile = args->authfile,
		.tries = args->tries,
		.timeout = args->timeout,
	};
}

static const struct s2c_option pull_options[] = {REMOTE_OPTIONS(0), {0}};

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
	.options = pull_options,
	.args_size = sizeof(struct remote_args),
	.min_operands = 1,
	.max_operands = 1,
	.needs = S2C_NEEDS_STORE,
	.run = pull,
};

struct push_args {
	struct remote_args remote;
	struct s2c_strv tags;
	const char *chunk_size;
};

#define PUSH_ARG(field) offsetof(struct push_args, field)

static const struct s2c_option push_options[] = {
	{"tag", 't', S2C_OPT_LIST, PUSH_ARG(tags), "TAG|REGISTRY/NAME[:TAG]",
		"push under this tag or name too; content is sent once", NULL},
	{"chunk-size", 0, S2C_OPT_STR, PUSH_ARG(chunk_size), "SIZE",
		"upload in pieces of this size, such as 16m (default: only when the "
		"registry does not take a blob otherwise)",
		NULL},
	REMOTE_OPTIONS(PUSH_ARG(remote)),
	{0},
};

static int push(struct s2c_call *call, struct s2c_error **err)
{
	struct push_args *args = call->args;
	struct s2c_push_options o = {
		.remote = remote(&args->remote),
		.destination = call->operands.len > 1 ? call->operands.items[1] : NULL,
		.tags = (const char *const *)args->tags.items,
		.chunk_size = args->chunk_size,
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
	.args_size = sizeof(struct push_args),
	.min_operands = 1,
	.max_operands = 2,
	.needs = S2C_NEEDS_STORE,
	.run = push,
};
