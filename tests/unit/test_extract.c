/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of codec/extract: entries arrive on disk as they are described, and nothing ever
 * arrives outside of the root. Names like M1 and D3 are those of the trap list in
 * docs/layers.md.
 */
#include "helper.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "codec/extract.h"
#include "entries.h"

#define NEEDS_ROOT()                                                                     \
	do {                                                                             \
		if (geteuid() != 0)                                                      \
			skip_because("needs root to give files away");                   \
	} while (0)

/* Extracts a table below "root" of the test directory. */
static int extract(const struct tmp *tmp, const struct item *items, size_t n,
	const struct s2c_extract_opts *opts)
{
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *s CLEAN_ENTRIES = item_stream(items, n);
	struct s2c_extract_opts plain = {.no_owner = geteuid() != 0};
	CLEAN_FD int root = -1;

	(void)mkdirat(tmp->fd, "root", 0755);
	root = openat(tmp->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	return s2c_extract_all(ctx, s, root, opts ? opts : &plain, NULL, &terr);
}
#define EXTRACT(tmp, items, opts) extract(tmp, items, ARRAY_SIZE(items), opts)

static struct stat stat_of(const struct tmp *tmp, const char *name)
{
	struct stat st;

	if (fstatat(tmp->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		fail_msg("'%s' is not there", name);
	return st;
}

static void assert_content(const struct tmp *tmp, const char *name, const char *want)
{
	CLEAN_FREE char *text = tmp_read(tmp, name);

	assert_string_equal(text, want);
}

static void makes_every_kind(void **state)
{
	static const struct item items[] = {
		{".", S2C_ENTRY_DIR, .mode = 0711, .mtime = 100},
		{"d", S2C_ENTRY_DIR, .mode = 01770, .uid = 5, .gid = 6, .mtime = 200,
			.mtime_ns = 7},
		{"d/f", .data = "text", .mode = 0640, .uid = 1001, .gid = 1002,
			.mtime = 300, .mtime_ns = 123456789},
		{"d/s", S2C_ENTRY_SYMLINK, .mode = 0777, .uid = 3, .gid = 4,
			.link = "../nowhere", .mtime = 400},
		{"d/p", S2C_ENTRY_FIFO, .mode = 0622, .uid = 7, .mtime = 500},
		{"d/h", S2C_ENTRY_HARDLINK, .link = "d/f", .uid = 99},
		{"d/c", S2C_ENTRY_CHARDEV, .mode = 0666, .major = 1, .minor = 3},
		{"d/b", S2C_ENTRY_BLOCKDEV, .mode = 0660, .major = 7, .minor = 300},
		{"d/neg", .data = "", .mtime = -5, .mtime_ns = 3},
	};
	struct tmp *tmp = *state;
	struct stat st;

	NEEDS_ROOT();
	assert_ok(EXTRACT(tmp, items, NULL));
	st = stat_of(tmp, "root");
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	assert_int_equal(st.st_mtim.tv_sec, 100);
	/* D4: although files were made in it afterwards. */
	st = stat_of(tmp, "root/d");
	assert_int_equal(st.st_mode, S_IFDIR | 01770);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_gid, 6);
	assert_int_equal(st.st_mtim.tv_sec, 200);
	assert_int_equal(st.st_mtim.tv_nsec, 7);
	/* H7: the link entry's other owner does not count. */
	st = stat_of(tmp, "root/d/f");
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid, 1001);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(st.st_ino, stat_of(tmp, "root/d/h").st_ino);
	assert_content(tmp, "root/d/h", "text");
	st = stat_of(tmp, "root/d/s");
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(st.st_uid, 3);
	assert_int_equal(st.st_mtim.tv_sec, 400);
	st = stat_of(tmp, "root/d/p");
	assert_int_equal(st.st_mode, S_IFIFO | 0622);
	assert_int_equal(st.st_uid, 7);
	st = stat_of(tmp, "root/d/c");
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_int_equal(st.st_rdev, makedev(1, 3));
	st = stat_of(tmp, "root/d/b");
	assert_int_equal(st.st_mode, S_IFBLK | 0660);
	assert_int_equal(st.st_rdev, makedev(7, 300));
	assert_int_equal(stat_of(tmp, "root/d/neg").st_mtim.tv_sec, -5);
}

/* M1: setuid bits and file capabilities survive the change of the owner. */
static void m1_chown_before_chmod_before_attributes(void **state)
{
	/* cap_net_raw+ep, revision 2 */
	static const char caps[20] = {1, 0, 0, 2, 0, 0x20};
	static const struct item items[] = {
		{"su", .data = "x", .mode = 06755, .uid = 1001, .gid = 1001},
		{"ping", .data = "x", .mode = 0755, .uid = 1001,
			.xattr = "security.capability", .value = caps, .value_len = 20}};
	struct tmp *tmp = *state;
	char value[64];

	NEEDS_ROOT();
	assert_ok(EXTRACT(tmp, items, NULL));
	assert_int_equal(stat_of(tmp, "root/su").st_mode & 07777, 06755);
	CLEAN_FREE char *path = xasprintf("%s/root/ping", tmp->path);
	assert_int_equal(getxattr(path, "security.capability", value, sizeof(value)), 20);
	assert_memory_equal(value, caps, 20);
}

/* M2: what is set and what is not, on files, directories and links. */
static void m2_sets_only_kept_attributes(void **state)
{
	static const struct item items[] = {
		{"f", .data = "", .xattr = "user.x", .value = "a\nb\0c", .value_len = 5},
		{"d", S2C_ENTRY_DIR, .xattr = "user.x", .value = "", .value_len = 0},
		{"opaque", S2C_ENTRY_DIR, .xattr = "trusted.overlay.opaque", .value = "y",
			.value_len = 1},
		{"redirect", S2C_ENTRY_DIR, .xattr = "user.overlay.redirect",
			.value = "/x", .value_len = 2},
		{"owner", S2C_ENTRY_DIR, .xattr = "user.s2c.owner", .value = "0:0",
			.value_len = 3},
		{"s", S2C_ENTRY_SYMLINK, .link = "f", .xattr = "user.x", .value = "1",
			.value_len = 1},
	};
	static const char *const bare[] = {"opaque", "redirect", "owner", "s"};
	struct tmp *tmp = *state;
	char value[64];

	assert_ok(EXTRACT(tmp, items, NULL));
	for (int i = 0; i < 2; i++) {
		CLEAN_FREE char *path = xasprintf("%s/root/%s", tmp->path, i ? "d" : "f");

		assert_int_equal(
			getxattr(path, "user.x", value, sizeof(value)), i ? 0 : 5);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bare); i++) {
		CLEAN_FREE char *path = xasprintf("%s/root/%s", tmp->path, bare[i]);

		assert_int_equal(llistxattr(path, value, sizeof(value)), 0);
	}
}

