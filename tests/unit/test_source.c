/* SPDX-License-Identifier: Apache-2.0 */
/* Local directories as source: what is opened, what is sent, what is refused and how. */
#include "helper.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "source/ignore.h"
#include "source/source.h"

/* Opens "<tmp>/<name>". */
static int open_named(const struct tmp *tmp, const char *name, const char *context_dir,
	struct s2c_source **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *spec = xasprintf("%s/%s", tmp->path, name);
	struct s2c_source_opts opts = {
		.spec = spec,
		.context_dir = context_dir,
		.stage_fd = -1,
		.stdin_fd = -1,
	};

	return s2c_source_open(ctx, &opts, out, err);
}

/* Walks to the end: one line "type mode path [-> link] [=content]" per entry. */
static int walk(struct s2c_source *source, const struct s2c_ignore *ignore, char **out,
	struct s2c_error **err)
{
	static const char types[] = "fdlhcbps";
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(1u << 20);
	const struct s2c_entry *e = NULL;

	if (s2c_source_walk(source, ignore, &entries, err) < 0)
		return -1;
	for (;;) {
		char data[4096];

		if (s2c_entries_next(entries, ctx, &e, err) < 0)
			return -1;
		if (!e)
			break;
		s2c_buf_must_printf(
			&text, "%c %04o %s", types[e->type], (unsigned)e->mode, e->path);
		if (e->link)
			s2c_buf_must_printf(&text, " -> %s", e->link);
		if (e->type == S2C_ENTRY_FILE) {
			ssize_t n = s2c_entries_read(entries, data, sizeof(data), err);

			if (n < 0)
				return -1;
			assert_int_equal(n, e->size);
			s2c_buf_must_printf(&text, " =%.*s", (int)n, data);
		}
		s2c_buf_must_printf(&text, "\n");
	}
	*out = s2c_buf_take(&text);
	return 0;
}

#define assert_walk(source, ignore, want)                                                \
	do {                                                                             \
		CLEAN_FREE char *got_ = NULL;                                            \
		assert_ok(walk(source, ignore, &got_, &terr));                           \
		assert_string_equal(got_, want);                                         \
	} while (0)

static void test_tree(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SOURCE struct s2c_source *source = NULL;

	tmp_write(tmp, "app/b/x", "1");
	tmp_write(tmp, "app/b.x", "2");
	tmp_write(tmp, "app/a", "");
	tmp_write(tmp, "app/.git/config", "3");
	tmp_write(tmp, "app/z/y/w", "4");
	assert_int_equal(symlinkat("../../etc/passwd", tmp->fd, "app/out"), 0);
	assert_int_equal(symlinkat("/nowhere", tmp->fd, "app/nowhere"), 0);
	assert_int_equal(symlinkat("b", tmp->fd, "app/in"), 0);
	assert_int_equal(linkat(tmp->fd, "app/b/x", tmp->fd, "app/z/link", 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "app/a", 06755, 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "app/z", 01777, 0), 0);
	assert_int_equal(fchmodat(tmp->fd, "app/z/y", 02700, 0), 0);

	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_string_equal(source->kind, "directory");
	assert_true(starts_with(source->info.location, tmp->path));
	assert_string_equal(source->info.commit_id, "");
	assert_walk(source, NULL,
		"d 0755 .git\n"
		"f 0644 .git/config =3\n"
		"f 0755 a =\n"
		"d 0755 b\n"
		"f 0644 b/x =1\n"
		"f 0644 b.x =2\n"
		"l 0777 in -> b\n"
		"l 0777 nowhere -> /nowhere\n"
		"l 0777 out -> ../../etc/passwd\n"
		"d 1777 z\n"
		"h 0644 z/link -> b/x\n"
		"d 0700 z/y\n"
		"f 0644 z/y/w =4\n");

	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = NULL;

	assert_ok(s2c_ignore_new("b\nz/y/*\nout", 9, NULL, &ignore, &terr));
	/* The other name of a file becomes the file when the first is left out. */
	assert_walk(source, ignore,
		"f 0755 a =\n"
		"f 0644 b.x =2\n"
		"l 0777 in -> b\n"
		"l 0777 nowhere -> /nowhere\n"
		"l 0777 out -> ../../etc/passwd\n"
		"d 1777 z\n"
		"f 0644 z/link =1\n"
		"d 0700 z/y\n");
}

