/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of source arguments: forms, fragments, and what must never reach git. */
#include "helper.h"

#include "source/source.h"
#include "source/spec.h"

static void test_good(void **state)
{
	static const struct {
		const char *text;
		enum s2c_spec_form form;
		const char *scheme, *address, *userinfo, *ref, *subdir;
	} cases[] = {
		{"-", S2C_SPEC_STDIN, "", "-", NULL, NULL, NULL},
		{".", S2C_SPEC_PATH, "file", ".", NULL, NULL, NULL},
		{"app", S2C_SPEC_PATH, "file", "app", NULL, NULL, NULL},
		{"./a b", S2C_SPEC_PATH, "file", "./a b", NULL, NULL, NULL},
		{"/a\nb", S2C_SPEC_PATH, "file", "/a\nb", NULL, NULL, NULL},
		{"dir/a:b", S2C_SPEC_PATH, "file", "dir/a:b", NULL, NULL, NULL},
		{"dir#main", S2C_SPEC_PATH, "file", "dir", NULL, "main", NULL},
		{"app.tar.gz", S2C_SPEC_PATH, "file", "app.tar.gz", NULL, NULL, NULL},
		{"file:///srv/app", S2C_SPEC_PATH, "file", "/srv/app", NULL, NULL, NULL},
		{"file:/srv/app", S2C_SPEC_PATH, "file", "/srv/app", NULL, NULL, NULL},
		{"file://localhost/srv/a%20b#v1", S2C_SPEC_PATH, "file", "/srv/a b", NULL,
			"v1", NULL},
		{"FILE:///x", S2C_SPEC_PATH, "file", "/x", NULL, NULL, NULL},
		{"https://host/a/b.git", S2C_SPEC_URL, "https", "https://host/a/b.git",
			NULL, NULL, NULL},
		{"https://host:8443/a#v1.2", S2C_SPEC_URL, "https", "https://host:8443/a",
			NULL, "v1.2", NULL},
		{"https://host/a#main:sub/dir", S2C_SPEC_URL, "https", "https://host/a",
			NULL, "main", "sub/dir"},
		{"https://host/a#:sub", S2C_SPEC_URL, "https", "https://host/a", NULL,
			NULL, "sub"},
		{"https://host/a#", S2C_SPEC_URL, "https", "https://host/a", NULL, NULL,
			NULL},
		{"https://host/a#main:", S2C_SPEC_URL, "https", "https://host/a", NULL,
			"main", NULL},
		{"https://u:p%40ss@host/a", S2C_SPEC_URL, "https", "https://host/a",
			"u:p@ss", NULL, NULL},
		{"https://token@host/a", S2C_SPEC_URL, "https", "https://host/a", "token",
			NULL, NULL},
		{"https://u:p@ss@host/a", S2C_SPEC_URL, "https", "https://host/a",
			"u:p@ss", NULL, NULL},
		{"HTTP://Host/a", S2C_SPEC_URL, "http", "http://Host/a", NULL, NULL,
			NULL},
		{"https://[::1]:8080/a", S2C_SPEC_URL, "https", "https://[::1]:8080/a",
			NULL, NULL, NULL},
		{"git://host/a", S2C_SPEC_URL, "git", "git://host/a", NULL, NULL, NULL},
		{"ssh://git@host:22/a", S2C_SPEC_URL, "ssh", "ssh://git@host:22/a", NULL,
			NULL, NULL},
		{"ssh://host/~u/a", S2C_SPEC_URL, "ssh", "ssh://host/~u/a", NULL, NULL,
			NULL},
		{"git@host:a/b.git#dev", S2C_SPEC_SCP, "ssh", "git@host:a/b.git", NULL,
			"dev", NULL},
		{"host:a", S2C_SPEC_SCP, "ssh", "host:a", NULL, NULL, NULL},
		{"git@[::1]:a", S2C_SPEC_SCP, "ssh", "git@[::1]:a", NULL, NULL, NULL},
		{"https://host/a#feature/x-1_y", S2C_SPEC_URL, "https", "https://host/a",
			NULL, "feature/x-1_y", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_SPEC struct s2c_spec spec = {0};

		assert_ok(s2c_spec_parse(cases[i].text, &spec, &terr));
		if (spec.form != cases[i].form)
			fail_msg("'%s' has form %d", cases[i].text, (int)spec.form);
		const char *got[] = {
			spec.scheme, spec.address, spec.userinfo, spec.ref, spec.subdir};
		const char *want[] = {cases[i].scheme, cases[i].address,
			cases[i].userinfo, cases[i].ref, cases[i].subdir};

		for (size_t k = 0; k < ARRAY_SIZE(got); k++) {
			if (!got[k] != !want[k] || (got[k] && !streq(got[k], want[k])))
				fail_msg("'%s': part %zu is '%s'", cases[i].text, k,
					got[k] ? got[k] : "NULL");
		}
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} cases[] = {
		{NULL, "the source is empty"},
		{"", "the source is empty"},
		{"--upload-pack=x", "write './--upload-pack=x'"},
		{"-x", "begins with '-'"},
		{"ext::sh -c touch% /tmp/x", "git transport 'ext::' is not allowed"},
		{"fd::17", "git transport 'fd::'"},
		{"testgit::/x", "git transport 'testgit::'"},
		{"ftp://host/a", "scheme 'ftp' is not known"},
		{"javascript://host/a", "not known"},
		{"git+ssh://host/a", "scheme 'git+ssh'"},
		{"https://", "has no path"},
		{"https://host", "has no path"},
		{"https://host/", "has no path"},
		{"https:///a", "the host ''"},
		{"https://-oProxyCommand=x/a", "the host '-oProxyCommand=x'"},
		{"ssh://-oProxyCommand=touch/a", "malformed"},
		{"ssh://-l@host/a", "user"},
		{"ssh://git@-oProxyCommand=x/a", "malformed"},
		{"ssh://git@host:path/a", "malformed"},
		{"ssh://git@host:path", "no path"},
		{"ssh://u:secret@host/a", "password"},
		{"ssh://a b@host/c", "malformed"},
		{"git://u@host/a", "cannot carry a user"},
		{"https://host/a?x=secret", "query"},
		{"https://host/a%0ab", "control character"},
		{"https://host/a%00b", "control character"},
		{"https://host/a%zz", "malformed escape"},
		{"https://host/a%4", "malformed escape"},
		{"https://host/a%", "malformed escape"},
		{"https://u%0a:p@host/a", "credentials"},
		{"https://ho%73t/a", "malformed"},
		{"https://host\n.evil/a", "malformed"},
		{"https://host/a\nb", "control character"},
		{"https://host/a b", "blank"},
		{"https://host/a\x1b[31m", "control character"},
		{"https://host:99999999/a", "malformed"},
		{"https://host:/a", "malformed"},
		{"https://[::1/a", "malformed"},
		{"https://host/a#--upload-pack=x", "begins with '-'"},
		{"https://host/a#a..b", "'..'"},
		{"https://host/a#HEAD~1", "no branch, tag or commit id"},
		{"file://otherhost/a", "path of this host"},
		{"file://../a", "path of this host"},
		{"file:a", "absolute path"},
		{"file:", "absolute path"},
		{"file:///a%0a", "control character"},
		{"git@host:", "empty"},
		{"git@host:-oProxy", "option"},
		{"-oProxyCommand=x:a", "begins with '-'"},
		{"u@-oProxyCommand=x:a", "malformed"},
		{"-u@host:a", "begins with '-'"},
		{"a b@host:a", "malformed"},
		{"host:a b", "blank"},
		{"http:a\tb", "control"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_spec spec = {0};

		assert_fails(s2c_spec_parse(cases[i].text, &spec, &terr), S2C_EINVAL,
			cases[i].part);
		assert_null(spec.address);
	}
}

/* No message may show what can be a password. */
static void test_no_secret_in_messages(void **state)
{
	static const char *const texts[] = {
		"ftp://user:hunter2@host/a",
		"ssh://user:hunter2@host/a",
		"git://user:hunter2@host/a",
		"https://user:hunter2@-host/a",
		"https://user:hunter2@host",
		"https://user:hunter2%zz@host/a",
		"https://user:hunter2@host/a b",
		"https://user:hunter2@host/a#..",
		"https://user:hunter2@host/%0a",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct s2c_spec spec = {0};

		assert_int_equal(s2c_spec_parse(texts[i], &spec, &terr), -1);
		if (strstr(s2c_error_message(terr), "hunter2"))
			fail_msg("%s", s2c_error_message(terr));
		s2c_error_free(TAKE(terr));
	}
}

static void test_refs(void **state)
{
	static const char *const good[] = {"main", "v1.0", "feature/x", "refs/heads/main",
		"a-b", "deadbeef", "a@b", "x.y/z", "\xc3\xa9"};
	static const char *const bad[] = {"", "-x", "--upload-pack=x", "a b", "a..b",
		"a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@", "a@{1}", "/a", "a/",
		"a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a\nb", "a\x7f"};
	char text[S2C_SOURCE_REF_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_ok(s2c_spec_check_ref(good[i], "--ref", &terr));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(
			s2c_spec_check_ref(bad[i], "--ref", &terr), S2C_EINVAL, "--ref");
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_fails(s2c_spec_check_ref(text, "--ref", &terr), S2C_EINVAL, "longer");
	text[sizeof(text) - 2] = '\0';
	assert_ok(s2c_spec_check_ref(text, "--ref", &terr));
}

static void test_long(void **state)
{
	char text[S2C_SOURCE_SPEC_MAX + 2];
	struct s2c_spec spec = {0};

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_fails(s2c_spec_parse(text, &spec, &terr), S2C_EINVAL, "longer than 4096");
	text[sizeof(text) - 2] = '\0';
	assert_ok(s2c_spec_parse(text, &spec, &terr));
	s2c_spec_release(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_no_secret_in_messages),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
