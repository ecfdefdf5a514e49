/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of layer/writer: one pass gives a blob, its digest and the diffID, and the diffID
 * of given entries never changes. Names like C3 are those of the trap list in
 * docs/layers.md.
 */
#include "helper.h"

#include <locale.h>

#include "codec/digest.h"
#include "entries.h"
#include "image/manifest.h"
#include "layer/writer.h"

#define OUT_MAX (16u * 1024 * 1024)

static const char path_of_130[] =
	"node_modules/a-package-with-a-long-name/node_modules/another-package-with-a-"
	"long-name/dist/esm/internal/operators/caf\xc3\xa9-utilities.js";

/* Something of every kind, in the order of layers. Never change it. */
static const struct item all_kinds[] = {
	{".", S2C_ENTRY_DIR, .mode = 0555},
	{".wh.gone", .mode = 0},
	{"d", S2C_ENTRY_DIR, .mode = 01777, .mtime = 1},
	{"d/.wh.also", .mode = 0},
	{"d/attr", .data = "x", .xattr = "user.odd", .value = "a\nb=c\0\xff",
		.value_len = 7},
	{"d/before", .data = "x", .mtime = -2, .mtime_ns = 500000000},
	{"d/empty", .data = ""},
	{"d/far", .data = "x", .mtime = 8589934592},
	{"d/file", .data = "hello\n", .mode = 04755, .uid = 1001, .gid = 5,
		.mtime = 1700000000},
	{"d/ids", .data = "x", .uid = 2097152, .gid = 4294967294},
	{"d/link", S2C_ENTRY_SYMLINK, .mode = 0777, .link = "../../etc/passwd"},
	{"d/loop", S2C_ENTRY_BLOCKDEV, .major = 7, .minor = 3},
	{"d/ns", .data = "x", .mtime = 1700000000, .mtime_ns = 5},
	{"d/null", S2C_ENTRY_CHARDEV, .major = 1, .minor = 3},
	{"d/pipe", S2C_ENTRY_FIFO},
	{"d/same", S2C_ENTRY_HARDLINK, .link = "d/file"},
	{"latin\xe9", .data = "1"},
	{path_of_130, .data = "2"},
};

/* A change of these is a change of every image's digests: bytes are for ever. */
static const char golden_all[] =
	"sha256:bddd37fd596e607abd76e0b0413ea5d1026d0be7e5fb869beb930eb9fbf4cd5e";
/* Two blocks of zeros. */
static const char golden_empty[] =
	"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

static int write_layer(const struct item *items, size_t n, enum s2c_compression how,
	struct s2c_buf *out, struct s2c_layer_result *result)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = item_stream(items, n);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(out);
	struct s2c_layer_opts opts = {.compression = how, .earlier_fd = -1};

	return s2c_layer_write(ctx, e, &opts, w, result, &terr);
}

static void diff_ids_are_for_ever(void **state)
{
	static const char *const locales[] = {"C", "C.UTF-8"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(locales); i++) {
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(OUT_MAX);
		struct s2c_layer_result r;

		assert_non_null(setlocale(LC_ALL, locales[i]));
		assert_ok(write_layer(
			all_kinds, ARRAY_SIZE(all_kinds), S2C_COMPRESS_NONE, &out, &r));
		setlocale(LC_ALL, "C");
		assert_string_equal(r.diff_id.str, golden_all);
		assert_int_equal(r.entries, ARRAY_SIZE(all_kinds));
		assert_int_equal(r.tar_size, out.len);
	}
}

/* C3, C4: a layer of nothing is known as such. */
static void c4_empty_layer(void **state)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(OUT_MAX);
	struct s2c_layer_result r;

	(void)state;
	assert_ok(write_layer(NULL, 0, S2C_COMPRESS_GZIP, &out, &r));
	assert_int_equal(r.entries, 0);
	assert_int_equal(r.tar_size, 1024);
	assert_string_equal(r.diff_id.str, golden_empty);
}

