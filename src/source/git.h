/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running git on hostile repositories. Its environment is made here from nothing: no
 * configuration of the host or the user, no hooks, filters, helpers or prompts, one
 * allowed transport, and no URL with a secret in an argument
 * (CVE-2018-11235, 2019-13139, 2020-5260, 2022-39253, 2024-32004, 2025-48384 class).
 *
 * What still comes from the invoking user: PATH, the proxy and CA variables, the ssh
 * agent, GIT_SSH_COMMAND, and what ssh itself reads.
 */
#ifndef S2C_SOURCE_GIT_H
#define S2C_SOURCE_GIT_H

#include "source/backend.h"

#define S2C_GIT_OUTPUT_MAX (1024u * 1024) /* bytes of one stream of a git command */
#define S2C_GIT_ID_MAX 64                 /* hex digits of an object id */

struct s2c_git {
	struct s2c_ctx *ctx;
	struct s2c_strv env;
	const char *shown; /* what messages call the repository; borrowed */
};

struct s2c_git_opts {
	int stage_fd;
	const char *stage_path;
	const char *shown;
	const char *protocols;      /* as GIT_ALLOW_PROTOCOL: "https", "http:https", "" */
	const char *safe_directory; /* absolute path of a local repository, or NULL */
	const char *address;        /* URL that userinfo is for */
	const char *userinfo;       /* "user:password", or NULL */
	/* Ask the credential helpers and the .netrc of the user, who said so. */
	bool user_credentials;
};

/* Writes the configuration into the stage. S2C_ENOENT when there is no git. */
S2C_CHECK int s2c_git_init(struct s2c_ctx *ctx, const struct s2c_git_opts *opts,
	struct s2c_git *git, struct s2c_error **err);
void s2c_git_release(struct s2c_git *git);
#define CLEAN_GIT CLEAN(s2c_git_release)

/*
 * Runs "git ARGS..." (NULL-terminated). Standard output goes to `out` (may be NULL). A
 * status other than 0 is an error that shows the last lines of what git said, with a code
 * by its cause: S2C_EAUTH, S2C_ENET, S2C_ENOENT, else S2C_EIO.
 */
S2C_CHECK int s2c_git_run(struct s2c_git *git, const char *const *args,
	struct s2c_buf *out, struct s2c_error **err);

/*
 * Makes the repository of the environment's GIT_DIR, fetches the commit of a full id from
 * a URL that was checked, and puts its files into GIT_WORK_TREE.
 */
S2C_CHECK int s2c_git_check_out(
	struct s2c_git *git, const char *url, const char *id, struct s2c_error **err);

/*
 * Fails with S2C_ELIMIT when the tree of a commit is larger than a source may be: a few
 * objects can stand for a checkout without end.
 */
S2C_CHECK int s2c_git_check_tree(
	struct s2c_git *git, const char *commit, struct s2c_error **err);

/* Author, date, subject and id of a commit into info; *out_time in seconds (may be NULL).
 */
S2C_CHECK int s2c_git_commit_info(struct s2c_git *git, const char *commit,
	struct s2c_source_info *info, int64_t *out_time, struct s2c_error **err);

/* True for 4 to 64 hex digits; `full` is for 40 or 64 of them. */
bool s2c_git_is_id(const char *text, bool full);

#endif
