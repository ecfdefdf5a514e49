/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two walks for each instruction: one finds what its patterns mean, one sends it.
 */
#include "build/dockerfile_copy.h"

#include <fcntl.h>

#include "codec/compress.h"
#include "codec/tar.h"
#include "codec/walk.h"
#include "source/glob.h"
#include "util/fs.h"

#define PARTS_MAX S2C_WALK_DEPTH_MAX
#define BLOCK 512 /* of a tar */

void s2c_copy_roots_release(struct s2c_copy_roots *roots)
{
	for (size_t i = 0; i < roots->n; i++) {
		free(roots->items[i].path);
		free(roots->items[i].name);
	}
	free(roots->items);
	*roots = (struct s2c_copy_roots){0};
}

/* ---- the source with scripts on top ---- */

struct topped {
	struct s2c_entries base;
	struct s2c_entries *first, *rest, *now;
	const struct s2c_scripts *scripts;
};

static bool is_script(const struct s2c_scripts *scripts, const char *path)
{
	for (size_t i = 0; scripts && i < S2C_SCRIPTS; i++)
		if (scripts->items[i].body.len &&
			streq(path, s2c_script_name((enum s2c_script)i)))
			return true;
	return false;
}

static int topped_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct topped *self = (struct topped *)e;

	if (self->now == self->first) {
		if (s2c_entries_next(self->first, ctx, out, err) < 0)
			return -1;
		if (*out)
			return 0;
		self->now = self->rest;
	}
	do {
		if (s2c_entries_next(self->rest, ctx, out, err) < 0)
			return -1;
	} while (*out && is_script(self->scripts, (*out)->path));
	return 0;
}

static ssize_t topped_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct topped *)e)->now, buf, len, err);
}

static int topped_data_fd(struct s2c_entries *e)
{
	return s2c_entries_data_fd(((struct topped *)e)->now);
}

static void topped_free(struct s2c_entries *e)
{
	struct topped *self = (struct topped *)e;

	s2c_entries_free(self->first);
	s2c_entries_free(self->rest);
	free(self);
}

/* All that a COPY can see. */
static int open_all(const struct s2c_copy_from *from, struct s2c_entries **out,
	struct s2c_error **err)
{
	static const struct s2c_entries_ops ops = {
		.next = topped_next,
		.read = topped_read,
		.data_fd = topped_data_fd,
		.free = topped_free,
	};
	struct s2c_entries *walk = NULL, *scripts;
	struct topped *self;

	from->source->links_apart = true;
	if (s2c_source_walk(from->source, from->ignore, &walk, err) < 0)
		return -1;
	scripts = from->scripts ? s2c_scripts_entries(from->scripts) : NULL;
	if (!scripts) {
		*out = walk;
		return 0;
	}
	self = xmalloc(sizeof(*self));
	*self = (struct topped){.base.ops = &ops,
		.first = scripts,
		.rest = walk,
		.now = scripts,
		.scripts = from->scripts};
	*out = &self->base;
	return 0;
}

/* ---- finding ---- */

/* What files come from, for messages. */
static const char *what_of(const struct s2c_copy_from *from)
{
	return from->source->is_context ? "context" : "source";
}

/* A pattern as parts without "", "." and a leading "/". */
static int split(const char *pattern, const char *what, struct s2c_strv *parts,
	struct s2c_error **err)
{
	for (const char *p = pattern; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return s2c_fail(err, S2C_EINVAL, "'%.200s' leads out of the %s",
				pattern, what);
		if (n && !(n == 1 && *p == '.'))
			s2c_strv_add_take(parts, xstrndup(p, n));
		p += n + (p[n] == '/');
	}
	if (parts->len > PARTS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%.200s' has more than %d parts",
			pattern, PARTS_MAX);
	return 0;
}

static int check_globs(
	const char *pattern, const struct s2c_strv *parts, struct s2c_error **err)
{
	s2c_strv_foreach (part, parts)
		if (s2c_glob_error(part))
			return s2c_fail(err, S2C_EINVAL, "pattern '%.200s': %s", pattern,
				s2c_glob_error(part));
	return 0;
}

