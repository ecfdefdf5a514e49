/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches of a container of an engine, which mounts nothing of ours: what the store has of
 * one is copied in before the first run, and what is there after it is copied out, as a
 * tar that is written anew. That the commit has nothing of it is seen to by a process of
 * its own (engine_script.c), after a run that ended well.
 */
#include "runtime/engine_impl.h"

#include "codec/tar.h"
#include "codec/tar_stream.h"
#include "runtime/rootpath.h"
#include "store/cache.h"
#include "util/pump.h"

struct s2c_engine_cache {
	struct s2c_cache *cache;
	char *about, *path;      /* the latter resolved, a directory */
	bool of_image;           /* which has it, without anything in it */
	struct s2c_strv parents; /* that were made for it, the deepest first */
};

static const struct s2c_tar_limits limits = {
	.entries = S2C_ENGINE_CACHE_ENTRIES_MAX,
	.bytes = S2C_ENGINE_CACHE_BYTES_MAX,
};

void s2c_engine_caches_release(struct s2c_engine_container *c)
{
	for (size_t i = 0; i < c->n_caches; i++) {
		s2c_cache_close(c->caches[i].cache);
		s2c_strv_release(&c->caches[i].parents);
		free(c->caches[i].about);
		free(c->caches[i].path);
	}
	free(c->caches);
	c->caches = NULL;
	c->n_caches = 0;
}

/* ---- a directory of the container as entries ---- */

struct source {
	const struct s2c_engine_container *c;
	const char *path;
};

static int get(
	void *self, struct s2c_ctx *ctx, struct s2c_writer *out, struct s2c_error **err)
{
	const struct source *source = self;
	struct s2c_engine_files itself = {
		.runtime = source->c->runtime, .id = source->c->id, .changed = true};

	return s2c_engine_get_tar(ctx, &itself, source->path, out, err);
}

/* Its names begin with that of the directory. `pump` and its source must outlive it. */
static struct s2c_entries *open_tar(struct s2c_ctx *ctx, const struct s2c_pump *pump)
{
	return s2c_tar_reader(s2c_reader_pump(ctx, pump), true, limits);
}

static int is_empty(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const char *path, bool *out, struct s2c_error **err)
{
	struct source source = {c, path};
	struct s2c_pump pump = {.run = get, .self = &source};
	CLEAN_ENTRIES struct s2c_entries *tar = open_tar(ctx, &pump);
	const struct s2c_entry *entry;

	if (s2c_entries_next(tar, ctx, &entry, err) < 0 ||
		(entry && s2c_entries_next(tar, ctx, &entry, err) < 0))
		return -1;
	*out = !entry;
	return 0;
}

/* ---- places ---- */

static int make_dir(struct s2c_ctx *ctx, struct s2c_engine_container *c, const char *path,
	struct s2c_error **err)
{
	struct s2c_engine_put put = {.path = path, .uid = c->uid, .gid = c->gid};

	return s2c_engine_put(ctx, &c->files, &put, err);
}

/* One by one, so that those on the way belong to the container's user as well. */
static int make_dirs(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_engine_stat *st, struct s2c_strv *parents,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv way = S2C_STRV_INIT;
	size_t base = streq(st->above, "/") ? 0 : strlen(st->above);

	for (const char *slash = strchr(st->path + base + 1, '/'); slash;
		slash = strchr(slash + 1, '/'))
		s2c_strv_add_take(&way, xstrndup(st->path, (size_t)(slash - st->path)));
	for (size_t i = 0; i < way.len; i++)
		if (make_dir(ctx, c, way.items[i], err) < 0)
			return -1;
	for (size_t i = way.len; i-- > 0;)
		s2c_strv_add(parents, way.items[i]);
	return make_dir(ctx, c, st->path, err);
}