/* D1: parents that no entry describes. */
static void d1_makes_missing_parents(void **state)
{
	static const struct item items[] = {
		{"a/b/c", .data = "x"}, {"a/b/d/e", .data = "y"}};
	struct tmp *tmp = *state;
	mode_t old = umask(077);
	struct stat st;

	assert_ok(EXTRACT(tmp, items, NULL));
	umask(old);
	st = stat_of(tmp, "root/a/b");
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mtim.tv_sec, 0);
	assert_int_equal(stat_of(tmp, "root/a/b/d").st_mtim.tv_sec, 0);
	assert_content(tmp, "root/a/b/d/e", "y");
}

/* D3: everything over everything. */
static void d3_replaces_what_is_in_the_way(void **state)
{
	static const struct item items[] = {
		{"d2f", S2C_ENTRY_DIR},
		{"d2f/x/y", .data = ""},
		{"d2f", .data = "file"},
		{"f2d", .data = ""},
		{"f2d", S2C_ENTRY_DIR},
		{"f2d/x", .data = "1"},
		{"d2l", S2C_ENTRY_DIR},
		{"d2l/x", .data = ""},
		{"d2l", S2C_ENTRY_SYMLINK, .link = "f2d"},
		{"l2f", S2C_ENTRY_SYMLINK, .link = "../outside"},
		{"l2f", .data = "file"},
		{"l2d", S2C_ENTRY_SYMLINK, .link = "../.."},
		{"l2d", S2C_ENTRY_DIR},
		{"l2d/x", .data = "2"},
		{"f2f", .data = "long content"},
		{"f2f", .data = "s"},
		{"keep", S2C_ENTRY_DIR},
		{"keep/x", .data = "3"},
		{"keep", S2C_ENTRY_DIR, .mode = 0700, .mtime = 9},
		{"d2h", S2C_ENTRY_DIR},
		{"d2h/x", .data = ""},
		{"d2h", S2C_ENTRY_HARDLINK, .link = "f2f"},
	};
	struct tmp *tmp = *state;
	struct stat st;

	tmp_write(tmp, "outside", "untouched");
	assert_ok(EXTRACT(tmp, items, NULL));
	assert_content(tmp, "root/d2f", "file");
	assert_content(tmp, "root/f2d/x", "1");
	assert_true(S_ISLNK(stat_of(tmp, "root/d2l").st_mode));
	assert_content(tmp, "root/l2f", "file");
	assert_content(tmp, "root/l2d/x", "2");
	assert_content(tmp, "root/f2f", "s");
	assert_content(tmp, "root/keep/x", "3");
	assert_content(tmp, "root/d2h", "s");
	st = stat_of(tmp, "root/keep");
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_mtim.tv_sec, 9);
	assert_content(tmp, "outside", "untouched");
}

