/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of layer/diff on hand-made upper directories. Names like W4 and H3 are those of
 * the trap list in docs/layers.md. That real overlays give the same is shown by
 * test_overlay.
 */
#include "helper.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "layers.h"

static void nothing_changed(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/a/b", "1");
	assert_diff(tmp, NULL, "");
	/* D5: copied up without a change, but for the mtime of directories. */
	lay_file(tmp, "upper/a/b", "1");
	settle(tmp, "upper/a", 5);
	assert_diff(tmp, NULL, "");
}

/* W2, D1: parents first, whiteouts before siblings, bytes decide. */
static void w2_order(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/d/gone", "");
	lay_file(tmp, "lower0/d/.also", "");
	lay_file(tmp, "lower0/top", "");
	lay_file(tmp, "upper/d/a", "1");
	lay_file(tmp, "upper/d/z/y", "2");
	lay_file(tmp, "upper/d.x", "3");
	lay_file(tmp, "upper/d/A", "4");
	lay_file(tmp, "upper/d/\xff", "5");
	lay_whiteout(tmp, "upper/d/gone");
	lay_whiteout(tmp, "upper/d/.also");
	lay_whiteout(tmp, "upper/top");
	assert_diff(tmp, NULL,
		"w .wh.top\nd d 0755\nw d/.wh..also\nw d/.wh.gone\nf d/A 0644 =4\n"
		"f d/a 0644 =1\nd d/z 0755\nf d/z/y 0644 =2\nf d/\xff 0644 =5\n"
		"f d.x 0644 =3\n");
}

/* D1: unchanged parents are there, with what they are in the merged view. */
static void d1_parents_with_their_metadata(void **state)
{
	struct tmp *tmp = *state;

	lay_dir(tmp, "lower0/a", 0700);
	lay_dir(tmp, "lower0/a/b", 01777);
	lay_dir(tmp, "upper/a", 0700);
	lay_dir(tmp, "upper/a/b", 01777);
	lay_file(tmp, "upper/a/b/c", "x");
	assert_diff(tmp, NULL, "d a 0700\nd a/b 1777\nf a/b/c 0644 =x\n");
}

/* W1, D3: what replaces a directory hides it without whiteouts below. */
static void w1_replaced_directories(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/tolink/x", "");
	lay_file(tmp, "lower0/tofile/x", "");
	lay_file(tmp, "lower0/todir", "");
	lay_dir(tmp, "upper", 0755);
	lay_link(tmp, "upper/tolink", "elsewhere");
	lay_file(tmp, "upper/tofile", "f");
	lay_dir(tmp, "upper/todir", 0755);
	assert_diff(tmp, NULL,
		"d todir 0755\nf tofile 0644 =f\nl tolink 0777 -> elsewhere\n");
}

/* W4, D2: an opaque directory says what is gone, name by name. */
static void d2_recreated_directory(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/d/same", "1");
	lay_file(tmp, "lower0/d/gone", "2");
	lay_file(tmp, "lower0/d/sub/deep", "3");
	lay_file(tmp, "lower0/d/other/deep", "3");
	lay_file(tmp, "lower1/d/older", "4");
	lay_file(tmp, "lower1/d/hidden", "5");
	lay_whiteout(tmp, "lower0/d/hidden");
	lay_opaque(tmp, "upper/d");
	lay_file(tmp, "upper/d/same", "1");
	lay_file(tmp, "upper/d/new", "6");
	/* Not opaque by itself, but nothing shines through its parent. */
	lay_file(tmp, "upper/d/sub/mine", "7");
	assert_diff(tmp, NULL,
		"d d 0755\nw d/.wh.gone\nw d/.wh.older\nw d/.wh.other\nf d/new 0644 =6\n"
		"d d/sub 0755\nw d/sub/.wh.deep\nf d/sub/mine 0644 =7\n");
}

