/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a tree of any shape without recursion: one descriptor at a time, whatever the
 * depth. Going up through ".." is checked against the inode that was left. The tree may
 * be made by a build script, so nothing in it is followed and no mount in it is entered.
 *
 * Nearly all of it is the kernel's work, so a large tree is removed by as many threads as
 * there are CPUs: whoever finds another subdirectory while a CPU is free hands it out,
 * and leaves its own directory when those that it handed out are gone.
 */
#include "util/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#include "util/fault.h"
#include "util/pool.h"
#include "util/strv.h"

/* How often a directory is emptied again when something keeps on filling it. */
#define RESCANS_MAX 8
/* Files of a tree that are removed before it is worth a thread. */
#define SMALL_TREE 256

struct helper;

/* A directory on the way down. */
struct level {
	char *name;
	dev_t dev;
	ino_t ino;
	struct s2c_strv dirs;   /* subdirectories that are still to be removed */
	struct helper *helpers; /* that remove other ones */
	unsigned scans;
};

/* Who removes one tree. */
struct crew {
	struct s2c_pool *pool;
	unsigned cpus;
	atomic_uint busy; /* who removes something now, and waits for nobody */
};

struct removal {
	struct level *levels;
	size_t depth, cap;
	int fd;           /* the directory of the last level, or the parent of all */
	uint64_t mount;   /* id of the mount the tree is on, 0: unknown */
	dev_t dev;        /* its device, for kernels without mount ids */
	const char *what; /* for messages */
	struct crew *crew;
	size_t removed; /* files and directories */
};

/* A subdirectory in other hands. */
struct helper {
	struct s2c_job job;
	int parent;
	char *name; /* NULL: begun */
	uint64_t mount;
	dev_t dev;
	const char *what;
	struct crew *crew;
	int result;
	struct s2c_error *failure;
	struct helper *next; /* of its level */
};

static void helper_free(struct helper *h)
{
	s2c_job_drop(&h->job);
	s2c_error_free(h->failure);
	s2c_clean_fd(&h->parent);
	free(h->name);
	free(h);
}

static void level_release(struct level *l)
{
	while (l->helpers) {
		struct helper *h = l->helpers;

		l->helpers = h->next;
		helper_free(h);
	}
	free(l->name);
	s2c_strv_release(&l->dirs);
}

static void removal_release(struct removal *r)
{
	for (size_t i = 0; i < r->depth; i++)
		level_release(&r->levels[i]);
	free(r->levels);
	s2c_clean_fd(&r->fd);
}

static int failed(struct removal *r, int errnum, const char *name, struct s2c_error **err)
{
	if (streq(name, r->what))
		return s2c_fail_errno(err, errnum, "cannot remove '%s'", name);
	return s2c_fail_errno(err, errnum, "cannot remove '%s' in '%s'", name, r->what);
}

static uint64_t mount_of(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
		!(stx.stx_mask & STATX_MNT_ID))
		return 0;
	return stx.stx_mnt_id;
}

