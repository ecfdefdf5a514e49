/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel between a worker and the core: frames over a pair of sockets. Either side
 * takes the other one for hostile; a frame that is none ends the connection.
 *
 *	worker: ASK (DATA* END)?   then, for an attach that was granted: READY
 *	core:   [CONTINUE]  HEAD (DATA* (END | ABORT))?
 */
#ifndef S2C_GATE_WIRE_H
#define S2C_GATE_WIRE_H

#include "gate/ask.h"
#include "util/stream.h"

enum s2c_gate_frame {
	S2C_FRAME_ASK = 1,  /* struct s2c_gate_ask */
	S2C_FRAME_DATA,     /* bytes of a body; never empty */
	S2C_FRAME_END,      /* of a body; empty */
	S2C_FRAME_ABORT,    /* of a body that is not complete: why, for people */
	S2C_FRAME_CONTINUE, /* the body may come: struct s2c_gate_grant */
	S2C_FRAME_HEAD,     /* struct s2c_gate_head */
	S2C_FRAME_READY,    /* the head is with the client; empty */
};

#define S2C_FRAME_DATA_MAX (128u * 1024)
#define S2C_FRAME_REASON_MAX 1024u

/* What follows a head that the core gives out. */
enum s2c_gate_follow {
	S2C_FOLLOW_NOTHING,  /* no body at all: 204, HEAD */
	S2C_FOLLOW_BODY,     /* DATA and END: sent in chunks */
	S2C_FOLLOW_UPGRADED, /* 101; the core takes the connection over after READY */
	S2C_FOLLOWS,
};

/* An answer, out of which the worker writes the head for the client. */
struct s2c_gate_head {
	uint64_t status;
	uint64_t follow;         /* enum s2c_gate_follow */
	uint64_t close;          /* the connection ends behind it */
	struct s2c_strv headers; /* "Name: value", but for framing and connection */
};
void s2c_gate_head_release(struct s2c_gate_head *head);
#define CLEAN_GATE_HEAD CLEAN(s2c_gate_head_release)

/* What an archive has to be like. */
struct s2c_gate_grant {
	uint64_t uid, gid;       /* of everything, unless: */
	uint64_t keep_owners;    /* as they are given */
	uint64_t entries, bytes; /* at most */
};
S2C_CHECK int s2c_gate_grant_decode(
	const void *data, size_t len, struct s2c_gate_grant *out, struct s2c_error **err);

/* One end. */
struct s2c_wire {
	struct s2c_ctx *ctx;
	struct s2c_reader *in;
	struct s2c_writer *out;
};
/* Takes the descriptor over; waits under ctx, which must outlive it. */
void s2c_wire_init(struct s2c_wire *wire, struct s2c_ctx *ctx, int fd);
void s2c_wire_release(struct s2c_wire *wire);
#define CLEAN_WIRE CLEAN(s2c_wire_release)

S2C_CHECK int s2c_wire_send(struct s2c_wire *wire, enum s2c_gate_frame type,
	const void *data, size_t len, struct s2c_error **err);
S2C_CHECK int s2c_wire_send_ask(
	struct s2c_wire *wire, const struct s2c_gate_ask *ask, struct s2c_error **err);
S2C_CHECK int s2c_wire_send_head(
	struct s2c_wire *wire, const struct s2c_gate_head *head, struct s2c_error **err);

S2C_CHECK int s2c_wire_send_grant(struct s2c_wire *wire,
	const struct s2c_gate_grant *grant, struct s2c_error **err);

/*
 * The next frame, with its content in *payload (replaced; its maximum is set here). 1, or
 * 0 when the other side has closed between frames.
 */
S2C_CHECK int s2c_wire_receive(struct s2c_wire *wire, enum s2c_gate_frame *out_type,
	struct s2c_buf *payload, struct s2c_error **err);
S2C_CHECK int s2c_gate_head_decode(
	const void *data, size_t len, struct s2c_gate_head *out, struct s2c_error **err);

/* The body that comes as DATA and END, up to END; S2C_EINVAL with the
 * reason for ABORT. */
struct s2c_reader *s2c_wire_body_reader(struct s2c_wire *wire);
/* Sends what is written as DATA; finish sends END. */
struct s2c_writer *s2c_wire_body_writer(struct s2c_wire *wire);
/* The same for what nobody waits for before its end: small pieces share a frame. */
struct s2c_writer *s2c_wire_archive_writer(struct s2c_wire *wire);

#endif
