/* SPDX-License-Identifier: Apache-2.0 */
/* Auth files that are written: documents as a table, files on disk, helpers, order. */
#include "helper.h"

#include <sys/wait.h>

#include "codec/json.h"
#include "place.h"
#include "registry/authfile.h"
#include "registry/dirs.h"

/* ---- documents ---- */

static const struct s2c_credentials user = {
	.username = (char *)"u", .password = (char *)"p:q"};
static const struct s2c_credentials token = {.identity_token = (char *)"tok"};
static const struct s2c_credentials both = {
	.username = (char *)"u", .identity_token = (char *)"tok"};

#define AUTH "{\"auth\":\"dTpwOnE=\"}" /* u:p:q */

static void test_edit(void **state)
{
	static const struct {
		const char *before, *registry, *path;
		const struct s2c_credentials *creds;
		const char *after; /* NULL: unchanged */
	} rows[] = {
		{"", "r.example", NULL, &user, "{\"auths\":{\"r.example\":" AUTH "}}"},
		{"{}", "r.example", NULL, &user, "{\"auths\":{\"r.example\":" AUTH "}}"},
		{"{\"auths\":null}", "r.example", NULL, &user,
			"{\"auths\":{\"r.example\":" AUTH "}}"},
		{"{}", "r.example:5000", "a/b", &user,
			"{\"auths\":{\"r.example:5000/a/b\":" AUTH "}}"},
		{"{}", "docker.io", NULL, &user,
			"{\"auths\":{\"https://index.docker.io/v1/\":" AUTH "}}"},
		{"{}", "docker.io", "me", &user,
			"{\"auths\":{\"docker.io/me\":" AUTH "}}"},
		{"{}", "r.example", NULL, &token,
			"{\"auths\":{\"r.example\":{\"auth\":\"PHRva2VuPjo=\","
			"\"identitytoken\":\"tok\"}}}"},
		{"{}", "r.example", NULL, &both,
			"{\"auths\":{\"r.example\":{\"auth\":\"dTo=\","
			"\"identitytoken\":\"tok\"}}}"},
		/* All else stays, in its order and to the digit. */
		{"{\"HttpHeaders\":{\"X\":\"y\"},\"auths\":{\"a.b\":{\"auth\":\"x\","
		 "\"email\":\"e\"}},\"n\":1.50,\"credHelpers\":{\"c.d\":\"h\"}}",
			"r.example", NULL, &user,
			"{\"HttpHeaders\":{\"X\":\"y\"},\"auths\":{\"a.b\":{\"auth\":"
			"\"x\",\"email\":\"e\"},\"r.example\":" AUTH
			"},\"n\":1.50,\"credHelpers\":{\"c.d\":\"h\"}}"},
		/* Every spelling of the same key is replaced, others are not. */
		{"{\"auths\":{\"https://R.example/v1/\":{},\"r.example/\":{},"
		 "\"r.example\":{},\"r.example/a\":{},\"r.example:80\":{}}}",
			"r.example", NULL, &user,
			"{\"auths\":{\"r.example/a\":{},\"r.example:80\":{},"
			"\"r.example\":" AUTH "}}"},
		{"{\"auths\":{\"docker.io\":{},\"registry-1.docker.io\":{},"
		 "\"index.docker.io\":{},\"docker.io/library\":{}}}",
			"docker.io", NULL, &user,
			"{\"auths\":{\"docker.io/library\":{},"
			"\"https://index.docker.io/v1/\":" AUTH "}}"},
		{"{\"auths\":{\"r.example/a\":{},\"r.example/a/b\":{},\"r.example\":{}}}",
			"r.example", "a/b", &user,
			"{\"auths\":{\"r.example/a\":{},\"r.example\":{},"
			"\"r.example/a/b\":" AUTH "}}"},
		/* Removal. */
		{"", "r.example", NULL, NULL, NULL},
		{"{}", "r.example", NULL, NULL, NULL},
		{"{\"auths\":{}}", "r.example", NULL, NULL, NULL},
		{"{\"auths\":{\"x.example\":{},\"r.example/a\":{}}}", "r.example", NULL,
			NULL, NULL},
		{"{\"auths\":{\"r.example\":{}}}", "r.example", "a", NULL, NULL},
		{"{\"auths\":{\"x.example\":{},\"http://r.example\":{}},\"y\":[]}",
			"r.example", NULL, NULL,
			"{\"auths\":{\"x.example\":{}},\"y\":[]}"},
		{"{\"auths\":{\"r.example/a\":{},\"r.example\":{}}}", "r.example", "a",
			NULL, "{\"auths\":{\"r.example\":{}}}"},
		{"{\"auths\":{\"a.b\":{},\"c.d/e\":{}},\"y\":1}", NULL, NULL, NULL,
			"{\"auths\":{},\"y\":1}"},
		{"{\"auths\":{}}", NULL, NULL, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_authfile_change change = {
			rows[i].registry, rows[i].path, rows[i].creds};
		CLEAN(s2c_clean_secret) char *out = NULL;
		CLEAN_FREE char *pretty = NULL;
		CLEAN_JSON struct s2c_json *want = NULL;

		assert_ok(s2c_authfile_edit(
			rows[i].before, strlen(rows[i].before), &change, &out, &terr));
		if (!rows[i].after) {
			assert_null(out);
			continue;
		}
		assert_non_null(out);
		assert_ok(s2c_json_parse(rows[i].after, strlen(rows[i].after),
			(struct s2c_json_limits){0}, &want, &terr));
		pretty = s2c_json_print(want, S2C_JSON_PRETTY);
		assert_string_equal(out, pretty);
	}
}

static void test_edit_bad(void **state)
{
	static const char *const rows[] = {
		"canary",
		"[\"canary\"]",
		"{\"auths\":\"canary\"}",
		"{\"auths\":[\"canary\"]}",
		"{\"auths\":{\"canary\":1,\"canary\":2}}",
		"{} canary",
		" ",
	};
	struct s2c_authfile_change change = {"r.example", NULL, &user};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *out = NULL;

		if (s2c_authfile_edit(rows[i], strlen(rows[i]), &change, &out, &terr) ==
			0)
			fail_msg("taken: %s", rows[i]);
		assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
		if (!strstr(rows[i], "canary\":1"))
			assert_null(strstr(s2c_error_message(terr), "canary"));
		assert_null(out);
		s2c_error_free(TAKE(terr));
	}
}

