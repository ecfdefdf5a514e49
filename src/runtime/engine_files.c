/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a container that does not run, by the archive requests of an engine. They are
 * carried out by the engine as root, with links followed inside the container's root, so
 * paths are led to their end here first and nothing is put over a link.
 */
#include "runtime/engine_impl.h"

#include "codec/base64.h"
#include "codec/tar.h"
#include "codec/tar_stream.h"
#include "http/http1.h"
#include "runtime/rootpath.h"

/* Bits of Go's file modes, as the header has them. */
#define GO_DIR (1u << 31)
#define GO_LINK (1u << 27)
#define GO_OTHERS ((1u << 26) | (1u << 25) | (1u << 24) | (1u << 21) | (1u << 19))

#define LINKS_MAX 40 /* as the kernel follows */
#define ANCESTORS_MAX 255
#define STAT_HEADER "x-docker-container-path-stat"
#define PROGRAMS_MAX 256
#define TAR_SLACK (256u * 1024) /* what a tar needs around one file */

void s2c_engine_stat_release(struct s2c_engine_stat *st)
{
	free(st->path);
	free(st->above);
	*st = (struct s2c_engine_stat){.kind = S2C_ENGINE_MISSING};
}

static int make_target(
	struct s2c_buf *target, const char *id, const char *path, struct s2c_error **err)
{
	s2c_buf_clear(target);
	if (s2c_buf_printf(target, err, "/containers/%s/archive", id) < 0)
		return -1;
	return s2c_http1_query_add(target, "path", path, err);
}

/* ---- what a path is ---- */

/* What one HEAD says: the path itself, no link followed at its end. */
struct look {
	bool there;
	unsigned mode; /* Go's */
	uint64_t size;
	char *target; /* of a link: where all of it leads */
};

static void look_release(struct look *look)
{
	free(look->target);
}

static int parse_stat(const char *header, struct look *out, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;
	CLEAN_JSON struct s2c_json *root = NULL;
	const char *target = NULL;
	int64_t mode = 0, size = 0;
	size_t len;

	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_base64_decode(header, &text, &len, &cause) < 0)
		return s2c_fail(err, S2C_EPROTO, "%s", s2c_error_message(cause));
	if (s2c_json_parse(text, len, (struct s2c_json_limits){0}, &root, err) < 0 ||
		s2c_json_get_int(root, "mode", S2C_REQUIRED, &mode, err) < 0 ||
		s2c_json_get_int(root, "size", S2C_OPTIONAL, &size, err) < 0 ||
		s2c_json_get_str(root, "linkTarget", S2C_OPTIONAL, &target, err) < 0)
		return -1;
	if (mode < 0 || mode > UINT32_MAX || size < 0)
		return s2c_fail(err, S2C_EPROTO, "mode or size is out of range");
	out->there = true;
	out->mode = (unsigned)mode;
	out->size = (uint64_t)size;
	if (!(out->mode & GO_LINK))
		return 0;
	if (!target || *target != '/')
		return s2c_fail(err, S2C_EPROTO, "a link without an absolute target");
	out->target = xstrdup(target);
	return 0;
}

