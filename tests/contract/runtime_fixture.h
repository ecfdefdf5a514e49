/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of runtimes need: a store in a temporary directory, images made by code out
 * of Debian's static busybox, a sink that records, containers in one line. Include after
 * helper.h.
 */
#ifndef S2C_TESTS_RUNTIME_FIXTURE_H
#define S2C_TESTS_RUNTIME_FIXTURE_H

#include "codec/tar.h"
#include "runtime/backend.h"
#include "store/blob.h"

#define BUSYBOX "/usr/bin/busybox"
/* Programs that images get from this machine: path in the image, here. */
UNUSED static const char *const programs[][2] = {
	{"bin/busybox", BUSYBOX},
	{"bin/probe", CONTRACT_PROBE},
};
#define APP_UID 1001

/* One file of an image under test; `text` is content, or the target of a link. */
struct file {
	const char *path;
	enum s2c_entry_type type;
	mode_t mode;
	uint32_t uid, gid;
	const char *text;
};

struct fixture {
	struct tmp *tmp;
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	struct s2c_runtime *runtime;
	struct s2c_image *image;
	struct s2c_buf output; /* OUTPUT lines */
	struct s2c_buf log;    /* LOG lines */
	const char *engine;    /* socket of the engine under test; NULL: none */
};

UNUSED static const struct file base_files[] = {
	{"app", S2C_ENTRY_DIR, 0755, APP_UID, 0, NULL},
	{"bin", S2C_ENTRY_DIR, 0755, 0, 0, NULL},
	{"bin/busybox", S2C_ENTRY_FILE, 0755, 0, 0, NULL},
	{"bin/probe", S2C_ENTRY_FILE, 0755, 0, 0, NULL},
	/* The fake has no /proc, by which busybox's shell finds its applets. */
	{"bin/cat", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/head", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/mkdir", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/sh", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/sleep", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/stat", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/tr", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"bin/yes", S2C_ENTRY_SYMLINK, 0777, 0, 0, "busybox"},
	{"dev", S2C_ENTRY_DIR, 0755, 0, 0, NULL},
	{"dev/null", S2C_ENTRY_FILE, 0666, 0, 0, ""},
	{"etc", S2C_ENTRY_DIR, 0755, 0, 0, NULL},
	{"etc/issue", S2C_ENTRY_FILE, 0644, 0, 0, "the image's"},
	{"etc/passwd", S2C_ENTRY_FILE, 0644, 0, 0, "root:x:0:0::/:/bin/sh\n"},
	{"tmp", S2C_ENTRY_DIR, 01777, 0, 0, NULL},
};

UNUSED static void record(void *self, const struct s2c_event *event)
{
	struct fixture *f = self;
	struct s2c_buf *to = event->kind == S2C_EVENT_OUTPUT ? &f->output
			     : event->kind == S2C_EVENT_LOG  ? &f->log
							     : NULL;

	if (!to)
		return;
	/* Not with terr: the call under test may have set it already. */
	if (s2c_buf_puts(to, event->text, NULL) < 0 || s2c_buf_puts(to, "\n", NULL) < 0)
		fail_msg("too much output");
}

/* Writes the tar of a layer, uncompressed, into the store. */
UNUSED static void put_layer(
	struct fixture *f, const struct file *files, size_t n, struct s2c_descriptor *out)
{
	struct s2c_ingest *ingest;
	struct s2c_tar_writer *tar;

	assert_ok(s2c_ingest_begin(f->store, &ingest, &terr));
	tar = s2c_tar_writer_new(s2c_ingest_writer(ingest));
	for (size_t i = 0; i < n; i++) {
		const struct file *file = &files[i];
		CLEAN_BUF struct s2c_buf program = S2C_BUF_INIT(8u << 20);
		const char *text = file->text ? file->text : "";
		size_t size = strlen(text);
		struct s2c_entry e = {
			.path = xstrdup(file->path),
			.type = file->type,
			.mode = file->mode,
			.uid = file->uid,
			.gid = file->gid,
			.mtime = 1700000000,
		};

		for (size_t p = 0; p < ARRAY_SIZE(programs); p++) {
			if (!streq(programs[p][0], file->path))
				continue;
			assert_ok(s2c_fs_read_file(
				AT_FDCWD, programs[p][1], &program, &terr));
			text = program.data;
			size = program.len;
		}
		if (file->type == S2C_ENTRY_FILE)
			e.size = size;
		if (file->type == S2C_ENTRY_SYMLINK)
			e.link = xstrdup(text);
		assert_ok(s2c_tar_writer_entry(tar, &e, &terr));
		if (e.size)
			assert_ok(s2c_tar_writer_data(tar, text, e.size, &terr));
		s2c_entry_release(&e);
	}
	assert_ok(s2c_tar_writer_finish(tar, &terr));
	s2c_tar_writer_free(tar);
	*out = (struct s2c_descriptor){.media_type = S2C_MT_OCI_LAYER};
	assert_ok(
		s2c_ingest_commit(ingest, &(struct s2c_ingest_expect){.size = UINT64_MAX},
			&out->digest, &out->size, &terr));
	s2c_ingest_free(ingest);
}

struct layer {
	const struct file *files;
	size_t n;
};

