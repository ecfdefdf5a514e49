/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs on their way. The note beside the file is written after the bytes that it counts
 * and is never synced: after kill -9 both are as they were, after a power failure the
 * note may count bytes that are not there, which the digest finds.
 */
#include "store/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"
#include "util/pool.h"

#define DIRECTORY "partial"
#define NOTE_SUFFIX ".length"
#define NOTE_MAX 32
/* Bytes between two notes: what a killed pull fetches again at most. */
#define NOTE_STEP (1024u * 1024)
/* Between opening and locking others may have renamed the file away this often. */
#define OPEN_TRIES 8

struct piece {
	uint64_t from, to;
};

struct s2c_partial {
	struct s2c_store *store;
	struct s2c_digest digest;
	uint64_t size, resumed;
	int dirfd;  /* where name is; ours when shared */
	char *name; /* NULL: installed */
	bool shared, discarded;
	int fd;
	int arrived; /* eventfd: the beginning has grown */
	struct s2c_monitor *lock;
	/* Under the lock: sorted, without overlap, and those that touch are one. */
	struct piece pieces[S2C_PARTIAL_PIECES_MAX];
	size_t n_pieces;
	uint64_t noted, written_out;
};

/* ---- the note ---- */

static char *note_name(const char *name)
{
	return xasprintf("%s" NOTE_SUFFIX, name);
}

/* How far an earlier process came; 0 when it is not known. */
static uint64_t read_note(int dirfd, const char *name)
{
	CLEAN_FREE char *note = note_name(name);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(NOTE_MAX);
	uint64_t length = 0;

	if (s2c_fs_read_file(dirfd, note, &text, NULL) < 0)
		return 0;
	for (const char *p = s2c_buf_str(&text); *p && *p != '\n'; p++) {
		if (*p < '0' || *p > '9' || length > S2C_BLOB_SIZE_MAX)
			return 0;
		length = length * 10 + (uint64_t)(*p - '0');
	}
	return length;
}

/* Best effort: without it the next pull begins at the beginning. */
static void write_note(struct s2c_partial *partial, uint64_t length)
{
	CLEAN_FREE char *note = note_name(partial->name);
	CLEAN_FREE char *text = xasprintf("%020" PRIu64 "\n", length);
	CLEAN_FD int fd = openat(
		partial->dirfd, note, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (partial->shared && fd >= 0 &&
		pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text))
		partial->noted = length;
}

/* ---- opening ---- */

static int open_directory(struct s2c_store *store, int *out_fd, struct s2c_error **err)
{
	if (s2c_fs_mkdir_p(store->root_fd, DIRECTORY, 0755, err) < 0 ||
		s2c_fs_open(store->root_fd, DIRECTORY,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, out_fd, err) < 0)
		return s2c_wrap(err, "store '%s'", store->path);
	return 0;
}

static bool still_named(int dirfd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino && S_ISREG(a.st_mode);
}

/* Opens and locks the file that everybody knows; -1 in *out_fd if it is taken. */
static int open_shared(int dirfd, const char *name, int *out_fd, struct s2c_error **err)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		CLEAN_FD int fd = -1;

		if (s2c_fs_open(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
			    0644, &fd, err) < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return 0;
		if (still_named(dirfd, name, fd)) {
			*out_fd = take_fd(&fd);
			return 0;
		}
	}
	return 0;
}

/* A file of our own in the scratch directory. */
static int open_private(struct s2c_partial *partial, struct s2c_error **err)
{
	CLEAN_FREE char *name = s2c_fs_random_name("blob");

	if (s2c_store_scratch(partial->store, &partial->dirfd, err) < 0 ||
		s2c_fs_open(partial->dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
			0644, &partial->fd, err) < 0)
		return -1;
	partial->name = TAKE(name);
	return 0;
}

