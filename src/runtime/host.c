/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering a user namespace as an ordinary user. The process itself moves, so everything
 * that comes later is "root in its namespace" and needs no second code path; what kind of
 * root it is, /proc/self/uid_map tells (userns.h). The report of doctor is in doctor.c.
 *
 * newuidmap and newgidmap must be called from outside of the new namespace, so a helper
 * process is forked before and told when it exists.
 */
#include <s2c/host.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/host_impl.h"
#include "runtime/userns.h"
#include "util/buf.h"
#include "util/ctx.h"
#include "util/fs.h"
#include "util/subprocess.h"

#define SUBID_FILE_MAX (4u * 1024 * 1024)

bool s2c_host_has_sys_admin(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[0].effective & 1u << CAP_SYS_ADMIN;
}

/* Content of a small file, "" when it cannot be read; caller frees. */
static char *text_of(const char *path)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(SUBID_FILE_MAX);
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	if (s2c_fs_read_file(AT_FDCWD, path, &text, &ignored) < 0)
		s2c_buf_clear(&text);
	return s2c_buf_take(&text);
}

bool s2c_host_subids(struct s2c_idmap *uids, struct s2c_idmap *gids)
{
	CLEAN_FREE char *subuid = text_of("/etc/subuid");
	CLEAN_FREE char *subgid = text_of("/etc/subgid");
	struct s2c_subid_owner owner = {.name = "", .id = geteuid()};
	char names[4096];
	struct passwd entry, *found = NULL;

	/* Our own account on the host, before any image is in sight. */
	if (getpwuid_r(geteuid(), &entry, names, sizeof(names), &found) == 0 && found)
		owner.name = entry.pw_name;
	return s2c_subid_map(subuid, &owner, geteuid(), uids) &&
	       s2c_subid_map(subgid, &owner, getegid(), gids);
}

static int run_newidmap(const char *program, pid_t pid, const struct s2c_idmap *map)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_new((struct s2c_sink){.emit = NULL});
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_run_io io = {.input = NULL};
	int status;

	s2c_strv_add(&argv, program);
	s2c_strv_addf(&argv, "%d", (int)pid);
	for (size_t i = 0; i < map->n; i++) {
		s2c_strv_addf(&argv, "%u", map->ranges[i].inside);
		s2c_strv_addf(&argv, "%u", map->ranges[i].outside);
		s2c_strv_addf(&argv, "%u", map->ranges[i].count);
	}
	opts.argv = &argv;
	if (s2c_process_run(ctx, &opts, &io, &status, &ignored) < 0)
		return -1;
	return status == 0 ? 0 : -1;
}

/* Looked for before anything is done: half a map cannot be taken back. */
static bool have_newidmap(void)
{
	CLEAN_FREE char *uid = s2c_find_program("newuidmap");
	CLEAN_FREE char *gid = s2c_find_program("newgidmap");

	return uid && gid;
}

/* The helper: waits for the namespace, maps, and answers with its exit status. */
__attribute__((noreturn)) static void map_from_outside(
	int go_fd, const struct s2c_idmap *uids, const struct s2c_idmap *gids)
{
	pid_t target = getppid();
	char go;

	if (read(go_fd, &go, 1) != 1)
		_exit(1);
	/* Groups first: a map of users alone would look finished. */
	if (run_newidmap("newgidmap", target, gids) < 0 ||
		run_newidmap("newuidmap", target, uids) < 0)
		_exit(1);
	_exit(0);
}

static int write_text(const char *path, const char *text, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;

	if (s2c_fs_open(AT_FDCWD, path, O_WRONLY, 0, &fd, err) < 0)
		return -1;
	if (s2c_fs_write_all(fd, text, strlen(text), err) < 0)
		return s2c_wrap(err, "%s", path);
	return 0;
}

