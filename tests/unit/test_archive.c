/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in and out of files. That other tools take what is written is shown by the end
 * to end tests; here are the forms, the determinism, and what hostile input does.
 */
#include "helper.h"

#include "codec/compress.h"
#include "codec/tar.h"
#include "store/archive.h"
#include "store_helper.h"

static struct s2c_archive_spec spec_of(const char *text)
{
	struct s2c_archive_spec spec = {0};

	assert_ok(s2c_archive_spec_parse(text, &spec, &terr));
	return spec;
}

static struct s2c_archive_spec spec_in(
	const struct tmp *tmp, const char *kind, const char *rest)
{
	CLEAN_FREE char *text = xasprintf("%s:%s/%s", kind, tmp->path, rest);

	return spec_of(text);
}

/* A second store, to load into. */
static struct s2c_store *open_at(
	struct s2c_ctx *ctx, const struct tmp *tmp, const char *name)
{
	CLEAN_FREE char *root = xasprintf("%s/%s", tmp->path, name);
	struct s2c_store *store = NULL;

	assert_ok(s2c_store_open(ctx, root, &store, &terr));
	return store;
}

static struct s2c_store *open_other(struct s2c_ctx *ctx, const struct tmp *tmp)
{
	return open_at(ctx, tmp, "o");
}

static struct s2c_image *image_of(struct s2c_store *store, const char *name)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_image *image = NULL;
	char found[S2C_REFERENCE_MAX + 1];

	assert_ok(s2c_store_find(store, name, &desc, found, &terr));
	assert_ok(s2c_image_load(store, &desc, &image, &terr));
	memcpy(image->name, found, sizeof(found));
	return image;
}

static void save(struct s2c_ctx *ctx, struct s2c_store *store, const char *name,
	const struct tmp *tmp, const char *kind, const char *rest)
{
	CLEAN_IMAGE struct s2c_image *image = image_of(store, name);
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec spec = spec_in(tmp, kind, rest);

	assert_ok(s2c_archive_save(ctx, store, image, &spec, &terr));
}

/* Loads and gives the names, joined by blanks. */
static char *load(struct s2c_ctx *ctx, struct s2c_store *store, const struct tmp *tmp,
	const char *kind, const char *rest)
{
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec spec = spec_in(tmp, kind, rest);
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(65536);

	assert_ok(s2c_archive_load(ctx, store, &spec, &names, &terr));
	s2c_strv_foreach (name, &names) {
		s2c_buf_must_printf(&out, "%s%s", out.len ? " " : "", name);
	}
	return s2c_buf_take(&out);
}

static void check_load(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct tmp *tmp, const char *kind_rest[2], const char *expected)
{
	CLEAN_FREE char *names = load(ctx, store, tmp, kind_rest[0], kind_rest[1]);

	assert_string_equal(names, expected);
}
#define check_loaded(ctx, store, tmp, kind, rest, expected)                              \
	check_load(ctx, store, tmp, (const char *[2]){kind, rest}, expected)

/* Fails with this; afterwards the store holds nothing and names nothing. */
static void check_refused(const struct tmp *tmp, const char *kind, const char *rest,
	enum s2c_code code, const char *part)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_at(ctx, tmp, "r");
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec spec = spec_in(tmp, kind, rest);
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (s2c_archive_load(ctx, store, &spec, &names, &terr) == 0)
		fail_msg("'%s' was loaded", rest);
	if (s2c_error_code(terr) != code || !strstr(s2c_error_message(terr), part))
		fail_with_error(part, __FILE__, __LINE__);
	s2c_error_free(TAKE(terr));
	assert_int_equal(names.len, 0);
	check_names(store, "");
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "r/tmp"), 0);
	assert_int_equal(count_dir(tmp, "r/blobs/sha256"), 0);
}

/* ---- the text form ---- */

