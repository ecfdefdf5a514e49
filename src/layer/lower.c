/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged view of the lower trees. It is computed and not mounted, because a mount
 * needs privileges, and only few directories are ever looked at.
 */
#include "layer/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include "codec/extract.h"
#include "layer/overlay.h"
#include "util/fs.h"

void s2c_lowers_init(
	struct s2c_lowers *lowers, const int *roots, size_t n, const char *xattr_prefix)
{
	*lowers = (struct s2c_lowers){
		.roots = roots,
		.n = n,
		.opaque_xattr = xasprintf("%sopaque", xattr_prefix),
	};
}

void s2c_lowers_release(struct s2c_lowers *lowers)
{
	free(TAKE(lowers->opaque_xattr));
}

static void dir_alloc(struct s2c_lower_dir *dir, char *path, size_t max)
{
	*dir = (struct s2c_lower_dir){
		.path = path,
		.trees = xcalloc(max, sizeof(size_t)),
		.fds = xcalloc(max, sizeof(int)),
	};
	for (size_t i = 0; i < max; i++)
		dir->fds[i] = -1;
}

void s2c_lower_root(struct s2c_lowers *lowers, struct s2c_lower_dir *out)
{
	/* As in overlayfs, an opaque mark on a root means nothing. */
	dir_alloc(out, xstrdup("."), lowers->n);
	for (size_t i = 0; i < lowers->n; i++)
		out->trees[out->n++] = i;
}

void s2c_lower_dir_close(struct s2c_lowers *lowers, struct s2c_lower_dir *dir)
{
	for (size_t i = 0; i < dir->n; i++) {
		if (dir->fds[i] < 0)
			continue;
		s2c_clean_fd(&dir->fds[i]);
		dir->fds[i] = -1;
		lowers->open_fds--;
	}
}

void s2c_lower_dir_release(struct s2c_lowers *lowers, struct s2c_lower_dir *dir)
{
	s2c_lower_dir_close(lowers, dir);
	free(dir->path);
	free(dir->trees);
	free(dir->fds);
	memset(dir, 0, sizeof(*dir));
}

/* The fd of the i-th part of a directory, or -1. */
static int part_fd(struct s2c_lowers *lowers, struct s2c_lower_dir *dir, size_t i,
	struct s2c_error **err)
{
	if (dir->fds[i] < 0) {
		if (s2c_extract_open_dir(
			    lowers->roots[dir->trees[i]], dir->path, &dir->fds[i], err))
			return -1;
		lowers->open_fds++;
	}
	return dir->fds[i];
}

/* Stats a name in the i-th part: 1, or 0 when it is not there. */
static int part_stat(struct s2c_lowers *lowers, struct s2c_lower_dir *dir, size_t i,
	const char *name, struct stat *st, struct s2c_error **err)
{
	int fd = part_fd(lowers, dir, i, err);

	if (fd < 0)
		return -1;
	if (fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return s2c_fail_errno(err, errno, "cannot read '%s/%s'", dir->path, name);
}

int s2c_lower_lookup(struct s2c_lowers *lowers, struct s2c_lower_dir *dir,
	const char *name, struct s2c_lower_hit *out, struct s2c_error **err)
{
	struct stat st;

	for (size_t i = 0; i < dir->n; i++) {
		int there = part_stat(lowers, dir, i, name, &st, err);

		if (there < 0)
			return -1;
		if (!there)
			continue;
		*out = (struct s2c_lower_hit){
			.found = !s2c_overlay_is_whiteout(&st),
			.st = st,
			.dir_fd = dir->fds[i],
		};
		return 0;
	}
	*out = (struct s2c_lower_hit){.dir_fd = -1};
	return 0;
}

static bool is_opaque(const struct s2c_lowers *lowers, int dir_fd, const char *name)
{
	char value[2];
	CLEAN_FD int fd = openat(
		dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 &&
	       fgetxattr(fd, lowers->opaque_xattr, value, sizeof(value)) == 1 &&
	       value[0] == 'y';
}

int s2c_lower_enter(struct s2c_lowers *lowers, struct s2c_lower_dir *dir,
	const char *name, struct s2c_lower_dir *out, struct s2c_error **err)
{
	struct s2c_lower_dir child;
	struct stat st;

	dir_alloc(&child,
		streq(dir->path, ".") ? xstrdup(name)
				      : xasprintf("%s/%s", dir->path, name),
		dir->n);
	for (size_t i = 0; i < dir->n; i++) {
		int there = part_stat(lowers, dir, i, name, &st, err);

		if (there < 0) {
			s2c_lower_dir_release(lowers, &child);
			return -1;
		}
		if (!there)
			continue;
		if (!S_ISDIR(st.st_mode))
			break;
		child.trees[child.n++] = dir->trees[i];
		if (is_opaque(lowers, dir->fds[i], name))
			break;
	}
	*out = child;
	return 0;
}

int s2c_lower_list(struct s2c_lowers *lowers, struct s2c_lower_dir *dir,
	struct s2c_strv *names, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv all = S2C_STRV_INIT;
	struct s2c_lower_hit hit;

	for (size_t i = 0; i < dir->n; i++) {
		int fd = part_fd(lowers, dir, i, err);

		if (fd < 0 || s2c_fs_list(fd, S2C_LAYER_DIR_MAX, &all, err))
			return -1;
	}
	s2c_strv_sort(&all);
	for (size_t i = 0; i < all.len; i++) {
		if (i && streq(all.items[i], all.items[i - 1]))
			continue;
		if (s2c_lower_lookup(lowers, dir, all.items[i], &hit, err))
			return -1;
		if (hit.found)
			s2c_strv_add(names, all.items[i]);
	}
	return 0;
}
