/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolution as in a chroot, giving text instead of a descriptor. Each directory on the
 * way is opened by s2c_fs_open_beneath() under its resolved name, so a tree that changes
 * meanwhile makes this fail or give an old answer, never leave the root.
 */
#include "runtime/rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "util/fs.h"
#include "util/strv.h"

#define LINKS_MAX 40 /* as in the kernel */
#define DEPTH_MAX 1024

struct resolve {
	int root_fd;
	struct s2c_strv done; /* components, no links among them */
	char *todo;           /* the rest of the path, owned */
	unsigned links;
	bool missing; /* something of `done` does not exist */
};

static void resolve_release(struct resolve *r)
{
	s2c_strv_release(&r->done);
	free(r->todo);
}

/* "a/b" of the components, "." for the root. */
static char *joined(const struct s2c_strv *parts, const char *lead)
{
	char *path = xstrdup(lead);

	for (size_t i = 0; i < parts->len; i++) {
		char *longer = xasprintf(
			"%s%s%s", path, i || *lead == '.' ? "/" : "", parts->items[i]);

		free(path);
		path = longer;
	}
	return path;
}

/* Looks at component `name` of the directory reached so far. */
static int look(
	struct resolve *r, const char *name, char **out_target, struct s2c_error **err)
{
	CLEAN_FREE char *parent = joined(&r->done, ".");
	CLEAN_ERROR struct s2c_error *failed = NULL;
	CLEAN_FD int dir = -1;
	struct stat st;

	if (s2c_fs_open_beneath(
		    r->root_fd, parent, O_PATH | O_DIRECTORY, 0, &dir, &failed) < 0) {
		s2c_error_move(err, &failed);
		return -1;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return s2c_fail_errno(err, errno, "cannot look at '%s'", name);
		r->missing = true;
		return 0;
	}
	if (!S_ISLNK(st.st_mode)) {
		/* A file in the middle: what follows cannot exist. */
		if (!S_ISDIR(st.st_mode) && *r->todo)
			r->missing = true;
		return 0;
	}
	return s2c_fs_readlink(dir, name, out_target, err);
}

static int step(struct resolve *r, const char *name, struct s2c_error **err)
{
	CLEAN_FREE char *target = NULL;
	char *todo;

	if (streq(name, "."))
		return 0;
	if (streq(name, "..")) {
		if (r->done.len)
			s2c_strv_remove(&r->done, r->done.len - 1);
		return 0;
	}
	if (strlen(name) > NAME_MAX || r->done.len >= DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT, "path is too long");
	if (!r->missing && look(r, name, &target, err) < 0)
		return -1;
	if (!target) {
		s2c_strv_add(&r->done, name);
		return 0;
	}
	if (++r->links > LINKS_MAX)
		return s2c_fail(err, S2C_EINVAL, "too many levels of symbolic links");
	if (target[0] == '/')
		while (r->done.len)
			s2c_strv_remove(&r->done, r->done.len - 1);
	todo = xasprintf("%s/%s", target, r->todo);
	free(r->todo);
	r->todo = todo;
	return 0;
}

int s2c_rootpath_resolve(int root_fd, const char *path, char **out, bool *out_exists,
	struct s2c_error **err)
{
	CLEAN(resolve_release)
	struct resolve r = {.root_fd = root_fd, .todo = xstrdup(path)};

	if (strlen(path) >= PATH_MAX)
		return s2c_fail(err, S2C_ELIMIT, "a path in the image is too long");
	if (path[0] != '/')
		return s2c_fail(err, S2C_EINVAL, "'%s' is not an absolute path", path);
	while (*r.todo) {
		char *start = r.todo + strspn(r.todo, "/");
		size_t len = strcspn(start, "/");
		CLEAN_FREE char *name = xstrndup(start, len);
		char *rest = xstrdup(start + len + strspn(start + len, "/"));

		free(r.todo);
		r.todo = rest;
		if (len && step(&r, name, err) < 0)
			return s2c_wrap(err, "path '%s' in the image", path);
	}
	*out = joined(&r.done, "/");
	if (out_exists)
		*out_exists = !r.missing;
	return 0;
}

bool s2c_rootpath_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

bool s2c_rootpath_covered(const char *path)
{
	return s2c_rootpath_below(path, "/proc") || s2c_rootpath_below(path, "/sys") ||
	       s2c_rootpath_below(path, "/dev");
}