static void test_metadata(void **state)
{
	const struct tmp *tmp = *state;
	const struct timespec times[2] = {
		{.tv_sec = 5}, {.tv_sec = 1700000000, .tv_nsec = 7}};
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *e = NULL;
	char data[8];

	tmp_write(tmp, "app/a", "hello");
	assert_int_equal(utimensat(tmp->fd, "app/a", times, 0), 0);
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	assert_int_equal(s2c_entries_data_fd(entries), -1);
	assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
	assert_int_equal(e->mtime, 1700000000);
	assert_int_equal(e->mtime_ns, 7);
	assert_int_equal(e->uid, getuid());
	assert_int_equal(e->gid, getgid());
	assert_int_equal(e->size, 5);
	assert_int_equal(e->n_xattrs, 0);
	/* The receiver may copy from the fd, or read, in pieces or not at all. */
	assert_int_equal(pread(s2c_entries_data_fd(entries), data, 8, 0), 5);
	assert_int_equal(s2c_entries_read(entries, data, 3, &terr), 3);
	assert_memory_equal(data, "hel", 3);
	assert_int_equal(s2c_entries_read(entries, data, 8, &terr), 2);
	assert_int_equal(s2c_entries_read(entries, data, 8, &terr), 0);
	assert_int_equal(s2c_entries_read(entries, data, 8, &terr), 0);
	assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
	assert_null(e);
	assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
	assert_null(e);

	/* What comes from a commit has nothing of this host. */
	s2c_entries_free(TAKE(entries));
	assert_int_equal(fchmodat(tmp->fd, "app/a", 0700, 0), 0);
	source->from_commit = true;
	source->commit_time = 42;
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
	assert_int_equal(e->mtime, 42);
	assert_int_equal(e->mtime_ns, 0);
	assert_int_equal(e->mode, 0755);
}

/* Puts one thing that an image cannot hold at "app/bad". */
static void make_special(const struct tmp *tmp, mode_t type)
{
	if (type == S_IFSOCK) {
		CLEAN_FREE char *path = xasprintf("%s/app/bad", tmp->path);
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
		assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	} else if (mknodat(tmp->fd, "app/bad", type | 0644, makedev(1, 3)) < 0) {
		skip();
	}
}

static void test_special(void **state)
{
	static const struct {
		mode_t type;
		const char *part;
	} cases[] = {
		{S_IFIFO, "'bad' is a fifo, which an image cannot hold: exclude it in "
			  ".s2iignore or with --exclude"},
		{S_IFSOCK, "'bad' is a socket"},
		{S_IFCHR, "'bad' is a character device"},
		{S_IFBLK, "'bad' is a block device"},
	};
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = NULL;

	tmp_write(tmp, "app/a", "1");
	assert_ok(s2c_ignore_new("bad", 3, NULL, &ignore, &terr));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;
		char *text = NULL;

		make_special(tmp, cases[i].type);
		assert_ok(open_named(tmp, "app", NULL, &source, &terr));
		assert_fails(walk(source, NULL, &text, &terr), S2C_EINVAL, cases[i].part);
		assert_walk(source, ignore, "f 0644 a =1\n");
		assert_int_equal(unlinkat(tmp->fd, "app/bad", 0), 0);
	}
}

