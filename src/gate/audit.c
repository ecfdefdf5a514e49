/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the audit log. The state is the open file, how long its whole lines are, and
 * where the chain stands; it only moves when a line is whole on the file. Whatever a
 * failed write left behind is cut off, at once or before the next line.
 */
#include "gate/audit_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>

#include "gate/policy_file.h"
#include "util/fault.h"
#include "util/fs.h"
#include "util/pool.h"
#include "util/strv.h"

#define SEQ_DIGITS 20
/* A file has its first line and more. */
#define FILE_MIN (2u * S2C_AUDIT_LINE_MAX)

struct s2c_audit {
	struct s2c_monitor *monitor;
	char *name; /* of the file in `dir` */
	char *path; /* for messages */
	int dir;
	int fd;         /* -1: the file has to be begun */
	uint64_t whole; /* bytes of whole lines in it */
	bool dirty;     /* there may be more than that */
	struct s2c_audit_link link;
	char *before; /* name of the file before, for the first line; NULL: none */
	enum s2c_audit_fsync fsync;
	uint64_t max;
};

void s2c_audit_close(struct s2c_audit *audit)
{
	if (!audit)
		return;
	if (audit->fd >= 0)
		(void)close(audit->fd);
	if (audit->dir >= 0)
		(void)close(audit->dir);
	s2c_monitor_free(audit->monitor);
	free(audit->name);
	free(audit->path);
	free(audit->before);
	free(audit);
}

/* ---- the file ---- */

static int check_file(const struct stat *st, const char *path, struct s2c_error **err)
{
	if (!S_ISREG(st->st_mode))
		return s2c_fail(err, S2C_EDENIED,
			"audit log '%s' is no regular file: move it away", path);
	if (st->st_uid != geteuid() || st->st_nlink != 1 || (st->st_mode & 077))
		return s2c_fail(err, S2C_EDENIED,
			"audit log '%s' must be of user %u, with one name and mode 0600; "
			"it is of user %u, with %lu and mode %04o",
			path, geteuid(), st->st_uid, (unsigned long)st->st_nlink,
			st->st_mode & 07777);
	return 0;
}

/* Opens what is there (extra 0), or a new one (O_CREAT | O_EXCL), and locks it. */
static int open_locked(const struct s2c_audit *audit, const char *name, int extra_flags,
	int *out_fd, struct s2c_error **err)
{
	struct stat st;
	CLEAN_FD int fd = openat(audit->dir, name,
		O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
			extra_flags,
		0600);

	if (fd < 0 && errno == ELOOP)
		return s2c_fail(err, S2C_EDENIED,
			"audit log '%s' is a symlink: name the file itself", audit->path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return s2c_fail_errno(
			err, errno, "cannot open audit log '%s'", audit->path);
	if (check_file(&st, audit->path, err) < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return s2c_fail(err, S2C_EEXIST,
			"audit log '%s' is written by another gate: give each its own",
			audit->path);
	*out_fd = take_fd(&fd);
	return 0;
}

/* Cuts off what a failed write may have left. */
static int repair(struct s2c_audit *audit, struct s2c_error **err)
{
	if (!audit->dirty)
		return 0;
	if (ftruncate(audit->fd, (off_t)audit->whole) < 0)
		return s2c_fail_errno(err, errno,
			"cannot take back a half-written line of audit log '%s'",
			audit->path);
	audit->dirty = false;
	return 0;
}

/* One write of a line and its newline; all or nothing. */
static int append(struct s2c_audit *audit, const struct s2c_audit_entry *entry,
	const struct s2c_audit_own *own, struct s2c_error **err)
{
	CLEAN_FREE char *line = s2c_audit_line(&audit->link, entry, own);
	size_t len = strlen(line);
	uint64_t seq = audit->link.none ? 0 : audit->link.seq + 1;
	ssize_t n;

	if (repair(audit, err) < 0)
		return -1;
	if (len >= S2C_AUDIT_LINE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "audit log '%s': a line is too long",
			audit->path);
	if (s2c_fault_point("audit-write", err) < 0)
		return -1;
	line[len] = '\n'; /* in the place of the NUL: nothing reads it as a string now */
	do
		n = write(audit->fd, line, len + 1);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)len + 1) {
		int errnum = n < 0 ? errno : ENOSPC;

		audit->dirty = true;
		(void)repair(audit, NULL);
		return s2c_fail_errno(
			err, errnum, "cannot write to audit log '%s'", audit->path);
	}
	audit->whole += len + 1;
	s2c_audit_follow(&audit->link, seq, line, len);
	return 0;
}

/* ---- files in their order ---- */