static int ask_look(struct s2c_ctx *ctx, struct s2c_engine *engine, const char *id,
	const char *path, struct look *out, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_engine_request request = {
		.method = "HEAD", .what = "cannot look into the container"};
	const char *header;
	int status = 0;

	if (make_target(&target, id, path, err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	*out = (struct look){0};
	if (s2c_engine_call(ctx, engine, &request, &response, &cause) < 0)
		status = s2c_error_status(cause);
	header = s2c_http_header(&response, STAT_HEADER);
	/*
	 * dockerd says 500 for what lies below a file: the parent will tell. podman says
	 * 404 for a link that leads nowhere, and all the same where that is.
	 */
	if (cause && status != 404 && status != 500) {
		s2c_error_move(err, &cause);
		return -1;
	}
	if (cause && !header)
		return 0;
	if (!header)
		return s2c_fail(err, S2C_EPROTO,
			"the engine at '%s' does not say what '%s' is", engine->name,
			path);
	if (parse_stat(header, out, err) < 0)
		return s2c_wrap(err,
			"what the engine at '%s' says of '%s' makes no sense",
			engine->name, path);
	out->there = out->there && (!cause || out->target);
	return 0;
}

/*
 * By what is known, or by a container that nobody has touched: then it is known. `fresh`
 * is one that is as the image at that path, NULL: there is none yet.
 */
static int look_at_image(struct s2c_ctx *ctx, struct s2c_engine_runtime *rt,
	const char *fresh, const char *path, struct look *out, struct s2c_error **err)
{
	struct s2c_facts_path fact = {.there = false};

	if (!s2c_facts_find_path(rt->probe.facts, path, &fact)) {
		if (!fresh || *rt->probe.id) {
			if (s2c_engine_probe_make(ctx, rt, err) < 0)
				return -1;
			fresh = rt->probe.id;
		}
		if (ask_look(ctx, rt->engine, fresh, path, out, err) < 0)
			return -1;
		fact = (struct s2c_facts_path){.there = out->there,
			.mode = out->mode,
			.size = out->size,
			.target = out->target};
		s2c_facts_note_path(rt->probe.facts, path, &fact);
		return 0;
	}
	*out = (struct look){.there = fact.there,
		.mode = fact.mode,
		.size = fact.size,
		.target = fact.target ? xstrdup(fact.target) : NULL};
	return 0;
}

/* A link is there with a target only. */
static bool is_link(const struct look *look)
{
	return look->mode & GO_LINK && look->target;
}

/* True if nothing but directories that we have made can be there, or on the way. */
static bool is_made(struct s2c_engine_files *files, const char *path)
{
	s2c_strv_foreach (made, &files->made)
		if (s2c_rootpath_below(made, path))
			return true;
	return false;
}

static bool is_in_made(struct s2c_engine_files *files, const char *path)
{
	s2c_strv_foreach (made, &files->made)
		if (s2c_rootpath_below(path, made))
			return true;
	return false;
}

static int look_at(struct s2c_ctx *ctx, struct s2c_engine_files *files, const char *path,
	struct look *out, struct s2c_error **err)
{
	struct s2c_engine_runtime *rt = files->runtime;
	bool known = rt->probe.facts && streq(files->image, rt->probe.image);

	*out = (struct look){.there = false};
	if (files->id && (files->changed || !known))
		return ask_look(ctx, rt->engine, files->id, path, out, err);
	if (is_made(files, path)) {
		*out = (struct look){.there = true, .mode = GO_DIR | 0755};
		return 0;
	}
	if (is_in_made(files, path))
		return s2c_engine_put_pending(ctx, files, err) < 0
			       ? -1
			       : ask_look(ctx, rt->engine, files->id, path, out, err);
	return look_at_image(ctx, rt, files->id, path, out, err);
}

/* "/a/b" -> "/a"; "/a" -> "/". Caller frees. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static char *join(const char *dir, const char *name)
{
	return xasprintf("%s/%s", streq(dir, "/") ? "" : dir, name);
}

static int stat_at(struct s2c_ctx *ctx, struct s2c_engine_files *files, const char *path,
	unsigned *steps, struct s2c_engine_stat *out, struct s2c_error **err);

/* A path that is not there: its parent may lead elsewhere all the same. */
static int stat_missing(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *path, unsigned *steps, struct s2c_engine_stat *out,
	struct s2c_error **err)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat parent = {.kind = S2C_ENGINE_MISSING};
	CLEAN_FREE char *dir = parent_of(path);
	CLEAN_FREE char *real = NULL;

	if (streq(path, "/"))
		return s2c_fail(err, S2C_EPROTO,
			"the engine at '%s' has no root directory for its container",
			files->runtime->engine->name);
	if (stat_at(ctx, files, dir, steps, &parent, err) < 0)
		return -1;
	if (parent.kind != S2C_ENGINE_MISSING && parent.kind != S2C_ENGINE_DIR)
		return s2c_fail(err, S2C_ENOENT,
			"'%s' in the container is not a directory, so there is no '%s'",
			parent.path, path);
	real = join(parent.path, strrchr(path, '/') + 1);
	/* By another way it may be where we have written. */
	if (!streq(real, path) && (is_made(files, real) || is_in_made(files, real)))
		return stat_at(ctx, files, real, steps, out, err);
	*out = (struct s2c_engine_stat){.kind = S2C_ENGINE_MISSING,
		.path = TAKE(real),
		.above = parent.kind == S2C_ENGINE_DIR ? TAKE(parent.path)
						       : TAKE(parent.above)};
	return 0;
}

static int stat_at(struct s2c_ctx *ctx, struct s2c_engine_files *files, const char *path,
	unsigned *steps, struct s2c_engine_stat *out, struct s2c_error **err)
{
	CLEAN(look_release) struct look look = {0};

	if (++*steps > LINKS_MAX + ANCESTORS_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' in the container leads through too many links", path);
	if (look_at(ctx, files, path, &look, err) < 0)
		return -1;
	if (!look.there)
		return stat_missing(ctx, files, path, steps, out, err);
	if (is_link(&look)) {
		if (streq(look.target, path))
			return s2c_fail(err, S2C_EINVAL,
				"'%s' in the container is a link to itself", path);
		return stat_at(ctx, files, look.target, steps, out, err);
	}
	*out = (struct s2c_engine_stat){.path = xstrdup(path),
		.mode = look.mode & 0777,
		.size = look.size,
		.kind = look.mode & GO_DIR      ? S2C_ENGINE_DIR
			: look.mode & GO_OTHERS ? S2C_ENGINE_OTHER
						: S2C_ENGINE_FILE};
	return 0;
}

int s2c_engine_stat(struct s2c_ctx *ctx, struct s2c_engine_files *files, const char *path,
	struct s2c_engine_stat *out, struct s2c_error **err)
{
	CLEAN_FREE char *relative = NULL;
	CLEAN_FREE char *clean = NULL;
	unsigned steps = 0;

	if (s2c_entry_normalize_path(path, true, &relative, err) < 0)
		return -1;
	clean = streq(relative, ".") ? xstrdup("/") : xasprintf("/%s", relative);
	return stat_at(ctx, files, clean, &steps, out, err);
}

static bool is_program(
	struct s2c_ctx *ctx, struct s2c_engine_files *files, const char *path)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	return s2c_engine_stat(ctx, files, path, &st, &ignored) == 0 &&
	       st.kind == S2C_ENGINE_FILE && st.mode & 0111;
}

/*
 * The image has it, where no build has a reason to take it away. What is not known is
 * found out for the next build, if that costs no container.
 */
static bool was_program(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, const char *path)
{
	struct s2c_engine_runtime *rt = c->runtime;
	CLEAN(look_release) struct look look = {.there = false};
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct s2c_facts_path fact;

	return rt->probe.facts && streq(c->files.image, rt->probe.image) && c->cwd &&
	       !s2c_rootpath_below(path, c->cwd) && !is_in_made(&c->files, path) &&
	       (*rt->probe.id || s2c_facts_find_path(rt->probe.facts, path, &fact)) &&
	       look_at_image(ctx, rt, NULL, path, &look, &ignored) == 0 && look.there &&
	       !(look.mode & (GO_DIR | GO_LINK | GO_OTHERS)) && look.mode & 0111;
}

bool s2c_engine_is_program(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, const char *path)
{
	struct s2c_engine_files itself = {
		.runtime = c->runtime, .id = c->id, .changed = true};
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	if (!c->files.changed && s2c_strv_find(&c->files.programs, path) >= 0)
		return true;
	if (c->files.changed ? was_program(ctx, c, path)
			     : is_program(ctx, &c->files, path))
		return true;
	/* By a link it may be among what was written. */
	return (c->files.changed || c->files.made.len) &&
	       s2c_engine_put_pending(ctx, &c->files, &ignored) == 0 &&
	       is_program(ctx, &itself, path);
}

/* ---- reading ---- */

/* The one file of an archive. */
static int take_file(struct s2c_ctx *ctx, const struct s2c_buf *tar, struct s2c_buf *buf,
	struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(
		s2c_reader_mem(tar->data, tar->len), true, (struct s2c_tar_limits){0});
	const struct s2c_entry *entry;
	char piece[16384];
	ssize_t n;

	if (s2c_entries_next(entries, ctx, &entry, err) < 0)
		return -1;
	if (!entry || entry->type != S2C_ENTRY_FILE)
		return s2c_fail(err, S2C_EPROTO, "the engine's archive holds no file");
	while ((n = s2c_entries_read(entries, piece, sizeof(piece), err)) > 0)
		if (s2c_buf_add(buf, piece, (size_t)n, err) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

int s2c_engine_read_file(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *path, struct s2c_buf *buf, struct s2c_error **err)
{
	struct s2c_engine_runtime *rt = files->runtime;
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	struct s2c_engine_request request = {
		.method = "GET", .what = "cannot read a file of the container"};

	if (s2c_engine_stat(ctx, files, path, &st, err) < 0)
		return -1;
	if (st.kind == S2C_ENGINE_MISSING)
		return s2c_fail(
			err, S2C_ENOENT, "there is no '%s' in the container", path);
	if (st.kind != S2C_ENGINE_FILE)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' in the container is not a regular file", path);
	if (st.size > buf->max - buf->len)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' in the container is larger than %zu bytes", path, buf->max);
	if (!files->id && s2c_engine_probe_make(ctx, rt, err) < 0)
		return -1;
	if (make_target(&target, files->id ? files->id : rt->probe.id, st.path, err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	request.max_body = st.size + TAR_SLACK;
	if (s2c_engine_call(ctx, rt->engine, &request, &response, err) < 0 ||
		take_file(ctx, &response.body, buf, err) < 0)
		return s2c_wrap(err, "'%s'", path);
	return 0;
}

int s2c_engine_get_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *path, struct s2c_writer *out, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	struct s2c_engine_request request = {.method = "GET",
		.sink = out,
		.max_body = S2C_COPY_OUT_MAX,
		.patient = true,
		.what = "cannot read files of the container"};

	if (s2c_engine_put_pending(ctx, files, err) < 0 ||
		make_target(&target, files->id, path, err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	return s2c_engine_call(ctx, files->runtime->engine, &request, &response, err);
}

/* ---- writing ---- */

/* Entries on their way: below a prefix, with directories in front, and all of one owner.
 */
struct placed {
	struct s2c_entries base;
	struct s2c_entries *next; /* borrowed; NULL: the directories alone */
	const struct s2c_strv *dirs;
	size_t n_made; /* of dirs */
	bool begun;
	const struct s2c_entry *first; /* of next, read already */
	const char *prefix;            /* relative, "" for none: then there are no dirs */
	const char *dir;               /* where that is */
	struct s2c_strv *programs;     /* files that can be executed, right below `dir` */
	uint32_t uid, gid;
	struct s2c_entry entry;
};

static char *place(const struct placed *p, const char *path)
{
	if (streq(path, "."))
		return xstrdup(*p->prefix ? p->prefix : ".");
	return *p->prefix ? xasprintf("%s/%s", p->prefix, path) : xstrdup(path);
}

static void make_dir(struct placed *p)
{
	bool last = p->n_made + 1 == p->dirs->len;

	p->entry = (struct s2c_entry){.path = xstrdup(p->dirs->items[p->n_made++]),
		.type = S2C_ENTRY_DIR,
		.mode = 0755,
		.uid = last ? p->uid : 0,
		.gid = last ? p->gid : 0};
}

static int copy_entry(
	struct placed *p, const struct s2c_entry *from, struct s2c_error **err)
{
	struct s2c_entry *to = &p->entry;

	if (from->type > S2C_ENTRY_HARDLINK)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is a device, fifo or socket; only files, directories and "
			"links can be taken",
			from->path);
	*to = (struct s2c_entry){.path = place(p, from->path),
		.type = from->type,
		.mode = from->mode,
		.uid = p->uid,
		.gid = p->gid,
		.size = from->size,
		.mtime = from->mtime,
		.mtime_ns = from->mtime_ns};
	if (from->type == S2C_ENTRY_FILE && from->mode & 0111 &&
		!strchr(from->path, '/') && p->programs->len < PROGRAMS_MAX)
		s2c_strv_add_take(p->programs, join(p->dir, from->path));
	if (from->link)
		to->link = from->type == S2C_ENTRY_HARDLINK ? place(p, from->link)
							    : xstrdup(from->link);
	for (size_t i = 0; i < from->n_xattrs; i++)
		if (s2c_entry_add_xattr(to, from->xattrs[i].name, from->xattrs[i].value,
			    from->xattrs[i].len, err) < 0)
			return -1;
	return 0;
}

/* The directory of all entries comes with them, or has to be made. */
static int first_entry(struct placed *p, struct s2c_ctx *ctx, struct s2c_error **err)
{
	if (p->n_made + 1 < p->dirs->len || !p->next || p->begun)
		return 0;
	p->begun = true;
	if (s2c_entries_next(p->next, ctx, &p->first, err) < 0)
		return -1;
	/* An engine that met it twice would give it the age of the first. */
	if (p->first && streq(p->first->path, "."))
		p->n_made = p->dirs->len;
	return 0;
}

static int placed_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct placed *p = (struct placed *)e;
	const struct s2c_entry *from;

	s2c_entry_release(&p->entry);
	*out = NULL;
	if (first_entry(p, ctx, err) < 0)
		return -1;
	if (p->n_made < p->dirs->len) {
		make_dir(p);
		*out = &p->entry;
		return 0;
	}
	from = p->first;
	p->first = NULL;
	if (!from && p->next && s2c_entries_next(p->next, ctx, &from, err) < 0)
		return -1;
	if (!from)
		return 0;
	if (copy_entry(p, from, err) < 0)
		return -1;
	*out = &p->entry;
	return 0;
}

static ssize_t placed_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return s2c_entries_read(((struct placed *)e)->next, buf, len, err);
}

static void placed_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct placed *)e)->entry);
}

