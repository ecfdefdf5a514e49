/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of layer/unpack: whiteouts become what overlayfs understands, whatever their
 * order, and nothing hostile gets past. Names like W3 are those of the trap list in
 * docs/layers.md.
 */
#include "helper.h"

#include "entries.h"
#include "layers.h"

#define TAR_MAX (16u * 1024 * 1024)
#define OPQ ".wh..wh..opq"

static int unpack_tar(const struct tmp *tmp, const struct s2c_buf *tar,
	const struct s2c_unpack_opts *opts, struct s2c_digest *diff_id)
{
	static const struct s2c_unpack_opts plain = {.xattr_prefix = PREFIX};
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_unpack_input input = {s2c_reader_mem(tar->data, tar->len), true};
	struct s2c_unpack_opts own = opts ? *opts : plain;
	CLEAN_FD int root = -1;

	own.single_id |= geteuid() != 0;
	assert_ok(s2c_fs_rm_rf(tmp->fd, "t", &terr));
	assert_int_equal(mkdirat(tmp->fd, "t", 0700), 0);
	root = openat(tmp->fd, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s2c_layer_unpack(ctx, input, root, &own, diff_id, &terr);
}

static int unpack(const struct tmp *tmp, const struct item *items, size_t n)
{
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);

	items_to_tar(items, n, &tar);
	return unpack_tar(tmp, &tar, NULL, NULL);
}
#define UNPACK(tmp, items) unpack(tmp, items, ARRAY_SIZE(items))

static bool is_whiteout(const struct tmp *tmp, const char *path)
{
	struct stat st;

	return fstatat(tmp->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

static bool is_opaque(const struct tmp *tmp, const char *path)
{
	return has_xattr(tmp, path, PREFIX "opaque", "y");
}

static mode_t mode_of(const struct tmp *tmp, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(tmp->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode;
}

static void w6_whiteouts_become_devices(void **state)
{
	static const struct item items[] = {{"d", S2C_ENTRY_DIR}, {"d/.wh.x", .mode = 0},
		{"d/y", .data = "1"}, {".wh.top"}, {"new/.wh.x"}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, items));
	assert_true(is_whiteout(tmp, "t/d/x"));
	assert_true(is_whiteout(tmp, "t/top"));
	assert_true(is_whiteout(tmp, "t/new/x"));
	assert_int_equal(mode_of(tmp, "t/new"), S_IFDIR | 0755);
	assert_false(tmp_has(tmp, "t/d/.wh.x"));
	assert_false(is_opaque(tmp, "t/d"));
}

/* W3: wherever the mark stands, it hides only what is below this layer. */
static void w3_opaque_in_any_order(void **state)
{
	static const struct item first[] = {{"d", S2C_ENTRY_DIR}, {"d/" OPQ},
		{"d/x", .data = "1"}, {"d/s/y", .data = "2"}};
	static const struct item last[] = {{"d", S2C_ENTRY_DIR}, {"d/x", .data = "1"},
		{"d/s/y", .data = "2"}, {"d/" OPQ}};
	static const struct item before[] = {{"d/" OPQ}, {"d/x", .data = "1"},
		{"d/s/y", .data = "2"}, {"d", S2C_ENTRY_DIR}};
	struct tmp *tmp = *state;

	for (int i = 0; i < 3; i++) {
		assert_ok(unpack(tmp, i == 0 ? first : i == 1 ? last : before, 4));
		assert_true(is_opaque(tmp, "t/d"));
		assert_false(is_opaque(tmp, "t/d/s"));
		assert_true(tmp_has(tmp, "t/d/x"));
		assert_true(tmp_has(tmp, "t/d/s/y"));
		assert_false(tmp_has(tmp, "t/d/" OPQ));
	}
}

/* W7: the kernel would list whiteouts in directories that nothing lies under. */
static void w7_no_whiteouts_in_opaque_directories(void **state)
{
	static const struct item items[] = {{"d/.wh.a"}, {"d/s/.wh.b"}, {"d/" OPQ},
		{"d/.wh.c"}, {"d/keep", .data = "1"}, {"e/.wh.x"}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, items));
	assert_true(is_opaque(tmp, "t/d"));
	assert_false(tmp_has(tmp, "t/d/a"));
	assert_false(tmp_has(tmp, "t/d/c"));
	assert_false(tmp_has(tmp, "t/d/s/b"));
	assert_true(tmp_has(tmp, "t/d/keep"));
	assert_true(is_whiteout(tmp, "t/e/x"));
}

/* W8: a whiteout and whiteouts below it. */
static void w8_whiteouts_below_whiteouts(void **state)
{
	static const struct item items[] = {
		{".wh.foo"}, {"foo/.wh.bar"}, {"foo/x/.wh.y"}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, items));
	assert_true(is_whiteout(tmp, "t/foo"));
}

