/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of blobs: the text and its bounds as pure functions, then the file with
 * several writers, damage and garbage collection.
 */
#include "helper.h"

#include "store/known_table.h"
#include "store_helper.h"

#define NOW 1000000000000

static struct s2c_digest digest_no(unsigned n)
{
	struct s2c_digest digest;

	s2c_digest_of(&n, sizeof(n), &digest);
	return digest;
}

static struct s2c_known_form form_no(unsigned n, const char *method)
{
	struct s2c_known_form form = {.digest = digest_no(n), .size = n};

	snprintf(form.method, sizeof(form.method), "%s", method);
	return form;
}

static char *print(const struct s2c_known_table *table)
{
	struct s2c_buf buf = S2C_BUF_INIT(S2C_KNOWN_BYTES_MAX);

	s2c_known_print(table, &buf);
	return s2c_buf_take(&buf);
}

/* ---- text ---- */

static void text_comes_back(void **state)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	CLEAN_KNOWN_TABLE struct s2c_known_table again = {0};
	struct s2c_digest content = digest_no(1), blob = digest_no(2);
	struct s2c_known_form form = form_no(2, "zstd:3");
	struct s2c_known_place place = {&blob, "r.example:5000", "a/b__c"};

	assert_true(s2c_known_put_form(&table, NOW, &content, &form));
	assert_true(s2c_known_put_place(&table, NOW + 1, &place));
	CLEAN_FREE char *text = print(&table);
	CLEAN_FREE char *want = xasprintf("s2c-known 1\nform 1000000000000 %s %s 2 zstd:3\n"
					  "place 1000000000001 %s r.example:5000/a/b__c\n",
		content.str, blob.str, blob.str);
	assert_string_equal(text, want);
	assert_ok(s2c_known_parse(text, strlen(text), NOW + 1, &again, &terr));
	CLEAN_FREE char *second = print(&again);
	assert_string_equal(second, want);
}

#define D "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void damage_is_found(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", "version"},
		{"s2c-known 2\n", "version"},
		{"s2c-known 1", "version"},
		{"s2c-known 1\nform 1 " D " " D " 1 gzip", "cut off"},
		{"s2c-known 1\n\n", "none of ours"},
		{"s2c-known 1\nx\n", "no kind of entry"},
		{"s2c-known 1\nform\n", "form"},
		{"s2c-known 1\nform 1 " D " " D " 1\n", "form"},
		{"s2c-known 1\nform 1 " D " " D " 1 gzip x\n", "none of ours"},
		{"s2c-known 1\nform 1 " D " " D " 1 GZIP\n", "form"},
		{"s2c-known 1\nform 1 " D " " D " 1 01234567890123456789012345678901\n",
			"form"},
		{"s2c-known 1\nform -1 " D " " D " 1 gzip\n", "no number"},
		{"s2c-known 1\nform 01 " D " " D " 1 gzip\n", "no number"},
		{"s2c-known 1\nform 99999999999999999999 " D " " D " 1 gzip\n", "number"},
		{"s2c-known 1\nform 9223372036854775808 " D " " D " 1 gzip\n", "large"},
		{"s2c-known 1\nform 1 " D " sha256:../../x 1 gzip\n", "line 2"},
		{"s2c-known 1\nform 1 " D " " D " 1099511627777 gzip\n", "large"},
		{"s2c-known 1\nform 1  " D " " D " 1 gzip\n", "none of ours"},
		{"s2c-known 1\nplace 1 " D "\n", "place"},
		{"s2c-known 1\nplace 1 " D " local/name\n", "no repository"},
		{"s2c-known 1\nplace 1 " D " r.example/a:tag\n", "no repository"},
		{"s2c-known 1\nplace 1 " D " r.example/a@" D "\n", "no repository"},
		{"s2c-known 1\nplace 1 " D " r.example/A\n", "line 2"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
		const char *text = cases[i].text;

		assert_int_equal(
			s2c_known_parse(text, strlen(text), NOW, &table, &terr), -1);
		if (!strstr(s2c_error_message(terr), cases[i].part))
			fail_with_error(cases[i].text, __FILE__, __LINE__);
		s2c_error_free(TAKE(terr));
	}
}