/* What of `path` lies below `base`: "a", "a/b", ... relative to it. */
static void list_missing(const char *base, const char *path, struct s2c_strv *missing)
{
	const char *rest = path + (streq(base, "/") ? 1 : strlen(base) + 1);

	for (const char *slash = strchr(rest, '/'); slash; slash = strchr(slash + 1, '/'))
		s2c_strv_add_take(missing, xstrndup(rest, (size_t)(slash - rest)));
	s2c_strv_add(missing, rest);
}

int s2c_engine_send_tar(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const char *dir, struct s2c_reader *tar, struct s2c_error **err)
{
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	CLEAN_BUF struct s2c_buf target = S2C_BUF_INIT(S2C_ENGINE_TARGET_MAX);
	struct s2c_engine_request request = {.method = "PUT",
		.tar = tar,
		.what = "cannot copy files into the container",
		.patient = true};

	if (make_target(&target, files->id, dir, err) < 0 ||
		s2c_http1_query_add(&target, "noOverwriteDirNonDir", "true", err) < 0)
		return -1;
	request.target = s2c_buf_str(&target);
	return s2c_engine_call(ctx, files->runtime->engine, &request, &response, err);
}

/* Anybody may make a directory there, and one is all that is missing. */
static bool can_wait(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const struct s2c_engine_stat *st, size_t n_missing)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat above = {.kind = S2C_ENGINE_MISSING};
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	const struct s2c_engine_pending *p = &files->pending;

	if (!files->tar || files->changed || n_missing != 1 || !st->above ||
		is_made(files, st->path) || is_in_made(files, st->path))
		return false;
	if (p->dir)
		return streq(p->dir, st->above) && !p->ends[ARRAY_SIZE(p->ends) - 1];
	return s2c_engine_stat(ctx, files, st->above, &above, &ignored) == 0 &&
	       above.kind == S2C_ENGINE_DIR && above.mode & 0002;
}