/* W4: the kernel marks new directories although nothing is below. */
static void w4_needless_opaque(void **state)
{
	struct tmp *tmp = *state;

	lay_dir(tmp, "lower0", 0755);
	lay_opaque(tmp, "upper/new");
	lay_file(tmp, "upper/new/x", "1");
	assert_diff(tmp, NULL, "d new 0755\nf new/x 0644 =1\n");
}

/* W5: whiteouts of what never was below. */
static void w5_needless_whiteouts(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/d/x", "");
	lay_file(tmp, "lower1/d/y", "");
	lay_file(tmp, "lower2/d/z", "");
	lay_whiteout(tmp, "lower0/d/y");
	lay_opaque(tmp, "lower1/d");
	lay_dir(tmp, "upper/d", 0755);
	lay_whiteout(tmp, "upper/d/never");
	lay_whiteout(tmp, "upper/d/y"); /* hidden already */
	lay_whiteout(tmp, "upper/d/z"); /* below an opaque directory */
	lay_dir(tmp, "upper/fresh", 0755);
	lay_whiteout(tmp, "upper/fresh/never");
	assert_diff(tmp, NULL, "d fresh 0755\n");
	lay_whiteout(tmp, "upper/d/x");
	assert_diff(tmp, NULL, "d d 0755\nw d/.wh.x\nd fresh 0755\n");
}

/* W9: a file of the build cannot delete things at deploy time. */
static void w9_names_of_whiteouts(void **state)
{
	static const char *const names[] = {".wh.passwd", ".wh.", ".wh..wh..opq"};
	struct tmp *tmp = *state;

	lay_dir(tmp, "lower0", 0755);
	lay_dir(tmp, "upper/d", 0755);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEAN_FREE char *path = xasprintf("upper/d/%s", names[i]);

		lay_file(tmp, path, "");
		assert_diff_fails(tmp, NULL, S2C_EINVAL, names[i]);
		assert_int_equal(unlinkat(tmp->fd, path, 0), 0);
	}
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "upper/.wh.d", 0755, &terr));
	assert_diff_fails(tmp, NULL, S2C_EINVAL, "rename it");
}

/* W11: nothing of a whiteout on disk gets into the layer. */
static void w11_plain_whiteouts(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;
	struct trees t;

	lay_file(tmp, "lower0/x", "");
	lay_dir(tmp, "upper", 0755);
	lay_whiteout(tmp, "upper/x");
	assert_int_equal(fchmodat(tmp->fd, "upper/x", 0666, 0), 0);
	trees_open(tmp, &t);
	struct s2c_diff_opts opts = {.upper_fd = t.upper,
		.lower_fds = t.lowers,
		.n_lowers = t.n,
		.xattr_prefix = PREFIX};
	assert_ok(s2c_layer_diff(ctx, &opts, &e, &terr));
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_string_equal(entry->path, ".wh.x");
	assert_int_equal(entry->type, S2C_ENTRY_FILE);
	assert_int_equal(entry->mode | entry->uid | entry->gid | entry->size, 0);
	assert_int_equal(entry->mtime, 0);
	assert_int_equal(entry->mtime_ns, 0);
	trees_close(&t);
}

/* H1, H2, H3, H6: links within the layer, to files, symlinks and fifos. */
static void h1_links_in_the_layer(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/below", "old");
	lay_dir(tmp, "upper/d", 0755);
	lay_file(tmp, "upper/d/b", "data");
	lay_hardlink(tmp, "upper/d/c", "upper/d/b");
	lay_hardlink(tmp, "upper/a", "upper/d/b");
	lay_link(tmp, "upper/s1", "target");
	lay_hardlink(tmp, "upper/s2", "upper/s1");
	assert_int_equal(mkfifoat(tmp->fd, "upper/p1", 0600), 0);
	lay_hardlink(tmp, "upper/p2", "upper/p1");
	/* H3: one of two names that were linked below. */
	lay_file(tmp, "lower0/x", "1");
	lay_hardlink(tmp, "lower0/y", "lower0/x");
	lay_file(tmp, "upper/y", "2");
	/* H6: whiteouts can share an inode. */
	lay_whiteout(tmp, "upper/below");
	lay_hardlink(tmp, "upper/x", "upper/below");
	assert_diff(tmp, NULL,
		"w .wh.below\nw .wh.x\nf a 0644 =data\nd d 0755\nh d/b 0644 -> a\n"
		"h d/c 0644 -> a\np p1 0600\nh p2 0600 -> p1\nl s1 0777 -> target\n"
		"h s2 0777 -> s1\nf y 0644 =2\n");
}

