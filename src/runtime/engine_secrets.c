/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in a container of an engine. Nothing of them may be in its layer at any time,
 * nor in what an engine keeps of a container (environment, command line, mounts), and
 * behind a gate there are no binds. So the script (engine_script.c), which comes over
 * standard input, writes them into /dev/shm, after it has seen that this is a tmpfs;
 * where they are wanted there are symbolic links. The engine puts these there before the
 * start, since it can write everywhere; a platform's gate does not let it, and then the
 * script makes them where the assemble user may write. The script removes them at its
 * end; one in a directory where it may not becomes an empty file, as S2I leaves one.
 */
#include "runtime/engine_impl.h"

#include "codec/tar_stream.h"
#include "runtime/rootpath.h"
#include "util/fs.h"

#define SHM "/dev/shm"

void s2c_engine_secrets_release(struct s2c_engine_secrets *secrets)
{
	for (size_t i = 0; i < secrets->n; i++)
		free(secrets->items[i].path);
	free(secrets->items);
	free(secrets->dir);
	s2c_strv_release(&secrets->dirs);
	s2c_strv_release(&secrets->left);
}

/* ---- where they go ---- */

/* Directories above the file that the image does not have, each once, parents first. */
static void note_dirs(
	struct s2c_engine_secrets *secrets, const struct s2c_engine_stat *st)
{
	const char *from = st->path + (streq(st->above, "/") ? 0 : strlen(st->above));

	for (const char *slash = strchr(from + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *dir = xstrndup(st->path, (size_t)(slash - st->path));

		if (s2c_strv_find(&secrets->dirs, dir) < 0)
			s2c_strv_add(&secrets->dirs, dir);
	}
}

static int find_place(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, const char *path, struct s2c_engine_stat *st,
	struct s2c_error **err)
{
	if (s2c_engine_stat(ctx, &c->files, path, st, err) < 0)
		return -1;
	if (st->kind == S2C_ENGINE_DIR && mount->name) {
		CLEAN_FREE char *within = xasprintf("%s/%s", st->path, mount->name);

		s2c_engine_stat_release(st);
		if (s2c_engine_stat(ctx, &c->files, within, st, err) < 0)
			return -1;
	}
	if (st->kind != S2C_ENGINE_MISSING)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"the image has a '%s', which an engine cannot hide behind a "
			"secret: choose another destination, or build without --engine",
			st->path);
	if (s2c_rootpath_covered(st->path))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' lies in a directory that the container mounts over",
			st->path);
	return 0;
}

static int add_secret(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_mount *mount, const struct s2c_secret_file *file,
	struct s2c_error **err)
{
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	CLEAN_FREE char *path = *file->path ? xasprintf("%s/%s", mount->destination,
						      file->path)
					    : xstrdup(mount->destination);
	struct s2c_engine_secrets *secrets = &c->secrets;

	secrets->bytes += file->len;
	if (secrets->bytes > S2C_ENGINE_SECRETS_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"an engine's container takes secrets of %u bytes together; give "
			"large files that are no secret with --volume",
			S2C_ENGINE_SECRETS_MAX);
	if (find_place(ctx, c, mount, path, &st, err) < 0)
		return -1;
	note_dirs(secrets, &st);
	secrets->items = xreallocarray(
		secrets->items, secrets->n + 1, sizeof(*secrets->items));
	secrets->items[secrets->n++] = (struct s2c_engine_secret){
		.path = TAKE(st.path), .data = file->data, .len = file->len};
	return 0;
}

/* ---- links ---- */

struct links {
	struct s2c_entries base;
	const struct s2c_engine_container *c;
	bool files; /* empty files instead, of those that are left */
	size_t next;
	struct s2c_entry entry;
};

static void set_entry(struct links *l, const char *path, enum s2c_entry_type type)
{
	s2c_entry_release(&l->entry);
	l->entry.path = xstrdup(path + 1);
	l->entry.type = type;
	l->entry.mode = type == S2C_ENTRY_DIR ? 0755 : type == S2C_ENTRY_FILE ? 0 : 0777;
	l->entry.uid = l->c->uid;
	l->entry.gid = l->c->gid;
}

static int links_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct links *l = (struct links *)e;
	const struct s2c_engine_secrets *secrets = &l->c->secrets;
	size_t i = l->next++, dirs = secrets->dirs.len;

	*out = &l->entry;
	if (l->files && i < secrets->left.len)
		set_entry(l, secrets->left.items[i], S2C_ENTRY_FILE);
	else if (!l->files && i < dirs)
		set_entry(l, secrets->dirs.items[i], S2C_ENTRY_DIR);
	else if (!l->files && i < dirs + secrets->n) {
		set_entry(l, secrets->items[i - dirs].path, S2C_ENTRY_SYMLINK);
		l->entry.link = xasprintf("%s/%zu", secrets->dir, i - dirs);
	} else
		*out = NULL;
	return 0;
}

static ssize_t links_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	return 0;
}

static void links_free(struct s2c_entries *e)
{
	s2c_entry_release(&((struct links *)e)->entry);
}

static int put_links(struct s2c_ctx *ctx, struct s2c_engine_container *c, bool files,
	struct s2c_error **err)
{
	static const struct s2c_entries_ops ops = {
		.next = links_next, .read = links_read, .free = links_free};
	struct links links = {.base.ops = &ops, .c = c, .files = files};
	CLEAN_READER struct s2c_reader *tar = s2c_tar_stream(ctx, &links.base);
	int rc = s2c_engine_send_tar(ctx, &c->files, "/", tar, err);

	links_free(&links.base);
	return rc;
}

int s2c_engine_secrets_place(struct s2c_ctx *ctx, struct s2c_engine_container *c,
	const struct s2c_container_opts *opts, struct s2c_error **err)
{
	const struct s2c_engine *engine = c->runtime->engine;
	CLEAN_FREE char *name = s2c_fs_random_name("s2c");

	for (size_t i = 0; i < opts->n_mounts; i++)
		for (size_t k = 0; k < opts->mounts[i].n_files; k++)
			if (add_secret(ctx, c, &opts->mounts[i],
				    &opts->mounts[i].files[k], err) < 0)
				return -1;
	if (!c->secrets.n)
		return 0;
	if (!c->has_shell)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"image '%s' has no '/bin/sh', by which an engine's container "
			"gets its secrets",
			opts->image->name);
	c->secrets.dir = xasprintf(SHM "/%s", name);
	s2c_strv_sort(&c->secrets.dirs);
	if (engine->gate && !engine->own_gate)
		return 0;
	/* What is below them is no longer the image's alone. */
	s2c_strv_add(&c->files.made, "/");
	if (put_links(ctx, c, false, err) < 0)
		return s2c_wrap(err, "secrets");
	return 0;
}

int s2c_engine_secrets_clear(
	struct s2c_ctx *ctx, struct s2c_engine_container *c, struct s2c_error **err)
{
	if (!c->secrets.left.len)
		return 0;
	s2c_strv_foreach (path, &c->secrets.left)
		s2c_emit_log(ctx, S2C_WARN,
			"'%s' stays in the image as an empty file, as uid %u may not "
			"remove it; choose a destination in a directory of its own",
			path, c->uid);
	if (put_links(ctx, c, true, err) < 0)
		return s2c_wrap(err, "secrets");
	return 0;
}
