/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which paths of a source are left out: .s2iignore and --exclude. Pure.
 *
 * .s2iignore lines as S2I has them: blanks trimmed, "#" comments, one glob per line
 * relative to the root ('*' and '?' do not cross '/', "[...]" classes, a trailing '/' is
 * ignored), "!" takes back earlier matches; a match excludes all below it. Patterns that
 * try to leave the tree match nothing. In addition "**" crosses directories. Not as in
 * gitignore: a pattern without '/' is tried at the root only ("**" + "/x" for anywhere).
 * .dockerignore lines are the same globs with docker's meaning: the last pattern decides
 * that matches a path or something above it, so that "!" may take back what lies in an
 * excluded directory, and "#" begins a comment at the start of a line alone.
 * --exclude is a POSIX extended regular expression on the path within the source, without
 * back references; S2I's default excludes .git. A directory is also tried with a '/' at
 * its end, so that "^tmp/" excludes all of tmp.
 */
#ifndef S2C_SOURCE_IGNORE_H
#define S2C_SOURCE_IGNORE_H

#include <stdbool.h>

#include "util/error.h"

#define S2C_IGNORE_BYTES_MAX (1024u * 1024) /* of a .s2iignore */
#define S2C_IGNORE_RULES_MAX 10000
#define S2C_IGNORE_PATTERN_MAX 4096 /* bytes of one */
#define S2C_EXCLUDE_DEFAULT "(^|/)\\.git(/|$)"
#define S2C_EXCLUDE_MAX 4096 /* bytes of the expression */

struct s2c_ignore;

/*
 * text may be NULL (no .s2iignore); exclude NULL: the default, "": exclude nothing.
 * S2C_EINVAL names the line or the expression that is wrong.
 */
S2C_CHECK int s2c_ignore_new(const char *text, size_t len, const char *exclude,
	struct s2c_ignore **out, struct s2c_error **err);
/* The same for a .dockerignore, without an expression. */
S2C_CHECK int s2c_ignore_new_docker(
	const char *text, size_t len, struct s2c_ignore **out, struct s2c_error **err);
void s2c_ignore_free(struct s2c_ignore *ignore);
S2C_DEFINE_CLEAN(ignore, struct s2c_ignore *, s2c_ignore_free)

/* True if the path (relative, as in entries) or a parent of it is excluded. */
bool s2c_ignore_match(const struct s2c_ignore *ignore, const char *path, bool is_dir);

/* True if something below an excluded directory may be taken back. */
bool s2c_ignore_takes_back(const struct s2c_ignore *ignore);

/* The same for a walk that has already asked for every parent of the path. */
bool s2c_ignore_match_name(
	const struct s2c_ignore *ignore, const char *path, bool is_dir);

#endif
