/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system of one container: an overlay of unpacked layers (read-only) and an
 * upper directory of its own that holds what changes.
 *
 * It is mounted in two ways, never at once: as a *view*, a mount that is attached nowhere
 * and that only this process can reach through a descriptor; and at a path inside the
 * private mount namespace of a container's keeper. Neither is ever visible on the host,
 * and both are gone when their process is.
 */
#ifndef S2C_RUNTIME_OVERLAY_H
#define S2C_RUNTIME_OVERLAY_H

#include <stdbool.h>

#include "util/error.h"

struct s2c_overlay {
	int *lower_fds; /* uppermost first; owned */
	size_t n_lowers;
	/* Directory holding upper and workdirs; borrowed. -1: a read-only view only. */
	int work_fd;
	bool userxattr;  /* marks in user.overlay.*, for user namespaces */
	bool classic;    /* by mount(2) only, as kernels before 6.7 may need; for tests */
	bool keep_owner; /* single id: the upper root cannot be chowned */
	int view_fd;     /* -1: no view mounted */
	unsigned serial; /* each mount has its own workdir, as volatile ones demand */
};
#define S2C_OVERLAY_INIT                                                                 \
	{                                                                                \
		.work_fd = -1, .view_fd = -1                                             \
	}

/*
 * Makes the upper directory ("upper", below work_fd) with the metadata of the uppermost
 * lower's root. The lowers must be set.
 */
S2C_CHECK int s2c_overlay_prepare(struct s2c_overlay *overlay, struct s2c_error **err);

/* Its name below work_fd. */
#define S2C_OVERLAY_UPPER "upper"
/* An fd of the upper directory, for reading what changed. Caller closes. */
S2C_CHECK int s2c_overlay_upper(
	const struct s2c_overlay *overlay, int *out_fd, struct s2c_error **err);

/*
 * The view: mounts it when it is not, and gives its fd, borrowed until the next
 * s2c_overlay_drop_view().
 */
S2C_CHECK int s2c_overlay_view(
	struct s2c_overlay *overlay, int *out_fd, struct s2c_error **err);
void s2c_overlay_drop_view(struct s2c_overlay *overlay);

/*
 * After unshare(CLONE_NEWNS): opens all directories again in the new mount namespace, as
 * overlayfs only takes what is mounted there. Replaces the descriptors; the old work_fd
 * stays open.
 */
S2C_CHECK int s2c_overlay_rehome(struct s2c_overlay *overlay, struct s2c_error **err);

/*
 * Mounts at `target`, an absolute trusted path in the caller's private mount namespace.
 * There must be no view, in this process or its parent.
 */
S2C_CHECK int s2c_overlay_mount(
	struct s2c_overlay *overlay, const char *target, struct s2c_error **err);

/* Closes what is open; directories belong to the work directory. */
void s2c_overlay_release(struct s2c_overlay *overlay);

/* Tries an overlay mount in `work_fd` (left as it was), for doctor and probe. */
S2C_CHECK int s2c_overlay_probe(int work_fd, bool userxattr, struct s2c_error **err);

#endif