static void test_whiteout_names(void **state)
{
	static const char *const names[] = {".wh.x", ".wh..wh..opq", ".wh."};
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = NULL;

	assert_ok(s2c_ignore_new("**/.wh.*", 8, NULL, &ignore, &terr));
	tmp_write(tmp, "app/d/a", "1");
	tmp_write(tmp, "app/d/.whx", "2");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;
		CLEAN_FREE char *path = xasprintf("app/d/%s", names[i]);
		CLEAN_FREE char *part = xasprintf("'d/%s' has a name", names[i]);
		char *text = NULL;

		tmp_write(tmp, path, "");
		assert_ok(open_named(tmp, "app", NULL, &source, &terr));
		assert_fails(walk(source, NULL, &text, &terr), S2C_EINVAL, part);
		assert_walk(
			source, ignore, "d 0755 d\nf 0644 d/.whx =2\nf 0644 d/a =1\n");
		assert_int_equal(unlinkat(tmp->fd, path, 0), 0);
	}
}

/* Root can read everything, so the walk is done as nobody then. */
static int walk_unprivileged(struct s2c_source *source, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;
	int rc;

	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	rc = walk(source, NULL, &text, err);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	return rc;
}

static void test_unreadable(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SOURCE struct s2c_source *source = NULL;

	tmp_write(tmp, "app/d/secret", "1");
	assert_int_equal(chmod(tmp->path, 0755), 0);
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_ok(walk_unprivileged(source, &terr));
	assert_int_equal(fchmodat(tmp->fd, "app/d/secret", 0, 0), 0);
	assert_fails(walk_unprivileged(source, &terr), S2C_EINVAL,
		"cannot read 'd/secret': permission denied: make it readable, or exclude "
		"it "
		"in .s2iignore or with --exclude");
	assert_int_equal(fchmodat(tmp->fd, "app/d", 0, 0), 0);
	assert_fails(walk_unprivileged(source, &terr), S2C_EINVAL,
		"cannot read 'd': permission denied: make it readable");
	assert_int_equal(fchmodat(tmp->fd, "app/d", 0755, 0), 0);
}

/* What we can read, but assemble could not: it owns the file and has no other rights. */
static void test_unreadable_for_assemble(void **state)
{
	static const struct {
		const char *path;
		mode_t mode, fine;
	} cases[] = {
		{"app/f", 0, 0400},
		{"app/f", 0077, 0400},
		{"app/d", 0377, 0500},
		{"app/d", 0677, 0700},
	};
	const struct tmp *tmp = *state;
	CLEAN_SOURCE struct s2c_source *source = NULL;

	if (geteuid() != 0)
		skip_because("only root reads what it has no mode for");
	tmp_write(tmp, "app/f", "1");
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "app/d", 0755, &terr));
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *before = NULL, *after = NULL;
		CLEAN_FREE char *said = xasprintf("'%s' has mode %04o, with which",
			cases[i].path + strlen("app/"), (unsigned)cases[i].mode);

		assert_int_equal(fchmodat(tmp->fd, cases[i].path, cases[i].mode, 0), 0);
		assert_fails(walk(source, NULL, &before, &terr), S2C_EINVAL, said);
		assert_int_equal(fchmodat(tmp->fd, cases[i].path, cases[i].fine, 0), 0);
		assert_ok(walk(source, NULL, &after, &terr));
	}
}

