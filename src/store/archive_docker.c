/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive of `docker save` and `docker load`. Written in the form of today's tools:
 * <config hex>.json, <diffID hex>.tar, manifest.json; layers keep their gzip, which every
 * reader of the format takes. Read in all forms since Docker 1.10, in which layers are
 * <id>/layer.tar, symlinks to such, or blobs/sha256/<hex>.
 *
 * An archive names no digests of layers but the diffIDs in the config, so each layer is
 * inflated once and compared with its diffID before anything gets into the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "codec/compress.h"
#include "store/archive_internal.h"
#include "store/blob.h"
#include "store/docker_manifest.h"
#include "store/internal.h"
#include "util/fs.h"

#define LINK_HOPS_MAX 8

/* ---- saving ---- */

static void image_release(struct s2c_docker_image *image)
{
	free(image->config);
	s2c_strv_release(&image->layers);
	s2c_strv_release(&image->tags);
}

static int plan_tags(const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_docker_image *plan, struct s2c_error **err)
{
	const char *name = spec->tag ? spec->tag : image->name;
	char full[S2C_REFERENCE_MAX + 1];
	struct s2c_reference ref;

	if (!name[0])
		return 0;
	if (s2c_reference_parse(name, &ref, err) < 0)
		return -1;
	/* RepoTags are names with tags; an image known by digest alone has none. */
	if (!ref.tag[0])
		return 0;
	ref.digest[0] = '\0';
	s2c_reference_format(&ref, full);
	s2c_strv_add(&plan->tags, full);
	return 0;
}

/* A layer that no reader of the format inflates is written inflated: its size is only
 * known afterwards, so it takes a detour over the store's temp directory. */
