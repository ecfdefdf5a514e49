/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the store: making and checking its directories, the lock that keeps
 * gc away from running commands, and sweeping what dead processes left. Content is the
 * business of blob.c, tree.c and work.c, names that of names.c.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "store/internal.h"
#include "store/partial.h"
#include "util/fault.h"
#include "util/fs.h"
#include "util/pool.h"

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX_TEXT                                                                       \
	"{\"schemaVersion\":2,\"mediaType\":\"" S2C_MT_OCI_INDEX "\",\"manifests\":[]}"

/* What may lie in a directory that is to become a store: a first open was cut short. */
static const char *const own_names[] = {"blobs", "index.json", "index.lock", "known",
	"known.lock", "lock", "oci-layout", "tmp", "trees", "work"};

static const char *const algo_names[S2C_BLOB_ALGOS] = {
	[S2C_BLOB_SHA256] = "sha256",
	[S2C_BLOB_SHA512] = "sha512",
};

const char *s2c_blob_algo_name(enum s2c_blob_algo algo)
{
	return algo_names[algo];
}

static struct s2c_store *store_new(void)
{
	struct s2c_store *store = xcalloc(1, sizeof(*store));

	store->root_fd = store->lock_fd = store->blobs_fd = -1;
	store->trees_fd = store->work_fd = store->tmp_fd = -1;
	for (int i = 0; i < S2C_BLOB_ALGOS; i++)
		store->algo_fd[i] = -1;
	store->scratch = (struct s2c_claim)S2C_CLAIM_INIT;
	store->lazy = s2c_monitor_new();
	return store;
}

static bool exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int check_root(const struct s2c_store *store, struct s2c_error **err)
{
	struct stat st;

	if (fstat(store->root_fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot stat store '%s'", store->path);
	if (st.st_uid != geteuid())
		return s2c_fail(err, S2C_EDENIED,
			"store '%s' belongs to uid %u and not to this user: "
			"choose another one with --root",
			store->path, (unsigned)st.st_uid);
	if (st.st_mode & 022)
		return s2c_fail(err, S2C_EDENIED,
			"store '%s' is writable by others: chmod 0700 it, or choose "
			"another one with --root",
			store->path);
	return 0;
}

/* A mistyped --root must not fill someone's home directory with our files. */
static int check_foreign(const struct s2c_store *store, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *listed = NULL;
	bool foreign = false;

	if (s2c_fs_list(store->root_fd, 2 * ARRAY_SIZE(own_names), &names, &listed) < 0) {
		if (s2c_error_code(listed) != S2C_ELIMIT) {
			s2c_error_move(err, &listed);
			return -1;
		}
		foreign = true;
	}
	s2c_strv_foreach (name, &names) {
		bool own = false;

		for (size_t i = 0; i < ARRAY_SIZE(own_names); i++)
			own = own || streq(name, own_names[i]);
		foreign = foreign || !own;
	}
	if (foreign)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' is not a store and not empty: choose another directory "
			"with "
			"--root",
			store->path);
	return 0;
}

/* Waits for a gc that runs; says so, because that may take a while. */
static int take_lock(struct s2c_ctx *ctx, struct s2c_store *store, struct s2c_error **err)
{
	struct s2c_lock_opts opts = {.try_only = true};

	if (s2c_fs_lock(ctx, store->root_fd, "lock", opts, &store->lock_fd, err) < 0)
		return -1;
	if (store->lock_fd >= 0)
		return 0;
	s2c_emit_log(ctx, S2C_INFO, "waiting for 's2c prune' on store '%s'", store->path);
	opts.try_only = false;
	return s2c_fs_lock(ctx, store->root_fd, "lock", opts, &store->lock_fd, err);
}

static int open_dir(
	int parent_fd, const char *name, bool make, int *out_fd, struct s2c_error **err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent_fd, name, flags);

	if (fd < 0 && errno == ENOENT && make) {
		if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
			return s2c_fail_errno(err, errno,
				"cannot make directory '%s' of the store", name);
		fd = openat(parent_fd, name, flags);
	}
	if (fd < 0 && errno == ENOENT && !make)
		return 0;
	if (fd < 0)
		return s2c_fail_errno(
			err, errno, "cannot open directory '%s' of the store", name);
	*out_fd = fd;
	return 0;
}

