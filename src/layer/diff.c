/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the upper directory of an overlay and yields what a layer needs to say. The walk
 * keeps its own stack, so that neither the depth of the tree nor the length of a path is
 * limited by the machine's stack or by PATH_MAX.
 *
 * A directory is held back until something in it is to be said, because overlayfs copies
 * directories up for many reasons that are no change.
 */
#include "layer/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "codec/extract.h"
#include "layer/links.h"
#include "layer/lower.h"
#include "layer/overlay.h"
#include "layer/unpack.h"
#include "layer/upper.h"
#include "util/error.h"
#include "util/fs.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
#define OPEN_DIRS_MAX 64         /* directories of the stack that stay open */
#define OPEN_LOWERS_MAX 128      /* open lower directories above the current one */
#define SPARSE_WARN (1ull << 30) /* bytes of holes that are worth a warning */

/* A directory on the way to where the walk is. */
struct frame {
	struct s2c_entry entry;
	bool held;   /* not yet yielded */
	bool opaque; /* or below an opaque one: nothing lower shines through */
	int fd;      /* -1: opened again when needed */
	dev_t dev;
	ino_t ino;
	struct s2c_lower_dir lower;
	struct s2c_strv names;     /* what is there, without whiteouts and sockets */
	struct s2c_strv whiteouts; /* names that are gone */
	size_t next_name, next_whiteout;
};

struct diff {
	struct s2c_entries base;
	struct s2c_ctx *ctx; /* of the call that runs */
	int upper_fd;
	int *lower_fds;
	struct s2c_owner_map owner;
	char *xattr_prefix;
	struct s2c_strv excludes;   /* sorted */
	struct s2c_diff_rest *rest; /* NULL: nobody wants to know */
	struct s2c_lowers lowers;
	struct s2c_links links;
	struct frame *frames;
	size_t n, cap;
	struct s2c_entry entry; /* to be yielded after the directories above it */
	bool ready;             /* entry is to be yielded */
	bool yielded;           /* entry was yielded last */
	bool flush;             /* what is held back is to be yielded */
	struct s2c_upper_data data;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_name(const struct s2c_strv *sorted, const char *name)
{
	return sorted->len && bsearch(&name, sorted->items, sorted->len,
				      sizeof(sorted->items[0]), by_name);
}

static char *join(const char *dir, const char *name)
{
	return streq(dir, ".") ? xstrdup(name) : xasprintf("%s/%s", dir, name);
}

void s2c_diff_rest_release(struct s2c_diff_rest *rest)
{
	s2c_strv_release(&rest->paths);
}

static void leave_unsaid(struct diff *d, const char *path)
{
	if (d->rest)
		s2c_strv_add(&d->rest->paths, path);
}

/* Where nothing lower shines through it has to stay, for the layer hides name by name. */
static void leave_same(struct diff *d, const struct frame *above, const char *path)
{
	if (!above->opaque)
		leave_unsaid(d, path);
}

static int fail_vanished(const char *path, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL,
		"'%s' changed while the layer was made; nothing may write to it", path);
}

/* ---- frames ---- */

static void frame_release(struct diff *d, struct frame *f)
{
	s2c_entry_release(&f->entry);
	s2c_clean_fd(&f->fd);
	s2c_lower_dir_release(&d->lowers, &f->lower);
	s2c_strv_release(&f->names);
	s2c_strv_release(&f->whiteouts);
}

/* The fd of a frame, opened again if it had to be closed. */
static int frame_fd(struct diff *d, struct frame *f, struct s2c_error **err)
{
	struct stat st;

	if (f->fd >= 0)
		return f->fd;
	if (s2c_extract_open_dir(d->upper_fd, f->entry.path, &f->fd, err))
		return -1;
	if (fstat(f->fd, &st) || st.st_dev != f->dev || st.st_ino != f->ino)
		return fail_vanished(f->entry.path, err);
	return f->fd;
}

/* Keeps the number of open directories small, however deep the walk is. */
static void shed_fds(struct diff *d)
{
	if (d->n > OPEN_DIRS_MAX) {
		struct frame *f = &d->frames[d->n - 1 - OPEN_DIRS_MAX];

		s2c_clean_fd(&f->fd);
		f->fd = -1;
	}
	for (size_t i = 0; i < d->n && d->lowers.open_fds > OPEN_LOWERS_MAX; i++)
		s2c_lower_dir_close(&d->lowers, &d->frames[i].lower);
}