static int put_inflated(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_outfile *out, const char *path, struct s2c_reader *blob,
	struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *plain = NULL;
	CLEAN_READER struct s2c_reader *again = NULL;
	CLEAN_WRITER struct s2c_writer *writer = NULL;
	CLEAN_FREE char *temp = s2c_fs_random_name("plain");
	struct s2c_copy opts = {.phase = "save", .subject = path};
	CLEAN_FD int fd = -1;
	uint64_t size = 0;
	int scratch;

	if (s2c_decompress_auto(blob, false, NULL, &plain, err) < 0 ||
		s2c_store_scratch(store, &scratch, err) < 0 ||
		s2c_fs_open(scratch, temp, O_RDWR | O_CREAT | O_EXCL, 0600, &fd, err) < 0)
		return -1;
	(void)unlinkat(scratch, temp, 0);
	writer = s2c_writer_fd(fd, false);
	if (s2c_copy(ctx, plain, writer, &opts, &size, err) < 0 ||
		s2c_finish(writer, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return s2c_fail_errno(err, errno, "cannot read '%s'", path);
	again = s2c_reader_fd(fd, false);
	return s2c_tar_put_reader(ctx, out->tar, path, size, again, err);
}

static int put_layer(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_outfile *out, const char *path, const struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *blob = NULL;
	enum s2c_compression how = S2C_COMPRESS_NONE;

	(void)s2c_media_kind(desc->media_type, &how);
	if (s2c_blob_open(store, &desc->digest, desc->size, &blob, err) < 0)
		return -1;
	if (how == S2C_COMPRESS_ZSTD)
		return put_inflated(ctx, store, out, path, blob, err);
	return s2c_tar_put_reader(ctx, out->tar, path, desc->size, blob, err);
}

static int put_config(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_outfile *out, const char *path, const struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *blob = NULL;

	if (s2c_blob_open(store, &desc->digest, desc->size, &blob, err) < 0)
		return -1;
	return s2c_tar_put_reader(ctx, out->tar, path, desc->size, blob, err);
}

int s2c_archive_save_docker(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err)
{
	CLEAN(image_release) struct s2c_docker_image plan = {0};
	CLEAN_OUTFILE struct s2c_outfile out = S2C_OUTFILE_INIT;
	CLEAN_FREE char *text = NULL;

	plan.config = xasprintf("%s.json", s2c_digest_hex(s2c_image_id(image)));
	if (plan_tags(image, spec, &plan, err) < 0 ||
		s2c_outfile_open(spec->path, &out, err) < 0)
		return -1;
	for (size_t i = 0; i < image->manifest->n_layers; i++) {
		CLEAN_FREE char *path = xasprintf(
			"%s.tar", s2c_digest_hex(&image->config->diff_ids[i]));

		/* The same layer may occur twice in an image; in a tar it must not. */
		if (s2c_strv_find(&plan.layers, path) < 0 &&
			put_layer(ctx, store, &out, path, &image->manifest->layers[i],
				err) < 0)
			return -1;
		s2c_strv_add(&plan.layers, path);
	}
	if (put_config(ctx, store, &out, plan.config, &image->manifest->config, err) < 0)
		return -1;
	text = s2c_docker_manifest_print(&plan);
	if (s2c_tar_put_data(out.tar, "manifest.json", text, strlen(text), err) < 0)
		return -1;
	return s2c_outfile_commit(&out, err);
}

/* ---- loading: what is in the archive ---- */

struct member {
	char *path;
	char *link;    /* path it leads to; NULL: a file */
	char file[16]; /* name in the staging directory */
	struct s2c_digest digest;
	uint64_t size;
	bool installed; /* moved into the store */
	/* As a layer, once it was inflated: */
	struct s2c_digest diff_id; /* "" before that */
	enum s2c_compression compression;
};

struct members {
	struct member *items;
	size_t n, cap;
};

static void members_release(struct members *members)
{
	for (size_t i = 0; i < members->n; i++) {
		free(members->items[i].path);
		free(members->items[i].link);
	}
	free(members->items);
}

static int by_path(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return strcmp(x->path, y->path);
}

static int stage_member(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_entry *entry, const struct s2c_staging *staging,
	struct members *members, struct s2c_error **err)
{
	struct s2c_stage_file file = {.dirfd = staging->fd, .algo = "sha256"};
	struct member *m;

	if (entry->type == S2C_ENTRY_DIR)
		return 0;
	if (members->n == members->cap) {
		members->cap = members->cap ? 2 * members->cap : 16;
		members->items = xreallocarray(
			members->items, members->cap, sizeof(*members->items));
	}
	m = &members->items[members->n];
	*m = (struct member){.path = xstrdup(entry->path)};
	(void)snprintf(m->file, sizeof(m->file), "f%zu", members->n++);
	if (entry->type == S2C_ENTRY_SYMLINK)
		return s2c_docker_link_target(entry->path, entry->link, &m->link, err);
	if (entry->type == S2C_ENTRY_HARDLINK) {
		m->link = xstrdup(entry->link);
		return 0;
	}
	if (entry->type != S2C_ENTRY_FILE)
		return s2c_fail(
			err, S2C_EPROTO, "'%s' is neither file nor link", entry->path);
	file.name = m->file;
	if (s2c_stage_entry(ctx, entries, &file, &m->digest, &m->size, err) < 0)
		return s2c_wrap(err, "'%s'", m->path);
	return 0;
}

static int stage_all(struct s2c_ctx *ctx, struct s2c_entries *entries,
	const struct s2c_staging *staging, struct members *members,
	struct s2c_error **err)
{
	const struct s2c_entry *entry;

	for (;;) {
		if (s2c_entries_next(entries, ctx, &entry, err) < 0)
			return -1;
		if (!entry)
			break;
		if (stage_member(ctx, entries, entry, staging, members, err) < 0)
			return -1;
	}
	if (members->n == 0)
		return s2c_fail(err, S2C_EPROTO, "not an archive of images: it is empty");
	qsort(members->items, members->n, sizeof(*members->items), by_path);
	for (size_t i = 1; i < members->n; i++) {
		if (by_path(&members->items[i - 1], &members->items[i]) == 0)
			return s2c_fail(err, S2C_EPROTO, "'%s' is there twice",
				members->items[i].path);
	}
	return 0;
}

/* The file at a path, through links inside of the archive. */
static struct member *find_member(
	struct members *members, const char *path, struct s2c_error **err)
{
	const char *at = path;

	for (int hops = 0; hops <= LINK_HOPS_MAX; hops++) {
		struct member key = {.path = (char *)at};
		struct member *m = bsearch(&key, members->items, members->n,
			sizeof(*members->items), by_path);

		if (!m) {
			(void)s2c_fail(err, S2C_ENOENT, "'%s' is not in the archive", at);
			return NULL;
		}
		if (!m->link)
			return m;
		at = m->link;
	}
	(void)s2c_fail(err, S2C_EPROTO, "'%s' is a link that leads nowhere", path);
	return NULL;
}

static int open_member(const struct s2c_staging *staging, const struct member *m,
	int *out_fd, struct s2c_error **err)
{
	return s2c_fs_open(staging->fd, m->file, O_RDONLY | O_NOFOLLOW, 0, out_fd, err);
}

static int read_member(const struct s2c_staging *staging, const struct member *m,
	struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	if (open_member(staging, m, &fd, err) < 0)
		return -1;
	if (s2c_fs_read_fd(fd, buf, err) < 0)
		return s2c_wrap(err, "'%s'", m->path);
	return 0;
}

/* ---- loading: checking images ---- */

struct load {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	char only[S2C_REFERENCE_MAX + 1]; /* the one name wanted, or "" */
	struct s2c_staging staging;
	struct members members;
	struct s2c_docker_image *images;
	size_t n_images;
	struct s2c_loaded loaded;
};

static void load_release(struct load *load)
{
	s2c_docker_images_free(load->images, load->n_images);
	members_release(&load->members);
	s2c_staging_release(&load->staging);
	s2c_loaded_release(&load->loaded);
}

/* Finds out how a layer is compressed and what its diffID is, once per file. */
static int inflate_layer(struct load *load, struct member *m, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *plain = NULL;
	CLEAN_WRITER struct s2c_writer *digest = NULL;
	CLEAN_FD int fd = -1;
	struct s2c_copy opts = {.phase = "load", .subject = m->path};

	if (m->diff_id.str[0])
		return 0;
	if (open_member(&load->staging, m, &fd, err) < 0 ||
		s2c_decompress_auto(s2c_reader_fd(take_fd(&fd), true), true,
			&m->compression, &plain, err) < 0)
		return -1;
	if (m->compression == S2C_COMPRESS_NONE) {
		m->diff_id = m->digest; /* hashed when it was staged */
		return 0;
	}
	digest = s2c_writer_digest(NULL, &m->diff_id, NULL);
	if (s2c_copy(load->ctx, plain, digest, &opts, NULL, err) < 0)
		return -1;
	return s2c_finish(digest, err);
}

/* Old tools name the config by its digest; then it must have it. */
static int check_config_name(const struct member *m, struct s2c_error **err)
{
	const char *slash = strrchr(m->path, '/');
	const char *base = slash ? slash + 1 : m->path;
	size_t n = strspn(base, "0123456789abcdef");

	if (n == 64 && (base[n] == '\0' || streq(base + n, ".json")) &&
		strncmp(base, s2c_digest_hex(&m->digest), n) != 0)
		return s2c_fail(err, S2C_EDIGEST,
			"config '%s' does not match its name: altered", m->path);
	return 0;
}

/* Everything about an image, before anything of it gets into the store. */
static int check_image(
	struct load *load, const struct s2c_docker_image *image, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);
	CLEAN_CONFIG struct s2c_config *config = NULL;
	struct member *m = find_member(&load->members, image->config, err);

	if (!m || check_config_name(m, err) < 0 ||
		read_member(&load->staging, m, &text, err) < 0)
		return -1;
	if (s2c_config_parse(s2c_buf_str(&text), text.len, &config, err) < 0)
		return s2c_wrap(err, "config '%s'", m->path);
	if (config->n_diff_ids != image->layers.len)
		return s2c_fail(err, S2C_EPROTO, "%zu layers but %zu diffIDs",
			image->layers.len, config->n_diff_ids);
	for (size_t i = 0; i < image->layers.len; i++) {
		m = find_member(&load->members, image->layers.items[i], err);
		if (!m)
			return -1;
		if (inflate_layer(load, m, err) < 0)
			return s2c_wrap(err, "layer '%s'", m->path);
		if (!s2c_digest_equal(&m->diff_id, &config->diff_ids[i]))
			return s2c_fail(err, S2C_EDIGEST,
				"layer '%s' does not match diffID '%s': altered", m->path,
				config->diff_ids[i].str);
	}
	return 0;
}

/* ---- loading: into the store ---- */

static int install_member(struct load *load, struct member *m, struct s2c_error **err)
{
	struct s2c_blob_temp temp = {.dirfd = load->staging.fd, .name = m->file};
	CLEAN_FD int fd = -1;

	if (m->installed)
		return 0;
	if (open_member(&load->staging, m, &fd, err) < 0)
		return -1;
	temp.fd = fd;
	if (s2c_blob_install(load->store, &temp, &m->digest, m->size, err) < 0)
		return -1;
	m->installed = true;
	return 0;
}

static void describe(
	struct s2c_descriptor *desc, const char *media_type, const struct member *m)
{
	memset(desc, 0, sizeof(*desc));
	memcpy(desc->media_type, media_type, strlen(media_type) + 1);
	desc->digest = m->digest;
	desc->size = m->size;
}

static int install_image(struct load *load, const struct s2c_docker_image *image,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	static const char type[] = S2C_MT_OCI_MANIFEST;
	CLEAN_MANIFEST struct s2c_manifest *manifest = xcalloc(1, sizeof(*manifest));
	CLEAN_FREE char *text = NULL;
	struct member *m = find_member(&load->members, image->config, err);

	if (!m || install_member(load, m, err) < 0)
		return -1;
	memcpy(manifest->media_type, type, sizeof(type));
	describe(&manifest->config, S2C_MT_OCI_CONFIG, m);
	manifest->layers = xcalloc(image->layers.len, sizeof(*manifest->layers));
	for (size_t i = 0; i < image->layers.len; i++) {
		m = find_member(&load->members, image->layers.items[i], err);
		if (!m || install_member(load, m, err) < 0)
			return -1;
		describe(&manifest->layers[i], s2c_media_layer(m->compression), m);
		manifest->n_layers = i + 1;
	}
	text = s2c_manifest_print(manifest);
	memset(out, 0, sizeof(*out));
	memcpy(out->media_type, type, sizeof(type));
	return s2c_blob_put(load->store, text, strlen(text), out, err);
}

/* False when the caller wants another image. */
static bool wanted(const struct load *load, const struct s2c_docker_image *image)
{
	return !load->only[0] || s2c_strv_find(&image->tags, load->only) >= 0;
}

static int install_all(struct load *load, struct s2c_strv *names, struct s2c_error **err)
{
	for (size_t i = 0; i < load->n_images; i++) {
		const struct s2c_docker_image *image = &load->images[i];
		const char *only = load->only;
		struct s2c_descriptor desc;

		if (!wanted(load, image))
			continue;
		if (install_image(load, image, &desc, err) < 0)
			return s2c_wrap(err, "image '%s'", image->config);
		if (only[0] || image->tags.len == 0)
			s2c_loaded_add(&load->loaded, only, &desc);
		for (size_t t = 0; !only[0] && t < image->tags.len; t++)
			s2c_loaded_add(&load->loaded, image->tags.items[t], &desc);
	}
	return s2c_loaded_name(load->ctx, load->store, &load->loaded, names, err);
}

static int read_manifest(struct load *load, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_DOCKER_MANIFEST_MAX);
	CLEAN_ERROR struct s2c_error *missing = NULL;
	struct member *m = find_member(&load->members, "manifest.json", &missing);

	if (!m)
		return s2c_fail(err, S2C_EPROTO,
			"no archive of 'docker save' (1.10 or newer): it has no "
			"manifest.json");
	if (read_member(&load->staging, m, &text, err) < 0)
		return -1;
	if (s2c_docker_manifest_parse(s2c_buf_str(&text), text.len, &load->images,
		    &load->n_images, err) < 0)
		return s2c_wrap(err, "'manifest.json'");
	return 0;
}

