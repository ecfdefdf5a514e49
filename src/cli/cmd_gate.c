/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c gate: the commands that look at policies and audit logs.
 */
#include <stdio.h>

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

/* ---- all of them ---- */

static const struct s2c_command *const gate_commands[] = {
	&gate_check,
	&gate_explain,
	&gate_diff,
	&gate_audit,
	NULL,
};

static int gate(struct s2c_call *call, struct s2c_error **err)
{
	(void)call;
	return s2c_fail(
		err, S2C_EINVAL, "gate needs one of its commands; see 's2c gate --help'");
}

const struct s2c_command s2c_cmd_gate = {
	.name = "gate",
	.summary = "look at the policy and audit log of a gate",
	.operands = "COMMAND ...",
	.description =
		"A gate stands in front of a container engine and lets users build "
		"with it, and nothing else. What they may do is in its policy.",
	.subcommands = gate_commands,
	.run = gate,
};