/* What is in the file beyond the note is not known to be whole. */
static int resume(struct s2c_partial *partial, struct s2c_error **err)
{
	uint64_t length = read_note(partial->dirfd, partial->name);
	struct stat st;

	if (fstat(partial->fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot stat '%s'", partial->name);
	if (length > (uint64_t)st.st_size || length > partial->size)
		length = 0;
	if (ftruncate(partial->fd, (off_t)length) < 0)
		return s2c_fail_errno(err, errno, "cannot truncate '%s'", partial->name);
	partial->resumed = partial->noted = length;
	if (length)
		partial->pieces[partial->n_pieces++] = (struct piece){0, length};
	return 0;
}

int s2c_partial_open(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_partial **out, struct s2c_error **err)
{
	CLEAN_FREE char *name = xasprintf(
		"%s-%s", s2c_digest_algo(&desc->digest), s2c_digest_hex(&desc->digest));
	CLEAN_PARTIAL struct s2c_partial *partial = xcalloc(1, sizeof(*partial));
	CLEAN_FD int dirfd = -1;

	partial->store = store;
	partial->digest = desc->digest;
	partial->size = desc->size;
	partial->dirfd = partial->fd = -1;
	partial->lock = s2c_monitor_new();
	partial->arrived = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (partial->arrived < 0)
		return s2c_fail_errno(err, errno, "cannot make an event");
	if (s2c_fault_point("store.partial.open", err) < 0 ||
		open_directory(store, &dirfd, err) < 0 ||
		open_shared(dirfd, name, &partial->fd, err) < 0)
		return -1;
	if (partial->fd < 0) {
		if (open_private(partial, err) < 0)
			return -1;
	} else {
		partial->shared = true;
		partial->dirfd = take_fd(&dirfd);
		partial->name = TAKE(name);
		if (resume(partial, err) < 0)
			return s2c_wrap(err, "store '%s'", store->path);
	}
	*out = TAKE(partial);
	return 0;
}

static void remove_files(const struct s2c_partial *partial)
{
	CLEAN_FREE char *note = note_name(partial->name);

	(void)unlinkat(partial->dirfd, note, 0);
	(void)unlinkat(partial->dirfd, partial->name, 0);
}

void s2c_partial_free(struct s2c_partial *partial)
{
	if (!partial)
		return;
	if (partial->name) {
		uint64_t length = s2c_partial_length(partial);

		if (!partial->shared || partial->discarded || length == 0)
			remove_files(partial);
		else
			write_note(partial, length);
	}
	if (partial->fd >= 0)
		(void)close(partial->fd);
	if (partial->shared)
		(void)close(partial->dirfd);
	if (partial->arrived >= 0)
		(void)close(partial->arrived);
	s2c_monitor_free(partial->lock);
	free(partial->name);
	free(partial);
}

/* ---- writing ---- */

/* Bytes from the beginning; inside of the lock. */
static uint64_t beginning(const struct s2c_partial *partial)
{
	return partial->n_pieces && partial->pieces[0].from == 0 ? partial->pieces[0].to
								 : 0;
}

uint64_t s2c_partial_length(struct s2c_partial *partial)
{
	s2c_monitor_enter(partial->lock);
	uint64_t length = beginning(partial);
	s2c_monitor_leave(partial->lock);
	return length;
}

uint64_t s2c_partial_resumed(const struct s2c_partial *partial)
{
	return partial->resumed;
}

static void remove_piece(struct s2c_partial *partial, size_t i)
{
	partial->n_pieces--;
	memmove(&partial->pieces[i], &partial->pieces[i + 1],
		(partial->n_pieces - i) * sizeof(partial->pieces[0]));
}

/* Adds what was written to the pieces; inside of the lock. */
static int add_piece(
	struct s2c_partial *partial, struct piece new, struct s2c_error **err)
{
	struct piece *pieces = partial->pieces;
	size_t i = 0;

	while (i < partial->n_pieces && pieces[i].to < new.from)
		i++;
	if (i < partial->n_pieces && pieces[i].to == new.from) {
		pieces[i].to = new.to;
		if (i + 1 < partial->n_pieces && pieces[i + 1].from == new.to) {
			pieces[i].to = pieces[i + 1].to;
			remove_piece(partial, i + 1);
		}
		return 0;
	}
	if (i < partial->n_pieces && pieces[i].from == new.to) {
		pieces[i].from = new.from;
		return 0;
	}
	if (partial->n_pieces == S2C_PARTIAL_PIECES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "blob '%s' comes in more than %d pieces",
			partial->digest.str, S2C_PARTIAL_PIECES_MAX);
	memmove(&pieces[i + 1], &pieces[i],
		(partial->n_pieces++ - i) * sizeof(pieces[0]));
	pieces[i] = new;
	return 0;
}

/* Inside of the lock, after the beginning has grown. */
static void tell(struct s2c_partial *partial)
{
	uint64_t length = beginning(partial), one = 1;

	/* EAGAIN: the counter is full, so it is readable already. */
	(void)!write(partial->arrived, &one, sizeof(one));
	if (length - partial->noted >= NOTE_STEP)
		write_note(partial, length);
	s2c_fs_writeout(partial->fd, length, &partial->written_out);
}

int s2c_partial_write(struct s2c_partial *partial, uint64_t offset, const void *data,
	size_t len, struct s2c_error **err)
{
	const char *p = data;

	if (offset > partial->size || len > partial->size - offset)
		return s2c_fail(err, S2C_EDIGEST,
			"blob '%s' is larger than the %" PRIu64 " bytes it should have",
			partial->digest.str, partial->size);
	if (s2c_fault_point("store.partial.write", err) < 0)
		return -1;
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(
			partial->fd, p + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return s2c_fail_errno(err, errno, "cannot write to store '%s'",
				partial->store->path);
		done += (size_t)n;
	}
	s2c_monitor_enter(partial->lock);
	uint64_t before = beginning(partial);
	int rc = add_piece(partial, (struct piece){offset, offset + len}, err);
	if (beginning(partial) != before)
		tell(partial);
	s2c_monitor_leave(partial->lock);
	return rc;
}

/* ---- reading ---- */

struct partial_reader {
	struct s2c_reader base;
	struct s2c_ctx *ctx;
	struct s2c_partial *partial;
	uint64_t at;
};

/* Waits until there are bytes behind `at`. */
static int await_bytes(struct partial_reader *r, struct s2c_error **err)
{
	struct pollfd fd = {.fd = r->partial->arrived, .events = POLLIN};
	uint64_t count;
	int ready;

	while (s2c_partial_length(r->partial) <= r->at) {
		if (s2c_ctx_poll(r->ctx, &fd, 1, -1, &ready, err) < 0)
			return -1;
		(void)!read(fd.fd, &count, sizeof(count));
	}
	return 0;
}

static ssize_t partial_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct partial_reader *r = (struct partial_reader *)reader;
	struct s2c_partial *partial = r->partial;
	uint64_t there;
	ssize_t n;

	if (r->at == partial->size)
		return 0;
	if (await_bytes(r, err) < 0)
		return -1;
	there = s2c_partial_length(partial) - r->at;
	do {
		n = pread(partial->fd, buf, len < there ? len : (size_t)there,
			(off_t)r->at);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return s2c_fail_errno(err, n < 0 ? errno : EIO,
			"cannot read blob '%s' of store '%s'", partial->digest.str,
			partial->store->path);
	r->at += (uint64_t)n;
	return n;
}

static void partial_reader_free(struct s2c_reader *reader)
{
	free(reader);
}

struct s2c_reader *s2c_partial_reader(struct s2c_ctx *ctx, struct s2c_partial *partial)
{
	static const struct s2c_reader_ops ops = {
		.read = partial_read,
		.free = partial_reader_free,
	};
	struct partial_reader *r = xcalloc(1, sizeof(*r));

	*r = (struct partial_reader){.base.ops = &ops, .ctx = ctx, .partial = partial};
	return &r->base;
}

/* ---- the end ---- */

int s2c_partial_install(struct s2c_partial *partial, struct s2c_error **err)
{
	struct s2c_blob_temp temp = {
		.dirfd = partial->dirfd, .name = partial->name, .fd = partial->fd};

	if (s2c_blob_install(
		    partial->store, &temp, &partial->digest, partial->size, err) < 0)
		return -1;
	/* Under its name there may be somebody else's file by now. */
	CLEAN_FREE char *note = note_name(partial->name);
	(void)unlinkat(partial->dirfd, note, 0);
	free(TAKE(partial->name));
	return 0;
}

void s2c_partial_discard(struct s2c_partial *partial)
{
	partial->discarded = true;
}

/* ---- sweeping ---- */

/* One file, unless somebody is at it, or it is young and only old ones are to go. */
static void sweep_one(
	int dirfd, const char *name, const struct s2c_partial_sweep *how, uint64_t *bytes)
{
	CLEAN_FD int fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	time_t oldest = time(NULL) - (time_t)S2C_PARTIAL_DAYS * 24 * 60 * 60;
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0))
		return;
	if (fd >= 0 && how->old_only && st.st_mtime > oldest)
		return;
	if (fd >= 0 && bytes)
		*bytes += (uint64_t)st.st_blocks * 512;
	if (!how->dry_run)
		(void)unlinkat(dirfd, name, 0);
}

int s2c_partial_sweep(struct s2c_store *store, const struct s2c_partial_sweep *how,
	uint64_t *bytes, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_FD int dirfd = openat(store->root_fd, DIRECTORY,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dirfd < 0 && errno == ENOENT)
		return 0;
	if (dirfd < 0)
		return s2c_fail_errno(
			err, errno, "cannot open '%s/" DIRECTORY "'", store->path);
	if (s2c_fs_list(dirfd, S2C_STORE_WORKS_MAX, &names, err) < 0)
		return -1;
	s2c_strv_foreach (name, &names)
		sweep_one(dirfd, name, how, bytes);
	return 0;
}