struct finding {
	struct s2c_ctx *ctx;
	const struct s2c_copy_from *from;
	struct s2c_copy_roots *roots;
	const char *name; /* what the first link was called; NULL: no link so far */
	bool literal;     /* the parts are names */
	unsigned links;   /* followed so far */
};

static bool matches(
	const struct finding *f, const struct s2c_strv *parts, const char *path)
{
	size_t i = 0;

	for (; *path && i < parts->len; i++) {
		size_t n = strcspn(path, "/");
		const char *part = parts->items[i];

		if (f->literal ? strlen(part) != n || memcmp(part, path, n) != 0
			       : !s2c_glob_match(part, path, n))
			return false;
		path += n + (path[n] == '/');
	}
	return !*path && i == parts->len;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int add_root(struct finding *f, const char *path, bool dir, struct s2c_error **err)
{
	struct s2c_copy_roots *roots = f->roots;

	if (roots->n == S2C_COPY_ROOTS_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d files match", S2C_COPY_ROOTS_MAX);
	roots->items = xreallocarray(roots->items, roots->n + 1, sizeof(*roots->items));
	roots->items[roots->n++] = (struct s2c_copy_root){
		.path = xstrdup(path),
		.name = xstrdup(f->name ? f->name : last_part(path)),
		.dir = dir,
		.linked = f->name != NULL,
	};
	return 0;
}

/* Where a link in the source leads, in the source. Caller frees; NULL: out of it. */
static char *target_of(const char *path, const char *link)
{
	CLEAN_FREE char *out = xmalloc(strlen(path) + strlen(link) + 2);
	size_t len = *link == '/' ? 0 : (size_t)(last_part(path) - path);

	memcpy(out, path, len);
	len -= len > 0; /* the slash */
	while (*link) {
		size_t n = strcspn(link, "/");

		if (n == 2 && link[0] == '.' && link[1] == '.') {
			if (len == 0)
				return NULL;
			while (len > 0 && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *link == '.')) {
			if (len)
				out[len++] = '/';
			memcpy(out + len, link, n);
			len += n;
		}
		link += n + (link[n] == '/');
	}
	out[len] = '\0';
	return TAKE(out);
}

static int find_parts(struct finding *f, const struct s2c_strv *parts,
	struct s2c_strv *links, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *all = NULL;
	const struct s2c_entry *entry;

	if (open_all(f->from, &all, err) < 0)
		return -1;
	for (;;) {
		if (s2c_entries_next(all, f->ctx, &entry, err) < 0)
			return -1;
		if (!entry)
			return 0;
		if (!matches(f, parts, entry->path))
			continue;
		if (entry->type == S2C_ENTRY_SYMLINK) {
			s2c_strv_add(links, entry->path);
			s2c_strv_add(links, entry->link);
		} else if (add_root(f, entry->path, entry->type == S2C_ENTRY_DIR, err) <
			   0) {
			return -1;
		}
	}
}

static int find(struct finding *f, const char *pattern, struct s2c_error **err);

static int follow(const struct finding *f, const char *path, const char *link,
	struct s2c_error **err)
{
	CLEAN_FREE char *target = target_of(path, link);
	struct finding next = *f;

	if (!target)
		return s2c_fail(err, S2C_EINVAL,
			"link '%.200s' leads out of the %s (to '%.200s')", path,
			what_of(f->from), link);
	if (++next.links > S2C_COPY_LINKS_MAX)
		return s2c_fail(
			err, S2C_EINVAL, "link '%.200s' leads to too many others", path);
	next.literal = true;
	next.name = f->name ? f->name : last_part(path);
	if (find(&next, target, err) < 0)
		return s2c_wrap(err, "link '%.200s'", path);
	return 0;
}

static int find(struct finding *f, const char *pattern, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv parts = S2C_STRV_INIT, links = S2C_STRV_INIT;
	size_t before = f->roots->n;

	if (split(pattern, what_of(f->from), &parts, err) < 0 ||
		(!f->literal && check_globs(pattern, &parts, err) < 0))
		return -1;
	if (!parts.len)
		return add_root(f, ".", true, err);
	if (find_parts(f, &parts, &links, err) < 0)
		return -1;
	for (size_t i = 0; i + 1 < links.len; i += 2)
		if (follow(f, links.items[i], links.items[i + 1], err) < 0)
			return -1;
	if (f->roots->n == before)
		return s2c_fail(err, S2C_ENOENT,
			"there is no '%.200s' in the %s, or it is excluded", pattern,
			what_of(f->from));
	return 0;
}

static int root_cmp(const void *a, const void *b)
{
	const struct s2c_copy_root *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int s2c_copy_find(struct s2c_ctx *ctx, const struct s2c_copy_from *from,
	const char *pattern, struct s2c_copy_roots *roots, struct s2c_error **err)
{
	struct finding f = {.ctx = ctx, .from = from, .roots = roots};

	if (find(&f, pattern, err) < 0)
		return -1;
	qsort(roots->items, roots->n, sizeof(*roots->items), root_cmp);
	return 0;
}

/* ---- sending ---- */

struct mapped {
	struct s2c_entries base;
	struct s2c_entries *next;
	const struct s2c_copy_map *map;
	struct s2c_copy_root all; /* of archives, and the map for it */
	struct s2c_copy_map whole;
	struct s2c_entry entry; /* borrows of next's, but for the paths */
	char *path, *link;
};

/* The root that a path is or lies below; NULL: none. */
static const struct s2c_copy_root *root_of(
	const struct s2c_copy_map *map, const char *path)
{
	if (map->n && streq(map->roots[0].path, "."))
		return &map->roots[0];
	for (size_t len = strcspn(path, "/");; len += 1 + strcspn(path + len + 1, "/")) {
		CLEAN_FREE char *prefix = xstrndup(path, len);
		struct s2c_copy_root key = {.path = prefix};
		const struct s2c_copy_root *found = bsearch(
			&key, map->roots, map->n, sizeof(key), root_cmp);

		if (found || !path[len])
			return found;
	}
}

/* What an entry is called at the destination; NULL: it is not sent. Caller frees. */
static char *mapped_path(const struct s2c_copy_map *map, const char *path)
{
	const struct s2c_copy_root *root = root_of(map, path);

	if (!root)
		return NULL;
	if (streq(root->path, "."))
		return streq(path, ".") ? NULL : xstrdup(path);
	if (!root->dir)
		return xstrdup(map->rename ? map->rename : root->name);
	path += strlen(root->path);
	return *path ? xstrdup(path + 1) : NULL;
}

static int mapped_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct mapped *self = (struct mapped *)e;
	const struct s2c_entry *entry;

	free(TAKE(self->path));
	free(TAKE(self->link));
	while (!self->path) {
		if (s2c_entries_next(self->next, ctx, &entry, err) < 0)
			return -1;
		if (!entry) {
			*out = NULL;
			return 0;
		}
		self->path = mapped_path(self->map, entry->path);
	}
	self->entry = *entry;
	self->entry.path = self->path;
	if (entry->type == S2C_ENTRY_HARDLINK)
		self->entry.link = self->link = mapped_path(self->map, entry->link);
	self->entry.mode &= 01777;
	self->entry.xattrs = NULL;
	self->entry.n_xattrs = 0;
	if (self->map->mode >= 0 &&
		(entry->type == S2C_ENTRY_FILE || entry->type == S2C_ENTRY_DIR))
		self->entry.mode = (mode_t)self->map->mode;
	*out = &self->entry;
	return 0;
}

static ssize_t mapped_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct mapped *)e)->next, buf, len, err);
}