/* W1: whiteouts below what this layer made a file or a link. */
static void w1_whiteouts_below_files(void **state)
{
	static const struct item items[] = {{"l", S2C_ENTRY_SYMLINK, .link = "/tmp"},
		{"l/.wh.x"}, {"f", .data = ""}, {"f/.wh.x"}, {"f/y/" OPQ}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, items));
	assert_true(S_ISLNK(mode_of(tmp, "t/l")));
	assert_true(S_ISREG(mode_of(tmp, "t/f")));
}

/* D2: deleted and made again in one layer: it starts empty, in either order. */
static void d2_recreated_directories(void **state)
{
	static const struct item forward[] = {
		{".wh.d"}, {"d", S2C_ENTRY_DIR, .mode = 0700}, {"d/x", .data = "1"}};
	static const struct item backward[] = {
		{"d", S2C_ENTRY_DIR, .mode = 0700}, {"d/x", .data = "1"}, {".wh.d"}};
	static const struct item implied[] = {{"a/.wh.d"}, {"a/d/e/x", .data = "1"}};
	static const struct item file[] = {{".wh.f"}, {"f", .data = "new"}};
	static const struct item file_last[] = {{"f", .data = "new"}, {".wh.f"}};
	static const struct item twice[] = {{".wh.f"}, {".wh.f"}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, forward));
	assert_true(is_opaque(tmp, "t/d"));
	assert_int_equal(mode_of(tmp, "t/d"), S_IFDIR | 0700);
	assert_true(tmp_has(tmp, "t/d/x"));
	assert_ok(UNPACK(tmp, backward));
	assert_true(is_opaque(tmp, "t/d"));
	assert_true(tmp_has(tmp, "t/d/x"));
	assert_ok(UNPACK(tmp, implied));
	assert_true(is_opaque(tmp, "t/a/d"));
	assert_true(tmp_has(tmp, "t/a/d/e/x"));
	assert_ok(UNPACK(tmp, file));
	assert_true(S_ISREG(mode_of(tmp, "t/f")));
	assert_ok(UNPACK(tmp, file_last));
	assert_true(S_ISREG(mode_of(tmp, "t/f")));
	assert_ok(UNPACK(tmp, twice));
	assert_true(is_whiteout(tmp, "t/f"));
}

/* X3: a device 0:0 in an archive is what it is on disk, a deletion. */
static void x3_whiteout_devices(void **state)
{
	static const struct item items[] = {{"d", S2C_ENTRY_DIR}, {"d/x", .data = "1"},
		{"d/gone", S2C_ENTRY_CHARDEV}, {"d", S2C_ENTRY_CHARDEV}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, items));
	/* It hides what is below, not what this layer brought. */
	assert_true(is_opaque(tmp, "t/d"));
	assert_true(tmp_has(tmp, "t/d/x"));
	assert_false(tmp_has(tmp, "t/d/gone"));
}

