/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer becomes one lower directory of an overlay. Files go through codec/extract; what
 * is added here are whiteouts.
 *
 * A whiteout speaks of the layers below only, wherever it stands in the archive: it never
 * deletes what this layer brings. So ".wh.x" next to a directory "x" of the same layer
 * means that "x" starts empty, which for an overlay is an opaque "x". Opaque marks are
 * collected and set at the end, when all directories are what they stay.
 */
#include "layer/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "codec/extract.h"
#include "codec/tar.h"
#include "layer/overlay.h"
#include "util/ahead.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/strv.h"

struct unpack {
	struct s2c_ctx *ctx;
	int root_fd;
	const struct s2c_unpack_opts *opts;
	struct s2c_extractor *x;
	struct s2c_entries *tar;
	struct s2c_strv opaque; /* paths of directories */
	size_t opaque_bytes;
	bool any_whiteout, saw_root;
};

static void unpack_release(struct unpack *u)
{
	s2c_entries_free(u->tar);
	s2c_extractor_free(u->x);
	s2c_strv_release(&u->opaque);
}

/* ---- the diffID on the way ---- */

struct hashing_reader {
	struct s2c_reader base;
	struct s2c_reader *next;
	bool own;
	struct s2c_hasher *hasher;
};

static ssize_t hashing_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct hashing_reader *h = (struct hashing_reader *)r;
	ssize_t n = s2c_read(h->next, buf, len, err);

	if (n > 0)
		s2c_hasher_update(h->hasher, buf, (size_t)n);
	return n;
}

static void hashing_free(struct s2c_reader *r)
{
	struct hashing_reader *h = (struct hashing_reader *)r;

	if (h->own)
		s2c_reader_free(h->next);
	s2c_hasher_free(h->hasher);
	free(h);
}

static struct hashing_reader *hashing_reader(struct s2c_unpack_input input)
{
	static const struct s2c_reader_ops ops = {
		.read = hashing_read, .free = hashing_free};
	struct hashing_reader *h = xcalloc(1, sizeof(*h));

	h->base.ops = &ops;
	h->next = input.tar;
	h->own = input.own;
	h->hasher = s2c_hasher_new("sha256");
	return h;
}

/* ---- whiteouts ---- */

static int note_opaque(struct unpack *u, const char *path, struct s2c_error **err)
{
	u->opaque_bytes += strlen(path) + sizeof(char *) * 4;
	if (u->opaque_bytes > S2C_UNPACK_OPAQUE_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "the layer has too many opaque directories");
	s2c_strv_add(&u->opaque, path);
	return 0;
}

/* "a/b" of "a/b/c", "." of "c"; caller frees. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
}

/*
 * Whiteouts among the parents of `path`, of names that this layer brings again, become
 * opaque directories. *out_changed tells if there were any.
 */
static int revive_parents(
	struct unpack *u, const char *path, bool *out_changed, struct s2c_error **err)
{
	*out_changed = false;
	for (const char *slash = strchr(path, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *dir = xstrndup(path, (size_t)(slash - path));
		const char *name;
		int fd;

		if (s2c_extractor_parent(u->x, dir, &fd, &name, err))
			return -1;
		if (!s2c_overlay_is_whiteout_at(fd, name))
			continue;
		if (unlinkat(fd, name, 0))
			return s2c_fail_errno(err, errno, "cannot replace '%s'", dir);
		if (note_opaque(u, dir, err))
			return -1;
		*out_changed = true;
	}
	return 0;
}

/* W8, W1: below what is no directory in this layer there is nothing to hide. */
static int add_whiteout(struct unpack *u, const char *path, struct s2c_error **err)
{
	struct s2c_error *blocked CLEAN_ERROR = NULL;
	const char *name;
	struct stat st;
	int fd;

	u->any_whiteout = true;
	if (s2c_extractor_parent(u->x, path, &fd, &name, &blocked)) {
		if (s2c_error_code(blocked) == S2C_EINVAL)
			return 0;
		s2c_error_move(err, &blocked);
		return -1;
	}
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? note_opaque(u, path, err) : 0;
	if (mknodat(fd, name, S_IFCHR, makedev(0, 0)))
		return s2c_fail_errno(err, errno, "cannot hide '%s'", path);
	return 0;
}

static int bad_name(const struct s2c_entry *entry, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO,
		"'%s' is no valid name in a layer: names that begin with '.wh.' are "
		"whiteouts",
		entry->path);
}

