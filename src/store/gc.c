/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage: marks what the names reach, removes the rest. It runs alone (exclusive lock).
 * When it cannot know what is reachable (index.json or a manifest that cannot be read) it
 * refuses, as every guess would delete images.
 *
 * Trees are moved away before they are taken apart: under its name a tree is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "image/config.h"
#include "store/blob.h"
#include "store/cache.h"
#include "store/facts.h"
#include "store/internal.h"
#include "store/known.h"
#include "store/names.h"
#include "store/partial.h"
#include "store/tree.h"
#include "util/fault.h"
#include "util/fs.h"

#define LOCK_POLL_MS 50

struct gc {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	const struct s2c_gc_opts *opts;
	struct s2c_gc_result result;
	struct s2c_store_name *names;
	size_t n_names;
	struct s2c_strv blobs; /* digests that are reachable, sorted after marking */
	struct s2c_strv trees; /* hex of diffIDs likewise */
};

static void gc_release(struct gc *gc)
{
	s2c_store_names_free(gc->names, gc->n_names);
	s2c_strv_release(&gc->blobs);
	s2c_strv_release(&gc->trees);
}

/* ---- the lock ---- */

/*
 * Turns the lock this store holds into another one. A second descriptor would wait for
 * our own shared lock forever. flock(2) drops the old lock before it waits, so two that
 * want to be alone do not block each other.
 */
static int change_lock(struct s2c_ctx *ctx, struct s2c_store *store, int operation,
	struct s2c_error **err)
{
	bool told = false;

	while (flock(store->lock_fd, operation | LOCK_NB) < 0) {
		int ready;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return s2c_fail_errno(
				err, errno, "cannot lock store '%s'", store->path);
		if (!told)
			s2c_emit_log(ctx, S2C_INFO,
				"waiting for other commands that use store '%s'",
				store->path);
		told = true;
		if (s2c_ctx_poll(ctx, NULL, 0, LOCK_POLL_MS, &ready, err) < 0)
			return s2c_wrap(err, "waiting for store '%s'", store->path);
	}
	return 0;
}

/* ---- marking ---- */

static void mark_blob(struct gc *gc, const struct s2c_digest *digest)
{
	s2c_strv_add(&gc->blobs, digest->str);
}

/* Trees are a cache: a config that cannot be read only costs unpacking again. */
static void mark_trees(struct gc *gc, const struct s2c_digest *config_digest)
{
	CLEAN_CONFIG struct s2c_config *config = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_CONFIG_MAX);

	if (s2c_blob_read(gc->store, config_digest, &text, NULL) < 0 ||
		s2c_config_parse(s2c_buf_str(&text), text.len, &config, NULL) < 0)
		return;
	for (size_t i = 0; i < config->n_diff_ids; i++)
		s2c_strv_add(&gc->trees, s2c_digest_hex(&config->diff_ids[i]));
}

static int mark(struct gc *gc, const struct s2c_descriptor *desc, int depth,
	struct s2c_error **err);

