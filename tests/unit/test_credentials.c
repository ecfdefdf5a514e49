/* SPDX-License-Identifier: Apache-2.0 */
/* Auth files in temporary directories and credential helpers made of small scripts. */
#include "helper.h"

#include "place.h"
#include "registry/authfile.h"

/* "user:canary", "other:canary2" */
#define AUTH "\"dXNlcjpjYW5hcnk=\""
#define AUTH2 "\"b3RoZXI6Y2FuYXJ5Mg==\""

static void test_match(void **state)
{
	static const struct {
		const char *key, *registry, *repository;
		bool fits;
	} rows[] = {
		{"r.example", "r.example", "a/b", true},
		{"R.Example", "r.example", "a/b", true},
		{"https://r.example", "r.example", "a/b", true},
		{"http://r.example", "r.example", "a/b", true},
		{"https://r.example/v1/", "r.example", "a/b", true},
		{"https://r.example/v2/", "r.example", "a/b", true},
		{"r.example/", "r.example", "a/b", true},
		{"r.example:5000", "r.example:5000", "a/b", true},
		{"r.example/a", "r.example", "a/b", true},
		{"r.example/a/b", "r.example", "a/b", true},
		{"https://index.docker.io/v1/", "docker.io", "library/x", true},
		{"index.docker.io", "docker.io", "library/x", true},
		{"docker.io", "docker.io", "library/x", true},
		{"registry-1.docker.io", "docker.io", "library/x", true},
		{"docker.io/library", "docker.io", "library/x", true},
		{"r.example", "r.example:5000", "a/b", false},
		{"r.example:5000", "r.example", "a/b", false},
		{"r.example:443", "r.example", "a/b", false},
		{"example", "r.example", "a/b", false},
		{"r.example.org", "r.example", "a/b", false},
		{"r.exampl", "r.example", "a/b", false},
		{"r.example/a/b/c", "r.example", "a/b", false},
		{"r.example/a/", "r.example", "ab", false},
		{"r.example/a", "r.example", "ab", false},
		{"r.example/A", "r.example", "a/b", false},
		{"r.example//", "r.example", "a/b", false},
		{"xdocker.io", "docker.io", "library/x", false},
		{"", "r.example", "a/b", false},
		{"https://", "r.example", "a/b", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_authfile_entry_release)
		struct s2c_authfile_entry entry = {.helper = NULL};
		CLEAN_FREE char *text = xasprintf(
			"{\"auths\":{\"%s\":{\"auth\":" AUTH "}}}", rows[i].key);
		assert_ok(s2c_authfile_parse(text, strlen(text), rows[i].registry,
			rows[i].repository, &entry, &terr));
		if ((entry.creds.username != NULL) != rows[i].fits)
			fail_msg("key '%s'", rows[i].key);
	}
}

static void test_longest(void **state)
{
	static const char text[] =
		"{\"auths\":{"
		"\"r.example/a/b\":{\"username\":\"ab\",\"password\":\"p\"},"
		"\"r.example\":{\"username\":\"host\",\"password\":\"p\"},"
		"\"r.example/a\":{\"username\":\"a\",\"password\":\"p\"}}}";
	static const struct {
		const char *repository, *user;
	} rows[] = {
		{"a/b", "ab"},
		{"a/b/c", "ab"},
		{"a/bc", "a"},
		{"a", "a"},
		{"x", "host"},
		{"ab", "host"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_authfile_entry_release)
		struct s2c_authfile_entry entry = {.helper = NULL};
		assert_ok(s2c_authfile_parse(text, strlen(text), "r.example",
			rows[i].repository, &entry, &terr));
		assert_string_equal(entry.creds.username, rows[i].user);
	}
}