/* H3: a link to a copied-up file is no link to the layer below. */
static void h3_copied_up_link(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "lower0/a", "same");
	lay_file(tmp, "upper/a", "same");
	lay_hardlink(tmp, "upper/b", "upper/a");
	assert_diff(tmp, NULL, "f a 0644 =same\nh b 0644 -> a\n");
}

/* H4: the first name that stays carries the data. */
static void h4_excluded_first_name(void **state)
{
	CLEAN_STRV struct s2c_strv excludes = S2C_STRV_INIT;
	struct diff_with with = {.excludes = &excludes};
	struct tmp *tmp = *state;

	s2c_strv_add(&excludes, "tmp/a");
	lay_file(tmp, "upper/tmp/a", "data");
	lay_hardlink(tmp, "upper/tmp/b", "upper/tmp/a");
	lay_hardlink(tmp, "upper/tmp/c", "upper/tmp/a");
	assert_diff(
		tmp, &with, "d tmp 0755\nf tmp/b 0644 =data\nh tmp/c 0644 -> tmp/b\n");
}

/* X5, D7: what the build left behind, as files, directories and deletions. */
static void x5_excludes(void **state)
{
	CLEAN_STRV struct s2c_strv excludes = S2C_STRV_INIT;
	struct diff_with with = {.excludes = &excludes};
	struct tmp *tmp = *state;

	s2c_strv_add(&excludes, "tmp/src");
	s2c_strv_add(&excludes, "etc/resolv.conf");
	s2c_strv_add(&excludes, "etc/hosts");
	s2c_strv_add(&excludes, "run/opaque/x");
	lay_dir(tmp, "lower0/tmp", 01777);
	lay_file(tmp, "lower0/etc/hosts", "h");
	lay_file(tmp, "lower0/run/opaque/x", "");
	lay_file(tmp, "upper/tmp/src/deep/file", "x");
	lay_dir(tmp, "upper/tmp", 01777);
	lay_file(tmp, "upper/etc/resolv.conf", "");
	lay_whiteout(tmp, "upper/etc/hosts");
	lay_opaque(tmp, "upper/run/opaque");
	assert_diff(tmp, &with, "");
	lay_file(tmp, "upper/tmp/src2", "y");
	assert_diff(tmp, &with, "d tmp 1777\nf tmp/src2 0644 =y\n");
}

/* X8, X11: copied up, moved away and back, chowned to what it was. */
static void x11_unchanged_files(void **state)
{
	static const char *const names[] = {"mode", "mtime", "content", "xattr", "same"};
	struct tmp *tmp = *state;

	for (int upper = 0; upper < 2; upper++)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			CLEAN_FREE char *path = xasprintf(
				"%s/d/%s", upper ? "upper" : "lower0", names[i]);

			lay_file(tmp, path, "text");
		}
	lay_link(tmp, "lower0/d/l", "t");
	lay_link(tmp, "upper/d/l", "t");
	lay_link(tmp, "lower0/d/m", "t");
	lay_link(tmp, "upper/d/m", "u");
	assert_int_equal(fchmodat(tmp->fd, "upper/d/mode", 0600, 0), 0);
	settle(tmp, "upper/d/mtime", MTIME + 1);
	lay_file(tmp, "upper/d/content", "TEXT");
	lay_xattr(tmp, "upper/d/xattr", "user.k", "v");
	assert_diff(tmp, NULL,
		"d d 0755\nf d/content 0644 =TEXT\nl d/m 0777 -> u\nf d/mode 0600 =text\n"
		"f d/mtime 0644 =text\nf d/xattr 0644 user.k =text\n");
}