static int mark_index(struct gc *gc, const struct s2c_descriptor *desc,
	const struct s2c_buf *text, int depth, struct s2c_error **err)
{
	CLEAN_INDEX struct s2c_index *index = NULL;

	if (depth >= S2C_INDEX_DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT, "indexes nested deeper than %d",
			S2C_INDEX_DEPTH_MAX);
	if (s2c_index_parse(s2c_buf_str(text), text->len, desc->media_type, &index, err) <
		0)
		return -1;
	for (size_t i = 0; i < index->n_manifests; i++) {
		uint64_t size;

		/* Images for other platforms were never fetched. */
		if (s2c_blob_stat(gc->store, &index->manifests[i].digest, &size, NULL) ==
				0 &&
			mark(gc, &index->manifests[i], depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int mark(struct gc *gc, const struct s2c_descriptor *desc, int depth,
	struct s2c_error **err)
{
	enum s2c_media_kind kind = s2c_media_kind(desc->media_type, NULL);
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);

	mark_blob(gc, &desc->digest);
	if (kind != S2C_MEDIA_MANIFEST && kind != S2C_MEDIA_INDEX)
		return 0; /* put there by another tool, and kept for it */
	if (s2c_blob_read(gc->store, &desc->digest, &text, err) < 0)
		return -1;
	if (kind == S2C_MEDIA_INDEX)
		return mark_index(gc, desc, &text, depth, err);
	if (s2c_manifest_parse(
		    s2c_buf_str(&text), text.len, desc->media_type, &manifest, err) < 0)
		return -1;
	mark_blob(gc, &manifest->config.digest);
	mark_trees(gc, &manifest->config.digest);
	for (size_t i = 0; i < manifest->n_layers; i++)
		mark_blob(gc, &manifest->layers[i].digest);
	return 0;
}

/* A name whose manifest is gone or damaged: with `check` the name goes, else gc does. */
static int drop_broken_name(
	struct gc *gc, const struct s2c_store_name *name, struct s2c_error **err)
{
	const char *shown = name->name[0] ? name->name : name->desc.digest.str;
	struct s2c_index_match match = {.digest = &name->desc.digest};

	if (!gc->opts->check)
		return s2c_wrap(err,
			"image '%s' is damaged and keeps garbage from being told apart, "
			"remove it with 's2c rmi' or run 's2c prune --check'",
			shown);
	s2c_emit_log(
		gc->ctx, S2C_WARN, "image '%s' is damaged: its name is removed", shown);
	if (gc->opts->dry_run)
		return 0;
	return s2c_names_drop(gc->ctx, gc->store, &match, NULL, err);
}

static int mark_names(struct gc *gc, struct s2c_error **err)
{
	for (size_t i = 0; i < gc->n_names; i++) {
		CLEAN_ERROR struct s2c_error *broken = NULL;

		if (s2c_ctx_check(gc->ctx, err) < 0)
			return -1;
		if (gc->opts->untagged && !gc->names[i].name[0])
			continue;
		if (mark(gc, &gc->names[i].desc, 0, &broken) == 0)
			continue;
		if (gc->opts->check) {
			s2c_emit_log(gc->ctx, S2C_WARN, "%s", s2c_error_message(broken));
			if (drop_broken_name(gc, &gc->names[i], err) < 0)
				return -1;
			continue;
		}
		s2c_error_move(err, &broken);
		return drop_broken_name(gc, &gc->names[i], err);
	}
	s2c_strv_sort(&gc->blobs);
	s2c_strv_sort(&gc->trees);
	return 0;
}

static int compare_str(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

static bool marked(const struct s2c_strv *sorted, const char *s)
{
	return sorted->len > 0 && bsearch(s, sorted->items, sorted->len,
					  sizeof(sorted->items[0]), compare_str) != NULL;
}

/* ---- blobs ---- */

typedef int blob_fn(struct gc *gc, int dirfd, const char *name, const char *digest,
	struct s2c_error **err);

static int for_each_blob(struct gc *gc, blob_fn *fn, struct s2c_error **err)
{
	for (int algo = 0; algo < S2C_BLOB_ALGOS; algo++) {
		CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
		int dirfd;

		if (s2c_store_algo_fd(gc->store, algo, false, &dirfd, err) < 0)
			return -1;
		if (dirfd < 0)
			continue;
		if (s2c_fs_list(dirfd, S2C_STORE_BLOBS_MAX, &names, err) < 0)
			return -1;
		s2c_strv_foreach (name, &names) {
			CLEAN_FREE char *digest = xasprintf(
				"%s:%s", s2c_blob_algo_name(algo), name);

			if (s2c_ctx_check(gc->ctx, err) < 0 ||
				fn(gc, dirfd, name, digest, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int remove_blob(struct gc *gc, int dirfd, const char *name, struct s2c_error **err)
{
	struct stat st;

	if (s2c_fault_point("store.gc.blob", err) < 0)
		return -1;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return s2c_fail_errno(err, errno, "cannot stat blob '%s'", name);
	if (!gc->opts->dry_run && s2c_fs_rm_rf(dirfd, name, err) < 0)
		return -1;
	gc->result.bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return 0;
}

static int check_blob(struct gc *gc, int dirfd, const char *name, const char *text,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *bad = NULL;
	CLEAN_FD int fd = -1;
	struct s2c_digest digest;
	struct stat st;

	if (s2c_digest_parse(text, &digest, &bad) == 0) {
		fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			(void)!s2c_fail(&bad, S2C_EDIGEST, "not a regular file");
		else if (s2c_blob_verify_fd(gc->ctx, fd, &digest, &bad) == 0)
			return 0;
	}
	/* Only what was read and differs is damaged; a disk that cannot read is not. */
	if (s2c_error_code(bad) != S2C_EDIGEST && s2c_error_code(bad) != S2C_EINVAL) {
		s2c_error_move(err, &bad);
		return s2c_wrap(err, "blob '%s'", text);
	}
	s2c_emit_log(gc->ctx, S2C_WARN, "blob '%s' is damaged%s: %s", text,
		gc->opts->dry_run ? "" : " and removed", s2c_error_message(bad));
	gc->result.damaged++;
	return remove_blob(gc, dirfd, name, err);
}

static int sweep_blob(struct gc *gc, int dirfd, const char *name, const char *digest,
	struct s2c_error **err)
{
	if (marked(&gc->blobs, digest))
		return 0;
	if (remove_blob(gc, dirfd, name, err) < 0)
		return -1;
	gc->result.blobs++;
	return 0;
}

/* Names that lost a blob to the check are told, so that people know what to do. */
static void report_incomplete(struct gc *gc)
{
	for (size_t i = 0; i < gc->n_names; i++) {
		const struct s2c_store_name *name = &gc->names[i];
		CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
		CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);
		CLEAN_ERROR struct s2c_error *missing = NULL;

		if (s2c_media_kind(name->desc.media_type, NULL) != S2C_MEDIA_MANIFEST ||
			s2c_blob_read(gc->store, &name->desc.digest, &text, NULL) < 0 ||
			s2c_manifest_parse(s2c_buf_str(&text), text.len,
				name->desc.media_type, &manifest, NULL) < 0)
			continue;
		if (s2c_store_check_blobs(gc->store, manifest, &missing) < 0)
			s2c_emit_log(gc->ctx, S2C_WARN,
				"image '%s' must be pulled or built again: %s",
				name->name[0] ? name->name : name->desc.digest.str,
				s2c_error_message(missing));
	}
}

/* ---- trees ---- */

uint64_t s2c_store_tree_bytes(const char *path)
{
	char *const paths[] = {(char *)path, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	uint64_t bytes = 0;
	FTSENT *e;

	if (!fts)
		return 0;
	while ((e = fts_read(fts))) {
		if (e->fts_info == FTS_F || e->fts_info == FTS_D)
			bytes += (uint64_t)e->fts_statp->st_blocks * 512;
	}
	(void)fts_close(fts);
	return bytes;
}

static int remove_tree(struct gc *gc, const char *name, struct s2c_error **err)
{
	CLEAN_FREE char *path = xasprintf("%s/trees/%s", gc->store->path, name);
	CLEAN_FREE char *dead = s2c_fs_random_name("dead");
	uint64_t bytes = s2c_store_tree_bytes(path);
	int scratch;

	if (!gc->opts->dry_run) {
		if (s2c_store_scratch(gc->store, &scratch, err) < 0 ||
			s2c_fault_point("store.gc.tree", err) < 0)
			return -1;
		if (renameat(gc->store->trees_fd, name, scratch, dead) < 0)
			return s2c_fail_errno(err, errno, "cannot remove '%s'", path);
		if (s2c_fs_rm_rf(scratch, dead, err) < 0)
			return s2c_wrap(err, "cannot remove '%s'", path);
	}
	gc->result.trees++;
	gc->result.bytes += bytes;
	return 0;
}

static int sweep_trees(struct gc *gc, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	size_t left = 0;

	if (s2c_fs_list(gc->store->trees_fd, S2C_STORE_BLOBS_MAX, &names, err) < 0)
		return -1;
	s2c_strv_foreach (name, &names) {
		if (streq(name, S2C_TREE_FORM_FILE))
			continue;
		if (marked(&gc->trees, name)) {
			left++;
			continue;
		}
		if (s2c_ctx_check(gc->ctx, err) < 0 || remove_tree(gc, name, err) < 0)
			return -1;
	}
	/* Without trees the next user may make them in another form. */
	if (left == 0 && !gc->opts->dry_run)
		(void)unlinkat(gc->store->trees_fd, S2C_TREE_FORM_FILE, 0);
	return 0;
}

/* ---- what is known ---- */

/*
 * A blob that a name reaches, though it may have been damaged and removed, or another
 * form of a layer that one does.
 */
static bool still_of_use(
	void *self, const struct s2c_digest *diff_id, const struct s2c_digest *digest)
{
	const struct gc *gc = self;

	return marked(&gc->blobs, digest->str) ||
	       (diff_id && marked(&gc->trees, s2c_digest_hex(diff_id)));
}

static void prune_known(struct gc *gc)
{
	struct s2c_known_filter filter = {.keep = still_of_use, .self = gc};

	if (gc->opts->dry_run)
		return;
	s2c_known_prune(gc->ctx, gc->store, &filter);
	s2c_facts_prune(gc->ctx, gc->store);
}

static int prune_caches(struct gc *gc, struct s2c_error **err)
{
	struct s2c_cache_sweep sweep = {
		.dry_run = gc->opts->dry_run,
		.age = gc->opts->caches ? 0 : S2C_CACHE_AGE_MAX,
		.bytes = S2C_CACHES_BYTES_MAX,
	};

	return s2c_cache_sweep(
		gc->ctx, gc->store, &sweep, &gc->result.caches, &gc->result.bytes, err);
}

/* ---- all of it ---- */

static int collect(struct gc *gc, struct s2c_error **err)
{
	struct s2c_index_match unnamed = {.all_unnamed = true};

	if (s2c_store_list(gc->store, &gc->names, &gc->n_names, err) < 0)
		return s2c_wrap(err, "nothing was removed");
	if (gc->opts->check && for_each_blob(gc, check_blob, err) < 0)
		return -1;
	if (mark_names(gc, err) < 0)
		return -1;
	if (gc->opts->untagged && !gc->opts->dry_run &&
		s2c_names_drop(gc->ctx, gc->store, &unnamed, NULL, err) < 0)
		return -1;
	struct s2c_partial_sweep partials = {.dry_run = gc->opts->dry_run};
	if (for_each_blob(gc, sweep_blob, err) < 0 || sweep_trees(gc, err) < 0 ||
		s2c_partial_sweep(gc->store, &partials, &gc->result.bytes, err) < 0)
		return -1;
	prune_known(gc);
	if (prune_caches(gc, err) < 0)
		return -1;
	if (gc->result.damaged > 0 && !gc->opts->dry_run)
		report_incomplete(gc);
	return s2c_store_sweep(
		gc->ctx, gc->store, gc->opts->dry_run, &gc->result.works, err);
}

int s2c_store_gc(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_gc_opts *opts, struct s2c_gc_result *out, struct s2c_error **err)
{
	CLEAN(gc_release) struct gc gc = {.ctx = ctx, .store = store, .opts = opts};
	CLEAN_ERROR struct s2c_error *relock = NULL;
	int rc;

	/* Looking only is as good as the moment it is done in: no need to be alone. */
	if (!opts->dry_run && change_lock(ctx, store, LOCK_EX, err) < 0)
		return -1;
	rc = collect(&gc, err);
	if (!opts->dry_run && change_lock(ctx, store, LOCK_SH, &relock) < 0 && rc == 0) {
		s2c_error_move(err, &relock);
		return -1;
	}
	if (rc < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	*out = gc.result;
	return 0;
}
