/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images out of an OCI layout directory into the store. The layout is foreign: nothing in
 * it is reached through a symlink (the class of ggcr #2306), every blob is compared with
 * its digest, and documents are checked before the first blob is copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/archive_internal.h"
#include "store/blob.h"
#include "store/index.h"
#include "store/internal.h"
#include "util/fs.h"

#define LAYOUT_FILE_MAX 4096
#define CONTAINERD_NAME "io.containerd.image.name"

/* A regular file of the layout, opened without following anything. */
static int open_file(const struct s2c_layout *layout, const char *name, int *out_fd,
	uint64_t *out_size, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	struct stat st;

	if (s2c_fs_open_beneath(layout->fd, name, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot stat '%s'", name);
	if (!S_ISREG(st.st_mode))
		return s2c_fail(err, S2C_EPROTO, "'%s' is not a regular file", name);
	*out_size = (uint64_t)st.st_size;
	*out_fd = take_fd(&fd);
	return 0;
}

static int read_file(const struct s2c_layout *layout, const char *name,
	struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	uint64_t size;

	if (open_file(layout, name, &fd, &size, err) < 0)
		return -1;
	if (s2c_fs_read_fd(fd, buf, err) < 0)
		return s2c_wrap(err, "'%s'", name);
	return 0;
}

static int check_version(const struct s2c_layout *layout, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(LAYOUT_FILE_MAX);
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = LAYOUT_FILE_MAX};
	const char *version = NULL;

	if (read_file(layout, "oci-layout", &text, err) < 0)
		return s2c_wrap(err, "not an OCI layout");
	if (s2c_json_parse(s2c_buf_str(&text), text.len, limits, &root, err) < 0 ||
		s2c_json_get_str(
			root, "imageLayoutVersion", S2C_REQUIRED, &version, err) < 0)
		return s2c_wrap(err, "'oci-layout'");
	if (!starts_with(version, "1."))
		return s2c_fail(
			err, S2C_EUNSUPPORTED, "OCI layout of version '%s'", version);
	return 0;
}

int s2c_layout_read_index(
	const struct s2c_layout *layout, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_STORE_INDEX_MAX);

	if (check_version(layout, err) < 0 ||
		read_file(layout, "index.json", &text, err) < 0)
		return -1;
	if (s2c_layout_index_parse(s2c_buf_str(&text), text.len, out, err) < 0)
		return s2c_wrap(err, "'index.json'");
	return 0;
}

static char *blob_path(const struct s2c_digest *digest)
{
	return xasprintf("blobs/%s/%s", s2c_digest_algo(digest), s2c_digest_hex(digest));
}

/* Opens a blob and compares its size, not its content. */
static int open_blob(const struct s2c_layout *layout, const struct s2c_descriptor *desc,
	int *out_fd, struct s2c_error **err)
{
	CLEAN_FREE char *path = blob_path(&desc->digest);
	CLEAN_FD int fd = -1;
	uint64_t size;

	if (open_file(layout, path, &fd, &size, err) < 0)
		return -1;
	if (size != desc->size)
		return s2c_fail(err, S2C_EDIGEST, "'%s' has %llu bytes instead of %llu",
			path, (unsigned long long)size, (unsigned long long)desc->size);
	*out_fd = take_fd(&fd);
	return 0;
}

/* A small blob, whole and verified. */
static int read_blob(const struct s2c_layout *layout, const struct s2c_descriptor *desc,
	struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	s2c_buf_clear(buf);
	if (open_blob(layout, desc, &fd, err) < 0 ||
		s2c_blob_verify_fd(NULL, fd, &desc->digest, err) < 0)
		return -1;
	if (s2c_fs_read_fd(fd, buf, err) < 0)
		return s2c_wrap(err, "blob '%s'", desc->digest.str);
	return 0;
}

/* ---- one image ---- */

/*
 * From an entry of index.json down to the manifest for this host. `desc` becomes that of
 * the manifest, `text` its bytes.
 */
static int resolve(const struct s2c_layout *layout, struct s2c_descriptor *desc,
	struct s2c_buf *text, struct s2c_error **err)
{
	struct s2c_platform host;

	s2c_platform_host(&host);
	for (int depth = 0; depth <= S2C_INDEX_DEPTH_MAX; depth++) {
		CLEAN_INDEX struct s2c_index *index = NULL;
		const struct s2c_descriptor *chosen;

		if (read_blob(layout, desc, text, err) < 0)
			return -1;
		if (s2c_media_kind(desc->media_type, NULL) != S2C_MEDIA_INDEX)
			return 0;
		if (s2c_index_parse(s2c_buf_str(text), text->len, desc->media_type,
			    &index, err) < 0)
			return -1;
		chosen = s2c_index_choose(index, &host);
		if (!chosen)
			return s2c_fail(err, S2C_EUNSUPPORTED, "no image for %s/%s",
				host.os, host.architecture);
		s2c_descriptor_release(desc);
		s2c_descriptor_copy(desc, chosen);
	}
	return s2c_fail(
		err, S2C_ELIMIT, "indexes nested deeper than %d", S2C_INDEX_DEPTH_MAX);
}

/* Documents and sizes, before anything is copied. */
static int check_image(const struct s2c_layout *layout,
	const struct s2c_manifest *manifest, struct s2c_error **err)
{
	CLEAN_CONFIG struct s2c_config *config = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);

	if (read_blob(layout, &manifest->config, &text, err) < 0)
		return -1;
	if (s2c_config_parse(s2c_buf_str(&text), text.len, &config, err) < 0)
		return s2c_wrap(err, "config '%s'", manifest->config.digest.str);
	if (config->n_diff_ids != manifest->n_layers)
		return s2c_fail(err, S2C_EPROTO, "%zu layers but %zu diffIDs",
			manifest->n_layers, config->n_diff_ids);
	for (size_t i = 0; i < manifest->n_layers; i++) {
		CLEAN_FD int fd = -1;

		if (open_blob(layout, &manifest->layers[i], &fd, err) < 0)
			return -1;
	}
	return 0;
}

