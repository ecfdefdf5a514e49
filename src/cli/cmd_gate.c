/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c gate: serving, and the commands that look at policies and audit logs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <s2c/gate.h>

#include "cli/command.h"
#include "util/error.h"

/* ---- check ---- */

static int check(struct s2c_call *call, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;

	if (s2c_gate_check(call->operands.items[0], &text, err))
		return -1;
	fputs(text, stdout);
	return 0;
}

static const struct s2c_command gate_check = {
	.name = "gate check",
	.summary = "say whether a policy is sound",
	.operands = "FILE",
	.description =
		"Loads a policy as the gate would and says what is wrong with it and "
		"where. A sound one may still have lines of warnings: about rules that "
		"nobody has, about credentials that others can read, and about an owner "
		"or permissions of the file for which the gate would refuse it.",
	.examples = "  s2c gate check /etc/s2c/policy.yaml\n",
	.min_operands = 1,
	.max_operands = 1,
	.run = check,
};

/* ---- explain ---- */

struct explain_args {
	const char *as, *socket, *request, *builder, *push;
};

#define EXPLAIN(field) offsetof(struct explain_args, field)

static const struct s2c_option explain_options[] = {
	{"as", 0, S2C_OPT_STR, EXPLAIN(as), "USER",
		"who asks: the name or number of a user of this host", NULL},
	{"socket", 0, S2C_OPT_STR, EXPLAIN(socket), "PATH",
		"who asks: somebody who came by this socket of a subject", NULL},
	{"builder", 0, S2C_OPT_STR, EXPLAIN(builder), "REF",
		"whether a build may use this image", NULL},
	{"push", 0, S2C_OPT_STR, EXPLAIN(push), "REF", "whether it may be pushed there",
		NULL},
	{"request", 0, S2C_OPT_STR, EXPLAIN(request), "FILE",
		"what becomes of the creation of a container with this JSON", NULL},
	{0},
};

static int explain(struct s2c_call *call, struct s2c_error **err)
{
	const struct explain_args *args = call->args;
	CLEAN_FREE char *text = NULL;
	bool allowed = false;
	struct s2c_gate_explain_options o = {
		.file = call->operands.items[0],
		.as = args->as,
		.socket = args->socket,
		.request = args->request,
		.builder = args->builder,
		.push = args->push,
	};

	if (s2c_gate_explain(&o, &text, &allowed, err))
		return -1;
	fputs(text, stdout);
	return allowed ? S2C_EXIT_DONE : S2C_EXIT_AUTH;
}

static const struct s2c_command gate_explain = {
	.name = "gate explain",
	.summary = "say what a policy means for a user",
	.operands = "FILE",
	.description =
		"Says which subject of the policy a user is, and what it may do, or "
		"whether it may do what is asked about and by which rule. Then come the "
		"values that hold for its containers, each with where it is set. The "
		"exit "
		"status is 4 if something asked about is denied.",
	.examples = "  s2c gate explain policy.yaml --as alice\n"
		    "  s2c gate explain policy.yaml --as alice --builder "
		    "registry.example/builder/python:3\n",
	.options = explain_options,
	.args_size = sizeof(struct explain_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = explain,
};

/* ---- diff ---- */

static int diff(struct s2c_call *call, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;
	bool same = false;

	if (s2c_gate_diff(
		    call->operands.items[0], call->operands.items[1], &text, &same, err))
		return -1;
	fputs(same ? "nobody gains or loses anything\n" : text, stdout);
	return 0;
}

static const struct s2c_command gate_diff = {
	.name = "gate diff",
	.summary = "say who gains or loses what by a new policy",
	.operands = "OLD NEW",
	.description =
		"Compares what two policies allow, not how they are written: one line "
		"for each right that somebody gains or loses, each value that becomes "
		"more or less, and each setting of the gate that changes.",
	.examples = "  s2c gate diff /etc/s2c/policy.yaml policy.yaml.new\n",
	.min_operands = 2,
	.max_operands = 2,
	.run = diff,
};

/* ---- audit ---- */

static int audit(struct s2c_call *call, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;

	if (!streq(call->operands.items[0], "verify"))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is nothing to do with an audit log: use 'verify'",
			call->operands.items[0]);
	if (s2c_gate_audit_verify(call->operands.items[1], &text, err))
		return -1;
	fputs(text, stdout);
	return 0;
}

