/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about images: one JSON object a file, held as such. It is checked as a whole when
 * it is read, so that whoever asks finds only what a note could have written.
 */
#include "store/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "store/internal.h"
#include "util/fs.h"

#define DIR_NAME "engine"
#define VERSION 1

struct entry {
	char *path;
	bool there;
	/* Of a file: */
	char *text;
	size_t len;
	/* Of a path: */
	uint32_t mode;
	uint64_t size;
	char *target;
};

struct table {
	struct entry *items;
	size_t n;
};

struct s2c_facts {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	char *engine;
	struct s2c_digest id;
	struct table files, paths;
	bool changed;
};

static void table_release(struct table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		free(table->items[i].path);
		free(table->items[i].text);
		free(table->items[i].target);
	}
	free(table->items);
	*table = (struct table){.n = 0};
}

static const struct entry *find(const struct table *table, const char *path)
{
	for (size_t i = 0; i < table->n; i++)
		if (streq(table->items[i].path, path))
			return &table->items[i];
	return NULL;
}

/* Makes room for one more; the caller fills it in. */
static struct entry *add(struct table *table, const char *path)
{
	table->items = xreallocarray(table->items, table->n + 1, sizeof(*table->items));
	table->items[table->n] = (struct entry){.path = xstrdup(path)};
	return &table->items[table->n++];
}

/* Absolute and of plain characters, which JSON gives back as they are. */
static bool is_plain(const char *path)
{
	size_t len = strlen(path);

	if (*path != '/' || len > S2C_FACTS_PATH_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (path[i] < 0x20 || path[i] > 0x7e)
			return false;
	return true;
}

/* ---- text ---- */

static int damaged(const char *what, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EPROTO, "it has no sound '%s'", what);
}

static int parse_file(
	struct s2c_facts *facts, const struct s2c_json *node, struct s2c_error **err)
{
	const char *path = s2c_json_key(node), *text = s2c_json_str(node);
	CLEAN_FREE char *plain = NULL;
	struct entry *e;
	size_t len = 0;

	if (!is_plain(path) || facts->files.n == S2C_FACTS_FILES_MAX ||
		(!text && !s2c_json_is_null(node)))
		return damaged("files", err);
	if (text && s2c_base64_decode(text, &plain, &len, err) < 0)
		return -1;
	if (len > S2C_FACTS_FILE_MAX || (plain && memchr(plain, '\0', len)))
		return damaged("files", err);
	e = add(&facts->files, path);
	e->there = text != NULL;
	e->text = TAKE(plain);
	e->len = len;
	return 0;
}

static int parse_path(
	struct s2c_facts *facts, const struct s2c_json *node, struct s2c_error **err)
{
	const char *path = s2c_json_key(node), *target = NULL;
	int64_t mode = 0, size = 0;
	struct entry *e;

	if (!is_plain(path) || facts->paths.n == S2C_FACTS_PATHS_MAX)
		return damaged("paths", err);
	if (!s2c_json_is_null(node)) {
		if (s2c_json_get_int(node, "mode", S2C_REQUIRED, &mode, err) < 0 ||
			s2c_json_get_int(node, "size", S2C_REQUIRED, &size, err) < 0 ||
			s2c_json_get_str(node, "target", S2C_OPTIONAL, &target, err) < 0)
			return -1;
		if (mode < 0 || mode > UINT32_MAX || size < 0 ||
			(target && !is_plain(target)) ||
			s2c_json_len(node) != (target ? 3 : 2))
			return damaged("paths", err);
	}
	e = add(&facts->paths, path);
	e->there = !s2c_json_is_null(node);
	e->mode = (uint32_t)mode;
	e->size = (uint64_t)size;
	e->target = target ? xstrdup(target) : NULL;
	return 0;
}

static int parse(
	struct s2c_facts *facts, const struct s2c_buf *text, struct s2c_error **err)
{
	/* Paths that differ in case alone are different ones. */
	struct s2c_json_limits limits = {.mixed_case = true};
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *files = NULL, *paths = NULL;
	const char *engine = NULL, *image = NULL;
	int64_t version = 0;

