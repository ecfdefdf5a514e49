/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the store: a store below the test's directory, what lies in its directories,
 * and children to be killed. Include it after helper.h.
 */
#ifndef S2C_TESTS_UNIT_STORE_HELPER_H
#define S2C_TESTS_UNIT_STORE_HELPER_H

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/blob.h"
#include "store/store.h"

UNUSED static struct s2c_store *open_store(struct s2c_ctx *ctx, const struct tmp *tmp)
{
	CLEAN_FREE char *root = xasprintf("%s/s", tmp->path);
	struct s2c_store *store = NULL;

	assert_ok(s2c_store_open(ctx, root, &store, &terr));
	return store;
}

/* Entries of a directory below the test's. */
UNUSED static size_t count_dir(const struct tmp *tmp, const char *name)
{
	int fd = openat(tmp->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	assert_true(fd >= 0);
	dir = fdopendir(fd);
	while ((entry = readdir(dir)))
		n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
	closedir(dir);
	return n;
}

UNUSED static struct s2c_descriptor put_text(struct s2c_store *store, const char *text)
{
	struct s2c_descriptor desc = {.media_type = "text/plain"};

	assert_ok(s2c_blob_put(store, text, strlen(text), &desc, &terr));
	return desc;
}

/*
 * An image of which all documents are plain text made here: `n` layers that hold
 * "<salt>-<i>" and are not compressed. Returns the descriptor of its manifest.
 */
UNUSED static struct s2c_descriptor put_image(
	struct s2c_store *store, const char *salt, size_t n)
{
	struct s2c_descriptor manifest = {.media_type = S2C_MT_OCI_MANIFEST}, config;
	CLEAN_BUF struct s2c_buf ids = S2C_BUF_INIT(65536);
	CLEAN_BUF struct s2c_buf layers = S2C_BUF_INIT(65536);
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *document = NULL;

	for (size_t i = 0; i < n; i++) {
		CLEAN_FREE char *content = xasprintf("%s-%zu", salt, i);
		struct s2c_descriptor layer = put_text(store, content);

		s2c_buf_must_printf(&ids, "%s\"%s\"", i ? "," : "", layer.digest.str);
		s2c_buf_must_printf(&layers,
			"%s{\"mediaType\":\"" S2C_MT_OCI_LAYER
			"\",\"digest\":\"%s\",\"size\":%zu}",
			i ? "," : "", layer.digest.str, strlen(content));
	}
	text = xasprintf(
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":"
		"\"1001\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		s2c_buf_str(&ids));
	config = put_text(store, text);
	document = xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" S2C_MT_OCI_MANIFEST
			     "\",\"config\":{\"mediaType\":\"" S2C_MT_OCI_CONFIG
			     "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
		config.digest.str, strlen(text), s2c_buf_str(&layers));
	assert_ok(s2c_blob_put(store, document, strlen(document), &manifest, &terr));
	return manifest;
}

UNUSED static struct s2c_reference ref_of(const char *text)
{
	struct s2c_reference ref;

	assert_ok(s2c_reference_parse(text, &ref, &terr));
	return ref;
}

UNUSED static void tag(struct s2c_ctx *ctx, struct s2c_store *store, const char *name,
	const struct s2c_descriptor *desc)
{
	struct s2c_reference ref = ref_of(name);

	assert_ok(s2c_store_tag(ctx, store, &ref, desc, &terr));
}

/* Names in the order of index.json, joined by blanks; "-" for none. Caller frees. */
UNUSED static char *name_list(struct s2c_store *store)
{
	CLEAN_BUF struct s2c_buf out = S2C_BUF_INIT(1u << 20);
	struct s2c_store_name *names = NULL;
	size_t n = 0;

	assert_ok(s2c_store_list(store, &names, &n, &terr));
	for (size_t i = 0; i < n; i++)
		s2c_buf_must_printf(&out, "%s%s", i ? " " : "",
			names[i].name[0] ? names[i].name : "-");
	s2c_store_names_free(names, n);
	return s2c_buf_take(&out);
}

UNUSED static void check_names(struct s2c_store *store, const char *expected)
{
	CLEAN_FREE char *names = name_list(store);

	assert_string_equal(names, expected);
}

/* Path of a blob below the test's directory. Static memory. */
UNUSED static const char *blob_file(const struct s2c_digest *digest)
{
	static char path[256];

	snprintf(path, sizeof(path), "s/blobs/%s/%s", s2c_digest_algo(digest),
		s2c_digest_hex(digest));
	return path;
}

/*
 * Runs `fn` in a child that ends without any clean-up, as if it was killed, when fn
 * returns; a child that fails an assert ends otherwise. Returns its wait status.
 */
UNUSED static int run_child(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fn(arg);
		fflush(NULL);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#define assert_killed(status)                                                            \
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)

#endif