int s2c_engine_put(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const struct s2c_engine_put *put, struct s2c_error **err)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	CLEAN_STRV struct s2c_strv missing = S2C_STRV_INIT;
	static const struct s2c_entries_ops ops = {
		.next = placed_next, .read = placed_read, .free = placed_free};
	struct placed placed = {.base.ops = &ops,
		.next = put->entries,
		.dirs = &missing,
		.prefix = "",
		.programs = &files->programs,
		.uid = put->uid,
		.gid = put->gid};
	CLEAN_READER struct s2c_reader *tar = NULL;
	bool wait;
	int rc;

	if (s2c_engine_stat(ctx, files, put->path, &st, err) < 0)
		return -1;
	if (s2c_rootpath_covered(st.path))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' leads to '%s' in the image, which the container mounts "
			"over: "
			"choose another directory",
			put->path, st.path);
	if (st.kind == S2C_ENGINE_MISSING)
		list_missing(st.above, st.path, &missing);
	else if (st.kind != S2C_ENGINE_DIR)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' in the container is not a directory", st.path);
	if (missing.len)
		placed.prefix = missing.items[missing.len - 1];
	else if (!put->entries)
		return 0;
	wait = put->entries && !put->others && can_wait(ctx, files, &st, missing.len);
	placed.dir = st.path;
	tar = s2c_tar_stream(ctx, &placed.base);
	/* Also if it fails halfway. */
	s2c_strv_add(&files->made, st.path);
	rc = (wait ? s2c_engine_pipe_tar : s2c_engine_send_tar)(
		ctx, files, st.above ? st.above : st.path, tar, err);
	placed_free(&placed.base);
	return rc < 0 ? s2c_wrap(err, "'%s'", put->path) : 0;
}

