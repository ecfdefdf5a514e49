/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacked layers, one directory per diffID in overlay form. A tree under its name is
 * complete; it is never written again. How trees are made (ownership, xattr prefix) is
 * recorded in the store at its first use, so that root and rootless never mix.
 */
#ifndef S2C_STORE_TREE_H
#define S2C_STORE_TREE_H

#include "store/store.h"

/*
 * How the trees of a store are made. It is recorded in trees/form by who unpacks first;
 * when gc has removed the last tree the record goes too.
 */
#define S2C_TREE_FORM_FILE "form"
struct s2c_tree_form {
	const char *xattr_prefix; /* "trusted.overlay." or "user.overlay." */
	bool single_id;           /* see layer/unpack.h */
};
/* Records the form, or compares: S2C_EINVAL says what to do when it differs. */
S2C_CHECK int s2c_tree_form_set(struct s2c_store *store, const struct s2c_tree_form *form,
	struct s2c_error **err);
/* The recorded form (static string inside); *out_set is false when there is none. */
S2C_CHECK int s2c_tree_form_get(struct s2c_store *store, struct s2c_tree_form *out,
	bool *out_set, struct s2c_error **err);

bool s2c_tree_exists(struct s2c_store *store, const struct s2c_digest *diff_id);
/* An O_PATH|O_DIRECTORY fd of a tree; S2C_ENOENT. */
S2C_CHECK int s2c_tree_open(struct s2c_store *store, const struct s2c_digest *diff_id,
	int *out_fd, struct s2c_error **err);
/* Absolute path of a tree, for mount options; caller frees. */
char *s2c_tree_path(const struct s2c_store *store, const struct s2c_digest *diff_id);

/* Makes one: begin -> fill the directory fd -> commit (syncfs, rename). */
struct s2c_tree;
S2C_CHECK int s2c_tree_begin(
	struct s2c_store *store, struct s2c_tree **out, struct s2c_error **err);
int s2c_tree_fd(const struct s2c_tree *tree);
/* Names it; if another process was faster, its tree stays and ours is removed. */
S2C_CHECK int s2c_tree_commit(
	struct s2c_tree *tree, const struct s2c_digest *diff_id, struct s2c_error **err);
/*
 * The same with a directory that is one already, `name` in dir_fd on the store's file
 * system. *out_moved is false if the tree was there: then the directory stays.
 */
S2C_CHECK int s2c_tree_adopt(struct s2c_store *store, int dir_fd, const char *name,
	const struct s2c_digest *diff_id, bool *out_moved, struct s2c_error **err);
/* Removes an uncommitted one. */
void s2c_tree_free(struct s2c_tree *tree);
S2C_DEFINE_CLEAN(tree, struct s2c_tree *, s2c_tree_free)
#define CLEAN_TREE CLEAN(s2c_clean_tree)

#endif
