/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts entries on disk, whatever they are called. A place is found by opening its parent
 * directory below the root without following any link; from there on only *at() calls on
 * plain names are made. What is in the way is removed, never written through.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "codec/extract_impl.h"
#include "util/error.h"
#include "util/fs.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define STEP_MAX                                                                         \
	2048 /* bytes of a path given to the kernel at once; its limit is 4096           \
	      */

struct s2c_extractor *s2c_extractor_new(int root_fd, const struct s2c_extract_opts *opts)
{
	struct s2c_extractor *x = xcalloc(1, sizeof(*x));

	x->root_fd = root_fd;
	if (opts)
		x->opts = *opts;
	x->dir_fd = -1;
	return x;
}

static void forget_dir(struct s2c_extractor *x)
{
	free(TAKE(x->dir_path));
	s2c_clean_fd(&x->dir_fd);
	x->dir_fd = -1;
}

void s2c_extractor_free(struct s2c_extractor *x)
{
	if (!x)
		return;
	forget_dir(x);
	for (size_t i = 0; i < x->n_notes; i++)
		free(x->notes[i].path);
	free(x->notes);
	free(x->buf);
	free(x);
}

/* ---- places ---- */

int s2c_extract_open_dir(
	int root_fd, const char *path, int *out_fd, struct s2c_error **err)
{
	CLEAN_FD int at = -1;

	while (strlen(path) > STEP_MAX) {
		size_t n = STEP_MAX;
		CLEAN_FREE char *step = NULL;
		int next;

		while (n > 0 && path[n] != '/')
			n--;
		step = xstrndup(path, n);
		if (s2c_fs_open_beneath(
			    at < 0 ? root_fd : at, step, DIR_FLAGS, 0, &next, err))
			return -1;
		s2c_clean_fd(&at);
		at = next;
		path += n + 1;
	}
	return s2c_fs_open_beneath(
		at < 0 ? root_fd : at, path, DIR_FLAGS, 0, out_fd, err);
}

static int fail_through(const char *path, size_t len, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL,
		"'%s' leads through '%.*s', which is not a directory", path, (int)len,
		path);
}

/* Opens `name` in dir_fd, or makes it; `path` up to `len` is the name for messages. */
static int enter(struct s2c_extractor *x, int dir_fd, const char *path, size_t len,
	int *out_fd, struct s2c_error **err)
{
	CLEAN_FREE char *whole = xstrndup(path, len);
	const char *slash = strrchr(whole, '/');
	const char *name = slash ? slash + 1 : whole;
	CLEAN_FD int fd = openat(dir_fd, name, DIR_FLAGS);

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dir_fd, name, 0755))
			return s2c_fail_errno(
				err, errno, "cannot make directory '%s'", whole);
		fd = openat(dir_fd, name, DIR_FLAGS);
		if (fd >= 0 && s2c_extract_meta_implied(x, whole, fd, err))
			return -1;
	}
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return fail_through(path, len, err);
	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot open directory '%s'", whole);
	*out_fd = take_fd(&fd);
	return 0;
}

/* Opens the directory path[0..len), making what is missing. */
static int make_dirs(struct s2c_extractor *x, const char *path, size_t len, int *out_fd,
	struct s2c_error **err)
{
	CLEAN_FD int at = -1;
	size_t done = 0;

	while (done < len) {
		size_t n = done + strcspn(path + done, "/");
		int next;

		if (enter(x, at < 0 ? x->root_fd : at, path, n, &next, err))
			return -1;
		s2c_clean_fd(&at);
		at = next;
		done = n + 1;
	}
	*out_fd = take_fd(&at);
	return 0;
}

int s2c_extractor_parent(struct s2c_extractor *x, const char *path, int *out_fd,
	const char **out_name, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct s2c_error *missing CLEAN_ERROR = NULL;
	CLEAN_FREE char *parent = NULL;
	CLEAN_FD int fd = -1;

	*out_name = slash ? slash + 1 : path;
	if (!slash) {
		*out_fd = x->root_fd;
		return 0;
	}
	if (x->dir_path && strncmp(x->dir_path, path, len) == 0 && !x->dir_path[len]) {
		*out_fd = x->dir_fd;
		return 0;
	}
	parent = xstrndup(path, len);
	if (s2c_extract_open_dir(x->root_fd, parent, &fd, &missing) &&
		make_dirs(x, path, len, &fd, err))
		return -1;
	forget_dir(x);
	x->dir_path = TAKE(parent);
	x->dir_fd = take_fd(&fd);
	*out_fd = x->dir_fd;
	return 0;
}

static bool is_dir_at(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* True if `path` is `dir` or below it. */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || !path[len]);
}