/* Gives the owner all rights on a directory that cannot be opened without them. */
static void unlock_dir(int parent, const char *name)
{
	CLEAN_FD int fd = openat(
		parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[64];

	if (fd < 0)
		return;
	/* fchmod() takes no O_PATH descriptor, and a name could be swapped for a link. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)chmod(path, 0700);
}

static int open_dir(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);

	if (fd >= 0 || errno != EACCES)
		return fd;
	unlock_dir(parent, name);
	return openat(parent, name, flags);
}

/*
 * Unlinks all that is no directory in the last level and notes the subdirectories.
 */
static int scan(struct removal *r, struct s2c_error **err)
{
	struct level *l = &r->levels[r->depth - 1];
	int fd = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		rc = failed(r, errno, l->name, err);
		s2c_clean_fd(&fd);
		return rc;
	}
	l->scans++;
	while (rc == 0 && (errno = 0, entry = readdir(dir))) {
		if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
			continue;
		if (entry->d_type != DT_DIR && unlinkat(r->fd, entry->d_name, 0) == 0) {
			r->removed++;
			continue;
		}
		if (entry->d_type == DT_DIR || errno == EISDIR)
			s2c_strv_add(&l->dirs, entry->d_name);
		else if (errno != ENOENT)
			rc = failed(r, errno, entry->d_name, err);
		errno = 0;
	}
	if (rc == 0 && errno)
		rc = failed(r, errno, l->name, err);
	closedir(dir);
	return rc;
}

/* A subdirectory that is still to be removed; there is one. */
static char *pop_dir(struct level *l)
{
	char *name = l->dirs.items[--l->dirs.len];

	l->dirs.items[l->dirs.len] = NULL;
	return name;
}

/* Enters the directory `name` (taken) of the last level. 1: it is gone, or none. */
static int descend(struct removal *r, char *name_taken, struct s2c_error **err)
{
	CLEAN_FREE char *name = name_taken;
	CLEAN_FD int fd = open_dir(r->fd, name);
	struct level *l;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		if (unlinkat(r->fd, name, 0) < 0 && errno != ENOENT)
			return failed(r, errno, name, err);
		return 1;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(r, errno, name, err);
	if (r->mount ? mount_of(fd) != r->mount : st.st_dev != r->dev)
		return s2c_fail_as(err, S2C_EIO, EBUSY,
			"cannot remove '%s': something is mounted on '%s' in it", r->what,
			name);
	if ((st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(fd, (st.st_mode & 07777) | S_IRWXU);
	if (r->depth == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 16;
		r->levels = xreallocarray(r->levels, r->cap, sizeof(*r->levels));
	}
	l = &r->levels[r->depth++];
	*l = (struct level){.name = TAKE(name), .dev = st.st_dev, .ino = st.st_ino};
	s2c_clean_fd(&r->fd);
	r->fd = take_fd(&fd);
	return scan(r, err);
}

/* Leaves the last level, which is empty, and removes it. `top` is the parent of all. */
static int ascend(struct removal *r, int top, struct s2c_error **err)
{
	struct level *l = &r->levels[r->depth - 1];
	CLEAN_FD int up = r->depth == 1 ? fcntl(top, F_DUPFD_CLOEXEC, 0)
					: openat(r->fd, "..",
						  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (up < 0)
		return failed(r, errno, l->name, err);
	if (r->depth > 1) {
		if (fstat(up, &st) < 0)
			return failed(r, errno, l->name, err);
		if (st.st_dev != l[-1].dev || st.st_ino != l[-1].ino)
			return s2c_fail(err, S2C_EIO,
				"cannot remove '%s': '%s' was moved away meanwhile",
				r->what, l->name);
	}
	if (unlinkat(up, l->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		if ((errno == ENOTEMPTY || errno == EEXIST) && l->scans < RESCANS_MAX)
			return scan(r, err);
		return failed(r, errno, l->name, err);
	}
	level_release(l);
	r->depth--;
	r->removed++;
	s2c_clean_fd(&r->fd);
	r->fd = take_fd(&up);
	return 0;
}

/* ---- many hands ---- */

static int remove_dir(
	struct removal *r, int top, char *name_taken, struct s2c_error **err);

static int help(struct s2c_job *job, struct s2c_error **err)
{
	struct helper *h = (struct helper *)job;
	CLEAN(removal_release)
	struct removal r = {
		.fd = fcntl(h->parent, F_DUPFD_CLOEXEC, 0),
		.mount = h->mount,
		.dev = h->dev,
		.what = h->what,
		.crew = h->crew,
		.removed = SMALL_TREE,
	};
	CLEAN_FREE char *name = TAKE(h->name);

	(void)err;
	if (r.fd < 0)
		h->result = failed(&r, errno, name, &h->failure);
	else
		h->result = remove_dir(&r, h->parent, TAKE(name), &h->failure);
	(void)close(take_fd(&h->parent));
	atomic_fetch_sub(&h->crew->busy, 1);
	return 0;
}

/*
 * Takes a helper of the last level from its list and waits for it. One that has not begun
 * is called off, and its directory is to be removed here: all threads may wait by now.
 */
static int collect(struct removal *r, struct helper **link, struct s2c_error **err)
{
	struct helper *h = *link;
	struct level *l = &r->levels[r->depth - 1];
	int rc;

	*link = h->next;
	atomic_fetch_sub(&r->crew->busy, 1);
	s2c_job_drop(&h->job);
	atomic_fetch_add(&r->crew->busy, 1);
	if (h->name) {
		atomic_fetch_sub(&r->crew->busy, 1);
		s2c_strv_add_take(&l->dirs, TAKE(h->name));
	}
	rc = h->result;
	if (rc < 0)
		s2c_error_move(err, &h->failure);
	helper_free(h);
	return rc;
}

/* Collects those that are ready. */
static int collect_ready(struct removal *r, struct s2c_error **err)
{
	struct helper **link = &r->levels[r->depth - 1].helpers;

	while (*link) {
		if (!s2c_job_done(&(*link)->job))
			link = &(*link)->next;
		else if (collect(r, link, err) < 0)
			return -1;
	}
	return 0;
}

/* 1: somebody took a subdirectory of the last level, 0: nobody is free. */
static int hand_out(struct removal *r, struct s2c_error **err)
{
	struct level *l = &r->levels[r->depth - 1];
	struct helper *h;
	int parent;

	if (r->removed < SMALL_TREE || atomic_load(&r->crew->busy) >= r->crew->cpus)
		return 0;
	if (collect_ready(r, err) < 0)
		return -1;
	parent = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
	if (parent < 0)
		return 0;
	h = xmalloc(sizeof(*h));
	*h = (struct helper){
		.job.run = help,
		.parent = parent,
		.name = pop_dir(l),
		.mount = r->mount,
		.dev = r->dev,
		.what = r->what,
		.crew = r->crew,
		.next = l->helpers,
	};
	l->helpers = h;
	atomic_fetch_add(&r->crew->busy, 1);
	(void)s2c_pool_submit(r->crew->pool, &h->job);
	return 1;
}

/* Removes the directory `name` (taken) of `top`, which is r->fd as well. */
static int remove_dir(
	struct removal *r, int top, char *name_taken, struct s2c_error **err)
{
	if (descend(r, name_taken, err) < 0)
		return -1;
	while (r->depth) {
		struct level *l = &r->levels[r->depth - 1];
		int rc = l->dirs.len > 1 ? hand_out(r, err) : 0;

		if (rc == 0 && l->dirs.len)
			rc = descend(r, pop_dir(l), err);
		else if (rc == 0 && l->helpers)
			rc = collect(r, &l->helpers, err);
		else if (rc == 0)
			rc = ascend(r, top, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static void crew_release(struct crew *crew)
{
	s2c_pool_free(crew->pool);
}

int s2c_fs_rm_rf(int dirfd, const char *name, struct s2c_error **err)
{
	/* Threads that wait for others are no use to a CPU. */
	CLEAN(crew_release)
	struct crew crew = {.cpus = s2c_usable_cpus(), .busy = 1};
	CLEAN(removal_release)
	struct removal r = {.fd = -1, .what = name, .crew = &crew};
	const char *slash = strrchr(name, '/');
	CLEAN_FREE char *parent = !slash ? xstrdup(".")
				  : slash == name
					  ? xstrdup("/")
					  : xstrndup(name, (size_t)(slash - name));
	const char *base = slash ? slash + 1 : name;
	CLEAN_FD int top = -1;
	struct stat st;

	if (!*base || streq(base, ".") || streq(base, ".."))
		return s2c_fail(err, S2C_EINVAL, "cannot remove '%s': no name", name);
	if (s2c_fault_point("fs.rm", err) < 0)
		return -1;
	top = openat(dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 && errno == ENOENT)
		return 0;
	if (top < 0)
		return failed(&r, errno, name, err);
	if (unlinkat(top, base, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return failed(&r, errno, name, err);
	if (fstat(top, &st) < 0)
		return failed(&r, errno, name, err);
	crew.pool = s2c_pool_new(2 * crew.cpus);
	r.dev = st.st_dev;
	r.mount = mount_of(top);
	r.fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
	if (r.fd < 0)
		return failed(&r, errno, name, err);
	return remove_dir(&r, top, xstrdup(base), err);
}