static void a_nul_is_damage(void **state)
{
	static const char text[] = "s2c-known 1\nplace 1 " D " r.example/a\0b\n";
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};

	assert_fails(s2c_known_parse(text, sizeof(text) - 1, NOW, &table, &terr),
		S2C_EPROTO, "no text");
}

static void endless_lines_are_damage(void **state)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(64u * 1024 * 1024);

	s2c_buf_must_printf(&text, "s2c-known 1\nplace 1 " D " r.example/%01100d\n", 0);
	assert_fails(s2c_known_parse(text.data, text.len, NOW, &table, &terr), S2C_EPROTO,
		"too long");
	s2c_buf_clear(&text);
	s2c_buf_must_printf(&text, "s2c-known 1\n");
	for (int i = 0; i <= 2 * S2C_KNOWN_PLACES_MAX; i++)
		s2c_buf_must_printf(&text, "place 1 " D " r.example/a\n");
	assert_fails(s2c_known_parse(text.data, text.len, NOW, &table, &terr), S2C_ELIMIT,
		"too many");
}

static void the_future_is_now(void **state)
{
	static const char text[] = "s2c-known 1\nplace 9000000000000 " D " r.example/a\n";
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};

	assert_ok(s2c_known_parse(text, strlen(text), NOW, &table, &terr));
	assert_int_equal(table.places[0].when, NOW);
}

/* ---- entries ---- */

static void a_day_makes_a_change(void **state)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	struct s2c_digest content = digest_no(1);
	struct s2c_known_form form = form_no(2, "gzip");
	struct s2c_known_place place = {&content, "r.example", "a"};

	assert_true(s2c_known_put_form(&table, NOW, &content, &form));
	assert_false(s2c_known_put_form(&table, NOW + 100, &content, &form));
	assert_true(s2c_known_put_form(&table, NOW + 100 + 86400000, &content, &form));
	snprintf(form.method, sizeof(form.method), "gzip:6");
	assert_true(s2c_known_put_form(&table, NOW, &content, &form));
	snprintf(form.method, sizeof(form.method), "gzip");
	assert_false(s2c_known_put_form(&table, NOW, &content, &form));
	assert_int_equal(table.n_forms, 1);
	assert_string_equal(table.forms[0].form.method, "gzip:6");

	assert_true(s2c_known_put_place(&table, NOW, &place));
	assert_false(s2c_known_put_place(&table, NOW + 100, &place));
	assert_true(s2c_known_put_place(&table, NOW + 100 + 86400000, &place));
	place.repository = "b";
	assert_false(s2c_known_drop_place(&table, &place));
	place.repository = "a";
	assert_true(s2c_known_drop_place(&table, &place));
	assert_false(s2c_known_drop_place(&table, &place));
	assert_int_equal(table.n_places, 0);
}

static void the_oldest_go(void **state)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	struct s2c_digest one = digest_no(0);
	char name[32];

	/* More of one kind than is kept of each, then more than there may be. */
	for (unsigned i = 0; i < S2C_KNOWN_FORMS_EACH + 3; i++) {
		struct s2c_known_form form = form_no(i, "gzip");

		assert_true(s2c_known_put_form(&table, NOW + i, &one, &form));
	}
	for (unsigned i = 0; i < S2C_KNOWN_PLACES_EACH + 5; i++) {
		struct s2c_known_place place = {&one, "r.example", name};

		snprintf(name, sizeof(name), "n%u", i);
		assert_true(s2c_known_put_place(&table, NOW + i, &place));
	}
	s2c_known_bound(&table);
	assert_int_equal(table.n_forms, S2C_KNOWN_FORMS_EACH);
	assert_int_equal(table.n_places, S2C_KNOWN_PLACES_EACH);
	assert_int_equal(table.forms[0].when, NOW + S2C_KNOWN_FORMS_EACH + 2);
	assert_int_equal(table.forms[S2C_KNOWN_FORMS_EACH - 1].when, NOW + 3);
	assert_int_equal(table.places[S2C_KNOWN_PLACES_EACH - 1].when, NOW + 5);

	for (unsigned i = 0; i < S2C_KNOWN_PLACES_MAX; i++) {
		struct s2c_digest digest = digest_no(1000 + i);
		struct s2c_known_place place = {&digest, "r.example", "a"};

		/* Not s2c_known_put_place(), which looks at all of them. */
		CLEAN_FREE char *line = xasprintf("s2c-known 1\nplace %lld %s %s/%s\n",
			NOW + 100ll, digest.str, place.registry, place.repository);
		assert_ok(s2c_known_parse(line, strlen(line), NOW + 100, &table, &terr));
	}
	s2c_known_bound(&table);
	assert_int_equal(table.n_places, S2C_KNOWN_PLACES_MAX);
	for (size_t i = 0; i < table.n_places; i++)
		assert_int_equal(table.places[i].when, NOW + 100);
}

