/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of codec/entry: attributes, paths, and the order of layers. */
#include "helper.h"

#include "codec/entry.h"

static void keeps_attributes_sorted(void **state)
{
	CLEAN_ENTRY struct s2c_entry e = {.path = xstrdup("x")};

	(void)state;
	assert_ok(s2c_entry_add_xattr(&e, "user.b", "2", 1, &terr));
	assert_ok(s2c_entry_add_xattr(&e, "user.a", "a\0\n=", 4, &terr));
	assert_ok(s2c_entry_add_xattr(&e, "user.c", NULL, 0, &terr));
	assert_int_equal(e.n_xattrs, 3);
	assert_string_equal(e.xattrs[0].name, "user.a");
	assert_memory_equal(e.xattrs[0].value, "a\0\n=", 4);
	assert_string_equal(e.xattrs[2].name, "user.c");
	assert_int_equal(e.xattrs[2].len, 0);
	assert_fails(
		s2c_entry_add_xattr(&e, "user.b", "", 0, &terr), S2C_EINVAL, "twice");
	assert_int_equal(e.n_xattrs, 3);
}

static void limits_attributes(void **state)
{
	CLEAN_ENTRY struct s2c_entry e = {.path = xstrdup("x")};
	CLEAN_FREE char *big = xcalloc(1, S2C_ENTRY_XATTR_VALUE_MAX + 1);
	char name[32];

	(void)state;
	assert_fails(s2c_entry_add_xattr(
			     &e, "user.big", big, S2C_ENTRY_XATTR_VALUE_MAX + 1, &terr),
		S2C_ELIMIT, "larger than");
	for (int i = 0; i < S2C_ENTRY_XATTRS_MAX; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		assert_ok(s2c_entry_add_xattr(&e, name, "", 0, &terr));
	}
	assert_fails(s2c_entry_add_xattr(&e, "user.z", "", 0, &terr), S2C_ELIMIT,
		"more than 256");
}

/* M2: which attributes travel. */
static void m2_knows_kept_attributes(void **state)
{
	static const struct {
		const char *name;
		bool kept;
	} rows[] = {
		{"security.capability", true},
		{"user.mime_type", true},
		{"user.overlayish", true},
		{"user.", false},
		{"user.overlay.opaque", false},
		{"user.overlay.redirect", false},
		{"user.fuseoverlayfs.origin", false},
		{"user.s2c.owner", false},
		{"trusted.overlay.opaque", false},
		{"trusted.x", false},
		{"security.selinux", false},
		{"security.ima", false},
		{"security.evm", false},
		{"security.capability2", false},
		{"btrfs.compression", false},
		{"system.posix_acl_access", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(s2c_entry_xattr_kept(rows[i].name), rows[i].kept);
}

static void normalizes_paths(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
		bool strip;
	} rows[] = {
		{"a", "a"},
		{"./a/b", "a/b"},
		{"a/", "a"},
		{"a//b/./c/", "a/b/c"},
		{".", "."},
		{"./", "."},
		{"./.", "."},
		{"..a/b..", "..a/b.."},
		{"...", "..."},
		{"caf\xc3\xa9/\xff\n", "caf\xc3\xa9/\xff\n"},
		{"", NULL},
		{"..", NULL},
		{"../x", NULL},
		{"a/../x", NULL},
		{"a/..", NULL},
		{"/a", NULL},
		{"/", NULL},
		{"/a", "a", true},
		{"//a//", "a", true},
		{"/", ".", true},
		{"/../a", NULL, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *out = NULL;
		int rc = s2c_entry_normalize_path(rows[i].in, rows[i].strip, &out, &terr);

		if (rows[i].out) {
			assert_ok(rc);
			assert_string_equal(out, rows[i].out);
		} else {
			assert_fails(rc, S2C_EINVAL, "path");
		}
	}
}

/* M5: what no file system can hold is an error, never cut. */
static void m5_refuses_long_names(void **state)
{
	char name[300];
	CLEAN_FREE char *out = NULL, *deep = xmalloc(S2C_ENTRY_PATH_MAX + 2);

	(void)state;
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	assert_ok(s2c_entry_normalize_path(name, false, &out, &terr));
	name[255] = 'x';
	name[256] = '\0';
	assert_fails(s2c_entry_normalize_path(name, false, &out, &terr), S2C_EINVAL,
		"more than 255");
	/* The whiteout of the longest name. */
	free(TAKE(out));
	name[256] = 'x';
	name[259] = '\0';
	memcpy(name, ".wh.", 4);
	assert_ok(s2c_entry_normalize_path(name, false, &out, &terr));
	for (size_t i = 0; i <= S2C_ENTRY_PATH_MAX; i++)
		deep[i] = i % 2 ? '/' : 'd';
	deep[S2C_ENTRY_PATH_MAX + 1] = '\0';
	assert_fails(s2c_entry_normalize_path(deep, false, &out, &terr), S2C_EINVAL,
		"longer than");
	free(TAKE(out));
	deep[S2C_ENTRY_PATH_MAX] = '\0';
	assert_ok(s2c_entry_normalize_path(deep, false, &out, &terr));
}

/* W2: parents, the opaque marker, whiteouts, then bytes. */
static void w2_orders_layers(void **state)
{
	static const char *const sorted[] = {".", ".wh..wh..opq", ".wh.a", ".wh.z", ".a",
		"a", "a/.wh..wh..opq", "a/.wh.b", "a/A", "a/b", "a/b/c", "a/b/c/d",
		"a/b.x", "a.x", "aa", "b", "\xc3\xa9", "\xff"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sorted); j++) {
			int cmp = s2c_entry_path_cmp(sorted[i], sorted[j]);

			assert_int_equal((cmp > 0) - (cmp < 0), (i > j) - (i < j));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_attributes_sorted),
		cmocka_unit_test(limits_attributes),
		cmocka_unit_test(m2_knows_kept_attributes),
		cmocka_unit_test(normalizes_paths),
		cmocka_unit_test(m5_refuses_long_names),
		cmocka_unit_test(w2_orders_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
