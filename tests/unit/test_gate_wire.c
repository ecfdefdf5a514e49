/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between worker and core, over a pair of sockets. */
#include "helper.h"

#include <sys/socket.h>

#include "gate/wire.h"
#include "gate_helper.h"

struct pair {
	struct s2c_ctx *ctx;
	struct s2c_wire a, b;
	int raw; /* the descriptor of a, to write what is no frame */
};

static int set_up(void **state)
{
	struct pair *pair = xcalloc(1, sizeof(*pair));
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	pair->ctx = quiet_ctx();
	pair->raw = fds[0];
	s2c_wire_init(&pair->a, pair->ctx, fds[0]);
	s2c_wire_init(&pair->b, pair->ctx, fds[1]);
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	s2c_wire_release(&pair->a);
	s2c_wire_release(&pair->b);
	s2c_ctx_free(pair->ctx);
	free(pair);
	return 0;
}

static void test_frames(void **state)
{
	struct pair *pair = *state;
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0}, got = {0};
	struct s2c_gate_grant grant = {1001, 7, 1, 100, 1ull << 40}, got_grant;
	CLEAN_GATE_HEAD struct s2c_gate_head head = {
		.status = 200, .follow = S2C_FOLLOW_BODY, .close = 1};
	CLEAN_GATE_HEAD struct s2c_gate_head got_head = {0};
	CLEAN_BUF struct s2c_buf payload = {0};
	enum s2c_gate_frame type;

	full_ask(&ask);
	assert_ok(s2c_wire_send_ask(&pair->a, &ask, &terr));
	assert_ok(s2c_wire_send_grant(&pair->a, &grant, &terr));
	s2c_strv_add(&head.headers, "Content-Type: x");
	assert_ok(s2c_wire_send_head(&pair->a, &head, &terr));
	assert_ok(s2c_wire_send(&pair->a, S2C_FRAME_READY, NULL, 0, &terr));
	s2c_wire_release(&pair->a);
	assert_int_equal(s2c_wire_receive(&pair->b, &type, &payload, &terr), 1);
	assert_int_equal(type, S2C_FRAME_ASK);
	assert_ok(s2c_gate_ask_decode(payload.data, payload.len, &got, &terr));
	assert_string_equal(got.path, ask.path);
	assert_int_equal(s2c_wire_receive(&pair->b, &type, &payload, &terr), 1);
	assert_int_equal(type, S2C_FRAME_CONTINUE);
	assert_ok(s2c_gate_grant_decode(payload.data, payload.len, &got_grant, &terr));
	assert_memory_equal(&got_grant, &grant, sizeof(grant));
	assert_int_equal(s2c_wire_receive(&pair->b, &type, &payload, &terr), 1);
	assert_int_equal(type, S2C_FRAME_HEAD);
	assert_ok(s2c_gate_head_decode(payload.data, payload.len, &got_head, &terr));
	assert_int_equal(got_head.status, 200);
	assert_int_equal(got_head.close, 1);
	assert_string_equal(got_head.headers.items[0], "Content-Type: x");
	assert_int_equal(s2c_wire_receive(&pair->b, &type, &payload, &terr), 1);
	assert_int_equal(type, S2C_FRAME_READY);
	assert_int_equal(s2c_wire_receive(&pair->b, &type, &payload, &terr), 0);
}

/* Bytes that are no frame; cut frames; frames that are longer than theirs may be. */
static void test_no_frames(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{"\0\0\0\0\0", 5},
		{"\x08\0\0\0\0", 5},
		{"\xff\0\0\0\0", 5},
		{"\2\0\0\0\0", 5},  /* DATA of nothing */
		{"\3\1\0\0\0x", 6}, /* END and READY have nothing */
		{"\7\1\0\0\0x", 6},
		{"\2\1\0\2\0", 5},   /* one more than DATA may have */
		{"\1\1\0\x08\0", 5}, /* ASK */
		{"\4\1\4\0\0", 5},   /* ABORT */
		{"\5\x41\0\0\0", 5}, /* CONTINUE */
		{"\6\1\x80\0\0", 5}, /* HEAD */
		{"\2\xff\xff\xff\xff", 5},
		{"\2", 1},
		{"\2\3\0\0", 4},
		{"\2\3\0\0\0", 5},
		{"\2\3\0\0\0ab", 7},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_BUF struct s2c_buf payload = {0};
		enum s2c_gate_frame type;
		void *one;

		assert_int_equal(set_up(&one), 0);
		struct pair *pair = one;
		assert_int_equal(
			write(pair->raw, rows[i].bytes, rows[i].len), rows[i].len);
		s2c_wire_release(&pair->a);
		assert_fails(s2c_wire_receive(&pair->b, &type, &payload, &terr),
			S2C_EPROTO, "");
		tear_down(&one);
	}
}

