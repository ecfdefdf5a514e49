/* SPDX-License-Identifier: Apache-2.0 */
/* Asks as bytes and back; what a worker that was taken over could send instead. */
#include "helper.h"

#include "gate_helper.h"

static void assert_same_list(const struct s2c_strv *a, const struct s2c_strv *b)
{
	assert_int_equal(a->len, b->len);
	for (size_t i = 0; i < a->len; i++)
		assert_string_equal(a->items[i], b->items[i]);
}

static void encode(const struct s2c_gate_ask *ask, struct s2c_buf *out)
{
	*out = (struct s2c_buf)S2C_BUF_INIT(S2C_GATE_ASK_MAX);
	assert_ok(s2c_gate_ask_encode(ask, out, &terr));
}

static void test_round_trip(void **state)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0}, again = {0};
	CLEAN_BUF struct s2c_buf bytes = {0}, twice = {0};

	full_ask(&ask);
	encode(&ask, &bytes);
	assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr));
	encode(&again, &twice);
	assert_int_equal(bytes.len, twice.len);
	assert_memory_equal(bytes.data, twice.data, bytes.len);
	assert_string_equal(again.inside, ask.inside);
	assert_string_equal(again.stop_signal, ask.stop_signal);
	assert_int_equal(again.pids, 512);
	assert_true(again.memory == UINT64_MAX);
	assert_same_list(&again.env, &ask.env);
	assert_same_list(&again.labels, &ask.labels);
	assert_same_list(&again.cmd, &ask.cmd);
	/* What is not there stays apart from what is empty. */
	s2c_gate_ask_release(&again);
	assert_null(again.env.items);
	s2c_gate_ask_release(&ask);
	ask.op = S2C_GATE_COMMIT;
	ask.method = xstrdup("POST");
	ask.tag = xstrdup("");
	s2c_buf_release(&bytes);
	encode(&ask, &bytes);
	assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr));
	assert_string_equal(again.tag, "");
	assert_null(again.repo);
}

/* Each piece that is cut off, and each byte that follows, is noticed. */
static void test_cut(void **state)
{
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_BUF struct s2c_buf bytes = {0};

	full_ask(&ask);
	encode(&ask, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		CLEAN_GATE_ASK struct s2c_gate_ask again = {0};
		/* Exactly as large, so that a read past its end is seen. */
		CLEAN_FREE char *copy = xmalloc(len);

		memcpy(copy, bytes.data, len);
		assert_fails(
			s2c_gate_ask_decode(copy, len, &again, &terr), S2C_EPROTO, "");
		assert_null(again.method);
	}
	assert_ok(s2c_buf_add(&bytes, "\0", 1, &terr));
	struct s2c_gate_ask none = {0};
	assert_fails(
		s2c_gate_ask_decode(bytes.data, bytes.len, &none, &terr), S2C_EPROTO, "");
}

/* Any other byte anywhere: no ask, or one that is whole and encodes again. */
static void test_changed(void **state)
{
	static const unsigned char changes[] = {0x00, 0x01, 0x0a, 0x1f, 0x7f, 0x80, 0xff};
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {0};
	CLEAN_BUF struct s2c_buf bytes = {0};
	size_t taken = 0, refused = 0;

	full_ask(&ask);
	encode(&ask, &bytes);
	for (size_t i = 0; i < bytes.len * ARRAY_SIZE(changes); i++) {
		CLEAN_GATE_ASK struct s2c_gate_ask again = {0};
		CLEAN_BUF struct s2c_buf twice = {0};
		char *at = bytes.data + i / ARRAY_SIZE(changes), before = *at;

		*at = (char)changes[i % ARRAY_SIZE(changes)];
		if (s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr) == 0) {
			encode(&again, &twice);
			assert_int_equal(twice.len, bytes.len);
			assert_memory_equal(twice.data, bytes.data, bytes.len);
			taken++;
		} else {
			assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
			s2c_error_free(TAKE(terr));
			refused++;
		}
		*at = before;
	}
	assert_true(taken > 100 && refused > 100);
}

static void decode_fails(const struct s2c_gate_ask *ask)
{
	CLEAN_BUF struct s2c_buf bytes = {0};
	struct s2c_gate_ask again = {0};

	encode(ask, &bytes);
	assert_fails(s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr),
		S2C_EPROTO, "");
}

/* Well-formed, but nothing that a sound worker sends: handlers need not look again. */
static void test_senseless(void **state)
{
	static char get[] = "GET", bad[] = "a\nb", utf8[] = "\xc3", del[] = "\x7f";
	struct s2c_gate_ask ask = {.op = S2C_GATE_PING, .method = get};
	CLEAN_STRV struct s2c_strv odd = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf bytes = {0};

	encode(&ask, &bytes);
	CLEAN_GATE_ASK struct s2c_gate_ask fine = {0};
	assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &fine, &terr));
	ask.op = S2C_GATE_OPS;
	decode_fails(&ask);
	ask.op = UINT64_MAX;
	decode_fails(&ask);
	/* A refusal without a reason; a reason without a refusal; one that is none. */
	ask.op = S2C_GATE_REFUSED;
	decode_fails(&ask);
	ask.refused = S2C_GATE_CODES;
	decode_fails(&ask);
	ask.op = S2C_GATE_PING;
	ask.refused = S2C_GATE_TAR;
	decode_fails(&ask);
	ask.refused = 0;
	s2c_strv_add(&odd, "label");
	ask.labels = odd;
	decode_fails(&ask);
	ask.labels = (struct s2c_strv)S2C_STRV_INIT;
	ask.name = bad;
	assert_int_equal(s2c_gate_ask_encode(&ask, &bytes, &terr), -1);
	s2c_error_free(TAKE(terr));
	ask.name = utf8;
	assert_int_equal(s2c_gate_ask_encode(&ask, &bytes, &terr), -1);
	s2c_error_free(TAKE(terr));
	ask.name = del;
	assert_int_equal(s2c_gate_ask_encode(&ask, &bytes, &terr), -1);
	s2c_error_free(TAKE(terr));
}