static bool is_even(
	void *self, const struct s2c_digest *diff_id, const struct s2c_digest *digest)
{
	for (unsigned i = 0; i < 20; i += 2) {
		struct s2c_digest even = digest_no(i);

		if (s2c_digest_equal(&even, diff_id ? diff_id : digest))
			return true;
	}
	return false;
}

static void forms_keep_their_places(void **state)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	struct s2c_known_filter filter = {.keep = is_even};

	/* Content 0 comes out of blob 11, content 1 out of blob 13. */
	for (unsigned i = 0; i < 2; i++) {
		struct s2c_digest content = digest_no(i);
		struct s2c_known_form form = form_no(11 + 2 * i, "gzip");

		assert_true(s2c_known_put_form(&table, NOW, &content, &form));
	}
	for (unsigned i = 10; i < 15; i++) {
		struct s2c_digest blob = digest_no(i);
		struct s2c_known_place place = {&blob, "r.example", "a"};

		assert_true(s2c_known_put_place(&table, NOW, &place));
	}
	assert_true(s2c_known_filter(&table, &filter));
	assert_int_equal(table.n_forms, 1);
	assert_int_equal(table.forms[0].form.size, 11);
	assert_int_equal(table.n_places, 4); /* 10, 11, 12, 14 */
	assert_false(s2c_known_filter(&table, &filter));
}

/* ---- the file ---- */

static struct s2c_reference at(const char *registry, const char *repository)
{
	struct s2c_reference ref = {0};

	snprintf(ref.registry, sizeof(ref.registry), "%s", registry);
	snprintf(ref.repository, sizeof(ref.repository), "%s", repository);
	return ref;
}

static void notes_are_kept(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_reference a = at("r.example", "a"), b = at("r.example", "b"),
			     other = at("docker.io", "library/c"), found[3];
	struct s2c_digest one = digest_no(1), two = digest_no(2);
	struct s2c_known_form form = form_no(3, "zstd:3"), got;

	{
		CLEAN_KNOWN struct s2c_known *first = s2c_known_open(ctx, store);
		CLEAN_KNOWN struct s2c_known *second = s2c_known_open(ctx, store);

		s2c_known_note_place(first, &a, &one);
		s2c_known_note_place(second, &b, &one);
		s2c_known_note_place(second, &other, &one);
		s2c_known_note_form(first, &two, &form);
		/* Each knows its own at once, and nothing of the other's. */
		assert_int_equal(s2c_known_find_places(first, &one, NULL, found, 3), 1);
		assert_int_equal(s2c_known_find_places(second, &one, NULL, found, 3), 2);
		assert_false(s2c_known_find_form(second, &two, "zstd:3", &got));
	}
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &one, NULL, found, 3), 3);
	assert_int_equal(s2c_known_find_places(known, &one, NULL, found, 2), 2);
	assert_int_equal(s2c_known_find_places(known, &one, "docker.io", found, 3), 1);
	assert_string_equal(found[0].registry, "docker.io");
	assert_string_equal(found[0].repository, "library/c");
	assert_int_equal(s2c_known_find_places(known, &two, NULL, found, 3), 0);
	assert_true(s2c_known_find_form(known, &two, "zstd:3", &got));
	assert_string_equal(got.digest.str, form.digest.str);
	assert_int_equal(got.size, 3);
	assert_false(s2c_known_find_form(known, &two, "zstd", &got));
	assert_false(s2c_known_find_form(known, &one, "zstd:3", &got));

	s2c_known_forget_place(known, &a, &one);
	assert_int_equal(s2c_known_find_places(known, &one, "r.example", found, 3), 1);
	assert_string_equal(found[0].repository, "b");
	s2c_known_close(TAKE(known));
	known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &one, "r.example", found, 3), 1);
}

