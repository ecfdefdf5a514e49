/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `s2c doctor`: what this host lets s2c do, each finding with its remedy. Checks look and
 * try; they leave nothing behind, and none of them can fail the command.
 */
#include <s2c/host.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "runtime/cgroup.h"
#include "runtime/host_impl.h"
#include "runtime/native.h"
#include "runtime/network.h"
#include "runtime/overlay.h"
#include "util/fs.h"
#include "util/subprocess.h"

#define VERSION_MAX 4096
#define VERSION_SECONDS 5
#define SMALL_FILE_MAX 4096
#define ROOM_WANTED (1ull << 30)

struct report {
	struct s2c_ctx *ctx;
	const char *root, *oci_runtime;
	struct s2c_userns userns;
	struct s2c_check_result *results;
	size_t n;
};

static void add(
	struct report *r, enum s2c_check_state state, const char *name, char *detail)
{
	r->results = xreallocarray(r->results, r->n + 1, sizeof(*r->results));
	r->results[r->n++] = (struct s2c_check_result){state, name, detail};
}

/* First line of a file of /proc or /sys, "" when there is none; caller frees. */
static char *first_line(const char *path)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[SMALL_FILE_MAX];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(text);
}

char *s2c_host_userns_remedy(void)
{
	static const struct {
		const char *path, *bad, *remedy;
	} knobs[] = {
		{"/proc/sys/kernel/unprivileged_userns_clone", "0",
			"set sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
			"set sysctl kernel.apparmor_restrict_unprivileged_userns=0 or "
			"give "
			"s2c an AppArmor profile with 'userns'"},
		{"/proc/sys/user/max_user_namespaces", "0",
			"set sysctl user.max_user_namespaces to 10000 or so"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		CLEAN_FREE char *value = first_line(knobs[i].path);

		if (streq(value, knobs[i].bad))
			return xstrdup(knobs[i].remedy);
	}
	return xstrdup("in a container, allow unshare(2) in its seccomp profile");
}

static void check_kernel(struct report *r)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	add(r, S2C_CHECK_OK, "kernel",
		xasprintf("%s %s on %s", u.sysname, u.release, u.machine));
}

static void check_user(struct report *r)
{
	CLEAN_ERROR struct s2c_error *err = NULL;

	/* Unless main did it already: all that follows is to be seen from inside. */
	if (s2c_host_enter(r->ctx, &err) < 0 || s2c_userns_read(&r->userns, &err) < 0) {
		add(r, S2C_CHECK_FAIL, "user-namespace", xstrdup(s2c_error_message(err)));
		return;
	}
	switch (r->userns.kind) {
	case S2C_USERNS_NONE:
		add(r, S2C_CHECK_OK, "user-namespace",
			xstrdup("not needed: this is root"));
		break;
	case S2C_USERNS_RANGES:
		add(r, S2C_CHECK_OK, "user-namespace",
			xasprintf("%llu user ids, %llu group ids",
				(unsigned long long)s2c_idmap_count(&r->userns.uids),
				(unsigned long long)s2c_idmap_count(&r->userns.gids)));
		break;
	case S2C_USERNS_SINGLE:
		add(r, S2C_CHECK_WARN, "user-namespace",
			xstrdup("a single id: all files in containers have one owner; "
				"for "
				"exact ownership install 'uidmap' and give yourself "
				"ranges in "
				"/etc/subuid and /etc/subgid"));
		break;
	}
}

/* "crun version 1.8.1" of a program; caller frees. */
static char *version_of(struct s2c_ctx *parent, const char *program)
{
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_child(parent, VERSION_SECONDS);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(VERSION_MAX);
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct s2c_process_opts opts = S2C_PROCESS_OPTS_INIT;
	struct s2c_run_io io = {.out = &text};
	int status;

	s2c_strv_add(&argv, program);
	s2c_strv_add(&argv, "--version");
	opts.argv = &argv;
	if (s2c_process_run(ctx, &opts, &io, &status, &ignored) < 0)
		return xstrdup("unknown version");
	return xstrndup(s2c_buf_str(&text), strcspn(s2c_buf_str(&text), "\n"));
}

