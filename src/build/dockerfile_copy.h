/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What COPY and ADD take out of a source: names and patterns (Go's filepath.Match, a
 * component at a time) to entries that have their names at the destination. Nothing
 * outside of the source is ever opened, and what its ignore rules leave out is not there.
 */
#ifndef S2C_BUILD_DOCKERFILE_COPY_H
#define S2C_BUILD_DOCKERFILE_COPY_H

#include "build/scripts.h"
#include "source/ignore.h"

#define S2C_COPY_ROOTS_MAX 65536 /* matches of one pattern */
#define S2C_COPY_LINKS_MAX 8     /* links to links */

/* Where files come from. All borrowed. */
struct s2c_copy_from {
	struct s2c_source *source; /* links_apart is set */
	const struct s2c_ignore *ignore;
	const struct s2c_scripts *scripts; /* assemble and run lie on top of it */
};

/* A file or directory that matches. */
struct s2c_copy_root {
	char *path; /* in the source; "." is all of it */
	char *name; /* its last part, or that of the link that led here */
	bool dir;
	bool linked; /* a link has led here */
};

struct s2c_copy_roots {
	struct s2c_copy_root *items; /* sorted by path */
	size_t n;
};
void s2c_copy_roots_release(struct s2c_copy_roots *roots);

/*
 * Appends what a pattern means. A link is followed within the source, as docker does for
 * what an instruction names. S2C_ENOENT when nothing matches, S2C_EINVAL for patterns
 * that are malformed or lead out of the source, S2C_ELIMIT.
 */
S2C_CHECK int s2c_copy_find(struct s2c_ctx *ctx, const struct s2c_copy_from *from,
	const char *pattern, struct s2c_copy_roots *roots, struct s2c_error **err);

struct s2c_copy_map {
	const struct s2c_copy_root *roots; /* sorted by path; borrowed */
	size_t n;
	const char *rename; /* of the only root, a file; NULL: its own name */
	int mode;           /* -1: each its own */
};

/*
 * The roots as entries: a directory gives what is in it, a file itself. Modes without
 * setuid and setgid, no extended attributes. `map` is borrowed until they are freed.
 */
S2C_CHECK int s2c_copy_entries(const struct s2c_copy_from *from,
	const struct s2c_copy_map *map, struct s2c_entries **out, struct s2c_error **err);

/*
 * A tar that is a file of the source (plain, gzip or zstd) as entries, in the same way.
 * *out is NULL when it is no tar. S2C_EUNSUPPORTED for bzip2 and xz.
 */
S2C_CHECK int s2c_copy_archive(struct s2c_ctx *ctx, const struct s2c_copy_from *from,
	const char *path, struct s2c_entries **out, struct s2c_error **err);

/*
 * Entries of something else, which is owned, in the same way: `map` has one root, which
 * they are of. Hard links in a directory stay links.
 */
struct s2c_entries *s2c_copy_mapped(
	struct s2c_entries *entries, const struct s2c_copy_map *map);

/* A stream without any entry. */
struct s2c_entries *s2c_copy_nothing(void);

#endif