/* For this container alone: a directory that is removed at the end of its run. */
static int make_scratch(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_engine_stat *st, struct s2c_error **err)
{
	/* What the image has there stays there. */
	if (st->kind != S2C_ENGINE_MISSING || !c->has_shell)
		return 0;
	s2c_strv_add(&c->own, st->path);
	return make_dir(ctx, c, st->path, err);
}

/* Whether the image leaves the place to a cache; why not is told. */
static int can_be_there(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_mount *mount, const struct s2c_engine_stat *st, bool *out,
	struct s2c_error **err)
{
	*out = st->kind == S2C_ENGINE_MISSING;
	if (s2c_rootpath_covered(st->path))
		return s2c_fail(err, S2C_EINVAL,
			"cache '%s': '%s' leads to '%s' in the image, which the "
			"container "
			"mounts over: choose another directory",
			mount->about, mount->destination, st->path);
	if (st->kind == S2C_ENGINE_DIR && is_empty(ctx, c, st->path, out, err) < 0)
		return s2c_wrap(err, "cache '%s'", mount->about);
	if (!*out)
		s2c_emit_log(ctx, S2C_WARN,
			"cache '%s' is not used: the image has something at '%s', which "
			"an engine's container cannot hide",
			mount->about, mount->destination);
	return 0;
}

static int add_cache(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, const struct s2c_engine_stat *st,
	struct s2c_error **err)
{
	struct s2c_cache_opts opts = {
		.key = mount->key, .about = mount->about, .packed = true};
	struct s2c_engine_cache *added;
	struct s2c_cache *cache = NULL;

	if (s2c_cache_open(c->runtime->store, &opts, &cache, err) < 0)
		return -1;
	if (!cache) {
		s2c_emit_log(ctx, S2C_INFO,
			"cache '%s' is used by another build; this one gets an empty one",
			mount->about);
		return make_scratch(ctx, c, st, err);
	}
	c->caches = xreallocarray(c->caches, c->n_caches + 1, sizeof(*c->caches));
	added = &c->caches[c->n_caches++];
	*added = (struct s2c_engine_cache){.cache = cache,
		.about = xstrdup(mount->about),
		.path = xstrdup(st->path),
		.of_image = st->kind == S2C_ENGINE_DIR};
	return added->of_image ? 0 : make_dirs(ctx, c, st, &added->parents, err);
}

int s2c_engine_caches_place(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, struct s2c_error **err)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	const struct s2c_engine *engine = c->runtime->engine;
	bool fits = false;

	if (s2c_engine_stat(ctx, &c->files, mount->destination, &st, err) < 0)
		return -1;
	if (!c->has_shell || (engine->gate && !engine->own_gate)) {
		s2c_emit_log(ctx, S2C_INFO, "cache '%s' is empty: %s", mount->about,
			c->has_shell ? "the gate keeps none"
				     : "without a shell in the image it could not be "
				       "removed from the result");
		return make_scratch(ctx, c, &st, err);
	}
	if (can_be_there(ctx, c, mount, &st, &fits, err) < 0)
		return -1;
	return fits ? add_cache(ctx, c, mount, &st, err) : 0;
}

/* ---- in ---- */

/*
 * What the store has, with names from the root of the container on: dockerd takes no link
 * that leads above the directory it unpacks into. The directory itself is there already.
 */
struct given {
	struct s2c_entries base;
	struct s2c_entries *tar; /* borrowed */
	const char *path;        /* of the directory, without the '/' in front */
	uint32_t uid, gid;
	struct s2c_entry entry;
};

static int given_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct given *g = (struct given *)e;
	const struct s2c_entry *from;

	s2c_entry_release(&g->entry);
	*out = NULL;
	do
		if (s2c_entries_next(g->tar, ctx, &from, err) < 0)
			return -1;
	while (from && streq(from->path, "."));
	if (!from)
		return 0;
	g->entry = (struct s2c_entry){.path = xasprintf("%s/%s", g->path, from->path),
		.type = from->type,
		.mode = from->mode,
		.uid = g->uid,
		.gid = g->gid,
		.size = from->size,
		.mtime = from->mtime,
		.mtime_ns = from->mtime_ns};
	if (from->link)
		g->entry.link = from->type == S2C_ENTRY_HARDLINK
					? xasprintf("%s/%s", g->path, from->link)
					: xstrdup(from->link);
	*out = &g->entry;
	return 0;
}