/* Names in the directory, and which of them are deletions. */
static int list_upper(
	struct diff *d, struct frame *f, struct s2c_strv *gone, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv all = S2C_STRV_INIT;
	struct stat st;

	if (s2c_fs_list(f->fd, S2C_LAYER_DIR_MAX, &all, err))
		return -1;
	for (size_t i = 0; i < all.len; i++) {
		CLEAN_FREE char *path = join(f->entry.path, all.items[i]);

		if (has_name(&d->excludes, path)) {
			leave_unsaid(d, path);
			continue;
		}
		if (fstatat(f->fd, all.items[i], &st, AT_SYMLINK_NOFOLLOW))
			return fail_vanished(path, err);
		if (S_ISSOCK(st.st_mode)) {
			s2c_emit_log(d->ctx, S2C_WARN,
				"socket '%s' is left out of the image", path);
			/* What it hides is hidden by a whiteout in the layer. */
			if (d->rest)
				d->rest->more = true;
		}
		/* H6: before anything looks at the number of links. */
		if (s2c_overlay_is_whiteout(&st) || S_ISSOCK(st.st_mode))
			s2c_strv_add(gone, all.items[i]);
		else
			s2c_strv_add_take(&f->names, TAKE(all.items[i]));
	}
	return 0;
}

/*
 * W4, W5: only names that can be seen below need a whiteout. In an opaque directory these
 * are all that are not there any more, else those that the upper directory hides.
 */
static int plan_whiteouts(struct diff *d, struct frame *f, const struct s2c_strv *gone,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv below = S2C_STRV_INIT;
	struct s2c_lower_hit hit;

	for (size_t i = 0; i < gone->len; i++) {
		CLEAN_FREE char *path = join(f->entry.path, gone->items[i]);

		hit.found = false;
		if (f->lower.n > 0 && !f->opaque &&
			s2c_lower_lookup(
				&d->lowers, &f->lower, gone->items[i], &hit, err))
			return -1;
		if (hit.found)
			s2c_strv_add(&f->whiteouts, gone->items[i]);
		else
			leave_unsaid(d, path);
	}
	if (f->lower.n == 0 || !f->opaque)
		return 0;
	if (s2c_lower_list(&d->lowers, &f->lower, &below, err))
		return -1;
	for (size_t i = 0; i < below.len; i++) {
		CLEAN_FREE char *path = join(f->entry.path, below.items[i]);

		if (has_name(&f->names, below.items[i]))
			continue;
		if (!has_name(&d->excludes, path))
			s2c_strv_add(&f->whiteouts, below.items[i]);
		else if (d->rest)
			d->rest->more = true; /* the layer does not hide it */
	}
	return 0;
}

/* Takes over *f, whose entry, fd, lower and opaque are set. */
static int push(struct diff *d, struct frame *f, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv gone = S2C_STRV_INIT;
	struct stat st;
	struct frame *top;

	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 16;
		d->frames = xreallocarray(d->frames, d->cap, sizeof(d->frames[0]));
	}
	top = &d->frames[d->n++];
	*top = *f;
	*f = (struct frame){.fd = -1};
	if (fstat(top->fd, &st))
		return fail_vanished(top->entry.path, err);
	top->dev = st.st_dev;
	top->ino = st.st_ino;
	shed_fds(d);
	if (list_upper(d, top, &gone, err))
		return -1;
	return plan_whiteouts(d, top, &gone, err);
}

/* ---- owners in a single-id user namespace ---- */

static int recorded_owner(struct diff *d, const struct s2c_lower_hit *hit,
	const char *name, struct s2c_entry *entry, struct s2c_error **err)
{
	char text[32] = "";
	uint64_t uid = 0, gid = 0;
	CLEAN_FD int fd = -1;
	const char *colon;
	ssize_t len;
	char *end;

	if (s2c_fs_open(hit->dir_fd, name, DIR_FLAGS, 0, &fd, err))
		return -1;
	len = fgetxattr(fd, S2C_OWNER_XATTR, text, sizeof(text) - 1);
	colon = len > 0 ? strchr(text, ':') : NULL;
	if (colon) {
		uid = strtoull(text, &end, 10);
		gid = end == colon ? strtoull(colon + 1, &end, 10) : UINT64_MAX;
		if (*end || uid > S2C_ENTRY_ID_MAX || gid > S2C_ENTRY_ID_MAX)
			return s2c_fail(err, S2C_EINVAL,
				"the recorded owner '%s' of '%s' is damaged", text,
				entry->path);
	}
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	return 0;
}