static void test_send_limits(void **state)
{
	struct pair *pair = *state;
	CLEAN_FREE char *large = xcalloc(1, S2C_FRAME_DATA_MAX + 1);

	assert_fails(s2c_wire_send(&pair->a, S2C_FRAME_DATA, large,
			     S2C_FRAME_DATA_MAX + 1, &terr),
		S2C_ELIMIT, "frame");
	assert_fails(s2c_wire_send(&pair->a, S2C_FRAME_END, large, 1, &terr), S2C_ELIMIT,
		"frame");
	assert_fails(s2c_wire_send(&pair->a, (enum s2c_gate_frame)99, large, 1, &terr),
		S2C_ELIMIT, "frame");
}

/* A body of several frames and pieces comes out as it went in. */
static void test_body(void **state)
{
	struct pair *pair = *state;
	CLEAN_WRITER struct s2c_writer *out = s2c_wire_body_writer(&pair->a);
	CLEAN_READER struct s2c_reader *in = s2c_wire_body_reader(&pair->b);
	char piece[7];
	size_t total = 0;
	ssize_t n;

	for (int i = 0; i < 20; i++)
		assert_ok(s2c_write(out, "0123456789", 10, &terr));
	assert_ok(s2c_finish(out, &terr));
	assert_ok(s2c_wire_send(&pair->a, S2C_FRAME_READY, NULL, 0, &terr));
	while ((n = s2c_read(in, piece, sizeof(piece), &terr)) > 0)
		for (ssize_t i = 0; i < n; i++, total++)
			assert_int_equal(piece[i], '0' + total % 10);
	assert_ok(n);
	assert_int_equal(total, 200);
	/* The end stays the end, and what follows belongs to somebody else. */
	assert_int_equal(s2c_read(in, piece, sizeof(piece), &terr), 0);
}

static void test_abort(void **state)
{
	struct pair *pair = *state;
	CLEAN_READER struct s2c_reader *in = s2c_wire_body_reader(&pair->b);
	char piece[16];

	assert_ok(s2c_wire_send(&pair->a, S2C_FRAME_DATA, "abc", 3, &terr));
	assert_ok(s2c_wire_send(&pair->a, S2C_FRAME_ABORT, "a device\x1b", 9, &terr));
	assert_int_equal(s2c_read(in, piece, sizeof(piece), &terr), 3);
	assert_fails(
		s2c_read(in, piece, sizeof(piece), &terr), S2C_EINVAL, "a device\\x1b");
}

/* The other side goes, or sends something else, inside of a body. */
static void test_body_cut(void **state)
{
	struct pair *pair = *state;
	CLEAN_READER struct s2c_reader *in = s2c_wire_body_reader(&pair->b);
	CLEAN_READER struct s2c_reader *other = s2c_wire_body_reader(&pair->b);
	char piece[16];

	assert_ok(s2c_wire_send(&pair->a, S2C_FRAME_READY, NULL, 0, &terr));
	assert_fails(s2c_read(in, piece, 1, &terr), S2C_EPROTO, "not complete");
	s2c_wire_release(&pair->a);
	assert_fails(s2c_read(other, piece, 1, &terr), S2C_EPROTO, "not complete");
}

static void head_fails(struct s2c_gate_head head)
{
	CLEAN_GATE_HEAD struct s2c_gate_head got = {0};
	CLEAN_BUF struct s2c_buf payload = {0};
	enum s2c_gate_frame type;
	void *one;

	assert_int_equal(set_up(&one), 0);
	struct pair *pair = one;
	assert_ok(s2c_wire_send_head(&pair->a, &head, &terr));
	assert_int_equal(s2c_wire_receive(&pair->b, &type, &payload, &terr), 1);
	assert_fails(s2c_gate_head_decode(payload.data, payload.len, &got, &terr),
		S2C_EPROTO, "head");
	tear_down(&one);
}

static void test_bad_heads(void **state)
{
	head_fails((struct s2c_gate_head){.status = 99});
	head_fails((struct s2c_gate_head){.status = 600});
	head_fails((struct s2c_gate_head){.status = 200, .follow = S2C_FOLLOWS});
	head_fails((struct s2c_gate_head){.status = 200, .follow = UINT64_MAX});
}

#define wire_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		wire_test(test_frames),
		cmocka_unit_test(test_no_frames),
		wire_test(test_send_limits),
		wire_test(test_body),
		wire_test(test_abort),
		wire_test(test_body_cut),
		cmocka_unit_test(test_bad_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