static void x8_metadata_of_directories(void **state)
{
	struct tmp *tmp = *state;

	lay_dir(tmp, "lower0/mode", 0755);
	lay_dir(tmp, "upper/mode", 0750);
	lay_dir(tmp, "lower0/xattr", 0755);
	lay_dir(tmp, "upper/xattr", 0755);
	lay_xattr(tmp, "upper/xattr", "user.k", "v");
	lay_dir(tmp, "lower0/same", 0755);
	lay_dir(tmp, "upper/same", 0755);
	lay_xattr(tmp, "lower0/same", "user.k", "v");
	lay_xattr(tmp, "upper/same", "user.k", "v");
	lay_xattr(tmp, "upper/same", PREFIX "origin", "o");
	lay_xattr(tmp, "upper/same", PREFIX "impure", "y");
	assert_diff(tmp, NULL, "d mode 0750\nd xattr 0755 user.k\n");
}

/* D6: the root is said only if it changed. */
static void d6_root(void **state)
{
	struct tmp *tmp = *state;

	if (geteuid() != 0)
		skip_because("needs root to write where nobody may");
	lay_dir(tmp, "lower0", 0555);
	lay_dir(tmp, "upper", 0555);
	settle(tmp, "upper", 77);
	lay_dir(tmp, "upper/d", 0755);
	assert_diff(tmp, NULL, "d d 0755\n");
	lay_dir(tmp, "upper", 0711);
	assert_diff(tmp, NULL, "d . 0711\nd d 0755\n");
}

static void d6_root_without_lowers(void **state)
{
	struct tmp *tmp = *state;

	if (geteuid() != 0)
		skip_because("needs root to have a root that is root's");
	lay_file(tmp, "upper/x", "1");
	assert_diff(tmp, NULL, "f x 0644 =1\n");
	lay_dir(tmp, "upper", 0700);
	assert_diff(tmp, NULL, "d . 0700\nf x 0644 =1\n");
}

/* M2: overlay's and security modules' attributes stay behind. */
static void m2_attributes(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "upper/f", "1");
	lay_xattr(tmp, "upper/f", "user.b", "2");
	lay_xattr(tmp, "upper/f", "user.a", "1");
	lay_xattr(tmp, "upper/f", "user.a=b", "dropped");
	lay_xattr(tmp, "upper/f", PREFIX "origin", "x");
	lay_xattr(tmp, "upper/f", S2C_OWNER_XATTR, "5:5");
	if (geteuid() == 0) {
		lay_xattr(tmp, "upper/f", "trusted.x", "1");
		lay_xattr(tmp, "upper/f", "trusted.overlay.opaque", "y");
	}
	assert_diff(tmp, NULL, "f f 0644 user.a user.b =1\n");
}

/* M3: capabilities bound to a namespace become plain ones. */
static void m3_namespaced_capabilities(void **state)
{
	/* revision 3, cap_net_raw+ep, rootid 100000 */
	static const unsigned char v3[24] = {
		1, 0, 0, 3, 0, 0x20, [20] = 0xa0, [21] = 0x86, [22] = 1};
	struct tmp *tmp = *state;
	const struct s2c_entry *entry;
	char path[128];
	struct trees t;

	lay_file(tmp, "upper/ping", "x");
	snprintf(path, sizeof(path), "%s/upper/ping", tmp->path);
	if (setxattr(path, "security.capability", v3, sizeof(v3), 0))
		skip_because("cannot set namespaced file capabilities here");
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	trees_open(tmp, &t);
	struct s2c_diff_opts opts = {.upper_fd = t.upper,
		.lower_fds = t.lowers,
		.n_lowers = t.n,
		.xattr_prefix = PREFIX};
	assert_ok(s2c_layer_diff(ctx, &opts, &e, &terr));
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_int_equal(entry->n_xattrs, 1);
	assert_int_equal(entry->xattrs[0].len, 20);
	assert_memory_equal(entry->xattrs[0].value, "\1\0\0\2\0\x20", 6);
	trees_close(&t);
}

