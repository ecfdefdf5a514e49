/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one thing of the upper directory. The tree is quiet when this runs; that it
 * was not is found out and reported, never papered over.
 */
#include "layer/upper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/fs.h"

#define XATTR_LIST_MAX 65536       /* XATTR_LIST_MAX of the kernel */
#define COMPARE_CHUNK (64u * 1024) /* bytes compared at once */
#define CAPS_V3_LEN 24
#define CAPS_V2_LEN 20
#define CAPS_REVISION_AT 3 /* the top byte of a little-endian word */

static int fail_changed(const char *path, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL,
		"'%s' changed while the layer was made; nothing may write to it", path);
}

/* ---- attributes ---- */

static int add_xattr(struct s2c_entry *entry, const char *name, unsigned char *value,
	size_t len, struct s2c_error **err)
{
	/* M3: with the id of a namespace's root they are worth nothing elsewhere. */
	if (streq(name, "security.capability") && len == CAPS_V3_LEN &&
		value[CAPS_REVISION_AT] == 3) {
		value[CAPS_REVISION_AT] = 2;
		len = CAPS_V2_LEN;
	}
	return s2c_entry_add_xattr(entry, name, value, len, err);
}

static int take_mark(const char *name, const unsigned char *value, ssize_t len,
	const char *path, struct s2c_upper_marks *marks, struct s2c_error **err)
{
	if (streq(name, "redirect") || streq(name, "metacopy"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'%s' has the overlay attribute '%s'; mount with "
			"redirect_dir=off,metacopy=off",
			path, name);
	if (!streq(name, "opaque"))
		return 0;
	if (len == 1 && value[0] == 'x')
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"'%s' comes from an overlay inside an overlay", path);
	if (marks)
		marks->opaque = len == 1 && value[0] == 'y';
	return 0;
}

static int take_xattr(struct s2c_ctx *ctx, int fd, const char *prefix, const char *name,
	struct s2c_entry *entry, struct s2c_upper_marks *marks, struct s2c_error **err)
{
	bool mark = starts_with(name, prefix);
	CLEAN_FREE unsigned char *value = NULL;
	ssize_t len;

	if (!mark && !s2c_entry_xattr_kept(name))
		return 0;
	if (!mark && strchr(name, '=')) {
		s2c_emit_log(ctx, S2C_WARN,
			"the extended attribute '%s' of '%s' is left out: a layer cannot "
			"hold a '=' in its name",
			name, entry->path);
		return 0;
	}
	value = xmalloc(S2C_ENTRY_XATTR_VALUE_MAX);
	len = fgetxattr(fd, name, value, S2C_ENTRY_XATTR_VALUE_MAX);
	if (len < 0)
		return s2c_fail_errno(err, errno,
			"cannot read the extended attribute '%s' of '%s'", name,
			entry->path);
	if (mark)
		return take_mark(
			name + strlen(prefix), value, len, entry->path, marks, err);
	return add_xattr(entry, name, value, (size_t)len, err);
}

int s2c_upper_xattrs(struct s2c_ctx *ctx, int fd, const char *xattr_prefix,
	struct s2c_entry *entry, struct s2c_upper_marks *marks, struct s2c_error **err)
{
	ssize_t len = flistxattr(fd, NULL, 0);
	CLEAN_FREE char *names = NULL;

	if (len == 0 || (len < 0 && errno == EOPNOTSUPP))
		return 0;
	names = xmalloc(XATTR_LIST_MAX + 1);
	len = len < 0 ? len : flistxattr(fd, names, XATTR_LIST_MAX);
	if (len < 0)
		return s2c_fail_errno(err, errno,
			"cannot list the extended attributes of '%s'", entry->path);
	names[len] = '\0';
	for (const char *name = names; name < names + len; name += strlen(name) + 1)
		if (take_xattr(ctx, fd, xattr_prefix, name, entry, marks, err))
			return -1;
	return 0;
}

/* ---- metadata ---- */

static enum s2c_entry_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return S2C_ENTRY_DIR;
	case S_IFLNK:
		return S2C_ENTRY_SYMLINK;
	case S_IFCHR:
		return S2C_ENTRY_CHARDEV;
	case S_IFBLK:
		return S2C_ENTRY_BLOCKDEV;
	case S_IFIFO:
		return S2C_ENTRY_FIFO;
	case S_IFSOCK:
		return S2C_ENTRY_SOCKET;
	default:
		return S2C_ENTRY_FILE;
	}
}

void s2c_upper_from_stat(const struct stat *st, struct s2c_entry *entry)
{
	entry->type = type_of(st->st_mode);
	entry->mode = st->st_mode & 07777;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	entry->mtime = st->st_mtim.tv_sec;
	entry->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		entry->dev_major = major(st->st_rdev);
		entry->dev_minor = minor(st->st_rdev);
	}
}

bool s2c_upper_same_meta(const struct s2c_entry *a, const struct s2c_entry *b)
{
	if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid ||
		a->n_xattrs != b->n_xattrs)
		return false;
	for (size_t i = 0; i < a->n_xattrs; i++)
		if (!streq(a->xattrs[i].name, b->xattrs[i].name) ||
			a->xattrs[i].len != b->xattrs[i].len ||
			memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].len))
			return false;
	return true;
}

/* ---- comparing ---- */