/* An entry whose last name begins with ".wh.". */
static int take_marker(
	struct unpack *u, const struct s2c_entry *entry, struct s2c_error **err)
{
	const char *slash = strrchr(entry->path, '/');
	const char *name = slash ? slash + 1 : entry->path;
	const char *hidden = name + strlen(S2C_WHITEOUT_PREFIX);
	CLEAN_FREE char *parent = parent_of(entry->path), *path = NULL;

	if (entry->type != S2C_ENTRY_FILE && entry->type != S2C_ENTRY_HARDLINK)
		return bad_name(entry, err);
	if (streq(name, S2C_WHITEOUT_OPAQUE))
		return note_opaque(u, parent, err);
	/* The rest of this name space is bookkeeping of AUFS. */
	if (starts_with(hidden, S2C_WHITEOUT_PREFIX))
		return 0;
	if (!hidden[0] || streq(hidden, ".") || streq(hidden, ".."))
		return bad_name(entry, err);
	path = slash ? xasprintf("%s/%s", parent, hidden) : xstrdup(hidden);
	return add_whiteout(u, path, err);
}

/* ---- entries ---- */

static bool is_marker(const char *path)
{
	const char *slash = strrchr(path, '/');

	return starts_with(slash ? slash + 1 : path, S2C_WHITEOUT_PREFIX);
}

/* True if a directory of the path has the name of a whiteout. */
static bool in_marker(const char *path)
{
	for (const char *p = path; strchr(p, '/'); p = strchr(p, '/') + 1)
		if (starts_with(p, S2C_WHITEOUT_PREFIX))
			return true;
	return false;
}

/* What takes the place of its own whiteout; a directory is new from the ground. */
static int clear_whiteout(
	struct unpack *u, const struct s2c_entry *entry, struct s2c_error **err)
{
	const char *name;
	int fd;

	if (!u->any_whiteout || streq(entry->path, "."))
		return 0;
	if (s2c_extractor_parent(u->x, entry->path, &fd, &name, err))
		return -1;
	if (!s2c_overlay_is_whiteout_at(fd, name))
		return 0;
	if (unlinkat(fd, name, 0))
		return s2c_fail_errno(err, errno, "cannot replace '%s'", entry->path);
	return entry->type == S2C_ENTRY_DIR ? note_opaque(u, entry->path, err) : 0;
}

static int add_file(
	struct unpack *u, const struct s2c_entry *entry, struct s2c_error **err)
{
	struct s2c_error *first CLEAN_ERROR = NULL;
	bool revived = false;

	if (clear_whiteout(u, entry, &first) == 0 &&
		s2c_extractor_add(u->x, u->ctx, entry, u->tar, &first) == 0)
		return 0;
	if (u->any_whiteout && s2c_error_code(first) == S2C_EINVAL &&
		revive_parents(u, entry->path, &revived, NULL) == 0 && revived) {
		if (clear_whiteout(u, entry, err))
			return -1;
		return s2c_extractor_add(u->x, u->ctx, entry, u->tar, err);
	}
	s2c_error_move(err, &first);
	return -1;
}

static int take_entry(
	struct unpack *u, const struct s2c_entry *entry, struct s2c_error **err)
{
	if (in_marker(entry->path))
		return bad_name(entry, err);
	if (is_marker(entry->path))
		return take_marker(u, entry, err);
	if (entry->type == S2C_ENTRY_CHARDEV && entry->dev_major == 0 &&
		entry->dev_minor == 0)
		return add_whiteout(u, entry->path, err);
	u->saw_root |= streq(entry->path, ".");
	return add_file(u, entry, err);
}

/* ---- the end ---- */

/* W7: the kernel lists whiteouts in directories that nothing lies under. */
static int sweep_whiteouts(struct unpack *u, const char *top, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv todo = S2C_STRV_INIT;

	s2c_strv_add(&todo, top);
	while (todo.len) {
		CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
		CLEAN_FREE char *dir = xstrdup(todo.items[todo.len - 1]);
		CLEAN_FD int fd = -1;
		struct stat st;

		s2c_strv_remove(&todo, todo.len - 1);
		if (s2c_ctx_check(u->ctx, err) ||
			s2c_extract_open_dir(u->root_fd, dir, &fd, err) ||
			s2c_fs_list(fd, S2C_UNPACK_ENTRIES_MAX, &names, err))
			return -1;
		s2c_strv_foreach (name, &names) {
			if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
				return s2c_fail_errno(
					err, errno, "cannot read '%s/%s'", dir, name);
			if (S_ISDIR(st.st_mode))
				s2c_strv_addf(&todo, "%s/%s", dir, name);
			else if (s2c_overlay_is_whiteout(&st) && unlinkat(fd, name, 0))
				return s2c_fail_errno(
					err, errno, "cannot remove '%s/%s'", dir, name);
		}
	}
	return 0;
}

