/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that tell how far they are: what comes through is what was there, and large
 * files are told of before their end.
 */
#include "helper.h"

#include "entries.h"

#include "codec/progress.h"

#define BIG (3u * 1024 * 1024)

struct heard {
	unsigned n;
	uint64_t current, total;
	char subject[64];
};

static void hear(void *self, const struct s2c_event *event)
{
	struct heard *heard = self;

	if (event->kind != S2C_EVENT_PROGRESS)
		return;
	assert_string_equal(event->phase, "test");
	assert_true(event->current >= heard->current);
	heard->n++;
	heard->current = event->current;
	heard->total = event->total;
	snprintf(heard->subject, sizeof(heard->subject), "%s",
		event->subject ? event->subject : "");
}

static void reader_tells(void **state)
{
	static const struct s2c_progress told = {"test", "what", BIG};
	struct heard heard = {0};
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new((struct s2c_sink){hear, &heard});
	CLEAN_FREE char *data = xcalloc(1, BIG), *got = xmalloc(BIG + 1);
	struct s2c_reader *r CLEAN_READER = s2c_reader_progress(
		ctx, s2c_reader_mem(data, BIG), true, &told);
	size_t n = 0;
	ssize_t piece;

	(void)state;
	memset(data, 'x', BIG);
	do {
		piece = s2c_read(r, got + n, n + 1000 < BIG ? 1000 : BIG + 1 - n, &terr);
		assert_ok(piece);
		n += (size_t)piece;
	} while (piece > 0);
	assert_int_equal(n, BIG);
	assert_memory_equal(got, data, BIG);
	assert_int_equal(heard.n, 2); /* 1000 does not divide a mebibyte */
	assert_int_equal(heard.total, BIG);
	assert_string_equal(heard.subject, "what");
}

/* A stream of one directory and one large file, whose data can also be had by fd. */
struct big {
	struct s2c_entries base;
	int fd;
	unsigned at;
	uint64_t left;
	struct s2c_entry entry;
};

static int big_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct big *big = (struct big *)e;

	(void)ctx;
	(void)err;
	*out = big->at < 2 ? &big->entry : NULL;
	big->entry = (struct s2c_entry){.path = (char *)(big->at ? "big" : "a"),
		.type = big->at ? S2C_ENTRY_FILE : S2C_ENTRY_DIR,
		.size = big->at ? BIG : 0};
	big->left = big->entry.size;
	big->at++;
	return 0;
}

static ssize_t big_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct big *big = (struct big *)e;

	(void)err;
	if (len > big->left)
		len = (size_t)big->left;
	memset(buf, 'b', len);
	big->left -= len;
	return (ssize_t)len;
}

static int big_fd(struct s2c_entries *e)
{
	return ((struct big *)e)->fd;
}

static void big_free(struct s2c_entries *e)
{
	(void)e;
}

static const struct s2c_entries_ops big_ops = {
	.next = big_next, .read = big_read, .data_fd = big_fd, .free = big_free};

static void entries_tell(void **state)
{
	static const struct s2c_progress told = {"test", "all", 0};
	char buf[64 * 1024];

	(void)state;
	for (int by_fd = 0; by_fd < 2; by_fd++) {
		struct heard heard = {0};
		struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new(
			(struct s2c_sink){hear, &heard});
		struct big big = {.base.ops = &big_ops, .fd = 77};
		struct s2c_entries *e CLEAN_ENTRIES = s2c_entries_progress(
			ctx, &big.base, true, &told);
		const struct s2c_entry *entry;
		uint64_t got = 0;
		ssize_t n = 0;

		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_string_equal(entry->path, "a");
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_string_equal(entry->path, "big");
		assert_int_equal(s2c_entries_data_fd(e), 77);
		assert_int_equal(heard.n, 0);
		while (!by_fd && (n = s2c_entries_read(e, buf, sizeof(buf), &terr)) > 0)
			got += (uint64_t)n;
		assert_ok(n);
		if (!by_fd) {
			assert_int_equal(got, BIG);
			assert_int_equal(heard.n, 3);
			assert_string_equal(heard.subject, "big");
		}
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_null(entry);
		assert_int_equal(heard.current, BIG);
		assert_string_equal(heard.subject, "all");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_tells),
		cmocka_unit_test(entries_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
