/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacked layers under their diffIDs. This file names, makes and finds the directories;
 * what is in them is the business of layer/unpack.
 */
#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "codec/json.h"
#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"

#define FORM S2C_TREE_FORM_FILE
#define FORM_VERSION 1
#define FORM_BYTES_MAX 4096

/* The prefixes that the kernel knows, as static strings to hand out. */
static const char *const prefixes[] = {"trusted.overlay.", "user.overlay."};

struct s2c_tree {
	struct s2c_store *store;
	char *name; /* in the scratch directory */
	int fd;
	bool committed;
};

bool s2c_tree_exists(struct s2c_store *store, const struct s2c_digest *diff_id)
{
	struct stat st;

	return fstatat(store->trees_fd, s2c_digest_hex(diff_id), &st,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

int s2c_tree_open(struct s2c_store *store, const struct s2c_digest *diff_id, int *out_fd,
	struct s2c_error **err)
{
	int fd = openat(store->trees_fd, s2c_digest_hex(diff_id),
		O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return s2c_fail(err, S2C_ENOENT,
			"layer '%s' is not unpacked in store '%s'", diff_id->str,
			store->path);
	if (fd < 0)
		return s2c_fail_errno(
			err, errno, "cannot open the tree of layer '%s'", diff_id->str);
	*out_fd = fd;
	return 0;
}

char *s2c_tree_path(const struct s2c_store *store, const struct s2c_digest *diff_id)
{
	return xasprintf("%s/trees/%s", store->path, s2c_digest_hex(diff_id));
}

int s2c_tree_begin(struct s2c_store *store, struct s2c_tree **out, struct s2c_error **err)
{
	CLEAN_FREE char *name = s2c_fs_random_name("tree");
	CLEAN_FD int fd = -1;
	struct s2c_tree *tree;
	int scratch;

	if (s2c_fault_point("store.tree.begin", err) < 0 ||
		s2c_store_scratch(store, &scratch, err) < 0)
		return -1;
	if (mkdirat(scratch, name, 0755) < 0)
		return s2c_fail_errno(
			err, errno, "cannot make a tree in store '%s'", store->path);
	fd = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* The root of a tree is the root of a container: not subject to our umask. */
	if (fd < 0 || fchmod(fd, 0755) < 0) {
		int errnum = errno;

		(void)unlinkat(scratch, name, AT_REMOVEDIR);
		return s2c_fail_errno(
			err, errnum, "cannot make a tree in store '%s'", store->path);
	}
	tree = xcalloc(1, sizeof(*tree));
	*tree = (struct s2c_tree){.store = store, .name = TAKE(name), .fd = take_fd(&fd)};
	*out = tree;
	return 0;
}

int s2c_tree_fd(const struct s2c_tree *tree)
{
	return tree->fd;
}

int s2c_tree_adopt(struct s2c_store *store, int dir_fd, const char *name,
	const struct s2c_digest *diff_id, bool *out_moved, struct s2c_error **err)
{
	CLEAN_FD int sync = -1;

	*out_moved = false;
	if (s2c_tree_exists(store, diff_id))
		return 0;
	if (s2c_fault_point("store.tree.sync", err) < 0 ||
		s2c_fs_open(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, &sync, err) < 0)
		return -1;
	/* One syncfs instead of an fsync per file: 4.2 item 8 of our measurements. */
	if (syncfs(sync) < 0)
		return s2c_fail_errno(
			err, errno, "cannot sync the tree of layer '%s'", diff_id->str);
	if (s2c_fault_point("store.tree.rename", err) < 0)
		return -1;
	/* Over a directory that holds something rename(2) fails: then it is that tree. */
	if (renameat(dir_fd, name, store->trees_fd, s2c_digest_hex(diff_id)) < 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return 0;
		return s2c_fail_errno(err, errno,
			"cannot put the tree of layer '%s' into store '%s'", diff_id->str,
			store->path);
	}
	*out_moved = true;
	return 0;
}

int s2c_tree_commit(
	struct s2c_tree *tree, const struct s2c_digest *diff_id, struct s2c_error **err)
{
	return s2c_tree_adopt(tree->store, tree->store->scratch.fd, tree->name, diff_id,
		&tree->committed, err);
}

void s2c_tree_free(struct s2c_tree *tree)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	if (!tree)
		return;
	if (!tree->committed)
		(void)!s2c_fs_rm_rf(tree->store->scratch.fd, tree->name, &ignored);
	(void)close(tree->fd);
	free(tree->name);
	free(tree);
}

/* ---- the form ---- */

static int parse_form(
	const char *text, size_t len, struct s2c_tree_form *out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {
		.bytes = FORM_BYTES_MAX, .depth = 2, .nodes = 16};
	const char *prefix = NULL;
	int64_t version = 0;
	bool single_id = false;

	if (s2c_json_parse(text, len, limits, &root, err) < 0 ||
		s2c_json_get_int(root, "version", S2C_REQUIRED, &version, err) < 0 ||
		s2c_json_get_str(root, "xattrPrefix", S2C_REQUIRED, &prefix, err) < 0 ||
		s2c_json_get_bool(root, "singleId", S2C_REQUIRED, &single_id, err) < 0)
		return -1;
	if (version != FORM_VERSION)
		return s2c_fail(err, S2C_EUNSUPPORTED, "made by another version of s2c");
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!streq(prefix, prefixes[i]))
			continue;
		*out = (struct s2c_tree_form){
			.xattr_prefix = prefixes[i], .single_id = single_id};
		return 0;
	}
	return s2c_fail(err, S2C_EPROTO, "unknown prefix '%s'", prefix);
}

