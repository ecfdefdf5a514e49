/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI layouts as files: the directory (added to when it is one already) and the tar of
 * one. What is written is OCI throughout: the manifest of an image pulled as Docker's is
 * written anew, as other tools take only OCI media types from a layout.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "store/archive_internal.h"
#include "store/blob.h"
#include "store/index.h"
#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"

#define LOCK_POLL_MS 50

/* What goes into a layout. */
struct export
{
	char *manifest; /* bytes */
	size_t manifest_len;
	struct s2c_store_name entry; /* name and descriptor of it */
	const struct s2c_descriptor *
		*blobs; /* config and layers, each digest once, sorted */
	size_t n_blobs;
};

static void export_release(struct export *e)
{
	s2c_descriptor_release(&e->entry.desc);
	free(e->manifest);
	free(e->blobs);
}

static int by_digest(const void *a, const void *b)
{
	const struct s2c_descriptor *const *x = a;
	const struct s2c_descriptor *const *y = b;

	return strcmp((*x)->digest.str, (*y)->digest.str);
}

static void list_blobs(const struct s2c_manifest *manifest, struct export *e)
{
	size_t n = 0, unique = 0;

	e->blobs = xcalloc(manifest->n_layers + 1, sizeof(*e->blobs));
	e->blobs[n++] = &manifest->config;
	for (size_t i = 0; i < manifest->n_layers; i++)
		e->blobs[n++] = &manifest->layers[i];
	qsort(e->blobs, n, sizeof(*e->blobs), by_digest);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_digest(&e->blobs[unique - 1], &e->blobs[i]) != 0)
			e->blobs[unique++] = e->blobs[i];
	}
	e->n_blobs = unique;
}

static int plan_export(struct s2c_store *store, const struct s2c_image *image,
	const struct s2c_archive_spec *spec, struct export *e, struct s2c_error **err)
{
	static const char oci[] = S2C_MT_OCI_MANIFEST;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	const char *name = spec->tag ? spec->tag : image->name;

	if (streq(image->desc.media_type, oci)) {
		if (s2c_blob_read(store, &image->desc.digest, &text, err) < 0)
			return -1;
		e->manifest_len = text.len;
		e->manifest = s2c_buf_take(&text);
	} else {
		e->manifest = s2c_manifest_print(image->manifest);
		e->manifest_len = strlen(e->manifest);
	}
	memcpy(e->entry.desc.media_type, oci, sizeof(oci));
	s2c_digest_of(e->manifest, e->manifest_len, &e->entry.desc.digest);
	e->entry.desc.size = e->manifest_len;
	if (strlen(name) > S2C_REFERENCE_MAX)
		return s2c_fail(err, S2C_EINVAL, "name '%s' is too long", name);
	memcpy(e->entry.name, name, strlen(name) + 1);
	list_blobs(image->manifest, e);
	return 0;
}

/* The text of index.json with the entry in place of one of its name. */
static int index_text(const struct s2c_json *old, const struct export *e, char **out,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *fresh = old ? NULL : s2c_layout_index_new();
	CLEAN_JSON struct s2c_json *changed = NULL;
	struct s2c_index_match drop = {.name = e->entry.name};

	/* Saving the same image twice without a name must not list it twice. */
	if (!e->entry.name[0])
		drop.unnamed = &e->entry.desc.digest;
	if (s2c_layout_index_edit(
		    old ? old : fresh, &drop, &e->entry, &changed, NULL, err) < 0)
		return -1;
	*out = s2c_json_print(changed, S2C_JSON_COMPACT);
	return 0;
}

/* ---- the directory ---- */

struct target {
	int fd;                /* the layout */
	int parent;            /* where it lies */
	char *name;            /* there */
	char *temp;            /* made here, to be renamed to name; NULL: it was there */
	struct s2c_strv added; /* blobs to take back on failure */
};

static void target_release(struct target *t)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	s2c_strv_foreach (path, &t->added) {
		(void)unlinkat(t->fd, path, 0);
	}
	if (t->temp)
		(void)!s2c_fs_rm_rf(t->parent, t->temp, &ignored);
	s2c_clean_fd(&t->fd);
	s2c_clean_fd(&t->parent);
	s2c_strv_release(&t->added);
	free(t->name);
	free(t->temp);
}