/* A file that is touched between its header and its end. */
static void test_changes(void **state)
{
	enum change { GROW, SHRINK, SHRINK_UNREAD, REWRITE };
	static const enum change changes[] = {GROW, SHRINK, SHRINK_UNREAD, REWRITE};
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;
		CLEAN_ENTRIES struct s2c_entries *entries = NULL;
		const struct s2c_entry *e = NULL;
		const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5}};
		char data[64];

		tmp_write(tmp, "app/log", "0123456789");
		assert_int_equal(utimensat(tmp->fd, "app/log", times, 0), 0);
		assert_ok(open_named(tmp, "app", NULL, &source, &terr));
		assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
		assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
		if (changes[i] != SHRINK_UNREAD)
			assert_int_equal(s2c_entries_read(entries, data, 5, &terr), 5);
		tmp_write(tmp, "app/log",
			changes[i] == GROW      ? "0123456789+"
			: changes[i] == REWRITE ? "abcdefghij"
						: "01");
		if (changes[i] == SHRINK) {
			assert_fails(s2c_entries_read(entries, data, 64, &terr),
				S2C_EINVAL,
				"'log' changed while it was read: stop what writes to "
				"it");
			continue;
		}
		if (changes[i] != SHRINK_UNREAD)
			assert_int_equal(s2c_entries_read(entries, data, 64, &terr), 5);
		assert_fails(s2c_entries_next(entries, ctx, &e, &terr), S2C_EINVAL,
			"'log' changed while it was read");
	}
}

/* Names that are swapped between listing and opening are never followed. */
static void test_swapped(void **state)
{
	static const char *const what[] = {"symlink", "fifo", "gone", "dir"};
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();

	tmp_write(tmp, "secret", "secret");
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;
		CLEAN_ENTRIES struct s2c_entries *entries = NULL;
		const struct s2c_entry *e = NULL;

		tmp_write(tmp, "app/x", "1");
		assert_ok(open_named(tmp, "app", NULL, &source, &terr));
		assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
		assert_int_equal(unlinkat(tmp->fd, "app/x", 0), 0);
		if (streq(what[i], "symlink"))
			assert_int_equal(symlinkat("../secret", tmp->fd, "app/x"), 0);
		else if (streq(what[i], "fifo"))
			assert_int_equal(mkfifoat(tmp->fd, "app/x", 0644), 0);
		else if (streq(what[i], "dir"))
			assert_int_equal(mkdirat(tmp->fd, "app/x", 0755), 0);
		assert_fails(s2c_entries_next(entries, ctx, &e, &terr), S2C_EINVAL,
			"'x' changed while it was read");
		assert_ok(s2c_fs_rm_rf(tmp->fd, "app/x", &terr));
	}
}

static void test_empty(void **state)
{
	const struct tmp *tmp = *state;
	struct s2c_source *none = NULL;
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = NULL;
	char *text = NULL;

	assert_fails(open_named(tmp, "missing", NULL, &none, &terr), S2C_ENOENT,
		"does not exist: name a directory, a git URL, a tar file or '-'");
	assert_int_equal(mkdirat(tmp->fd, "app", 0755), 0);
	assert_fails(open_named(tmp, "app", NULL, &none, &terr), S2C_EINVAL, "is empty");
	tmp_write(tmp, "app/.git/HEAD", "x");
	assert_fails(open_named(tmp, "app", NULL, &none, &terr), S2C_EINVAL, "is empty");
	tmp_write(tmp, "app/a", "1");
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_ok(s2c_ignore_new("a", 1, NULL, &ignore, &terr));
	assert_fails(walk(source, ignore, &text, &terr), S2C_EINVAL,
		"everything in it is excluded");
	assert_fails(open_named(tmp, "app/a/b", NULL, &none, &terr), S2C_EIO, "app/a/b");
}

