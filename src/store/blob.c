/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs: content under its digest. Reading verifies to the last byte; writing hashes what
 * passes and names it only after it was compared and synced.
 */
#include "store/blob.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "image/manifest.h"
#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"

/* Small writes (tar headers) are gathered before they are hashed and written. */
#define GATHER_SIZE (128u * 1024)

#define SMALL_BLOB (64u * 1024)

static enum s2c_blob_algo algo_of(const struct s2c_digest *digest)
{
	return streq(s2c_digest_algo(digest), "sha512") ? S2C_BLOB_SHA512
							: S2C_BLOB_SHA256;
}

static int not_there(const struct s2c_store *store, const struct s2c_digest *digest,
	struct s2c_error **err)
{
	return s2c_fail(err, S2C_ENOENT, "blob '%s' is not in store '%s'", digest->str,
		store->path);
}

/* ---- reading ---- */

int s2c_blob_stat(struct s2c_store *store, const struct s2c_digest *digest,
	uint64_t *out_size, struct s2c_error **err)
{
	struct stat st;
	int dirfd = -1;

	if (s2c_store_algo_fd(store, algo_of(digest), false, &dirfd, err) < 0)
		return -1;
	if (dirfd < 0 ||
		(fstatat(dirfd, s2c_digest_hex(digest), &st, AT_SYMLINK_NOFOLLOW) < 0 &&
			errno == ENOENT))
		return not_there(store, digest, err);
	if (fstatat(dirfd, s2c_digest_hex(digest), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return s2c_fail_errno(err, errno, "cannot stat blob '%s'", digest->str);
	if (!S_ISREG(st.st_mode))
		return s2c_fail(err, S2C_ENOENT,
			"blob '%s' in store '%s' is not a regular file: "
			"'s2c prune --check' removes it",
			digest->str, store->path);
	*out_size = (uint64_t)st.st_size;
	return 0;
}

bool s2c_blob_exists(
	struct s2c_store *store, const struct s2c_digest *digest, uint64_t size)
{
	uint64_t there;

	return s2c_blob_stat(store, digest, &there, NULL) == 0 && there == size;
}

struct blob_reader {
	struct s2c_reader reader;
	struct s2c_reader *next;
	char *what;
	char *store_path;
};

static ssize_t blob_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct blob_reader *self = (struct blob_reader *)r;
	CLEAN_ERROR struct s2c_error *failed = NULL;
	ssize_t n = s2c_read(self->next, buf, len, &failed);

	if (n >= 0)
		return n;
	if (s2c_error_code(failed) == S2C_EDIGEST)
		return s2c_fail(err, S2C_EDIGEST,
			"%s in store '%s' was altered: run 's2c prune --check', then "
			"pull or "
			"build it again",
			self->what, self->store_path);
	s2c_error_move(err, &failed);
	return s2c_wrap(err, "%s", self->what);
}

static void blob_reader_free(struct s2c_reader *r)
{
	struct blob_reader *self = (struct blob_reader *)r;

	s2c_reader_free(self->next);
	free(self->what);
	free(self->store_path);
	free(self);
}

static const struct s2c_reader_ops blob_reader_ops = {
	.read = blob_read,
	.free = blob_reader_free,
};

/* Opens a blob without looking at its content; symlinks and odd files are refused. */
static int open_blob_file(struct s2c_store *store, const struct s2c_digest *digest,
	int *out_fd, uint64_t *out_size, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	struct stat st;
	uint64_t size;
	int dirfd = -1;

	if (s2c_blob_stat(store, digest, &size, err) < 0 ||
		s2c_store_algo_fd(store, algo_of(digest), false, &dirfd, err) < 0)
		return -1;
	fd = openat(dirfd, s2c_digest_hex(digest),
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return not_there(store, digest, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot open blob '%s' of store '%s'",
			digest->str, store->path);
	if (!S_ISREG(st.st_mode))
		return not_there(store, digest, err);
	*out_size = (uint64_t)st.st_size;
	*out_fd = take_fd(&fd);
	return 0;
}

static int wrong_size(const struct s2c_store *store, const struct s2c_digest *digest,
	uint64_t is, uint64_t should, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EDIGEST,
		"blob '%s' in store '%s' has %llu bytes instead of %llu: run 's2c prune "
		"--check', then pull or build it again",
		digest->str, store->path, (unsigned long long)is,
		(unsigned long long)should);
}

int s2c_blob_open(struct s2c_store *store, const struct s2c_digest *digest, uint64_t size,
	struct s2c_reader **out, struct s2c_error **err)
{
	struct s2c_digest_check check = {.digest = *digest};
	struct blob_reader *self;
	CLEAN_FD int fd = -1;

	if (open_blob_file(store, digest, &fd, &check.size, err) < 0)
		return -1;
	if (size != UINT64_MAX && check.size != size)
		return wrong_size(store, digest, check.size, size, err);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	self = xcalloc(1, sizeof(*self));
	self->reader.ops = &blob_reader_ops;
	self->what = xasprintf("blob '%s'", digest->str);
	self->store_path = xstrdup(store->path);
	check.what = self->what;
	self->next = s2c_reader_digest(s2c_reader_fd(take_fd(&fd), true), true, &check);
	*out = &self->reader;
	return 0;
}

int s2c_blob_open_at(struct s2c_store *store, const struct s2c_descriptor *desc,
	uint64_t offset, struct s2c_reader **out, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	uint64_t size;

	if (offset == 0)
		return s2c_blob_open(store, &desc->digest, desc->size, out, err);
	if (open_blob_file(store, &desc->digest, &fd, &size, err) < 0)
		return -1;
	if (size != desc->size || offset > size)
		return wrong_size(store, &desc->digest, size, desc->size, err);
	if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return s2c_fail_errno(err, errno, "cannot read blob '%s' of store '%s'",
			desc->digest.str, store->path);
	*out = s2c_reader_fd(take_fd(&fd), true);
	return 0;
}

int s2c_blob_file(struct s2c_store *store, const struct s2c_descriptor *desc, int *out_fd,
	struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	uint64_t size;

	if (open_blob_file(store, &desc->digest, &fd, &size, err) < 0)
		return -1;
	if (size != desc->size)
		return wrong_size(store, &desc->digest, size, desc->size, err);
	*out_fd = take_fd(&fd);
	return 0;
}

/* Appends all of a reader to a buf. */
static int read_all(
	struct s2c_reader *reader, struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_FREE char *chunk = xmalloc(SMALL_BLOB);

	for (;;) {
		ssize_t n = s2c_read(reader, chunk, SMALL_BLOB, err);

		if (n <= 0)
			return (int)n;
		if (s2c_buf_add(buf, chunk, (size_t)n, err) < 0)
			return -1;
	}
}

int s2c_blob_read(struct s2c_store *store, const struct s2c_digest *digest,
	struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_READER struct s2c_reader *reader = NULL;

	if (s2c_blob_open(store, digest, UINT64_MAX, &reader, err) < 0)
		return -1;
	if (read_all(reader, buf, err) < 0) {
		if (s2c_error_code(err ? *err : NULL) == S2C_ELIMIT)
			return s2c_wrap(err, "blob '%s'", digest->str);
		return -1;
	}
	return 0;
}

int s2c_blob_verify_fd(struct s2c_ctx *ctx, int fd, const struct s2c_digest *digest,
	struct s2c_error **err)
{
	struct s2c_digest_check check = {
		.digest = *digest, .size = UINT64_MAX, .what = digest->str};
	CLEAN_READER struct s2c_reader *reader = s2c_reader_digest(
		s2c_reader_fd(fd, false), true, &check);

	return s2c_drain(ctx, reader, err);
}

/* ---- writing ---- */

struct s2c_ingest {
	struct s2c_writer writer;
	struct s2c_store *store;
	struct s2c_hasher *hasher;
	char *name; /* in the scratch directory; NULL: nothing there (any more) */
	char *gather;
	size_t gathered;
	uint64_t size;
	uint64_t written_out;
	int fd;
	bool finished;
	bool hashed_by_caller;
	struct s2c_digest digest; /* when finished */
};

static int flush_gathered(struct s2c_ingest *in, struct s2c_error **err)
{
	size_t len = in->gathered;

	if (len == 0)
		return 0;
	in->gathered = 0;
	if (s2c_fault_point("store.blob.write", err) < 0 ||
		s2c_fs_write_all(in->fd, in->gather, len, err) < 0)
		return s2c_wrap(err, "cannot write to store '%s'", in->store->path);
	if (!in->hashed_by_caller)
		s2c_hasher_update(in->hasher, in->gather, len);
	in->size += len;
	s2c_fs_writeout(in->fd, in->size, &in->written_out);
	return 0;
}

static int ingest_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct s2c_ingest *in = (struct s2c_ingest *)w;
	const char *p = buf;

	while (len > 0) {
		size_t n = GATHER_SIZE - in->gathered;

		if (n > len)
			n = len;
		memcpy(in->gather + in->gathered, p, n);
		in->gathered += n;
		p += n;
		len -= n;
		if (in->gathered == GATHER_SIZE && flush_gathered(in, err) < 0)
			return -1;
	}
	return 0;
}

