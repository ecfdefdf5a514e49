/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees for tests of layers: an upper directory "upper" over "lower0" (uppermost),
 * "lower1", ... in the directory of the test, and the difference as text. Include after
 * helper.h.
 */
#ifndef S2C_TESTS_UNIT_LAYERS_H
#define S2C_TESTS_UNIT_LAYERS_H

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "codec/tar.h"
#include "layer/diff.h"
#include "layer/unpack.h"

#define PREFIX "user.overlay."
#define MTIME 1000000000

UNUSED static void settle(const struct tmp *tmp, const char *path, int64_t mtime)
{
	struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};

	assert_int_equal(utimensat(tmp->fd, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

UNUSED static void lay_dir(const struct tmp *tmp, const char *path, mode_t mode)
{
	assert_ok(s2c_fs_mkdir_p(tmp->fd, path, 0755, &terr));
	assert_int_equal(fchmodat(tmp->fd, path, mode, 0), 0);
	settle(tmp, path, MTIME);
}

UNUSED static void lay_file(const struct tmp *tmp, const char *path, const char *text)
{
	tmp_write(tmp, path, text);
	settle(tmp, path, MTIME);
}

UNUSED static void lay_link(const struct tmp *tmp, const char *path, const char *target)
{
	assert_int_equal(symlinkat(target, tmp->fd, path), 0);
	settle(tmp, path, MTIME);
}

UNUSED static void lay_hardlink(
	const struct tmp *tmp, const char *path, const char *first)
{
	assert_int_equal(linkat(tmp->fd, first, tmp->fd, path, 0), 0);
}

UNUSED static void lay_whiteout(const struct tmp *tmp, const char *path)
{
	assert_int_equal(mknodat(tmp->fd, path, S_IFCHR, makedev(0, 0)), 0);
}

UNUSED static void lay_xattr(
	const struct tmp *tmp, const char *path, const char *name, const char *value)
{
	CLEAN_FREE char *full = xasprintf("%s/%s", tmp->path, path);

	assert_int_equal(lsetxattr(full, name, value, strlen(value), 0), 0);
}

UNUSED static void lay_opaque(const struct tmp *tmp, const char *path)
{
	lay_dir(tmp, path, 0755);
	lay_xattr(tmp, path, PREFIX "opaque", "y");
}

/* True for an attribute of this value. */
UNUSED static bool has_xattr(
	const struct tmp *tmp, const char *path, const char *name, const char *value)
{
	CLEAN_FREE char *full = xasprintf("%s/%s", tmp->path, path);
	char buf[256] = "";

	return lgetxattr(full, name, buf, sizeof(buf) - 1) >= 0 && streq(buf, value);
}

struct trees {
	int upper;
	int lowers[8];
	size_t n;
};

UNUSED static void trees_open(const struct tmp *tmp, struct trees *t)
{
	char name[16];

	(void)mkdirat(tmp->fd, "upper", 0755);
	/* Without a lower tree, a root that is not root's would be said. */
	if (geteuid() != 0)
		(void)mkdirat(tmp->fd, "lower0", 0755);
	t->upper = openat(tmp->fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->upper >= 0);
	for (t->n = 0; t->n < 8; t->n++) {
		snprintf(name, sizeof(name), "lower%zu", t->n);
		t->lowers[t->n] = openat(
			tmp->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (t->lowers[t->n] < 0)
			break;
	}
}

UNUSED static void trees_close(struct trees *t)
{
	close(t->upper);
	while (t->n > 0)
		close(t->lowers[--t->n]);
}

/* Everything of an entry but its data and attributes. */
UNUSED static void describe(
	const struct s2c_entry *e, struct s2c_entries *entries, struct s2c_buf *out)
{
	static const char types[] = "fdlhcbps";
	const char *slash = strrchr(e->path, '/');
	char data[4096];
	ssize_t n;

	if (starts_with(slash ? slash + 1 : e->path, ".wh.")) {
		s2c_buf_must_printf(out, "w %s\n", e->path);
		return;
	}
	s2c_buf_must_printf(out, "%c %s %04o", types[e->type], e->path, e->mode);
	/* Ordinary users own what they make. */
	if ((e->uid && e->uid != geteuid()) || (e->gid && e->gid != getegid()))
		s2c_buf_must_printf(out, " %u:%u", e->uid, e->gid);
	if (e->link)
		s2c_buf_must_printf(out, " -> %s", e->link);
	for (size_t i = 0; i < e->n_xattrs; i++)
		s2c_buf_must_printf(out, " %s", e->xattrs[i].name);
	if (e->type == S2C_ENTRY_FILE) {
		s2c_buf_must_printf(out, " =");
		while ((n = s2c_entries_read(entries, data, sizeof(data), &terr)) > 0)
			s2c_buf_must_printf(out, "%.*s", (int)n, data);
		assert_ok(n);
	}
	s2c_buf_must_printf(out, "\n");
}

struct diff_with {
	const struct s2c_strv *excludes;
	struct s2c_owner_map owner;
	struct s2c_ctx *ctx;
};

/* The difference, a line for each entry, or NULL with terr set. */
UNUSED static char *diff_text(const struct tmp *tmp, const struct diff_with *with)
{
	struct s2c_ctx *own CLEAN_CTX = quiet_ctx();
	struct s2c_ctx *ctx = with && with->ctx ? with->ctx : own;
	struct s2c_buf out = S2C_BUF_INIT(16u * 1024 * 1024);
	struct s2c_entries *entries CLEAN_ENTRIES = NULL;
	const struct s2c_entry *e;
	struct trees t;
	int r;

	trees_open(tmp, &t);
	struct s2c_diff_opts opts = {
		.upper_fd = t.upper,
		.lower_fds = t.lowers,
		.n_lowers = t.n,
		.xattr_prefix = PREFIX,
		.excludes = with ? with->excludes : NULL,
	};
	if (with)
		opts.owner = with->owner;
	r = s2c_layer_diff(ctx, &opts, &entries, &terr);
	while (r == 0) {
		r = s2c_entries_next(entries, ctx, &e, &terr);
		if (r || !e)
			break;
		describe(e, entries, &out);
	}
	trees_close(&t);
	if (r == 0)
		return s2c_buf_take(&out);
	s2c_buf_release(&out);
	return NULL;
}

#define assert_diff(tmp, with, want)                                                     \
	do {                                                                             \
		char *text_ = diff_text(tmp, with);                                      \
		if (!text_)                                                              \
			fail_with_error("diff failed", __FILE__, __LINE__);              \
		assert_string_equal(text_, want);                                        \
		free(text_);                                                             \
	} while (0)

#define assert_diff_fails(tmp, with, code, part)                                         \
	assert_fails(diff_text(tmp, with) ? 0 : -1, code, part)

/* Counts warnings. */
UNUSED static void count_warning(void *self, const struct s2c_event *event)
{
	if (event->kind == S2C_EVENT_LOG && event->level == S2C_WARN)
		++*(int *)self;
}

#endif
