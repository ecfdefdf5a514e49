/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree as a stream of entries. It is hostile and may change while it is
 * read: every step is one openat of one name relative to the fd of its directory, never
 * through a symlink, and what was opened is looked at by its fd. So no path is resolved
 * twice, and nothing outside the tree is ever opened. The stack is explicit; only the
 * listings of the directories on it are in memory.
 */
#include "codec/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "codec/listing.h"

struct frame {
	int fd;
	struct s2c_listing names;
	size_t next;
	size_t path_len; /* of the directory, 0 for the root */
};

/* A file of several names of which one was sent, by device and inode. */
struct link_seen {
	dev_t dev;
	ino_t ino;
	uint64_t left; /* names that may still come */
	char *path;
};

struct walk {
	struct s2c_entries base;
	struct s2c_walk_opts opts;
	struct frame *stack;
	size_t depth, cap;
	struct s2c_buf path;
	struct s2c_entry entry; /* borrows path */
	char *link;
	int dir_fd;         /* directory just sent, to go into next; or -1 */
	int file_fd;        /* file just sent, or -1 */
	struct stat opened; /* of file_fd, when it was sent */
	uint64_t unread;
	uint64_t listed; /* names seen, sent or not */
	bool sent_any;
	void *links; /* tsearch(3) tree of struct link_seen */
};

static struct walk *walk_of(struct s2c_entries *e)
{
	return (struct walk *)e;
}

static int link_cmp(const void *a, const void *b)
{
	const struct link_seen *x = a;
	const struct link_seen *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (x->dev > y->dev) - (x->dev < y->dev);
}

static void link_free(void *p)
{
	struct link_seen *seen = p;

	free(seen->path);
	free(seen);
}

/*
 * The first name of the file `st`, or NULL if the current one is the first, which is
 * remembered then. Names outside the tree or excluded never come; that costs memory only.
 */
static char *first_name(struct walk *w, const struct stat *st)
{
	struct link_seen key = {.dev = st->st_dev, .ino = st->st_ino};
	struct link_seen **found = tfind(&key, &w->links, link_cmp);
	char *path = NULL;

	if (!found) {
		struct link_seen *seen = xmalloc(sizeof(*seen));

		*seen = key;
		seen->left = st->st_nlink - 1;
		seen->path = xstrdup(s2c_buf_str(&w->path));
		s2c_must(tsearch(seen, &w->links, link_cmp));
		return NULL;
	}
	struct link_seen *seen = *found;

	path = xstrdup(seen->path);
	if (--seen->left == 0) {
		(void)tdelete(seen, &w->links, link_cmp);
		link_free(seen);
	}
	return path;
}

static int fail_changed(struct walk *w, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EINVAL,
		"'%s' changed while it was read: stop what writes to it, or %s",
		s2c_buf_str(&w->path), w->opts.remedy);
}

/* For a name that was listed and then could not be opened as what it was listed as. */
static int fail_open(struct walk *w, int errnum, struct s2c_error **err)
{
	switch (errnum) {
	case ENOENT:
	case ELOOP:
	case ENOTDIR:
	case ENXIO:
		return fail_changed(w, err);
	case EACCES:
	case EPERM:
		return s2c_fail(err, S2C_EINVAL,
			"cannot read '%s': permission denied: make it readable, "
			"or %s",
			s2c_buf_str(&w->path), w->opts.remedy);
	default:
		return s2c_fail_errno(
			err, errnum, "cannot read '%s'", s2c_buf_str(&w->path));
	}
}

static int fail_special(struct walk *w, unsigned char type, struct s2c_error **err)
{
	const char *what = type == DT_FIFO   ? "a fifo"
			   : type == DT_SOCK ? "a socket"
			   : type == DT_CHR  ? "a character device"
			   : type == DT_BLK  ? "a block device"
					     : "no file, directory or link";

	return s2c_fail(err, S2C_EINVAL, "'%s' is %s, which an image cannot hold: %s",
		s2c_buf_str(&w->path), what, w->opts.remedy);
}

