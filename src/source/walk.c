/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source tree as entries: what is left out, and what a commit does not record.
 */
#include "codec/walk.h"
#include "source/ignore.h"
#include "source/source.h"

/* ---- directories that are there for what is in them ---- */

/*
 * A directory that is excluded while something below it is not comes with the first such
 * thing: until then it waits here, with those above it that wait too.
 */
struct late {
	struct s2c_entries base;
	struct s2c_entries *walk;
	const struct s2c_ignore *ignore;
	struct s2c_entry waiting[S2C_WALK_DEPTH_MAX];
	size_t n, sent; /* of those that wait; all of them go out before `then` */
	const struct s2c_entry *then;
};

static void late_forget(struct late *self, size_t keep)
{
	while (self->n > keep)
		s2c_entry_release(&self->waiting[--self->n]);
}

static bool is_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Keeps of those that wait what is above this path. */
static void late_leave(struct late *self, const char *path)
{
	size_t keep = self->n;

	while (keep && !is_within(path, self->waiting[keep - 1].path))
		keep--;
	late_forget(self, keep);
}

static void late_wait(struct late *self, const struct s2c_entry *entry)
{
	struct s2c_entry *copy = &self->waiting[self->n++];

	*copy = *entry;
	copy->path = xstrdup(entry->path);
	copy->link = NULL;
	copy->xattrs = NULL;
	copy->n_xattrs = 0;
}

static int late_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct late *self = (struct late *)e;
	const struct s2c_entry *entry;

	while (!self->then) {
		if (s2c_entries_next(self->walk, ctx, &entry, err) < 0)
			return -1;
		if (!entry) {
			*out = NULL;
			return 0;
		}
		late_leave(self, entry->path);
		if (entry->type == S2C_ENTRY_DIR && self->n < S2C_WALK_DEPTH_MAX &&
			s2c_ignore_match_name(self->ignore, entry->path, true))
			late_wait(self, entry);
		else
			self->then = entry;
	}
	if (self->sent < self->n) {
		*out = &self->waiting[self->sent++];
		return 0;
	}
	late_forget(self, 0);
	self->sent = 0;
	*out = self->then;
	self->then = NULL;
	return 0;
}

static ssize_t late_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct late *self = (struct late *)e;

	/* A directory that has waited has no data, and what comes then is not its own. */
	return self->then ? 0 : s2c_entries_read(self->walk, buf, len, err);
}

static int late_data_fd(struct s2c_entries *e)
{
	struct late *self = (struct late *)e;

	return self->then ? -1 : s2c_entries_data_fd(self->walk);
}

static void late_free(struct s2c_entries *e)
{
	struct late *self = (struct late *)e;

	late_forget(self, 0);
	s2c_entries_free(self->walk);
	free(self);
}

/* Owns the walk, borrows the rules. */
static struct s2c_entries *late_new(
	struct s2c_entries *walk, const struct s2c_ignore *ignore)
{
	static const struct s2c_entries_ops ops = {
		.next = late_next,
		.read = late_read,
		.data_fd = late_data_fd,
		.free = late_free,
	};
	struct late *self = xcalloc(1, sizeof(*self));

	self->base.ops = &ops;
	self->walk = walk;
	self->ignore = ignore;
	return &self->base;
}

/* ---- the walk ---- */

static bool is_ignored(const void *ignore, const char *path, bool is_dir)
{
	return s2c_ignore_match_name(ignore, path, is_dir) &&
	       !(is_dir && s2c_ignore_takes_back(ignore));
}

static void as_committed(const void *source, struct s2c_entry *entry)
{
	bool program = entry->type == S2C_ENTRY_DIR || (entry->mode & 0100);

	entry->mode = entry->type == S2C_ENTRY_SYMLINK ? 0777 : program ? 0755 : 0644;
	entry->mtime = ((const struct s2c_source *)source)->commit_time;
	entry->mtime_ns = 0;
}

int s2c_source_walk(struct s2c_source *source, const struct s2c_ignore *ignore,
	struct s2c_entries **out, struct s2c_error **err)
{
	bool context = source->is_context;
	const struct s2c_walk_opts opts = {
		.what = context ? "the context" : "the source",
		.remedy = context ? "exclude it in .dockerignore"
				  : "exclude it in .s2iignore or with --exclude",
		/* A context may be empty, what a COPY names may not. */
		.empty = context ? NULL
				 : "nothing of the source is left: everything in it is "
				   "excluded by .s2iignore or --exclude",
		.skip = ignore ? is_ignored : NULL,
		.skip_by = ignore,
		.adjust = source->from_commit ? as_committed : NULL,
		.adjust_by = source,
		/* assemble gets files with the mode they have here, as their owner, and
		 * without the rights of whoever reads them now. */
		.check_readable = !source->from_commit && !context,
		.links_apart = source->links_apart,
	};

	if (s2c_walk(source->fd, &opts, out, err) < 0)
		return -1;
	if (ignore && s2c_ignore_takes_back(ignore))
		*out = late_new(*out, ignore);
	return 0;
}