	if (s2c_json_parse(text->data, text->len, limits, &root, err) < 0 ||
		s2c_json_get_int(root, "version", S2C_REQUIRED, &version, err) < 0 ||
		s2c_json_get_str(root, "engine", S2C_REQUIRED, &engine, err) < 0 ||
		s2c_json_get_str(root, "image", S2C_REQUIRED, &image, err) < 0 ||
		s2c_json_get_object(root, "files", S2C_REQUIRED, &files, err) < 0 ||
		s2c_json_get_object(root, "paths", S2C_REQUIRED, &paths, err) < 0)
		return -1;
	if (version != VERSION || s2c_json_len(root) != 5)
		return damaged("version", err);
	if (!streq(image, facts->id.str))
		return damaged("image", err);
	if (!streq(engine, facts->engine))
		return s2c_fail(err, S2C_EDENIED, "it is the word of '%s'", engine);
	s2c_json_foreach (node, files)
		if (parse_file(facts, node, err) < 0)
			return -1;
	s2c_json_foreach (node, paths)
		if (parse_path(facts, node, err) < 0)
			return -1;
	return 0;
}

static char *print(const struct s2c_facts *facts)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_json *files, *paths;

	s2c_json_set_int(root, "version", VERSION);
	s2c_json_set_str(root, "engine", facts->engine);
	s2c_json_set_str(root, "image", facts->id.str);
	files = s2c_json_object_at(root, "files");
	for (size_t i = 0; i < facts->files.n; i++) {
		const struct entry *e = &facts->files.items[i];
		CLEAN_FREE char *text = e->there ? s2c_base64_encode(e->text, e->len)
						 : NULL;

		s2c_json_set(files, e->path,
			text ? s2c_json_new_str(text) : s2c_json_new_null());
	}
	paths = s2c_json_object_at(root, "paths");
	for (size_t i = 0; i < facts->paths.n; i++) {
		const struct entry *e = &facts->paths.items[i];
		struct s2c_json *look;

		if (!e->there) {
			s2c_json_set(paths, e->path, s2c_json_new_null());
			continue;
		}
		look = s2c_json_object_at(paths, e->path);
		s2c_json_set_int(look, "mode", e->mode);
		s2c_json_set_int(look, "size", (int64_t)e->size);
		if (e->target)
			s2c_json_set_str(look, "target", e->target);
	}
	return s2c_json_print(root, S2C_JSON_COMPACT);
}

/* ---- the file ---- */

static int check_own(int fd, mode_t kind, struct s2c_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at it");
	if ((st.st_mode & S_IFMT) != kind || st.st_uid != geteuid() ||
		st.st_mode & (S_IWGRP | S_IWOTH))
		return s2c_fail(err, S2C_EDENIED,
			"it is not of this user alone, or of another kind");
	return 0;
}

static int open_dir(struct s2c_store *store, int *out_fd, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	if (s2c_fs_open(store->root_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
		    &fd, err) < 0 ||
		check_own(fd, S_IFDIR, err) < 0)
		return -1;
	*out_fd = take_fd(&fd);
	return 0;
}

static int read_facts(struct s2c_facts *facts, const char *name, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_FACTS_BYTES_MAX);
	CLEAN_FD int dir = -1;
	CLEAN_FD int fd = -1;

	if (open_dir(facts->store, &dir, err) < 0 ||
		s2c_fs_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd, err) <
			0 ||
		check_own(fd, S_IFREG, err) < 0 || s2c_fs_read_fd(fd, &text, err) < 0)
		return -1;
	return parse(facts, &text, err);
}

static int write_facts(
	const struct s2c_facts *facts, const char *name, struct s2c_error **err)
{
	CLEAN_FREE char *text = print(facts);
	size_t len = strlen(text);
	CLEAN_FD int dir = -1;

	if (len > S2C_FACTS_BYTES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "it would be too large");
	if (s2c_fs_mkdir_p(facts->store->root_fd, DIR_NAME, 0700, err) < 0 ||
		open_dir(facts->store, &dir, err) < 0)
		return -1;
	return s2c_store_put_file(facts->store, dir, name, text, len, err);
}