int s2c_tree_form_get(struct s2c_store *store, struct s2c_tree_form *out, bool *out_set,
	struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(FORM_BYTES_MAX);
	CLEAN_ERROR struct s2c_error *failed = NULL;

	if (s2c_fs_read_file(store->trees_fd, FORM, &text, &failed) < 0) {
		if (s2c_error_code(failed) == S2C_ENOENT) {
			*out_set = false;
			return 0;
		}
		s2c_error_move(err, &failed);
		return s2c_wrap(err, "store '%s'", store->path);
	}
	if (parse_form(s2c_buf_str(&text), text.len, out, err) < 0)
		return s2c_wrap(err,
			"'%s/trees/" FORM
			"' is damaged, remove '%s/trees' to have the layers "
			"unpacked again",
			store->path, store->path);
	*out_set = true;
	return 0;
}

/* Exactly one of several processes writes it: link(2) does not replace. */
static int write_form(
	struct s2c_store *store, const struct s2c_tree_form *form, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *temp = s2c_fs_random_name("form");
	int scratch, rc = 0;

	s2c_json_set_int(root, "version", FORM_VERSION);
	s2c_json_set_str(root, "xattrPrefix", form->xattr_prefix);
	s2c_json_set_bool(root, "singleId", form->single_id);
	text = s2c_json_print(root, S2C_JSON_COMPACT);
	if (s2c_store_scratch(store, &scratch, err) < 0 ||
		s2c_store_put_file(store, scratch, temp, text, strlen(text), err) < 0)
		return -1;
	if (linkat(scratch, temp, store->trees_fd, FORM, 0) < 0 && errno != EEXIST)
		rc = s2c_fail_errno(
			err, errno, "cannot write '%s/trees/" FORM "'", store->path);
	(void)unlinkat(scratch, temp, 0);
	return rc;
}

static const char *describe(const struct s2c_tree_form *form)
{
	bool trusted = streq(form->xattr_prefix, prefixes[0]);

	if (trusted)
		return form->single_id ? "as root with one id" : "as root";
	return form->single_id ? "in a user namespace with one id"
			       : "in a user namespace with a range of ids";
}

int s2c_tree_form_set(
	struct s2c_store *store, const struct s2c_tree_form *form, struct s2c_error **err)
{
	struct s2c_tree_form there = {0};
	bool set = false;

	if (s2c_tree_form_get(store, &there, &set, err) < 0)
		return -1;
	if (!set && (write_form(store, form, err) < 0 ||
			    s2c_tree_form_get(store, &there, &set, err) < 0))
		return -1;
	if (!set)
		return s2c_fail(
			err, S2C_EIO, "cannot write '%s/trees/" FORM "'", store->path);
	if (!streq(there.xattr_prefix, form->xattr_prefix) ||
		there.single_id != form->single_id)
		return s2c_fail(err, S2C_EINVAL,
			"the layers in store '%s' were unpacked %s and cannot be used "
			"%s: "
			"choose another store with --root, or remove '%s/trees' to have "
			"them unpacked again",
			store->path, describe(&there), describe(form), store->path);
	return 0;
}