static void specs(void **state)
{
	static const struct {
		const char *text;
		enum s2c_archive_kind kind;
		const char *path, *tag;
	} good[] = {
		{"oci:dir", S2C_ARCHIVE_OCI_DIR, "dir", NULL},
		{"oci:/a/b:v1", S2C_ARCHIVE_OCI_DIR, "/a/b", "v1"},
		{"oci:d:reg.example:5000/a/b:1", S2C_ARCHIVE_OCI_DIR, "d",
			"reg.example:5000/a/b:1"},
		{"oci-archive:f.tar:latest", S2C_ARCHIVE_OCI, "f.tar", "latest"},
		{"docker-archive:f.tar", S2C_ARCHIVE_DOCKER, "f.tar", NULL},
		{"docker-archive:f.tar:app:1", S2C_ARCHIVE_DOCKER, "f.tar", "app:1"},
	};
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"", "none of oci:DIR"},
		{"dir", "none of oci:DIR"},
		{"/tmp/oci:x", "none of oci:DIR"},
		{"oci:", "a path is missing"},
		{"oci::tag", "a path is missing"},
		{"oci:dir:", "tag must begin"},
		{"oci:dir:../x y", "tag must begin"},
		{"oci:dir:a\nb", "tag must"},
		{"docker-archive:f:UPPER", "UPPER"},
		{"docker-archive:f:a@sha256:"
		 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
			"no digest"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEAN(s2c_archive_spec_release)
		struct s2c_archive_spec spec = spec_of(good[i].text);

		assert_int_equal(spec.kind, good[i].kind);
		assert_string_equal(spec.path, good[i].path);
		if (good[i].tag)
			assert_string_equal(spec.tag, good[i].tag);
		else
			assert_null(spec.tag);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_archive_spec spec;

		assert_fails(s2c_archive_spec_parse(bad[i].text, &spec, &terr),
			S2C_EINVAL, bad[i].part);
	}
}

/* ---- OCI directory ---- */

static void oci_dir_round_trip(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2), b = put_image(store, "b", 1);
	CLEAN_IMAGE struct s2c_image *image = NULL;
	CLEAN_FREE char *index = NULL;

	tag(ctx, store, "a", &a);
	tag(ctx, store, "b", &b);
	save(ctx, store, "a", tmp, "oci", "lay");
	assert_int_equal(count_dir(tmp, "lay"), 3);
	assert_int_equal(count_dir(tmp, "lay/blobs/sha256"), 4);

	/* A second image, one under another tag, and one in place of another. */
	save(ctx, store, "b", tmp, "oci", "lay:v1");
	save(ctx, store, "a", tmp, "oci", "lay:v1");
	save(ctx, store, "b", tmp, "oci", "lay:reg.example/x:2");
	assert_int_equal(count_dir(tmp, "lay"), 3);
	assert_int_equal(count_dir(tmp, "lay/blobs/sha256"), 7);

	check_loaded(ctx, other, tmp, "oci", "lay:reg.example/x:2", "reg.example/x:2");
	check_names(other, "reg.example/x:2");
	/* A tag alone is put behind the name of the directory. */
	check_loaded(ctx, other, tmp, "oci", "lay", "a:latest lay:v1 reg.example/x:2");
	image = image_of(other, "lay:v1");
	assert_string_equal(image->desc.digest.str, a.digest.str);

	/* Without a name, and again: one entry. */
	image->name[0] = '\0';
	for (int i = 0; i < 2; i++) {
		CLEAN(s2c_archive_spec_release)
		struct s2c_archive_spec spec = spec_in(tmp, "oci", "nameless");

		assert_ok(s2c_archive_save(ctx, other, image, &spec, &terr));
	}
	index = tmp_read(tmp, "nameless/index.json");
	assert_null(strstr(index, "ref.name"));
	check_loaded(ctx, store, tmp, "oci", "nameless", s2c_image_id(image)->str);
}

