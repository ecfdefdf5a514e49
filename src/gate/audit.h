/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's audit log: one line of JSON for each decision and each thing that came of
 * it, written before it is acted on. A line that cannot be written is a failure, which
 * the caller turns into a denial: what is not recorded does not happen.
 *
 * Every line has `seq`, one more than that of the line before, and `prev`, the SHA-256 of
 * that line's bytes without its newline. So a line that is changed, removed or put in is
 * found by who knows a later hash. A file begins with a line of event "begin", which
 * follows on the last one of the file before and names it in `continues`; the very first
 * has seq 0 and a `prev` of zeros.
 *
 * A file that is full is renamed to PATH.SEQ, with the 20 digits of its last seq, so
 * names sort by age. Deleting old ones is for others to do. One process writes at a time;
 * the file is locked.
 *
 * What peers say is escaped and cut; values of variables, credentials and contents have
 * no field. docs/gate.md has the fields.
 */
#ifndef S2C_GATE_AUDIT_H
#define S2C_GATE_AUDIT_H

#include "policy/rules.h"

#define S2C_AUDIT_TEXT_MAX 256  /* bytes of a peer's text, then "..." */
#define S2C_AUDIT_GROUPS_MAX 64 /* groups listed; the rest is counted */
#define S2C_AUDIT_LINE_MAX 32768

enum s2c_audit_event {
	S2C_AUDIT_DECISION, /* allowed or denied, before anything is done */
	S2C_AUDIT_UPSTREAM, /* the engine answered */
	S2C_AUDIT_EXIT,     /* a container ended */
	S2C_AUDIT_COMMIT,
	S2C_AUDIT_PUSH,
	S2C_AUDIT_REAP,   /* something was removed that had no owner any more */
	S2C_AUDIT_POLICY, /* loaded, or a bad one refused */
	S2C_AUDIT_WORKER, /* a worker ended otherwise than it should */
	S2C_AUDIT_START,  /* of the gate */
	S2C_AUDIT_STOP,
	S2C_AUDIT_BEGIN,   /* written by this module only: a file begins */
	S2C_AUDIT_RECOVER, /* written by this module only: a torn line was put aside */
	S2C_AUDIT_EVENTS,
};

/* All texts are borrowed; NULL and 0 leave a field out, but for those marked. */
struct s2c_audit_entry {
	enum s2c_audit_event event;
	const char *request; /* id */
	uint64_t connection; /* number of it */
	const struct s2c_peer *peer;
	uint32_t pid;    /* of the peer */
	const char *exe; /* of the peer; what it says, no more */
	const char *method, *path, *route;
	const char *code; /* of a denial. S2C_AUDIT_DECISION: NULL is "allow" */
	const char *rule, *detail;
	const char *build, *container, *image, *image_id, *user, *network;
	const char *command_digest, *reference, *digest;
	uint64_t memory, bytes_in, bytes_out, ms;
	int64_t status;    /* always with UPSTREAM */
	int64_t exit_code; /* always with EXIT */
	uint64_t signal;   /* that ended it */
	bool oom;          /* always with EXIT */
};

struct s2c_audit;

struct s2c_audit_opts {
	const char *path; /* absolute */
	enum s2c_audit_fsync fsync;
	uint64_t max; /* bytes of a file */
};

/*
 * Opens the log, or begins it, and locks it. The file must be a regular one of this
 * process's user, for nobody else to read or write, in a directory that others cannot
 * write to (S2C_EDENIED). S2C_EEXIST: another gate has it. A torn last line, which a
 * crash leaves behind, is moved to PATH.torn-HEX; the chain goes on from the last whole
 * line, with a line that says so. *out_note tells people about it (NULL: nothing to tell;
 * caller frees). S2C_EPROTO: the last line is none of ours; the file has to be moved
 * away.
 */
S2C_CHECK int s2c_audit_open(const struct s2c_audit_opts *opts, struct s2c_audit **out,
	char **out_note, struct s2c_error **err);
void s2c_audit_close(struct s2c_audit *audit);
S2C_DEFINE_CLEAN(audit, struct s2c_audit *, s2c_audit_close)
#define CLEAN_AUDIT CLEAN(s2c_clean_audit)

/*
 * Appends one line with one write(2), and makes it durable as the policy says. Any number
 * of threads. On failure nothing of the line stays, and the next one is tried afresh.
 */
S2C_CHECK int s2c_audit_write(struct s2c_audit *audit,
	const struct s2c_audit_entry *entry, struct s2c_error **err);

/* What is in one file of the log. */
struct s2c_audit_report {
	uint64_t lines, first_seq, last_seq;
	char first_time[32], last_time[32];
	struct s2c_digest first_prev, last_hash; /* .str "" for prev of the very first */
	char *continues;        /* name of the file before, or NULL; caller frees */
	bool continues_checked; /* it is there, and ends with first_prev */
	uint64_t torn;          /* bytes of a torn line at the end */
};

/*
 * Reads a file of the log from its beginning. S2C_EPROTO names the first line that does
 * not follow on the one before it, or is no line of a log at all.
 */
S2C_CHECK int s2c_audit_verify(
	const char *path, struct s2c_audit_report *out, struct s2c_error **err);

#endif