int s2c_store_algo_fd(struct s2c_store *store, enum s2c_blob_algo algo, bool make,
	int *out_fd, struct s2c_error **err)
{
	int rc = 0;

	s2c_monitor_enter(store->lazy);
	if (store->algo_fd[algo] < 0)
		rc = open_dir(store->blobs_fd, algo_names[algo], make,
			&store->algo_fd[algo], err);
	if (rc == 0)
		*out_fd = store->algo_fd[algo];
	s2c_monitor_leave(store->lazy);
	return rc;
}

static int open_dirs(struct s2c_store *store, struct s2c_error **err)
{
	int fd;

	if (open_dir(store->root_fd, "blobs", true, &store->blobs_fd, err) < 0 ||
		open_dir(store->root_fd, "trees", true, &store->trees_fd, err) < 0 ||
		open_dir(store->root_fd, "work", true, &store->work_fd, err) < 0 ||
		open_dir(store->root_fd, "tmp", true, &store->tmp_fd, err) < 0 ||
		s2c_store_algo_fd(store, S2C_BLOB_SHA256, true, &fd, err) < 0)
		return -1;
	return 0;
}

/* "oci-layout" is written last: while it is missing the store never held anything. */
static int initialise(
	struct s2c_ctx *ctx, struct s2c_store *store, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv blobs = S2C_STRV_INIT;
	CLEAN_FD int lock = -1;

	if (s2c_fs_lock(ctx, store->root_fd, "index.lock",
		    (struct s2c_lock_opts){.exclusive = true}, &lock, err) < 0)
		return -1;
	if (exists(store->root_fd, "oci-layout"))
		return 0;
	if (!exists(store->root_fd, "index.json")) {
		if (s2c_fs_list(store->algo_fd[S2C_BLOB_SHA256], S2C_STORE_BLOBS_MAX,
			    &blobs, err) < 0)
			return -1;
		if (blobs.len > 0)
			return s2c_fail(err, S2C_EPROTO,
				"store '%s' holds blobs but no index.json: restore that "
				"file, or remove the store",
				store->path);
		if (s2c_store_put_file(store, store->root_fd, "index.json", INDEX_TEXT,
			    strlen(INDEX_TEXT), err) < 0)
			return -1;
	}
	return s2c_store_put_file(store, store->root_fd, "oci-layout", LAYOUT_TEXT,
		strlen(LAYOUT_TEXT), err);
}