int s2c_archive_load_docker(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_archive_spec *spec, struct s2c_strv *names,
	struct s2c_error **err)
{
	CLEAN(load_release)
	struct load load = {.ctx = ctx, .store = store, .staging = S2C_STAGING_INIT};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	struct s2c_reference ref;
	size_t found = 0;

	if (spec->tag) {
		if (s2c_reference_parse(spec->tag, &ref, err) < 0)
			return -1;
		s2c_reference_format(&ref, load.only);
	}
	if (s2c_archive_entries(ctx, spec->path, &entries, err) < 0 ||
		s2c_staging_open(store, &load.staging, err) < 0 ||
		stage_all(ctx, entries, &load.staging, &load.members, err) < 0 ||
		read_manifest(&load, err) < 0)
		return -1;
	for (size_t i = 0; i < load.n_images; i++) {
		if (!wanted(&load, &load.images[i]))
			continue;
		found++;
		if (check_image(&load, &load.images[i], err) < 0)
			return s2c_wrap(err, "image '%s'", load.images[i].config);
	}
	if (found == 0)
		return s2c_fail(err, S2C_ENOENT, "no image%s%s%s in it",
			spec->tag ? " '" : "", spec->tag ? spec->tag : "",
			spec->tag ? "'" : "");
	return install_all(&load, names, err);
}