static int ingest_finish(struct s2c_writer *w, struct s2c_error **err)
{
	struct s2c_ingest *in = (struct s2c_ingest *)w;

	if (flush_gathered(in, err) < 0)
		return -1;
	s2c_hasher_final(in->hasher, &in->digest);
	in->finished = true;
	return 0;
}

/* The writer is part of the ingest, which s2c_ingest_free() frees. */
static void ingest_writer_free(struct s2c_writer *w)
{
	(void)w;
}

static const struct s2c_writer_ops ingest_ops = {
	.write = ingest_write,
	.finish = ingest_finish,
	.free = ingest_writer_free,
};

int s2c_ingest_begin(
	struct s2c_store *store, struct s2c_ingest **out, struct s2c_error **err)
{
	CLEAN_FREE char *name = s2c_fs_random_name("blob");
	CLEAN_FD int fd = -1;
	struct s2c_ingest *in;
	int scratch;

	if (s2c_store_scratch(store, &scratch, err) < 0 ||
		s2c_fs_open(scratch, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644,
			&fd, err) < 0)
		return -1;
	in = xcalloc(1, sizeof(*in));
	in->writer.ops = &ingest_ops;
	in->store = store;
	in->hasher = s2c_hasher_new("sha256");
	in->name = TAKE(name);
	in->gather = xmalloc(GATHER_SIZE);
	in->fd = take_fd(&fd);
	*out = in;
	return 0;
}

