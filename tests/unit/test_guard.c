/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets on their way into a layer or a configuration are stopped, wherever they are,
 * and the message does not tell them.
 */
#include "helper.h"

#include "codec/guard.h"
#include "entries.h"

#define SECRET "s3cr3t-0123456789"

static int pass(const struct item *items, size_t n, bool read, struct s2c_error **err)
{
	CLEAN_NEEDLES struct s2c_needles *needles = s2c_needles_new();
	struct s2c_ctx *ctx CLEAN_CTX = quiet_ctx();
	struct s2c_entries *e CLEAN_ENTRIES = NULL;
	const struct s2c_entry *entry;
	char piece[5];

	assert_ok(s2c_needles_add(
		needles, "--secret 'x'", SECRET, strlen(SECRET), NULL, &terr));
	e = s2c_entries_guard(item_stream(items, n), needles);
	for (;;) {
		ssize_t got = 1;

		if (s2c_entries_next(e, ctx, &entry, err) < 0)
			return -1;
		if (!entry)
			return 0;
		while (read && entry->type == S2C_ENTRY_FILE && got > 0) {
			got = s2c_entries_read(e, piece, sizeof(piece), err);
			if (got < 0)
				return -1;
		}
	}
}

static void a_secret_does_not_pass(void **state)
{
	static const struct item bad[] = {
		{"a/file", .data = "x" SECRET "y"},
		{"a/" SECRET, .data = ""},
		{SECRET "/x", .data = ""},
		{"a/link", S2C_ENTRY_SYMLINK, .link = "/" SECRET},
		{"a/attr", .data = "", .xattr = "user.x", .value = SECRET,
			.value_len = sizeof(SECRET) - 1},
		{"a/attr", .data = "", .xattr = "user." SECRET, .value = "x",
			.value_len = 1},
	};
	static const char *const where[] = {"'/a/file'", "a name below '/a'",
		"a name below '/'", "'/a/link'", "'/a/attr'", "'/a/attr'"};
	struct item good = {"good", .data = "s3cr3t-012345678"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct item both[] = {good, bad[i], good};

		for (int read = 0; read < 2; read++) {
			struct s2c_error *err = NULL;

			assert_int_equal(pass(both, 3, read, &err), -1);
			assert_int_equal(s2c_error_code(err), S2C_EDENIED);
			assert_non_null(strstr(s2c_error_message(err), where[i]));
			assert_non_null(strstr(s2c_error_message(err), "--secret 'x'"));
			assert_null(strstr(s2c_error_message(err), SECRET));
			s2c_error_free(err);
		}
	}
}

/* Files end where they end: half of it in one and half in the next is nothing. */
static void the_rest_passes(void **state)
{
	static const struct item items[] = {
		{"a", .data = "s3cr3t-01"},
		{"b", .data = "23456789"},
		{"dir", S2C_ENTRY_DIR},
		{"dir/empty", .data = ""},
		{"l", S2C_ENTRY_SYMLINK, .link = "a"},
	};

	assert_ok(pass(items, ARRAY_SIZE(items), true, &terr));
	assert_ok(pass(items, ARRAY_SIZE(items), false, &terr));
}

static void documents_are_looked_through(void **state)
{
	static const char *const bad[] = {
		"{\"config\":{\"Env\":[\"A=b\",\"TOKEN=" SECRET "\"]}}",
		"{\"config\":{\"Labels\":{\"" SECRET "\":\"\"}}}",
		"[\"" SECRET "\"]",
	};
	static const char good[] =
		"{\"config\":{\"Env\":[\"A=s3cr3t\"]},\"n\":123456789}";
	CLEAN_NEEDLES struct s2c_needles *needles = s2c_needles_new();
	CLEAN_JSON struct s2c_json *fine = NULL;
	struct s2c_json_limits limits = {0};

	assert_ok(s2c_needles_add(needles, "it", SECRET, strlen(SECRET), NULL, &terr));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEAN_JSON struct s2c_json *root = NULL;

		assert_ok(s2c_json_parse(bad[i], strlen(bad[i]), limits, &root, &terr));
		assert_fails(s2c_json_guard(root, needles, "its labels", &terr),
			S2C_EDENIED, "it is in its labels");
	}
	assert_ok(s2c_json_parse(good, strlen(good), limits, &fine, &terr));
	assert_ok(s2c_json_guard(fine, needles, "its labels", &terr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_does_not_pass),
		cmocka_unit_test(the_rest_passes),
		cmocka_unit_test(documents_are_looked_through),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
