/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: one byte of type, four bytes of length, the content.
 */
#include "gate/wire.h"

#include "gate/field.h"

#define FRAME_HEAD 5
#define ARCHIVE_FRAME (64u * 1024)
#define HEADERS_MAX (32u * 1024)
#define GRANT_MAX 64u

/* The most that a frame of the type holds. */
static size_t limit_of(enum s2c_gate_frame type)
{
	switch (type) {
	case S2C_FRAME_ASK:
		return S2C_GATE_ASK_MAX;
	case S2C_FRAME_DATA:
		return S2C_FRAME_DATA_MAX;
	case S2C_FRAME_HEAD:
		return HEADERS_MAX;
	case S2C_FRAME_ABORT:
		return S2C_FRAME_REASON_MAX;
	case S2C_FRAME_CONTINUE:
		return GRANT_MAX;
	case S2C_FRAME_END:
	case S2C_FRAME_READY:
		break;
	}
	return 0;
}

static const struct s2c_gate_field head_fields[] = {
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_head, status),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_head, follow),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_head, close),
	S2C_GATE_FIELD(LIST, struct s2c_gate_head, headers),
};

static const struct s2c_gate_field grant_fields[] = {
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_grant, uid),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_grant, gid),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_grant, keep_owners),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_grant, entries),
	S2C_GATE_FIELD(NUMBER, struct s2c_gate_grant, bytes),
};

void s2c_gate_head_release(struct s2c_gate_head *head)
{
	s2c_gate_fields_release(head, head_fields, ARRAY_SIZE(head_fields));
	*head = (struct s2c_gate_head){0};
}

void s2c_wire_init(struct s2c_wire *wire, struct s2c_ctx *ctx, int fd)
{
	*wire = (struct s2c_wire){
		.ctx = ctx,
		.in = s2c_reader_pipe(ctx, fd, true),
		.out = s2c_writer_pipe(ctx, fd, false),
	};
}

void s2c_wire_release(struct s2c_wire *wire)
{
	s2c_writer_free(wire->out);
	s2c_reader_free(wire->in);
	*wire = (struct s2c_wire){0};
}

int s2c_wire_send(struct s2c_wire *wire, enum s2c_gate_frame type, const void *data,
	size_t len, struct s2c_error **err)
{
	unsigned char head[FRAME_HEAD] = {(unsigned char)type, (unsigned char)len,
		(unsigned char)(len >> 8), (unsigned char)(len >> 16),
		(unsigned char)(len >> 24)};

	if (len > limit_of(type))
		return s2c_fail(err, S2C_ELIMIT, "a frame of more than %zu bytes",
			limit_of(type));
	struct iovec parts[] = {
		{.iov_base = head, .iov_len = sizeof(head)},
		{.iov_base = (void *)data, .iov_len = len},
	};
	return s2c_write_parts(wire->out, parts, ARRAY_SIZE(parts), err);
}

int s2c_wire_send_ask(
	struct s2c_wire *wire, const struct s2c_gate_ask *ask, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);

	if (s2c_gate_ask_encode(ask, &bytes, err) < 0)
		return -1;
	return s2c_wire_send(wire, S2C_FRAME_ASK, bytes.data, bytes.len, err);
}

int s2c_wire_send_head(
	struct s2c_wire *wire, const struct s2c_gate_head *head, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf bytes = S2C_BUF_INIT(HEADERS_MAX);

	if (s2c_gate_fields_encode(
		    head, head_fields, ARRAY_SIZE(head_fields), &bytes, err) < 0)
		return -1;
	return s2c_wire_send(wire, S2C_FRAME_HEAD, bytes.data, bytes.len, err);
}

int s2c_wire_send_grant(
	struct s2c_wire *wire, const struct s2c_gate_grant *grant, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf bytes = S2C_BUF_INIT(GRANT_MAX);

	if (s2c_gate_fields_encode(
		    grant, grant_fields, ARRAY_SIZE(grant_fields), &bytes, err) < 0)
		return -1;
	return s2c_wire_send(wire, S2C_FRAME_CONTINUE, bytes.data, bytes.len, err);
}

int s2c_gate_grant_decode(
	const void *data, size_t len, struct s2c_gate_grant *out, struct s2c_error **err)
{
	struct s2c_gate_grant grant = {0};

	if (s2c_gate_fields_decode(
		    data, len, grant_fields, ARRAY_SIZE(grant_fields), &grant, err) < 0)
		return -1;
	*out = grant;
	return 0;
}

int s2c_gate_head_decode(
	const void *data, size_t len, struct s2c_gate_head *out, struct s2c_error **err)
{
	CLEAN_GATE_HEAD struct s2c_gate_head head = {0};

	if (s2c_gate_fields_decode(
		    data, len, head_fields, ARRAY_SIZE(head_fields), &head, err) < 0)
		return -1;
	if (head.status < 100 || head.status > 599 || head.follow >= S2C_FOLLOWS)
		return s2c_fail(err, S2C_EPROTO, "the core sent a head that is none");
	*out = head;
	head = (struct s2c_gate_head){0};
	return 0;
}

/* All `len` bytes: 1, or 0 if the other side closed before the first one. */
static int read_all(struct s2c_reader *in, void *out, size_t len, struct s2c_error **err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = s2c_read(in, (char *)out + done, len - done, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return done ? s2c_fail(err, S2C_EPROTO,
					      "the channel ends inside of a frame")
				    : 0;
		done += (size_t)n;
	}
	return 1;
}

static int torn(struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO, "the channel ends inside of a frame");
}