static void oci_dir_refuses(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2);
	CLEAN_IMAGE struct s2c_image *image = NULL;
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec home = spec_in(tmp, "oci", "home");
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec nowhere = spec_in(tmp, "oci", "no/such");
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec fresh = spec_in(tmp, "oci", "fresh");
	CLEAN(s2c_archive_spec_release)
	struct s2c_archive_spec there = spec_in(tmp, "oci", "there");
	struct s2c_digest layer;

	tag(ctx, store, "a", &a);
	image = image_of(store, "a");
	tmp_write(tmp, "home/letter", "x");
	assert_fails(s2c_archive_save(ctx, store, image, &home, &terr), S2C_EINVAL,
		"not empty and not an OCI layout");
	assert_fails(s2c_archive_save(ctx, store, image, &nowhere, &terr), S2C_ENOENT,
		"/no/such'");

	/* A layer that is altered in the store does not get out, nor does half an image.
	 */
	assert_ok(s2c_archive_save(ctx, store, image, &there, &terr));
	s2c_digest_of("a-1", 3, &layer);
	tmp_write(tmp, blob_file(&layer), "A-1");
	assert_fails(s2c_archive_save(ctx, store, image, &fresh, &terr), S2C_EDIGEST,
		layer.str);
	assert_int_equal(count_dir(tmp, "."), 3); /* s, home, there */
	/* What is there and sound need not come out of the store. */
	assert_ok(s2c_archive_save(ctx, store, image, &there, &terr));
	assert_int_equal(count_dir(tmp, "there/blobs/sha256"), 4);
}

/* Breaks a copy of a layout in one way; the load must fail in one sentence. */
static void foreign_layouts(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1);
	struct s2c_digest layer;
	CLEAN_FREE char *blob = NULL;
	CLEAN_FREE char *manifest = NULL;
	CLEAN_FREE char *secret = xasprintf("%s/secret", tmp->path);
	CLEAN_FREE char *good = NULL;

	tag(ctx, store, "a", &a);
	save(ctx, store, "a", tmp, "oci", "lay");
	s2c_digest_of("a-0", 3, &layer);
	blob = xasprintf("lay/blobs/sha256/%s", s2c_digest_hex(&layer));
	manifest = xasprintf("lay/blobs/sha256/%s", s2c_digest_hex(&a.digest));

	tmp_write(tmp, blob, "A-0");
	{
		/* Same size: found while it is copied; the first blobs may be there. */
		CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
		CLEAN(s2c_archive_spec_release)
		struct s2c_archive_spec spec = spec_in(tmp, "oci", "lay");
		CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

		assert_fails(s2c_archive_load(ctx, other, &spec, &names, &terr),
			S2C_EDIGEST, layer.str);
		check_names(other, "");
		assert_false(s2c_blob_exists(other, &layer, 3));
	}
	tmp_write(tmp, blob, "a-");
	check_refused(tmp, "oci", "lay", S2C_EDIGEST, s2c_digest_hex(&layer));
	assert_int_equal(unlinkat(tmp->fd, blob, 0), 0);
	check_refused(tmp, "oci", "lay", S2C_ENOENT, s2c_digest_hex(&layer));

	/* The right content behind a symlink is still a way out of the layout. */
	tmp_write(tmp, "secret", "a-0");
	assert_int_equal(symlinkat(secret, tmp->fd, blob), 0);
	check_refused(tmp, "oci", "lay", S2C_EINVAL, "symlink");
	assert_int_equal(unlinkat(tmp->fd, blob, 0), 0);
	assert_int_equal(mkfifoat(tmp->fd, blob, 0600), 0);
	check_refused(tmp, "oci", "lay", S2C_EPROTO, "not a regular file");
	assert_int_equal(unlinkat(tmp->fd, blob, 0), 0);
	tmp_write(tmp, blob, "a-0");

	good = tmp_read(tmp, manifest);
	tmp_write(tmp, manifest, "{}");
	check_refused(tmp, "oci", "lay", S2C_EDIGEST, "a:latest");
	tmp_write(tmp, manifest, good);
	check_refused(tmp, "oci", "lay:other", S2C_ENOENT, "no image 'other'");
	tmp_write(tmp, "lay/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	check_refused(tmp, "oci", "lay", S2C_ENOENT, "no image");
	tmp_write(tmp, "lay/index.json", "{");
	check_refused(tmp, "oci", "lay", S2C_EPROTO, "'index.json'");
	tmp_write(tmp, "lay/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
	check_refused(tmp, "oci", "lay", S2C_EUNSUPPORTED, "version '2.0.0'");
	assert_int_equal(unlinkat(tmp->fd, "lay/oci-layout", 0), 0);
	check_refused(tmp, "oci", "lay", S2C_ENOENT, "not an OCI layout");
	check_refused(tmp, "oci", "nothing", S2C_ENOENT, "/nothing'");
}

/* ---- OCI archive ---- */

static char *sha_of(const struct tmp *tmp, const char *name)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(64u << 20);
	struct s2c_digest digest;

	assert_ok(s2c_fs_read_file(tmp->fd, name, &buf, &terr));
	s2c_digest_of(buf.data, buf.len, &digest);
	return xstrdup(digest.str);
}

