/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the upper directory of an overlay to the entries of a layer. Only the upper
 * directory is walked; the lower trees are consulted for what lies under its entries.
 *
 * What comes out: parents before children, explicit whiteouts (opaque directories are
 * turned into whiteouts of the names below that are gone), hard links within the layer,
 * no entry for what equals the lower (content and metadata), none for directories of
 * which nothing changed but the mtime, none for sockets. Overlay's own xattrs, SELinux
 * and IMA labels are dropped; security.capability and user.* stay.
 */
#ifndef S2C_LAYER_DIFF_H
#define S2C_LAYER_DIFF_H

#include "codec/entry.h"
#include "util/strv.h"

/*
 * How file ids on disk become ids of the image. In a user namespace with ranges, and as
 * root, they are the same (single_id false). With a single-id mapping every file belongs
 * to one id: then new and changed non-directories belong to uid/gid and lose setuid and
 * setgid bits, and directories that exist below keep what is recorded there in
 * S2C_OWNER_XATTR (see layer/unpack.h).
 */
struct s2c_owner_map {
	bool single_id;
	uint32_t uid, gid;
};

/*
 * How the upper directory differs from what its layer says, once all entries were read:
 * see layer/settle.h.
 */
struct s2c_diff_rest {
	/* What is there and is not said: excludes, what equals the lower, whiteouts of
	 * nothing. Relative; what is in a directory comes before it. */
	struct s2c_strv paths;
	bool root_said; /* there is an entry for the root */
	bool more;      /* and there is more to it than these paths */
};
void s2c_diff_rest_release(struct s2c_diff_rest *rest);

struct s2c_diff_opts {
	int upper_fd;         /* borrowed */
	const int *lower_fds; /* trees, uppermost first; borrowed */
	size_t n_lowers;
	const char *xattr_prefix; /* "trusted.overlay." or "user.overlay." */
	/* Relative paths left out with all below, also as whiteouts. */
	const struct s2c_strv *excludes;
	struct s2c_owner_map owner;
	struct s2c_diff_rest *rest; /* borrowed, filled while entries are read; or NULL */
};

/*
 * Entries of the difference, in layer order. The upper directory must not change while
 * it is read (no process of the container may live): what changes is S2C_EINVAL naming
 * it. Fails with S2C_EUNSUPPORTED on redirect or metacopy xattrs, and with S2C_EINVAL on
 * a file whose name begins with ".wh.".
 */
S2C_CHECK int s2c_layer_diff(struct s2c_ctx *ctx, const struct s2c_diff_opts *opts,
	struct s2c_entries **out, struct s2c_error **err);

#endif
