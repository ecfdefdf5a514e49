/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cell of a worker: after entering it a process can read and write the descriptors
 * that it has, ask for memory and the time, and end. No file can be opened, no socket
 * made, no program started, no process signalled, whatever a parser was talked into.
 *
 * It has layers, each of which alone would do for most of this: no new privileges and not
 * dumpable, resource limits, an unprivileged uid (when started as root), Landlock with no
 * rules, and a seccomp filter that kills.
 */
#ifndef S2C_GATE_SANDBOX_H
#define S2C_GATE_SANDBOX_H

#include <stdbool.h>

#include "util/error.h"

/* What holds after entering. */
struct s2c_sandbox {
	bool seccomp;
	int landlock;   /* the kernel's ABI version; 0: not there */
	bool other_uid; /* not that of the core */
};

/* The uid of workers when the gate runs as root: that of no file and no other program. */
#define S2C_SANDBOX_UID 65533u

/*
 * Enters, for good; for processes with one thread. Seccomp, no_new_privs and limits are
 * indispensable: S2C_EUNSUPPORTED without them. Without Landlock, sockets and files are
 * still out of reach by seccomp; `out` says so, and may be NULL.
 */
S2C_CHECK int s2c_sandbox_enter(struct s2c_sandbox *out, struct s2c_error **err);

/* What the kernel offers, without entering; it may still be out of reach. */
void s2c_sandbox_look(struct s2c_sandbox *out);

/* Finds out in a process of its own what entering gives. For processes with one thread.
 */
S2C_CHECK int s2c_sandbox_probe(struct s2c_sandbox *out, struct s2c_error **err);

/* One line of the proof. */
struct s2c_sandbox_check {
	const char *name; /* "open a file" */
	bool held;
	char how[80]; /* "killed by SIGSYS", "Operation not permitted" */
};
#define S2C_SANDBOX_CHECKS_MAX 16

/*
 * Proves it: for each thing that a worker must not be able to do, starts a process that
 * enters the sandbox and tries. `out` has S2C_SANDBOX_CHECKS_MAX places; *n is set. For
 * processes with one thread. An error is that it could not be tried at all.
 */
S2C_CHECK int s2c_sandbox_selftest(struct s2c_sandbox_check *out, size_t *n,
	struct s2c_sandbox *out_layers, struct s2c_error **err);

#endif
