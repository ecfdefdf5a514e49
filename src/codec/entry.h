/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File system entries on their way: what a source tree, a layer and an archive have in
 * common. A stream of entries (`struct s2c_entries`) is pulled entry by entry; the data
 * of a regular file is read before the next entry is asked for.
 */
#ifndef S2C_CODEC_ENTRY_H
#define S2C_CODEC_ENTRY_H

#include <stdint.h>
#include <sys/types.h>

#include "util/ctx.h"
#include "util/stream.h"

/* Named maxima for entries from anywhere. */
#define S2C_ENTRY_PATH_MAX 65536        /* bytes of a path */
#define S2C_ENTRY_NAME_MAX 255          /* bytes of a component; of ".wh.x": of "x" */
#define S2C_ENTRY_LINK_MAX 4095         /* bytes of a link target */
#define S2C_ENTRY_XATTRS_MAX 256        /* attributes of an entry */
#define S2C_ENTRY_XATTR_VALUE_MAX 65536 /* bytes of one value */
#define S2C_ENTRY_ID_MAX 4294967294u    /* uid and gid: 2^32-2 */

enum s2c_entry_type {
	S2C_ENTRY_FILE,
	S2C_ENTRY_DIR,
	S2C_ENTRY_SYMLINK,
	S2C_ENTRY_HARDLINK, /* link names an earlier entry of the same stream */
	S2C_ENTRY_CHARDEV,
	S2C_ENTRY_BLOCKDEV,
	S2C_ENTRY_FIFO,
	S2C_ENTRY_SOCKET, /* only seen in trees, never in archives */
};

struct s2c_xattr {
	char *name;
	void *value;
	size_t len;
};

struct s2c_entry {
	/*
	 * Relative path of any bytes but NUL: no leading "/" or "./", no trailing "/", no
	 * empty, "." or ".." component. The root itself is ".".
	 */
	char *path;
	enum s2c_entry_type type;
	mode_t mode; /* 07777 only */
	uint32_t uid, gid;
	uint64_t size; /* of data; 0 unless FILE */
	int64_t mtime;
	uint32_t mtime_ns;
	char *link; /* SYMLINK: target as it is; HARDLINK: path of the first name */
	uint32_t dev_major, dev_minor;
	struct s2c_xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
};

#define S2C_ENTRY_INIT                                                                   \
	{                                                                                \
		0                                                                        \
	}

/* Frees what the entry holds and zeroes it. */
void s2c_entry_release(struct s2c_entry *entry);
#define CLEAN_ENTRY CLEAN(s2c_entry_release)

/* Adds a copy of an attribute, keeping order; S2C_ELIMIT above the maxima. */
S2C_CHECK int s2c_entry_add_xattr(struct s2c_entry *entry, const char *name,
	const void *value, size_t len, struct s2c_error **err);

/*
 * Whether an attribute travels with a file: security.capability and user.*, but nothing
 * that an overlay, a security module or s2c itself reads (user.overlay.*,
 * user.fuseoverlayfs.*, user.s2c.*, trusted.*, security.selinux, ...).
 */
bool s2c_entry_xattr_kept(const char *name);

/*
 * Brings a path from an archive into the form above: strips "./" and trailing "/",
 * folds "//" and "/./". Refuses (S2C_EINVAL) absolute paths unless `strip_root`, ".."
 * anywhere, NUL, over-long components. Caller frees *out.
 */
S2C_CHECK int s2c_entry_normalize_path(
	const char *path, bool strip_root, char **out, struct s2c_error **err);

/*
 * The order of layers: a directory before what is in it, children in byte order of their
 * names (so "a/b" sorts before "a.x"), whiteouts (".wh.*") before their siblings and the
 * opaque marker first. Like strcmp.
 */
int s2c_entry_path_cmp(const char *a, const char *b);

struct s2c_entries;

struct s2c_entries_ops {
	/*
	 * The next entry, borrowed until the next call, or *out = NULL at the end. Data
	 * of the previous entry that was not read is skipped.
	 */
	S2C_CHECK int (*next)(struct s2c_entries *e, struct s2c_ctx *ctx,
		const struct s2c_entry **out, struct s2c_error **err);
	/* Data of the current FILE: as s2c_reader_ops.read. Yields exactly entry.size
	 * bytes or fails (S2C_EINVAL naming the file that changed while it was read). */
	ssize_t (*read)(
		struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err);
	/*
	 * Optional: an fd (borrowed) from whose offset 0 entry.size bytes can be taken by
	 * copy_file_range, or -1. NULL: never. The caller must then still find exactly
	 * entry.size bytes.
	 */
	int (*data_fd)(struct s2c_entries *e);
	void (*free)(struct s2c_entries *e);
};

struct s2c_entries {
	const struct s2c_entries_ops *ops;
};

S2C_CHECK int s2c_entries_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err);
S2C_CHECK ssize_t s2c_entries_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err);
int s2c_entries_data_fd(struct s2c_entries *e);
void s2c_entries_free(struct s2c_entries *e);
S2C_DEFINE_CLEAN(entries, struct s2c_entries *, s2c_entries_free)
#define CLEAN_ENTRIES CLEAN(s2c_clean_entries)

#endif
