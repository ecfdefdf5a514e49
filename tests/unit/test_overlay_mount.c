/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlay mounts by the new mount API and by mount(2), as the kernel sees them: what is
 * merged, where writes go, who can see the mount.
 */
#include "helper.h"

#include <sched.h>
#include <sys/mount.h>

#include <s2c/host.h>

#include "runtime/overlay.h"
#include "sandbox.h"
#include "util/strv.h"

#define MANY 127

struct job {
	const struct tmp *tmp;
	bool classic;
};

static bool with_userxattr;

static int enter(void)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ERROR struct s2c_error *err = NULL;

	with_userxattr = geteuid() != 0;
	if (s2c_host_enter(ctx, &err) < 0)
		return -1;
	return 0;
}

/* An overlay of directories "l0" (uppermost) to "l<n-1>" below the temporary one. */
static void make_overlay(const struct job *job, size_t n, struct s2c_overlay *o)
{
	*o = (struct s2c_overlay)S2C_OVERLAY_INIT;
	o->classic = job->classic;
	o->userxattr = o->keep_owner = with_userxattr;
	o->work_fd = job->tmp->fd;
	o->lower_fds = xcalloc(n, sizeof(int));
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "l%zu", i);
		assert_ok(s2c_fs_mkdir_p(job->tmp->fd, name, 0755, &terr));
		assert_ok(s2c_fs_open(job->tmp->fd, name, O_PATH | O_DIRECTORY, 0,
			&o->lower_fds[o->n_lowers], &terr));
		o->n_lowers++;
	}
}

static bool text_is(int dir, const char *name, const char *text)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(1000);
	CLEAN_ERROR struct s2c_error *err = NULL;

	return s2c_fs_read_file(dir, name, &buf, &err) == 0 &&
	       streq(s2c_buf_str(&buf), text);
}

/* In a child: exit status 0 when all holds, else the number of what does not. */
static int view_merges(void *arg)
{
	const struct job *job = arg;
	CLEAN(s2c_overlay_release) struct s2c_overlay o;
	struct s2c_error *err = NULL;
	int view;

	if (enter() < 0)
		return SANDBOX_SKIP;
	tmp_write(job->tmp, "l0/a", "upper");
	tmp_write(job->tmp, "l1/a", "lower");
	tmp_write(job->tmp, "l1/d/b", "only");
	make_overlay(job, 2, &o);
	if (s2c_overlay_prepare(&o, &err) < 0 || s2c_overlay_view(&o, &view, &err) < 0)
		return 1;
	if (!text_is(view, "a", "upper") || !text_is(view, "d/b", "only"))
		return 2;
	if (s2c_fs_write_file(view, "new", "n", 1, 0644, &err) < 0)
		return 3;
	if (unlinkat(view, "d/b", 0) < 0)
		return 4;
	s2c_overlay_drop_view(&o);
	if (!tmp_has(job->tmp, "upper/new") || tmp_has(job->tmp, "l0/new"))
		return 5;
	/* The same again, which a volatile workdir of before would refuse. */
	if (s2c_overlay_view(&o, &view, &err) < 0)
		return 6;
	if (!text_is(view, "new", "n") || text_is(view, "d/b", "only"))
		return 7;
	return 0;
}

static int many_layers(void *arg)
{
	const struct job *job = arg;
	CLEAN(s2c_overlay_release) struct s2c_overlay o;
	struct s2c_error *err = NULL;
	int view;

	if (enter() < 0)
		return SANDBOX_SKIP;
	tmp_write(job->tmp, "l126/deep", "deep");
	make_overlay(job, MANY, &o);
	if (s2c_overlay_prepare(&o, &err) < 0 || s2c_overlay_view(&o, &view, &err) < 0)
		return 1;
	return text_is(view, "deep", "deep") ? 0 : 2;
}

