/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading: the choice between the kinds, and what they have in common: output
 * that appears whole, input that may be a pipe, staging inside the store, naming at the
 * end. Formats are the business of archive_oci.c and archive_docker.c.
 */
#include "store/archive.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "codec/compress.h"
#include "store/archive_internal.h"
#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"

static const struct {
	int (*save)(struct s2c_ctx *ctx, struct s2c_store *store,
		const struct s2c_image *image, const struct s2c_archive_spec *spec,
		struct s2c_error **err);
	int (*load)(struct s2c_ctx *ctx, struct s2c_store *store,
		const struct s2c_archive_spec *spec, struct s2c_strv *names,
		struct s2c_error **err);
} kinds[] = {
	[S2C_ARCHIVE_OCI_DIR] = {s2c_archive_save_oci_dir, s2c_archive_load_oci_dir},
	[S2C_ARCHIVE_OCI] = {s2c_archive_save_oci, s2c_archive_load_oci},
	[S2C_ARCHIVE_DOCKER] = {s2c_archive_save_docker, s2c_archive_load_docker},
};

int s2c_archive_save(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err)
{
	if (kinds[spec->kind].save(ctx, store, image, spec, err) < 0)
		return s2c_wrap(err, "cannot save to '%s'", spec->path);
	return 0;
}

int s2c_archive_load(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err)
{
	if (kinds[spec->kind].load(ctx, store, spec, names, err) < 0)
		return s2c_wrap(err, "cannot load '%s'", spec->path);
	return 0;
}

/* ---- output ---- */

int s2c_open_parent(
	const char *path, int *out_dirfd, char **out_name, struct s2c_error **err)
{
	CLEAN_FREE char *copy = xstrdup(path);
	CLEAN_FREE char *name = NULL;
	char *slash;

	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	slash = strrchr(copy, '/');
	name = xstrdup(slash ? slash + 1 : copy);
	if (name[0] == '\0' || streq(name, ".") || streq(name, ".."))
		return s2c_fail(err, S2C_EINVAL, "'%s' names no file", path);
	if (slash)
		slash[slash == copy] = '\0';
	if (s2c_fs_open(AT_FDCWD, slash ? copy : ".", O_RDONLY | O_DIRECTORY, 0,
		    out_dirfd, err) < 0)
		return -1;
	*out_name = TAKE(name);
	return 0;
}

int s2c_outfile_open(const char *path, struct s2c_outfile *out, struct s2c_error **err)
{
	CLEAN_OUTFILE struct s2c_outfile file = S2C_OUTFILE_INIT;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return s2c_fail(err, S2C_EINVAL, "'%s' is a directory", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		if (s2c_fs_open(AT_FDCWD, path, O_WRONLY, 0, &file.fd, err) < 0)
			return -1;
	} else {
		if (s2c_open_parent(path, &file.dirfd, &file.name, err) < 0)
			return -1;
		file.temp = s2c_fs_random_name(".s2c");
		if (s2c_fs_open(file.dirfd, file.temp, O_WRONLY | O_CREAT | O_EXCL, 0666,
			    &file.fd, err) < 0) {
			free(TAKE(file.temp));
			return -1;
		}
	}
	file.writer = s2c_writer_fd(file.fd, false);
	file.tar = s2c_tar_writer_new(file.writer);
	*out = file;
	file = (struct s2c_outfile)S2C_OUTFILE_INIT;
	return 0;
}

int s2c_outfile_commit(struct s2c_outfile *out, struct s2c_error **err)
{
	if (s2c_tar_writer_finish(out->tar, err) < 0 || s2c_finish(out->writer, err) < 0)
		return -1;
	if (!out->temp)
		return 0;
	if (s2c_fs_sync(out->fd, out->name, err) < 0 ||
		s2c_fs_rename(out->dirfd, out->temp, out->dirfd, out->name, err) < 0)
		return -1;
	free(TAKE(out->temp));
	return 0;
}

void s2c_outfile_release(struct s2c_outfile *out)
{
	if (out->temp)
		(void)unlinkat(out->dirfd, out->temp, 0);
	s2c_tar_writer_free(out->tar);
	s2c_writer_free(out->writer);
	s2c_clean_fd(&out->fd);
	s2c_clean_fd(&out->dirfd);
	free(out->temp);
	free(out->name);
	*out = (struct s2c_outfile)S2C_OUTFILE_INIT;
}