static const struct {
	struct item items[2];
	enum s2c_code code;
	const char *message;
} hostiles[] = {
	/* W9 */
	{{{".wh."}}, S2C_EPROTO, "'.wh.'"},
	{{{"d/.wh."}}, S2C_EPROTO, "no valid name"},
	{{{"d/.wh.."}}, S2C_EPROTO, "no valid name"},
	{{{"d/.wh..."}}, S2C_EPROTO, "no valid name"},
	{{{".wh.d", S2C_ENTRY_DIR}}, S2C_EPROTO, "no valid name"},
	{{{".wh.d/x", .data = ""}}, S2C_EPROTO, "no valid name"},
	{{{"a/.wh.d/b/c", .data = ""}}, S2C_EPROTO, "no valid name"},
	{{{".wh.l", S2C_ENTRY_SYMLINK, .link = "x"}}, S2C_EPROTO, "no valid name"},
	{{{"d/" OPQ, S2C_ENTRY_DIR}}, S2C_EPROTO, "no valid name"},
	/* 5.1 */
	{{{"../x", .data = ""}}, S2C_EINVAL, "'..'"},
	{{{"../.wh.x", .data = ""}}, S2C_EINVAL, "'..'"},
	{{{"l", S2C_ENTRY_SYMLINK, .link = "../outside"}, {"l/x", .data = ""}},
		S2C_EINVAL, "leads through"},
	{{{"h", S2C_ENTRY_HARDLINK, .link = "outside"}}, S2C_EINVAL, "no earlier entry"},
	{{{".wh.x"}, {"h", S2C_ENTRY_HARDLINK, .link = "x/y"}}, S2C_EINVAL,
		"no earlier entry"},
};

static void refuses_hostile_layers(void **state)
{
	struct tmp *tmp = *state;

	tmp_write(tmp, "outside/secret", "x");
	for (size_t i = 0; i < ARRAY_SIZE(hostiles); i++)
		assert_fails(
			unpack(tmp, hostiles[i].items, hostiles[i].items[1].path ? 2 : 1),
			hostiles[i].code, hostiles[i].message);
	assert_true(tmp_has(tmp, "outside/secret"));
	assert_false(tmp_has(tmp, "outside/x"));
}

/* Whiteouts through links delete nothing and make nothing. */
static void whiteouts_stay_inside(void **state)
{
	static const struct item items[] = {
		{"l", S2C_ENTRY_SYMLINK, .link = "../outside"}, {"l/.wh.secret"},
		{"l/" OPQ}, {"l/.wh.new"}};
	struct tmp *tmp = *state;

	tmp_write(tmp, "outside/secret", "x");
	assert_ok(UNPACK(tmp, items));
	assert_true(tmp_has(tmp, "outside/secret"));
	assert_false(tmp_has(tmp, "outside/new"));
	assert_false(is_opaque(tmp, "outside"));
}

/* X9: a layer cannot bring attributes that overlayfs would obey. */
static void x9_no_overlay_attributes(void **state)
{
	static const char *const names[] = {"user.overlay.redirect",
		"user.overlay.opaque", "user.overlay.metacopy",
		"trusted.overlay.redirect", "user.s2c.owner"};
	struct tmp *tmp = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct item items[] = {{"d", S2C_ENTRY_DIR, .xattr = names[i],
			.value = "/etc", .value_len = 4}};

		assert_ok(UNPACK(tmp, items));
		assert_false(has_xattr(tmp, "t/d", names[i], "/etc"));
	}
}