/* Vectors of CVE-2018-1102, 2026-17106, 2021-32760 and their kin; all must fail. */
static const struct {
	struct item items[3];
	const char *message;
} escapes[] = {
	{{{"l", S2C_ENTRY_SYMLINK, .link = "../outside"}, {"l/pwned", .data = "x"}},
		"leads through"},
	{{{"l", S2C_ENTRY_SYMLINK, .link = "/"}, {"l/tmp/pwned", .data = "x"}},
		"leads through"},
	{{{"l", S2C_ENTRY_SYMLINK, .link = "../outside"}, {"l/d", S2C_ENTRY_DIR}},
		"leads through"},
	{{{"a/b", S2C_ENTRY_DIR}, {"a", S2C_ENTRY_SYMLINK, .link = "../outside"},
		 {"a/b/pwned", .data = "x"}},
		"leads through"},
	{{{"a/b", .data = ""}, {"a", S2C_ENTRY_SYMLINK, .link = "../outside"},
		 {"a/pwned", .data = "x"}},
		"leads through"},
	{{{"f", .data = ""}, {"f/x", .data = "x"}}, "leads through"},
	/* hard links */
	{{{"l", S2C_ENTRY_SYMLINK, .link = "../outside"},
		 {"h", S2C_ENTRY_HARDLINK, .link = "l/secret"}},
		"no earlier entry"},
	{{{"h", S2C_ENTRY_HARDLINK, .link = "missing"}}, "no earlier entry"},
	{{{"d", S2C_ENTRY_DIR}, {"h", S2C_ENTRY_HARDLINK, .link = "d"}},
		"no earlier entry"},
	{{{"h", S2C_ENTRY_HARDLINK, .link = "h"}}, "cannot point to"},
	{{{"h", S2C_ENTRY_HARDLINK, .link = "outside"}}, "no earlier entry"},
	/* the root */
	{{{".", S2C_ENTRY_SYMLINK, .link = "../outside"}}, "root of the archive"},
	{{{".", .data = "x"}}, "root of the archive"},
};

static void stays_below_the_root(void **state)
{
	struct tmp *tmp = *state;
	char cwd[4096];

	tmp_write(tmp, "outside/secret", "secret");
	/* A link target must never be looked for in the working directory. */
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(tmp->path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
		size_t n = 0;

		while (n < 3 && escapes[i].items[n].path)
			n++;
		assert_fails(extract(tmp, escapes[i].items, n, NULL), S2C_EINVAL,
			escapes[i].message);
		assert_ok(s2c_fs_rm_rf(tmp->fd, "root", &terr));
	}
	assert_int_equal(chdir(cwd), 0);
	assert_false(tmp_has(tmp, "outside/pwned"));
	assert_false(tmp_has(tmp, "outside/d"));
	assert_int_equal(stat_of(tmp, "outside/secret").st_nlink, 1);
	assert_int_equal(access("/tmp/pwned", F_OK), -1);
}