static void archives_are_deterministic(void **state)
{
	static const char *const kinds[] = {"oci-archive", "docker-archive"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
		CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
		struct s2c_descriptor a = put_image(store, "a", 3);
		CLEAN_FREE char *first = NULL;
		CLEAN_FREE char *second = NULL;

		tag(ctx, store, "a", &a);
		put_text(other, "something else was here first");
		a = put_image(other, "a", 3);
		tag(ctx, other, "zzz", &a);
		tag(ctx, other, "a", &a);
		save(ctx, store, "a", tmp, kinds[i], "x.tar");
		first = sha_of(tmp, "x.tar");
		save(ctx, other, "a", tmp, kinds[i], "x.tar"); /* over the old one */
		second = sha_of(tmp, "x.tar");
		assert_string_equal(first, second);
		assert_int_equal(count_dir(tmp, "."), 3);
	}
}

/* Feeds a file through a pipe, as a shell's process substitution does. */
static pid_t feed(const struct tmp *tmp, const char *name, int *out_fd)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0); /* not CLOEXEC: reached through /proc/self/fd */
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(64u << 20);

		close(fds[0]);
		assert_ok(s2c_fs_read_file(tmp->fd, name, &buf, &terr));
		assert_ok(s2c_fs_write_all(fds[1], buf.data, buf.len, &terr));
		_exit(0);
	}
	close(fds[1]);
	*out_fd = fds[0];
	return pid;
}

static void archives_from_a_pipe(void **state)
{
	static const char *const kinds[] = {"oci-archive", "docker-archive"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2);

	tag(ctx, store, "a", &a);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CLEAN_FREE char *text = NULL;
		CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
		CLEAN(s2c_archive_spec_release) struct s2c_archive_spec spec = {0};
		CLEAN_IMAGE struct s2c_image *image = NULL;
		int fd = -1, status;
		pid_t pid;

		save(ctx, store, "a", tmp, kinds[i], "x.tar");
		pid = feed(tmp, "x.tar", &fd);
		text = xasprintf("%s:/proc/self/fd/%d", kinds[i], fd);
		spec = spec_of(text);
		assert_ok(s2c_archive_load(ctx, other, &spec, &names, &terr));
		close(fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(names.len, 1);
		assert_string_equal(names.items[0], "a:latest");
		image = image_of(other, "a");
		assert_string_equal(s2c_config_user(image->config), "1001");
	}
	assert_int_equal(count_dir(tmp, "o/tmp"), 1);
}

static void archives_may_be_compressed(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2);
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(64u << 20);
	int fd = openat(tmp->fd, "x.tgz", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CLEAN_WRITER struct s2c_writer *file = s2c_writer_fd(fd, true);
	CLEAN_WRITER struct s2c_writer *gzip = s2c_compress(S2C_COMPRESS_GZIP, 0, file);

	tag(ctx, store, "a", &a);
	save(ctx, store, "a", tmp, "oci-archive", "x.tar");
	assert_ok(s2c_fs_read_file(tmp->fd, "x.tar", &buf, &terr));
	assert_ok(s2c_write(gzip, buf.data, buf.len, &terr));
	assert_ok(s2c_finish(gzip, &terr));
	check_loaded(ctx, other, tmp, "oci-archive", "x.tgz", "a:latest");
}