static void test_context_dir(void **state)
{
	static const struct {
		const char *dir;
		const char *context_dir; /* as recorded, or NULL: fails */
		const char *part;
	} cases[] = {
		{"sub", "sub", NULL},
		{"./sub/", "sub", NULL},
		{"/sub", "sub", NULL},
		{"sub/deep", "sub/deep", NULL},
		{"sub/../sub", "sub/../sub", NULL},
		{".", "", NULL},
		{"", "", NULL},
		{"/", "", NULL},
		{"..", NULL, "context directory '..' leaves the source"},
		{"../other", NULL, "leaves the source"},
		{"sub/../../other", NULL, "leaves the source"},
		{"/etc", NULL, "there is no directory 'etc' in the source"},
		{"nowhere", NULL, "there is no directory 'nowhere' in the source"},
		{"file", NULL, "is no directory"},
		{"link", NULL, "symbolic link"},
		{"out", NULL, "symbolic link"},
		{"out/x", NULL, "symbolic link"},
		{"void", NULL, "directory void is empty"},
	};
	const struct tmp *tmp = *state;

	tmp_write(tmp, "app/file", "0");
	tmp_write(tmp, "app/sub/a", "1");
	tmp_write(tmp, "app/sub/deep/b", "2");
	tmp_write(tmp, "other/x/c", "3");
	assert_int_equal(symlinkat("sub", tmp->fd, "app/link"), 0);
	assert_int_equal(symlinkat("../other", tmp->fd, "app/out"), 0);
	assert_int_equal(mkdirat(tmp->fd, "app/void", 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;

		if (!cases[i].context_dir) {
			assert_int_equal(
				open_named(tmp, "app", cases[i].dir, &source, &terr), -1);
			if (!strstr(s2c_error_message(terr), cases[i].part))
				fail_with_error(cases[i].dir, __FILE__, __LINE__);
			s2c_error_free(TAKE(terr));
			continue;
		}
		assert_ok(open_named(tmp, "app", cases[i].dir, &source, &terr));
		assert_string_equal(source->info.context_dir, cases[i].context_dir);
	}
	CLEAN_SOURCE struct s2c_source *sub = NULL;

	assert_ok(open_named(tmp, "app", "sub", &sub, &terr));
	assert_walk(sub, NULL, "f 0644 a =1\nd 0755 deep\nf 0644 deep/b =2\n");
}

/* The argument itself is typed by the user: a link there is followed, odd names work. */
static void test_spec_paths(void **state)
{
	static const char *const names[] = {
		"link", "a#b", "a:b", "a b", "-x", "link/.", "link//"};
	const struct tmp *tmp = *state;
	struct s2c_source *none = NULL;

	tmp_write(tmp, "app/a", "1");
	assert_int_equal(symlinkat("app", tmp->fd, "link"), 0);
	tmp_write(tmp, "a#b/a", "1");
	tmp_write(tmp, "a:b/a", "1");
	tmp_write(tmp, "a b/a", "1");
	tmp_write(tmp, "-x/a", "1");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;

		assert_ok(open_named(tmp, names[i], NULL, &source, &terr));
		assert_walk(source, NULL, "f 0644 a =1\n");
	}
	assert_fails(open_named(tmp, "app#main", NULL, &none, &terr), S2C_EINVAL,
		"is no git repository, so there is no ref 'main' in it");
	CLEAN_SOURCE struct s2c_source *sub = NULL;

	tmp_write(tmp, "app/sub/x", "1");
	assert_ok(open_named(tmp, "app#:sub", NULL, &sub, &terr));
	assert_walk(sub, NULL, "f 0644 x =1\n");
	assert_fails(open_named(tmp, "app#:sub", "sub", &none, &terr), S2C_EINVAL,
		"both given");
}

static void test_hints(void **state)
{
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_source_opts opts = {.spec = "github.com/a/b", .stage_fd = -1};
	struct s2c_source *none = NULL;

	assert_fails(s2c_source_open(ctx, &opts, &none, &terr), S2C_ENOENT,
		"write 'https://github.com/a/b'");
	opts.spec = NULL;
	assert_fails(s2c_source_open(ctx, &opts, &none, &terr), S2C_EINVAL, "is empty");
	opts.spec = "/dev/null";
	assert_fails(s2c_source_open(ctx, &opts, &none, &terr), S2C_EINVAL,
		"is no directory, git repository or tar file");
	opts.spec = "/";
	opts.ref = "-x";
	assert_fails(
		s2c_source_open(ctx, &opts, &none, &terr), S2C_EINVAL, "begins with '-'");
	s2c_source_free(NULL);
}