void s2c_ingest_hashed_by_caller(struct s2c_ingest *ingest)
{
	assert(ingest->size == 0 && ingest->gathered == 0);
	ingest->hashed_by_caller = true;
}

struct s2c_writer *s2c_ingest_writer(struct s2c_ingest *ingest)
{
	return &ingest->writer;
}

/*
 * What was written against what it should be. A sha512 is computed by reading the file
 * again: nearly nobody uses it, and everybody would pay for hashing twice.
 */
static int compare(struct s2c_ingest *in, const struct s2c_ingest_expect *expect,
	struct s2c_error **err)
{
	const struct s2c_digest *want = expect ? expect->digest : NULL;

	if (expect && expect->size != UINT64_MAX && expect->size != in->size)
		return s2c_fail(err, S2C_EDIGEST,
			"%s has %llu bytes instead of %llu: truncated or altered",
			want ? want->str : "content", (unsigned long long)in->size,
			(unsigned long long)expect->size);
	assert(want || !in->hashed_by_caller);
	if (!want)
		return 0;
	if (in->hashed_by_caller) {
		in->digest = *want;
		return 0;
	}
	if (algo_of(want) == S2C_BLOB_SHA512) {
		if (lseek(in->fd, 0, SEEK_SET) < 0)
			return s2c_fail_errno(err, errno, "cannot read '%s'", want->str);
		if (s2c_blob_verify_fd(NULL, in->fd, want, err) < 0)
			return -1;
		in->digest = *want;
		return 0;
	}
	if (!s2c_digest_equal(want, &in->digest))
		return s2c_fail(err, S2C_EDIGEST,
			"content of '%s' has digest '%s': altered", want->str,
			in->digest.str);
	return 0;
}