/* "audit.jsonl.00000000000000000812" */
static char *full_name(const struct s2c_audit *audit)
{
	return xasprintf("%s.%0*" PRIu64, audit->name, SEQ_DIGITS, audit->link.seq);
}

static bool is_full_name(const struct s2c_audit *audit, const char *name)
{
	size_t len = strlen(audit->name);

	return strncmp(name, audit->name, len) == 0 && name[len] == '.' &&
	       strlen(name + len + 1) == SEQ_DIGITS &&
	       strspn(name + len + 1, "0123456789") == SEQ_DIGITS;
}

/* Makes the new file, with its first line. */
static int begin(struct s2c_audit *audit, struct s2c_error **err)
{
	struct s2c_audit_entry entry = {.event = S2C_AUDIT_BEGIN};
	struct s2c_audit_own own = {.continues = audit->before};
	struct s2c_audit_link link = audit->link;
	CLEAN_FD int fd = -1;

	if (open_locked(audit, audit->name, O_CREAT | O_EXCL, &fd, err) < 0)
		return -1;
	audit->whole = 0;
	audit->dirty = false;
	audit->fd = fd;
	if (append(audit, &entry, &own, err) < 0 ||
		s2c_fs_sync(fd, audit->path, err) < 0 ||
		s2c_fs_sync(audit->dir, audit->path, err) < 0) {
		/* Begun again by the next line; nothing in it is missed. */
		(void)unlinkat(audit->dir, audit->name, 0);
		audit->fd = -1;
		audit->link = link;
		return -1;
	}
	fd = -1;
	return 0;
}

/* Puts a full file aside. Its successor is begun before the next line. */
static int rotate(struct s2c_audit *audit, struct s2c_error **err)
{
	CLEAN_FREE char *aside = full_name(audit);

	if (s2c_fs_sync(audit->fd, audit->path, err) < 0)
		return -1;
	if (renameat2(audit->dir, audit->name, audit->dir, aside, RENAME_NOREPLACE) < 0)
		return s2c_fail_errno(err, errno, "cannot rename audit log '%s' to '%s'",
			audit->path, aside);
	(void)close(audit->fd);
	audit->fd = -1;
	free(audit->before);
	audit->before = TAKE(aside);
	return 0;
}

/* ---- opening ---- */

