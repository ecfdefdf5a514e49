/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory tree as a stream of entries in layer order, safe against whoever writes to
 * the tree meanwhile: links are kept and never followed, and nothing outside is opened.
 * Hard links within the tree are kept; extended attributes, setuid and setgid bits are
 * not. Refused with S2C_EINVAL naming the path and the remedy: fifos, sockets, devices,
 * files that cannot be read or change while they are read, names that begin with ".wh.".
 */
#ifndef S2C_CODEC_WALK_H
#define S2C_CODEC_WALK_H

#include "codec/entry.h"

#define S2C_WALK_ENTRIES_MAX 4000000u /* of a tree */
#define S2C_WALK_DEPTH_MAX 256        /* nested directories */

struct s2c_walk_opts {
	const char *what;   /* the tree for messages: "the source" */
	const char *remedy; /* what people can do about what is refused */
	const char *only;   /* this name of the directory and what is below; NULL: all */
	const char *empty;  /* the sentence when there is nothing; NULL: that is fine */
	/* Leaves a path out, a directory with all below it; NULL: nothing. */
	bool (*skip)(const void *by, const char *path, bool is_dir);
	const void *skip_by;
	/* Changes the metadata of an entry; NULL: they are as on disk. */
	void (*adjust)(const void *by, struct s2c_entry *entry);
	const void *adjust_by;
	bool check_readable; /* refuse what its owner cannot read, by its mode */
	bool links_apart;    /* files of several names come as files of their own */
	bool skip_special;   /* leave out devices, fifos and sockets */
};

/*
 * The entries below dir_fd, which is borrowed for the call; the root has no entry. opts
 * is copied, what it points to is borrowed until the entries are freed.
 */
S2C_CHECK int s2c_walk(int dir_fd, const struct s2c_walk_opts *opts,
	struct s2c_entries **out, struct s2c_error **err);

#endif