/* Takes ownership of dir_fd. */
static int push(struct walk *w, int dir_fd, struct s2c_error **err)
{
	CLEAN_FD int fd = dir_fd;
	const char *path = w->depth == 0 ? "." : s2c_buf_str(&w->path);

	if (w->depth > S2C_WALK_DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' is nested deeper than %d directories: %s", path,
			S2C_WALK_DEPTH_MAX, w->opts.remedy);
	if (w->depth == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->stack = xreallocarray(w->stack, w->cap, sizeof(*w->stack));
	}
	struct frame *f = &w->stack[w->depth];

	*f = (struct frame){.path_len = w->depth == 0 ? 0 : w->path.len};
	if (w->depth == 0 && w->opts.only
			? s2c_listing_only(w->opts.only, &f->names, err) < 0
			: s2c_listing_read(fd, path, &f->names, err) < 0)
		return -1;
	w->listed += f->names.n;
	if (w->listed > S2C_WALK_ENTRIES_MAX) {
		s2c_listing_release(&f->names);
		return s2c_fail(err, S2C_ELIMIT, "%s has more than %u entries",
			w->opts.what, S2C_WALK_ENTRIES_MAX);
	}
	f->fd = take_fd(&fd);
	w->depth++;
	return 0;
}

static void pop(struct walk *w)
{
	struct frame *f = &w->stack[--w->depth];

	(void)close(f->fd);
	s2c_listing_release(&f->names);
}

static int set_path(
	struct walk *w, const struct frame *f, const char *name, struct s2c_error **err)
{
	w->path.len = f->path_len;
	if (f->path_len > 0 && s2c_buf_add(&w->path, "/", 1, err) < 0)
		return -1;
	return s2c_buf_puts(&w->path, name, err);
}

