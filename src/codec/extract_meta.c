/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata of extracted files. Everything is set through an fd of the very file or by
 * *at() calls that do not follow links; directory times come last, on directories that
 * are opened again without following links and must still be the same (CVE-2021-31566).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "codec/extract_impl.h"
#include "util/error.h"
#include "util/fs.h"

static int set_owner(const struct s2c_extractor *x, const struct s2c_entry *entry,
	const struct s2c_extract_place *place, struct s2c_error **err)
{
	uid_t uid = x->opts.force_owner ? x->opts.uid : entry->uid;
	gid_t gid = x->opts.force_owner ? x->opts.gid : entry->gid;
	int r;

	if (x->opts.no_owner)
		return 0;
	if (place->fd >= 0)
		r = fchown(place->fd, uid, gid);
	else
		r = fchownat(place->dir_fd, place->name, uid, gid, AT_SYMLINK_NOFOLLOW);
	if (r)
		return s2c_fail_errno(err, errno, "cannot give '%s' to %u:%u%s",
			entry->path, uid, gid,
			errno == EINVAL
				? ", ids that this user namespace does not have (see "
				  "/etc/subuid)"
				: "");
	return 0;
}

static mode_t mode_of(const struct s2c_extractor *x, const struct s2c_entry *entry)
{
	return entry->mode & (x->opts.mode_mask ? x->opts.mode_mask : 07777);
}

/* Set later if it would keep us, as an ordinary user, from filling the directory. */
static bool mode_waits(const struct s2c_entry *entry, mode_t mode)
{
	return entry->type == S2C_ENTRY_DIR && (mode & 0700) != 0700;
}

static int set_mode(const struct s2c_extractor *x, const struct s2c_entry *entry,
	const struct s2c_extract_place *place, struct s2c_error **err)
{
	mode_t mode = mode_of(x, entry);
	int r;

	if (entry->type == S2C_ENTRY_SYMLINK)
		return 0;
	if (mode_waits(entry, mode))
		mode |= 0700;
	if (place->fd >= 0)
		r = fchmod(place->fd, mode);
	else
		r = fchmodat(place->dir_fd, place->name, mode, AT_SYMLINK_NOFOLLOW);
	if (r)
		return s2c_fail_errno(err, errno, "cannot set the mode of '%s' to %04o",
			entry->path, mode);
	return 0;
}

/* Without an fd: the directory through /proc, then the name, which is not followed. */
static int set_xattr(const struct s2c_extract_place *place, const char *name,
	const void *value, size_t len)
{
	CLEAN_FREE char *path = NULL;

	if (place->fd >= 0)
		return fsetxattr(place->fd, name, value, len, 0);
	path = xasprintf("/proc/self/fd/%d/%s", place->dir_fd, place->name);
	return lsetxattr(path, name, value, len, 0);
}

static int set_xattrs(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, const struct s2c_extract_place *place,
	struct s2c_error **err)
{
	for (size_t i = 0; i < entry->n_xattrs && !x->opts.no_xattrs; i++) {
		const struct s2c_xattr *xattr = &entry->xattrs[i];

		if (!s2c_entry_xattr_kept(xattr->name))
			continue;
		if (set_xattr(place, xattr->name, xattr->value, xattr->len) == 0)
			continue;
		if (errno != EPERM && errno != EOPNOTSUPP)
			return s2c_fail_errno(err, errno,
				"cannot set the extended attribute '%s' of '%s'",
				xattr->name, entry->path);
		if (!x->warned_xattrs)
			s2c_emit_log(ctx, S2C_WARN,
				"extended attributes like '%s' of '%s' cannot be kept "
				"here",
				xattr->name, entry->path);
		x->warned_xattrs = true;
	}
	return 0;
}

static int set_owner_xattr(const struct s2c_extractor *x, const struct s2c_entry *entry,
	int fd, struct s2c_error **err)
{
	char text[24];

	if (!x->opts.owner_xattr || entry->type != S2C_ENTRY_DIR)
		return 0;
	snprintf(text, sizeof(text), "%u:%u", entry->uid, entry->gid);
	if (fsetxattr(fd, x->opts.owner_xattr, text, strlen(text), 0))
		return s2c_fail_errno(err, errno,
			"cannot record the owner of '%s'; the file system must have user "
			"extended attributes",
			entry->path);
	return 0;
}