/* Gives the entry the owner it has inside the image. */
static int map_owner(struct diff *d, const struct s2c_lower_hit *hit, const char *name,
	struct s2c_entry *entry, struct s2c_error **err)
{
	const struct s2c_owner_map *map = &d->owner;

	if (!map->single_id)
		return 0;
	if (entry->type == S2C_ENTRY_DIR && hit->found && S_ISDIR(hit->st.st_mode))
		return recorded_owner(d, hit, name, entry, err);
	entry->uid = map->uid;
	entry->gid = map->gid;
	if (entry->type != S2C_ENTRY_DIR)
		entry->mode &= ~(mode_t)06000;
	return 0;
}

/* ---- directories ---- */

/* Whether the directory itself differs from the one below, but for its mtime. */
static int dir_changed(struct diff *d, const struct frame *f,
	const struct s2c_lower_hit *hit, const char *name, bool *out,
	struct s2c_error **err)
{
	CLEAN_ENTRY struct s2c_entry below = {.path = xstrdup(f->entry.path)};
	CLEAN_FD int fd = -1;

	*out = true;
	if (!hit->found || !S_ISDIR(hit->st.st_mode))
		return 0;
	if (s2c_fs_open(hit->dir_fd, name, DIR_FLAGS, 0, &fd, err))
		return -1;
	s2c_upper_from_stat(&hit->st, &below);
	if (s2c_upper_xattrs(d->ctx, fd, d->xattr_prefix, &below, NULL, err))
		return -1;
	*out = !s2c_upper_same_meta(&f->entry, &below);
	return 0;
}

static int fill_dir(struct diff *d, struct frame *f, struct frame *above,
	const char *name, struct s2c_error **err)
{
	struct s2c_lower_hit hit;
	struct s2c_upper_marks marks = {0};
	bool changed;

	if (s2c_upper_xattrs(d->ctx, f->fd, d->xattr_prefix, &f->entry, &marks, err))
		return -1;
	f->opaque = marks.opaque || above->opaque;
	f->held = true;
	if (s2c_lower_lookup(&d->lowers, &above->lower, name, &hit, err) ||
		s2c_lower_enter(&d->lowers, &above->lower, name, &f->lower, err) ||
		dir_changed(d, f, &hit, name, &changed, err) ||
		map_owner(d, &hit, name, &f->entry, err))
		return -1;
	d->flush = changed;
	return 0;
}

static int enter_dir(struct diff *d, struct frame *above, const char *name, char *path,
	const struct stat *st, struct s2c_error **err)
{
	struct frame f = {.fd = -1, .entry.path = path};
	struct stat now;
	int r;

	s2c_upper_from_stat(st, &f.entry);
	r = s2c_fs_open(above->fd, name, DIR_FLAGS, 0, &f.fd, err);
	if (r == 0 && (fstat(f.fd, &now) || now.st_dev != st->st_dev ||
			      now.st_ino != st->st_ino))
		r = fail_vanished(path, err);
	if (r == 0)
		r = fill_dir(d, &f, above, name, err);
	if (r == 0)
		r = push(d, &f, err);
	frame_release(d, &f);
	return r;
}

/* ---- everything else ---- */

static void warn_sparse(struct diff *d, const struct stat *st, const char *path)
{
	uint64_t stored = (uint64_t)st->st_blocks * 512;

	if ((uint64_t)st->st_size > stored &&
		(uint64_t)st->st_size - stored > SPARSE_WARN)
		s2c_emit_log(d->ctx, S2C_WARN,
			"'%s' is mostly holes; in the image it takes all its %" PRIu64
			" bytes (for accounts with large ids use 'useradd -l')",
			path, (uint64_t)st->st_size);
}

static int open_file(struct diff *d, const struct frame *above, const char *name,
	const struct stat *st, struct s2c_error **err)
{
	struct s2c_upper_data *data = &d->data;

	if (s2c_fs_open(above->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &data->fd,
		    err))
		return -1;
	if (fstat(data->fd, &data->st) || data->st.st_dev != st->st_dev ||
		data->st.st_ino != st->st_ino || data->st.st_size != st->st_size)
		return fail_vanished(d->entry.path, err);
	warn_sparse(d, st, d->entry.path);
	return s2c_upper_xattrs(d->ctx, data->fd, d->xattr_prefix, &d->entry, NULL, err);
}

