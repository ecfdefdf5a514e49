/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches of the store: they stay, one user at a time, and go by age and size.
 */
#include "helper.h"

#include <time.h>

#include "store/cache.h"
#include "store_helper.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct s2c_cache *open_cache(struct s2c_store *store, const char *key)
{
	struct s2c_cache_opts opts = {.key = key, .about = "npm of x"};
	struct s2c_cache *cache = NULL;

	assert_ok(s2c_cache_open(store, &opts, &cache, &terr));
	return cache;
}

static void fill(struct s2c_store *store, const char *key, size_t len)
{
	CLEAN(s2c_clean_cache) struct s2c_cache *cache = open_cache(store, key);
	CLEAN_FREE char *path = xasprintf("%s/f", s2c_cache_path(cache));
	CLEAN_FREE char *data = xcalloc(1, len);
	FILE *f = fopen(path, "we");

	memset(data, 'x', len);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void used_ago(const struct tmp *tmp, const char *key, time_t seconds)
{
	CLEAN_FREE char *path = xasprintf("s/caches/%s/about", key);
	struct timespec times[2] = {
		{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};

	assert_int_equal(utimensat(tmp->fd, path, times, 0), 0);
}

static void it_stays(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_FREE char *about = NULL;

	fill(store, KEY_A, 10);
	fill(store, KEY_B, 20);
	CLEAN(s2c_clean_cache) struct s2c_cache *again = open_cache(store, KEY_A);
	assert_true(tmp_has(tmp, "s/caches/" KEY_A "/data/f"));
	assert_non_null(strstr(s2c_cache_path(again), "/s/caches/" KEY_A "/data"));
	about = tmp_read(tmp, "s/caches/" KEY_A "/about");
	assert_string_equal(about, "npm of x\n");
}

static void it_has_one_user(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_cache *first = open_cache(store, KEY_A);
	uint64_t count = 0, bytes = 0;
	struct s2c_cache_sweep all = {.age = 0};

	assert_non_null(first);
	assert_null(open_cache(store, KEY_A));
	assert_ok(s2c_cache_sweep(ctx, store, &all, &count, &bytes, &terr));
	assert_int_equal(count, 0);
	/* Who holds the descriptor keeps it. */
	int held = fcntl(s2c_cache_fd(first), F_DUPFD_CLOEXEC, 3);
	s2c_cache_close(first);
	assert_null(open_cache(store, KEY_A));
	close(held);
	first = open_cache(store, KEY_A);
	assert_non_null(first);
	s2c_cache_close(first);
}

static void write_packed(const struct s2c_cache *cache, const char *text, bool finish)
{
	CLEAN_FD int fd = -1;

	assert_ok(s2c_cache_new_packed(cache, &fd, &terr));
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (finish)
		assert_ok(s2c_cache_set_packed(cache, fd, &terr));
}

static void it_can_be_one_file(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_cache_opts opts = {.key = KEY_A, .about = "x", .packed = true};
	CLEAN(s2c_clean_cache) struct s2c_cache *cache = NULL;
	CLEAN_FREE char *text = NULL, *again = NULL;
	struct stat st;
	int fd = -2;

	assert_ok(s2c_cache_open(store, &opts, &cache, &terr));
	assert_false(tmp_has(tmp, "s/caches/" KEY_A "/data"));
	assert_ok(s2c_cache_open_packed(cache, &fd, &terr));
	assert_int_equal(fd, -1);
	write_packed(cache, "one", true);
	text = tmp_read(tmp, "s/caches/" KEY_A "/packed");
	assert_string_equal(text, "one");
	assert_int_equal(fstatat(tmp->fd, "s/caches/" KEY_A "/packed", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* One that was not finished changes nothing, and is in nobody's way. */
	write_packed(cache, "half", false);
	again = tmp_read(tmp, "s/caches/" KEY_A "/packed");
	assert_string_equal(again, "one");
	s2c_cache_drop_unfinished(cache);
	assert_false(tmp_has(tmp, "s/caches/" KEY_A "/packed.new"));
	write_packed(cache, "half", false);
	write_packed(cache, "two", true);
	assert_ok(s2c_cache_open_packed(cache, &fd, &terr));
	assert_true(fd >= 0);
	close(fd);
	s2c_cache_drop_packed(cache);
	assert_ok(s2c_cache_open_packed(cache, &fd, &terr));
	assert_int_equal(fd, -1);
	/* A link in its place is not followed. */
	assert_int_equal(
		symlinkat("/etc/passwd", tmp->fd, "s/caches/" KEY_A "/packed"), 0);
	assert_fails(s2c_cache_open_packed(cache, &fd, &terr), S2C_EIO, "cache");
	s2c_cache_close(TAKE(cache));
	/* The directory of who mounts it is left alone. */
	fill(store, KEY_B, 10);
	opts.key = KEY_B;
	assert_ok(s2c_cache_open(store, &opts, &cache, &terr));
	assert_true(tmp_has(tmp, "s/caches/" KEY_B "/data/f"));
}

static void keys_are_checked(void **state)
{
	static const char *const bad[] = {"", "a", "../x", KEY_A "a",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_cache *cache = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_cache_opts opts = {.key = bad[i], .about = "x"};

		assert_fails(s2c_cache_open(store, &opts, &cache, &terr), S2C_EINVAL,
			"no key");
	}
	assert_false(tmp_has(tmp, "s/caches"));
}

static void somebody_elses_is_begun_anew(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_cache_opts opts = {
		.key = KEY_A, .about = "x", .chown = true, .uid = 1001, .gid = 7};
	CLEAN(s2c_clean_cache) struct s2c_cache *cache = NULL;
	struct stat st;

	if (geteuid() != 0)
		skip_because("needs root");
	fill(store, KEY_A, 10);
	assert_ok(s2c_cache_open(store, &opts, &cache, &terr));
	assert_false(tmp_has(tmp, "s/caches/" KEY_A "/data/f"));
	assert_int_equal(stat(s2c_cache_path(cache), &st), 0);
	assert_int_equal(st.st_uid, 1001);
	assert_int_equal(st.st_gid, 7);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void old_ones_go(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_cache_sweep sweep = {
		.age = 1000, .bytes = UINT64_MAX, .dry_run = true};
	uint64_t count = 0, bytes = 0;

	assert_ok(s2c_cache_sweep(ctx, store, &sweep, &count, &bytes, &terr));
	fill(store, KEY_A, 100000);
	fill(store, KEY_B, 100000);
	fill(store, KEY_C, 100000);
	used_ago(tmp, KEY_B, 2000);
	assert_ok(s2c_cache_sweep(ctx, store, &sweep, &count, &bytes, &terr));
	assert_int_equal(count, 1);
	assert_in_range(bytes, 100000, 200000);
	assert_int_equal(count_dir(tmp, "s/caches"), 3);
	sweep.dry_run = false;
	count = 0;
	assert_ok(s2c_cache_sweep(ctx, store, &sweep, &count, &bytes, &terr));
	assert_int_equal(count, 1);
	assert_false(tmp_has(tmp, "s/caches/" KEY_B));
	/* The one that was used longest ago makes room. */
	used_ago(tmp, KEY_C, 500);
	sweep.bytes = 150000;
	assert_ok(s2c_cache_sweep(ctx, store, &sweep, &count, &bytes, &terr));
	assert_false(tmp_has(tmp, "s/caches/" KEY_C));
	assert_true(tmp_has(tmp, "s/caches/" KEY_A "/data/f"));
}

static void gc_takes_them_when_asked(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_gc_result result = {0};
	struct s2c_gc_opts opts = {0};

	fill(store, KEY_A, 10);
	fill(store, KEY_B, 10);
	used_ago(tmp, KEY_B, S2C_CACHE_AGE_MAX + 10);
	assert_ok(s2c_store_gc(ctx, store, &opts, &result, &terr));
	assert_int_equal(result.caches, 1);
	assert_int_equal(count_dir(tmp, "s/caches"), 1);
	opts.caches = true;
	assert_ok(s2c_store_gc(ctx, store, &opts, &result, &terr));
	assert_int_equal(result.caches, 1);
	assert_int_equal(count_dir(tmp, "s/caches"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(it_stays),
		tmp_test(it_has_one_user),
		tmp_test(it_can_be_one_file),
		tmp_test(keys_are_checked),
		tmp_test(somebody_elses_is_begun_anew),
		tmp_test(old_ones_go),
		tmp_test(gc_takes_them_when_asked),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