/* ---- archives made by hand ---- */

struct item {
	const char *path, *data, *link; /* link: a symlink; neither: a directory */
};

static void write_tar(
	const struct tmp *tmp, const char *name, const struct item *items, size_t n)
{
	int fd = openat(tmp->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLEAN_WRITER struct s2c_writer *file = s2c_writer_fd(fd, true);
	struct s2c_tar_writer *tar = s2c_tar_writer_new(file);

	for (size_t i = 0; i < n; i++) {
		struct s2c_entry entry = {.path = (char *)items[i].path,
			.type = items[i].data   ? S2C_ENTRY_FILE
				: items[i].link ? S2C_ENTRY_SYMLINK
						: S2C_ENTRY_DIR,
			.mode = 0644,
			.size = items[i].data ? strlen(items[i].data) : 0,
			.link = (char *)items[i].link};

		if (!items[i].path)
			continue;
		assert_ok(s2c_tar_writer_entry(tar, &entry, &terr));
		if (items[i].data)
			assert_ok(s2c_tar_writer_data(
				tar, items[i].data, strlen(items[i].data), &terr));
	}
	assert_ok(s2c_tar_writer_finish(tar, &terr));
	s2c_tar_writer_free(tar);
	assert_ok(s2c_finish(file, &terr));
}

static void hostile_oci_archives(void **state)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	static const char abc[] =
		"blobs/sha256/"
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const struct {
		struct item items[4];
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{{{"oci-layout", layout}, {"index.json", index}, {abc, "abd"}},
			S2C_EDIGEST, "altered"},
		{{{"oci-layout", layout}, {"index.json", index}, {abc, "abc"},
			 {abc, "abc"}},
			S2C_EPROTO, "there twice"},
		{{{"oci-layout", layout}, {"index.json", index}, {"index.json", index}},
			S2C_EPROTO, "there twice"},
		{{{"oci-layout", layout}, {"index.json", index},
			 {abc, NULL, "/etc/shadow"}},
			S2C_EPROTO, "not a regular file"},
		{{{"oci-layout", layout}, {"index.json", NULL, "oci-layout"}}, S2C_EPROTO,
			"not a regular file"},
		{{{"oci-layout", layout}, {"blobs/sha256/UPPER", "x"}}, S2C_EINVAL,
			"blobs/sha256/UPPER"},
		{{{"oci-layout", layout}, {"blobs/sha256", "x"}}, S2C_EINVAL,
			"blobs/sha256"},
		{{{"oci-layout", layout}, {"index.json", index}}, S2C_ENOENT, "no image"},
		{{{"oci-layout", layout}}, S2C_ENOENT, "index.json"},
		{{{"letter", "hello"}}, S2C_ENOENT, "not an OCI layout"},
	};
	struct tmp *tmp = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_tar(tmp, "x.tar", cases[i].items, ARRAY_SIZE(cases[i].items));
		check_refused(tmp, "oci-archive", "x.tar", cases[i].code, cases[i].part);
	}
	tmp_write(tmp, "x.tar", "this is no tar at all");
	check_refused(tmp, "oci-archive", "x.tar", S2C_EPROTO, "x.tar");
	tmp_write(tmp, "dir/file", "");
	check_refused(tmp, "oci-archive", "dir", S2C_EINVAL, "'oci:'");
	check_refused(tmp, "docker-archive", "dir", S2C_EINVAL, "is a directory");
}

