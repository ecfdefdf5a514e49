/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches in the store. One that is to go is moved away before it is taken apart: half of
 * what a package manager keeps could be worse than nothing.
 */
#include "store/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"

#define CACHES "caches"
#define DATA "data"
#define PACKED "packed"
#define UNFINISHED "packed.new"
#define ABOUT "about"

struct s2c_cache {
	int caches_fd;
	struct s2c_claim claim;
	char *path;
};

/* *out_fd stays -1 when there is none and none is made. */
static int open_caches(
	struct s2c_store *store, bool make, int *out_fd, struct s2c_error **err)
{
	if (make && mkdirat(store->root_fd, CACHES, 0700) < 0 && errno != EEXIST)
		return s2c_fail_errno(
			err, errno, "cannot make '%s/" CACHES "'", store->path);
	*out_fd = openat(
		store->root_fd, CACHES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out_fd < 0 && (make || errno != ENOENT))
		return s2c_fail_errno(
			err, errno, "cannot open '%s/" CACHES "'", store->path);
	return 0;
}

/* Out of the way at once, removed without hurry. */
static int discard(
	struct s2c_store *store, int dirfd, const char *name, struct s2c_error **err)
{
	CLEAN_FREE char *dead = s2c_fs_random_name("cache");
	int scratch;

	if (s2c_store_scratch(store, &scratch, err) < 0 ||
		s2c_fault_point("store.cache.discard", err) < 0)
		return -1;
	if (renameat(dirfd, name, scratch, dead) < 0)
		return s2c_fail_errno(err, errno, "cannot move a cache away");
	return s2c_fs_rm_rf(scratch, dead, err);
}

static int make_data(int dirfd, const struct s2c_cache_opts *opts, struct s2c_error **err)
{
	/* Under another name first: without its owner it is of use to nobody. */
	CLEAN_FREE char *temp = s2c_fs_random_name("new");

	if (mkdirat(dirfd, temp, 0755) < 0)
		return s2c_fail_errno(err, errno, "cannot make a cache");
	if (fchmodat(dirfd, temp, 0755, 0) < 0 ||
		(opts->chown && fchownat(dirfd, temp, opts->uid, opts->gid,
					AT_SYMLINK_NOFOLLOW) < 0) ||
		renameat(dirfd, temp, dirfd, DATA) < 0) {
		int errnum = errno;

		(void)unlinkat(dirfd, temp, AT_REMOVEDIR);
		return s2c_fail_errno(err, errnum, "cannot make a cache");
	}
	return 0;
}

/* Its owner can be another one after ranges of ids were changed. */
static bool is_ours(const struct stat *st, const struct s2c_cache_opts *opts)
{
	uint32_t uid = opts->chown ? opts->uid : geteuid();

	return S_ISDIR(st->st_mode) && st->st_uid == uid;
}

static int prepare(struct s2c_store *store, const struct s2c_cache *cache,
	const struct s2c_cache_opts *opts, struct s2c_error **err)
{
	CLEAN_FREE char *line = xasprintf("%s\n", opts->about);
	CLEAN_FD int about = -1;
	int dirfd = cache->claim.fd;
	struct stat st;
	bool there = fstatat(dirfd, DATA, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (there && !opts->packed && !is_ours(&st, opts)) {
		if (discard(store, dirfd, DATA, err) < 0)
			return -1;
		there = false;
	}
	if (!there && !opts->packed && make_data(dirfd, opts, err) < 0)
		return -1;
	if (s2c_fs_open(dirfd, ABOUT, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600,
		    &about, err) < 0)
		return -1;
	return s2c_fs_write_all(about, line, strlen(line), err);
}

static int check_key(const char *key, struct s2c_error **err)
{
	if (strlen(key) != S2C_CACHE_KEY_LEN ||
		strspn(key, "0123456789abcdef") != S2C_CACHE_KEY_LEN)
		return s2c_fail(err, S2C_EINVAL, "'%s' is no key of a cache", key);
	return 0;
}

int s2c_cache_open(struct s2c_store *store, const struct s2c_cache_opts *opts,
	struct s2c_cache **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_cache) struct s2c_cache *cache = xcalloc(1, sizeof(*cache));

	cache->caches_fd = -1;
	cache->claim = (struct s2c_claim)S2C_CLAIM_INIT;
	if (check_key(opts->key, err) < 0 || s2c_fault_point("store.cache.open", err) < 0)
		return -1;
	if (open_caches(store, true, &cache->caches_fd, err) < 0)
		return -1;
	if (mkdirat(cache->caches_fd, opts->key, 0700) < 0 && errno != EEXIST)
		return s2c_fail_errno(err, errno, "cannot make '%s/" CACHES "/%s'",
			store->path, opts->key);
	if (s2c_claim_take(cache->caches_fd, opts->key, &cache->claim, err) < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	if (!cache->claim.name) {
		*out = NULL;
		return 0;
	}
	cache->path = xasprintf("%s/" CACHES "/%s/" DATA, store->path, opts->key);
	if (prepare(store, cache, opts, err) < 0)
		return s2c_wrap(
			err, "cache '%s' of store '%s'", opts->about, store->path);
	*out = TAKE(cache);
	return 0;
}

const char *s2c_cache_path(const struct s2c_cache *cache)
{
	return cache->path;
}

int s2c_cache_fd(const struct s2c_cache *cache)
{
	return cache->claim.fd;
}

int s2c_cache_open_packed(
	const struct s2c_cache *cache, int *out_fd, struct s2c_error **err)
{
	*out_fd = openat(cache->claim.fd, PACKED, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*out_fd < 0 && errno != ENOENT)
		return s2c_fail_errno(err, errno, "cannot open a cache");
	return 0;
}

int s2c_cache_new_packed(
	const struct s2c_cache *cache, int *out_fd, struct s2c_error **err)
{
	(void)unlinkat(cache->claim.fd, UNFINISHED, 0);
	return s2c_fs_open(cache->claim.fd, UNFINISHED,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, out_fd, err);
}

int s2c_cache_set_packed(const struct s2c_cache *cache, int fd, struct s2c_error **err)
{
	int dirfd = cache->claim.fd;

	if (s2c_fault_point("store.cache.packed", err) < 0)
		return -1;
	if (fsync(fd) < 0 || renameat(dirfd, UNFINISHED, dirfd, PACKED) < 0)
		return s2c_fail_errno(err, errno, "cannot keep a cache");
	return 0;
}

void s2c_cache_drop_packed(const struct s2c_cache *cache)
{
	(void)unlinkat(cache->claim.fd, PACKED, 0);
}

void s2c_cache_drop_unfinished(const struct s2c_cache *cache)
{
	(void)unlinkat(cache->claim.fd, UNFINISHED, 0);
}

void s2c_cache_close(struct s2c_cache *cache)
{
	if (!cache)
		return;
	s2c_claim_release(&cache->claim);
	if (cache->caches_fd >= 0)
		(void)close(cache->caches_fd);
	free(cache->path);
	free(cache);
}

/* ---- what goes ---- */

struct found {
	char *name;
	int64_t used;
	uint64_t bytes;
};

struct sweeping {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	const struct s2c_cache_sweep *how;
	int caches_fd;
	struct found *found;
	size_t n;
};

static void sweeping_release(struct sweeping *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->found[i].name);
	free(s->found);
	if (s->caches_fd >= 0)
		(void)close(s->caches_fd);
}