/* Fills d->entry; d->ready tells whether it is worth saying. */
static int take_thing(struct diff *d, struct frame *above, const char *name,
	const struct stat *st, struct s2c_error **err)
{
	struct s2c_upper_thing thing = {.entry = &d->entry, .name = name, .fd = -1};
	struct s2c_lower_hit hit;
	bool same = false;

	s2c_upper_from_stat(st, &d->entry);
	if (S_ISLNK(st->st_mode) && s2c_fs_readlink(above->fd, name, &d->entry.link, err))
		return -1;
	if (S_ISREG(st->st_mode) && open_file(d, above, name, st, err))
		return -1;
	thing.fd = d->data.fd;
	if (s2c_lower_lookup(&d->lowers, &above->lower, name, &hit, err))
		return -1;
	/* Names that share an inode are kept, or their link would be lost. */
	if (st->st_nlink == 1 &&
		s2c_upper_equals(d->ctx, &thing, &hit, d->xattr_prefix, &same, err))
		return -1;
	if (same) {
		leave_same(d, above, d->entry.path);
		return 0;
	}
	if (st->st_nlink > 1)
		s2c_links_note(&d->links, st, d->entry.path);
	d->ready = true;
	return map_owner(d, &hit, name, &d->entry, err);
}

static int take_link(
	struct diff *d, const struct stat *st, const char *first, struct s2c_error **err)
{
	struct s2c_lower_hit none = {0};

	s2c_upper_from_stat(st, &d->entry);
	d->entry.type = S2C_ENTRY_HARDLINK;
	d->entry.size = 0;
	d->entry.dev_major = d->entry.dev_minor = 0;
	d->entry.link = xstrdup(first);
	d->ready = true;
	return map_owner(d, &none, NULL, &d->entry, err);
}

static int visit(struct diff *d, const char *name, struct s2c_error **err)
{
	struct frame *f = &d->frames[d->n - 1];
	CLEAN_FREE char *path = join(f->entry.path, name);
	const char *first;
	struct stat st;

	if (frame_fd(d, f, err) < 0)
		return -1;
	if (starts_with(name, S2C_WHITEOUT_PREFIX))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' cannot be in an image: names that begin with '.wh.' stand "
			"for deleted files; rename it",
			path);
	if (strlen(path) > S2C_ENTRY_PATH_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"path '%.64s...' is longer than %d bytes", path,
			S2C_ENTRY_PATH_MAX);
	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return fail_vanished(path, err);
	if (S_ISDIR(st.st_mode))
		return enter_dir(d, f, name, TAKE(path), &st, err);
	d->entry.path = TAKE(path);
	first = st.st_nlink > 1 ? s2c_links_find(&d->links, &st) : NULL;
	if (first)
		return take_link(d, &st, first, err);
	return take_thing(d, f, name, &st, err);
}

/* W11: nothing of a whiteout but its name may matter. */
static void take_whiteout(struct diff *d, const struct frame *f, const char *name)
{
	CLEAN_FREE char *marker = xasprintf("%s%s", S2C_WHITEOUT_PREFIX, name);

	d->entry.path = join(f->entry.path, marker);
	d->entry.type = S2C_ENTRY_FILE;
	d->ready = true;
}

/* ---- the stream ---- */

static void drop_entry(struct diff *d)
{
	s2c_entry_release(&d->entry);
	s2c_upper_data_close(&d->data);
	d->ready = false;
}

/* The first directory that was held back, or the entry they are said for. */
static const struct s2c_entry *say(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (!d->frames[i].held)
			continue;
		d->frames[i].held = false;
		if (i == 0 && d->rest)
			d->rest->root_said = true;
		return &d->frames[i].entry;
	}
	d->flush = false;
	return d->ready ? &d->entry : NULL;
}

static int step(struct diff *d, struct s2c_error **err)
{
	struct frame *f = &d->frames[d->n - 1];

	drop_entry(d);
	if (f->next_whiteout < f->whiteouts.len) {
		take_whiteout(d, f, f->whiteouts.items[f->next_whiteout++]);
		return 0;
	}
	if (f->next_name < f->names.len)
		return visit(d, f->names.items[f->next_name++], err);
	if (f->held)
		leave_same(d, f - 1, f->entry.path);
	frame_release(d, f);
	d->n--;
	return 0;
}

