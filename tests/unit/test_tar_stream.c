/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar that is pulled has the bytes of one that is pushed, in reads of any size.
 */
#include "helper.h"

#include "codec/tar.h"
#include "codec/tar_stream.h"

#define BIG 150000

/* Entries out of a table. */
struct table {
	struct s2c_entries base;
	size_t next, done;
	bool shrinks;
	struct s2c_entry entry;
};

static const struct {
	const char *path;
	enum s2c_entry_type type;
	size_t size;
} rows[] = {
	{"d", S2C_ENTRY_DIR, 0},
	{"d/big", S2C_ENTRY_FILE, BIG},
	{"d/empty", S2C_ENTRY_FILE, 0},
	{"d/small", S2C_ENTRY_FILE, 5},
};

static int table_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct table *t = (struct table *)e;

	s2c_entry_release(&t->entry);
	*out = NULL;
	if (t->next == ARRAY_SIZE(rows))
		return 0;
	t->entry = (struct s2c_entry){.path = xstrdup(rows[t->next].path),
		.type = rows[t->next].type,
		.mode = 0644,
		.size = rows[t->next].size};
	t->next++;
	t->done = 0;
	*out = &t->entry;
	return 0;
}

static ssize_t table_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct table *t = (struct table *)e;
	size_t left = (size_t)t->entry.size - t->done;

	if (t->shrinks && t->done > 1000)
		return 0;
	len = len < left ? len : left;
	len = len < 777 ? len : 777;
	for (size_t i = 0; i < len; i++)
		((char *)buf)[i] = (char)('a' + (t->done + i) % 26);
	t->done += len;
	return (ssize_t)len;
}

static void table_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct table *)e)->entry);
}

static const struct s2c_entries_ops table_ops = {
	.next = table_next, .read = table_read, .free = table_free};

static void same_bytes_as_the_writers(void **state)
{
	static const size_t steps[] = {1, 511, 512, 65536, 1u << 20};
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	CLEAN_BUF struct s2c_buf pushed = S2C_BUF_INIT(1u << 20);
	CLEAN_WRITER struct s2c_writer *into = s2c_writer_buf(&pushed);
	struct table first = {.base.ops = &table_ops};

	assert_ok(s2c_tar_write_all(ctx, &first.base, into, &terr));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct table again = {.base.ops = &table_ops};
		CLEAN_READER struct s2c_reader *tar = s2c_tar_stream(ctx, &again.base);
		CLEAN_BUF struct s2c_buf pulled = S2C_BUF_INIT(1u << 20);
		CLEAN_FREE char *piece = xmalloc(steps[i]);
		ssize_t n;

		while ((n = s2c_read(tar, piece, steps[i], &terr)) > 0)
			assert_ok(s2c_buf_add(&pulled, piece, (size_t)n, &terr));
		assert_int_equal(n, 0);
		assert_int_equal(s2c_read(tar, piece, steps[i], &terr), 0);
		assert_int_equal(pulled.len, pushed.len);
		assert_memory_equal(pulled.data, pushed.data, pushed.len);
	}
}

static void a_shorter_file_is_noticed(void **state)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct table table = {.base.ops = &table_ops, .shrinks = true};
	CLEAN_READER struct s2c_reader *tar = s2c_tar_stream(ctx, &table.base);
	char piece[4096];
	ssize_t n;

	while ((n = s2c_read(tar, piece, sizeof(piece), &terr)) > 0)
		;
	assert_fails((int)n, S2C_EINVAL, "became shorter");
	table_free(&table.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_as_the_writers),
		cmocka_unit_test(a_shorter_file_is_noticed),
	};

	return cmocka_run_group_tests_name("tar_stream", tests, NULL, NULL);
}