static int copy_blob(struct s2c_ctx *ctx, struct s2c_store *store, int fd,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_READER struct s2c_reader *reader = s2c_reader_fd(fd, false);
	struct s2c_copy opts = {
		.phase = "load", .subject = desc->digest.str, .total = desc->size};
	struct s2c_ingest_expect expect = {.digest = &desc->digest, .size = desc->size};

	if (s2c_ingest_begin(store, &ingest, err) < 0 ||
		s2c_copy(ctx, reader, s2c_ingest_writer(ingest), &opts, NULL, err) < 0)
		return -1;
	return s2c_ingest_commit(ingest, &expect, NULL, NULL, err);
}

static int import_blob(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_layout *layout, const struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_FREE char *path = blob_path(&desc->digest);
	CLEAN_FD int fd = -1;

	if (s2c_blob_sound(store, &desc->digest, desc->size))
		return 0;
	if (open_blob(layout, desc, &fd, err) < 0)
		return -1;
	if (layout->staged) {
		struct s2c_blob_temp temp = {.dirfd = layout->fd, .name = path, .fd = fd};

		return s2c_blob_install(store, &temp, &desc->digest, desc->size, err);
	}
	return copy_blob(ctx, store, fd, desc, err);
}

static int import_image(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_layout *layout, struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);

	if (resolve(layout, desc, &text, err) < 0 ||
		s2c_manifest_parse(s2c_buf_str(&text), text.len, desc->media_type,
			&manifest, err) < 0 ||
		check_image(layout, manifest, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++) {
		if (import_blob(ctx, store, layout, &manifest->layers[i], err) < 0)
			return -1;
	}
	if (import_blob(ctx, store, layout, &manifest->config, err) < 0)
		return -1;
	return import_blob(ctx, store, layout, desc, err);
}

/* ---- names ---- */