/* One writer at a time: the lock is on the directory, so that nothing is left in it. */
static int lock_dir(struct s2c_ctx *ctx, int fd, struct s2c_error **err)
{
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return s2c_fail_errno(err, errno, "cannot lock the directory");
		if (s2c_ctx_poll(ctx, NULL, 0, LOCK_POLL_MS, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int open_target(
	struct s2c_ctx *ctx, const char *path, struct target *t, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *listed = NULL;
	struct stat st;

	if (s2c_open_parent(path, &t->parent, &t->name, err) < 0)
		return -1;
	if (fstatat(t->parent, t->name, &st, 0) < 0 && errno == ENOENT) {
		t->temp = s2c_fs_random_name(".s2c");
		if (mkdirat(t->parent, t->temp, 0777) < 0)
			return s2c_fail_errno(err, errno, "cannot make a directory");
		return s2c_fs_open(
			t->parent, t->temp, O_RDONLY | O_DIRECTORY, 0, &t->fd, err);
	}
	if (s2c_fs_open(t->parent, t->name, O_RDONLY | O_DIRECTORY, 0, &t->fd, err) < 0 ||
		lock_dir(ctx, t->fd, err) < 0)
		return -1;
	if (fstatat(t->fd, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* One name is one too many. */
	if (s2c_fs_list(t->fd, 0, &names, &listed) < 0)
		return s2c_fail(err, S2C_EINVAL, "not empty and not an OCI layout");
	return 0;
}

/* Content for a blob of the layout that is not there, or not as it should be. */
static int put_file(struct s2c_ctx *ctx, struct target *t, const char *path,
	struct s2c_reader *reader, struct s2c_error **err)
{
	CLEAN_FREE char *temp = s2c_fs_random_name(".s2c");
	CLEAN_WRITER struct s2c_writer *writer = NULL;
	CLEAN_FD int fd = -1;
	struct s2c_copy opts = {.phase = "save", .subject = path};

	if (s2c_fs_open(t->fd, temp, O_WRONLY | O_CREAT | O_EXCL, 0666, &fd, err) < 0)
		return -1;
	writer = s2c_writer_fd(fd, false);
	if (s2c_copy(ctx, reader, writer, &opts, NULL, err) < 0 ||
		s2c_finish(writer, err) < 0 ||
		s2c_fault_point("archive.rename", err) < 0) {
		(void)unlinkat(t->fd, temp, 0);
		return -1;
	}
	if (renameat(t->fd, temp, t->fd, path) < 0) {
		int errnum = errno;

		(void)unlinkat(t->fd, temp, 0);
		return s2c_fail_errno(err, errnum, "cannot write '%s'", path);
	}
	s2c_strv_add(&t->added, path);
	return 0;
}

/* True if the layout has these bytes already. */
static bool has_blob(const struct target *t, const char *path,
	const struct s2c_digest *digest, uint64_t size)
{
	CLEAN_FD int fd = -1;
	struct stat st;

	return s2c_fs_open_beneath(t->fd, path, O_RDONLY | O_NONBLOCK, 0, &fd, NULL) ==
		       0 &&
	       fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size &&
	       s2c_blob_verify_fd(NULL, fd, digest, NULL) == 0;
}

static char *blob_path(const struct s2c_digest *digest)
{
	return xasprintf("blobs/%s/%s", s2c_digest_algo(digest), s2c_digest_hex(digest));
}

static int put_blob(struct s2c_ctx *ctx, struct s2c_store *store, struct target *t,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	CLEAN_FREE char *path = blob_path(&desc->digest);
	CLEAN_READER struct s2c_reader *reader = NULL;

	if (has_blob(t, path, &desc->digest, desc->size))
		return 0;
	if (s2c_blob_open(store, &desc->digest, desc->size, &reader, err) < 0)
		return -1;
	return put_file(ctx, t, path, reader, err);
}

/* The directories of blobs, which in a foreign layout may be symlinks to anywhere. */
static int make_dirs(
	const struct target *t, const struct export *e, struct s2c_error **err)
{
	for (size_t i = 0; i <= e->n_blobs; i++) {
		const struct s2c_digest *digest = i < e->n_blobs ? &e->blobs[i]->digest
								 : &e->entry.desc.digest;
		CLEAN_FREE char *dir = xasprintf("blobs/%s", s2c_digest_algo(digest));
		CLEAN_FD int fd = -1;

		if (mkdirat(t->fd, "blobs", 0777) < 0 && errno != EEXIST)
			return s2c_fail_errno(err, errno, "cannot make 'blobs'");
		if (s2c_fs_open_beneath(
			    t->fd, "blobs", O_PATH | O_DIRECTORY, 0, &fd, err) < 0)
			return -1;
		if (mkdirat(fd, s2c_digest_algo(digest), 0777) < 0 && errno != EEXIST)
			return s2c_fail_errno(err, errno, "cannot make '%s'", dir);
		s2c_clean_fd(&fd);
		fd = -1;
		if (s2c_fs_open_beneath(t->fd, dir, O_PATH | O_DIRECTORY, 0, &fd, err) <
			0)
			return -1;
	}
	return 0;
}

static int fill_target(struct s2c_ctx *ctx, struct s2c_store *store, struct target *t,
	const struct export *e, struct s2c_error **err)
{
	CLEAN_FREE char *path = blob_path(&e->entry.desc.digest);
	CLEAN_READER struct s2c_reader *manifest = s2c_reader_mem(
		e->manifest, e->manifest_len);

	if (make_dirs(t, e, err) < 0)
		return -1;
	for (size_t i = 0; i < e->n_blobs; i++) {
		if (put_blob(ctx, store, t, e->blobs[i], err) < 0)
			return -1;
	}
	if (!has_blob(t, path, &e->entry.desc.digest, e->manifest_len) &&
		put_file(ctx, t, path, manifest, err) < 0)
		return -1;
	return 0;
}

/* From here on the image is in the layout: index.json goes last, and atomically. */
static int publish(struct target *t, const struct export *e, struct s2c_error **err)
{
	struct s2c_layout layout = {.fd = t->fd, .path = t->name};
	CLEAN_JSON struct s2c_json *old = NULL;
	CLEAN_FREE char *text = NULL;
	struct stat st;
	bool fresh = fstatat(t->fd, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) < 0;

	if (!fresh && s2c_layout_read_index(&layout, &old, err) < 0)
		return -1;
	if (index_text(old, e, &text, err) < 0)
		return -1;
	if (syncfs(t->fd) < 0)
		return s2c_fail_errno(err, errno, "cannot write to disk");
	if (s2c_fs_write_file(t->fd, "index.json", text, strlen(text), 0666, err) < 0)
		return -1;
	if (fresh && s2c_fs_write_file(t->fd, "oci-layout", S2C_LAYOUT_TEXT,
			     strlen(S2C_LAYOUT_TEXT), 0666, err) < 0)
		return -1;
	if (t->temp && s2c_fs_rename(t->parent, t->temp, t->parent, t->name, err) < 0)
		return -1;
	free(TAKE(t->temp));
	s2c_strv_release(&t->added);
	return 0;
}

int s2c_archive_save_oci_dir(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err)
{
	CLEAN(export_release) struct export e = {0};
	CLEAN(target_release) struct target t = {.fd = -1, .parent = -1};

	if (plan_export(store, image, spec, &e, err) < 0 ||
		open_target(ctx, spec->path, &t, err) < 0 ||
		fill_target(ctx, store, &t, &e, err) < 0)
		return -1;
	return publish(&t, &e, err);
}

int s2c_archive_load_oci_dir(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err)
{
	CLEAN_LOADED struct s2c_loaded loaded = {0};
	struct s2c_layout layout = {.path = spec->path, .tag = spec->tag};
	CLEAN_FD int fd = -1;

	if (s2c_fs_open(AT_FDCWD, spec->path, O_RDONLY | O_DIRECTORY, 0, &fd, err) < 0)
		return -1;
	layout.fd = fd;
	if (s2c_layout_load(ctx, store, &layout, &loaded, err) < 0)
		return -1;
	return s2c_loaded_name(ctx, store, &loaded, names, err);
}

/* ---- the tar ---- */

/* Blobs and the manifest in one sorted list, so that the tar is a function of the image.
 */
static int tar_blobs(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_tar_writer *tar, const struct export *e, struct s2c_error **err)
{
	const struct s2c_descriptor *manifest = &e->entry.desc;
	const char *algo = "";

	for (size_t i = 0, m = 0; i + m < e->n_blobs + 1;) {
		bool now = m == 0 &&
			   (i == e->n_blobs || by_digest(&manifest, &e->blobs[i]) <= 0);
		const struct s2c_descriptor *desc = now ? manifest : e->blobs[i];
		CLEAN_FREE char *path = blob_path(&desc->digest);
		CLEAN_READER struct s2c_reader *reader = NULL;

		if (!streq(algo, s2c_digest_algo(&desc->digest))) {
			CLEAN_FREE char *dir = NULL;

			algo = s2c_digest_algo(&desc->digest);
			dir = xasprintf("blobs/%s", algo);
			if (s2c_tar_put_dir(tar, dir, err) < 0)
				return -1;
		}
		if (now)
			reader = s2c_reader_mem(e->manifest, e->manifest_len);
		else if (s2c_blob_open(store, &desc->digest, desc->size, &reader, err) <
			 0)
			return -1;
		if (s2c_tar_put_reader(ctx, tar, path, desc->size, reader, err) < 0)
			return -1;
		*(now ? &m : &i) += 1;
	}
	return 0;
}

int s2c_archive_save_oci(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err)
{
	CLEAN(export_release) struct export e = {0};
	CLEAN_OUTFILE struct s2c_outfile out = S2C_OUTFILE_INIT;
	CLEAN_FREE char *index = NULL;

	if (plan_export(store, image, spec, &e, err) < 0 ||
		index_text(NULL, &e, &index, err) < 0 ||
		s2c_outfile_open(spec->path, &out, err) < 0)
		return -1;
	if (s2c_tar_put_dir(out.tar, "blobs", err) < 0 ||
		tar_blobs(ctx, store, out.tar, &e, err) < 0 ||
		s2c_tar_put_data(out.tar, "index.json", index, strlen(index), err) < 0 ||
		s2c_tar_put_data(out.tar, "oci-layout", S2C_LAYOUT_TEXT,
			strlen(S2C_LAYOUT_TEXT), err) < 0)
		return -1;
	return s2c_outfile_commit(&out, err);
}

/* ---- out of the tar ---- */

/* Where an entry goes in the staging directory. */
static int stage_file(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_entry *entry, const struct s2c_staging *staging,
	struct s2c_error **err)
{
	static const char prefix[] = "blobs/";
	bool document = streq(entry->path, "index.json") ||
			streq(entry->path, "oci-layout");
	struct s2c_stage_file file = {.dirfd = staging->fd, .name = entry->path};
	CLEAN_FREE char *text = NULL;
	struct s2c_digest want, digest;
	struct stat st;
	uint64_t size;

	if (!document && !starts_with(entry->path, prefix))
		return 0; /* docker save puts its own files beside */
	if (entry->type == S2C_ENTRY_DIR)
		return 0;
	if (entry->type != S2C_ENTRY_FILE)
		return s2c_fail(
			err, S2C_EPROTO, "'%s' is not a regular file", entry->path);
	if (document && entry->size > S2C_STORE_INDEX_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%s' is larger than %u bytes",
			entry->path, S2C_STORE_INDEX_MAX);
	if (!document) {
		text = xstrdup(entry->path + strlen(prefix));
		if (strchr(text, '/'))
			*strchr(text, '/') = ':';
		if (s2c_digest_parse(text, &want, err) < 0)
			return s2c_wrap(err, "'%s'", entry->path);
	}
	if (fstatat(staging->fd, entry->path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return s2c_fail(err, S2C_EPROTO, "'%s' is there twice", entry->path);
	file.algo = document ? "sha256" : s2c_digest_algo(&want);
	if (s2c_stage_entry(ctx, entries, &file, &digest, &size, err) < 0)
		return -1;
	if (!document && !s2c_digest_equal(&want, &digest))
		return s2c_fail(err, S2C_EDIGEST, "'%s' does not match its name: altered",
			entry->path);
	return 0;
}

int s2c_archive_load_oci(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err)
{
	CLEAN_LOADED struct s2c_loaded loaded = {0};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_STAGING struct s2c_staging staging = S2C_STAGING_INIT;
	struct s2c_layout layout = {.path = spec->path, .tag = spec->tag, .staged = true};
	const struct s2c_entry *entry;

	if (s2c_archive_entries(ctx, spec->path, &entries, err) < 0 ||
		s2c_staging_open(store, &staging, err) < 0)
		return -1;
	for (int algo = 0; algo < S2C_BLOB_ALGOS; algo++) {
		CLEAN_FREE char *dir = xasprintf("blobs/%s", s2c_blob_algo_name(algo));

		if (s2c_fs_mkdir_p(staging.fd, dir, 0700, err) < 0)
			return -1;
	}
	for (;;) {
		if (s2c_entries_next(entries, ctx, &entry, err) < 0)
			return -1;
		if (!entry)
			break;
		if (stage_file(ctx, entries, entry, &staging, err) < 0)
			return -1;
	}
	layout.fd = staging.fd;
	if (s2c_layout_load(ctx, store, &layout, &loaded, err) < 0)
		return -1;
	return s2c_loaded_name(ctx, store, &loaded, names, err);
}