/* Neither login nor logout makes what is in there invisible. */
static void test_edit_old_form(void **state)
{
	static const char text[] = "{\"r.example\":" AUTH "}";
	struct s2c_authfile_change change = {"r.example", NULL, &user};
	char *out = NULL;

	assert_fails(s2c_authfile_edit(text, strlen(text), &change, &out, &terr),
		S2C_EUNSUPPORTED, "old form of .dockercfg");
	change.creds = NULL;
	assert_fails(s2c_authfile_edit(text, strlen(text), &change, &out, &terr),
		S2C_EUNSUPPORTED, "another file");
	assert_null(out);
}

static void test_round_trip(void **state)
{
	const struct s2c_credentials *const all[] = {&user, &token, &both};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct s2c_authfile_change change = {"r.example", "a", all[i]};
		CLEAN(s2c_authfile_entry_release)
		struct s2c_authfile_entry entry = {.helper = NULL};
		CLEAN(s2c_clean_secret) char *text = NULL;

		assert_ok(s2c_authfile_edit("", 0, &change, &text, &terr));
		assert_ok(s2c_authfile_parse(
			text, strlen(text), "r.example", "a/b", &entry, &terr));
		if (all[i]->identity_token)
			assert_string_equal(entry.creds.identity_token, "tok");
		else
			assert_string_equal(entry.creds.password, "p:q");
	}
}

static void test_token_user(void **state)
{
	/* "<token>:canary": the password is an identity token. */
	static const char text[] =
		"{\"auths\":{\"r.example\":{\"auth\":\"PHRva2VuPjpjYW5hcnk=\"}}}";
	CLEAN(s2c_authfile_entry_release)
	struct s2c_authfile_entry entry = {.helper = NULL};

	assert_ok(
		s2c_authfile_parse(text, strlen(text), "r.example", NULL, &entry, &terr));
	assert_null(entry.creds.username);
	assert_null(entry.creds.password);
	assert_string_equal(entry.creds.identity_token, "canary");
}

static void test_helper_names(void **state)
{
	static const char text[] =
		"{\"credHelpers\":{\"a.example\":\"one\",\"https://b.example/v1/\":"
		"\"two\"},\"credsStore\":\"three\"}";
	static const char bad[] = "{\"credHelpers\":{\"a.example\":\"../x\"}}";
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	assert_ok(s2c_authfile_helpers(text, strlen(text), &names, &terr));
	assert_int_equal(names.len, 3);
	assert_string_equal(names.items[0], "a.example=one");
	assert_string_equal(names.items[1], "b.example=two");
	assert_string_equal(names.items[2], "=three");
	assert_fails(s2c_authfile_helpers(bad, strlen(bad), &names, &terr), S2C_EPROTO,
		"no valid name");
}