static ssize_t given_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct given *)e)->tar, buf, len, err);
}

static void given_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct given *)e)->entry);
}

static int fill(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_engine_cache *cache, struct s2c_error **err)
{
	static const struct s2c_entries_ops ops = {
		.next = given_next, .read = given_read, .free = given_free};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_READER struct s2c_reader *tar = NULL;
	int fd = -1, rc;

	if (s2c_cache_open_packed(cache->cache, &fd, err) < 0)
		return -1;
	if (fd < 0)
		return 0;
	entries = s2c_tar_reader(s2c_reader_fd(fd, true), true, limits);
	struct given given = {.base.ops = &ops,
		.tar = entries,
		.path = cache->path + 1,
		.uid = c->uid,
		.gid = c->gid};
	tar = s2c_tar_stream(ctx, &given.base);
	rc = s2c_engine_send_tar(ctx, &c->files, "/", tar, err);
	given_free(&given.base);
	if (rc == 0)
		return 0;
	/* Half of it may be there, so this build has to end; the next one does without.
	 */
	if (s2c_ctx_check(ctx, NULL) == 0)
		s2c_cache_drop_packed(cache->cache);
	return s2c_wrap(err, "cache '%s'", cache->about);
}

int s2c_engine_caches_fill(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err)
{
	for (size_t i = 0; i < c->n_caches; i++)
		if (fill(ctx, c, &c->caches[i], err) < 0)
			return -1;
	return 0;
}

/* ---- out ---- */

/* Files, directories and links of a tar, below the directory that it is of. */
struct kept {
	struct s2c_entries base;
	struct s2c_entries *tar; /* borrowed */
	const char *name;        /* of the directory */
	size_t links;
	bool begun;
	struct s2c_entry entry;
};

/* "npm/a" -> "a", "npm" -> "."; NULL: it is not of the directory. Caller frees. */
static char *below(const struct kept *k, const char *path)
{
	size_t len = strlen(k->name);

	if (streq(path, k->name))
		return xstrdup(".");
	return starts_with(path, k->name) && path[len] == '/' ? xstrdup(path + len + 1)
							      : NULL;
}

static int take(struct kept *k, const struct s2c_entry *from, struct s2c_error **err)
{
	struct s2c_entry *to = &k->entry;

	*to = (struct s2c_entry){.path = below(k, from->path),
		.type = from->type,
		.mode = from->mode & 0777,
		.size = from->size,
		.mtime = from->mtime,
		.mtime_ns = from->mtime_ns};
	if (from->link)
		to->link = from->type == S2C_ENTRY_HARDLINK ? below(k, from->link)
							    : xstrdup(from->link);
	if (!to->path || (from->link && !to->link) ||
		(!k->begun && from->type != S2C_ENTRY_DIR))
		return s2c_fail(err, S2C_EPROTO,
			"the engine hands out '%s' and not the directory", from->path);
	k->begun = true;
	if (strlen(to->path) > S2C_ENGINE_CACHE_PATH_MAX)
		return s2c_fail(err, S2C_ELIMIT, "a path in it has more than %u bytes",
			S2C_ENGINE_CACHE_PATH_MAX);
	if (from->type == S2C_ENTRY_SYMLINK && ++k->links > S2C_ENGINE_CACHE_LINKS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "it has more than %u symbolic links",
			S2C_ENGINE_CACHE_LINKS_MAX);
	return 0;
}

