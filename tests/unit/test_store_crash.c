/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store after the worst: a process killed between any two steps, an operation that
 * fails at any choke point, a disk that is full. Whatever was named before is whole
 * afterwards, nothing is half there, and the next open cleans up.
 *
 * The victim is this program again, so that its fault points count from one.
 */
#include "helper.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "store/image.h"
#include "store/tree.h"
#include "store/work.h"
#include "store_helper.h"

/* ---- the victim ---- */

/* Everything a build does to a store. Returns -1 with an error where something failed. */
static int build_something(
	struct s2c_ctx *ctx, const char *root, const char *salt, struct s2c_error **err)
{
	CLEAN_STORE struct s2c_store *store = NULL;
	CLEAN_WORK struct s2c_work *work = NULL;
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_TREE struct s2c_tree *tree = NULL;
	CLEAN_MANIFEST struct s2c_manifest *manifest = xcalloc(1, sizeof(*manifest));
	CLEAN_CONFIG struct s2c_config *config = NULL;
	struct s2c_platform platform = {.os = "linux", .architecture = "amd64"};
	struct s2c_tree_form form = {"user.overlay.", true};
	struct s2c_history history = {.created = "1970-01-01T00:00:00Z"};
	struct s2c_descriptor desc;
	struct s2c_reference ref;
	struct s2c_digest layer;
	uint64_t size;

	if (s2c_store_open(ctx, root, &store, err) < 0 ||
		s2c_work_create(store, "build", &work, err) < 0 ||
		s2c_tree_form_set(store, &form, err) < 0 ||
		s2c_ingest_begin(store, &ingest, err) < 0 ||
		s2c_write(s2c_ingest_writer(ingest), salt, strlen(salt), err) < 0 ||
		s2c_ingest_commit(ingest, NULL, &layer, &size, err) < 0)
		return -1;
	if (s2c_tree_begin(store, &tree, err) < 0 ||
		s2c_fs_write_file(
			s2c_tree_fd(tree), "file", salt, strlen(salt), 0644, err) < 0 ||
		s2c_tree_commit(tree, &layer, err) < 0)
		return -1;
	config = s2c_config_new(&platform);
	s2c_config_add_layer(config, &layer, &history);
	manifest->layers = xcalloc(1, sizeof(*manifest->layers));
	manifest->n_layers = 1;
	manifest->layers[0] = (struct s2c_descriptor){
		.media_type = S2C_MT_OCI_LAYER, .digest = layer, .size = size};
	if (s2c_image_put(store, manifest, config, &desc, err) < 0 ||
		s2c_reference_parse("app", &ref, err) < 0)
		return -1;
	return s2c_store_tag(ctx, store, &ref, &desc, err);
}

/*
 * victim ROOT: builds once, or fails and unwinds; killed ROOT: is killed where it would
 * fail; slave ROOT: builds for ever, and writes a byte before each build.
 */
static int be_victim(const char *mode, const char *root)
{
	struct s2c_ctx *ctx = quiet_ctx();
	bool for_ever = streq(mode, "slave");
	char salt[32] = "once";

	for (int i = 0; for_ever || i == 0; i++) {
		struct s2c_error *err = NULL;

		if (for_ever) {
			snprintf(salt, sizeof(salt), "round %d", i);
			if (write(STDOUT_FILENO, "x", 1) != 1)
				_exit(9);
		}
		if (build_something(ctx, root, salt, &err) < 0) {
			if (s2c_error_message(err)[0] == '\0')
				_exit(8);
			if (!strstr(s2c_error_message(err), "injected fault"))
				fprintf(stderr, "%s\n", s2c_error_message(err));
			_exit(7);
		}
	}
	_exit(0);
}

static pid_t start(const char *mode, const char *root, const char *fault, int out_fd)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (fault)
			setenv("S2C_FAULT", fault, 1);
		if (streq(mode, "killed"))
			setenv("S2C_FAULT_KILL", "1", 1);
		if (out_fd >= 0)
			dup2(out_fd, STDOUT_FILENO);
		execl("/proc/self/exe", "test_store_crash", mode, root, NULL);
		_exit(99);
	}
	return pid;
}

/* ---- what must hold afterwards ---- */

static void check_store(struct s2c_ctx *ctx, const struct tmp *tmp)
{
	struct s2c_store_name *names = NULL;
	struct s2c_gc_result result = {0};
	struct s2c_store *store;
	size_t n = 0;

	s2c_store_close(open_store(ctx, tmp));
	assert_int_equal(count_dir(tmp, "s/work"), 0);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
	store = open_store(ctx, tmp);
	assert_ok(s2c_store_list(store, &names, &n, &terr));
	for (size_t i = 0; i < n; i++) {
		CLEAN_IMAGE struct s2c_image *image = NULL;
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(4096);
		CLEAN_FREE char *file = NULL;
		CLEAN_FREE char *content = NULL;

		assert_string_equal(names[i].name, "app:latest");
		assert_ok(s2c_image_load(store, &names[i].desc, &image, &terr));
		assert_ok(s2c_image_check(store, image, &terr));
		assert_ok(s2c_blob_read(
			store, &image->manifest->layers[0].digest, &buf, &terr));
		assert_true(s2c_tree_exists(store, &image->config->diff_ids[0]));
		file = xasprintf(
			"s/trees/%s/file", s2c_digest_hex(&image->config->diff_ids[0]));
		content = tmp_read(tmp, file);
		assert_string_equal(content, s2c_buf_str(&buf));
	}
	s2c_store_names_free(names, n);
	assert_ok(s2c_store_gc(
		ctx, store, &(struct s2c_gc_opts){.check = true}, &result, &terr));
	assert_int_equal(result.damaged, 0);
	s2c_store_close(store);
}

