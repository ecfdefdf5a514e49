/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Application source: a directory, a git repository or a tar (file or standard input).
 * Whatever it was, opened it is a directory fd that is only read, plus what is known
 * about where it came from. Git checkouts and tars are staged in the caller's work
 * directory; a local directory is used where it is.
 */
#ifndef S2C_SOURCE_SOURCE_H
#define S2C_SOURCE_SOURCE_H

#include "codec/walk.h"
#include "util/ctx.h"
#include "util/strv.h"

#define S2C_SOURCE_SPEC_MAX 4096 /* bytes of a source argument */
#define S2C_SOURCE_ENTRIES_MAX S2C_WALK_ENTRIES_MAX
#define S2C_SOURCE_BYTES_MAX (256ull << 30) /* bytes of a staged tar */

struct s2c_source_opts {
	const char *spec; /* path, git URL, scp-like, "file.tar[.gz|.zst]", "-" */
	const char *ref; /* git only; NULL: "#ref" of the spec, else the default branch */
	const char
		*context_dir;   /* directory inside the source that is built; NULL: all */
	bool ignore_submodules; /* git only: their directories stay empty */
	bool git_credentials;   /* git only: ask the user's helpers and .netrc */
	bool copy;    /* a local repository is a directory like any other; no ref then */
	int stage_fd; /* empty directory for checkouts and tars; borrowed */
	const char *stage_path; /* its absolute path (git needs one) */
	int stdin_fd;           /* for "-" */
};

/* What the image labels say about the source; strings are "" when unknown. */
struct s2c_source_info {
	/* URL without userinfo (ssh keeps its login name, which is no secret), or path */
	char *location;
	char *context_dir;
	char *ref, *commit_id, *author, *date, *message;
	bool dirty; /* local repository with uncommitted changes, which are built */
};

struct s2c_source {
	int fd;           /* the directory that is built (context_dir applied) */
	const char *kind; /* "directory", "git", "tar" */
	struct s2c_source_info info;
	/*
	 * The tree holds what a repository records and nothing of this host: then modes
	 * are 0644 or 0755 and times are that of the commit, whatever the disk says, so
	 * that the same commit gives the same entries on every day and under every umask.
	 */
	bool from_commit;
	int64_t commit_time;
	bool is_context; /* of a Dockerfile: its rules are those of .dockerignore */
	/* Files of several names come as files of their own: for walks that take a part.
	 */
	bool links_apart;
};

/*
 * Opens a source. Missing, empty and unreadable sources, a context_dir that leaves the
 * tree or crosses a symlink, refs and URLs that begin with "-", control characters in
 * URLs: S2C_EINVAL / S2C_ENOENT with one sentence.
 */
S2C_CHECK int s2c_source_open(struct s2c_ctx *ctx, const struct s2c_source_opts *opts,
	struct s2c_source **out, struct s2c_error **err);
void s2c_source_free(struct s2c_source *source);
S2C_DEFINE_CLEAN(source, struct s2c_source *, s2c_source_free)
#define CLEAN_SOURCE CLEAN(s2c_clean_source)

struct s2c_ignore;

/*
 * The entries to send, in layer order, without what `ignore` (may be NULL) excludes; the
 * root itself has no entry. source and ignore are borrowed until the entries are freed.
 * Symlinks are kept as links and never followed: one that leads out of the tree names
 * whatever is there in the image, or dangles. Hard links within the tree are kept.
 * Refused with S2C_EINVAL naming the path and the remedy: fifos, sockets, devices, files
 * that cannot be read, names beginning with ".wh.", files that change while they are
 * read, a tree of which everything is excluded. Owner ids are those on disk; the receiver
 * forces its own. Setuid, setgid bits and xattrs are dropped.
 */
S2C_CHECK int s2c_source_walk(struct s2c_source *source, const struct s2c_ignore *ignore,
	struct s2c_entries **out, struct s2c_error **err);

/*
 * Reads a small regular file of the source without following symlinks; S2C_ENOENT when
 * it is missing.
 */
S2C_CHECK int s2c_source_read(struct s2c_source *source, const char *path,
	struct s2c_buf *buf, struct s2c_error **err);

#endif
