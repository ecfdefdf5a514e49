/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words in which the gate says no: a stable code for programs, people and the audit
 * log, and the HTTP status it goes with. Tests and scripts rely on the codes; they are
 * never renamed.
 */
#ifndef S2C_GATE_CODE_H
#define S2C_GATE_CODE_H

enum s2c_gate_code {
	S2C_GATE_OK,
	/* Its HTTP is none that the gate speaks. */
	S2C_GATE_FRAMING,     /* head, framing or body that is not strictly HTTP/1.1 */
	S2C_GATE_METHOD,      /* not one of HEAD, GET, POST, PUT, DELETE */
	S2C_GATE_TARGET_FORM, /* not a path */
	S2C_GATE_PATH_SYNTAX, /* path in no accepted spelling */
	S2C_GATE_VERSION,     /* an API version that is none or not served */
	S2C_GATE_QUERY_SYNTAX,
	S2C_GATE_QUERY_DUP,
	S2C_GATE_QUERY_UNKNOWN,    /* a parameter that the route does not have */
	S2C_GATE_HEAD_SIZE,        /* too many or too long headers, or a target */
	S2C_GATE_BODY_SIZE,        /* larger than the route allows */
	S2C_GATE_BODY_NOT_ALLOWED, /* the route has none */
	S2C_GATE_CONTENT_TYPE,
	S2C_GATE_TIMEOUT, /* the client is too slow */
	/* Nothing that the gate does. */
	S2C_GATE_ROUTE_DENIED,
	/* Its JSON. */
	S2C_GATE_JSON_SYNTAX,   /* also UTF-8, depth, numbers, trailing bytes */
	S2C_GATE_KEY_CASE,      /* a known key in other letters */
	S2C_GATE_KEY_SYNTAX,    /* a key with escapes or beyond ASCII, or twice */
	S2C_GATE_JSON_TYPE,     /* a known key with a value of another type */
	S2C_GATE_FIELD_UNKNOWN, /* with a value that is not zero */
	S2C_GATE_FIELD_DENIED,  /* known and not allowed */
	S2C_GATE_FIELD_VALUE,   /* allowed, but not with this value */
	/* The policy. */
	S2C_GATE_SUBJECT_UNKNOWN, /* no rule knows this user */
	S2C_GATE_COMMAND_DENIED,
	S2C_GATE_USER_DENIED, /* of the container */
	S2C_GATE_NETWORK_DENIED,
	S2C_GATE_WORKDIR_DENIED,
	S2C_GATE_LABEL_RESERVED,
	S2C_GATE_IMAGE_NOT_ALLOWED,  /* not a builder image of this user */
	S2C_GATE_OUTPUT_NOT_ALLOWED, /* a name that may not be given or pushed */
	S2C_GATE_COMMIT_CONFIG,
	S2C_GATE_AUTH_DENIED, /* credentials of the client's own */
	S2C_GATE_ARCHIVE_PATH,
	S2C_GATE_TAR, /* an archive with what may not be in it */
	S2C_GATE_QUOTA_MEMORY,
	S2C_GATE_QUOTA_ENV,
	S2C_GATE_QUOTA, /* of containers, connections, bytes */
	S2C_GATE_DEADLINE,
	/* State. */
	S2C_GATE_NOT_FOUND, /* or another one's: the same answer */
	S2C_GATE_STATE,     /* not in this state of the container */
	/* Not the client's fault. */
	S2C_GATE_AUDIT_FAILED,      /* what cannot be recorded is not done */
	S2C_GATE_UPSTREAM_DOWN,     /* the engine is gone or answers garbage */
	S2C_GATE_UPSTREAM_REFUSED,  /* the engine says no */
	S2C_GATE_UPSTREAM_MISMATCH, /* the engine did not do what was asked */
	S2C_GATE_INTERNAL,
	S2C_GATE_CODES,
};

/* "route_denied"; "ok" for S2C_GATE_OK. */
const char *s2c_gate_code_name(enum s2c_gate_code code);
/* The code of that name; S2C_GATE_INTERNAL for none. */
enum s2c_gate_code s2c_gate_code_find(const char *name);
/* The HTTP status of the answer, 403 and so on. */
int s2c_gate_code_status(enum s2c_gate_code code);

#endif