static int mapped_data_fd(struct s2c_entries *e)
{
	return s2c_entries_data_fd(((struct mapped *)e)->next);
}

static void mapped_free(struct s2c_entries *e)
{
	struct mapped *self = (struct mapped *)e;

	s2c_entries_free(self->next);
	free(self->path);
	free(self->link);
	free(self);
}

/* Owns next. */
static struct mapped *mapped_new(struct s2c_entries *next, const struct s2c_copy_map *map)
{
	static const struct s2c_entries_ops ops = {
		.next = mapped_next,
		.read = mapped_read,
		.data_fd = mapped_data_fd,
		.free = mapped_free,
	};
	struct mapped *self = xcalloc(1, sizeof(*self));

	self->base.ops = &ops;
	self->next = next;
	self->map = map;
	return self;
}

int s2c_copy_entries(const struct s2c_copy_from *from, const struct s2c_copy_map *map,
	struct s2c_entries **out, struct s2c_error **err)
{
	struct s2c_entries *all = NULL;

	if (open_all(from, &all, err) < 0)
		return -1;
	*out = &mapped_new(all, map)->base;
	return 0;
}

struct s2c_entries *s2c_copy_mapped(
	struct s2c_entries *entries, const struct s2c_copy_map *map)
{
	return &mapped_new(entries, map)->base;
}