static int diff_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct diff *d = (struct diff *)e;

	d->ctx = ctx;
	if (d->yielded)
		drop_entry(d);
	d->yielded = false;
	for (;;) {
		if (d->ready || d->flush) {
			const struct s2c_entry *entry = say(d);

			d->yielded = entry == &d->entry;
			if (entry) {
				*out = entry;
				return 0;
			}
		}
		if (d->n == 0)
			break;
		if (s2c_ctx_check(ctx, err) || step(d, err))
			return -1;
	}
	*out = NULL;
	return 0;
}

static ssize_t diff_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct diff *d = (struct diff *)e;

	if (!d->yielded)
		return 0;
	return s2c_upper_data_read(&d->data, d->entry.path, buf, len, err);
}

static int diff_data_fd(struct s2c_entries *e)
{
	struct diff *d = (struct diff *)e;

	return d->yielded ? d->data.fd : -1;
}

static void diff_free(struct s2c_entries *e)
{
	struct diff *d = (struct diff *)e;

	while (d->n > 0)
		frame_release(d, &d->frames[--d->n]);
	free(d->frames);
	drop_entry(d);
	s2c_links_release(&d->links);
	s2c_lowers_release(&d->lowers);
	s2c_strv_release(&d->excludes);
	free(d->lower_fds);
	free(d->xattr_prefix);
	free(d);
}

/* D6: the root is said only if it differs from the root below, or from a plain one. */
static int push_root(struct diff *d, struct s2c_error **err)
{
	struct frame f = {.fd = -1, .entry.path = xstrdup(".")};
	struct s2c_lower_hit hit = {.found = d->lowers.n > 0, .dir_fd = -1};
	struct s2c_entry *e = &f.entry;
	bool changed = false;
	struct stat st;
	int r;

	s2c_lower_root(&d->lowers, &f.lower);
	if (hit.found)
		hit.dir_fd = d->lower_fds[s2c_layer_root_tree(d->lower_fds, d->lowers.n)];
	r = s2c_fs_open(d->upper_fd, ".", DIR_FLAGS, 0, &f.fd, err);
	if (r == 0 && (fstat(f.fd, &st) || (hit.found && fstat(hit.dir_fd, &hit.st))))
		r = s2c_fail_errno(err, errno, "cannot read the root of a tree");
	if (r == 0) {
		s2c_upper_from_stat(&st, e);
		r = s2c_upper_xattrs(d->ctx, f.fd, d->xattr_prefix, e, NULL, err);
	}
	if (r == 0 && hit.found)
		r = dir_changed(d, &f, &hit, ".", &changed, err);
	else
		changed = e->mode != 0755 || e->uid || e->gid || e->n_xattrs;
	if (r == 0)
		r = map_owner(d, &hit, ".", e, err);
	f.held = d->flush = changed;
	if (r == 0)
		r = push(d, &f, err);
	frame_release(d, &f);
	return r;
}

int s2c_layer_diff(struct s2c_ctx *ctx, const struct s2c_diff_opts *opts,
	struct s2c_entries **out, struct s2c_error **err)
{
	static const struct s2c_entries_ops ops = {
		.next = diff_next,
		.read = diff_read,
		.data_fd = diff_data_fd,
		.free = diff_free,
	};
	struct diff *d = xcalloc(1, sizeof(*d));
	struct s2c_entries *e CLEAN_ENTRIES = &d->base;

	d->base.ops = &ops;
	d->ctx = ctx;
	d->upper_fd = opts->upper_fd;
	d->owner = opts->owner;
	d->rest = opts->rest;
	d->xattr_prefix = xstrdup(opts->xattr_prefix);
	d->data.fd = -1;
	d->lower_fds = xcalloc(opts->n_lowers, sizeof(int));
	for (size_t i = 0; i < opts->n_lowers; i++)
		d->lower_fds[i] = opts->lower_fds[i];
	if (opts->excludes)
		s2c_strv_add_all(&d->excludes, opts->excludes);
	s2c_strv_sort(&d->excludes);
	s2c_lowers_init(&d->lowers, d->lower_fds, opts->n_lowers, d->xattr_prefix);
	if (push_root(d, err))
		return -1;
	*out = TAKE(e);
	return 0;
}