/* 1, or 0 when the other side has closed. */
static int read_head(struct s2c_wire *wire, enum s2c_gate_frame *out_type,
	size_t *out_len, struct s2c_error **err)
{
	unsigned char head[FRAME_HEAD];
	int rc = read_all(wire->in, head, sizeof(head), err);

	if (rc <= 0)
		return rc;
	size_t len = head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16 |
		     (size_t)head[4] << 24;
	if (head[0] < S2C_FRAME_ASK || head[0] > S2C_FRAME_READY ||
		len > limit_of(head[0]) || (head[0] == S2C_FRAME_DATA && !len))
		return s2c_fail(err, S2C_EPROTO, "a frame that is none");
	*out_type = head[0];
	*out_len = len;
	return 1;
}

static int read_content(
	struct s2c_wire *wire, size_t len, struct s2c_buf *out, struct s2c_error **err)
{
	char piece[8192];

	/* An ask may hold a secret. */
	s2c_buf_wipe(out);
	*out = (struct s2c_buf)S2C_BUF_INIT(len);
	while (len) {
		size_t n = len < sizeof(piece) ? len : sizeof(piece);
		int rc = read_all(wire->in, piece, n, err);

		if (rc == 0)
			return torn(err);
		if (rc < 0 || s2c_buf_add(out, piece, n, err) < 0)
			return -1;
		len -= n;
	}
	explicit_bzero(piece, sizeof(piece));
	return 0;
}

int s2c_wire_receive(struct s2c_wire *wire, enum s2c_gate_frame *out_type,
	struct s2c_buf *payload, struct s2c_error **err)
{
	size_t len;
	int rc = read_head(wire, out_type, &len, err);

	if (rc <= 0)
		return rc;
	return read_content(wire, len, payload, err) < 0 ? -1 : 1;
}

/* ---- bodies ---- */

struct body_reader {
	struct s2c_reader base;
	struct s2c_wire *wire;
	size_t left; /* of the frame at hand */
	bool ended;
};

static int next_frame(struct body_reader *body, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf reason = {0};
	enum s2c_gate_frame type;
	size_t len = 0;
	int rc = read_head(body->wire, &type, &len, err);

	if (rc < 0)
		return -1;
	if (rc > 0 && type == S2C_FRAME_ABORT) {
		if (read_content(body->wire, len, &reason, err) < 0)
			return -1;
		return s2c_fail(err, S2C_EINVAL, "%s", s2c_buf_str(&reason));
	}
	if (rc == 0 || (type != S2C_FRAME_DATA && type != S2C_FRAME_END))
		return s2c_fail(err, S2C_EPROTO, "the body is not complete");
	body->ended = type == S2C_FRAME_END;
	body->left = len;
	return 0;
}

/* Straight from the channel: sources are large. */
static ssize_t body_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct body_reader *body = (struct body_reader *)r;
	ssize_t n;

	if (!body->left && !body->ended && next_frame(body, err) < 0)
		return -1;
	if (body->ended)
		return 0;
	n = s2c_read(body->wire->in, buf, len < body->left ? len : body->left, err);
	if (n == 0)
		return torn(err);
	if (n > 0)
		body->left -= (size_t)n;
	return n;
}

static void body_reader_free(struct s2c_reader *r)
{
	free(r);
}

struct s2c_reader *s2c_wire_body_reader(struct s2c_wire *wire)
{
	static const struct s2c_reader_ops ops = {
		.read = body_read, .free = body_reader_free};
	struct body_reader *body = xcalloc(1, sizeof(*body));

	body->base.ops = &ops;
	body->wire = wire;
	return &body->base;
}

struct body_writer {
	struct s2c_writer base;
	struct s2c_wire *wire;
	struct s2c_buf held; /* of an archive: what does not fill a frame yet */
};

static int send_held(struct body_writer *body, struct s2c_error **err)
{
	if (body->held.len && s2c_wire_send(body->wire, S2C_FRAME_DATA, body->held.data,
				      body->held.len, err) < 0)
		return -1;
	s2c_buf_clear(&body->held);
	return 0;
}

static int body_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct body_writer *body = (struct body_writer *)w;
	const char *at = buf;

	if (body->held.max) {
		if (len > body->held.max - body->held.len && send_held(body, err) < 0)
			return -1;
		if (len < body->held.max)
			return s2c_buf_add(&body->held, buf, len, err);
	}
	while (len) {
		size_t n = len < S2C_FRAME_DATA_MAX ? len : S2C_FRAME_DATA_MAX;

		if (s2c_wire_send(body->wire, S2C_FRAME_DATA, at, n, err) < 0)
			return -1;
		at += n;
		len -= n;
	}
	return 0;
}

static int body_finish(struct s2c_writer *w, struct s2c_error **err)
{
	struct body_writer *body = (struct body_writer *)w;

	if (send_held(body, err) < 0)
		return -1;
	return s2c_wire_send(body->wire, S2C_FRAME_END, NULL, 0, err);
}

static void body_writer_free(struct s2c_writer *w)
{
	s2c_buf_release(&((struct body_writer *)w)->held);
	free(w);
}

struct s2c_writer *s2c_wire_body_writer(struct s2c_wire *wire)
{
	static const struct s2c_writer_ops ops = {
		.write = body_write, .finish = body_finish, .free = body_writer_free};
	struct body_writer *body = xcalloc(1, sizeof(*body));

	body->base.ops = &ops;
	body->wire = wire;
	return &body->base;
}

struct s2c_writer *s2c_wire_archive_writer(struct s2c_wire *wire)
{
	struct s2c_writer *w = s2c_wire_body_writer(wire);

	((struct body_writer *)w)->held = (struct s2c_buf)S2C_BUF_INIT(ARCHIVE_FRAME);
	return w;
}