static int oldest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->used > y->used) - (x->used < y->used);
}

/* A directory without a note was left by a process that was killed: of no age at all. */
static int64_t last_use(int caches_fd, const char *name)
{
	CLEAN_FREE char *about = xasprintf("%s/" ABOUT, name);
	struct stat st;

	return fstatat(caches_fd, about, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mtime : 0;
}

static int look(struct sweeping *s, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (s2c_fs_list(s->caches_fd, S2C_CACHES_MAX, &names, err) < 0)
		return -1;
	s->found = xcalloc(names.len, sizeof(*s->found));
	s2c_strv_foreach (name, &names) {
		CLEAN_FREE char *path = xasprintf(
			"%s/" CACHES "/%s", s->store->path, name);

		if (s2c_ctx_check(s->ctx, err) < 0)
			return -1;
		s->found[s->n++] = (struct found){
			.name = xstrdup(name),
			.used = last_use(s->caches_fd, name),
			.bytes = s2c_store_tree_bytes(path),
		};
	}
	if (s->n)
		qsort(s->found, s->n, sizeof(*s->found), oldest_first);
	return 0;
}

/* *out_gone: it is, or with a dry run would be; false when it is in use. */
static int remove_cache(struct sweeping *s, const struct found *found, bool *out_gone,
	struct s2c_error **err)
{
	CLEAN_CLAIM struct s2c_claim claim = S2C_CLAIM_INIT;

	*out_gone = s->how->dry_run;
	if (s->how->dry_run)
		return 0;
	if (s2c_claim_take(s->caches_fd, found->name, &claim, err) < 0)
		return -1;
	*out_gone = claim.name != NULL;
	return claim.name ? discard(s->store, s->caches_fd, found->name, err) : 0;
}

int s2c_cache_sweep(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_cache_sweep *sweep, uint64_t *count, uint64_t *bytes,
	struct s2c_error **err)
{
	CLEAN(sweeping_release)
	struct sweeping s = {.ctx = ctx, .store = store, .how = sweep, .caches_fd = -1};
	int64_t now = time(NULL);
	uint64_t total = 0;

	if (open_caches(store, false, &s.caches_fd, err) < 0)
		return -1;
	if (s.caches_fd < 0)
		return 0;
	if (look(&s, err) < 0)
		return s2c_wrap(err, "'%s/" CACHES "'", store->path);
	for (size_t i = 0; i < s.n; i++)
		total += s.found[i].bytes;
	for (size_t i = 0; i < s.n; i++) {
		bool gone = false;

		if (now - s.found[i].used < sweep->age && total <= sweep->bytes)
			continue;
		if (remove_cache(&s, &s.found[i], &gone, err) < 0)
			return s2c_wrap(err, "'%s/" CACHES "'", store->path);
		if (!gone)
			continue;
		total -= s.found[i].bytes;
		*bytes += s.found[i].bytes;
		(*count)++;
	}
	return 0;
}