static void check_oci(struct report *r)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *version = NULL;
	struct s2c_runtime_opts opts = {.oci_runtime = r->oci_runtime};
	struct s2c_runtime *runtime;

	if (s2c_runtime_open(r->ctx, &opts, &runtime, &err) < 0) {
		add(r, S2C_CHECK_FAIL, "oci-runtime", xstrdup(s2c_error_message(err)));
		return;
	}
	version = version_of(r->ctx, s2c_native_of(runtime)->oci);
	if (s2c_native_of(runtime)->oci_kind == S2C_OCI_RUNC &&
		r->userns.kind == S2C_USERNS_SINGLE)
		add(r, S2C_CHECK_FAIL, "oci-runtime",
			xasprintf("%s (%s) cannot run with a single id: install 'crun'",
				s2c_native_of(runtime)->oci, version));
	else
		add(r, S2C_CHECK_OK, "oci-runtime",
			xasprintf("%s (%s)", s2c_native_of(runtime)->oci, version));
	s2c_runtime_close(runtime);
}

/* The store's directory, or the nearest one above it that exists. */
static int open_root(const char *root, char **out_path)
{
	char *path = xstrdup(root);
	int fd;

	while ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash)
			break;
		slash[slash == path] = '\0';
		if (streq(path, "/") && slash != path)
			break;
	}
	*out_path = path;
	return fd;
}

static void check_store(struct report *r)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FREE char *path = NULL;
	CLEAN_FD int fd = open_root(r->root, &path);
	unsigned long long room;
	struct statvfs st;

	if (fd < 0 || fstatvfs(fd, &st) < 0 || faccessat(fd, ".", W_OK, AT_EACCESS) < 0) {
		add(r, S2C_CHECK_FAIL, "store",
			xasprintf("cannot write to '%s': %s; choose another with --root",
				path, strerror(errno)));
		return;
	}
	room = (unsigned long long)st.f_bavail * st.f_frsize;
	add(r, room < ROOM_WANTED ? S2C_CHECK_WARN : S2C_CHECK_OK, "store",
		xasprintf("'%s', %llu MiB free", r->root, room >> 20));
	if (s2c_overlay_probe(fd, r->userns.kind != S2C_USERNS_NONE, &err) < 0)
		add(r, S2C_CHECK_FAIL, "overlay",
			xasprintf(
				"%s; a store on an overlay or network file system cannot "
				"work: choose another with --root",
				s2c_error_message(err)));
	else
		add(r, S2C_CHECK_OK, "overlay", xasprintf("works in '%s'", path));
}

static void check_network(struct report *r)
{
	struct s2c_net_choice choice;

	s2c_net_choose(false, &choice);
	if (choice.helper == S2C_NET_HELPER_NONE)
		add(r, S2C_CHECK_WARN, "network",
			xasprintf("builds have no network unless '--network host' is "
				  "given: %s",
				choice.why));
	else
		add(r, S2C_CHECK_OK, "network",
			xasprintf("isolated, outbound through %s", choice.program));
	s2c_net_choice_release(&choice);
}

static void check_cgroups(struct report *r)
{
	CLEAN(s2c_cgroups_release) struct s2c_cgroups cgroups = {.v2 = NULL};

	s2c_cgroups_probe(r->userns.kind == S2C_USERNS_NONE && geteuid() == 0, &cgroups);
	if (cgroups.usable)
		add(r, S2C_CHECK_OK, "limits",
			xasprintf("by control groups (version %s)",
				s2c_cgroups_hybrid(&cgroups) ? "1 and 2"
				: cgroups.v1.len             ? "1"
							     : "2"));
	else
		add(r, S2C_CHECK_WARN, "limits",
			xstrdup("by rlimits only: control groups are not ours to use; "
				"--cpus "
				"has no effect"));
}

void s2c_host_doctor(struct s2c_ctx *ctx, const char *root, const char *oci_runtime,
	struct s2c_check_result **out, size_t *out_n)
{
	struct report report = {.ctx = ctx, .root = root, .oci_runtime = oci_runtime};

	check_kernel(&report);
	check_user(&report);
	check_oci(&report);
	check_store(&report);
	check_network(&report);
	check_cgroups(&report);
	*out = report.results;
	*out_n = report.n;
}

void s2c_check_results_free(struct s2c_check_result *results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(results[i].detail);
	free(results);
}