/* A cut anywhere in an archive is found, and leaves nothing. */
static void truncated_archives(void **state)
{
	static const char *const kinds[] = {"oci-archive", "docker-archive"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2);
	struct stat st;

	tag(ctx, store, "a", &a);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		save(ctx, store, "a", tmp, kinds[i], "x.tar");
		assert_int_equal(fstatat(tmp->fd, "x.tar", &st, 0), 0);
		for (off_t at = 0; at < st.st_size - 1024; at += 700) {
			CLEAN(s2c_archive_spec_release)
			struct s2c_archive_spec spec = spec_in(tmp, kinds[i], "x.tar");
			CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
			CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

			save(ctx, store, "a", tmp, kinds[i], "x.tar");
			assert_int_equal(truncate(spec.path, at), 0);
			assert_int_equal(
				s2c_archive_load(ctx, other, &spec, &names, &terr), -1);
			s2c_error_free(TAKE(terr));
			check_names(other, "");
			assert_int_equal(count_dir(tmp, "o/blobs/sha256"), 0);
		}
	}
	assert_int_equal(count_dir(tmp, "o/tmp"), 0);
}

/* ---- docker archive ---- */

static void docker_round_trip(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 3);
	CLEAN_IMAGE struct s2c_image *before = NULL;
	CLEAN_IMAGE struct s2c_image *after = NULL;

	tag(ctx, store, "a", &a);
	save(ctx, store, "a", tmp, "docker-archive", "x.tar");
	check_loaded(ctx, other, tmp, "docker-archive", "x.tar", "a:latest");
	before = image_of(store, "a");
	after = image_of(other, "a");
	assert_string_equal(s2c_image_id(before)->str, s2c_image_id(after)->str);
	assert_int_equal(after->manifest->n_layers, 3);

	save(ctx, store, "a", tmp, "docker-archive", "y.tar:reg.example/b:7");
	check_loaded(ctx, other, tmp, "docker-archive", "y.tar:reg.example/b:7",
		"reg.example/b:7");
	check_refused(tmp, "docker-archive", "nothing.tar", S2C_ENOENT, "nothing.tar");
}

static const char *config_of(const char *content, struct s2c_digest *digest)
{
	static char text[512];
	struct s2c_digest layer;

	s2c_digest_of(content, strlen(content), &layer);
	snprintf(text, sizeof(text),
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
		"\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
		layer.str, layer.str);
	s2c_digest_of(text, strlen(text), digest);
	return text;
}

/* docker save of old: a directory per layer, and a symlink where one occurs twice. */
static void old_docker_archives(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
	struct s2c_digest id;
	const char *config = config_of("layer", &id);
	CLEAN_FREE char *name = xasprintf("%s.json", s2c_digest_hex(&id));
	CLEAN_FREE char *manifest = xasprintf(
		"[{\"Config\":\"%s\",\"RepoTags\":[\"old:1\",\"old:2\"],\"Layers\":"
		"[\"one/layer.tar\",\"two/layer.tar\"],\"Parent\":\"x\"},"
		"{\"Config\":\"%s\",\"RepoTags\":null,\"Layers\":"
		"[\"one/layer.tar\",\"two/layer.tar\"]}]",
		name, name);
	const struct item items[] = {
		{"one"},
		{"one/VERSION", "1.0"},
		{"one/layer.tar", "layer"},
		{"two"},
		{"two/layer.tar", NULL, "../one/layer.tar"},
		{name, config},
		{"repositories", "{}"},
		{"manifest.json", manifest},
	};

	write_tar(tmp, "x.tar", items, ARRAY_SIZE(items));
	check_loaded(ctx, other, tmp, "docker-archive", "x.tar:old:2", "old:2");
	{
		CLEAN_FREE char *names = load(ctx, other, tmp, "docker-archive", "x.tar");
		CLEAN_FREE char *want = xasprintf("old:1 old:2 %s", id.str);

		assert_string_equal(names, want);
	}
	check_names(other, "old:2 old:1");
	assert_int_equal(count_dir(tmp, "o/blobs/sha256"), 3);
	check_refused(tmp, "docker-archive", "x.tar:old:3", S2C_ENOENT, "old:3");
}