static int nothing_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	(void)e;
	*out = NULL;
	return s2c_ctx_check(ctx, err);
}

static ssize_t nothing_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	(void)e;
	(void)buf;
	(void)len;
	(void)err;
	return 0;
}

static void nothing_free(struct s2c_entries *e)
{
	free(e);
}

struct s2c_entries *s2c_copy_nothing(void)
{
	static const struct s2c_entries_ops ops = {
		.next = nothing_next, .read = nothing_read, .free = nothing_free};
	struct s2c_entries *self = xmalloc(sizeof(*self));

	self->ops = &ops;
	return self;
}

/* ---- archives ---- */

/* A header whose checksum is right. */
static bool is_header(const unsigned char *block)
{
	const char *field = (const char *)block + 148;
	unsigned long sum = 0, wanted;
	char digits[9] = "";

	memcpy(digits, field, 8);
	wanted = strtoul(digits, NULL, 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return wanted == sum && sum != 8 * ' ';
}

static int open_plain(const struct s2c_copy_from *from, const char *path,
	struct s2c_reader **out, struct s2c_error **err)
{
	int fd;

	if (s2c_fs_open_beneath(from->source->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
		    0, &fd, err) < 0)
		return -1;
	return s2c_decompress_auto(s2c_reader_fd(fd, true), true, NULL, out, err);
}

/* The first block; *out_len is less where the file is shorter. What cannot be inflated is
 * no tar. */
static int read_block(const struct s2c_copy_from *from, const char *path,
	unsigned char block[BLOCK], size_t *out_len, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *plain = NULL;
	CLEAN_ERROR struct s2c_error *cause = NULL;
	ssize_t n = 1;

	*out_len = 0;
	if (open_plain(from, path, &plain, err) < 0)
		return -1;
	while (n > 0 && *out_len < BLOCK) {
		n = s2c_read(plain, block + *out_len, BLOCK - *out_len, &cause);
		*out_len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 && s2c_error_code(cause) != S2C_EPROTO) {
		s2c_error_move(err, &cause);
		return -1;
	}
	return 0;
}

int s2c_copy_archive(struct s2c_ctx *ctx, const struct s2c_copy_from *from,
	const char *path, struct s2c_entries **out, struct s2c_error **err)
{
	struct s2c_tar_limits limits = {
		.entries = S2C_WALK_ENTRIES_MAX, .bytes = S2C_SOURCE_BYTES_MAX};
	unsigned char block[BLOCK];
	struct s2c_reader *plain = NULL;
	struct mapped *self;
	size_t len;

	*out = NULL;
	if (is_script(from->scripts, path))
		return 0;
	if (s2c_ctx_check(ctx, err) < 0 || read_block(from, path, block, &len, err) < 0)
		return -1;
	if ((len > 3 && memcmp(block, "BZh", 3) == 0) || (len > 6 && memcmp(block,
									     "\xfd"
									     "7zXZ",
									     6) == 0))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'%.200s' is compressed by bzip2 or xz, which is not unpacked: "
			"use gzip or zstd, or COPY, which leaves it as it is",
			path);
	if (len < BLOCK || !is_header(block))
		return 0;
	if (open_plain(from, path, &plain, err) < 0)
		return -1;
	self = mapped_new(s2c_tar_reader(plain, true, limits), NULL);
	self->all.path = self->all.name = (char *)".";
	self->all.dir = true;
	self->whole = (struct s2c_copy_map){.roots = &self->all, .n = 1, .mode = -1};
	self->map = &self->whole;
	*out = &self->base;
	return 0;
}
