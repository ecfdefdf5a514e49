/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a store, its locks, work directories, and sweeping after dead processes.
 */
#include "helper.h"

#include <sys/file.h>

#include "store/claim.h"
#include "store/work.h"
#include "store_helper.h"

static void open_makes_a_layout(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *layout = NULL;
	CLEAN_FREE char *index = NULL;
	struct s2c_store *store = open_store(ctx, tmp);
	struct stat st;

	assert_int_equal(fstat(s2c_store_fd(store), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(s2c_store_path(store)[0], '/');
	layout = tmp_read(tmp, "s/oci-layout");
	assert_string_equal(layout, "{\"imageLayoutVersion\":\"1.0.0\"}");
	index = tmp_read(tmp, "s/index.json");
	assert_non_null(strstr(index, "\"manifests\":[]"));
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);

	/* Once more, and nothing changes. */
	store = open_store(ctx, tmp);
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
	s2c_store_close(NULL);
}

static void open_refuses(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = NULL;
	CLEAN_FREE char *open_to_all = xasprintf("%s/w", tmp->path);
	CLEAN_FREE char *file = xasprintf("%s/f", tmp->path);
	CLEAN_FREE char *home = xasprintf("%s/home", tmp->path);
	CLEAN_FREE char *other = xasprintf("%s/other", tmp->path);
	CLEAN_FREE char *lost = xasprintf("%s/lost", tmp->path);

	assert_int_equal(mkdir(open_to_all, 0700), 0);
	assert_int_equal(chmod(open_to_all, 0777), 0);
	assert_fails(s2c_store_open(ctx, open_to_all, &store, &terr), S2C_EDENIED,
		"writable by others");

	tmp_write(tmp, "f", "no directory");
	assert_fails(s2c_store_open(ctx, file, &store, &terr), S2C_EEXIST, "/f'");

	tmp_write(tmp, "home/.profile", "mine");
	assert_fails(s2c_store_open(ctx, home, &store, &terr), S2C_EINVAL,
		"not a store and not empty");
	assert_int_equal(count_dir(tmp, "home"), 1);

	/* Blobs without index.json are somebody's images. */
	tmp_write(tmp, "lost/blobs/sha256/aa", "x");
	assert_fails(s2c_store_open(ctx, lost, &store, &terr), S2C_EPROTO,
		"blobs but no index.json");

	if (geteuid() == 0) {
		assert_int_equal(mkdir(other, 0700), 0);
		assert_int_equal(chown(other, 4711, 4711), 0);
		assert_fails(s2c_store_open(ctx, other, &store, &terr), S2C_EDENIED,
			"belongs to uid 4711");
	}
	assert_null(store);
}

static void path_has_no_symlinks(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *link = xasprintf("%s/l/s", tmp->path);
	CLEAN_FREE char *real = xasprintf("%s/r/s", tmp->path);
	CLEAN_STORE struct s2c_store *store = NULL;

	assert_int_equal(mkdirat(tmp->fd, "r", 0755), 0);
	assert_int_equal(symlinkat("r", tmp->fd, "l"), 0);
	assert_ok(s2c_store_open(ctx, link, &store, &terr));
	assert_string_equal(s2c_store_path(store), real);
}

static void symlinks_in_the_store_are_refused(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *root = xasprintf("%s/s", tmp->path);
	struct s2c_store *store = open_store(ctx, tmp);

	s2c_store_close(store);
	store = NULL;
	assert_int_equal(unlinkat(tmp->fd, "s/trees", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/tmp", tmp->fd, "s/trees"), 0);
	assert_fails(s2c_store_open(ctx, root, &store, &terr), S2C_EIO, "'trees'");
}

/* ---- work ---- */

static void work_lives_and_goes(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *path = NULL;
	struct s2c_work *a = NULL, *b = NULL;
	struct stat st;

	assert_ok(s2c_work_create(store, "build", &a, &terr));
	assert_ok(s2c_work_create(store, "build", &b, &terr));
	assert_string_not_equal(s2c_work_name(a), s2c_work_name(b));
	assert_true(starts_with(s2c_work_name(a), "build-"));
	path = xasprintf("%s/work/%s", s2c_store_path(store), s2c_work_name(a));
	assert_string_equal(path, s2c_work_path(a));
	assert_int_equal(fstat(s2c_work_fd(a), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	/* What a build may leave: no permissions, other owners, links to elsewhere. */
	assert_int_equal(mkdirat(s2c_work_fd(a), "upper", 0755), 0);
	assert_int_equal(mkdirat(s2c_work_fd(a), "upper/closed", 0), 0);
	assert_int_equal(symlinkat(tmp->path, s2c_work_fd(a), "upper/out"), 0);
	assert_int_equal(mkfifoat(s2c_work_fd(a), "upper/fifo", 0), 0);
	tmp_write(tmp, "precious", "x");
	s2c_work_free(a);
	s2c_work_free(b);
	s2c_work_free(NULL);
	assert_int_equal(count_dir(tmp, "s/work"), 0);
	assert_true(tmp_has(tmp, "precious"));
}

struct die {
	struct tmp *tmp;
	char leftover[128];
	char child[160];
};

static void make_work_and_die(void *arg)
{
	struct die *die = arg;
	struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, die->tmp);
	struct s2c_work *work = NULL;

	assert_ok(s2c_work_create(store, "build", &work, &terr));
	assert_ok(s2c_work_note_leftover(work, die->leftover, &terr));
	assert_ok(s2c_work_note_leftover(work, die->child, &terr));
	assert_int_equal(mkdir(die->leftover, 0700), 0);
	assert_int_equal(mkdir(die->child, 0700), 0);
	assert_int_equal(mkdirat(s2c_work_fd(work), "upper", 0), 0);
}

static void dead_work_is_swept(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct die die = {.tmp = tmp};
	struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_work *mine = NULL;

	snprintf(die.leftover, sizeof(die.leftover), "%s/cgroup", tmp->path);
	snprintf(die.child, sizeof(die.child), "%s/sub", die.leftover);
	assert_ok(s2c_work_create(store, "run", &mine, &terr));
	assert_killed(run_child(make_work_and_die, &die));
	assert_int_equal(count_dir(tmp, "s/work"), 2);
	assert_true(tmp_has(tmp, "cgroup/sub"));

	s2c_store_close(open_store(ctx, tmp));
	assert_int_equal(count_dir(tmp, "s/work"), 1); /* mine */
	assert_false(tmp_has(tmp, "cgroup"));
	s2c_work_free(mine);
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/work"), 0);
}

/* A keeper shares the claim, but not the life of s2c: it outlives that by a moment. */
static void make_work_with_keeper_and_die(void *arg)
{
	struct die *die = arg;
	struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, die->tmp);
	struct s2c_work *work = NULL;
	int fd, up[2];
	char c;

	assert_int_equal(pipe(up), 0);
	assert_ok(s2c_work_create(store, "build", &work, &terr));
	fd = s2c_work_fd(work);
	if (fork() == 0) {
		close_range((unsigned)fd + 1, ~0u, 0);
		close_range(3, (unsigned)fd - 1, 0);
		usleep(300000);
		_exit(0);
	}
	/* Its copies of our descriptors are gone, when that of the pipe is. */
	close(up[1]);
	assert_int_equal(read(up[0], &c, 1), 0);
}

static void a_dying_keeper_is_waited_for(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct die die = {.tmp = tmp};

	assert_killed(run_child(make_work_with_keeper_and_die, &die));
	s2c_store_close(open_store(ctx, tmp));
	assert_int_equal(count_dir(tmp, "s/work"), 0);
}

static void leftovers_are_checked(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_work *work = NULL;
	CLEAN_FREE char *path = xasprintf("%s/x", tmp->path);

	assert_ok(s2c_work_create(store, "run", &work, &terr));
	assert_fails(
		s2c_work_note_leftover(work, "relative", &terr), S2C_EINVAL, "relative");
	assert_fails(
		s2c_work_note_leftover(work, "/a\n/etc", &terr), S2C_EINVAL, "one line");
	for (int i = 0; i < S2C_WORK_LEFTOVERS_MAX; i++)
		assert_ok(s2c_work_note_leftover(work, path, &terr));
	assert_fails(
		s2c_work_note_leftover(work, path, &terr), S2C_ELIMIT, "more than 64");
	assert_int_equal(mkdir(path, 0700), 0);
	s2c_work_free(work);
	assert_false(tmp_has(tmp, "x"));
}

/* Eight processes sweep the same corpses, while others make and drop directories. */
static void sweep_and_make(void *arg)
{
	struct die *die = arg;
	struct s2c_ctx *ctx = quiet_ctx();

	for (int i = 0; i < 10; i++) {
		struct s2c_store *store = open_store(ctx, die->tmp);
		struct s2c_work *work = NULL;
		int fd;

		assert_ok(s2c_work_create(store, "w", &work, &terr));
		fd = openat(
			s2c_work_fd(work), "mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
		put_text(store, "some blob");
		/* Nobody took it from us while it was ours. */
		assert_int_equal(faccessat(s2c_work_fd(work), "mine", F_OK, 0), 0);
		s2c_work_free(work);
		s2c_store_close(store);
	}
	s2c_ctx_free(ctx);
}

static void sweeping_is_safe_in_many_processes(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct die die = {.tmp = tmp};
	pid_t pids[8];

	s2c_store_close(open_store(ctx, tmp));
	for (int i = 0; i < 30; i++) {
		char name[64];

		snprintf(name, sizeof(name), "s/work/dead-%d/upper/deep", i);
		assert_ok(s2c_fs_mkdir_p(tmp->fd, name, 0700, &terr));
		snprintf(name, sizeof(name), "s/tmp/dead-%d/tree", i);
		assert_ok(s2c_fs_mkdir_p(tmp->fd, name, 0700, &terr));
	}
	fflush(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			sweep_and_make(&die);
			_exit(0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_int_equal(count_dir(tmp, "s/work"), 0);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 1);
}

static void a_claim_is_taken_once(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_claim claim = S2C_CLAIM_INIT, again = S2C_CLAIM_INIT;
	CLEAN_FREE char *name = NULL;

	assert_ok(s2c_claim_make(tmp->fd, "c", &claim, &terr));
	assert_ok(s2c_claim_take(tmp->fd, claim.name, &again, &terr));
	assert_null(again.name);
	name = xstrdup(claim.name);
	s2c_claim_release(&claim);
	assert_ok(s2c_claim_take(tmp->fd, name, &again, &terr));
	assert_non_null(again.name);
	assert_ok(s2c_claim_remove(&again, &terr));
	assert_ok(s2c_claim_take(tmp->fd, name, &again, &terr));
	assert_null(again.name);
	tmp_write(tmp, "file", "");
	assert_fails(s2c_claim_take(tmp->fd, "file", &again, &terr), S2C_EEXIST,
		"not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(open_makes_a_layout),
		tmp_test(open_refuses),
		tmp_test(path_has_no_symlinks),
		tmp_test(symlinks_in_the_store_are_refused),
		tmp_test(work_lives_and_goes),
		tmp_test(dead_work_is_swept),
		tmp_test(a_dying_keeper_is_waited_for),
		tmp_test(leftovers_are_checked),
		tmp_test(sweeping_is_safe_in_many_processes),
		tmp_test(a_claim_is_taken_once),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