static void test_entries(void **state)
{
	static const struct {
		const char *entry, *user, *password, *token;
	} rows[] = {
		{"{\"auth\":" AUTH "}", "user", "canary", NULL},
		{"{\"auth\":\"dTpwOnE=\"}", "u", "p:q", NULL},
		{"{\"auth\":\"dTo=\"}", "u", "", NULL},
		{"{\"auth\":\"dTpwAAA=\"}", "u", "p", NULL},
		{"{\"auth\":" AUTH ",\"identitytoken\":\"t\"}", "user", "canary", "t"},
		{"{\"identitytoken\":\"t\"}", NULL, NULL, "t"},
		{"{\"username\":\"u\",\"password\":\"p\"}", "u", "p", NULL},
		{"{\"username\":\"u\"}", "u", "", NULL},
		{"{\"auth\":\"\",\"username\":\"u\",\"password\":\"p\"}", "u", "p", NULL},
		{"{}", NULL, NULL, NULL},
		{"{\"email\":\"x\"}", NULL, NULL, NULL},
		{"{\"auth\":null}", NULL, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_authfile_entry_release)
		struct s2c_authfile_entry entry = {.helper = NULL};
		CLEAN_FREE char *text = xasprintf(
			"{\"auths\":{\"r\":%s}}", rows[i].entry);
		const struct s2c_credentials *c = &entry.creds;
		assert_ok(
			s2c_authfile_parse(text, strlen(text), "r", "a", &entry, &terr));
		assert_string_equal(c->username ? c->username : "-",
			rows[i].user ? rows[i].user : "-");
		assert_string_equal(c->password ? c->password : "-",
			rows[i].password ? rows[i].password : "-");
		assert_string_equal(c->identity_token ? c->identity_token : "-",
			rows[i].token ? rows[i].token : "-");
	}
}

/* .dockercfg: what is below "auths" else is the document itself. */
static void test_old_form(void **state)
{
	static const struct {
		const char *text, *registry, *user; /* NULL: none */
	} rows[] = {
		{"{\"https://r/v1/\":{\"auth\":" AUTH ",\"email\":\"e\"}}", "r", "user"},
		{"{\"r\":{\"auth\":" AUTH "}}", "r", "user"},
		{"{\"r\":{\"auth\":" AUTH "},\"r/a\":{\"auth\":\"dTpwOnE=\"}}", "r", "u"},
		{"{\"https://index.docker.io/v1/\":{\"auth\":" AUTH "}}", "docker.io",
			"user"},
		/* Another host's, and that of Docker Hub, are nobody else's. */
		{"{\"https://index.docker.io/v1/\":{\"auth\":" AUTH "}}", "r", NULL},
		{"{\"s\":{\"auth\":" AUTH "}}", "r", NULL},
		/* With "auths" the document has the new form, however little is there. */
		{"{\"auths\":{},\"r\":{\"auth\":" AUTH "}}", "r", NULL},
		{"{\"auths\":null,\"r\":{\"auth\":" AUTH "}}", "r", NULL},
		/* No entry of the old form has no "auth". */
		{"{\"r\":{\"username\":\"u\",\"password\":\"p\"}}", "r", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_authfile_entry_release)
		struct s2c_authfile_entry entry = {.helper = NULL};

		assert_ok(s2c_authfile_parse(rows[i].text, strlen(rows[i].text),
			rows[i].registry, "a", &entry, &terr));
		assert_string_equal(entry.creds.username ? entry.creds.username : "-",
			rows[i].user ? rows[i].user : "-");
	}
}