/* ---- files ---- */

static char *under(const struct tmp *tmp, const char *name)
{
	return xasprintf("%s/%s", tmp->path, name);
}

static int update(const struct tmp *tmp, const char *name,
	const struct s2c_credentials *creds, bool *changed)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *path = under(tmp, name);
	struct s2c_authfile_change change = {"r.example", NULL, creds};

	return s2c_authfile_update(ctx, path, &change, changed, &terr);
}

/* Nothing but these names is in the directory. */
static void assert_names(const struct tmp *tmp, const char *dir, const char *names)
{
	CLEAN_STRV struct s2c_strv found = S2C_STRV_INIT;
	struct s2c_buf text = S2C_BUF_INIT(4096);
	CLEAN_FD int fd = openat(tmp->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_ok(s2c_fs_list(fd, 100, &found, &terr));
	s2c_strv_foreach (name, &found)
		s2c_buf_must_printf(&text, "%s ", name);
	assert_string_equal(s2c_buf_str(&text), names);
	s2c_buf_release(&text);
}

static void test_update(void **state)
{
	struct tmp *tmp = *state;
	bool changed = false;
	struct stat st;

	assert_ok(update(tmp, "new/dir/auth.json", NULL, &changed));
	assert_false(changed);
	assert_false(tmp_has(tmp, "new"));
	assert_ok(update(tmp, "new/dir/auth.json", &user, &changed));
	assert_true(changed);
	assert_int_equal(fstatat(tmp->fd, "new/dir", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(tmp->fd, "new/dir/auth.json", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_names(tmp, "new/dir", "auth.json ");
	/* What others could read until now, they cannot any more. */
	tmp_write(tmp, "old.json", "{\"auths\":{\"x.example\":{}}}");
	assert_ok(update(tmp, "old.json", &user, &changed));
	assert_int_equal(fstatat(tmp->fd, "old.json", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	CLEAN_FREE char *text = tmp_read(tmp, "old.json");
	assert_non_null(strstr(text, "x.example"));
	assert_non_null(strstr(text, "dTpwOnE="));
	assert_ok(update(tmp, "old.json", NULL, &changed));
	assert_true(changed);
	assert_ok(update(tmp, "old.json", NULL, &changed));
	assert_false(changed);
}

static void test_update_links(void **state)
{
	struct tmp *tmp = *state;
	struct stat st;

	tmp_write(tmp, "real/file.json", "{}");
	assert_int_equal(symlinkat("real/file.json", tmp->fd, "link.json"), 0);
	assert_ok(update(tmp, "link.json", &user, NULL));
	assert_int_equal(fstatat(tmp->fd, "link.json", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	CLEAN_FREE char *text = tmp_read(tmp, "real/file.json");
	assert_non_null(strstr(text, "dTpwOnE="));
	assert_names(tmp, "real", "file.json ");
	assert_int_equal(symlinkat("nowhere/x", tmp->fd, "dangling.json"), 0);
	assert_fails(update(tmp, "dangling.json", &user, NULL), S2C_EINVAL,
		"is a link to nothing");
	assert_int_equal(symlinkat("loop.json", tmp->fd, "loop.json"), 0);
	assert_fails(update(tmp, "loop.json", &user, NULL), S2C_EIO, "loop.json");
}

static void test_update_bad(void **state)
{
	struct tmp *tmp = *state;

	tmp_write(tmp, "bad.json", "{\"auths\":canary");
	assert_int_equal(update(tmp, "bad.json", &user, NULL), -1);
	assert_non_null(strstr(s2c_error_message(terr), "bad.json"));
	assert_null(strstr(s2c_error_message(terr), "canary"));
	s2c_error_free(TAKE(terr));
	CLEAN_FREE char *text = tmp_read(tmp, "bad.json");
	assert_string_equal(text, "{\"auths\":canary");
	assert_int_equal(mkdirat(tmp->fd, "dir", 0755), 0);
	assert_fails(update(tmp, "dir", &user, NULL), S2C_EINVAL, "not a regular file");
	assert_fails(update(tmp, "dir/", &user, NULL), S2C_EINVAL, "dir");
	assert_names(tmp, ".", "bad.json dir ");
	assert_names(tmp, "dir", "");
}

static void test_update_owner(void **state)
{
	struct tmp *tmp = *state;
	struct stat st;

	if (geteuid() != 0)
		skip_because("only root changes files of others");
	tmp_write(tmp, "other.json", "{}");
	assert_int_equal(fchownat(tmp->fd, "other.json", 1234, 2345, 0), 0);
	assert_ok(update(tmp, "other.json", &user, NULL));
	assert_int_equal(fstatat(tmp->fd, "other.json", &st, 0), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 2345);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Many at once: no entry is lost and the file is whole at any time. */
static void test_update_together(void **state)
{
	enum { CHILDREN = 8, ENTRIES = 10 };
	struct tmp *tmp = *state;
	CLEAN_FREE char *path = under(tmp, "auth.json");
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_FREE char *text = NULL;

	for (int child = 0; child < CHILDREN; child++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid)
			continue;
		struct s2c_ctx *ctx = quiet_ctx();
		for (int i = 0; i < ENTRIES; i++) {
			CLEAN_FREE char *name = xasprintf("r%d-%d.example", child, i);
			struct s2c_authfile_change change = {name, NULL, &user};

			if (s2c_authfile_update(ctx, path, &change, NULL, NULL) < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int child = 0; child < CHILDREN; child++) {
		int status = 1;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	text = tmp_read(tmp, "auth.json");
	assert_ok(s2c_json_parse(
		text, strlen(text), (struct s2c_json_limits){0}, &root, &terr));
	assert_int_equal(s2c_json_len(s2c_json_get(root, "auths")), CHILDREN * ENTRIES);
	assert_names(tmp, ".", "auth.json ");
}

/* ---- where to ---- */

/* One with a runtime directory, which is where logins go first. */
static int login_setup(void **state)
{
	const struct place *place;

	if (place_setup(state) < 0)
		return -1;
	place = *state;
	set("XDG_RUNTIME_DIR", place->tmp, "run");
	return s2c_fs_mkdir_p(place->tmp->fd, "run", 0700, NULL);
}

#define login_test(f) cmocka_unit_test_setup_teardown(f, login_setup, place_teardown)

static const struct s2c_login_place r_example = {"r.example", NULL};

/* Stores for r.example; the file or helper it went to, below the directory. */
static void assert_stored(
	const struct place *place, const char *authfile, const char *where)
{
	CLEAN_CREDENTIALS struct s2c_credentials found = {.username = NULL};
	CLEAN_FREE char *told = NULL, *want = NULL;

	assert_ok(s2c_credentials_store(
		place->ctx, authfile, &r_example, &user, &told, &terr));
	want = where[0] == '(' ? xstrdup(where + 1)
			       : xasprintf("'%s/%s'", place->tmp->path, where);
	assert_string_equal(told, want);
	/* Wherever it went, the lookup finds it. */
	assert_ok(s2c_credentials_find(
		place->ctx, authfile, "r.example", "a", &found, &terr));
	assert_string_equal(found.username, "u");
	assert_string_equal(found.password, "p:q");
}

static void forget(
	const struct place *place, const struct s2c_login_place *what, bool expected)
{
	bool found = !expected;

	assert_ok(s2c_credentials_forget(place->ctx, NULL, what, &found, &terr));
	assert_int_equal(found, expected);
}

static void test_store_order(void **state)
{
	const struct place *place = *state;
	CLEAN_FREE char *named = under(place->tmp, "named/auth.json");

	assert_stored(place, NULL, "run/containers/auth.json");
	set("XDG_RUNTIME_DIR", place->tmp, "not-there");
	assert_stored(place, NULL, "home/.docker/config.json");
	set("XDG_RUNTIME_DIR", place->tmp, NULL);
	assert_stored(place, NULL, "home/.docker/config.json");
	set("DOCKER_CONFIG", place->tmp, "docker");
	assert_stored(place, NULL, "docker/config.json");
	set("REGISTRY_AUTH_FILE", place->tmp, "env.json");
	assert_stored(place, NULL, "env.json");
	assert_stored(place, named, "named/auth.json");
	/* An empty file, as mktemp makes it. */
	tmp_write(place->tmp, "named/auth.json", "");
	assert_stored(place, named, "named/auth.json");
}

/* A file that is asked before the one we would choose must not hide what we write. */
static void test_store_before(void **state)
{
	const struct place *place = *state;

	set("XDG_RUNTIME_DIR", place->tmp, NULL);
	tmp_write(place->tmp, "home/.config/containers/auth.json",
		"{\"auths\":{\"r.example/a\":{\"auth\":\"b2xkOm9sZA==\"}}}");
	CLEAN_FREE char *told = NULL;
	assert_ok(
		s2c_credentials_store(place->ctx, NULL, &r_example, &user, &told, &terr));
	assert_non_null(strstr(told, "home/.docker/config.json"));
	tmp_write(place->tmp, "home/.config/containers/auth.json",
		"{\"auths\":{\"https://R.example\":{\"auth\":\"b2xkOm9sZA==\"}}}");
	assert_stored(place, NULL, "home/.config/containers/auth.json");
	forget(place, &r_example, true);
	forget(place, &r_example, false);
	CLEAN_FREE char *docker = tmp_read(place->tmp, "home/.docker/config.json");
	assert_null(strstr(docker, "r.example"));
}

static void test_store_nowhere(void **state)
{
	const struct place *place = *state;
	char *told = NULL;

	set("XDG_RUNTIME_DIR", place->tmp, NULL);
	set("HOME", place->tmp, NULL);
	CLEAN_FREE char *run = xasprintf("/run/containers/%u/auth.json", s2c_outer_uid());
	if (access(run, F_OK) == 0)
		skip_because("this machine has auth files in /run");
	assert_fails(
		s2c_credentials_store(place->ctx, NULL, &r_example, &user, &told, &terr),
		S2C_ENOENT, "HOME is not set");
}

static void test_forget(void **state)
{
	const struct place *place = *state;
	struct s2c_login_place path = {"r.example", "team"};
	CLEAN_FREE char *told = NULL;
	bool found = false;

	forget(place, &r_example, false);
	forget(place, NULL, false);
	assert_stored(place, NULL, "run/containers/auth.json");
	assert_ok(s2c_credentials_store(place->ctx, NULL, &path, &user, &told, &terr));
	forget(place, &path, true);
	forget(place, &path, false);
	assert_stored(place, NULL, "run/containers/auth.json");
	tmp_write(place->tmp, "home/.docker/config.json",
		"{\"auths\":{\"x.example\":{}},\"other\":1}");
	forget(place, NULL, true);
	forget(place, NULL, false);
	CLEAN_FREE char *docker = tmp_read(place->tmp, "home/.docker/config.json");
	assert_non_null(strstr(docker, "\"other\": 1"));
	assert_null(strstr(docker, "x.example"));
	/* A file that was named must be there. */
	assert_fails(s2c_credentials_forget(
			     place->ctx, "/nonexistent", &r_example, &found, &terr),
		S2C_ENOENT, "/nonexistent");
}

/* ---- helpers ---- */

/* Keeps one file per server; says what it was asked in a log without secrets. */
static const char helper_script[] =
	"#!/bin/sh\ncd \"$(dirname \"$0\")/../kept\" || exit 9\n"
	"name() { printf %s \"$1\" | tr '/:' '__'; }\n"
	"[ $# = 1 ] || exit 8\necho \"$1\" >>../log\n"
	"case $1 in\n"
	"store) t=$(cat); s=$(printf %s \"$t\" | sed "
	"'s/.*\"ServerURL\":\"\\([^\"]*\\)\".*/\\1/')\n"
	"  printf %s \"$t\" >\"$(name \"$s\")\" ;;\n"
	"get) s=$(cat); cat \"$(name \"$s\")\" 2>/dev/null ||\n"
	"  { echo 'credentials not found in native keychain'; exit 1; } ;;\n"
	"erase) s=$(cat); rm \"$(name \"$s\")\" ;;\n"
	"list) sep='{'; for f in *; do [ -f \"$f\" ] || continue\n"
	"  s=$(sed 's/.*\"ServerURL\":\"\\([^\"]*\\)\".*/\\1/' \"$f\")\n"
	"  printf '%s\"%s\":\"u\"' \"$sep\" \"$s\"; sep=,; done\n"
	"  [ $sep = , ] || printf '{'; echo '}' ;;\n"
	"esac\n";

static void put_helper(const struct place *place, const char *name, const char *script)
{
	CLEAN_FREE char *path = xasprintf("bin/docker-credential-%s", name);

	tmp_write(place->tmp, path, script);
	assert_int_equal(fchmodat(place->tmp->fd, path, 0755, 0), 0);
	assert_ok(s2c_fs_mkdir_p(place->tmp->fd, "kept", 0700, &terr));
}

static void test_helper_store(void **state)
{
	const struct place *place = *state;
	struct s2c_login_place hub = {"docker.io", NULL};
	CLEAN_FREE char *told = NULL;

	put_helper(place, "keep", helper_script);
	/* The secret that was in the file goes, too. */
	tmp_write(place->tmp, "run/containers/auth.json",
		"{\"credHelpers\":{\"r.example\":\"keep\",\"docker.io\":\"keep\"},"
		"\"auths\":{\"r.example\":{\"auth\":\"b2xkOm9sZA==\"}}}");
	assert_stored(place, NULL, "(credential helper 'keep'");
	CLEAN_FREE char *file = tmp_read(place->tmp, "run/containers/auth.json");
	assert_null(strstr(file, "b2xkOm9sZA=="));
	CLEAN_FREE char *kept = tmp_read(place->tmp, "kept/r.example");
	assert_string_equal(kept, "{\"ServerURL\":\"r.example\",\"Username\":\"u\","
				  "\"Secret\":\"p:q\"}");
	assert_ok(s2c_credentials_store(place->ctx, NULL, &hub, &token, &told, &terr));
	CLEAN_FREE char *hub_kept = tmp_read(
		place->tmp, "kept/https___index.docker.io_v1_");
	assert_non_null(strstr(hub_kept, "\"Username\":\"<token>\",\"Secret\":\"tok\""));
	forget(place, &r_example, true);
	forget(place, &r_example, false);
	assert_false(tmp_has(place->tmp, "kept/r.example"));
	forget(place, NULL, true);
	assert_names(place->tmp, "kept", "");
}

static void test_helper_store_all(void **state)
{
	const struct place *place = *state;
	struct s2c_login_place other = {"x.example:5000", NULL};
	CLEAN_FREE char *told = NULL;

	put_helper(place, "keep", helper_script);
	tmp_write(place->tmp, "run/containers/auth.json", "{\"credsStore\":\"keep\"}");
	assert_stored(place, NULL, "(credential helper 'keep'");
	assert_ok(s2c_credentials_store(place->ctx, NULL, &other, &user, &told, &terr));
	assert_names(place->tmp, "kept", "r.example x.example_5000 ");
	forget(place, NULL, true);
	assert_names(place->tmp, "kept", "");
	forget(place, NULL, false);
}

static void test_helper_store_bad(void **state)
{
	static const struct {
		const char *script, *part;
	} rows[] = {
		{"#!/bin/sh\necho canary; exit 3\n", "'bad' failed for 'r.example'"},
		{"#!/bin/sh\necho credentials not found in native keychain; exit 1\n",
			"kept nothing"},
		{"#!/bin/sh\nexec cat /dev/zero\n", "helper 'bad'"},
	};
	const struct place *place = *state;
	struct s2c_login_place path = {"r.example", "team"};

	tmp_write(place->tmp, "run/containers/auth.json",
		"{\"credsStore\":\"bad\",\"auths\":{\"r.example\":{\"auth\":"
		"\"b2xkOm9sZA==\"}}}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *told = NULL;

		put_helper(place, "bad", rows[i].script);
		assert_int_equal(s2c_credentials_store(place->ctx, NULL, &r_example,
					 &user, &told, &terr),
			-1);
		assert_non_null(strstr(s2c_error_message(terr), rows[i].part));
		assert_null(strstr(s2c_error_message(terr), "canary"));
		assert_null(strstr(s2c_error_message(terr), "p:q"));
		s2c_error_free(TAKE(terr));
		/* What was there is still there. */
		CLEAN_FREE char *file = tmp_read(place->tmp, "run/containers/auth.json");
		assert_non_null(strstr(file, "b2xkOm9sZA=="));
	}
	char *told = NULL;
	assert_fails(s2c_credentials_store(place->ctx, NULL, &path, &user, &told, &terr),
		S2C_EINVAL, "leave out the path 'team'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edit),
		cmocka_unit_test(test_edit_bad),
		cmocka_unit_test(test_edit_old_form),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_token_user),
		cmocka_unit_test(test_helper_names),
		tmp_test(test_update),
		tmp_test(test_update_links),
		tmp_test(test_update_bad),
		tmp_test(test_update_owner),
		tmp_test(test_update_together),
		login_test(test_store_order),
		login_test(test_store_before),
		login_test(test_store_nowhere),
		login_test(test_forget),
		login_test(test_helper_store),
		login_test(test_helper_store_all),
		login_test(test_helper_store_bad),
	};

	return cmocka_run_group_tests_name("authfile", tests, NULL, NULL);
}