static int kept_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct kept *k = (struct kept *)e;
	const struct s2c_entry *from;

	s2c_entry_release(&k->entry);
	*out = NULL;
	do
		if (s2c_entries_next(k->tar, ctx, &from, err) < 0)
			return -1;
	while (from && from->type > S2C_ENTRY_HARDLINK);
	if (!from)
		return 0;
	if (take(k, from, err) < 0)
		return -1;
	*out = &k->entry;
	return 0;
}

static ssize_t kept_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct kept *)e)->tar, buf, len, err);
}

static void kept_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct kept *)e)->entry);
}

/*
 * The build may have put a link in the place of the directory, or of one on the way. An
 * engine reads as root, and would go where it leads.
 */
static int check_way(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const char *path, struct s2c_error **err)
{
	struct s2c_engine_files itself = {
		.runtime = c->runtime, .id = c->id, .changed = true};

	for (const char *end = path; *end;) {
		CLEAN_ENGINE_STAT struct s2c_engine_stat st = {
			.kind = S2C_ENGINE_MISSING};
		CLEAN_FREE char *part = NULL;

		end += 1 + strcspn(end + 1, "/");
		part = xstrndup(path, (size_t)(end - path));
		if (s2c_engine_stat(ctx, &itself, part, &st, err) < 0)
			return -1;
		if (st.kind != S2C_ENGINE_DIR || !streq(st.path, part))
			return s2c_fail(err, S2C_EINVAL,
				"'%s' in the container is no directory any more", part);
	}
	return 0;
}

static int save(struct s2c_ctx *ctx, const struct s2c_engine_container *c,
	const struct s2c_engine_cache *cache, struct s2c_error **err)
{
	static const struct s2c_entries_ops ops = {
		.next = kept_next, .read = kept_read, .free = kept_free};
	struct source source = {c, cache->path};
	struct s2c_pump pump = {.run = get, .self = &source};
	CLEAN_ENTRIES struct s2c_entries *tar = NULL;
	CLEAN_WRITER struct s2c_writer *out = NULL;
	CLEAN_FD int fd = -1;
	int rc;

	if (check_way(ctx, c, cache->path, err) < 0 ||
		s2c_cache_new_packed(cache->cache, &fd, err) < 0)
		return -1;
	tar = open_tar(ctx, &pump);
	out = s2c_writer_fd(fd, false);
	struct kept kept = {
		.base.ops = &ops, .tar = tar, .name = strrchr(cache->path, '/') + 1};
	rc = s2c_tar_write_all(ctx, &kept.base, out, err);
	kept_free(&kept.base);
	return rc < 0 || s2c_finish(out, err) < 0 ||
			       s2c_cache_set_packed(cache->cache, fd, err) < 0
		       ? -1
		       : 0;
}

int s2c_engine_caches_save(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err)
{
	for (size_t i = 0; i < c->n_caches; i++) {
		CLEAN_ERROR struct s2c_error *cause = NULL;

		if (save(ctx, c, &c->caches[i], &cause) == 0)
			continue;
		s2c_cache_drop_unfinished(c->caches[i].cache);
		if (s2c_ctx_check(ctx, err) < 0)
			return -1;
		s2c_emit_log(ctx, S2C_WARN, "cache '%s' stays as it was before: %s",
			c->caches[i].about, s2c_error_message(cause));
	}
	return 0;
}

/* ---- out of the container ---- */

int s2c_engine_caches_script(const struct s2c_engine_container *c, const char *nonce,
	struct s2c_buf *out, struct s2c_error **err)
{
	if (s2c_engine_script_begin(out, nonce, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n_caches; i++) {
		const struct s2c_engine_cache *cache = &c->caches[i];
		struct s2c_engine_clearing clearing = {.path = cache->path,
			.keep = cache->of_image,
			.parents = &cache->parents};

		if (s2c_engine_script_clear(out, &clearing, err) < 0)
			return -1;
	}
	return s2c_buf_puts(out, "exit 0\n.\n", err);
}