static void test_bad_files(void **state)
{
	static const char *const rows[] = {
		"",
		"canary",
		"[]",
		"{\"auths\":[]}",
		"{\"auths\":\"canary\"}",
		"{\"auths\":{\"r\":\"canary\"}}",
		"{\"auths\":{\"r\":{\"auth\":\"canary\"}}}",
		"{\"auths\":{\"r\":{\"auth\":\"Y2FuYXJ5\"}}}",     /* no colon */
		"{\"auths\":{\"r\":{\"auth\":\"dTpjAGFuYXJ5\"}}}", /* NUL inside */
		"{\"auths\":{\"r\":{\"auth\":1}}}",
		"{\"auths\":{\"r\":{\"auth\":[\"canary\"]}}}",
		"{\"auths\":{\"r\":{\"identitytoken\":{\"canary\":1}}}}",
		"{\"auths\":{\"r\":{\"auth\":" AUTH "},\"r\":{\"auth\":" AUTH2 "}}}",
		"{\"auths\":{\"r\":{\"auth\":" AUTH "}}} canary",
		"{\"credsStore\":1}",
		"{\"credsStore\":\"../canary\"}",
		"{\"credsStore\":\"a b\"}",
		"{\"credHelpers\":[]}",
		"{\"credHelpers\":{\"r\":1}}",
		"{\"credHelpers\":{\"r\":\"/bin/sh\"}}",
		"{\"credHelpers\":{\"r\":\"x;y\"}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_authfile_entry entry = {.helper = NULL};
		if (s2c_authfile_parse(
			    rows[i], strlen(rows[i]), "r", "a", &entry, &terr) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
		if (!strstr(rows[i], "../"))
			assert_null(strstr(s2c_error_message(terr), "canary"));
		assert_null(entry.helper);
		assert_null(entry.creds.username);
		s2c_error_free(TAKE(terr));
	}
}

static void test_helper_choice(void **state)
{
	static const struct {
		const char *text, *registry, *helper;
	} rows[] = {
		{"{\"credsStore\":\"s\"}", "r", "s"},
		{"{\"credHelpers\":{\"r\":\"h\"}}", "r", "h"},
		{"{\"credHelpers\":{\"r\":\"h\"},\"credsStore\":\"s\"}", "r", "h"},
		{"{\"credHelpers\":{\"x\":\"h\"},\"credsStore\":\"s\"}", "r", "s"},
		{"{\"credHelpers\":{\"x\":\"h\"}}", "r", NULL},
		{"{\"credHelpers\":{\"docker.io\":\"h\"}}", "docker.io", "h"},
		{"{\"credHelpers\":{\"https://index.docker.io/v1/\":\"h\"}}", "docker.io",
			"h"},
		{"{\"credHelpers\":{\"r:5000\":\"h\"}}", "r", NULL},
		{"{\"credHelpers\":{\"r/a\":\"h\"}}", "r", NULL},
		{"{\"credsStore\":\"\"}", "r", NULL},
		{"{}", "r", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_authfile_entry_release)
		struct s2c_authfile_entry entry = {.helper = NULL};
		assert_ok(s2c_authfile_parse(rows[i].text, strlen(rows[i].text),
			rows[i].registry, "a", &entry, &terr));
		assert_string_equal(entry.helper ? entry.helper : "-",
			rows[i].helper ? rows[i].helper : "-");
	}
}

/* ---- with files ---- */

static void put_helper(const struct place *place, const char *name, const char *script)
{
	CLEAN_FREE char *path = xasprintf("bin/docker-credential-%s", name);
	CLEAN_FREE char *text = xasprintf("#!/bin/sh\n%s\n", script);

	tmp_write(place->tmp, path, text);
	assert_int_equal(fchmodat(place->tmp->fd, path, 0755, 0), 0);
}

/* The user name found for "r.example/a/b", "-" for none; the caller compares. */
static const char *user(const struct place *place, const char *authfile)
{
	static char name[64];
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};

	assert_ok(s2c_credentials_find(
		place->ctx, authfile, "r.example", "a/b", &creds, &terr));
	snprintf(name, sizeof(name), "%s", creds.username ? creds.username : "-");
	return name;
}

static void put_file(const struct place *place, const char *path, const char *name)
{
	CLEAN_FREE char *text = xasprintf("{\"auths\":{\"r.example\":{\"username\":\"%"
					  "s\",\"password\":\"canary\"}}}",
		name);

	tmp_write(place->tmp, path, text);
}

static void test_order(void **state)
{
	const struct place *place = *state;
	CLEAN_FREE char *named = xasprintf("%s/named.json", place->tmp->path);

	assert_string_equal(user(place, NULL), "-");
	put_file(place, "home/.docker/config.json", "home");
	assert_string_equal(user(place, NULL), "home");
	put_file(place, "docker/config.json", "docker");
	set("DOCKER_CONFIG", place->tmp, "docker");
	assert_string_equal(user(place, NULL), "docker");
	set("XDG_RUNTIME_DIR", place->tmp, "run");
	assert_string_equal(user(place, NULL), "docker");
	tmp_write(place->tmp, "run/containers/auth.json", "{\"auths\":{}}");
	assert_string_equal(user(place, NULL), "docker");
	put_file(place, "run/containers/auth.json", "run");
	assert_string_equal(user(place, NULL), "run");
	put_file(place, "env.json", "env");
	set("REGISTRY_AUTH_FILE", place->tmp, "env.json");
	assert_string_equal(user(place, NULL), "env");
	put_file(place, "named.json", "named");
	assert_string_equal(user(place, named), "named");
	/* A file that was named is the only one. */
	tmp_write(place->tmp, "named.json", "{}");
	assert_string_equal(user(place, named), "-");
}

static void test_missing(void **state)
{
	const struct place *place = *state;
	CLEAN_FREE char *gone = xasprintf("%s/gone.json", place->tmp->path);
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};

	put_file(place, "home/.docker/config.json", "home");
	assert_fails(
		s2c_credentials_find(place->ctx, gone, "r.example", "a/b", &creds, &terr),
		S2C_ENOENT, "gone.json");
	set("REGISTRY_AUTH_FILE", place->tmp, "gone.json");
	assert_fails(
		s2c_credentials_find(place->ctx, NULL, "r.example", "a/b", &creds, &terr),
		S2C_ENOENT, "gone.json");
	assert_null(creds.username);
}

