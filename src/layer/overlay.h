/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How deletions look: in layers (OCI image-spec, layer.md) and on disk (overlayfs).
 * Shared by diff and unpack, private to layer.
 */
#ifndef S2C_LAYER_OVERLAY_H
#define S2C_LAYER_OVERLAY_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#define S2C_WHITEOUT_PREFIX ".wh."
#define S2C_WHITEOUT_OPAQUE ".wh..wh..opq"

/* A character device 0:0. It is no device, whatever its link count says. */
static inline bool s2c_overlay_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static inline bool s2c_overlay_is_whiteout_at(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       s2c_overlay_is_whiteout(&st);
}

#endif