int s2c_tar_put_dir(struct s2c_tar_writer *tar, const char *path, struct s2c_error **err)
{
	struct s2c_entry entry = {
		.path = (char *)path, .type = S2C_ENTRY_DIR, .mode = 0755};

	return s2c_tar_writer_entry(tar, &entry, err);
}

static int put_header(struct s2c_tar_writer *tar, const char *path, uint64_t size,
	struct s2c_error **err)
{
	struct s2c_entry entry = {
		.path = (char *)path, .type = S2C_ENTRY_FILE, .mode = 0644, .size = size};

	return s2c_tar_writer_entry(tar, &entry, err);
}

int s2c_tar_put_data(struct s2c_tar_writer *tar, const char *path, const void *data,
	size_t len, struct s2c_error **err)
{
	if (put_header(tar, path, len, err) < 0)
		return -1;
	return s2c_tar_writer_data(tar, data, len, err);
}

int s2c_tar_put_reader(struct s2c_ctx *ctx, struct s2c_tar_writer *tar, const char *path,
	uint64_t size, struct s2c_reader *reader, struct s2c_error **err)
{
	CLEAN_FREE char *chunk = xmalloc(S2C_STREAM_CHUNK);
	uint64_t done = 0;

	if (put_header(tar, path, size, err) < 0)
		return -1;
	for (;;) {
		ssize_t n;

		if (s2c_ctx_check(ctx, err) < 0)
			return -1;
		n = s2c_read(reader, chunk, S2C_STREAM_CHUNK, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		if (s2c_tar_writer_data(tar, chunk, (size_t)n, err) < 0)
			return -1;
		done += (uint64_t)n;
		s2c_emit_progress(ctx, "save", path, done, size);
	}
	return 0;
}

/* ---- input ---- */

/* A file that may be a pipe: waiting for it honours the context. */
struct polled_reader {
	struct s2c_reader reader;
	struct s2c_ctx *ctx;
	int fd;
};

static ssize_t polled_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct polled_reader *self = (struct polled_reader *)r;

	for (;;) {
		struct pollfd pfd = {.fd = self->fd, .events = POLLIN};
		ssize_t n = -1;
		int ready;

		if (s2c_ctx_poll(self->ctx, &pfd, 1, -1, &ready, err) < 0)
			return -1;
		if (s2c_fault_point("archive.read", err) < 0)
			return -1;
		n = read(self->fd, buf, len);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return s2c_fail_errno(err, errno, "cannot read the archive");
	}
}

static void polled_free(struct s2c_reader *r)
{
	struct polled_reader *self = (struct polled_reader *)r;

	(void)close(self->fd);
	free(self);
}

static const struct s2c_reader_ops polled_ops = {
	.read = polled_read,
	.free = polled_free,
};

int s2c_archive_entries(struct s2c_ctx *ctx, const char *path, struct s2c_entries **out,
	struct s2c_error **err)
{
	struct s2c_tar_limits limits = {.entries = S2C_ARCHIVE_FILES_MAX};
	struct s2c_reader *plain = NULL;
	struct polled_reader *self;
	CLEAN_FD int fd = -1;
	struct stat st;

	/* Non-blocking, so that opening a pipe that nobody writes to can be cancelled. */
	if (s2c_fs_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot stat '%s'", path);
	if (S_ISDIR(st.st_mode))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is a directory: an OCI layout is loaded with 'oci:'", path);
	self = xcalloc(1, sizeof(*self));
	*self = (struct polled_reader){
		.reader = {&polled_ops}, .ctx = ctx, .fd = take_fd(&fd)};
	if (s2c_decompress_auto(&self->reader, true, NULL, &plain, err) < 0)
		return -1;
	*out = s2c_tar_reader(plain, true, limits);
	return 0;
}

int s2c_stage_entry(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_stage_file *file, struct s2c_digest *digest, uint64_t *size,
	struct s2c_error **err)
{
	CLEAN_FREE char *chunk = xmalloc(S2C_STREAM_CHUNK);
	struct s2c_hasher *hasher;
	CLEAN_FD int fd = -1;
	uint64_t total = 0;
	ssize_t n;

