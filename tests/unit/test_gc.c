/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage: what goes, what stays, and when nothing may go.
 */
#include "helper.h"

#include "store/image.h"
#include "store/tree.h"
#include "store/work.h"
#include "store_helper.h"

/* The last warning, to see that damage is named. */
static char last_warning[1024];

static void keep_warning(void *self, const struct s2c_event *event)
{
	if (event->kind == S2C_EVENT_LOG && event->level == S2C_WARN)
		snprintf(last_warning, sizeof(last_warning), "%s", event->text);
}

static struct s2c_ctx *warned_ctx(void)
{
	last_warning[0] = '\0';
	return s2c_ctx_new((struct s2c_sink){.emit = keep_warning});
}

static void put_tree(struct s2c_store *store, const char *content)
{
	CLEAN_TREE struct s2c_tree *tree = NULL;
	struct s2c_digest id;
	int fd;

	s2c_digest_of(content, strlen(content), &id);
	assert_ok(s2c_tree_begin(store, &tree, &terr));
	assert_int_equal(mkdirat(s2c_tree_fd(tree), "d", 0), 0);
	fd = openat(s2c_tree_fd(tree), "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "content", 7), 7);
	close(fd);
	assert_ok(s2c_tree_commit(tree, &id, &terr));
}

static struct s2c_gc_result gc(
	struct s2c_ctx *ctx, struct s2c_store *store, struct s2c_gc_opts opts)
{
	struct s2c_gc_result result = {0};

	assert_ok(s2c_store_gc(ctx, store, &opts, &result, &terr));
	return result;
}

static void garbage_goes(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor kept = put_image(store, "kept", 2);
	struct s2c_descriptor unnamed = put_image(store, "unnamed", 1);
	struct s2c_tree_form form = {"user.overlay.", false};
	struct s2c_gc_result result;
	CLEAN_IMAGE struct s2c_image *image = NULL;
	CLEAN_WORK struct s2c_work *work = NULL;

	put_image(store, "garbage", 2);
	tag(ctx, store, "app", &kept);
	assert_ok(s2c_store_keep(ctx, store, &unnamed, &terr));
	assert_ok(s2c_tree_form_set(store, &form, &terr));
	put_tree(store, "kept-0");
	put_tree(store, "garbage-0");
	assert_ok(s2c_work_create(store, "mine", &work, &terr));
	assert_int_equal(mkdirat(tmp->fd, "s/work/dead", 0700), 0);
	tmp_write(tmp, "s/blobs/sha256/oci-put-blob123", "of another tool");

	result = gc(ctx, store, (struct s2c_gc_opts){.dry_run = true});
	assert_int_equal(result.blobs, 5);
	assert_int_equal(result.trees, 1);
	assert_int_equal(result.works, 1);
	assert_true(result.bytes > 0);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 12);
	assert_int_equal(count_dir(tmp, "s/trees"), 3);
	assert_int_equal(count_dir(tmp, "s/work"), 2);

	result = gc(ctx, store, (struct s2c_gc_opts){.check = true});
	assert_int_equal(result.blobs, 4);
	assert_int_equal(result.damaged, 1); /* the other tool's is no blob at all */
	assert_int_equal(result.trees, 1);
	assert_int_equal(result.works, 1);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 7);
	assert_int_equal(count_dir(tmp, "s/trees"), 2);
	assert_int_equal(count_dir(tmp, "s/work"), 1);
	assert_ok(s2c_image_load(store, &kept, &image, &terr));
	check_names(store, "app:latest -");

	result = gc(ctx, store, (struct s2c_gc_opts){.untagged = true, .dry_run = true});
	assert_int_equal(result.blobs, 3);
	check_names(store, "app:latest -");
	result = gc(ctx, store, (struct s2c_gc_opts){.untagged = true});
	assert_int_equal(result.blobs, 3);
	check_names(store, "app:latest");

	result = gc(ctx, store, (struct s2c_gc_opts){.check = true});
	assert_int_equal(result.blobs + result.trees + result.works + result.damaged, 0);
}

/* The form of the trees is free again once the last tree went. */
static void the_form_goes_with_the_trees(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_tree_form a = {"user.overlay.", false}, b = {"user.overlay.", true};

	assert_ok(s2c_tree_form_set(store, &a, &terr));
	put_tree(store, "garbage-0");
	assert_fails(s2c_tree_form_set(store, &b, &terr), S2C_EINVAL, "unpacked");
	gc(ctx, store, (struct s2c_gc_opts){.check = false});
	assert_ok(s2c_tree_form_set(store, &b, &terr));
}