static int add_note(struct s2c_extractor *x, const char *path, int fd,
	const struct s2c_extract_note *note, struct s2c_error **err)
{
	struct s2c_extract_note *n;
	struct stat st;

	if (fstat(fd, &st))
		return s2c_fail_errno(err, errno, "cannot read '%s'", path);
	x->note_bytes += strlen(path) + sizeof(*note);
	if (x->note_bytes > S2C_EXTRACT_NOTES_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "'%s': there are too many directories", path);
	if (x->n_notes == x->cap_notes) {
		x->cap_notes = x->cap_notes ? x->cap_notes * 2 : 64;
		x->notes = xreallocarray(x->notes, x->cap_notes, sizeof(x->notes[0]));
	}
	n = &x->notes[x->n_notes];
	*n = *note;
	n->path = xstrdup(path);
	n->order = x->n_notes++;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	return 0;
}

int s2c_extract_meta(struct s2c_extractor *x, struct s2c_ctx *ctx,
	const struct s2c_entry *entry, const struct s2c_extract_place *place,
	struct s2c_error **err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = entry->mtime, .tv_nsec = entry->mtime_ns}};
	struct s2c_extract_note note = {.mtime = times[1]};
	int r;

	if (set_owner(x, entry, place, err) || set_mode(x, entry, place, err) ||
		set_xattrs(x, ctx, entry, place, err) ||
		set_owner_xattr(x, entry, place->fd, err))
		return -1;
	if (entry->type == S2C_ENTRY_DIR) {
		note.mode = mode_of(x, entry);
		note.set_mode = mode_waits(entry, note.mode);
		return add_note(x, entry->path, place->fd, &note, err);
	}
	if (place->fd >= 0)
		r = futimens(place->fd, times);
	else
		r = utimensat(place->dir_fd, place->name, times, AT_SYMLINK_NOFOLLOW);
	if (r)
		return s2c_fail_errno(
			err, errno, "cannot set the time of '%s'", entry->path);
	return 0;
}

int s2c_extract_meta_implied(
	struct s2c_extractor *x, const char *path, int fd, struct s2c_error **err)
{
	struct s2c_extract_note note = {0};
	uid_t uid = x->opts.force_owner ? x->opts.uid : 0;
	gid_t gid = x->opts.force_owner ? x->opts.gid : 0;

	if (!x->opts.no_owner && fchown(fd, uid, gid))
		return s2c_fail_errno(
			err, errno, "cannot give '%s' to %u:%u", path, uid, gid);
	if (fchmod(fd, 0755))
		return s2c_fail_errno(err, errno, "cannot set the mode of '%s'", path);
	return add_note(x, path, fd, &note, err);
}

static int cmp_notes(const void *a, const void *b)
{
	const struct s2c_extract_note *x = a, *y = b;
	int cmp = s2c_entry_path_cmp(x->path, y->path);

	if (cmp)
		return cmp;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int apply_note(struct s2c_extractor *x, const struct s2c_extract_note *note,
	struct s2c_error **err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, note->mtime};
	struct s2c_error *gone CLEAN_ERROR = NULL;
	struct stat st;
	CLEAN_FD int fd = -1;

	/* A later entry may have replaced it; then there is nothing to do. */
	if (s2c_extract_open_dir(x->root_fd, note->path, &fd, &gone))
		return 0;
	if (fstat(fd, &st) || st.st_dev != note->dev || st.st_ino != note->ino)
		return 0;
	if (futimens(fd, times))
		return s2c_fail_errno(
			err, errno, "cannot set the time of '%s'", note->path);
	if (note->set_mode && fchmod(fd, note->mode))
		return s2c_fail_errno(
			err, errno, "cannot set the mode of '%s'", note->path);
	return 0;
}

int s2c_extract_meta_finish(struct s2c_extractor *x, struct s2c_error **err)
{
	if (x->n_notes == 0)
		return 0;
	qsort(x->notes, x->n_notes, sizeof(x->notes[0]), cmp_notes);
	/* From the end: what is below a directory before the directory shuts itself. */
	for (size_t i = x->n_notes; i-- > 0;) {
		if (i + 1 < x->n_notes && streq(x->notes[i].path, x->notes[i + 1].path))
			continue;
		if (apply_note(x, &x->notes[i], err))
			return -1;
	}
	for (size_t i = 0; i < x->n_notes; i++)
		free(x->notes[i].path);
	x->n_notes = 0;
	return 0;
}