/* An op that is about something names it, and every request has a method. */
static void test_missing(void **state)
{
	static char get[] = "GET", object[] = "x";
	static const enum s2c_gate_op about[] = {S2C_GATE_IMAGE_INSPECT,
		S2C_GATE_IMAGE_TAG, S2C_GATE_IMAGE_PUSH, S2C_GATE_IMAGE_EXPORT,
		S2C_GATE_IMAGE_DELETE, S2C_GATE_INSPECT, S2C_GATE_ATTACH, S2C_GATE_START,
		S2C_GATE_WAIT, S2C_GATE_LOGS, S2C_GATE_KILL, S2C_GATE_REMOVE,
		S2C_GATE_ARCHIVE_STAT, S2C_GATE_ARCHIVE_GET, S2C_GATE_ARCHIVE_PUT};

	for (size_t i = 0; i < ARRAY_SIZE(about); i++) {
		CLEAN_GATE_ASK struct s2c_gate_ask fine = {0};
		CLEAN_BUF struct s2c_buf bytes = {0};
		struct s2c_gate_ask ask = {.op = about[i], .method = get};

		decode_fails(&ask);
		ask.object = object;
		encode(&ask, &bytes);
		assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &fine, &terr));
	}
	for (uint64_t op = S2C_GATE_PING; op < S2C_GATE_OPS; op++)
		decode_fails(&(struct s2c_gate_ask){.op = op, .object = object});
	/* Bytes that were no request have none. */
	CLEAN_BUF struct s2c_buf bytes = {0};
	CLEAN_GATE_ASK struct s2c_gate_ask no = {0};
	encode(&(struct s2c_gate_ask){.op = S2C_GATE_REFUSED,
		       .refused = S2C_GATE_FRAMING},
		&bytes);
	assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &no, &terr));
}

static char *repeated(size_t n)
{
	char *text = xmalloc(n + 1);

	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static void test_limits(void **state)
{
	CLEAN_FREE char *text = repeated(S2C_GATE_TEXT_MAX);
	CLEAN_FREE char *long_text = repeated(S2C_GATE_TEXT_MAX + 1);
	CLEAN_FREE char *item = repeated(S2C_GATE_ITEM_MAX);
	CLEAN_FREE char *long_item = repeated(S2C_GATE_ITEM_MAX + 1);
	CLEAN_GATE_ASK struct s2c_gate_ask ask = {.op = S2C_GATE_CREATE};
	CLEAN_GATE_ASK struct s2c_gate_ask again = {0};
	CLEAN_BUF struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);

	ask.method = xstrdup(text);
	s2c_strv_add(&ask.env, item);
	assert_ok(s2c_gate_ask_encode(&ask, &bytes, &terr));
	assert_ok(s2c_gate_ask_decode(bytes.data, bytes.len, &again, &terr));
	s2c_buf_clear(&bytes);
	s2c_strv_add(&ask.env, long_item);
	assert_fails(s2c_gate_ask_encode(&ask, &bytes, &terr), S2C_ELIMIT, "longer");
	s2c_strv_remove(&ask.env, 1);
	s2c_buf_clear(&bytes);
	ask.name = xstrdup(long_text);
	assert_fails(s2c_gate_ask_encode(&ask, &bytes, &terr), S2C_ELIMIT, "longer");
	free(TAKE(ask.name));
	s2c_strv_remove(&ask.env, 0);
	for (size_t i = 0; i < S2C_GATE_LIST_MAX; i++)
		s2c_strv_add(&ask.env, "");
	s2c_buf_clear(&bytes);
	assert_ok(s2c_gate_ask_encode(&ask, &bytes, &terr));
	s2c_strv_add(&ask.env, "");
	s2c_buf_clear(&bytes);
	assert_fails(s2c_gate_ask_encode(&ask, &bytes, &terr), S2C_ELIMIT, "list");
	/* More in sum than an ask may have. */
	for (size_t i = 0; i < 32; i++)
		s2c_strv_add(&ask.cmd, item);
	s2c_strv_remove(&ask.env, 0);
	s2c_buf_clear(&bytes);
	assert_fails(s2c_gate_ask_encode(&ask, &bytes, &terr), S2C_ELIMIT, "");
}

static void test_names(void **state)
{
	for (unsigned op = 0; op < S2C_GATE_OPS; op++)
		assert_non_null(s2c_gate_op_name(op));
	for (unsigned code = 0; code < S2C_GATE_CODES; code++) {
		int status = s2c_gate_code_status(code);

		assert_int_equal(s2c_gate_code_find(s2c_gate_code_name(code)), code);
		assert_true(code == S2C_GATE_OK || (status >= 400 && status < 600));
	}
	assert_int_equal(s2c_gate_code_find("no such"), S2C_GATE_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_senseless),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