/* D6: the root is plain unless the layer has an entry for it. */
static void d6_root(void **state)
{
	static const struct item bare[] = {{"x", .data = "1"}};
	static const struct item given[] = {
		{".", S2C_ENTRY_DIR, .mode = 0555, .mtime = 7}, {"x", .data = "1"}};
	struct tmp *tmp = *state;
	struct stat st;

	assert_ok(UNPACK(tmp, bare));
	assert_int_equal(fstatat(tmp->fd, "t", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_mtim.tv_sec, 0);
	assert_ok(UNPACK(tmp, given));
	assert_int_equal(fstatat(tmp->fd, "t", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0555);
	assert_int_equal(st.st_mtim.tv_sec, 7);
}

/* AUFS kept its books in names like these; they mean nothing to others. */
static void skips_bookkeeping_of_aufs(void **state)
{
	static const struct item items[] = {
		{".wh..wh.aufs"}, {".wh..wh.orph"}, {"x", .data = "1"}};
	struct tmp *tmp = *state;

	assert_ok(UNPACK(tmp, items));
	assert_false(tmp_has(tmp, "t/.wh..wh.aufs"));
	assert_false(tmp_has(tmp, "t/.wh.aufs"));
	assert_true(tmp_has(tmp, "t/x"));
}

/* The diffID is of every byte, also of those behind the end of the archive. */
static void c14_diff_id_of_all_bytes(void **state)
{
	static const struct item items[] = {{"x", .data = "1"}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	struct s2c_digest want, got;
	struct tmp *tmp = *state;
	char padding[8192] = {0};

	items_to_tar(items, 1, &tar);
	assert_ok(s2c_buf_add(&tar, padding, sizeof(padding), &terr));
	s2c_digest_of(tar.data, tar.len, &want);
	assert_ok(unpack_tar(tmp, &tar, NULL, &got));
	assert_string_equal(got.str, want.str);
}

static void keeps_limits(void **state)
{
	static const struct item items[] = {{"x", .data = "1234"}, {"y", .data = "5678"}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	struct s2c_unpack_opts few = {.xattr_prefix = PREFIX, .max_entries = 1},
			       small = {.xattr_prefix = PREFIX, .max_bytes = 7};
	struct tmp *tmp = *state;

	items_to_tar(items, 2, &tar);
	assert_fails(
		unpack_tar(tmp, &tar, &few, NULL), S2C_ELIMIT, "more than 1 entries");
	assert_fails(
		unpack_tar(tmp, &tar, &small, NULL), S2C_ELIMIT, "more than 7 bytes");
}

static void single_id_records_owners(void **state)
{
	static const struct item items[] = {{"d", S2C_ENTRY_DIR, .uid = 33, .gid = 44},
		{"d/f", .data = "", .uid = 33}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
	struct s2c_unpack_opts opts = {.xattr_prefix = PREFIX, .single_id = true};
	struct tmp *tmp = *state;
	struct stat st;

	items_to_tar(items, 2, &tar);
	assert_ok(unpack_tar(tmp, &tar, &opts, NULL));
	assert_int_equal(fstatat(tmp->fd, "t/d/f", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_true(has_xattr(tmp, "t/d", S2C_OWNER_XATTR, "33:44"));
}

/* C15: the last of two entries counts, and somebody is told; a whiteout is no entry. */
static void c15_duplicates(void **state)
{
	static const struct item twice[] = {{"x", .data = "1"}, {"y", S2C_ENTRY_DIR},
		{"x", .data = "2"}, {"y", S2C_ENTRY_DIR, .mode = 0700},
		{"x", .data = "3"}};
	static const struct item whiteout[] = {
		{".wh.x"}, {"x", .data = "1"}, {".wh.d"}, {"d", S2C_ENTRY_DIR}};
	struct tmp *tmp = *state;

	for (int i = 0; i < 2; i++) {
		int warnings = 0;
		struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new(
			(struct s2c_sink){count_warning, &warnings});
		struct s2c_unpack_opts opts = {
			.xattr_prefix = PREFIX, .single_id = geteuid() != 0};
		CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);
		CLEAN_FREE char *text = NULL;
		CLEAN_FD int root = -1;

		assert_ok(s2c_fs_rm_rf(tmp->fd, "t", &terr));
		assert_int_equal(mkdirat(tmp->fd, "t", 0700), 0);
		root = openat(tmp->fd, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		items_to_tar(i ? whiteout : twice, i ? 4 : 5, &tar);
		struct s2c_unpack_input input = {s2c_reader_mem(tar.data, tar.len), true};
		assert_ok(s2c_layer_unpack(ctx, input, root, &opts, NULL, &terr));
		text = tmp_read(tmp, "t/x");
		assert_string_equal(text, i ? "1" : "3");
		assert_int_equal(warnings, i ? 0 : 1);
	}
}

/* W3: at the root overlayfs cannot do what the mark says, and somebody is told. */
static void w3_opaque_root(void **state)
{
	static const struct item items[] = {{OPQ}, {"x", .data = "1"}, {".wh.y"}};
	struct tmp *tmp = *state;
	int warnings = 0;
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new(
		(struct s2c_sink){count_warning, &warnings});
	struct s2c_unpack_opts opts = {
		.xattr_prefix = PREFIX, .single_id = geteuid() != 0};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(TAR_MAX);

	items_to_tar(items, ARRAY_SIZE(items), &tar);
	struct s2c_unpack_input input = {s2c_reader_mem(tar.data, tar.len), true};
	assert_ok(s2c_layer_unpack(ctx, input, tmp->fd, &opts, NULL, &terr));
	assert_true(is_opaque(tmp, "."));
	assert_true(tmp_has(tmp, "x"));
	assert_false(tmp_has(tmp, "y"));
	assert_int_equal(warnings, 1);
}

/* D6: the root of an image is that of the uppermost layer that says something of it. */
static void d6_root_of_many_layers(void **state)
{
	static const struct item bare[] = {{"x", .data = "1"}};
	static const struct item given[] = {{".", S2C_ENTRY_DIR, .mode = 0555}};
	struct tmp *tmp = *state;
	int fds[3];

	for (int i = 0; i < 3; i++) {
		char name[8];

		assert_ok(i == 1 ? UNPACK(tmp, given) : UNPACK(tmp, bare));
		snprintf(name, sizeof(name), "l%d", i);
		assert_int_equal(renameat(tmp->fd, "t", tmp->fd, name), 0);
		fds[i] = openat(tmp->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	assert_int_equal(s2c_layer_root_tree(fds, 3), 1);
	assert_int_equal(s2c_layer_root_tree(fds + 1, 2), 0);
	assert_int_equal(s2c_layer_root_tree(fds, 1), 0);
	assert_int_equal(s2c_layer_root_tree(fds + 2, 1), 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* The same layer gives the same tree, down to the times of what it does not mention. */
static void same_tree_on_any_day(void **state)
{
	static const struct item items[] = {
		{"a/b/c", .data = "1", .mtime = 5}, {"a/.wh.x"}};
	struct tmp *tmp = *state;
	struct stat st;

	assert_ok(UNPACK(tmp, items));
	assert_int_equal(fstatat(tmp->fd, "t/a", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 0);
	assert_int_equal(fstatat(tmp->fd, "t/a/b", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(w6_whiteouts_become_devices),
		tmp_test(w3_opaque_in_any_order),
		tmp_test(w7_no_whiteouts_in_opaque_directories),
		tmp_test(w8_whiteouts_below_whiteouts),
		tmp_test(w1_whiteouts_below_files),
		tmp_test(d2_recreated_directories),
		tmp_test(x3_whiteout_devices),
		tmp_test(refuses_hostile_layers),
		tmp_test(whiteouts_stay_inside),
		tmp_test(x9_no_overlay_attributes),
		tmp_test(d6_root),
		tmp_test(skips_bookkeeping_of_aufs),
		tmp_test(c14_diff_id_of_all_bytes),
		tmp_test(keeps_limits),
		tmp_test(single_id_records_owners),
		tmp_test(c15_duplicates),
		tmp_test(w3_opaque_root),
		tmp_test(d6_root_of_many_layers),
		tmp_test(same_tree_on_any_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