/* An image of the base layer and, when given, more. */
UNUSED static struct s2c_image *make_image(
	struct fixture *f, const struct layer *layers, size_t n)
{
	struct s2c_platform platform;
	struct s2c_manifest *manifest = xcalloc(1, sizeof(*manifest));
	struct s2c_descriptor desc = {.size = 0};
	struct s2c_config *config;
	struct s2c_image *image;

	s2c_platform_host(&platform);
	config = s2c_config_new(&platform);
	memcpy(manifest->media_type, S2C_MT_OCI_MANIFEST, sizeof(S2C_MT_OCI_MANIFEST));
	manifest->layers = xcalloc(n, sizeof(*manifest->layers));
	manifest->n_layers = n;
	for (size_t i = 0; i < n; i++) {
		struct s2c_history h = {
			.created = "2023-11-14T22:13:20Z", .created_by = "test"};

		put_layer(f, layers[i].files, layers[i].n, &manifest->layers[i]);
		s2c_config_add_layer(config, &manifest->layers[i].digest, &h);
	}
	assert_ok(s2c_image_put(f->store, manifest, config, &desc, &terr));
	assert_ok(s2c_image_load(f->store, &desc, &image, &terr));
	s2c_descriptor_release(&desc);
	s2c_manifest_free(manifest);
	s2c_config_free(config);
	return image;
}

UNUSED static struct s2c_image *base_image(struct fixture *f)
{
	struct layer base = {base_files, ARRAY_SIZE(base_files)};

	return make_image(f, &base, 1);
}

UNUSED static struct s2c_container_opts container_opts(const struct s2c_image *image)
{
	return (struct s2c_container_opts){
		.image = image, .network = S2C_NETWORK_NONE, .uid = APP_UID};
}

UNUSED static struct s2c_container *make_container(struct fixture *f)
{
	struct s2c_container_opts opts = container_opts(f->image);
	struct s2c_container *c;

	assert_ok(s2c_container_create(f->ctx, f->runtime, &opts, &c, &terr));
	return c;
}

/* Runs `sh -c script` under ctx and gives what s2c_container_run gives. */
UNUSED static int run_script(struct s2c_ctx *ctx, struct s2c_container *c,
	const char *script, int *out_status, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {
		.argv = &argv, .env = &env, .fd_in = -1, .fd_out = -1, .fd_err = -1};

	s2c_strv_add(&argv, "sh");
	s2c_strv_add(&argv, "-c");
	s2c_strv_add(&argv, script);
	s2c_strv_add(&env, "PATH=/bin");
	return s2c_container_run(ctx, c, &opts, out_status, err);
}

/* The same, with success and this exit status; the output is in f->output. */
UNUSED static void expect_script(
	struct fixture *f, struct s2c_container *c, const char *script, int status)
{
	int got = -1;

	s2c_buf_clear(&f->output);
	assert_ok(run_script(f->ctx, c, script, &got, &terr));
	if (got != status)
		print_error("%s: %s\n", script, s2c_buf_str(&f->output));
	assert_int_equal(got, status);
}

/* In a container of its own. */
UNUSED static void expect_output(
	struct fixture *f, const char *script, const char *output)
{
	struct s2c_container *c = make_container(f);

	expect_script(f, c, script, 0);
	s2c_container_destroy(c);
	assert_string_equal(s2c_buf_str(&f->output), output);
}

/* Files as a stream of entries, for copy_in. */
UNUSED static struct s2c_entries *files_entries(
	struct fixture *f, const struct file *files, size_t n)
{
	struct s2c_descriptor desc;
	struct s2c_reader *reader;

	put_layer(f, files, n, &desc);
	assert_ok(s2c_blob_open(f->store, &desc.digest, desc.size, &reader, &terr));
	return s2c_tar_reader(reader, true, (struct s2c_tar_limits){.entries = 0});
}

UNUSED static int fixture_setup(void **state, const struct s2c_runtime_ops *ops,
	const struct s2c_runtime_opts *how)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct s2c_runtime_opts opts = *how;
	CLEAN_FREE char *root = NULL;
	void *tmp;

	if (tmp_setup(&tmp) < 0)
		return -1;
	f->tmp = tmp;
	f->engine = how->engine;
	f->output = (struct s2c_buf)S2C_BUF_INIT(4u << 20);
	f->log = (struct s2c_buf)S2C_BUF_INIT(1u << 20);
	f->ctx = s2c_ctx_new((struct s2c_sink){.emit = record, .self = f});
	root = xasprintf("%s/store", f->tmp->path);
	*state = f;
	assert_ok(s2c_store_open(f->ctx, root, &f->store, &terr));
	opts.store = f->store;
	assert_ok(ops->open(f->ctx, &opts, &f->runtime, &terr));
	f->image = base_image(f);
	return 0;
}

UNUSED static int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	void *tmp = f->tmp;
	int rc;

	s2c_image_free(f->image);
	s2c_runtime_close(f->runtime);
	s2c_store_close(f->store);
	s2c_ctx_free(f->ctx);
	s2c_buf_release(&f->output);
	s2c_buf_release(&f->log);
	free(f);
	rc = tmp_teardown(&tmp);
	return rc;
}

#endif