static const struct s2c_command gate_audit = {
	.name = "gate audit",
	.summary = "verify the chain of an audit log",
	.operands = "verify FILE",
	.description =
		"Reads an audit log and verifies that each line follows on the one "
		"before it: a line that was changed, removed or put in is found, by its "
		"number. That the end was not cut off is shown by the hash that is "
		"printed: it is the one that the next file begins with.",
	.examples = "  s2c gate audit verify /var/log/s2c/audit.jsonl\n",
	.min_operands = 2,
	.max_operands = 2,
	.run = audit,
};

/* ---- selftest ---- */

static int selftest(struct s2c_call *call, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;
	bool held = false;

	(void)call;
	if (s2c_gate_selftest(&text, &held, err))
		return -1;
	fputs(text, stdout);
	return held ? S2C_EXIT_DONE : S2C_EXIT_FAILED;
}

static const struct s2c_command gate_selftest = {
	.name = "gate selftest",
	.summary = "prove the sandbox of a gate's workers",
	.operands = "",
	.description =
		"What clients send is read by processes that can do nothing but read, "
		"write and ask the gate. This starts such processes, lets each try one "
		"thing that it must not be able to do, and says what came of it on this "
		"kernel.",
	.run = selftest,
};

/* ---- serving ---- */

struct serve_args {
	const char *policy, *listen, *upstream, *state;
};

#define SERVE(field) offsetof(struct serve_args, field)

static const struct s2c_option serve_options[] = {
	{"policy", 0, S2C_OPT_STR, SERVE(policy), "FILE",
		"who may build with what, and push where", NULL},
	{"listen", 0, S2C_OPT_STR, SERVE(listen), "URL",
		"where clients come (default: " S2C_GATE_LISTEN
		", or what systemd has opened)",
		NULL},
	{"upstream", 0, S2C_OPT_STR, SERVE(upstream), "URL",
		"where the engine is (default: as the policy says)", NULL},
	{"state", 0, S2C_OPT_STR, SERVE(state), "DIR",
		"what the gate must know after a crash (default: " S2C_GATE_STATE ")",
		NULL},
	{0},
};

/* An eventfd that SIGHUP writes to. */
static int reload_fd = -1;

static void on_hangup(int number)
{
	uint64_t one = 1;

	(void)number;
	(void)!write(reload_fd, &one, sizeof(one));
}

static int serve(struct s2c_call *call, struct s2c_error **err)
{
	const struct serve_args *args = call->args;
	struct sigaction hangup = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
	struct s2c_gate_options options = {
		.policy = args->policy,
		.listen = args->listen,
		.upstream = args->upstream,
		.state = args->state,
	};

	if (!args->policy)
		return s2c_fail(err, S2C_EINVAL,
			"gate needs --policy FILE, or one of its commands; see 's2c gate "
			"--help'");
	reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (reload_fd < 0)
		return s2c_fail_errno(err, errno, "cannot make an eventfd");
	(void)sigaction(SIGHUP, &hangup, NULL);
	options.reload_fd = reload_fd;
	return s2c_gate_serve(call->ctx, &options, err);
}

/* ---- all of them ---- */

static const struct s2c_command *const gate_commands[] = {
	&gate_check,
	&gate_explain,
	&gate_diff,
	&gate_audit,
	&gate_selftest,
	NULL,
};

const struct s2c_command s2c_cmd_gate = {
	.name = "gate",
	.summary = "let users build with a container engine, and nothing else",
	.operands = "",
	.description =
		"Stands in front of a container engine, whose socket is as good as root, "
		"and offers another socket: a part of the engine's own protocol, enough "
		"to build images as a fixed user that is not root. What users may do is "
		"in a policy, and what they did in an audit log. Clients such as docker "
		"and s2i need no more than DOCKER_HOST.\n\n"
		"SIGHUP loads the policy anew; a bad one leaves all as it was. When the "
		"gate ends it removes the containers that it made.",
	.examples = "  s2c gate --policy /etc/s2c/policy.yaml\n"
		    "  DOCKER_HOST=unix:///run/s2c/gate.sock docker version\n",
	.options = serve_options,
	.args_size = sizeof(struct serve_args),
	.subcommands = gate_commands,
	.run = serve,
};
