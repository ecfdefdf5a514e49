/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees: complete under their names or not there, and all of one form.
 */
#include "helper.h"

#include "store/tree.h"
#include "store_helper.h"

static struct s2c_digest some_id(const char *text)
{
	struct s2c_digest digest;

	s2c_digest_of(text, strlen(text), &digest);
	return digest;
}

static void fill(const struct s2c_tree *tree, const char *name)
{
	int fd = openat(s2c_tree_fd(tree), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static void make_and_open(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_digest id = some_id("layer");
	CLEAN_FREE char *path = s2c_tree_path(store, &id);
	struct s2c_tree *tree = NULL;
	struct stat st;
	int fd = -1;

	assert_false(s2c_tree_exists(store, &id));
	assert_fails(s2c_tree_open(store, &id, &fd, &terr), S2C_ENOENT, id.str);
	umask(077);
	assert_ok(s2c_tree_begin(store, &tree, &terr));
	umask(022);
	fill(tree, "file");
	assert_false(s2c_tree_exists(store, &id));
	assert_ok(s2c_tree_commit(tree, &id, &terr));
	s2c_tree_free(tree);
	assert_true(s2c_tree_exists(store, &id));
	assert_ok(s2c_tree_open(store, &id, &fd, &terr));
	assert_int_equal(faccessat(fd, "file", F_OK, 0), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	close(fd);
	assert_int_equal(access(path, F_OK), 0);
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
}

static void the_first_one_stays(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, tmp), *other = open_store(ctx, tmp);
	struct s2c_digest id = some_id("layer"), empty = some_id("empty");
	struct s2c_tree *a = NULL, *b = NULL;
	int fd = -1;

	assert_ok(s2c_tree_begin(store, &a, &terr));
	assert_ok(s2c_tree_begin(other, &b, &terr));
	fill(a, "a");
	fill(b, "b");
	assert_ok(s2c_tree_commit(a, &id, &terr));
	assert_ok(s2c_tree_commit(b, &id, &terr));
	s2c_tree_free(a);
	s2c_tree_free(b);
	assert_ok(s2c_tree_open(store, &id, &fd, &terr));
	assert_int_equal(faccessat(fd, "a", F_OK, 0), 0);
	assert_int_equal(faccessat(fd, "b", F_OK, 0), -1);
	close(fd);

	/* Layers without content exist, too; one that is given up does not. */
	assert_ok(s2c_tree_begin(store, &a, &terr));
	assert_ok(s2c_tree_commit(a, &empty, &terr));
	s2c_tree_free(a);
	assert_ok(s2c_tree_begin(store, &a, &terr));
	fill(a, "x");
	s2c_tree_free(a);
	s2c_tree_free(NULL);
	assert_int_equal(count_dir(tmp, "s/trees"), 2);
	s2c_store_close(store);
	s2c_store_close(other);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
}

static void one_form(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_tree_form root = {"trusted.overlay.", false};
	struct s2c_tree_form single = {"user.overlay.", true};
	struct s2c_tree_form ranges = {"user.overlay.", false}, got = {0};
	bool set = true;

	assert_ok(s2c_tree_form_get(store, &got, &set, &terr));
	assert_false(set);
	assert_ok(s2c_tree_form_set(store, &ranges, &terr));
	assert_ok(s2c_tree_form_set(store, &ranges, &terr));
	assert_ok(s2c_tree_form_get(store, &got, &set, &terr));
	assert_true(set);
	assert_string_equal(got.xattr_prefix, "user.overlay.");
	assert_false(got.single_id);
	assert_fails(s2c_tree_form_set(store, &single, &terr), S2C_EINVAL,
		"choose another store with --root");
	assert_fails(s2c_tree_form_set(store, &root, &terr), S2C_EINVAL, "/trees'");
}

static void damaged_form(void **state)
{
	static const char *const texts[] = {"", "{}", "[]",
		"{\"version\":1,\"xattrPrefix\":\"security.\",\"singleId\":true}",
		"{\"version\":2,\"xattrPrefix\":\"user.overlay.\",\"singleId\":true}",
		"{\"version\":1,\"xattrPrefix\":\"user.overlay.\"}"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_tree_form form = {"user.overlay.", true};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		tmp_write(tmp, "s/trees/form", texts[i]);
		if (s2c_tree_form_set(store, &form, &terr) == 0)
			fail_msg("accepted: %s", texts[i]);
		assert_non_null(
			strstr(s2c_error_message(terr), "trees/form' is damaged"));
		s2c_error_free(TAKE(terr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(make_and_open),
		tmp_test(the_first_one_stays),
		tmp_test(one_form),
		tmp_test(damaged_form),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