static int mounts_in_a_namespace(void *arg)
{
	const struct job *job = arg;
	CLEAN(s2c_overlay_release) struct s2c_overlay o;
	CLEAN_FREE char *target = xasprintf("%s/target", job->tmp->path);
	CLEAN_FREE char *file = xasprintf("%s/target/a", job->tmp->path);
	struct s2c_error *err = NULL;

	if (enter() < 0)
		return SANDBOX_SKIP;
	tmp_write(job->tmp, "l0/a", "x");
	tmp_write(job->tmp, "target/below", "");
	make_overlay(job, 1, &o);
	if (s2c_overlay_prepare(&o, &err) < 0)
		return 1;
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 2;
	if (s2c_overlay_rehome(&o, &err) < 0 || s2c_overlay_mount(&o, target, &err) < 0)
		return 3;
	/* tmp->fd is of the outer namespace and sees what is below the mount. */
	if (access(target, F_OK) < 0 || !tmp_has(job->tmp, "target/below"))
		return 4;
	if (!text_is(AT_FDCWD, file, "x"))
		return 5;
	s2c_clean_fd(&o.work_fd);
	return 0;
}

static int read_only_view(void *arg)
{
	const struct job *job = arg;
	struct s2c_error *err = NULL;

	if (enter() < 0)
		return SANDBOX_SKIP;
	tmp_write(job->tmp, "l0/a", "0");
	tmp_write(job->tmp, "l1/b", "1");
	for (size_t n = 1; n <= 2; n++) {
		CLEAN(s2c_overlay_release) struct s2c_overlay o;
		int view;

		make_overlay(job, n, &o);
		o.work_fd = -1;
		if (s2c_overlay_view(&o, &view, &err) < 0)
			return 1;
		if (!text_is(view, "a", "0") || text_is(view, "b", "1") != (n == 2))
			return 2;
		if (n == 2 && mkdirat(view, "new", 0755) == 0)
			return 3;
	}
	return 0;
}

static void both_ways(void **state, int (*f)(void *arg), bool classic)
{
	struct job job = {.tmp = *state, .classic = classic};
	int status;

	/* Ordinary users' children enter a namespace of their own. */
	status = in_child(f, &job);
	if (status == SANDBOX_SKIP)
		skip();
	assert_int_equal(status, 0);
}

#define BOTH(f)                                                                          \
	static void f##_by_the_new_api(void **state)                                     \
	{                                                                                \
		both_ways(state, f, false);                                              \
	}                                                                                \
	static void f##_by_mount_2(void **state)                                         \
	{                                                                                \
		both_ways(state, f, true);                                               \
	}

BOTH(view_merges)
BOTH(many_layers)
BOTH(mounts_in_a_namespace)
BOTH(read_only_view)

static int bad_store(void *arg)
{
	CLEAN_ERROR struct s2c_error *err = NULL;
	CLEAN_FD int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (enter() < 0)
		return SANDBOX_SKIP;
	if (s2c_overlay_probe(proc, with_userxattr, &err) == 0)
		return 1;
	return *s2c_error_message(err) ? 0 : 2;
}

static void a_place_that_cannot_hold_one_is_told(void **state)
{
	both_ways(state, bad_store, false);
}

static int probe_tidies(void *arg)
{
	const struct job *job = arg;
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	CLEAN_ERROR struct s2c_error *err = NULL;

	if (enter() < 0)
		return SANDBOX_SKIP;
	if (s2c_overlay_probe(job->tmp->fd, with_userxattr, &err) < 0)
		return 1;
	if (s2c_fs_list(job->tmp->fd, 10, &names, &err) < 0)
		return 2;
	return names.len == 0 ? 0 : 3;
}

static void probe_leaves_nothing(void **state)
{
	both_ways(state, probe_tidies, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(view_merges_by_the_new_api),
		tmp_test(view_merges_by_mount_2),
		tmp_test(many_layers_by_the_new_api),
		tmp_test(many_layers_by_mount_2),
		tmp_test(mounts_in_a_namespace_by_the_new_api),
		tmp_test(mounts_in_a_namespace_by_mount_2),
		tmp_test(read_only_view_by_the_new_api),
		tmp_test(read_only_view_by_mount_2),
		tmp_test(a_place_that_cannot_hold_one_is_told),
		tmp_test(probe_leaves_nothing),
	};

	return cmocka_run_group_tests_name("overlay_mount", tests, NULL, NULL);
}