static int same_content(struct s2c_ctx *ctx, const struct s2c_upper_thing *thing, int fd,
	bool *out, struct s2c_error **err)
{
	CLEAN_FREE char *a = xmalloc(COMPARE_CHUNK), *b = xmalloc(COMPARE_CHUNK);
	off_t at = 0;

	*out = true;
	while (*out && (uint64_t)at < thing->entry->size) {
		ssize_t n = pread(thing->fd, a, COMPARE_CHUNK, at);
		ssize_t m = n <= 0 ? n : pread(fd, b, (size_t)n, at);

		if (n < 0 || m < 0)
			return s2c_fail_errno(
				err, errno, "cannot read '%s'", thing->entry->path);
		if (n == 0)
			return fail_changed(thing->entry->path, err);
		*out = m > 0 && memcmp(a, b, (size_t)m) == 0;
		at += m;
		if (s2c_ctx_check(ctx, err))
			return -1;
	}
	return 0;
}

static int same_target(const struct s2c_upper_thing *thing,
	const struct s2c_lower_hit *hit, bool *out, struct s2c_error **err)
{
	CLEAN_FREE char *target = NULL;

	if (s2c_fs_readlink(hit->dir_fd, thing->name, &target, err))
		return -1;
	*out = streq(target, thing->entry->link);
	return 0;
}

int s2c_upper_equals(struct s2c_ctx *ctx, const struct s2c_upper_thing *thing,
	const struct s2c_lower_hit *hit, const char *xattr_prefix, bool *out,
	struct s2c_error **err)
{
	const struct s2c_entry *e = thing->entry;
	CLEAN_ENTRY struct s2c_entry below = {.path = xstrdup(e->path)};
	CLEAN_FD int fd = -1;

	*out = false;
	if (!hit->found)
		return 0;
	s2c_upper_from_stat(&hit->st, &below);
	if (below.type != e->type || below.size != e->size || below.mtime != e->mtime ||
		below.mtime_ns != e->mtime_ns || below.mode != e->mode ||
		below.uid != e->uid || below.gid != e->gid ||
		below.dev_major != e->dev_major || below.dev_minor != e->dev_minor)
		return 0;
	if (e->type == S2C_ENTRY_SYMLINK)
		return same_target(thing, hit, out, err);
	if (e->type != S2C_ENTRY_FILE) {
		*out = true;
		return 0;
	}
	if (s2c_fs_open(hit->dir_fd, thing->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
		    &fd, err) ||
		s2c_upper_xattrs(ctx, fd, xattr_prefix, &below, NULL, err))
		return -1;
	if (!s2c_upper_same_meta(e, &below))
		return 0;
	return same_content(ctx, thing, fd, out, err);
}

/* ---- data ---- */

void s2c_upper_data_close(struct s2c_upper_data *data)
{
	s2c_clean_fd(&data->fd);
	*data = (struct s2c_upper_data)S2C_UPPER_DATA_INIT;
}

static bool has_holes(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

/* Bytes of hole at the position, so that they are not read from disk. */
static uint64_t hole_at(struct s2c_upper_data *data)
{
	off_t next;

	if (!has_holes(&data->st))
		return 0;
	if (data->pos >= data->hole_to) {
		next = lseek(data->fd, (off_t)data->pos, SEEK_HOLE);
		if (next < 0)
			return 0;
		data->hole_from = (uint64_t)next;
		next = lseek(data->fd, next, SEEK_DATA);
		data->hole_to = next < 0 ? (uint64_t)data->st.st_size : (uint64_t)next;
	}
	return data->pos >= data->hole_from ? data->hole_to - data->pos : 0;
}

static int check_unchanged(
	const struct s2c_upper_data *data, const char *path, struct s2c_error **err)
{
	const struct stat *was = &data->st;
	struct stat st;

	if (fstat(data->fd, &st))
		return s2c_fail_errno(err, errno, "cannot read '%s'", path);
	if (st.st_size != was->st_size || st.st_mtim.tv_sec != was->st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != was->st_mtim.tv_nsec ||
		st.st_ctim.tv_sec != was->st_ctim.tv_sec ||
		st.st_ctim.tv_nsec != was->st_ctim.tv_nsec)
		return fail_changed(path, err);
	return 0;
}

ssize_t s2c_upper_data_read(struct s2c_upper_data *data, const char *path, void *buf,
	size_t len, struct s2c_error **err)
{
	uint64_t left = data->fd < 0 ? 0 : (uint64_t)data->st.st_size - data->pos;
	uint64_t hole;
	ssize_t n;

	if (left == 0)
		return 0;
	if (len > left)
		len = (size_t)left;
	hole = hole_at(data);
	if (hole > 0) {
		n = (ssize_t)(hole < len ? hole : len);
		memset(buf, 0, (size_t)n);
	} else {
		if (data->hole_from > data->pos && data->hole_from - data->pos < len)
			len = (size_t)(data->hole_from - data->pos);
		n = pread(data->fd, buf, len, (off_t)data->pos);
	}
	if (n < 0)
		return s2c_fail_errno(err, errno, "cannot read '%s'", path);
	if (n == 0)
		return fail_changed(path, err);
	data->pos += (uint64_t)n;
	if (data->pos == (uint64_t)data->st.st_size && check_unchanged(data, path, err))
		return -1;
	return n;
}