/* X9: attributes that say that the content is somewhere else. */
static void x9_redirects(void **state)
{
	struct tmp *tmp = *state;

	lay_dir(tmp, "upper/d", 0755);
	lay_xattr(tmp, "upper/d", PREFIX "redirect", "/other");
	assert_diff_fails(tmp, NULL, S2C_EUNSUPPORTED, "redirect_dir=off");
	assert_ok(s2c_fs_rm_rf(tmp->fd, "upper/d", &terr));
	lay_file(tmp, "upper/f", "");
	lay_xattr(tmp, "upper/f", PREFIX "metacopy", "");
	assert_diff_fails(tmp, NULL, S2C_EUNSUPPORTED, "'f'");
	assert_ok(s2c_fs_rm_rf(tmp->fd, "upper/f", &terr));
	lay_opaque(tmp, "upper/n");
	lay_xattr(tmp, "upper/n", PREFIX "opaque", "x");
	assert_diff_fails(tmp, NULL, S2C_EUNSUPPORTED, "inside an overlay");
}

/* X2: sockets are left out with a warning, fifos are never opened. */
static void x2_sockets_and_fifos(void **state)
{
	struct tmp *tmp = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int warnings = 0;
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new(
		(struct s2c_sink){count_warning, &warnings});
	struct diff_with with = {.ctx = ctx};
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	lay_dir(tmp, "upper", 0755);
	lay_file(tmp, "lower0/sock", "was a file");
	assert_int_equal(mkfifoat(tmp->fd, "upper/fifo", 0644), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/upper/sock", tmp->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	/* What it replaced must not come back. */
	assert_diff(tmp, &with, "w .wh.sock\np fifo 0644\n");
	assert_int_equal(warnings, 1);
}

static void x3_devices(void **state)
{
	struct tmp *tmp = *state;

	lay_dir(tmp, "upper", 0755);
	if (mknodat(tmp->fd, "upper/c", S_IFCHR | 0600, makedev(1, 3)))
		skip_because("device nodes cannot be made here");
	assert_diff(tmp, NULL, "c c 0600\n");
}

/* X4: a file that changes while it is read is named. */
static void x4_changing_file(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	const struct s2c_entry *entry;
	char buf[64];

	for (int how = 0; how < 3; how++) {
		struct s2c_entries *e CLEAN_ENTRIES = NULL;
		struct trees t;
		ssize_t n;
		int fd;

		lay_file(tmp, "upper/grows", "0123456789");
		trees_open(tmp, &t);
		struct s2c_diff_opts opts = {.upper_fd = t.upper,
			.lower_fds = t.lowers,
			.n_lowers = t.n,
			.xattr_prefix = PREFIX};
		assert_ok(s2c_layer_diff(ctx, &opts, &e, &terr));
		assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
		assert_int_equal(s2c_entries_read(e, buf, 5, &terr), 5);
		fd = openat(tmp->fd, "upper/grows", O_WRONLY | O_CLOEXEC);
		if (how == 0)
			assert_int_equal(ftruncate(fd, 5), 0);
		else
			assert_int_equal(pwrite(fd, "xx", 2, how == 1 ? 10 : 2), 2);
		close(fd);
		do
			n = s2c_entries_read(e, buf, sizeof(buf), &terr);
		while (n > 0);
		assert_fails((int)n, S2C_EINVAL, "'grows' changed");
		trees_close(&t);
	}
}

static void x4_vanishing_file(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;
	struct trees t;

	lay_file(tmp, "upper/a", "");
	lay_file(tmp, "upper/b", "");
	trees_open(tmp, &t);
	struct s2c_diff_opts opts = {.upper_fd = t.upper,
		.lower_fds = t.lowers,
		.n_lowers = t.n,
		.xattr_prefix = PREFIX};
	assert_ok(s2c_layer_diff(ctx, &opts, &e, &terr));
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_int_equal(unlinkat(t.upper, "b", 0), 0);
	assert_fails(s2c_entries_next(e, ctx, &entry, &terr), S2C_EINVAL, "'b' changed");
	trees_close(&t);
}

/* X1: holes are read without the disk, and much of them is worth a warning. */
static void x1_sparse_files(void **state)
{
	struct tmp *tmp = *state;
	int warnings = 0;
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new(
		(struct s2c_sink){count_warning, &warnings});
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;
	CLEAN_FREE char *buf = xmalloc(1u << 20), *zero = xcalloc(1, 1u << 20);
	uint64_t at = 0, size = (3ull << 30) + 5;
	struct trees t;
	ssize_t n;
	int fd;

	lay_dir(tmp, "upper", 0755);
	fd = openat(tmp->fd, "upper/log", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_equal(pwrite(fd, "middle", 6, 1 << 30), 6);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	trees_open(tmp, &t);
	struct s2c_diff_opts opts = {.upper_fd = t.upper,
		.lower_fds = t.lowers,
		.n_lowers = t.n,
		.xattr_prefix = PREFIX};
	assert_ok(s2c_layer_diff(ctx, &opts, &e, &terr));
	assert_ok(s2c_entries_next(e, ctx, &entry, &terr));
	assert_int_equal(entry->size, size);
	assert_int_equal(warnings, 1);
	while ((n = s2c_entries_read(e, buf, 1u << 20, &terr)) > 0) {
		if (at <= 1u << 30 && at + (uint64_t)n > 1u << 30) {
			size_t where = (size_t)((1u << 30) - at);

			assert_memory_equal(buf + where, "middle", 6);
			memset(buf + where, 0, 6);
		}
		assert_int_equal(memcmp(buf, zero, (size_t)n), 0);
		at += (uint64_t)n;
	}
	assert_ok(n);
	assert_int_equal(at, size);
	trees_close(&t);
}

/* M5: deeper than PATH_MAX, and with more levels than open directories. */
static void m5_deep_trees(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_buf want = S2C_BUF_INIT(16u * 1024 * 1024);
	CLEAN_FREE char *name = xcalloc(1, 101), *path = xcalloc(1, 40000), *text = NULL;
	CLEAN_FD int at = -1;

	memset(name, 'n', 100);
	lay_dir(tmp, "upper", 0755);
	lay_dir(tmp, "lower0", 0755);
	for (int tree = 0; tree < 2; tree++) {
		at = openat(tmp->fd, tree ? "upper" : "lower0",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		path[0] = '\0';
		for (int i = 0; i < 150; i++) {
			int next;

			assert_int_equal(mkdirat(at, name, 0755), 0);
			next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			close(at);
			at = next;
			if (tree) {
				strncat(path, i ? "/" : "", 2);
				strncat(path, name, 101);
				s2c_buf_must_printf(&want, "d %s 0755\n", path);
			}
		}
		if (tree)
			assert_int_equal(mknodat(at, "gone", S_IFCHR, 0), 0);
		else
			assert_int_equal(mknodat(at, "gone", S_IFREG | 0644, 0), 0);
		close(take_fd(&at));
	}
	s2c_buf_must_printf(&want, "w %s/.wh.gone\n", path);
	/* On the way back up closed directories are opened again. */
	lay_file(tmp, "upper/z", "end");
	s2c_buf_must_printf(&want, "f z 0644 =end\n");
	text = diff_text(tmp, NULL);
	assert_non_null(text);
	assert_string_equal(text, s2c_buf_str(&want));
	s2c_buf_release(&want);
}

/* Directories above 64 levels are closed and opened again between their names. */
static void reopens_directories(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_buf path = S2C_BUF_INIT(65536);
	CLEAN_FREE char *file = NULL, *text = NULL;

	s2c_buf_must_printf(&path, "upper");
	for (int i = 0; i < 100; i++) {
		s2c_buf_must_printf(&path, "/d");
		free(TAKE(file));
		file = xasprintf("%s/e", s2c_buf_str(&path));
		lay_file(tmp, file, "x");
	}
	s2c_buf_release(&path);
	text = diff_text(tmp, NULL);
	assert_non_null(text);
	size_t lines = 0;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 200);
}

/* Single-id namespaces: files get the owner of the build, directories keep theirs. */
static void single_id_owners(void **state)
{
	struct diff_with with = {.owner = {.single_id = true, .uid = 1001, .gid = 7}};
	struct tmp *tmp = *state;

	lay_dir(tmp, "lower0/kept", 02775);
	lay_xattr(tmp, "lower0/kept", S2C_OWNER_XATTR, "33:44");
	lay_dir(tmp, "lower0/root", 0755);
	lay_file(tmp, "lower0/root/same", "1");
	lay_dir(tmp, "upper/kept", 02775);
	/* What the build writes there does not count. */
	lay_xattr(tmp, "upper/kept", S2C_OWNER_XATTR, "0:0");
	lay_file(tmp, "upper/kept/f", "x");
	assert_int_equal(fchmodat(tmp->fd, "upper/kept/f", 06755, 0), 0);
	lay_file(tmp, "upper/root/same", "1");
	lay_file(tmp, "upper/root/new", "2");
	lay_dir(tmp, "upper/fresh", 02755);
	assert_diff(tmp, &with,
		"d fresh 2755 1001:7\nd kept 2775 33:44\nf kept/f 0755 1001:7 =x\n"
		"d root 0755\nf root/new 0644 1001:7 =2\n");
	lay_xattr(tmp, "lower0/kept", S2C_OWNER_XATTR, "33:4x");
	assert_diff_fails(tmp, &with, S2C_EINVAL, "damaged");
}

/* M6: any bytes. */
static void m6_names(void **state)
{
	struct tmp *tmp = *state;

	lay_file(tmp, "upper/cafe\xcc\x81", "nfd");
	lay_file(tmp, "upper/caf\xc3\xa9", "nfc");
	lay_file(tmp, "upper/a\nb\x1b", "1");
	lay_file(tmp, "upper/\xe9", "2");
	assert_diff(tmp, NULL,
		"f a\nb\x1b 0644 =1\nf cafe\xcc\x81 0644 =nfd\nf caf\xc3\xa9 0644 =nfc\n"
		"f \xe9 0644 =2\n");
}

static void ends_when_cancelled(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct diff_with with = {.ctx = ctx};

	lay_file(tmp, "upper/x", "");
	s2c_ctx_cancel(ctx);
	assert_diff_fails(tmp, &with, S2C_ECANCELED, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(nothing_changed),
		tmp_test(w2_order),
		tmp_test(d1_parents_with_their_metadata),
		tmp_test(w1_replaced_directories),
		tmp_test(d2_recreated_directory),
		tmp_test(w4_needless_opaque),
		tmp_test(w5_needless_whiteouts),
		tmp_test(w9_names_of_whiteouts),
		tmp_test(w11_plain_whiteouts),
		tmp_test(h1_links_in_the_layer),
		tmp_test(h3_copied_up_link),
		tmp_test(h4_excluded_first_name),
		tmp_test(x5_excludes),
		tmp_test(x11_unchanged_files),
		tmp_test(x8_metadata_of_directories),
		tmp_test(d6_root),
		tmp_test(d6_root_without_lowers),
		tmp_test(m2_attributes),
		tmp_test(m3_namespaced_capabilities),
		tmp_test(x9_redirects),
		tmp_test(x2_sockets_and_fifos),
		tmp_test(x3_devices),
		tmp_test(x4_changing_file),
		tmp_test(x4_vanishing_file),
		tmp_test(x1_sparse_files),
		tmp_test(m5_deep_trees),
		tmp_test(reopens_directories),
		tmp_test(single_id_owners),
		tmp_test(m6_names),
		tmp_test(ends_when_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