static void hostile_docker_archives(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_digest id;
	const char *config = config_of("layer", &id);
	CLEAN_FREE char *name = xasprintf("%s.json", s2c_digest_hex(&id));
	const char two[] = "[{\"Config\":\"c\",\"Layers\":[\"l\",\"l\"]}]";
	const char one[] = "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]";
	const char out[] = "[{\"Config\":\"../c\",\"Layers\":[\"l\"]}]";
	const char bad_name[] =
		"[{\"Config\":\"c\",\"RepoTags\":[\"NO NAME\"],\"Layers\":[]}]";
	CLEAN_FREE char *renamed = xasprintf(
		"[{\"Config\":\"%s\",\"Layers\":[\"l\",\"l\"]}]", name);
	const struct {
		struct item items[4];
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{{{"c", config}, {"l", "layer"}}, S2C_EPROTO, "no manifest.json"},
		{{{"c", config}, {"l", "Layer"}, {"manifest.json", two}}, S2C_EDIGEST,
			"does not match diffID"},
		{{{"c", config}, {"l", "layer"}, {"manifest.json", one}}, S2C_EPROTO,
			"1 layers but 2 diffIDs"},
		{{{"c", config}, {"manifest.json", two}}, S2C_ENOENT, "'l' is not in"},
		{{{"c", config}, {"l", NULL, "l"}, {"manifest.json", two}}, S2C_EPROTO,
			"leads nowhere"},
		{{{"c", config}, {"l", NULL, "../../etc/passwd"}, {"manifest.json", two}},
			S2C_EPROTO, "leads out of the archive"},
		{{{"c", config}, {"l", NULL, "/etc/passwd"}, {"manifest.json", two}},
			S2C_EPROTO, "leads out of the archive"},
		{{{"c", config}, {"c", config}, {"l", "layer"}, {"manifest.json", two}},
			S2C_EPROTO, "there twice"},
		{{{"c", config}, {"l", "layer"}, {"manifest.json", out}}, S2C_EINVAL,
			"'Config'"},
		{{{"c", config}, {"manifest.json", bad_name}}, S2C_EINVAL, "NO NAME"},
		{{{name, "{}"}, {"l", "layer"}, {"manifest.json", renamed}}, S2C_EDIGEST,
			"does not match its name"},
		{{{"c", "{"}, {"l", "layer"}, {"manifest.json", two}}, S2C_EPROTO,
			"config 'c'"},
		{{{"manifest.json", "{}"}}, S2C_EPROTO, "not a JSON array"},
		{{{"manifest.json", "[]"}}, S2C_ENOENT, "no image"},
		{{{NULL}}, S2C_EPROTO, "empty"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_tar(tmp, "x.tar", cases[i].items, ARRAY_SIZE(cases[i].items));
		check_refused(
			tmp, "docker-archive", "x.tar", cases[i].code, cases[i].part);
	}
}

/* Layers of every compression come out as what they were. */
static void docker_layers_of_all_kinds(void **state)
{
	static const char *const types[] = {
		S2C_MT_OCI_LAYER, S2C_MT_OCI_LAYER_GZIP, S2C_MT_OCI_LAYER_ZSTD};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_STORE struct s2c_store *other = open_other(ctx, tmp);
	CLEAN_BUF struct s2c_buf ids = S2C_BUF_INIT(4096);
	CLEAN_BUF struct s2c_buf layers = S2C_BUF_INIT(4096);
	struct s2c_descriptor config, manifest = {.media_type = S2C_MT_DOCKER_MANIFEST};
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *document = NULL;
	CLEAN_IMAGE struct s2c_image *after = NULL;

	for (int kind = 0; kind < 3; kind++) {
		CLEAN_FREE char *content = xasprintf("content %d", kind);
		CLEAN_INGEST struct s2c_ingest *ingest = NULL;
		CLEAN_WRITER struct s2c_writer *packed = NULL;
		struct s2c_digest diff_id, digest;
		uint64_t size;

		s2c_digest_of(content, strlen(content), &diff_id);
		assert_ok(s2c_ingest_begin(store, &ingest, &terr));
		packed = s2c_compress(kind, 0, s2c_ingest_writer(ingest));
		assert_ok(s2c_write(packed, content, strlen(content), &terr));
		assert_ok(s2c_finish(packed, &terr));
		assert_ok(s2c_ingest_commit(ingest, NULL, &digest, &size, &terr));
		s2c_buf_must_printf(&ids, "%s\"%s\"", kind ? "," : "", diff_id.str);
		s2c_buf_must_printf(&layers,
			"%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}",
			kind ? "," : "", types[kind], digest.str,
			(unsigned long long)size);
	}
	text = xasprintf(
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
		"\"layers\",\"diff_ids\":[%s]}}",
		s2c_buf_str(&ids));
	config = put_text(store, text);
	/* As pulled from a registry that speaks Docker's types. */
	document = xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"" S2C_MT_DOCKER_MANIFEST
		"\",\"config\":{\"mediaType\":\"" S2C_MT_DOCKER_CONFIG
		"\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
		config.digest.str, strlen(text), s2c_buf_str(&layers));
	assert_ok(s2c_blob_put(store, document, strlen(document), &manifest, &terr));
	tag(ctx, store, "mixed", &manifest);

	save(ctx, store, "mixed", tmp, "docker-archive", "x.tar");
	check_loaded(ctx, other, tmp, "docker-archive", "x.tar", "mixed:latest");
	after = image_of(other, "mixed");
	assert_string_equal(s2c_image_id(after)->str, config.digest.str);
	assert_string_equal(after->manifest->layers[0].media_type, S2C_MT_OCI_LAYER);
	assert_string_equal(after->manifest->layers[1].media_type, S2C_MT_OCI_LAYER_GZIP);
	assert_string_equal(after->manifest->layers[2].media_type, S2C_MT_OCI_LAYER);

	/* A layout takes OCI types only, while the store keeps the manifest as it was. */
	save(ctx, store, "mixed", tmp, "oci", "lay");
	{
		CLEAN_FREE char *index = tmp_read(tmp, "lay/index.json");

		assert_non_null(strstr(index, S2C_MT_OCI_MANIFEST));
		assert_null(strstr(index, "docker"));
		assert_null(strstr(index, manifest.digest.str));
	}
	check_loaded(ctx, other, tmp, "oci", "lay", "mixed:latest");
}

