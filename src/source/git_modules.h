/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Submodules of a checkout, and theirs. .gitmodules comes from whoever made the
 * repository: each name, path and URL of it is checked before git hears of it, and every
 * submodule becomes a repository of its own, so that no configuration of the checkout is
 * ever read (CVE-2018-11235, 2019-1387, 2024-32002, 2025-48384).
 */
#ifndef S2C_SOURCE_GIT_MODULES_H
#define S2C_SOURCE_GIT_MODULES_H

#include "source/git.h"

#define S2C_GIT_MODULES_MAX 100         /* in one checkout, at all depths */
#define S2C_GIT_MODULES_DEPTH_MAX 8     /* inside each other */
#define S2C_GIT_MODULES_FILE_MAX 65536u /* bytes of a .gitmodules */

/* One submodule as .gitmodules has it. */
struct s2c_git_module {
	char *name, *path, *url; /* NULL: not there */
	bool skip;               /* "update = none" */
};
struct s2c_git_modules {
	struct s2c_git_module *items;
	size_t n;
};
void s2c_git_modules_release(struct s2c_git_modules *modules);
#define CLEAN_GIT_MODULES CLEAN(s2c_git_modules_release)

/*
 * Reads what "git config --list -z" says of a .gitmodules, `len` bytes. S2C_EDENIED for
 * names and paths that git itself would refuse (".." and ".git" in them, absolute ones,
 * a "-" or a control character), S2C_ELIMIT for too many. Pure.
 */
S2C_CHECK int s2c_git_modules_parse(const char *text, size_t len,
	struct s2c_git_modules *out, struct s2c_error **err);

/*
 * The URL of a submodule of the repository at `base`: relative ones ("./", "../") count
 * from there. S2C_EDENIED for paths of this host, for other protocols than that of the
 * base (of a local base: than https and ssh), and for ".." above the host. Caller frees
 * *out. Pure.
 */
S2C_CHECK int s2c_git_module_url(
	const char *base, const char *url, char **out, struct s2c_error **err);

/*
 * Checks out the submodules of `commit` below the stage's "tree", which holds its files.
 * `git` is for its repository, made with `opts`, and `url` is where it came from.
 */
S2C_CHECK int s2c_git_modules_update(struct s2c_git *git, const struct s2c_git_opts *opts,
	const char *url, const char *commit, struct s2c_error **err);

#endif
