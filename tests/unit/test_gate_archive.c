/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a client's archive, and what is no archive for a container. */
#include "helper.h"

#include "entries.h"
#include "gate/archive.h"

#define FILE_ S2C_ENTRY_FILE
#define DIR_ S2C_ENTRY_DIR
#define LINK S2C_ENTRY_SYMLINK
#define HARD S2C_ENTRY_HARDLINK

static int copy(const struct item *items, size_t n, struct s2c_tar_limits limits,
	struct s2c_buf *out)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(1u << 20);
	struct s2c_gate_archive rules = {.uid = 1001, .gid = 7, .limits = limits};

	items_to_tar(items, n, &tar);
	CLEAN_READER struct s2c_reader *in = s2c_reader_mem(tar.data, tar.len);
	CLEAN_WRITER struct s2c_writer *to = s2c_writer_buf(out);
	*out = (struct s2c_buf)S2C_BUF_INIT(1u << 20);
	return s2c_gate_archive_copy(ctx, in, &rules, to, &terr);
}

static void test_rewritten(void **state)
{
	static const struct item items[] = {
		{.path = ".", .type = DIR_, .mode = 0777},
		{.path = "a", .type = DIR_, .mode = 03777, .uid = 5},
		{.path = "a/su", .mode = 06755, .data = "x", .mtime = 9, .mtime_ns = 3},
		{.path = "a/caps",
			.data = "yz",
			.gid = 3,
			.xattr = "security.capability",
			.value = "12345678901234567890",
			.value_len = 20},
		{.path = "a/hard", .type = HARD, .link = "a/su"},
		{.path = "up", .type = LINK, .link = "../../etc"},
	};
	CLEAN_BUF struct s2c_buf out = {0};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	const struct s2c_entry *e;
	size_t n = 0;

	assert_ok(copy(items, ARRAY_SIZE(items), (struct s2c_tar_limits){0}, &out));
	CLEAN_ENTRIES struct s2c_entries *again = s2c_tar_reader(
		s2c_reader_mem(out.data, out.len), true, (struct s2c_tar_limits){0});
	for (;; n++) {
		assert_ok(s2c_entries_next(again, ctx, &e, &terr));
		if (!e)
			break;
		assert_string_equal(e->path, items[n + 1].path);
		assert_int_equal(e->type, items[n + 1].type);
		assert_int_equal(e->uid, 1001);
		assert_int_equal(e->gid, 7);
		assert_int_equal(e->mode & 07000, 0);
		assert_int_equal(e->n_xattrs, 0);
		if (items[n + 1].mode)
			assert_int_equal(e->mode, items[n + 1].mode & 0777);
		assert_int_equal(
			e->size, items[n + 1].data ? strlen(items[n + 1].data) : 0);
		if (items[n + 1].link)
			assert_string_equal(e->link, items[n + 1].link);
	}
	assert_int_equal(n, ARRAY_SIZE(items) - 1);
}