int s2c_store_scratch(struct s2c_store *store, int *out_fd, struct s2c_error **err)
{
	int rc = 0;

	s2c_monitor_enter(store->lazy);
	if (!store->scratch.name)
		rc = s2c_claim_make(store->tmp_fd, "t", &store->scratch, err);
	s2c_monitor_leave(store->lazy);
	if (rc < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	*out_fd = store->scratch.fd;
	return 0;
}

int s2c_store_put_file(struct s2c_store *store, int dirfd, const char *name,
	const void *data, size_t len, struct s2c_error **err)
{
	CLEAN_FREE char *temp = s2c_fs_random_name("f");
	CLEAN_FD int fd = -1;
	int scratch;

	if (s2c_store_scratch(store, &scratch, err) < 0)
		return -1;
	if (s2c_fs_open(scratch, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644,
		    &fd, err) < 0)
		return -1;
	if (s2c_fs_write_all(fd, data, len, err) < 0 || s2c_fs_sync(fd, name, err) < 0 ||
		s2c_fs_rename(scratch, temp, dirfd, name, err) < 0) {
		(void)unlinkat(scratch, temp, 0);
		return s2c_wrap(err, "store '%s'", store->path);
	}
	return 0;
}

int s2c_store_sync_blobs(struct s2c_store *store, struct s2c_error **err)
{
	for (int i = 0; i < S2C_BLOB_ALGOS; i++) {
		if (store->algo_fd[i] >= 0 &&
			s2c_fs_sync(store->algo_fd[i], algo_names[i], err) < 0)
			return s2c_wrap(err, "store '%s'", store->path);
	}
	return 0;
}

/* One directory of claims; `work` tells which of the two it is. */
static int sweep_dir(struct s2c_ctx *ctx, struct s2c_store *store, bool work,
	bool dry_run, uint64_t *removed, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	int dirfd = work ? store->work_fd : store->tmp_fd;

	if (s2c_fs_list(dirfd, S2C_STORE_WORKS_MAX, &names, err) < 0)
		return -1;
	s2c_strv_foreach (name, &names) {
		CLEAN_CLAIM struct s2c_claim claim = S2C_CLAIM_INIT;
		CLEAN_ERROR struct s2c_error *failed = NULL;
		int rc;

		if (s2c_ctx_check(ctx, err) < 0)
			return -1;
		rc = work && !dry_run ? s2c_work_take(ctx, dirfd, name, &claim, &failed)
				      : s2c_claim_take(dirfd, name, &claim, &failed);
		if (rc < 0 && s2c_error_code(failed) == S2C_EEXIST) {
			(void)unlinkat(dirfd, name, 0); /* a file: not made by us */
			continue;
		}
		if (rc == 0 && !claim.name)
			continue;
		if (rc == 0 && dry_run) {
			*removed += work;
			continue;
		}
		if (rc == 0)
			rc = work ? s2c_work_sweep(ctx, &claim, &failed)
				  : s2c_claim_remove(&claim, &failed);
		if (rc < 0)
			s2c_emit_log(ctx, S2C_WARN, "cannot clean up '%s/%s/%s': %s",
				store->path, work ? "work" : "tmp", name,
				s2c_error_message(failed));
		else if (removed)
			*removed += work;
	}
	return 0;
}

int s2c_store_sweep(struct s2c_ctx *ctx, struct s2c_store *store, bool dry_run,
	uint64_t *removed, struct s2c_error **err)
{
	struct s2c_partial_sweep partials = {.old_only = true, .dry_run = dry_run};

	if (sweep_dir(ctx, store, true, dry_run, removed, err) < 0 ||
		sweep_dir(ctx, store, false, dry_run, removed, err) < 0 ||
		s2c_partial_sweep(store, &partials, NULL, err) < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	return 0;
}

int s2c_store_open(struct s2c_ctx *ctx, const char *root, struct s2c_store **out,
	struct s2c_error **err)
{
	CLEAN_STORE struct s2c_store *store = store_new();
	bool fresh;

	if (s2c_fault_point("store.open", err) < 0)
		return -1;
	if (s2c_fs_mkdir_p(AT_FDCWD, root, 0700, err) < 0 ||
		s2c_fs_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &store->root_fd,
			err) < 0)
		return s2c_wrap(err,
			"cannot open store '%s' (--root or S2C_ROOT name another)", root);
	store->path = realpath(root, NULL);
	if (!store->path)
		return s2c_fail_errno(err, errno, "cannot open store '%s'", root);
	if (check_root(store, err) < 0)
		return -1;
	fresh = !exists(store->root_fd, "oci-layout");
	if (fresh && check_foreign(store, err) < 0)
		return -1;
	if (take_lock(ctx, store, err) < 0 || open_dirs(store, err) < 0 ||
		(fresh && initialise(ctx, store, err) < 0))
		return s2c_wrap(err, "cannot open store '%s'", root);
	if (s2c_store_sweep(ctx, store, false, NULL, err) < 0)
		return -1;
	*out = TAKE(store);
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void s2c_store_close(struct s2c_store *store)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	if (!store)
		return;
	/* What cannot be removed now is removed by the next open. */
	(void)!s2c_claim_remove(&store->scratch, &ignored);
	for (int i = 0; i < S2C_BLOB_ALGOS; i++)
		close_fd(store->algo_fd[i]);
	close_fd(store->blobs_fd);
	close_fd(store->trees_fd);
	close_fd(store->work_fd);
	close_fd(store->tmp_fd);
	close_fd(store->lock_fd);
	close_fd(store->root_fd);
	s2c_monitor_free(store->lazy);
	free(store->path);
	free(store);
}

int s2c_store_fd(const struct s2c_store *store)
{
	return store->root_fd;
}

const char *s2c_store_path(const struct s2c_store *store)
{
	return store->path;
}