/* Without a line in the file: the chain goes on from the newest full one, if any. */
static int find_before(struct s2c_audit *audit, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	const char *newest = NULL;
	uint64_t whole = 0, torn = 0;
	CLEAN_FD int list = -1, fd = -1;

	if (s2c_fs_open(audit->dir, ".", O_RDONLY | O_DIRECTORY, 0, &list, err) < 0 ||
		s2c_fs_list(list, 1000000, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (is_full_name(audit, names.items[i]))
			newest = names.items[i]; /* they are sorted */
	if (!newest)
		return 0;
	if (open_locked(audit, newest, 0, &fd, err) < 0 ||
		s2c_audit_tail(fd, &audit->link, &whole, &torn, err) < 0)
		return s2c_wrap(err, "'%s', which comes before it", newest);
	audit->before = xstrdup(newest);
	return 0;
}

/* Moves the torn bytes to a file beside the log. */
static int put_aside(
	struct s2c_audit *audit, uint64_t torn, char **out_name, struct s2c_error **err)
{
	CLEAN_FREE char *prefix = xasprintf("%s.torn", audit->name);
	CLEAN_FREE char *name = s2c_fs_random_name(prefix);
	CLEAN_FREE char *bytes = xmalloc(torn);
	ssize_t n = pread(audit->fd, bytes, torn, (off_t)audit->whole);

	if (n != (ssize_t)torn)
		return s2c_fail_errno(err, n < 0 ? errno : EIO,
			"cannot read the torn end of audit log '%s'", audit->path);
	if (s2c_fs_write_file(audit->dir, name, bytes, torn, 0600, err) < 0)
		return s2c_wrap(err, "the torn end of audit log '%s'", audit->path);
	audit->dirty = true;
	*out_name = TAKE(name);
	return repair(audit, err);
}

/* Takes up the file that is there. */
static int take_up(struct s2c_audit *audit, char **out_note, struct s2c_error **err)
{
	struct s2c_audit_entry entry = {.event = S2C_AUDIT_RECOVER};
	struct s2c_audit_own own = {.torn = NULL};
	CLEAN_FREE char *aside = NULL;
	uint64_t torn = 0;

	if (s2c_audit_tail(audit->fd, &audit->link, &audit->whole, &torn, err) < 0)
		return s2c_wrap(err,
			"audit log '%s' cannot be continued (move it away to begin a new "
			"one)",
			audit->path);
	if (torn > 0 && put_aside(audit, torn, &aside, err) < 0)
		return -1;
	if (aside)
		*out_note = xasprintf("audit log '%s' ended in a torn line of %" PRIu64
				      " bytes, as after a crash; it is in '%s' now, and "
				      "the log goes on "
				      "behind the line before it",
			audit->path, torn, aside);
	if (audit->link.none) {
		/* Nothing whole in it: begun anew, as if it had not been there. */
		if (unlinkat(audit->dir, audit->name, 0) < 0)
			return s2c_fail_errno(err, errno,
				"cannot begin audit log '%s' anew", audit->path);
		(void)close(audit->fd);
		audit->fd = -1;
		if (find_before(audit, err) < 0 || begin(audit, err) < 0)
			return -1;
	}
	own.torn = aside;
	own.torn_bytes = torn;
	return aside ? append(audit, &entry, &own, err) : 0;
}

static int open_log(struct s2c_audit *audit, char **out_note, struct s2c_error **err)
{
	struct stat st;

	if (fstatat(audit->dir, audit->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return s2c_fail_errno(
				err, errno, "cannot look at audit log '%s'", audit->path);
		return find_before(audit, err) < 0 ? -1 : begin(audit, err);
	}
	if (open_locked(audit, audit->name, 0, &audit->fd, err) < 0)
		return -1;
	return take_up(audit, out_note, err);
}

int s2c_audit_open(const struct s2c_audit_opts *opts, struct s2c_audit **out,
	char **out_note, struct s2c_error **err)
{
	CLEAN_AUDIT struct s2c_audit *audit = xcalloc(1, sizeof(*audit));
	const char *slash = strrchr(opts->path, '/');
	CLEAN_FREE char *note = NULL;
	CLEAN_FD int place = -1;

	audit->monitor = s2c_monitor_new();
	audit->dir = -1;
	audit->fd = -1;
	audit->path = xstrdup(opts->path);
	audit->fsync = opts->fsync;
	audit->max = opts->max < FILE_MIN ? FILE_MIN : opts->max;
	audit->link = (struct s2c_audit_link){.hash = S2C_AUDIT_ZERO, .none = true};
	if (!slash || !slash[1])
		return s2c_fail(err, S2C_EINVAL,
			"audit log '%s' must be an absolute path of a file", opts->path);
	audit->name = xstrdup(slash + 1);
	CLEAN_FREE char *dir = slash == opts->path
				       ? xstrdup("/")
				       : xstrndup(opts->path,
						 (size_t)(slash - opts->path));

	/* The first one is O_PATH; this has to be made durable, too. */
	if (s2c_policy_directory(dir, &place, err) < 0 ||
		s2c_fs_open(place, ".", O_RDONLY | O_DIRECTORY, 0, &audit->dir, err) < 0)
		return s2c_wrap(err, "audit log '%s'", opts->path);
	if (open_log(audit, &note, err) < 0)
		return -1;
	*out = TAKE(audit);
	*out_note = TAKE(note);
	return 0;
}

/* ---- writing ---- */

static bool must_sync(const struct s2c_audit *audit, const struct s2c_audit_entry *entry)
{
	switch (audit->fsync) {
	case S2C_AUDIT_NEVER:
		return false;
	case S2C_AUDIT_DENIALS:
		return entry->code != NULL;
	case S2C_AUDIT_ALWAYS:
		return true;
	}
	return true;
}

static int write_entry(struct s2c_audit *audit, const struct s2c_audit_entry *entry,
	struct s2c_error **err)
{
	struct s2c_audit_link link;
	uint64_t whole;
	int errnum;

	if (audit->fd >= 0 && audit->whole + S2C_AUDIT_LINE_MAX > audit->max &&
		rotate(audit, err) < 0)
		return -1;
	if (audit->fd < 0 && begin(audit, err) < 0)
		return -1;
	link = audit->link;
	whole = audit->whole;
	if (append(audit, entry, NULL, err) < 0)
		return -1;
	if (!must_sync(audit, entry) || fdatasync(audit->fd) == 0)
		return 0;
	errnum = errno;
	audit->link = link;
	audit->whole = whole;
	audit->dirty = true;
	(void)repair(audit, NULL);
	return s2c_fail_errno(
		err, errnum, "cannot make audit log '%s' durable", audit->path);
}

int s2c_audit_write(struct s2c_audit *audit, const struct s2c_audit_entry *entry,
	struct s2c_error **err)
{
	int rc;

	s2c_monitor_enter(audit->monitor);
	rc = write_entry(audit, entry, err);
	s2c_monitor_leave(audit->monitor);
	return rc;
}