/* "myapp" out of "/some/where/myapp.oci.tar": what a lone tag is put behind. */
static char *stem(const char *path)
{
	CLEAN_FREE char *copy = xstrdup(path);
	char *base;

	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	base = strrchr(copy, '/');
	base = base ? base + 1 : copy;
	base[strcspn(base, ".")] = '\0';
	return xstrdup(base);
}

/*
 * The name an entry carries, "" when it carries none that is one. Tools differ: the
 * annotation holds a whole reference, or only a tag (as skopeo and umoci write it), and
 * containerd has the whole reference in one of its own.
 */
static void entry_name(const struct s2c_layout *layout,
	const struct s2c_store_name *entry, char out[S2C_REFERENCE_MAX + 1])
{
	const char *whole = s2c_json_str(
		s2c_json_get(entry->desc.annotations, CONTAINERD_NAME));
	CLEAN_FREE char *base = stem(layout->path);
	CLEAN_FREE char *behind = xasprintf("%s:%s", base, entry->name);
	struct s2c_reference ref;

	out[0] = '\0';
	if (whole && s2c_reference_parse(whole, &ref, NULL) == 0)
		s2c_reference_format(&ref, out);
	else if (entry->name[0] && !strpbrk(entry->name, ":/@") &&
		 s2c_reference_parse(behind, &ref, NULL) == 0)
		s2c_reference_format(&ref, out);
	else if (entry->name[0] && s2c_reference_parse(entry->name, &ref, NULL) == 0)
		s2c_reference_format(&ref, out);
}

/* A tag as the caller wrote it, or the full form of what he wrote. */
static bool wanted(const struct s2c_layout *layout, const struct s2c_store_name *entry)
{
	char full[S2C_REFERENCE_MAX + 1];
	struct s2c_reference ref;

	if (!layout->tag || streq(layout->tag, entry->name))
		return true;
	if (s2c_reference_parse(layout->tag, &ref, NULL) < 0)
		return false;
	s2c_reference_format(&ref, full);
	return streq(full, entry->name);
}

struct names {
	struct s2c_store_name *items;
	size_t n;
};

static void names_release(struct names *names)
{
	s2c_store_names_free(names->items, names->n);
}

/* Two entries of one name could be loaded in two ways; that is nobody's intent. */
static int check_unique(const struct s2c_loaded *loaded, const char *name,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	for (size_t i = 0; i < loaded->n; i++) {
		if (name[0] && streq(loaded->items[i].name, name) &&
			!s2c_digest_equal(&loaded->items[i].desc.digest, &desc->digest))
			return s2c_fail(
				err, S2C_EPROTO, "two images are called '%s'", name);
	}
	return 0;
}

int s2c_layout_load(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_layout *layout, struct s2c_loaded *loaded,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *index = NULL;
	CLEAN(names_release) struct names names = {0};

	if (s2c_layout_read_index(layout, &index, err) < 0)
		return -1;
	s2c_layout_index_list(index, &names.items, &names.n);
	for (size_t i = 0; i < names.n; i++) {
		CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
		char name[S2C_REFERENCE_MAX + 1];

		if (!wanted(layout, &names.items[i]))
			continue;
		if (loaded->n >= S2C_ARCHIVE_FILES_MAX)
			return s2c_fail(err, S2C_ELIMIT, "more than %d images",
				S2C_ARCHIVE_FILES_MAX);
		entry_name(layout, &names.items[i], name);
		s2c_descriptor_copy(&desc, &names.items[i].desc);
		if (import_image(ctx, store, layout, &desc, err) < 0)
			return s2c_wrap(err, "image '%s'",
				name[0] ? name : names.items[i].desc.digest.str);
		if (check_unique(loaded, name, &desc, err) < 0)
			return -1;
		s2c_loaded_add(loaded, name, &desc);
	}
	if (loaded->n == 0 && layout->tag)
		return s2c_fail(err, S2C_ENOENT, "no image '%s' in it", layout->tag);
	if (loaded->n == 0)
		return s2c_fail(err, S2C_ENOENT, "no image in it");
	return 0;
}
