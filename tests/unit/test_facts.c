/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine has told of an image: it comes back, and only to who asks for the same
 * image of the same engine; what is damaged or too much is as if it were not there.
 */
#include "helper.h"

#include <sys/stat.h>

#include "store/facts.h"
#include "store_helper.h"

#define ENGINE "/run/engine.sock"

struct fixture {
	struct tmp *tmp;
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	struct s2c_digest id;
	char *path; /* of the file, below tmp */
};

static void setup(struct fixture *f, struct tmp *tmp)
{
	f->tmp = tmp;
	f->ctx = s2c_ctx_new((struct s2c_sink){0});
	f->store = open_store(f->ctx, f->tmp);
	s2c_digest_of("image", 5, &f->id);
	f->path = xasprintf("s/engine/%s", s2c_digest_hex(&f->id));
}

static void teardown(struct fixture *f)
{
	s2c_store_close(f->store);
	s2c_ctx_free(f->ctx);
	free(f->path);
}

static struct s2c_facts *facts_of(const struct fixture *f)
{
	return s2c_facts_open(f->ctx, f->store, ENGINE, &f->id);
}

static const struct s2c_facts_file passwd = {
	.there = true, .text = "a:x:1:1:\xff\n", .len = 10};
static const struct s2c_facts_file none = {.there = false};

static void note_some(const struct fixture *f)
{
	struct s2c_facts *facts = facts_of(f);

	s2c_facts_note_file(facts, "/etc/passwd", &passwd);
	s2c_facts_note_file(facts, "/etc/group", &none);
	s2c_facts_note_path(facts, "/bin/sh",
		&(struct s2c_facts_path){.there = true,
			.mode = (1u << 27) | 0777,
			.size = 4,
			.target = "/bin/dash"});
	s2c_facts_note_path(facts, "/tmp/src", &(struct s2c_facts_path){.there = false});
	s2c_facts_close(facts);
}

static bool knows_any(const struct fixture *f)
{
	CLEAN_FACTS struct s2c_facts *facts = facts_of(f);
	struct s2c_facts_file file;
	struct s2c_facts_path path;

	return s2c_facts_find_file(facts, "/etc/passwd", &file) ||
	       s2c_facts_find_file(facts, "/etc/group", &file) ||
	       s2c_facts_find_path(facts, "/bin/sh", &path) ||
	       s2c_facts_find_path(facts, "/tmp/src", &path);
}