static void fill_entry(struct walk *w, enum s2c_entry_type type, const struct stat *st)
{
	w->entry = (struct s2c_entry){
		.path = w->path.data,
		.type = type,
		.mode = st->st_mode & 01777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
	if (w->opts.adjust)
		w->opts.adjust(w->opts.adjust_by, &w->entry);
}

/*
 * assemble gets files with the mode they have here, as their owner, and without the
 * rights of whoever reads them now.
 */
static int check_readable(
	struct walk *w, const struct stat *st, mode_t needed, struct s2c_error **err)
{
	if (!w->opts.check_readable || (st->st_mode & needed) == needed)
		return 0;
	return s2c_fail(err, S2C_EINVAL,
		"'%s' has mode %04o, with which assemble could not read it: make it "
		"readable, or %s",
		s2c_buf_str(&w->path), (unsigned)(st->st_mode & 07777), w->opts.remedy);
}

static int send_file(struct walk *w, int at, const char *name, struct s2c_error **err)
{
	/* Should it have become a fifo since it was listed, O_NONBLOCK keeps us going. */
	CLEAN_FD int fd = openat(
		at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fail_open(w, errno, err);
	if (fstat(fd, &w->opened) < 0)
		return fail_open(w, errno, err);
	if (!S_ISREG(w->opened.st_mode))
		return fail_changed(w, err);
	if (check_readable(w, &w->opened, S_IRUSR, err) < 0)
		return -1;
	fill_entry(w, S2C_ENTRY_FILE, &w->opened);
	if (w->opened.st_nlink > 1 && !w->opts.links_apart) {
		w->link = first_name(w, &w->opened);
		if (w->link) {
			w->entry.type = S2C_ENTRY_HARDLINK;
			w->entry.link = w->link;
			return 0;
		}
	}
	w->entry.size = (uint64_t)w->opened.st_size;
	w->unread = w->entry.size;
	w->file_fd = take_fd(&fd);
	return 0;
}

static int send_dir(struct walk *w, int at, const char *name, struct s2c_error **err)
{
	CLEAN_FD int fd = openat(
		at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
	struct stat st;

	if (fd < 0)
		return fail_open(w, errno, err);
	if (fstat(fd, &st) < 0)
		return fail_open(w, errno, err);
	if (check_readable(w, &st, S_IRUSR | S_IXUSR, err) < 0)
		return -1;
	fill_entry(w, S2C_ENTRY_DIR, &st);
	w->dir_fd = take_fd(&fd);
	return 0;
}

static int send_symlink(struct walk *w, int at, const char *name, struct s2c_error **err)
{
	char target[S2C_ENTRY_LINK_MAX + 2];
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_open(w, errno, err);
	ssize_t n = readlinkat(at, name, target, sizeof(target));

	if (n < 0)
		return errno == EINVAL ? fail_changed(w, err) : fail_open(w, errno, err);
	if (!S_ISLNK(st.st_mode))
		return fail_changed(w, err);
	if (n > S2C_ENTRY_LINK_MAX)
		return s2c_fail(err, S2C_ELIMIT, "the target of link '%s' is too long",
			s2c_buf_str(&w->path));
	fill_entry(w, S2C_ENTRY_SYMLINK, &st);
	w->link = xstrndup(target, (size_t)n);
	w->entry.link = w->link;
	return 0;
}

/* Sends one listed name unless it is excluded: *out_sent tells. */
static int send_name(struct walk *w, const struct frame *f, size_t i, bool *out_sent,
	struct s2c_error **err)
{
	const char *name = s2c_listing_name(&f->names, i);
	unsigned char type = s2c_listing_type(&f->names, i);
	struct stat st;

	if (set_path(w, f, name, err) < 0)
		return -1;
	if (type == DT_UNKNOWN) {
		if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_open(w, errno, err);
		type = IFTODT(st.st_mode);
	}
	*out_sent = false;
	if (w->opts.skip &&
		w->opts.skip(w->opts.skip_by, s2c_buf_str(&w->path), type == DT_DIR))
		return 0;
	if (w->opts.skip_special && type != DT_REG && type != DT_DIR && type != DT_LNK)
		return 0;
	*out_sent = true;
	w->sent_any = true;
	if (starts_with(name, ".wh."))
		return s2c_fail(err, S2C_EINVAL,
			"'%s' has a name that means a deletion in an image: rename it, "
			"or %s",
			s2c_buf_str(&w->path), w->opts.remedy);
	switch (type) {
	case DT_REG:
		return send_file(w, f->fd, name, err);
	case DT_DIR:
		return send_dir(w, f->fd, name, err);
	case DT_LNK:
		return send_symlink(w, f->fd, name, err);
	default:
		return fail_special(w, type, err);
	}
}

/* Ends with the file that was sent last: it must still be what its entry said. */
static int verify_file(struct walk *w, struct s2c_error **err)
{
	struct stat st;

	if (fstat(w->file_fd, &st) < 0)
		return fail_open(w, errno, err);
	if (st.st_size != w->opened.st_size ||
		st.st_mtim.tv_sec != w->opened.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != w->opened.st_mtim.tv_nsec)
		return fail_changed(w, err);
	return 0;
}

static int finish_entry(struct walk *w, struct s2c_error **err)
{
	free(TAKE(w->link));
	if (w->file_fd >= 0) {
		if (verify_file(w, err) < 0)
			return -1;
		(void)close(take_fd(&w->file_fd));
	}
	if (w->dir_fd >= 0)
		return push(w, take_fd(&w->dir_fd), err);
	return 0;
}

static int walk_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct walk *w = walk_of(e);
	bool sent = false;

	if (s2c_ctx_check(ctx, err) < 0)
		return -1;
	if (finish_entry(w, err) < 0)
		return -1;
	while (w->depth > 0) {
		struct frame *f = &w->stack[w->depth - 1];

		if (f->next == f->names.n) {
			pop(w);
			continue;
		}
		if (send_name(w, f, f->next++, &sent, err) < 0)
			return -1;
		if (sent) {
			*out = &w->entry;
			return 0;
		}
	}
	if (!w->sent_any && w->opts.empty)
		return s2c_fail(err, S2C_EINVAL, "%s", w->opts.empty);
	*out = NULL;
	return 0;
}

static ssize_t walk_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct walk *w = walk_of(e);
	ssize_t n = 0;

	if (w->file_fd < 0)
		return 0;
	if (w->unread == 0)
		return verify_file(w, err);
	if (len > w->unread)
		len = (size_t)w->unread;
	do {
		n = read(w->file_fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_open(w, errno, err);
	if (n == 0)
		return fail_changed(w, err);
	w->unread -= (uint64_t)n;
	return n;
}

static int walk_data_fd(struct s2c_entries *e)
{
	return walk_of(e)->file_fd;
}

static void walk_free(struct s2c_entries *e)
{
	struct walk *w = walk_of(e);

	while (w->depth > 0)
		pop(w);
	free(w->stack);
	s2c_buf_release(&w->path);
	free(w->link);
	s2c_clean_fd(&w->dir_fd);
	s2c_clean_fd(&w->file_fd);
	tdestroy(w->links, link_free);
	free(w);
}

static const struct s2c_entries_ops walk_ops = {
	.next = walk_next,
	.read = walk_read,
	.data_fd = walk_data_fd,
	.free = walk_free,
};

int s2c_walk(int dir_fd, const struct s2c_walk_opts *opts, struct s2c_entries **out,
	struct s2c_error **err)
{
	struct walk *w = xmalloc(sizeof(*w));
	CLEAN_ENTRIES struct s2c_entries *e = &w->base;

	*w = (struct walk){
		.base.ops = &walk_ops,
		.opts = *opts,
		.path = S2C_BUF_INIT(S2C_ENTRY_PATH_MAX),
		.dir_fd = -1,
		.file_fd = -1,
	};
	/* Its own open file, so that two walks do not share an offset. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);

	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot read the directory");
	if (push(w, fd, err) < 0)
		return -1;
	*out = TAKE(e);
	return 0;
}