/* A link to a symlink is the symlink; nothing is set on what it points to. */
static void h6_links_to_symlinks(void **state)
{
	static const struct item items[] = {
		{"s", S2C_ENTRY_SYMLINK, .link = "../outside"},
		{"h", S2C_ENTRY_HARDLINK, .link = "s", .mode = 0777}};
	struct tmp *tmp = *state;

	tmp_write(tmp, "outside", "x");
	assert_ok(EXTRACT(tmp, items, NULL));
	assert_true(S_ISLNK(stat_of(tmp, "root/h").st_mode));
	assert_int_equal(stat_of(tmp, "root/h").st_ino, stat_of(tmp, "root/s").st_ino);
	assert_int_equal(stat_of(tmp, "outside").st_mode & 0777, 0644);
	assert_int_equal(stat_of(tmp, "outside").st_nlink, 1);
}

/* X1: long runs of zeros take no space. */
static void x1_makes_holes(void **state)
{
	size_t size = 1000000;
	CLEAN_FREE char *data = xmalloc(size + 1);
	struct item items[] = {{"s", .data = data}};
	CLEAN_FREE char *back = NULL;
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(4u * 1024 * 1024);
	struct s2c_writer *w CLEAN_WRITER = s2c_writer_buf(&tar);
	struct s2c_tar_writer *t CLEAN(s2c_clean_tar_writer) = s2c_tar_writer_new(w);
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	CLEAN_ENTRY struct s2c_entry entry = {
		.path = xstrdup("s"), .size = size, .mode = 0644};
	struct s2c_extract_count count;
	struct stat st;

	(void)items;
	memset(data, 0, size + 1);
	memcpy(data + 70000, "middle", 6);
	assert_ok(s2c_tar_writer_entry(t, &entry, &terr));
	assert_ok(s2c_tar_writer_data(t, data, size, &terr));
	assert_ok(s2c_tar_writer_finish(t, &terr));
	e = s2c_tar_reader(
		s2c_reader_mem(tar.data, tar.len), true, (struct s2c_tar_limits){0});
	assert_int_equal(mkdirat(tmp->fd, "root", 0755), 0);
	CLEAN_FD int root = openat(tmp->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct s2c_extract_opts opts = {.no_owner = true};
	assert_ok(s2c_extract_all(ctx, e, root, &opts, &count, &terr));
	assert_int_equal(count.entries, 1);
	assert_int_equal(count.bytes, size);
	st = stat_of(tmp, "root/s");
	assert_int_equal(st.st_size, size);
	assert_true(st.st_blocks * 512 <= 4 * 65536);
	back = tmp_read(tmp, "root/s");
	assert_memory_equal(back, data, size);
}

/* M5: paths longer than the kernel takes at once. */
static void m5_deep_trees(void **state)
{
	char *deep = xcalloc(1, 20000);
	struct item items[] = {
		{deep, .data = "deep"}, {"h", S2C_ENTRY_HARDLINK, .link = deep}};
	struct tmp *tmp = *state;

	for (int i = 0; i < 12000; i++)
		deep[i] = i % 201 == 200 ? '/' : 'd';
	assert_ok(EXTRACT(tmp, items, NULL));
	assert_content(tmp, "root/h", "deep");
	assert_int_equal(stat_of(tmp, "root/h").st_nlink, 2);
	free(deep);
}

/* Directories that shut us out are shut last. */
static void closed_directories(void **state)
{
	static const struct item items[] = {
		{"d", S2C_ENTRY_DIR, .mode = 0555, .mtime = 5},
		{"d/e", S2C_ENTRY_DIR, .mode = 01000, .mtime = 6}, {"d/e/f", .data = "x"},
		{"d/g", .data = "y"}};
	struct tmp *tmp = *state;

	assert_ok(EXTRACT(tmp, items, NULL));
	assert_int_equal(stat_of(tmp, "root/d").st_mode & 07777, 0555);
	assert_int_equal(stat_of(tmp, "root/d").st_mtim.tv_sec, 5);
	if (geteuid() == 0) {
		assert_int_equal(stat_of(tmp, "root/d/e").st_mode & 07777, 01000);
		assert_int_equal(stat_of(tmp, "root/d/e").st_mtim.tv_sec, 6);
	}
}

/* A directory that a later entry replaced is not touched at the end (CVE-2021-31566). */
static void d4_no_times_through_links(void **state)
{
	static const struct item items[] = {
		{"d", S2C_ENTRY_DIR, .mode = 0500, .mtime = 5},
		{"d", S2C_ENTRY_SYMLINK, .link = "../outside"},
		{"e", S2C_ENTRY_DIR, .mtime = 5}, {"e", .data = ""},
		{"e/f", S2C_ENTRY_DIR}};
	struct tmp *tmp = *state;

	assert_int_equal(mkdirat(tmp->fd, "outside", 0755), 0);
	assert_ok(extract(tmp, items, 4, NULL));
	assert_int_equal(stat_of(tmp, "outside").st_mode & 07777, 0755);
	assert_true(stat_of(tmp, "outside").st_mtim.tv_sec > 1000);
}

/* Nor one that something else swapped: it must be the very directory. */
static void d4_no_times_on_others(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_extract_opts opts = {.no_owner = true};
	struct s2c_extractor *x CLEAN(s2c_clean_extractor) = s2c_extractor_new(
		tmp->fd, &opts);
	CLEAN_ENTRY struct s2c_entry entry = {
		.path = xstrdup("d"), .type = S2C_ENTRY_DIR, .mode = 0500, .mtime = 5};

	assert_ok(s2c_extractor_add(x, ctx, &entry, NULL, &terr));
	assert_int_equal(renameat(tmp->fd, "d", tmp->fd, "e"), 0);
	assert_int_equal(mkdirat(tmp->fd, "d", 0755), 0);
	assert_ok(s2c_extractor_finish(x, &terr));
	assert_int_equal(stat_of(tmp, "d").st_mode & 07777, 0755);
	assert_true(stat_of(tmp, "d").st_mtim.tv_sec > 1000);
}

static void keeps_to_its_options(void **state)
{
	static const struct item device[] = {
		{"dev/x", S2C_ENTRY_CHARDEV, .major = 1, .minor = 3}};
	static const struct item fifo[] = {{"p", S2C_ENTRY_FIFO}};
	static const struct item twice[] = {{"f", .data = "1"}, {"f", .data = "2"}};
	static const struct item dirs[] = {{"d", S2C_ENTRY_DIR}, {"d", S2C_ENTRY_DIR}};
	static const struct item file[] = {{"a/f", .data = "x", .mode = 06777, .uid = 0,
		.xattr = "user.x", .value = "1", .value_len = 1}};
	struct s2c_extract_opts special = {.no_special = true, .no_owner = true},
				keep = {.keep_existing = true, .no_owner = true},
				forced = {.force_owner = true,
					.uid = 1001,
					.gid = 1002,
					.mode_mask = 01777,
					.no_xattrs = true};
	struct tmp *tmp = *state;
	char value[8];

	assert_fails(EXTRACT(tmp, device, &special), S2C_EINVAL, "'dev/x' is a device");
	assert_fails(EXTRACT(tmp, fifo, &special), S2C_EINVAL, "'p' is a device, fifo");
	assert_fails(EXTRACT(tmp, twice, &keep), S2C_EEXIST, "'f' exists");
	assert_ok(EXTRACT(tmp, dirs, &keep));
	NEEDS_ROOT();
	CLEAN_FREE char *path = xasprintf("%s/root/a/f", tmp->path);
	assert_ok(EXTRACT(tmp, file, &forced));
	assert_int_equal(stat_of(tmp, "root/a").st_uid, 1001);
	assert_int_equal(stat_of(tmp, "root/a/f").st_uid, 1001);
	assert_int_equal(stat_of(tmp, "root/a/f").st_gid, 1002);
	assert_int_equal(stat_of(tmp, "root/a/f").st_mode & 07777, 0777);
	assert_int_equal(getxattr(path, "user.x", value, sizeof(value)), -1);
}

static void records_owners_of_directories(void **state)
{
	static const struct item items[] = {
		{"d", S2C_ENTRY_DIR, .uid = 33, .gid = 44}, {"f", .data = "", .uid = 33}};
	struct s2c_extract_opts opts = {
		.no_owner = true, .owner_xattr = "user.s2c.owner"};
	struct tmp *tmp = *state;
	CLEAN_FREE char *dir = xasprintf("%s/root/d", tmp->path),
			*file = xasprintf("%s/root/f", tmp->path);
	char value[32];

	assert_ok(EXTRACT(tmp, items, &opts));
	assert_int_equal(stat_of(tmp, "root/d").st_uid, geteuid());
	assert_int_equal(getxattr(dir, "user.s2c.owner", value, sizeof(value)), 5);
	assert_memory_equal(value, "33:44", 5);
	assert_int_equal(getxattr(file, "user.s2c.owner", value, sizeof(value)), -1);
}

/* ---- data from an fd ---- */

struct fd_stream {
	struct s2c_entries base;
	struct s2c_entry entry;
	int fd;
	bool given;
	size_t reads;
};

static int fd_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct fd_stream *s = (struct fd_stream *)e;

	(void)ctx;
	(void)err;
	*out = s->given ? NULL : &s->entry;
	s->given = true;
	return 0;
}