bool s2c_blob_sound(
	struct s2c_store *store, const struct s2c_digest *digest, uint64_t size)
{
	CLEAN_FD int fd = -1;
	uint64_t there;

	return open_blob_file(store, digest, &fd, &there, NULL) == 0 && there == size &&
	       s2c_blob_verify_fd(NULL, fd, digest, NULL) == 0;
}

int s2c_blob_install(struct s2c_store *store, const struct s2c_blob_temp *temp,
	const struct s2c_digest *digest, uint64_t size, struct s2c_error **err)
{
	int dirfd;

	if (s2c_blob_sound(store, digest, size)) {
		(void)unlinkat(temp->dirfd, temp->name, 0);
		return 0;
	}
	if (s2c_fs_sync(temp->fd, digest->str, err) < 0 ||
		s2c_store_algo_fd(store, algo_of(digest), true, &dirfd, err) < 0 ||
		s2c_fault_point("store.blob.rename", err) < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	if (renameat(temp->dirfd, temp->name, dirfd, s2c_digest_hex(digest)) < 0)
		return s2c_fail_errno(err, errno, "cannot put blob '%s' into store '%s'",
			digest->str, store->path);
	return 0;
}

int s2c_ingest_commit(struct s2c_ingest *ingest, const struct s2c_ingest_expect *expect,
	struct s2c_digest *out_digest, uint64_t *out_size, struct s2c_error **err)
{
	struct s2c_blob_temp temp;

	/* Who filled it may have finished the chain of writers already. */
	if (!ingest->finished && ingest_finish(&ingest->writer, err) < 0)
		return -1;
	if (compare(ingest, expect, err) < 0)
		return -1;
	temp = (struct s2c_blob_temp){.dirfd = ingest->store->scratch.fd,
		.name = ingest->name,
		.fd = ingest->fd};
	if (s2c_blob_install(ingest->store, &temp, &ingest->digest, ingest->size, err) <
		0)
		return -1;
	free(TAKE(ingest->name));
	if (out_digest)
		*out_digest = ingest->digest;
	if (out_size)
		*out_size = ingest->size;
	return 0;
}

void s2c_ingest_free(struct s2c_ingest *ingest)
{
	if (!ingest)
		return;
	if (ingest->name)
		(void)unlinkat(ingest->store->scratch.fd, ingest->name, 0);
	(void)close(ingest->fd);
	s2c_hasher_free(ingest->hasher);
	free(ingest->gather);
	free(ingest->name);
	free(ingest);
}

int s2c_blob_put(struct s2c_store *store, const void *data, size_t len,
	struct s2c_descriptor *desc, struct s2c_error **err)
{
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	struct s2c_digest digest;

	s2c_digest_of(data, len, &digest);
	if (!s2c_blob_sound(store, &digest, len) &&
		(s2c_ingest_begin(store, &ingest, err) < 0 ||
			s2c_write(s2c_ingest_writer(ingest), data, len, err) < 0 ||
			s2c_ingest_commit(ingest, NULL, NULL, NULL, err) < 0))
		return -1;
	desc->digest = digest;
	desc->size = len;
	return 0;
}