struct s2c_facts *s2c_facts_open(struct s2c_ctx *ctx, struct s2c_store *store,
	const char *engine, const struct s2c_digest *id)
{
	struct s2c_facts *facts = xcalloc(1, sizeof(*facts));
	CLEAN_ERROR struct s2c_error *cause = NULL;

	facts->ctx = ctx;
	facts->store = store;
	facts->engine = xstrdup(engine);
	facts->id = *id;
	if (read_facts(facts, s2c_digest_hex(id), &cause) < 0) {
		table_release(&facts->files);
		table_release(&facts->paths);
		if (s2c_error_code(cause) != S2C_ENOENT)
			s2c_emit_log(ctx, S2C_DEBUG, "'%s/%s/%s' is ignored: %s",
				store->path, DIR_NAME, s2c_digest_hex(id),
				s2c_error_message(cause));
	}
	return facts;
}

void s2c_facts_close(struct s2c_facts *facts)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (!facts)
		return;
	if (facts->changed && write_facts(facts, s2c_digest_hex(&facts->id), &cause) < 0)
		s2c_emit_log(facts->ctx, S2C_DEBUG,
			"what is known of image '%s' is not kept: %s", facts->id.str,
			s2c_error_message(cause));
	table_release(&facts->files);
	table_release(&facts->paths);
	free(facts->engine);
	free(facts);
}

/* ---- asking and noting ---- */

bool s2c_facts_find_file(
	const struct s2c_facts *facts, const char *path, struct s2c_facts_file *out)
{
	const struct entry *e = find(&facts->files, path);

	if (e)
		*out = (struct s2c_facts_file){
			.there = e->there, .text = e->text, .len = e->len};
	return e != NULL;
}

void s2c_facts_note_file(
	struct s2c_facts *facts, const char *path, const struct s2c_facts_file *file)
{
	struct entry *e;

	if (!is_plain(path) || facts->files.n == S2C_FACTS_FILES_MAX ||
		find(&facts->files, path))
		return;
	if (file->there &&
		(file->len > S2C_FACTS_FILE_MAX || memchr(file->text, '\0', file->len)))
		return;
	e = add(&facts->files, path);
	e->there = file->there;
	if (file->there) {
		e->text = xstrndup(file->text, file->len);
		e->len = file->len;
	}
	facts->changed = true;
}

bool s2c_facts_find_path(
	const struct s2c_facts *facts, const char *path, struct s2c_facts_path *out)
{
	const struct entry *e = find(&facts->paths, path);

	if (e)
		*out = (struct s2c_facts_path){.there = e->there,
			.mode = e->mode,
			.size = e->size,
			.target = e->target};
	return e != NULL;
}

void s2c_facts_note_path(
	struct s2c_facts *facts, const char *path, const struct s2c_facts_path *look)
{
	struct entry *e;

	/* A size that JSON's integers do not hold is none that anybody asks for. */
	if (!is_plain(path) || (look->target && !is_plain(look->target)) ||
		look->size > INT32_MAX || facts->paths.n == S2C_FACTS_PATHS_MAX ||
		find(&facts->paths, path))
		return;
	e = add(&facts->paths, path);
	e->there = look->there;
	if (look->there) {
		e->mode = look->mode;
		e->size = look->size;
		e->target = look->target ? xstrdup(look->target) : NULL;
	}
	facts->changed = true;
}

void s2c_facts_prune(struct s2c_ctx *ctx, struct s2c_store *store)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_fs_rm_rf(store->root_fd, DIR_NAME, &cause) < 0 &&
		s2c_error_code(cause) != S2C_ENOENT)
		s2c_emit_log(ctx, S2C_DEBUG, "what is known of images is not pruned: %s",
			s2c_error_message(cause));
}
