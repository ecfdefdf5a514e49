/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c import: a root file system tar becomes an image of one layer. The tar's bytes stay
 * as they are; while they are hashed and compressed they are also parsed, so that a
 * damaged or hostile tar never becomes an image.
 */
#include <s2c/image.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "build/finish.h"
#include "codec/compress.h"
#include "codec/progress.h"
#include "codec/tar.h"
#include "layer/unpack.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/known.h"
#include "util/fs.h"

/* A reader that copies what it hands on to a writer. */
struct tap {
	struct s2c_reader base;
	struct s2c_reader *next; /* owned */
	struct s2c_writer *copy; /* borrowed */
};

static ssize_t tap_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct tap *tap = (struct tap *)r;
	ssize_t n = s2c_read(tap->next, buf, len, err);

	if (n > 0 && s2c_write(tap->copy, buf, (size_t)n, err))
		return -1;
	return n;
}

static void tap_free(struct s2c_reader *r)
{
	struct tap *tap = (struct tap *)r;

	s2c_reader_free(tap->next);
	free(tap);
}

static const struct s2c_reader_ops tap_ops = {.read = tap_read, .free = tap_free};

static struct tap *tap_new(struct s2c_reader *next, struct s2c_writer *copy)
{
	struct tap *tap = xcalloc(1, sizeof(*tap));

	tap->base.ops = &tap_ops;
	tap->next = next;
	tap->copy = copy;
	return tap;
}

static bool is_whiteout(const char *path)
{
	const char *slash = strrchr(path, '/');

	return starts_with(slash ? slash + 1 : path, ".wh.");
}

/* Walks all entries; the reader below sees every byte of the tar. */
static int parse_all(struct s2c_ctx *ctx, struct tap *tap, uint64_t *out_entries,
	struct s2c_error **err)
{
	struct s2c_tar_limits limits = {
		.entries = S2C_UNPACK_ENTRIES_MAX,
		.bytes = S2C_UNPACK_BYTES_MAX,
	};
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(
		&tap->base, true, limits);
	const struct s2c_entry *entry;

	for (;;) {
		if (s2c_entries_next(entries, ctx, &entry, err))
			return -1;
		if (!entry)
			return 0;
		(*out_entries)++;
		if (is_whiteout(entry->path))
			return s2c_fail(err, S2C_EINVAL,
				"'%s' has a name that means a deletion in a layer; no "
				"root "
				"file system can have it",
				entry->path);
	}
}

static int open_tar(struct s2c_ctx *ctx, const struct s2c_import_options *o,
	struct s2c_reader **out, struct s2c_error **err)
{
	struct s2c_progress told = {.phase = "import", .subject = o->tar};
	bool is_stdin = streq(o->tar, "-");
	struct s2c_reader *file;
	int fd = o->stdin_fd;
	struct stat st;

	if (!is_stdin && s2c_fs_open(AT_FDCWD, o->tar, O_RDONLY, 0, &fd, err))
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		told.total = (uint64_t)st.st_size;
	/* "<(command)" of a shell is a pipe too. */
	file = s2c_reader_pipe(ctx, fd, !is_stdin);
	file = s2c_reader_progress(ctx, file, true, &told);
	return s2c_decompress_auto(file, true, NULL, out, err);
}

/* tar -> diffID -> compressor -> blob, while it is parsed. */
static int import_layer(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_import_options *o, struct s2c_descriptor *layer,
	struct s2c_digest *diff_id, struct s2c_error **err)
{
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_WRITER struct s2c_writer *pack = NULL;
	CLEAN_WRITER struct s2c_writer *digest = NULL;
	enum s2c_compression compression;
	struct s2c_reader *tar;
	uint64_t entries = 0;
	int level;

	if (s2c_compression_parse(
		    o->compression ? o->compression : "gzip", &compression, &level, err))
		return s2c_wrap(err, "--compression");
	if (s2c_ingest_begin(store, &ingest, err))
		return -1;
	pack = s2c_compress(compression, level, s2c_ingest_writer(ingest));
	digest = s2c_writer_digest(pack, diff_id, NULL);
	if (open_tar(ctx, o, &tar, err) ||
		parse_all(ctx, tap_new(tar, digest), &entries, err))
		return s2c_wrap(err, "import '%s'", o->tar);
	if (entries == 0)
		return s2c_fail(
			err, S2C_EINVAL, "import '%s': there is nothing in it", o->tar);
	(void)snprintf(layer->media_type, sizeof(layer->media_type), "%s",
		s2c_media_layer(compression));
	if (s2c_finish(digest, err) ||
		s2c_ingest_commit(ingest, NULL, &layer->digest, &layer->size, err))
		return s2c_wrap(err, "import '%s'", o->tar);
	return 0;
}

/* So that nobody compresses the same in the same way again. */
static void note_layer(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_import_options *o, const struct s2c_descriptor *layer,
	const struct s2c_digest *diff_id)
{
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);
	struct s2c_known_form form = {.digest = layer->digest, .size = layer->size};
	enum s2c_compression compression;
	int level;

	if (s2c_compression_parse(
		    o->compression ? o->compression : "gzip", &compression, &level, NULL))
		return;
	s2c_known_method(compression, level, form.method);
	s2c_known_note_form(known, diff_id, &form);
}

static int make_config(const struct s2c_import_options *o, struct s2c_config **out,
	char created[S2C_TIME_TEXT], struct s2c_error **err)
{
	CLEAN_CONFIG struct s2c_config *config = NULL;
	struct s2c_platform platform;

	s2c_platform_host(&platform);
	config = s2c_config_new(&platform);
	for (size_t i = 0; o->changes && o->changes[i]; i++)
		if (s2c_config_change(config, o->changes[i], err))
			return s2c_wrap(err, "--change");
	if (s2c_creation_time(created, NULL, err))
		return -1;
	s2c_config_set_created(config, created);
	*out = TAKE(config);
	return 0;
}

int s2c_images_import(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_import_options *options, char *out_id, struct s2c_error **err)
{
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "import", options->tar);
	CLEAN_CONFIG struct s2c_config *config = NULL;
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_descriptor layer = {0};
	struct s2c_manifest manifest = {.layers = &layer, .n_layers = 1};
	char created[S2C_TIME_TEXT];
	struct s2c_digest diff_id;
	struct s2c_reference ref;
	int rc;

	if (s2c_reference_parse(options->name, &ref, err))
		return -1;
	if (*ref.digest)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' has a digest; a name has a tag only", options->name);
	if (make_config(options, &config, created, err) ||
		import_layer(ctx, store, options, &layer, &diff_id, err))
		return -1;
	s2c_config_add_layer(config, &diff_id,
		&(struct s2c_history){.created = created, .created_by = "s2c import"});
	(void)snprintf(manifest.media_type, sizeof(manifest.media_type), "%s",
		S2C_MT_OCI_MANIFEST);
	note_layer(ctx, store, options, &layer, &diff_id);
	rc = s2c_image_put(store, &manifest, config, &desc, err);
	if (rc == 0)
		rc = s2c_store_tag(ctx, store, &ref, &desc, err);
	if (rc == 0)
		(void)snprintf(
			out_id, S2C_DIGEST_STR_MAX, "%s", manifest.config.digest.str);
	s2c_descriptor_release(&manifest.config);
	return rc;
}