/* ---- tests ---- */

#ifdef S2C_WITH_FAULT
/*
 * From an empty directory each time, so that making the store fails as well. A single
 * fault may be survived (a sweep that is put off): the end is where none was met.
 */
static void fail_at_each_point(const struct tmp *tmp, bool killed)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *root = xasprintf("%s/s", tmp->path);
	CLEAN_FREE char *log = xasprintf("%s/log", tmp->path);
	int points = 0, failed = 0;

	setenv("S2C_FAULT_LOG", log, 1);
	for (int point = 0; point <= points; point++) {
		CLEAN_FREE char *fault = xasprintf("%d", point);
		int status = -1;
		pid_t pid = start(killed ? "killed" : "victim", root, fault, -1);

		unsetenv("S2C_FAULT_LOG");
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (point == 0) { /* no fault: only counts them */
			CLEAN_FREE char *text = tmp_read(tmp, "log");

			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			for (const char *p = text; *p; p++)
				points += *p == '\n';
		} else if (killed) {
			assert_killed(status);
		} else {
			assert_true(WIFEXITED(status));
			assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7);
			failed += WEXITSTATUS(status) == 7;
			/* What failed was unwound; what was survived was cleaning up. */
			if (WEXITSTATUS(status) == 7 && tmp_has(tmp, "s/work"))
				assert_int_equal(count_dir(tmp, "s/work"), 0);
			if (WEXITSTATUS(status) == 7 && tmp_has(tmp, "s/tmp"))
				assert_int_equal(count_dir(tmp, "s/tmp"), 0);
		}
		check_store(ctx, tmp);
		assert_ok(s2c_fs_rm_rf(tmp->fd, "s", &terr));
	}
	assert_true(points > 40);
	assert_true(killed || failed > points / 2);
}
#endif

static void every_choke_point_fails_once(void **state)
{
#ifdef S2C_WITH_FAULT
	fail_at_each_point(*state, false);
#else
	(void)state;
	skip();
#endif
}

static void killed_at_every_choke_point(void **state)
{
#ifdef S2C_WITH_FAULT
	fail_at_each_point(*state, true);
#else
	(void)state;
	skip();
#endif
}

static void killed_at_any_time(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *root = xasprintf("%s/s", tmp->path);

	for (int round = 0; round < 25; round++) {
		int fds[2], status;
		char c;
		pid_t pid;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid = start("slave", root, NULL, fds[1]);
		close(fds[1]);
		/* Somewhere in the second to fourth build, a little later each round. */
		for (int i = 0; i < 2 + round % 3; i++)
			assert_int_equal(read(fds[0], &c, 1), 1);
		usleep((useconds_t)round * 150);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_killed(status);
		close(fds[0]);
		check_store(ctx, tmp);
		assert_true(tmp_has(tmp, "s/index.json"));
	}
}

/* ---- a full disk ---- */

static void fill_disk(const struct tmp *tmp)
{
	static char zeros[4096];
	int fd = openat(tmp->fd, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void use_full_disk(void *arg)
{
	struct tmp *tmp = arg;
	struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor desc = put_image(store, "a", 1);
	struct s2c_reference ref = ref_of("other");
	struct s2c_ingest *ingest = NULL;
	struct s2c_tree *tree = NULL;
	CLEAN_FREE char *piece = xcalloc(1, 1u << 20);
	int rc = 0;

	tag(ctx, store, "app", &desc);
	s2c_store_close(store);
	store = open_store(ctx, tmp);
	assert_ok(s2c_ingest_begin(store, &ingest, &terr));
	for (int i = 0; i < 64 && rc == 0; i++)
		rc = s2c_write(s2c_ingest_writer(ingest), piece, 1u << 20, &terr);
	assert_fails(rc, S2C_EIO, "no space left");
	s2c_ingest_free(ingest);
	assert_ok(s2c_store_untag(ctx, store,
		&(struct s2c_reference){.repository = "app", .tag = "latest"}, &terr));
	tag(ctx, store, "app", &desc);

	/* Not a byte left: what is there is there, what cannot be done says so. */
	fill_disk(tmp);
	assert_fails(
		s2c_store_tag(ctx, store, &ref, &desc, &terr), S2C_EIO, "no space left");
	if (s2c_tree_begin(store, &tree, &terr) == 0)
		s2c_tree_free(tree);
	s2c_error_free(TAKE(terr));
	check_names(store, "app:latest");
	s2c_store_close(store);
	store = open_store(ctx, tmp);
	check_names(store, "app:latest");
	s2c_store_close(store);
	assert_int_equal(unlinkat(tmp->fd, "filler", 0), 0);
	store = open_store(ctx, tmp);
	tag(ctx, store, "other", &desc);
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
}

static void full_disk_in_child(void *arg)
{
	struct tmp *tmp = arg;

	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", tmp->path, "tmpfs", MS_NOSUID, "size=2m,mode=0700") < 0)
		_exit(77);
	tmp->fd = open(tmp->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	use_full_disk(tmp);
}

static void a_full_disk_leaves_the_store_whole(void **state)
{
	int status = run_child(full_disk_in_child, *state);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* needs the right to mount */
	assert_killed(status);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		tmp_test(every_choke_point_fails_once),
		tmp_test(killed_at_every_choke_point),
		tmp_test(killed_at_any_time),
		tmp_test(a_full_disk_leaves_the_store_whole),
	};

	if (argc == 3)
		return be_victim(argv[1], argv[2]);
	return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