/* Our own id as 0, which every process may do for itself. */
static int map_single(uid_t uid, gid_t gid, struct s2c_error **err)
{
	CLEAN_FREE char *uid_map = xasprintf("0 %u 1\n", (unsigned)uid);
	CLEAN_FREE char *gid_map = xasprintf("0 %u 1\n", (unsigned)gid);

	if (write_text("/proc/self/setgroups", "deny", err) < 0 ||
		write_text("/proc/self/uid_map", uid_map, err) < 0)
		return -1;
	return write_text("/proc/self/gid_map", gid_map, err);
}

static int fail_no_userns(int errnum, struct s2c_error **err)
{
	CLEAN_FREE char *remedy = s2c_host_userns_remedy();

	return s2c_fail(err, S2C_EUNSUPPORTED,
		"no user namespace can be made here (%s): %s, or run s2c as root",
		strerror(errnum), remedy);
}

static int new_mount_namespace(int flags, struct s2c_error **err)
{
	if (unshare(flags | CLONE_NEWNS) < 0) {
		if (flags)
			return fail_no_userns(errno, err);
		return s2c_fail_errno(err, errno, "cannot make a mount namespace");
	}
	return 0;
}

static int finish_mounts(struct s2c_error **err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return s2c_fail_errno(err, errno, "cannot make mounts private");
	return 0;
}

/* 0 and mapped, or 1 when ranges could not be had and nothing is mapped yet. */
static int enter_with_ranges(const struct s2c_idmap *uids, const struct s2c_idmap *gids,
	struct s2c_error **err)
{
	CLEAN_FD int go_read = -1;
	CLEAN_FD int go_write = -1;
	int pair[2], status = 0;
	pid_t helper;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return s2c_fail_errno(err, errno, "cannot make a pipe");
	go_read = pair[0];
	go_write = pair[1];
	helper = fork();
	if (helper < 0)
		return s2c_fail_errno(err, errno, "cannot start a process");
	if (helper == 0) {
		close(take_fd(&go_write));
		map_from_outside(go_read, uids, gids);
	}
	if (new_mount_namespace(CLONE_NEWUSER, err) < 0) {
		close(take_fd(&go_write));
		(void)waitpid(helper, NULL, 0);
		return -1;
	}
	if (write(go_write, "g", 1) != 1)
		status = 1;
	close(take_fd(&go_write));
	if (waitpid(helper, &status, 0) != helper || status != 0)
		return 1;
	return 0;
}

static int become_root(bool groups, struct s2c_error **err)
{
	if (groups && setgroups(0, NULL) < 0)
		return s2c_fail_errno(err, errno, "cannot drop supplementary groups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return s2c_fail_errno(
			err, errno, "cannot become root in the user namespace");
	return 0;
}

int s2c_host_enter(struct s2c_ctx *ctx, struct s2c_error **err)
{
	struct s2c_userns now;
	struct s2c_idmap uids, gids;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int rc = 1;

	if (s2c_userns_read(&now, err) < 0)
		return -1;
	if (uid == 0 && s2c_host_has_sys_admin()) {
		if (now.kind == S2C_USERNS_NONE)
			return 0;
		/* `unshare -r` alone leaves us in mounts that are not ours. */
		return new_mount_namespace(0, err) < 0 ? -1 : finish_mounts(err);
	}
	if (s2c_host_subids(&uids, &gids) && have_newidmap()) {
		rc = enter_with_ranges(&uids, &gids, err);
		if (rc < 0)
			return -1;
		if (rc > 0)
			s2c_emit_log(ctx, S2C_WARN,
				"newuidmap or newgidmap failed; all files will have one "
				"owner "
				"(is package 'uidmap' installed?)");
	} else if (new_mount_namespace(CLONE_NEWUSER, err) < 0) {
		return -1;
	}
	if (rc > 0 && map_single(uid, gid, err) < 0)
		return s2c_wrap(err, "cannot map the own id in a user namespace");
	if (become_root(rc == 0, err) < 0)
		return -1;
	return finish_mounts(err);
}