/* ---- one file ---- */

struct one_file {
	struct s2c_entries base;
	struct s2c_entry entry;
	const struct s2c_engine_file *file;
	size_t done;
	bool given;
};

static int one_file_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct one_file *f = (struct one_file *)e;

	*out = f->given ? NULL : &f->entry;
	f->given = true;
	return 0;
}

static ssize_t one_file_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct one_file *f = (struct one_file *)e;
	size_t left = f->file->len - f->done;

	len = len < left ? len : left;
	memcpy(buf, f->file->data + f->done, len);
	f->done += len;
	return (ssize_t)len;
}

static void one_file_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct one_file *)e)->entry);
}

int s2c_engine_put_file(struct s2c_ctx *ctx, struct s2c_engine_files *files,
	const struct s2c_engine_file *file, struct s2c_error **err)
{
	static const struct s2c_entries_ops ops = {
		.next = one_file_next, .read = one_file_read, .free = one_file_free};
	const char *slash = strrchr(file->path, '/');
	CLEAN_FREE char *dir = slash == file->path
				       ? xstrdup("/")
				       : xstrndup(file->path,
						 (size_t)(slash - file->path));
	struct one_file one = {.base.ops = &ops,
		.file = file,
		.entry = {.path = xstrdup(slash + 1),
			.type = S2C_ENTRY_FILE,
			.mode = file->mode,
			.size = file->len}};
	struct s2c_engine_put put = {
		.path = dir, .entries = &one.base, .uid = file->uid, .gid = file->gid};
	int rc = s2c_engine_put(ctx, files, &put, err);

	one_file_free(&one.base);
	return rc;
}