static void an_index_keeps_its_images(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor desc = put_image(store, "a", 1), index;
	CLEAN_FREE char *text = xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"" S2C_MT_OCI_INDEX
		"\",\"manifests\":[{\"mediaType\":\"" S2C_MT_OCI_MANIFEST
		"\",\"digest\":\"%s\",\"size\":%llu},{\"mediaType\":"
		"\"" S2C_MT_OCI_MANIFEST "\",\"digest\":\"sha256:%064d\",\"size\":5}]}",
		desc.digest.str, (unsigned long long)desc.size, 1);
	CLEAN_FREE char *names = NULL;
	struct s2c_gc_result result;

	index = put_text(store, text);
	names = xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
			  "\"" S2C_MT_OCI_INDEX "\",\"digest\":\"%s\",\"size\":%llu}]}",
		index.digest.str, (unsigned long long)index.size);
	tmp_write(tmp, "s/index.json", names);
	put_text(store, "garbage");
	result = gc(ctx, store, (struct s2c_gc_opts){.check = false});
	assert_int_equal(result.blobs, 1);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 4);
}

static void without_an_index_nothing_goes(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor desc = put_image(store, "a", 2);
	struct s2c_gc_opts opts = {.check = false};
	struct s2c_gc_result result;

	tag(ctx, store, "app", &desc);
	put_text(store, "garbage");
	tmp_write(tmp, "s/index.json", "{\"schemaVersion\":2,\"manifes");
	for (int i = 0; i < 2; i++) {
		opts.check = i;
		assert_fails(s2c_store_gc(ctx, store, &opts, &result, &terr), S2C_EPROTO,
			"nothing was removed");
		assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 5);
	}
	assert_int_equal(unlinkat(tmp->fd, "s/index.json", 0), 0);
	assert_fails(s2c_store_gc(ctx, store, &opts, &result, &terr), S2C_ENOENT,
		"nothing was removed");
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 5);
}

static void a_damaged_manifest_stops_it(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = warned_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2), b = put_image(store, "b", 1);
	struct s2c_gc_opts opts = {.check = false};
	struct s2c_gc_result result;

	tag(ctx, store, "broken", &a);
	tag(ctx, store, "again", &a);
	tag(ctx, store, "sound", &b);
	tmp_write(tmp, blob_file(&a.digest), "{}");
	assert_fails(s2c_store_gc(ctx, store, &opts, &result, &terr), S2C_EDIGEST,
		"image 'broken:latest' is damaged");
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 7);

	opts.check = opts.dry_run = true;
	result = gc(ctx, store, opts);
	assert_int_equal(result.damaged, 1);
	check_names(store, "broken:latest again:latest sound:latest");
	opts.dry_run = false;
	result = gc(ctx, store, opts);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.blobs, 3);
	assert_non_null(strstr(last_warning, "again:latest"));
	check_names(store, "sound:latest");
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 3);
}

static void the_check_names_damaged_layers(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = warned_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2);
	CLEAN_IMAGE struct s2c_image *image = NULL;
	struct s2c_digest layer;
	struct s2c_gc_result result;

	tag(ctx, store, "app", &a);
	s2c_digest_of("a-1", 3, &layer);
	tmp_write(tmp, blob_file(&layer), "A-1");
	result = gc(ctx, store, (struct s2c_gc_opts){.check = false});
	assert_int_equal(result.blobs, 0);
	result = gc(ctx, store, (struct s2c_gc_opts){.check = true});
	assert_int_equal(result.damaged, 1);
	assert_non_null(strstr(last_warning, "app:latest"));
	assert_non_null(strstr(last_warning, layer.str));
	/* The name stays, and says what is missing; pulling heals it. */
	assert_ok(s2c_image_load(store, &a, &image, &terr));
	assert_fails(s2c_image_check(store, image, &terr), S2C_ENOENT, layer.str);
	put_image(store, "a", 2);
	assert_ok(s2c_image_check(store, image, &terr));
}

/* gc must not take blobs from under a command that runs. */
static void others_are_waited_for(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_CTX struct s2c_ctx *hasty = s2c_ctx_child(ctx, 1);
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_store *again;
	struct s2c_gc_opts opts = {.check = false};
	struct s2c_gc_result result;
	int up[2], down[2], status;
	char c = 0;
	pid_t pid;

	put_text(store, "not named yet");
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct s2c_store *theirs = open_store(ctx, tmp);

		close(down[1]);
		assert_int_equal(write(up[1], &c, 1), 1);
		assert_int_equal(read(down[0], &c, 1), 0); /* until the parent closes */
		s2c_store_close(theirs);
		_exit(0);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_fails(s2c_store_gc(hasty, store, &opts, &result, &terr), S2C_ETIMEOUT,
		"waiting for store");
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 1);
	again = open_store(ctx, tmp);
	close(down[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	s2c_store_close(store);
	store = NULL;
	result = gc(ctx, again, opts);
	assert_int_equal(result.blobs, 1);
	/* It shares the lock again: another one can open. */
	s2c_store_close(open_store(ctx, tmp));
	s2c_store_close(again);
	close(up[0]);
	close(up[1]);
	close(down[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(garbage_goes),
		tmp_test(the_form_goes_with_the_trees),
		tmp_test(an_index_keeps_its_images),
		tmp_test(without_an_index_nothing_goes),
		tmp_test(a_damaged_manifest_stops_it),
		tmp_test(the_check_names_damaged_layers),
		tmp_test(others_are_waited_for),
	};

	return cmocka_run_group_tests_name("gc", tests, NULL, NULL);
}