static void a_failed_save_leaves_no_file(void **state)
{
	static const char *const kinds[] = {"oci-archive", "docker-archive"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2);
	CLEAN_IMAGE struct s2c_image *image = NULL;
	struct s2c_digest layer;

	tag(ctx, store, "a", &a);
	image = image_of(store, "a");
	s2c_digest_of("a-1", 3, &layer);
	tmp_write(tmp, blob_file(&layer), "A-1");
	tmp_write(tmp, "x.tar", "old content");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CLEAN(s2c_archive_spec_release)
		struct s2c_archive_spec spec = spec_in(tmp, kinds[i], "x.tar");
		CLEAN_FREE char *text = NULL;

		assert_fails(s2c_archive_save(ctx, store, image, &spec, &terr),
			S2C_EDIGEST, layer.str);
		text = tmp_read(tmp, "x.tar");
		assert_string_equal(text, "old content");
		assert_int_equal(count_dir(tmp, "."), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specs),
		tmp_test(oci_dir_round_trip),
		tmp_test(oci_dir_refuses),
		tmp_test(foreign_layouts),
		tmp_test(archives_are_deterministic),
		tmp_test(archives_from_a_pipe),
		tmp_test(archives_may_be_compressed),
		tmp_test(hostile_oci_archives),
		tmp_test(truncated_archives),
		tmp_test(docker_round_trip),
		tmp_test(old_docker_archives),
		tmp_test(hostile_docker_archives),
		tmp_test(docker_layers_of_all_kinds),
		tmp_test(a_failed_save_leaves_no_file),
	};

	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
