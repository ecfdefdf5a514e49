/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies a layer tar to an empty directory that serves as one lower of an overlay:
 * ".wh.x" becomes a 0:0 character device, ".wh..wh..opq" the opaque xattr. Nothing leaves
 * the directory, whatever the names (see codec/extract.h). Whiteouts hide what lies in
 * other layers wherever they stand in the archive, never what this layer brings. The root
 * is 0755, owned by root and of the epoch unless the layer has an entry for it; so are
 * parents that have none.
 */
#ifndef S2C_LAYER_UNPACK_H
#define S2C_LAYER_UNPACK_H

#include "codec/digest.h"
#include "codec/entry.h"

/* Original owner "uid:gid" of a directory, kept by single-id unpacking for layer/diff. */
#define S2C_OWNER_XATTR "user.s2c.owner"

/*
 * On the root of a tree whose layer has no entry for the root, so that its metadata means
 * nothing: overlayfs shows the root of the uppermost tree, whatever the layers said.
 */
#define S2C_ROOT_XATTR "user.s2c.root"

/* Marks a root so, and makes it of the epoch. */
S2C_CHECK int s2c_layer_mark_root(int root_fd, struct s2c_error **err);

/*
 * The tree (of n > 0, uppermost first) whose root is the root of the image: the uppermost
 * that has an entry for it, else the lowest. An upper directory gets its metadata.
 */
size_t s2c_layer_root_tree(const int *tree_fds, size_t n);

struct s2c_unpack_opts {
	const char *xattr_prefix; /* "trusted.overlay." or "user.overlay." */
	bool single_id; /* do not chown; record directory owners in S2C_OWNER_XATTR */
	uint64_t max_entries; /* 0: S2C_UNPACK_ENTRIES_MAX */
	uint64_t max_bytes;   /* 0: S2C_UNPACK_BYTES_MAX */
};
#define S2C_UNPACK_ENTRIES_MAX 4000000u
#define S2C_UNPACK_BYTES_MAX (64ull << 30)
#define S2C_UNPACK_OPAQUE_MAX (64u << 20) /* bytes of names of opaque directories */

/*
 * Unpacks the uncompressed tar from `tar` (owned if own) under root_fd (borrowed) and
 * drains it to its last byte. *diff_id is the digest of what was read (may be NULL): the
 * caller compares it with the config before the directory is used.
 */
struct s2c_unpack_input {
	struct s2c_reader *tar; /* read in another thread, see util/ahead.h */
	bool own;
	struct s2c_ctx *stop; /* ends its waits; NULL: it never waits */
};
S2C_CHECK int s2c_layer_unpack(struct s2c_ctx *ctx, struct s2c_unpack_input input,
	int root_fd, const struct s2c_unpack_opts *opts, struct s2c_digest *diff_id,
	struct s2c_error **err);

#endif