static void test_refused(void **state)
{
	static const struct {
		struct item items[4];
		size_t n;
		const char *part;
	} rows[] = {
		{{{.path = "d", .type = S2C_ENTRY_CHARDEV, .major = 1}}, 1, "special"},
		{{{.path = "d", .type = S2C_ENTRY_BLOCKDEV, .major = 8}}, 1, "special"},
		{{{.path = "d", .type = S2C_ENTRY_FIFO}}, 1, "special"},
		{{{.path = "h", .type = HARD, .link = "etc/shadow"}}, 1, "no earlier"},
		{{{.path = "a", .type = DIR_}, {.path = "h", .type = HARD, .link = "a"}},
			2, "no earlier"},
		{{{.path = "l", .type = LINK, .link = "/etc/shadow"},
			 {.path = "h", .type = HARD, .link = "l"}},
			2, "no earlier"},
		{{{.path = "l", .type = LINK, .link = "/etc"}, {.path = "l/passwd"}}, 2,
			"below"},
		{{{.path = "l", .type = LINK, .link = "x"},
			 {.path = "l/a/b/c", .type = DIR_}},
			2, "below"},
		{{{.path = "l", .type = LINK, .link = "x"},
			 {.path = "l/m", .type = LINK, .link = "y"}},
			2, "below"},
		/* The same name again: a file, then a link, then a file below. */
		{{{.path = "a"}, {.path = "a", .type = LINK, .link = "/"},
			 {.path = "a/b"}},
			3, "below"},
		/* A directory with content that becomes a link. */
		{{{.path = "a", .type = DIR_}, {.path = "a/x"},
			 {.path = "a", .type = LINK, .link = "/"}, {.path = "a/y"}},
			4, "below"},
		/* A file below what became a link, as the target of a hard link. */
		{{{.path = "a", .type = DIR_}, {.path = "a/x"},
			 {.path = "a", .type = LINK, .link = "/etc"},
			 {.path = "h", .type = HARD, .link = "a/x"}},
			4, "no earlier"},
		/* A link that would be made a directory or file again. */
		{{{.path = "a", .type = LINK, .link = "/"}, {.path = "a", .type = DIR_}},
			2, "was a symbolic link"},
		{{{.path = "a", .type = LINK, .link = "/"}, {.path = "a"}}, 2,
			"was a symbolic link"},
		{{{.path = "f"}, {.path = "a", .type = LINK, .link = "/"},
			 {.path = "a", .type = HARD, .link = "f"}},
			3, "was a symbolic link"},
		/* A file that became a link is no target of a hard link. */
		{{{.path = "a"}, {.path = "a", .type = LINK, .link = "/etc/shadow"},
			 {.path = "h", .type = HARD, .link = "a"}},
			3, "no earlier"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_BUF struct s2c_buf out = {0};

		assert_fails(
			copy(rows[i].items, rows[i].n, (struct s2c_tar_limits){0}, &out),
			S2C_EDENIED, rows[i].part);
	}
}

static void test_fine(void **state)
{
	static const struct item items[] = {
		{.path = "a"},
		{.path = "a", .data = "again"},
		{.path = "h", .type = HARD, .link = "a"},
		{.path = "hh", .type = HARD, .link = "h"},
		{.path = "l", .type = LINK, .link = "a"},
		{.path = "l", .type = LINK, .link = "h"},
		{.path = "link", .type = DIR_},
		{.path = "link/x"},
		{.path = "l.x/y"},
	};
	CLEAN_BUF struct s2c_buf out = {0};

	assert_ok(copy(items, ARRAY_SIZE(items), (struct s2c_tar_limits){0}, &out));
	s2c_buf_release(&out);
	assert_ok(copy(NULL, 0, (struct s2c_tar_limits){0}, &out));
}

static void test_limits(void **state)
{
	static const struct item items[] = {{.path = "a", .data = "12345"},
		{.path = "b", .data = "12345"}, {.path = "c"}};
	CLEAN_BUF struct s2c_buf out = {0};

	assert_fails(copy(items, 3, (struct s2c_tar_limits){.entries = 2}, &out),
		S2C_ELIMIT, "");
	s2c_buf_release(&out);
	assert_fails(copy(items, 3, (struct s2c_tar_limits){.bytes = 9}, &out),
		S2C_ELIMIT, "");
	s2c_buf_release(&out);
	assert_ok(
		copy(items, 3, (struct s2c_tar_limits){.bytes = 10, .entries = 3}, &out));
}

/* No piece of an archive passes for the whole. */
static void test_cut(void **state)
{
	static const struct item items[] = {
		{.path = "a", .data = "some data"}, {.path = "b", .type = DIR_}};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(1u << 20);
	struct s2c_gate_archive rules = {.uid = 1, .gid = 1};

	items_to_tar(items, 2, &tar);
	for (size_t len = 1; len + 1024 < tar.len; len += 61) {
		CLEAN_READER struct s2c_reader *in = s2c_reader_mem(tar.data, len);
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(1u << 20);
		CLEAN_WRITER struct s2c_writer *to = s2c_writer_buf(&out);

		if (len % 512)
			assert_fails(s2c_gate_archive_copy(ctx, in, &rules, to, &terr),
				S2C_EPROTO, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_fine),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
