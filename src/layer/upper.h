/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing of the upper directory: what it is, whether it equals what lies below, and
 * its data. Private to layer.
 */
#ifndef S2C_LAYER_UPPER_H
#define S2C_LAYER_UPPER_H

#include <sys/stat.h>

#include "codec/entry.h"
#include "layer/lower.h"

/* What overlayfs noted on a file or directory. */
struct s2c_upper_marks {
	bool opaque;
};

/*
 * Adds the attributes of a file or directory that belong into a layer to `entry` (whose
 * path is set) and reads the marks (may be NULL). Nothing else can have user attributes,
 * and capabilities mean nothing on it. File capabilities bound to a user namespace are
 * turned into plain ones, which is what they mean inside the image. S2C_EUNSUPPORTED on
 * redirect, metacopy and nested whiteouts.
 */
S2C_CHECK int s2c_upper_xattrs(struct s2c_ctx *ctx, int fd, const char *xattr_prefix,
	struct s2c_entry *entry, struct s2c_upper_marks *marks, struct s2c_error **err);

/* Everything of an entry but path, link and attributes. S2C_EUNSUPPORTED: no such type.
 */
void s2c_upper_from_stat(const struct stat *st, struct s2c_entry *entry);

/* Mode, owner and attributes; not the mtime. */
bool s2c_upper_same_meta(const struct s2c_entry *a, const struct s2c_entry *b);

/*
 * Whether `name` in dir_fd (fd, if it is a regular file) and the hit below are the same
 * in everything that a layer records, content included.
 */
struct s2c_upper_thing {
	const struct s2c_entry *entry; /* as it is on disk */
	const char *name;
	int fd; /* of a FILE, else -1 */
};
S2C_CHECK int s2c_upper_equals(struct s2c_ctx *ctx, const struct s2c_upper_thing *thing,
	const struct s2c_lower_hit *hit, const char *xattr_prefix, bool *out,
	struct s2c_error **err);

/* The data of a file, which must not change meanwhile. */
struct s2c_upper_data {
	int fd; /* owned; -1: none */
	struct stat st;
	uint64_t pos;
	uint64_t hole_from, hole_to; /* the hole that was found last */
};
#define S2C_UPPER_DATA_INIT                                                              \
	{                                                                                \
		.fd = -1                                                                 \
	}
void s2c_upper_data_close(struct s2c_upper_data *data);
ssize_t s2c_upper_data_read(struct s2c_upper_data *data, const char *path, void *buf,
	size_t len, struct s2c_error **err);

#endif