	if (s2c_fs_open(file->dirfd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
		    0644, &fd, err) < 0)
		return -1;
	hasher = s2c_hasher_new(file->algo);
	do {
		if (s2c_ctx_check(ctx, err) < 0) {
			n = -1;
			break;
		}
		n = s2c_entries_read(entries, chunk, S2C_STREAM_CHUNK, err);
		if (n > 0 && s2c_fs_write_all(fd, chunk, (size_t)n, err) < 0)
			n = s2c_wrap(err, "in the store");
		if (n > 0) {
			s2c_hasher_update(hasher, chunk, (size_t)n);
			total += (uint64_t)n;
			s2c_emit_progress(ctx, "load", NULL, total, 0);
		}
	} while (n > 0);
	if (n == 0) {
		s2c_hasher_final(hasher, digest);
		*size = total;
	}
	s2c_hasher_free(hasher);
	return (int)n;
}

int s2c_staging_open(
	struct s2c_store *store, struct s2c_staging *out, struct s2c_error **err)
{
	CLEAN_FREE char *name = s2c_fs_random_name("load");
	int scratch, fd;

	if (s2c_store_scratch(store, &scratch, err) < 0)
		return -1;
	if (mkdirat(scratch, name, 0700) < 0)
		return s2c_fail_errno(
			err, errno, "cannot make a directory in store '%s'", store->path);
	if (s2c_fs_open(scratch, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd, err) <
		0) {
		(void)unlinkat(scratch, name, AT_REMOVEDIR);
		return -1;
	}
	*out = (struct s2c_staging){.store = store, .name = TAKE(name), .fd = fd};
	return 0;
}

void s2c_staging_release(struct s2c_staging *staging)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	if (!staging->name)
		return;
	(void)close(staging->fd);
	(void)!s2c_fs_rm_rf(staging->store->scratch.fd, staging->name, &ignored);
	free(staging->name);
	*staging = (struct s2c_staging)S2C_STAGING_INIT;
}

/* ---- naming ---- */

void s2c_loaded_release(struct s2c_loaded *loaded)
{
	s2c_store_names_free(loaded->items, loaded->n);
	*loaded = (struct s2c_loaded){0};
}

void s2c_loaded_add(
	struct s2c_loaded *loaded, const char *name, const struct s2c_descriptor *desc)
{
	struct s2c_store_name *item;

	if (loaded->n == loaded->cap) {
		loaded->cap = loaded->cap ? 2 * loaded->cap : 8;
		loaded->items = xreallocarray(
			loaded->items, loaded->cap, sizeof(*loaded->items));
	}
	item = &loaded->items[loaded->n++];
	memset(item, 0, sizeof(*item));
	assert(strlen(name) <= S2C_REFERENCE_MAX);
	memcpy(item->name, name, strlen(name) + 1);
	s2c_descriptor_copy(&item->desc, desc);
}

static int name_one(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_store_name *item, struct s2c_error **err)
{
	struct s2c_reference ref;

	if (!item->name[0])
		return s2c_store_keep(ctx, store, &item->desc, err);
	if (s2c_reference_parse(item->name, &ref, err) < 0)
		return -1;
	return s2c_store_tag(ctx, store, &ref, &item->desc, err);
}

int s2c_loaded_name(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_loaded *loaded, struct s2c_strv *names, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv done = S2C_STRV_INIT;

	for (size_t i = 0; i < loaded->n; i++) {
		CLEAN_IMAGE struct s2c_image *image = NULL;

		if (s2c_image_load(store, &loaded->items[i].desc, &image, err) < 0 ||
			s2c_image_check(store, image, err) < 0)
			return -1;
		s2c_strv_add(&done, loaded->items[i].name[0] ? loaded->items[i].name
							     : s2c_image_id(image)->str);
	}
	for (size_t i = 0; i < loaded->n; i++) {
		if (name_one(ctx, store, &loaded->items[i], err) < 0)
			return -1;
	}
	s2c_strv_add_all(names, &done);
	return 0;
}
