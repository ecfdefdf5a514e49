/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in front of a container engine: looking at its policy and at its audit log.
 * docs/gate.md is the reference of both.
 */
#ifndef S2C_GATE_H
#define S2C_GATE_H

#include <stdbool.h>

#include <s2c/context.h>

#define S2C_GATE_LISTEN "unix:///run/s2c/gate.sock"
#define S2C_GATE_STATE "/var/lib/s2c-gate"

struct s2c_gate_options {
	const char *policy;
	const char *listen;   /* "unix:///PATH"; NULL: S2C_GATE_LISTEN, unless a service
				 manager has opened sockets */
	const char *upstream; /* "unix:///PATH" of the engine; NULL: as the policy says */
	const char *state; /* directory for what survives a crash; NULL: S2C_GATE_STATE */
	int reload_fd;     /* an eventfd: load the policy anew; -1: never */
};

/*
 * Serves clients until the context is cancelled; then ends what is under way and removes
 * the containers that it made. For a process with one thread.
 */
int s2c_gate_serve(struct s2c_ctx *ctx, const struct s2c_gate_options *options,
	struct s2c_error **err);

/*
 * Proves the sandbox of the gate's workers on this kernel: for each thing that a worker
 * must not be able to do, a process enters it and tries. *out_held is false if something
 * could be done. Caller frees *out_text, a line for each.
 */
int s2c_gate_selftest(char **out_text, bool *out_held, struct s2c_error **err);

/*
 * Loads a policy as the gate would. S2C_EINVAL names what is wrong with it and where.
 * What is allowed but hardly meant (a builder that nobody may use, credentials that
 * others can read, permissions for which the gate would refuse the file) comes as lines
 * of warnings in *out_text, behind one line that counts what is in it. Caller frees.
 */
int s2c_gate_check(const char *file, char **out_text, struct s2c_error **err);

struct s2c_gate_explain_options {
	const char *file;
	const char *as;      /* name or uid of a user of this host; or NULL: */
	const char *socket;  /* who came by this socket of a subject's own */
	const char *request; /* file with the JSON of a container's creation, or NULL */
	const char *builder; /* reference, or NULL */
	const char *push;    /* reference, or NULL */
};

/*
 * What the policy says to a user: which subject it is, whether builder, destination and
 * request are allowed and by which rule, and what holds for its containers. *out_allowed
 * is false if anything asked for is denied. Caller frees *out_text.
 */
int s2c_gate_explain(const struct s2c_gate_explain_options *options, char **out_text,
	bool *out_allowed, struct s2c_error **err);

/*
 * Who gains or loses what from one policy to another. Rights are compared, not texts:
 * other names, other order of keys or numbers of ids are no difference by themselves. One
 * line for each difference; *out_same if there is none. Caller frees *out_text.
 */
int s2c_gate_diff(const char *old_file, const char *new_file, char **out_text,
	bool *out_same, struct s2c_error **err);

/*
 * Verifies the chain of an audit log: S2C_EPROTO names the first line that is not what
 * was written, or does not follow on the line before it. *out_text tells what was found:
 * from which line of which time to which, and the hash that the next file has to name.
 * Caller frees.
 */
int s2c_gate_audit_verify(const char *file, char **out_text, struct s2c_error **err);

#endif
