/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy's file. Whoever may write to it, or replace it, decides who may do what; so
 * that has to be root or the user of the gate, by all directories that lead to it.
 */
#include "gate/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "codec/yaml.h"
#include "util/fs.h"

#define NAME_BUFFER_MAX (1024u * 1024) /* of an entry in the databases */

/* ---- names ---- */

/* One lookup with a buffer of `size`; an errno, or 0 with *out_found. */
static int look_up(enum s2c_name_kind kind, const char *name, size_t size,
	bool *out_found, uint32_t *out_id)
{
	CLEAN_FREE char *buffer = xmalloc(size);
	struct passwd user, *found_user = NULL;
	struct group group, *found_group = NULL;
	int rc;

	if (kind == S2C_NAME_USER)
		rc = getpwnam_r(name, &user, buffer, size, &found_user);
	else
		rc = getgrnam_r(name, &group, buffer, size, &found_group);
	*out_found = found_user || found_group;
	if (found_user)
		*out_id = found_user->pw_uid;
	if (found_group)
		*out_id = found_group->gr_gid;
	return rc;
}

static int find_name(void *self, enum s2c_name_kind kind, const char *name,
	uint32_t *out_id, struct s2c_error **err)
{
	bool found = false;
	int rc = ERANGE;

	(void)self;
	for (size_t size = 4096; rc == ERANGE && size <= NAME_BUFFER_MAX; size *= 4)
		rc = look_up(kind, name, size, &found, out_id);
	if (found)
		return 0;
	/* POSIX leaves open which of these means that there is none. */
	if (rc == 0 || rc == ENOENT || rc == ESRCH)
		return s2c_fail(err, S2C_ENOENT, "'%s' is not known on this host", name);
	return s2c_fail_errno(err, rc, "cannot look up '%s'", name);
}

const struct s2c_name_resolver s2c_host_names = {.find = find_name};

/* ---- trust ---- */

static int check_owner(const struct stat *st, const char *path, bool sticky_is_fine,
	struct s2c_error **err)
{
	const char *what = S_ISDIR(st->st_mode) ? "directory" : "policy";

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return s2c_fail(err, S2C_EDENIED,
			"%s '%s' is of user %u: only root and user %u, who runs this, "
			"may "
			"own it",
			what, path, st->st_uid, geteuid());
	if ((st->st_mode & 022) && !(sticky_is_fine && (st->st_mode & S_ISVTX)))
		return s2c_fail(err, S2C_EDENIED,
			"%s '%s' may be written by others (mode %04o): chmod go-w it",
			what, path, st->st_mode & 07777);
	return 0;
}

/* Opens the next directory on the way and checks it. `path` is all of it so far. */
static int step(int at, const char *name, const char *path, bool last, int *out_fd,
	struct s2c_error **err)
{
	struct stat st;
	CLEAN_FD int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot open directory '%s'", path);
	if (check_owner(&st, path, !last, err) < 0)
		return -1;
	*out_fd = take_fd(&fd);
	return 0;
}

/* By a path without symlinks, in which every part is checked. */
int s2c_policy_directory(const char *dir, int *out_fd, struct s2c_error **err)
{
	CLEAN_FREE char *real = realpath(dir, NULL);
	CLEAN_FD int fd = -1;
	const char *p;

	if (!real)
		return s2c_fail_errno(err, errno, "cannot find directory '%s'", dir);
	if (step(AT_FDCWD, "/", "/", streq(real, "/"), &fd, err) < 0)
		return -1;
	for (p = real + 1; *p;) {
		size_t len = strcspn(p, "/");
		CLEAN_FREE char *name = xstrndup(p, len);
		CLEAN_FREE char *path = xstrndup(real, (size_t)(p - real) + len);
		CLEAN_FD int next = -1;

		if (step(fd, name, path, !p[len], &next, err) < 0)
			return -1;
		(void)close(fd);
		fd = take_fd(&next);
		p += len + (p[len] == '/');
	}
	*out_fd = take_fd(&fd);
	return 0;
}

/* Opens the file itself; a FIFO must not make it wait. */
static int open_file(int dir, const char *name, const char *path, bool trusted,
	int *out_fd, struct s2c_error **err)
{
	struct stat st;
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
		    (trusted ? O_NOFOLLOW : 0);
	CLEAN_FD int fd = openat(dir, name, flags);

	if (fd < 0 && errno == ELOOP && trusted)
		return s2c_fail(err, S2C_EDENIED,
			"policy '%s' is a symlink: name the file itself", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot open policy '%s'", path);
	if (!S_ISREG(st.st_mode))
		return s2c_fail(err, S2C_EINVAL, "policy '%s' is no regular file", path);
	if (trusted && check_owner(&st, path, false, err) < 0)
		return -1;
	*out_fd = take_fd(&fd);
	return 0;
}

static int open_policy(
	const char *path, bool trusted, int *out_fd, struct s2c_error **err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1)
				     : xstrdup(".");
	CLEAN_FD int dir_fd = -1;

	if (!trusted)
		return open_file(AT_FDCWD, path, path, false, out_fd, err);
	if (s2c_policy_directory(dir, &dir_fd, err) < 0)
		return s2c_wrap(err, "policy '%s'", path);
	return open_file(dir_fd, slash ? slash + 1 : path, path, true, out_fd, err);
}

int s2c_policy_file_trusted(const char *path, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	return open_policy(path, true, &fd, err);
}

/* ---- loading ---- */

int s2c_policy_file_load(
	const char *path, bool trusted, struct s2c_rules **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_POLICY_FILE_MAX);
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_FD int fd = -1;

	if (open_policy(path, trusted, &fd, err) < 0)
		return -1;
	if (s2c_fs_read_fd(fd, &text, err) < 0 ||
		s2c_yaml_parse(s2c_buf_str(&text), text.len,
			(struct s2c_json_limits){.bytes = S2C_POLICY_FILE_MAX}, &root,
			err) < 0 ||
		s2c_rules_load(root, &s2c_host_names, out, err) < 0)
		return s2c_wrap(err, "policy '%s'", path);
	return 0;
}
