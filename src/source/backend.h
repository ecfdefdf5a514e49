/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a source comes from, for implementors. The table is in source.c; a backend makes
 * a tree out of what was asked for, and source.c does the rest (context_dir, emptiness).
 */
#ifndef S2C_SOURCE_BACKEND_H
#define S2C_SOURCE_BACKEND_H

#include <sys/stat.h>

#include "source/source.h"
#include "source/spec.h"

/* What is asked for, parsed, with what the file system says about it. */
struct s2c_source_ask {
	const struct s2c_source_opts *opts;
	struct s2c_spec spec;
	const char *ref; /* of the options or the spec, checked; NULL: none */
	/* PATH: what lies there, symlinks followed since the user typed it. */
	bool exists;
	struct stat st;
	bool has_git; /* PATH: a directory with a .git in it */
	bool is_bare; /* PATH: a directory that itself is a repository */
};

struct s2c_source_ops {
	const char *name; /* the `kind` of its sources */
	/* True if the backend is for this; the first of the table that says so is taken.
	 */
	bool (*matches)(const struct s2c_source_ask *ask);
	/* Fills fd (the root of the tree) and info; the rest is filled by source.c. */
	S2C_CHECK int (*open)(struct s2c_ctx *ctx, const struct s2c_source_ask *ask,
		struct s2c_source *out, struct s2c_error **err);
};

extern const struct s2c_source_ops s2c_source_dir_ops; /* a local directory, as it is */
extern const struct s2c_source_ops s2c_source_git_ops; /* a checkout in the stage */
extern const struct s2c_source_ops s2c_source_tar_ops; /* unpacked into the stage */

/*
 * Fills what the repository in .git of source->fd (whose absolute path is `path`) knows
 * about the tree around it, without trusting its configuration. What cannot be found out
 * stays empty; fails only when the context ends.
 */
S2C_CHECK int s2c_git_describe(struct s2c_ctx *ctx, const struct s2c_source_opts *opts,
	const char *path, struct s2c_source *source, struct s2c_error **err);

/* Replaces a member of an info by a string that it takes over. */
void s2c_source_set(char **member, char *value);

#endif
