/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the audit log share: see audit.h. */
#ifndef S2C_GATE_AUDIT_IMPL_H
#define S2C_GATE_AUDIT_IMPL_H

#include "gate/audit.h"

/* Hash of nothing: what the very first line has as `prev`. */
#define S2C_AUDIT_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

/* Where a chain stands. */
struct s2c_audit_link {
	uint64_t seq;  /* of the last line */
	char hash[65]; /* of the last line, or zeros */
	bool none;     /* there is no line yet */
};

/* What only the module itself writes. */
struct s2c_audit_own {
	const char *continues; /* BEGIN */
	const char *torn;      /* RECOVER: the file with the torn line */
	uint64_t torn_bytes;
};

/* The line that follows on `link`, without newline. Caller frees. */
char *s2c_audit_line(const struct s2c_audit_link *link,
	const struct s2c_audit_entry *entry, const struct s2c_audit_own *own);

/* Moves a link behind a line. */
void s2c_audit_follow(
	struct s2c_audit_link *link, uint64_t seq, const char *line, size_t len);

/* What a line says about its place in the chain. */
struct s2c_audit_place {
	uint64_t seq;
	char prev[65];
	char time[32];
	bool begins;
	char *continues; /* or NULL; caller frees */
};
/* S2C_EPROTO if this is no line of a log. */
S2C_CHECK int s2c_audit_place(const char *line, size_t len, struct s2c_audit_place *out,
	struct s2c_error **err);

/*
 * Finds the end of a log's file: the link of its last whole line (`none` if there is no
 * line) and how many bytes come before what is torn.
 */
S2C_CHECK int s2c_audit_tail(int fd, struct s2c_audit_link *link, uint64_t *out_whole,
	uint64_t *out_torn, struct s2c_error **err);

#endif