static void test_broken_file(void **state)
{
	const struct place *place = *state;
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};

	/* Never a silent step to the next file. */
	put_file(place, "home/.docker/config.json", "home");
	set("XDG_RUNTIME_DIR", place->tmp, "run");
	tmp_write(place->tmp, "run/containers/auth.json", "{\"auths\":canary");
	assert_int_equal(
		s2c_credentials_find(place->ctx, NULL, "r.example", "a/b", &creds, &terr),
		-1);
	assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
	assert_non_null(strstr(s2c_error_message(terr), "run/containers/auth.json"));
	assert_null(strstr(s2c_error_message(terr), "canary"));
	s2c_error_free(TAKE(terr));
	assert_null(creds.username);
}

static void test_helper(void **state)
{
	const struct place *place = *state;
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};
	CLEAN_CREDENTIALS struct s2c_credentials token = {0};
	CLEAN_CREDENTIALS struct s2c_credentials none = {0};

	tmp_write(place->tmp, "home/.docker/config.json",
		"{\"credsStore\":\"store\",\"credHelpers\":{\"t.example\":\"token\","
		"\"n.example\":\"none\"},\"auths\":{\"r.example\":{}}}");
	/* Answers for the one host that it reads, and to one command only. */
	put_helper(place, "store",
		"[ \"$*\" = get ] || exit 3\nread -r host || [ -n \"$host\" ]\n"
		"[ \"$host\" = r.example ] || exit 4\n"
		"echo "
		"'{\"ServerURL\":\"r.example\",\"Username\":\"u\",\"Secret\":\"canary\"}"
		"'");
	put_helper(place, "token",
		"echo "
		"'{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"canary\"}'");
	put_helper(
		place, "none", "echo 'credentials not found in native keychain'; exit 1");
	assert_ok(
		s2c_credentials_find(place->ctx, NULL, "r.example", "a", &creds, &terr));
	assert_string_equal(creds.username, "u");
	assert_string_equal(creds.password, "canary");
	assert_null(creds.identity_token);
	assert_ok(
		s2c_credentials_find(place->ctx, NULL, "t.example", "a", &token, &terr));
	assert_null(token.username);
	assert_string_equal(token.identity_token, "canary");
	assert_ok(s2c_credentials_find(place->ctx, NULL, "n.example", "a", &none, &terr));
	assert_null(none.username);
	assert_null(none.identity_token);
}

static void test_helper_docker_io(void **state)
{
	const struct place *place = *state;
	CLEAN_CREDENTIALS struct s2c_credentials creds = {0};

	tmp_write(place->tmp, "home/.docker/config.json", "{\"credsStore\":\"echo\"}");
	put_helper(place, "echo",
		"host=$(cat)\nprintf '{\"Username\":\"%s\",\"Secret\":\"s\"}' \"$host\"");
	assert_ok(s2c_credentials_find(
		place->ctx, NULL, "docker.io", "library/x", &creds, &terr));
	assert_string_equal(creds.username, "https://index.docker.io/v1/");
}

/* CVE-2021-41092: whatever is wrong with a helper, no other registry's secret is used. */
static void test_helper_broken(void **state)
{
	static const char *const scripts[] = {
		NULL, /* not there at all */
		"exit 1",
		"echo canary; exit 1",
		"echo canary >&2; exit 7",
		"kill -9 $$",
		"echo canary",
		"echo '{\"Username\":\"canary\"}'",
		"echo '{\"Username\":\"u\",\"Secret\":5}'",
		"echo '[\"canary\"]'",
		"exec cat /dev/zero",
	};
	const struct place *place = *state;

	tmp_write(place->tmp, "home/.docker/config.json",
		"{\"credsStore\":\"bad\",\"auths\":{\"r.example\":{\"auth\":" AUTH "}}}");
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct s2c_credentials creds = {0};
		if (scripts[i])
			put_helper(place, "bad", scripts[i]);
		if (s2c_credentials_find(
			    place->ctx, NULL, "r.example", "a", &creds, &terr) == 0)
			fail_msg("accepted: %s", scripts[i]);
		assert_non_null(strstr(s2c_error_message(terr), "helper 'bad'"));
		assert_null(strstr(s2c_error_message(terr), "canary"));
		assert_null(creds.username);
		s2c_error_free(TAKE(terr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_form),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_helper_choice),
		place_test(test_order),
		place_test(test_missing),
		place_test(test_broken_file),
		place_test(test_helper),
		place_test(test_helper_docker_io),
		place_test(test_helper_broken),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