static void test_read(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(8);

	tmp_write(tmp, "app/.s2iignore", "a\nb\n");
	tmp_write(tmp, "app/big", "123456789");
	tmp_write(tmp, "secret", "secret");
	assert_int_equal(symlinkat("../secret", tmp->fd, "app/link"), 0);
	assert_int_equal(symlinkat(".", tmp->fd, "app/here"), 0);
	assert_int_equal(mkfifoat(tmp->fd, "app/fifo", 0644), 0);
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_ok(s2c_source_read(source, ".s2iignore", &buf, &terr));
	assert_string_equal(s2c_buf_str(&buf), "a\nb\n");
	s2c_buf_clear(&buf);
	assert_fails(s2c_source_read(source, "none", &buf, &terr), S2C_ENOENT, "'none'");
	assert_fails(
		s2c_source_read(source, "no/ne", &buf, &terr), S2C_ENOENT, "'no/ne'");
	assert_fails(s2c_source_read(source, "link", &buf, &terr), S2C_EINVAL,
		"symbolic link");
	assert_fails(s2c_source_read(source, "here/big", &buf, &terr), S2C_EINVAL,
		"symbolic link");
	assert_fails(
		s2c_source_read(source, "../secret", &buf, &terr), S2C_EINVAL, "secret");
	assert_fails(s2c_source_read(source, "fifo", &buf, &terr), S2C_EINVAL,
		"no regular file");
	assert_fails(
		s2c_source_read(source, ".", &buf, &terr), S2C_EINVAL, "no regular file");
	assert_fails(s2c_source_read(source, "big", &buf, &terr), S2C_ELIMIT, "'big'");
}

static void test_deep(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_FD int at = -1;
	char *text = NULL;

	tmp_write(tmp, "app/a", "1");
	assert_ok(s2c_fs_open(tmp->fd, "app", O_RDONLY | O_DIRECTORY, 0, &at, &terr));
	for (int i = 0; i < S2C_WALK_DEPTH_MAX + 1; i++) {
		assert_int_equal(mkdirat(at, "d", 0755), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(next >= 0);
		close(at);
		at = next;
		if (i == S2C_WALK_DEPTH_MAX - 1) {
			assert_ok(open_named(tmp, "app", NULL, &source, &terr));
			assert_ok(walk(source, NULL, &text, &terr));
			free(TAKE(text));
		}
	}
	assert_fails(walk(source, NULL, &text, &terr), S2C_ELIMIT,
		"nested deeper than 256 directories: exclude it");
}

/* More names than fit a read of the directory, in the right order, each once. */
static void test_many(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *e = NULL;
	char last[64] = "";
	int n = 0;

	for (int i = 0; i < 5000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "app/f-%x-%d", i * 40503 & 0xffff, i);
		tmp_write(tmp, name, "");
	}
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	for (;; n++) {
		assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
		if (!e)
			break;
		assert_true(strcmp(last, e->path) < 0);
		snprintf(last, sizeof(last), "%s", e->path);
	}
	assert_int_equal(n, 5000);
}

static void test_cancel(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *e = NULL;

	tmp_write(tmp, "app/a", "1");
	tmp_write(tmp, "app/b", "1");
	assert_ok(open_named(tmp, "app", NULL, &source, &terr));
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
	s2c_ctx_cancel(ctx);
	assert_fails(s2c_entries_next(entries, ctx, &e, &terr), S2C_ECANCELED, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_tree),
		tmp_test(test_metadata),
		tmp_test(test_special),
		tmp_test(test_whiteout_names),
		tmp_test(test_unreadable),
		tmp_test(test_unreadable_for_assemble),
		tmp_test(test_changes),
		tmp_test(test_swapped),
		tmp_test(test_empty),
		tmp_test(test_context_dir),
		tmp_test(test_spec_paths),
		cmocka_unit_test(test_hints),
		tmp_test(test_read),
		tmp_test(test_deep),
		tmp_test(test_many),
		tmp_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
