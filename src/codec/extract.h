/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts entries under a directory fd, confined to it whatever the entries say: each parent
 * is opened without following symlinks, links and devices are made by *at() calls,
 * metadata is set through fds. It knows nothing of whiteouts: layer/unpack adds those.
 * CVE-2018-1102, 2026-17106, 2021-32760, 2021-29136 and their class.
 */
#ifndef S2C_CODEC_EXTRACT_H
#define S2C_CODEC_EXTRACT_H

#include "codec/entry.h"

/* Bytes kept about directories until the end; some 2 million of them. */
#define S2C_EXTRACT_NOTES_MAX (256u << 20)

struct s2c_extractor;

struct s2c_extract_opts {
	bool force_owner; /* give everything to uid/gid below instead of the entry's ids
			   */
	uint32_t uid, gid;
	bool no_owner;      /* leave ownership as created (single-id user namespace) */
	bool no_special;    /* refuse devices, fifos, sockets (S2C_EINVAL) */
	bool skip_devices;  /* pass over device nodes that cannot be made (EPERM) */
	bool keep_existing; /* S2C_EEXIST instead of replacing a non-directory */
	bool warn_replaced; /* warn (once) of an entry that takes the place of another */
	bool no_xattrs;     /* ignore extended attributes */
	/* With no_owner: the attribute in which directories keep "uid:gid", or NULL. */
	const char *owner_xattr;
	mode_t mode_mask; /* bits to keep of the mode; 0: 07777 */
};

/* root_fd is borrowed; it must be a directory that no one else can write to. */
struct s2c_extractor *s2c_extractor_new(int root_fd, const struct s2c_extract_opts *opts);
void s2c_extractor_free(struct s2c_extractor *x);
S2C_DEFINE_CLEAN(extractor, struct s2c_extractor *, s2c_extractor_free)

/*
 * Makes one entry. Missing parents are made 0755 owned by root (or the forced owner). A
 * non-directory in the way is unlinked, a directory in the way of a non-directory is
 * removed with its content; a directory over a directory only gets metadata. Data of a
 * FILE is taken from `data` (the stream the entry came from); zero runs become holes.
 * Directory mtimes are applied by _finish, last.
 */
S2C_CHECK int s2c_extractor_add(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, struct s2c_entries *data, struct s2c_error **err);
/* Opens the parent directory of `path` (made when missing): for layer/unpack. */
S2C_CHECK int s2c_extractor_parent(struct s2c_extractor *x, const char *path, int *out_fd,
	const char **out_name, struct s2c_error **err);
S2C_CHECK int s2c_extractor_finish(struct s2c_extractor *x, struct s2c_error **err);

/*
 * Opens the directory at an entry's path below root_fd without following links, however
 * long the path is (the kernel's calls end at 4096 bytes).
 */
S2C_CHECK int s2c_extract_open_dir(
	int root_fd, const char *path, int *out_fd, struct s2c_error **err);

/* All of a stream, then finish. *out_entries / *out_bytes may be NULL. */
struct s2c_extract_count {
	uint64_t entries;
	uint64_t bytes;
};
S2C_CHECK int s2c_extract_all(struct s2c_ctx *ctx, struct s2c_entries *entries,
	int root_fd, const struct s2c_extract_opts *opts,
	struct s2c_extract_count *out_count, struct s2c_error **err);

#endif