static int make_opaque(struct unpack *u, const char *path, struct s2c_error **err)
{
	CLEAN_FREE char *inside = xasprintf("%s/x", path);
	CLEAN_FREE char *attr = xasprintf("%sopaque", u->opts->xattr_prefix);
	struct s2c_error *blocked CLEAN_ERROR = NULL;
	bool revived;
	const char *name;
	int fd = u->root_fd;

	if (!streq(path, ".") && revive_parents(u, inside, &revived, NULL))
		return 0; /* it ended up as something else than a directory */
	if (!streq(path, ".") && s2c_extractor_parent(u->x, inside, &fd, &name, &blocked))
		return 0;
	if (streq(path, "."))
		s2c_emit_log(u->ctx, S2C_WARN,
			"a layer hides all that is below it, which an overlay cannot do "
			"at "
			"its root; files of lower layers may show");
	if (fsetxattr(fd, attr, "y", 1, 0))
		return s2c_fail_errno(err, errno, "cannot mark '%s' as opaque", path);
	return u->any_whiteout ? sweep_whiteouts(u, path, err) : 0;
}

int s2c_layer_mark_root(int root_fd, struct s2c_error **err)
{
	static const struct timespec epoch[2] = {{.tv_nsec = UTIME_OMIT}, {0}};

	/* Where there are no user attributes, the root stays as plain as it is. */
	if (fsetxattr(root_fd, S2C_ROOT_XATTR, "none", 4, 0) && errno != EOPNOTSUPP &&
		errno != EPERM)
		return s2c_fail_errno(err, errno, "cannot mark the root");
	if (futimens(root_fd, epoch))
		return s2c_fail_errno(err, errno, "cannot set the time of the root");
	return 0;
}

static int finish(struct unpack *u, struct s2c_error **err)
{
	/* revive_parents may add to the list. */
	for (size_t i = 0; i < u->opaque.len; i++) {
		CLEAN_FREE char *path = xstrdup(u->opaque.items[i]);

		if (make_opaque(u, path, err))
			return -1;
	}
	if (s2c_extractor_finish(u->x, err))
		return -1;
	if (u->saw_root)
		return 0;
	return s2c_layer_mark_root(u->root_fd, err);
}

/* What the root is unless the layer says otherwise. */
static int prepare_root(const struct unpack *u, struct s2c_error **err)
{
	if (!u->opts->single_id && fchown(u->root_fd, 0, 0))
		return s2c_fail_errno(err, errno, "cannot set the owner of the root");
	if (fchmod(u->root_fd, 0755))
		return s2c_fail_errno(err, errno, "cannot set the mode of the root");
	return 0;
}

size_t s2c_layer_root_tree(const int *tree_fds, size_t n)
{
	char value[8];

	for (size_t i = 0; i + 1 < n; i++)
		if (fgetxattr(tree_fds[i], S2C_ROOT_XATTR, value, sizeof(value)) < 0)
			return i;
	return n - 1;
}

int s2c_layer_unpack(struct s2c_ctx *ctx, struct s2c_unpack_input input, int root_fd,
	const struct s2c_unpack_opts *opts, struct s2c_digest *diff_id,
	struct s2c_error **err)
{
	struct hashing_reader *hashing = hashing_reader(input);
	struct s2c_tar_limits limits = {
		.entries = opts->max_entries ? opts->max_entries : S2C_UNPACK_ENTRIES_MAX,
		.bytes = opts->max_bytes ? opts->max_bytes : S2C_UNPACK_BYTES_MAX,
	};
	struct s2c_extract_opts how = {
		.no_owner = opts->single_id,
		.owner_xattr = opts->single_id ? S2C_OWNER_XATTR : NULL,
		.skip_devices = true,
		.warn_replaced = true,
	};
	struct unpack u CLEAN(unpack_release) = {
		.ctx = ctx,
		.root_fd = root_fd,
		.opts = opts,
		.x = s2c_extractor_new(root_fd, &how),
		/* Inflating and hashing in one thread, putting files on disk in another.
		 */
		.tar = s2c_tar_reader(
			s2c_reader_ahead(&hashing->base, true, input.stop), true, limits),
	};
	const struct s2c_entry *entry;

	if (prepare_root(&u, err))
		return -1;
	for (;;) {
		if (s2c_entries_next(u.tar, ctx, &entry, err))
			return -1;
		if (!entry)
			break;
		if (take_entry(&u, entry, err))
			return -1;
	}
	if (finish(&u, err))
		return -1;
	if (diff_id)
		s2c_hasher_final(hashing->hasher, diff_id);
	return 0;
}
