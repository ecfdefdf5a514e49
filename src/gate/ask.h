/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client asks for, after parsing: the only form in which a wish crosses from the
 * sandboxed worker, which reads the client's bytes, to the core, which holds the engine's
 * socket. Flat, bounded, without pointers into anything; the core believes nothing of it
 * but that a field has no more than its maximum.
 * Its wire form is that of gate/field.h.
 */
#ifndef S2C_GATE_ASK_H
#define S2C_GATE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "gate/code.h"
#include "gate/field.h"

enum s2c_gate_op {
	S2C_GATE_REFUSED, /* the worker has said no: for the audit log */
	S2C_GATE_PING,
	S2C_GATE_VERSION_GET,
	S2C_GATE_IMAGE_INSPECT,
	S2C_GATE_IMAGE_PULL,
	S2C_GATE_IMAGE_TAG,
	S2C_GATE_IMAGE_PUSH,
	S2C_GATE_IMAGE_EXPORT,
	S2C_GATE_IMAGE_DELETE,
	S2C_GATE_CREATE,
	S2C_GATE_INSPECT,
	S2C_GATE_ATTACH,
	S2C_GATE_START,
	S2C_GATE_WAIT,
	S2C_GATE_LOGS,
	S2C_GATE_KILL,
	S2C_GATE_REMOVE,
	S2C_GATE_ARCHIVE_STAT,
	S2C_GATE_ARCHIVE_GET,
	S2C_GATE_ARCHIVE_PUT,
	S2C_GATE_COMMIT,
	S2C_GATE_OPS,
};
/* "container.create"; for audit, metrics and messages. */
const char *s2c_gate_op_name(enum s2c_gate_op op);

/* Bytes of a whole ask on the wire. */
#define S2C_GATE_ASK_MAX (512u * 1024)

struct s2c_gate_ask {
	uint64_t op;         /* enum s2c_gate_op */
	uint64_t refused;    /* enum s2c_gate_code, for S2C_GATE_REFUSED */
	char *detail;        /* what was refused: a field, a path; for the audit log */
	char *method, *path; /* for the audit log */
	char *object;        /* container or image that the path names */
	/* Query. */
	char *name, *repo, *tag, *platform, *signal, *condition, *inside; /* path= */
	uint64_t in, out, error, stream, logs, follow, force, upgrade;
	char *registry_auth; /* X-Registry-Auth as it came; a secret */
	/* Body of create and commit; NULL strings and empty lists: not given. */
	char *image, *user, *workdir, *network;
	uint64_t has_entrypoint;                      /* also an empty one */
	struct s2c_strv env, cmd, entrypoint, labels; /* labels: key, value, key, ... */
	struct s2c_strv ports;                        /* "8080/tcp" */
	struct s2c_strv volumes;                      /* of a commit: as the builder's */
	/* Of a build's own gate: "FROM:TO:ro" or ":rw", and "NAME:ADDRESS". */
	struct s2c_strv binds, hosts;
	char *stop_signal;
	/* Of a commit at a build's own gate: HEALTHCHECK (times in nanoseconds, 0: the
	 * engine's own) and SHELL; and whether triggers of the container's image go. */
	struct s2c_strv health, shell;
	uint64_t health_interval, health_timeout, health_start_period, health_retries;
	uint64_t no_triggers;
	uint64_t memory, nano_cpus, pids; /* 0: not given */
};

void s2c_gate_ask_release(struct s2c_gate_ask *ask);
#define CLEAN_GATE_ASK CLEAN(s2c_gate_ask_release)

/* Bytes of a detail; what is longer is cut off. */
#define S2C_GATE_DETAIL_MAX 512u
/* Says what was refused, in place of what was said before: any bytes, made printable. */
void s2c_gate_ask_set_detail(struct s2c_gate_ask *ask, const char *detail);
/* The same and a code: what a reader of requests says no with. Fails with S2C_EDENIED. */
int s2c_gate_ask_refuse(struct s2c_gate_ask *ask, enum s2c_gate_code *code,
	enum s2c_gate_code why, const char *detail, struct s2c_error **err);

/* Appends the wire form; S2C_ELIMIT for a field above its maximum. */
S2C_CHECK int s2c_gate_ask_encode(
	const struct s2c_gate_ask *ask, struct s2c_buf *out, struct s2c_error **err);

/*
 * Reads the wire form, all of it. S2C_EPROTO for whatever a sound worker would not have
 * sent: NUL or control bytes in strings, other lengths, an op that is none or lacks its
 * method or object.
 */
S2C_CHECK int s2c_gate_ask_decode(
	const void *data, size_t len, struct s2c_gate_ask *out, struct s2c_error **err);

#endif
