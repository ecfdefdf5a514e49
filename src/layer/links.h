/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which inode went into the layer under which name: the second name of a file becomes a
 * hard link to the first. Private to layer.
 */
#ifndef S2C_LAYER_LINKS_H
#define S2C_LAYER_LINKS_H

#include <stddef.h>
#include <sys/stat.h>

struct s2c_links {
	struct s2c_link *slots;
	size_t used, size; /* size is a power of two, or 0 */
};

/* The name under which the inode was noted, or NULL. */
const char *s2c_links_find(const struct s2c_links *links, const struct stat *st);
/* Notes the first name of an inode (by device and inode number). */
void s2c_links_note(struct s2c_links *links, const struct stat *st, const char *path);
void s2c_links_release(struct s2c_links *links);

#endif