/* Removes what is in the way of an entry. place->dir_fd stays valid. */
static int clear_place(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, const struct s2c_extract_place *place,
	struct s2c_error **err)
{
	if (x->opts.keep_existing)
		return s2c_fail(err, S2C_EEXIST, "'%s' exists already", entry->path);
	if (x->opts.warn_replaced && !x->warned_replaced) {
		s2c_emit_log(ctx, S2C_WARN,
			"'%s' is in the archive more than once; the last one counts",
			entry->path);
		x->warned_replaced = true;
	}
	if (!is_dir_at(place->dir_fd, place->name)) {
		if (unlinkat(place->dir_fd, place->name, 0))
			return s2c_fail_errno(
				err, errno, "cannot replace '%s'", entry->path);
		return 0;
	}
	/* An fd of a removed directory must not stand for what takes its place. */
	if (x->dir_path && is_below(x->dir_path, entry->path))
		forget_dir(x);
	return s2c_fs_rm_rf(place->dir_fd, place->name, err);
}

/* ---- one function for each type; `errno` tells why when they return -1 ---- */

static int make_file(const struct s2c_entry *entry, struct s2c_extract_place *place)
{
	(void)entry;
	place->fd = openat(place->dir_fd, place->name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return place->fd < 0 ? -1 : 0;
}

static int make_dir(const struct s2c_entry *entry, struct s2c_extract_place *place)
{
	(void)entry;
	if (mkdirat(place->dir_fd, place->name, 0700)) {
		if (errno != EEXIST)
			return -1;
		if (!is_dir_at(place->dir_fd, place->name)) {
			errno = EEXIST;
			return -1;
		}
	}
	place->fd = openat(place->dir_fd, place->name, DIR_FLAGS);
	return place->fd < 0 ? -1 : 0;
}

static int make_symlink(const struct s2c_entry *entry, struct s2c_extract_place *place)
{
	return symlinkat(entry->link, place->dir_fd, place->name);
}

static int make_node(const struct s2c_entry *entry, struct s2c_extract_place *place)
{
	mode_t kind = entry->type == S2C_ENTRY_FIFO      ? S_IFIFO
		      : entry->type == S2C_ENTRY_CHARDEV ? S_IFCHR
							 : S_IFBLK;

	return mknodat(place->dir_fd, place->name, kind | 0600,
		makedev(entry->dev_major, entry->dev_minor));
}

static int (*maker_of(enum s2c_entry_type type))(
	const struct s2c_entry *entry, struct s2c_extract_place *place)
{
	switch (type) {
	case S2C_ENTRY_FILE:
		return make_file;
	case S2C_ENTRY_DIR:
		return make_dir;
	case S2C_ENTRY_SYMLINK:
		return make_symlink;
	case S2C_ENTRY_CHARDEV:
	case S2C_ENTRY_BLOCKDEV:
	case S2C_ENTRY_FIFO:
		return make_node;
	case S2C_ENTRY_HARDLINK:
	case S2C_ENTRY_SOCKET:
		break;
	}
	return NULL;
}

/* True if the entry is passed over. */
static bool skips_device(
	struct s2c_extractor *x, struct s2c_ctx *ctx, const struct s2c_entry *entry)
{
	bool device = entry->type == S2C_ENTRY_CHARDEV ||
		      entry->type == S2C_ENTRY_BLOCKDEV;

	if (!device || errno != EPERM || !x->opts.skip_devices)
		return false;
	if (!x->warned_devices)
		s2c_emit_log(ctx, S2C_WARN,
			"device nodes like '%s' cannot be made here and are left out",
			entry->path);
	x->warned_devices = true;
	return true;
}

static int fail_make(const struct s2c_entry *entry, int errnum, struct s2c_error **err)
{
	return s2c_fail_errno(err, errnum, "cannot make '%s'", entry->path);
}

static int add_plain(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_entries *data, struct s2c_error **err)
{
	int (*make)(const struct s2c_entry *, struct s2c_extract_place *) = maker_of(
		entry->type);
	struct s2c_extract_place place = {.fd = -1};
	CLEAN_FD int fd = -1;
	int r;

	if (s2c_extractor_parent(x, entry->path, &place.dir_fd, &place.name, err))
		return -1;
	r = make(entry, &place);
	if (r && errno == EEXIST) {
		if (clear_place(x, ctx, entry, &place, err))
			return -1;
		r = make(entry, &place);
	}
	if (r)
		return skips_device(x, ctx, entry) ? 0 : fail_make(entry, errno, err);
	fd = place.fd;
	if (entry->type == S2C_ENTRY_FILE && entry->size > 0 &&
		s2c_extract_data(x, ctx, entry, data, fd, err))
		return -1;
	return s2c_extract_meta(x, ctx, entry, &place, err);
}

/* ---- hard links ---- */

/* The parent of a link's target, borrowed or in *own_fd. */
static int open_target(struct s2c_extractor *x, const struct s2c_entry *entry,
	int *own_fd, const char **out_name, struct s2c_error **err)
{
	const char *slash = strrchr(entry->link, '/');
	size_t len = slash ? (size_t)(slash - entry->link) : 0;
	struct s2c_error *why CLEAN_ERROR = NULL;
	CLEAN_FREE char *parent = xstrndup(entry->link, len);

	*out_name = slash ? slash + 1 : entry->link;
	if (!slash)
		return x->root_fd;
	if (x->dir_path && streq(x->dir_path, parent))
		return x->dir_fd;
	if (s2c_extract_open_dir(x->root_fd, parent, own_fd, &why))
		return s2c_fail(err, S2C_EINVAL,
			"hard link '%s' points to '%s', which no earlier entry made",
			entry->path, entry->link);
	return *own_fd;
}

static int add_hardlink(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_error **err)
{
	struct s2c_extract_place place = {.fd = -1};
	CLEAN_FD int own_fd = -1;
	const char *target;
	int target_fd, r;

	if (streq(entry->path, entry->link))
		return s2c_fail(err, S2C_EINVAL, "hard link '%s' cannot point to '%s'",
			entry->path, entry->link);
	if (s2c_extractor_parent(x, entry->path, &place.dir_fd, &place.name, err))
		return -1;
	target_fd = open_target(x, entry, &own_fd, &target, err);
	if (target_fd < 0)
		return -1;
	r = linkat(target_fd, target, place.dir_fd, place.name, 0);
	if (r && errno == EEXIST) {
		if (clear_place(x, ctx, entry, &place, err))
			return -1;
		r = linkat(target_fd, target, place.dir_fd, place.name, 0);
	}
	if (r && (errno == ENOENT || errno == ENOTDIR || errno == EPERM))
		return s2c_fail(err, S2C_EINVAL,
			"hard link '%s' points to '%s', which no earlier entry made",
			entry->path, entry->link);
	return r ? fail_make(entry, errno, err) : 0;
}

/* ---- entry points ---- */

static int add_root(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_error **err)
{
	struct s2c_extract_place place = {.fd = x->root_fd, .dir_fd = -1, .name = "."};

	/* A root given as a symlink would move everything elsewhere (CVE-2021-29136). */
	if (entry->type != S2C_ENTRY_DIR)
		return s2c_fail(err, S2C_EINVAL,
			"the root of the archive is given as something else than a "
			"directory");
	return s2c_extract_meta(x, ctx, entry, &place, err);
}

static bool is_special(enum s2c_entry_type type)
{
	return type == S2C_ENTRY_CHARDEV || type == S2C_ENTRY_BLOCKDEV ||
	       type == S2C_ENTRY_FIFO || type == S2C_ENTRY_SOCKET;
}

int s2c_extractor_add(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_entries *data, struct s2c_error **err)
{
	if (is_special(entry->type) && x->opts.no_special)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is a device, fifo or socket; only files, directories and "
			"links can be taken",
			entry->path);
	if (streq(entry->path, "."))
		return add_root(x, ctx, entry, err);
	if (entry->type == S2C_ENTRY_HARDLINK)
		return add_hardlink(x, ctx, entry, err);
	if (entry->type == S2C_ENTRY_SOCKET) {
		s2c_emit_log(ctx, S2C_WARN, "socket '%s' is left out", entry->path);
		return 0;
	}
	return add_plain(x, ctx, entry, data, err);
}

int s2c_extractor_finish(struct s2c_extractor *x, struct s2c_error **err)
{
	forget_dir(x);
	return s2c_extract_meta_finish(x, err);
}

int s2c_extract_all(struct s2c_ctx *ctx, struct s2c_entries *entries, int root_fd,
	const struct s2c_extract_opts *opts, struct s2c_extract_count *out_count,
	struct s2c_error **err)
{
	struct s2c_extractor *x CLEAN(s2c_clean_extractor) = s2c_extractor_new(
		root_fd, opts);
	struct s2c_extract_count count = {0};
	const struct s2c_entry *entry;

	for (;;) {
		if (s2c_entries_next(entries, ctx, &entry, err))
			return -1;
		if (!entry)
			break;
		if (s2c_extractor_add(x, ctx, entry, entries, err))
			return -1;
		count.entries++;
		count.bytes += entry->size;
	}
	if (s2c_extractor_finish(x, err))
		return -1;
	if (out_count)
		*out_count = count;
	return 0;
}