static void facts_come_back(void **state)
{
	struct fixture f;
	struct s2c_facts_file file;
	struct s2c_facts_path path;
	struct stat st;

	setup(&f, *state);
	assert_false(knows_any(&f));
	note_some(&f);
	struct s2c_facts *facts = facts_of(&f);
	assert_true(s2c_facts_find_file(facts, "/etc/passwd", &file));
	assert_true(file.there);
	assert_int_equal(file.len, passwd.len);
	assert_memory_equal(file.text, passwd.text, passwd.len);
	assert_true(s2c_facts_find_file(facts, "/etc/group", &file));
	assert_false(file.there);
	assert_true(s2c_facts_find_path(facts, "/bin/sh", &path));
	assert_true(path.there);
	assert_int_equal(path.mode, (1u << 27) | 0777);
	assert_int_equal(path.size, 4);
	assert_string_equal(path.target, "/bin/dash");
	assert_true(s2c_facts_find_path(facts, "/tmp/src", &path));
	assert_false(path.there);
	assert_false(s2c_facts_find_path(facts, "/tmp", &path));
	s2c_facts_close(facts);
	assert_int_equal(fstatat(f.tmp->fd, "s/engine", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	teardown(&f);
}

static void others_are_not_believed(void **state)
{
	struct fixture f;
	struct s2c_facts_file file;
	struct s2c_digest other;
	CLEAN_FREE char *moved = NULL;

	setup(&f, *state);
	note_some(&f);
	struct s2c_facts *facts = s2c_facts_open(f.ctx, f.store, "tcp://far:1", &f.id);
	assert_false(s2c_facts_find_file(facts, "/etc/passwd", &file));
	s2c_facts_close(facts);
	/* Another image's file under this name. */
	s2c_digest_of("other", 5, &other);
	moved = xasprintf("s/engine/%s", s2c_digest_hex(&other));
	assert_int_equal(renameat(f.tmp->fd, f.path, f.tmp->fd, moved), 0);
	facts = s2c_facts_open(f.ctx, f.store, ENGINE, &other);
	assert_false(s2c_facts_find_file(facts, "/etc/passwd", &file));
	s2c_facts_close(facts);
	teardown(&f);
}

static void damage_is_ignored(void **state)
{
	struct fixture f;
	CLEAN_BUF struct s2c_buf good = S2C_BUF_INIT(65536);

	setup(&f, *state);
	note_some(&f);
	assert_ok(s2c_fs_read_file(f.tmp->fd, f.path, &good, &terr));
	/* Every cut. */
	for (size_t len = 0; len < good.len; len++) {
		assert_ok(s2c_fs_write_file(
			f.tmp->fd, f.path, good.data, len, 0600, &terr));
		assert_false(knows_any(&f));
	}
	static const struct {
		const char *from, *to;
	} changes[] = {
		{"\"version\":1", "\"version\":2"},
		{"\"files\":{", "\"files\":{\"relative\":null,"},
		{"\"files\":{", "\"files\":{\"/x\":7,"},
		{"\"files\":{", "\"files\":{\"/x\":\"*\","},
		{"\"files\":{", "\"files\":{\"/x\":\"AA==\","},
		{"\"files\":{", "\"more\":1,\"files\":{"},
		{"\"paths\":{", "\"paths\":{\"/x\":{\"mode\":-1,\"size\":0},"},
		{"\"paths\":{", "\"paths\":{\"/x\":{\"mode\":4294967296,\"size\":0},"},
		{"\"paths\":{", "\"paths\":{\"/x\":{\"mode\":1,\"size\":-1},"},
		{"\"paths\":{", "\"paths\":{\"/x\":{\"mode\":1},"},
		{"\"paths\":{", "\"paths\":{\"/x\":{\"mode\":1,\"size\":1,\"a\":1},"},
		{"\"/bin/dash\"", "\"dash\""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const char *text = s2c_buf_str(&good);
		const char *at = strstr(text, changes[i].from);

		assert_non_null(at);
		CLEAN_FREE char *bad = xasprintf("%.*s%s%s", (int)(at - text), text,
			changes[i].to, at + strlen(changes[i].from));
		assert_ok(s2c_fs_write_file(
			f.tmp->fd, f.path, bad, strlen(bad), 0600, &terr));
		assert_false(knows_any(&f));
	}
	assert_ok(s2c_fs_write_file(f.tmp->fd, f.path, good.data, good.len, 0600, &terr));
	assert_true(knows_any(&f));
	teardown(&f);
}

static void files_of_others_are_ignored(void **state)
{
	struct fixture f;

	setup(&f, *state);
	note_some(&f);
	assert_int_equal(fchmodat(f.tmp->fd, f.path, 0666, 0), 0);
	assert_false(knows_any(&f));
	assert_int_equal(fchmodat(f.tmp->fd, f.path, 0600, 0), 0);
	assert_true(knows_any(&f));
	assert_int_equal(fchmodat(f.tmp->fd, "s/engine", 0777, 0), 0);
	assert_false(knows_any(&f));
	assert_int_equal(fchmodat(f.tmp->fd, "s/engine", 0700, 0), 0);
	assert_int_equal(renameat(f.tmp->fd, f.path, f.tmp->fd, "s/facts"), 0);
	assert_int_equal(symlinkat("../facts", f.tmp->fd, f.path), 0);
	assert_false(knows_any(&f));
	teardown(&f);
}

static void limits_hold(void **state)
{
	struct fixture f;
	struct s2c_facts_path path = {.there = true, .mode = 0755, .size = 1};
	struct s2c_facts_file file;
	CLEAN_FREE char *large = xcalloc(1, S2C_FACTS_FILE_MAX + 2);
	CLEAN_FREE char *longest = xcalloc(1, S2C_FACTS_PATH_MAX + 2);

	setup(&f, *state);
	memset(large, 'x', S2C_FACTS_FILE_MAX + 1);
	memset(longest, '/', S2C_FACTS_PATH_MAX + 1);
	struct s2c_facts *facts = facts_of(&f);
	s2c_facts_note_file(facts, "/large",
		&(struct s2c_facts_file){
			.there = true, .text = large, .len = S2C_FACTS_FILE_MAX + 1});
	assert_false(s2c_facts_find_file(facts, "/large", &file));
	s2c_facts_note_path(facts, longest, &path);
	s2c_facts_note_path(facts, "relative", &path);
	s2c_facts_note_path(facts, "/odd\xff", &path);
	assert_false(s2c_facts_find_path(facts, longest, &path));
	assert_false(s2c_facts_find_path(facts, "relative", &path));
	assert_false(s2c_facts_find_path(facts, "/odd\xff", &path));
	for (unsigned i = 0; i <= S2C_FACTS_PATHS_MAX; i++) {
		CLEAN_FREE char *name = xasprintf("/%u", i);

		s2c_facts_note_path(facts, name, &path);
		assert_int_equal(
			s2c_facts_find_path(facts, name, &path), i < S2C_FACTS_PATHS_MAX);
	}
	for (unsigned i = 0; i <= S2C_FACTS_FILES_MAX; i++) {
		CLEAN_FREE char *name = xasprintf("/%u", i);

		s2c_facts_note_file(facts, name, &passwd);
		assert_int_equal(
			s2c_facts_find_file(facts, name, &file), i < S2C_FACTS_FILES_MAX);
	}
	s2c_facts_close(facts);
	/* As many as there may be can be read again. */
	facts = facts_of(&f);
	assert_true(s2c_facts_find_path(facts, "/255", &path));
	assert_true(s2c_facts_find_file(facts, "/7", &file));
	s2c_facts_close(facts);
	teardown(&f);
}

static void prune_forgets(void **state)
{
	struct fixture f;
	struct s2c_gc_result result = {0};

	setup(&f, *state);
	note_some(&f);
	assert_ok(s2c_store_gc(
		f.ctx, f.store, &(struct s2c_gc_opts){.dry_run = true}, &result, &terr));
	assert_true(knows_any(&f));
	assert_ok(s2c_store_gc(
		f.ctx, f.store, &(struct s2c_gc_opts){.dry_run = false}, &result, &terr));
	assert_false(knows_any(&f));
	note_some(&f);
	assert_true(knows_any(&f));
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(facts_come_back),
		tmp_test(others_are_not_believed),
		tmp_test(damage_is_ignored),
		tmp_test(files_of_others_are_ignored),
		tmp_test(limits_hold),
		tmp_test(prune_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
