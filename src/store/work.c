/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work directories: making one, noting what of it lies outside of the store, removing it,
 * and removing that of a dead process. Nothing is mounted in one by then: mounts are made
 * in private mount namespaces, which end with their processes.
 */
#include "store/work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>

#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"
#include "util/strv.h"

#define LEFTOVERS "leftovers"
#define LEFTOVERS_BYTES_MAX (S2C_WORK_LEFTOVERS_MAX * (PATH_MAX + 1))

/*
 * The claim on the directory is shared with the keeper of the container, which ends a
 * moment after its s2c; this lock is held by s2c alone.
 */
#define OWNER "owner"
#define SAVED "saved"       /* in the store: what users want to look at */
#define DYING_GRACE_MS 5000 /* for a keeper whose s2c is dead */
#define DYING_POLL_MS 20

struct s2c_work {
	struct s2c_claim claim;
	int owner_fd;
	char *path;
	struct s2c_strv leftovers;
};

int s2c_work_create(struct s2c_store *store, const char *prefix, struct s2c_work **out,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct s2c_claim claim = S2C_CLAIM_INIT;
	struct s2c_lock_opts owner = {.exclusive = true, .try_only = true};
	struct s2c_work *work;
	int owner_fd = -1;

	if (s2c_claim_make(store->work_fd, prefix, &claim, err) < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	if (s2c_fs_lock(NULL, claim.fd, OWNER, owner, &owner_fd, err) < 0) {
		(void)!s2c_claim_remove(&claim, &ignored);
		return s2c_wrap(err, "store '%s'", store->path);
	}
	work = xcalloc(1, sizeof(*work));
	work->claim = claim;
	work->owner_fd = owner_fd;
	work->path = xasprintf("%s/work/%s", store->path, claim.name);
	*out = work;
	return 0;
}

int s2c_work_fd(const struct s2c_work *work)
{
	return work->claim.fd;
}

const char *s2c_work_path(const struct s2c_work *work)
{
	return work->path;
}

const char *s2c_work_name(const struct s2c_work *work)
{
	return work->claim.name;
}

int s2c_work_note_leftover(
	struct s2c_work *work, const char *absolute_path, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf line = S2C_BUF_INIT(PATH_MAX + 1);
	CLEAN_FD int fd = -1;

	if (absolute_path[0] != '/' || strchr(absolute_path, '\n') ||
		strlen(absolute_path) >= PATH_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"cannot note '%s' for cleaning up: no absolute path of one line",
			absolute_path);
	if (work->leftovers.len >= S2C_WORK_LEFTOVERS_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d directories to clean up",
			S2C_WORK_LEFTOVERS_MAX);
	/*
	 * One write of a whole line survives the death of this process; syncing would
	 * only help against a reboot, which such directories do not survive themselves.
	 */
	if (s2c_buf_printf(&line, err, "%s\n", absolute_path) < 0 ||
		s2c_fs_open(work->claim.fd, LEFTOVERS, O_WRONLY | O_CREAT | O_APPEND,
			0600, &fd, err) < 0 ||
		s2c_fs_write_all(fd, line.data, line.len, err) < 0)
		return s2c_wrap(err, "work directory '%s'", work->path);
	s2c_strv_add(&work->leftovers, absolute_path);
	return 0;
}

/*
 * Removes the noted directories, the last one first, as children are noted after their
 * parents. A busy one still has processes: then the work directory is in use as well.
 */
static int remove_leftovers(int work_fd, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(LEFTOVERS_BYTES_MAX);
	CLEAN_ERROR struct s2c_error *missing = NULL;
	char *end;

	if (s2c_fs_read_file(work_fd, LEFTOVERS, &text, &missing) < 0) {
		if (s2c_error_code(missing) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &missing);
		return -1;
	}
	/* Half a line at the end: its directory was never made. */
	end = text.len ? memrchr(text.data, '\n', text.len) : NULL;
	while (end) {
		char *nl = memrchr(text.data, '\n', (size_t)(end - text.data));

		*end = '\0';
		if (rmdir(nl ? nl + 1 : text.data) < 0 && errno == EBUSY)
			return s2c_fail(err, S2C_EIO, "'%s' is still in use",
				nl ? nl + 1 : text.data);
		end = nl;
	}
	return 0;
}

/* True if s2c is dead that made a directory whose claim is still held. */
static bool is_dying(int work_dir_fd, const char *name)
{
	CLEAN_FD int dir = openat(
		work_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEAN_FD int owner = -1;

	/* An owner file that is not there yet belongs to somebody who just begins. */
	if (dir >= 0)
		owner = openat(
			dir, OWNER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return owner >= 0 && flock(owner, LOCK_EX | LOCK_NB) == 0;
}

int s2c_work_take(struct s2c_ctx *ctx, int work_dir_fd, const char *name,
	struct s2c_claim *claim, struct s2c_error **err)
{
	for (int waited = 0;; waited += DYING_POLL_MS) {
		if (s2c_claim_take(work_dir_fd, name, claim, err) < 0)
			return -1;
		if (claim->name || waited >= DYING_GRACE_MS ||
			!is_dying(work_dir_fd, name))
			return 0;
		if (s2c_ctx_poll(ctx, NULL, 0, DYING_POLL_MS, NULL, err) < 0)
			return -1;
	}
}

int s2c_work_sweep(struct s2c_ctx *ctx, struct s2c_claim *claim, struct s2c_error **err)
{
	if (s2c_fault_point("store.work.sweep", err) < 0)
		return -1;
	if (remove_leftovers(claim->fd, err) < 0)
		return -1;
	s2c_emit_log(ctx, S2C_DEBUG, "removing work directory '%s' of a dead process",
		claim->name);
	return s2c_claim_remove(claim, err);
}

int s2c_work_save(struct s2c_store *store, struct s2c_work *work, char **out_path,
	struct s2c_error **err)
{
	CLEAN_FD int saved = -1;

	if (work->leftovers.len && remove_leftovers(work->claim.fd, err) < 0)
		return -1;
	if (s2c_fs_mkdir_p(store->root_fd, SAVED, 0700, err) < 0 ||
		s2c_fs_open(store->root_fd, SAVED, O_RDONLY | O_DIRECTORY, 0, &saved,
			err) < 0 ||
		s2c_fs_rename(store->work_fd, work->claim.name, saved, work->claim.name,
			err) < 0)
		return -1;
	(void)unlinkat(work->claim.fd, OWNER, 0);
	*out_path = xasprintf("%s/" SAVED "/%s", store->path, work->claim.name);
	s2c_claim_release(&work->claim);
	return 0;
}

int s2c_work_drop_saved(struct s2c_store *store, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_fs_rm_rf(store->root_fd, SAVED, &cause) == 0 ||
		s2c_error_code(cause) == S2C_ENOENT)
		return 0;
	s2c_error_move(err, &cause);
	return -1;
}

void s2c_work_free(struct s2c_work *work)
{
	CLEAN_ERROR struct s2c_error *left = NULL;

	if (!work)
		return;
	/* What cannot be removed now is removed by the next command. */
	if (work->claim.name && (work->leftovers.len == 0 ||
					remove_leftovers(work->claim.fd, &left) == 0))
		(void)!s2c_claim_remove(&work->claim, &left);
	s2c_claim_release(&work->claim);
	s2c_clean_fd(&work->owner_fd);
	s2c_strv_release(&work->leftovers);
	free(work->path);
	free(work);
}