/* The diffID does not depend on the compression, the digest is that of the bytes. */
static void both_digests_in_one_pass(void **state)
{
	static const struct {
		enum s2c_compression how;
		const char *media_type;
	} rows[] = {
		{S2C_COMPRESS_NONE, S2C_MT_OCI_LAYER},
		{S2C_COMPRESS_GZIP, S2C_MT_OCI_LAYER_GZIP},
		{S2C_COMPRESS_ZSTD, S2C_MT_OCI_LAYER_ZSTD},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(OUT_MAX),
					 plain = S2C_BUF_INIT(OUT_MAX);
		struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
		struct s2c_reader *back CLEAN_READER = NULL;
		struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(&plain);
		struct s2c_copy copy = {.phase = NULL};
		struct s2c_layer_result r;
		struct s2c_digest want;

		assert_ok(write_layer(
			all_kinds, ARRAY_SIZE(all_kinds), rows[i].how, &out, &r));
		s2c_digest_of(out.data, out.len, &want);
		assert_string_equal(r.digest.str, want.str);
		assert_int_equal(r.size, out.len);
		assert_string_equal(r.media_type, rows[i].media_type);
		assert_string_equal(r.diff_id.str, golden_all);
		back = s2c_decompress(
			rows[i].how, s2c_reader_mem(out.data, out.len), true);
		assert_ok(s2c_copy(ctx, back, w, &copy, NULL, &terr));
		s2c_digest_of(plain.data, plain.len, &want);
		assert_string_equal(r.diff_id.str, want.str);
		assert_int_equal(r.tar_size, plain.len);
	}
}

/* W2, C15: entries out of order or twice would make other bytes elsewhere. */
static void w2_refuses_disorder(void **state)
{
	static const struct item unsorted[] = {{"b", .data = ""}, {"a", .data = ""}},
				 twice[] = {{"a", .data = ""}, {"a", .data = ""}},
				 late[] = {{"d", S2C_ENTRY_DIR}, {"d/a", .data = ""},
					 {"d/.wh.x"}},
				 parent[] = {{"d/a", .data = ""}, {"d", S2C_ENTRY_DIR}};
	static const struct {
		const struct item *items;
		size_t n;
	} rows[] = {{unsorted, 2}, {twice, 2}, {late, 3}, {parent, 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(OUT_MAX);
		struct s2c_layer_result r = {.entries = 77};

		assert_fails(write_layer(rows[i].items, rows[i].n, S2C_COMPRESS_NONE,
				     &out, &r),
			S2C_EINVAL, "out of order");
		assert_int_equal(r.entries, 77);
	}
}

static void reports_its_progress(void *self, const struct s2c_event *event)
{
	if (event->kind == S2C_EVENT_PROGRESS && streq(event->phase, "layer"))
		*(uint64_t *)self = event->current;
}

static void emits_progress(void **state)
{
	static const struct item items[] = {{"a", .data = "12345"}};
	uint64_t bytes = 0;
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new(
		(struct s2c_sink){reports_its_progress, &bytes});
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(OUT_MAX);
	struct s2c_entries *e CLEAN_ENTRIES = item_stream(items, 1);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(&out);
	struct s2c_layer_opts opts = {
		.compression = S2C_COMPRESS_NONE, .earlier_fd = -1};
	struct s2c_layer_result r;

	(void)state;
	assert_ok(s2c_layer_write(ctx, e, &opts, w, &r, &terr));
	assert_int_equal(bytes, 5);
}

/* A full disk, a blob that is too large: the error of the output comes through. */
static void output_fails(void **state)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(100);
	struct s2c_layer_result r;

	(void)state;
	assert_fails(write_layer(all_kinds, ARRAY_SIZE(all_kinds), S2C_COMPRESS_GZIP,
			     &out, &r),
		S2C_ELIMIT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diff_ids_are_for_ever),
		cmocka_unit_test(c4_empty_layer),
		cmocka_unit_test(both_digests_in_one_pass),
		cmocka_unit_test(w2_refuses_disorder),
		cmocka_unit_test(emits_progress),
		cmocka_unit_test(output_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