static ssize_t fd_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct fd_stream *s = (struct fd_stream *)e;

	(void)err;
	s->reads++;
	return read(s->fd, buf, len);
}

static int fd_data(struct s2c_entries *e)
{
	return ((struct fd_stream *)e)->fd;
}

static void fd_free(struct s2c_entries *e)
{
	(void)e;
}

/* Large files are copied in the kernel, and noticed when they do not keep their size. */
static void x4_copies_from_descriptors(void **state)
{
	static const struct s2c_entries_ops ops = {
		.next = fd_next, .read = fd_read, .data_fd = fd_data, .free = fd_free};
	size_t size = 3000000;
	struct tmp *tmp = *state;
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	CLEAN_FREE char *data = xmalloc(size), *back = NULL;
	struct fd_stream s = {.base.ops = &ops};
	struct s2c_extract_opts opts = {.no_owner = true};
	CLEAN_FD int root = -1,
		     in = openat(tmp->fd, "in", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 >> 3 | 1);
	assert_ok(s2c_fs_write_all(in, data, size, &terr));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(mkdirat(tmp->fd, "root", 0755), 0);
	root = openat(tmp->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s.fd = in;
	s.entry.path = xstrdup("out");
	s.entry.size = size;
	s.entry.mode = 0600;
	assert_ok(s2c_extract_all(ctx, &s.base, root, &opts, NULL, &terr));
	back = tmp_read(tmp, "root/out");
	assert_memory_equal(back, data, size);
	assert_int_equal(stat_of(tmp, "root/out").st_size, size);
	s.entry.size = size - 1;
	s.given = false;
	assert_fails(s2c_extract_all(ctx, &s.base, root, &opts, NULL, &terr), S2C_EINVAL,
		"'out' changed");
	s.entry.size = size + 1;
	s.given = false;
	assert_fails(s2c_extract_all(ctx, &s.base, root, &opts, NULL, &terr), S2C_EINVAL,
		"'out' changed");
	s2c_entry_release(&s.entry);
}

static void ends_when_cancelled(void **state)
{
	static const struct item items[] = {{"f", .data = "1"}};
	CLEAN_BUF struct s2c_buf tar = S2C_BUF_INIT(65536);
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	struct tmp *tmp = *state;

	items_to_tar(items, 1, &tar);
	e = s2c_tar_reader(
		s2c_reader_mem(tar.data, tar.len), true, (struct s2c_tar_limits){0});
	s2c_ctx_cancel(ctx);
	assert_fails(
		s2c_extract_all(ctx, e, tmp->fd, NULL, NULL, &terr), S2C_ECANCELED, "");
	assert_false(tmp_has(tmp, "f"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(makes_every_kind),
		tmp_test(m1_chown_before_chmod_before_attributes),
		tmp_test(m2_sets_only_kept_attributes),
		tmp_test(d1_makes_missing_parents),
		tmp_test(d3_replaces_what_is_in_the_way),
		tmp_test(stays_below_the_root),
		tmp_test(h6_links_to_symlinks),
		tmp_test(x1_makes_holes),
		tmp_test(m5_deep_trees),
		tmp_test(closed_directories),
		tmp_test(d4_no_times_through_links),
		tmp_test(d4_no_times_on_others),
		tmp_test(keeps_to_its_options),
		tmp_test(records_owners_of_directories),
		tmp_test(x4_copies_from_descriptors),
		tmp_test(ends_when_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