static void the_newest_come_first(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_digest blob = digest_no(1), content = digest_no(2);
	struct s2c_reference found[2];
	struct s2c_known_form form;
	CLEAN_FREE char *text = xasprintf("s2c-known 1\nplace 30 %s r.example/c\n"
					  "place 40 %s r.example/d\n"
					  "place 20 %s r.example/b\n"
					  "form 5 %s %s 5 gzip\nform 9 %s %s 9 gzip\n"
					  "form 7 %s %s 7 gzip\n",
		blob.str, blob.str, blob.str, content.str, blob.str, content.str, D,
		content.str, content.str);

	tmp_write(tmp, "s/known", text);
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &blob, NULL, found, 2), 2);
	assert_string_equal(found[0].repository, "d");
	assert_string_equal(found[1].repository, "c");
	assert_true(s2c_known_find_form(known, &content, "gzip", &form));
	assert_int_equal(form.size, 9);
}

static void damage_is_ignored(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_reference a = at("r.example", "a"), found;
	struct s2c_digest one = digest_no(1);

	tmp_write(tmp, "s/known", "garbage");
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &one, NULL, &found, 1), 0);
	s2c_known_close(TAKE(known));
	/* Nothing to write, so nobody touches it. */
	CLEAN_FREE char *text = tmp_read(tmp, "s/known");
	assert_string_equal(text, "garbage");
	known = s2c_known_open(ctx, store);
	s2c_known_note_place(known, &a, &one);
	s2c_known_close(TAKE(known));
	known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &one, NULL, &found, 1), 1);
}

static void nothing_new_writes_nothing(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_reference a = at("r.example", "a");
	struct s2c_digest one = digest_no(1);
	struct stat before, after;

	for (int i = 0; i < 2; i++) {
		CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);

		s2c_known_note_place(known, &a, &one);
		s2c_known_close(TAKE(known));
		assert_int_equal(fstatat(tmp->fd, "s/known", i ? &after : &before, 0), 0);
	}
	assert_int_equal(before.st_ino, after.st_ino);
}

static void garbage_takes_its_hints_along(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor image = put_image(store, "kept", 1);
	struct s2c_reference a = at("r.example", "a"), found;
	struct s2c_digest gone = digest_no(1), layer, other = digest_no(2);
	struct s2c_known_form form = form_no(2, "zstd:3"), got;
	struct s2c_gc_result result;

	s2c_digest_of("kept-0", strlen("kept-0"), &layer);
	tag(ctx, store, "app", &image);
	CLEAN_KNOWN struct s2c_known *known = s2c_known_open(ctx, store);
	s2c_known_note_place(known, &a, &gone);
	s2c_known_note_place(known, &a, &layer);
	s2c_known_note_place(known, &a, &other);
	s2c_known_note_form(known, &layer, &form); /* its content, as diffID */
	s2c_known_note_form(known, &gone, &form);
	s2c_known_close(TAKE(known));

	assert_ok(s2c_store_gc(
		ctx, store, &(struct s2c_gc_opts){.dry_run = true}, &result, &terr));
	known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &gone, NULL, &found, 1), 1);
	s2c_known_close(TAKE(known));

	/* The layer's own blob is gone too, but an image still needs it. */
	assert_int_equal(unlinkat(tmp->fd, blob_file(&layer), 0), 0);
	assert_ok(s2c_store_gc(ctx, store, &(struct s2c_gc_opts){0}, &result, &terr));
	known = s2c_known_open(ctx, store);
	assert_int_equal(s2c_known_find_places(known, &gone, NULL, &found, 1), 0);
	assert_int_equal(s2c_known_find_places(known, &layer, NULL, &found, 1), 1);
	assert_int_equal(s2c_known_find_places(known, &other, NULL, &found, 1), 1);
	assert_true(s2c_known_find_form(known, &layer, "zstd:3", &got));
	assert_false(s2c_known_find_form(known, &gone, "zstd:3", &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(a_nul_is_damage),
		cmocka_unit_test(endless_lines_are_damage),
		cmocka_unit_test(the_future_is_now),
		cmocka_unit_test(a_day_makes_a_change),
		cmocka_unit_test(the_oldest_go),
		cmocka_unit_test(forms_keep_their_places),
		tmp_test(notes_are_kept),
		tmp_test(the_newest_come_first),
		tmp_test(damage_is_ignored),
		tmp_test(nothing_new_writes_nothing),
		tmp_test(garbage_takes_its_hints_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
