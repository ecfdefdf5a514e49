/* SPDX-License-Identifier: Apache-2.0 */
/* registries.conf: what is taken, what is refused, how files merge, where they are. */
#include "helper.h"

#include "registry/conf.h"

static int add(struct s2c_conf *conf, const char *text)
{
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};

	return s2c_conf_add(conf, text, strlen(text), "test.conf", &notes, &terr);
}

static void test_places(void **state)
{
	static const struct {
		const char *prefix, *registry, *path, *rest;
		bool subdomains;
	} rows[] = {
		{"r.example", "r.example", "", "", false},
		{"R.Example:5000/", "r.example:5000", "", "", false},
		{"r.example/a/b", "r.example", "a/b", "", false},
		{"r.example/a/b///", "r.example", "a/b", "", false},
		{"localhost/a", "localhost", "a", "", false},
		{"host:5000", "host:5000", "", "", false},
		{"[::1]:5000/x", "[::1]:5000", "x", "", false},
		{"docker.io", "docker.io", "", "", false},
		{"docker.io/alpine", "docker.io", "alpine", "", false},
		{"index.docker.io/library", "docker.io", "library", "", false},
		{"*.example.com", "example.com", "", "", true},
		{"r.example/a:v1", "r.example", "a", ":v1", false},
		{"r.example:5000/a:v1", "r.example:5000", "a", ":v1", false},
		{"r.example/a@sha256:"
		 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"r.example", "a",
			"@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
			"7852b855",
			false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
		CLEAN_FREE char *text = xasprintf(
			"[[registry]]\nprefix = '%s'\n", rows[i].prefix);
		const struct s2c_place *place;

		assert_ok(add(conf, text));
		assert_int_equal(conf->n_registries, 1);
		place = &conf->registries[0].prefix;
		assert_string_equal(place->registry, rows[i].registry);
		assert_string_equal(place->path, rows[i].path);
		assert_string_equal(place->rest, rows[i].rest);
		assert_int_equal(place->subdomains, rows[i].subdomains);
		assert_null(conf->registries[0].location.registry);
	}
}

static void test_table(void **state)
{
	static const char text[] =
		"[[registry]]\nprefix = 'a.example/x'\nlocation = 'b.example/y'\n"
		"insecure = true\nblocked = false\n"
		"[[registry.mirror]]\nlocation = 'm0.example'\n"
		"[[registry.mirror]]\nlocation = 'm1.example:5000/z/'\ninsecure = true\n"
		"pull-from-mirror = 'digest-only'\n"
		"[[registry.mirror]]\nlocation = 'm2.example'\npull-from-mirror = ''\n"
		"[[registry.mirror]]\nlocation = 'm3.example'\n"
		"pull-from-mirror = 'tag-only'\n"
		"[[registry]]\nlocation = 'c.example'\nblocked = true\n"
		"[[registry]]\nlocation = 'd.example'\nprefix = 'd.example/'\n"
		"mirror-by-digest-only = true\nmirror = [{location = 'm.example'}]\n"
		"[[registry]]\nlocation = ''\nprefix = '*.e.example'\n";
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
	const struct s2c_conf_registry *r;

	assert_ok(add(conf, text));
	assert_int_equal(conf->n_registries, 4);
	r = &conf->registries[0];
	assert_string_equal(r->location.registry, "b.example");
	assert_string_equal(r->location.path, "y");
	assert_true(r->insecure && !r->blocked);
	assert_string_equal(r->source, "test.conf");
	assert_int_equal(r->n_mirrors, 4);
	assert_string_equal(r->mirrors[1].location.registry, "m1.example:5000");
	assert_string_equal(r->mirrors[1].location.path, "z");
	assert_true(!r->mirrors[0].insecure && r->mirrors[1].insecure);
	assert_int_equal(r->mirrors[0].use, S2C_MIRROR_ALL);
	assert_int_equal(r->mirrors[1].use, S2C_MIRROR_DIGESTS);
	assert_int_equal(r->mirrors[2].use, S2C_MIRROR_ALL);
	assert_int_equal(r->mirrors[3].use, S2C_MIRROR_TAGS);
	assert_true(conf->registries[1].blocked);
	assert_null(conf->registries[2].location.registry);
	assert_int_equal(conf->registries[2].mirrors[0].use, S2C_MIRROR_DIGESTS);
	assert_null(conf->registries[3].location.registry);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} rows[] = {
		{"x", S2C_EPROTO, "line 1"},
		{"\n\nx = 1970-01-01", S2C_EUNSUPPORTED, "line 3: a date or time"},
		{"registry = 1", S2C_EPROTO, "'registry' must be an array"},
		{"[registry]", S2C_EPROTO, "'registry' must be an array"},
		{"registry = [1]", S2C_EPROTO, "[[registry]] number 1: it must be"},
		{"[[registry]]", S2C_EINVAL, "number 1: neither 'prefix' nor"},
		{"[[registry]]\nprefix = ''", S2C_EINVAL, "neither 'prefix' nor"},
		{"[[registry]]\nprefix = 1", S2C_EPROTO, "'prefix' must be a string"},
		{"[[registry]]\nprefix = 'name'", S2C_EINVAL,
			"'prefix': 'name': a registry must come first"},
		{"[[registry]]\nlocation = 'my/name'", S2C_EINVAL, "must come first"},
		{"[[registry]]\nprefix = 'https://r.example'", S2C_EINVAL, "a scheme"},
		{"[[registry]]\nprefix = 'r.example/A'", S2C_EINVAL, "lower case"},
		{"[[registry]]\nprefix = 'r.example/..'", S2C_EINVAL, "'r.example/..'"},
		{"[[registry]]\nprefix = 'r.example//a'", S2C_EINVAL, "is empty"},
		{"[[registry]]\nprefix = 'r.example:x'", S2C_EINVAL, "HOST:PORT"},
		{"[[registry]]\nprefix = 'r.example:5000:1'", S2C_EINVAL, "HOST:PORT"},
		{"[[registry]]\nprefix = 'r.example/:v'", S2C_EINVAL, "no repository"},
		{"[[registry]]\nprefix = 'r.example/a:'", S2C_EINVAL, "tag"},
		{"[[registry]]\nprefix = 'r.example/a@sha256:1'", S2C_EINVAL, "digest"},
		{"[[registry]]\nprefix = '/'", S2C_EINVAL, "'prefix'"},
		{"[[registry]]\nprefix = '*.example/a'", S2C_EINVAL, "behind '*.'"},
		{"[[registry]]\nprefix = '*.example:5000'", S2C_EINVAL, "behind '*.'"},
		{"[[registry]]\nprefix = '*.com'", S2C_EINVAL, "behind '*.'"},
		{"[[registry]]\nprefix = '*.*.example.com'", S2C_EINVAL, "HOST"},
		{"[[registry]]\nprefix = 'a.*.com'", S2C_EINVAL, "HOST"},
		{"[[registry]]\nlocation = '*.example.com'", S2C_EINVAL, "'*.example"},
		{"[[registry]]\nprefix = 'a.b'\nlocation = 'r.example/a:v1'", S2C_EINVAL,
			"'location': 'r.example/a:v1'"},
		{"[[registry]]\nprefix = 'a.b'\nlocation = 'r.example/a@sha256:1'",
			S2C_EINVAL, "'location'"},
		{"[[registry]]\nprefix = 'a.b'\n[[registry]]\nprefix = 'A.b/'",
			S2C_EINVAL, "number 2 has the same prefix"},
		{"[[registry]]\nprefix = 'a.b'\ninsecure = 'yes'", S2C_EPROTO,
			"'insecure' must be a boolean"},
		{"[[registry]]\nprefix = 'a.b'\nblocked = 1", S2C_EPROTO,
			"'blocked' must be a boolean"},
		{"[[registry]]\nprefix = 'a.b'\nBlocked = true", S2C_EPROTO,
			"'Blocked' must be spelt 'blocked'"},
		{"[[Registry]]\nprefix = 'a.b'", S2C_EPROTO, "must be spelt 'registry'"},
		{"[[registry]]\nprefix = 'a.b'\nmirror = 'm.b'", S2C_EPROTO,
			"'mirror' must be an array"},
		{"[[registry]]\nprefix = 'a.b'\nmirror = ['m.b']", S2C_EPROTO,
			"[[registry.mirror]] number 1: it must be a table"},
		{"[[registry]]\nprefix = 'a.b'\n[[registry.mirror]]", S2C_EPROTO,
			"'location' is missing"},
		{"[[registry]]\nprefix = 'a.b'\n[[registry.mirror]]\nlocation = ''",
			S2C_EINVAL, "number 1: ''"},
		{"[[registry]]\nprefix = 'a.b'\n[[registry.mirror]]\nlocation = 'm.b'\n"
		 "pull-from-mirror = 'never'",
			S2C_EINVAL, "none of all, digest-only, tag-only"},
		{"[[registry]]\nprefix = 'a.b'\nmirror-by-digest-only = true\n"
		 "[[registry.mirror]]\nlocation = 'm.b'\npull-from-mirror = 'all'",
			S2C_EINVAL, "exclude each other"},
		{"[[registry]]\nprefix = 'a.b'\npull-from-mirror = 'all'", S2C_EINVAL,
			"belongs into [[registry.mirror]]"},
		{"[registries.search]\nregistries = ['a.b']", S2C_EUNSUPPORTED,
			"the old format 1"},
		{"[registries.block]\nregistries = ['a.b']", S2C_EUNSUPPORTED,
			"the old format 1"},
		{"credential-helpers = 'x'", S2C_EPROTO, "must be an array"},
		{"aliases = []", S2C_EPROTO, "'aliases' must be an object"},
		{"[aliases]\na = 1", S2C_EPROTO, "alias 'a' must be a string"},
		{"[aliases]\n'a:v' = 'r.example/a'", S2C_EINVAL, "is no short name"},
		{"[aliases]\n'r.example/a' = 'r.example/a'", S2C_EINVAL, "no short name"},
		{"[aliases]\n'localhost/a' = 'r.example/a'", S2C_EINVAL, "no short name"},
		{"[aliases]\nA = 'r.example/a'", S2C_EINVAL, "alias 'A': "},
		{"[aliases]\na = 'b'", S2C_EINVAL, "'b' must be REGISTRY/NAME"},
		{"[aliases]\na = 'r.example/a:v1'", S2C_EINVAL, "must be REGISTRY/NAME"},
		{"[aliases]\na = 'r.example:5000/a:v1'", S2C_EINVAL, "REGISTRY/NAME"},
		{"[aliases]\na = 'https://r.example/a'", S2C_EINVAL, "scheme"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();

		assert_ok(add(conf, "[[registry]]\nprefix = 'kept.example'\n"
				    "[aliases]\nkept = 'r.example/kept'"));
		if (add(conf, rows[i].text) == 0)
			fail_msg("taken: %s", rows[i].text);
		if (s2c_error_code(terr) != rows[i].code ||
			!strstr(s2c_error_message(terr), rows[i].part))
			fail_with_error(rows[i].text, __FILE__, __LINE__);
		s2c_error_free(TAKE(terr));
		assert_int_equal(conf->n_registries, 1);
		assert_int_equal(conf->aliases.len, 1);
	}
}

static void test_merge(void **state)
{
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();

	assert_ok(add(conf, "[[registry]]\nprefix = 'a.b'\nblocked = true\n"
			    "[[registry.mirror]]\nlocation = 'm.b'\n"
			    "[[registry]]\nprefix = 'c.d'\n"
			    "[aliases]\none = 'r.b/one'\ntwo = 'r.b/two'\n"));
	assert_ok(add(conf, "[[registry]]\nprefix = 'e.f'\n"
			    "[[registry]]\nprefix = 'A.B'\ninsecure = true\n"
			    "[aliases]\ntwo = ''\nthree = 'docker.io/three'\n"
			    "one = 'r.b/uno'\nnever = ''\n"));
	assert_int_equal(conf->n_registries, 3);
	assert_string_equal(conf->registries[0].prefix.registry, "a.b");
	assert_true(conf->registries[0].insecure && !conf->registries[0].blocked);
	assert_int_equal(conf->registries[0].n_mirrors, 0);
	assert_string_equal(conf->registries[2].prefix.registry, "e.f");
	assert_int_equal(conf->aliases.len, 2);
	assert_string_equal(s2c_env_get(&conf->aliases, "one"), "r.b/uno");
	assert_string_equal(
		s2c_env_get(&conf->aliases, "three"), "docker.io/library/three");
}

static void test_alias(void **state)
{
	static const struct {
		const char *name, *full;
	} rows[] = {
		{"one", "r.example:5000/x/one:latest"},
		{"one:v1", "r.example:5000/x/one:v1"},
		{"one@sha256:"
		 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"r.example:5000/x/one@sha256:"
			"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
			"5"},
		{"a/two:3", "docker.io/library/two:3"},
		{"two", NULL},
		{"on", NULL},
		{"one/one", NULL},
		{"other.example/one", NULL},
		{"localhost/one", NULL},
	};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();

	assert_ok(add(conf, "[aliases]\none = 'r.example:5000/x/one'\n"
			    "'a/two' = 'docker.io/two'\n"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[S2C_REFERENCE_MAX + 1];
		struct s2c_reference ref, full;

		assert_ok(s2c_reference_parse(rows[i].name, &ref, &terr));
		assert_int_equal(s2c_conf_alias(conf, &ref, &full), rows[i].full != NULL);
		if (!rows[i].full)
			continue;
		s2c_reference_format(&full, text);
		assert_string_equal(text, rows[i].full);
	}
}

static void test_notes(void **state)
{
	static const char text[] = "unqualified-search-registries = ['docker.io']\n"
				   "short-name-mode = 'disabled'\nsecret = 1\n"
				   "credential-helpers = ['containers-auth.json', 'x']\n"
				   "[[registry]]\nprefix = 'a.b'\nblocket = true\n"
				   "[[registry.mirror]]\nlocation = 'm.b'\nns = 'x'\n";
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();

	assert_ok(s2c_conf_add(conf, text, strlen(text), "t", &notes, &terr));
	assert_int_equal(notes.ignored.len, 2);
	assert_non_null(strstr(notes.ignored.items[0], "'unqualified-search-"));
	assert_int_equal(notes.unknown.len, 4);
	assert_string_equal(
		notes.unknown.items[0], "the top: key 'secret' is unknown and ignored");
	assert_non_null(strstr(notes.unknown.items[1], "helper 'x' is not asked"));
	assert_string_equal(notes.unknown.items[2],
		"[[registry]]: key 'blocket' is unknown and ignored");
	assert_string_equal(notes.unknown.items[3],
		"[[registry.mirror]]: key 'ns' is unknown and ignored");
}

static void test_limits(void **state)
{
	struct s2c_buf text = S2C_BUF_INIT(4u * 1024 * 1024);
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();

	for (unsigned i = 0; i < S2C_CONF_REGISTRIES_MAX; i++)
		s2c_buf_must_printf(&text, "[[registry]]\nprefix = 'r%u.b'\n", i);
	assert_ok(add(conf, s2c_buf_str(&text)));
	assert_ok(add(conf, "[[registry]]\nprefix = 'r0.b'\nblocked = true"));
	assert_fails(add(conf, "[[registry]]\nprefix = 'other.b'"), S2C_ELIMIT,
		"more than 1000 [[registry]] tables");
	s2c_buf_must_printf(&text, "[[registry]]\nprefix = 'r.b'\n");
	assert_fails(add(conf, s2c_buf_str(&text)), S2C_ELIMIT, "more than 1000 [[reg");
	s2c_buf_clear(&text);
	s2c_buf_must_printf(&text, "[[registry]]\nprefix = 'm.b'\nmirror = [");
	for (unsigned i = 0; i <= S2C_CONF_MIRRORS_MAX; i++)
		s2c_buf_must_printf(&text, "{location = 'm%u.b'},", i);
	s2c_buf_must_printf(&text, "]\n");
	assert_fails(add(conf, s2c_buf_str(&text)), S2C_ELIMIT, "more than 32 mirrors");
	s2c_buf_release(&text);
}

static void test_mirror_specs(void **state)
{
	static const struct {
		const char *spec, *part; /* part NULL: good */
	} rows[] = {
		{"docker.io=mirror.example", NULL},
		{"docker.io/library=localhost:5000/hub/library", NULL},
		{"*.example.com=m.example", NULL},
		{"docker.io", "REGISTRY=MIRROR was expected"},
		{"=m.example", "REGISTRY=MIRROR was expected"},
		{"docker.io=", "REGISTRY=MIRROR was expected"},
		{"docker.io=https://m.example", "must not have a scheme"},
		{"docker.io=mirror", "a registry must come first"},
		{"x=m.example", "a registry must come first"},
		{"docker.io=m.example/a:v1", "'m.example/a:v1'"},
		{"docker.io=m.example=x", "HOST"},
		{"docker.io=*.m.example", "HOST"},
	};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
	size_t good = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].part)
			assert_fails(s2c_conf_add_mirror(conf, rows[i].spec, &terr),
				S2C_EINVAL, rows[i].part);
		else
			assert_ok(s2c_conf_add_mirror(conf, rows[i].spec, &terr));
		good += !rows[i].part;
		assert_int_equal(conf->n_overrides, good);
	}
	while (conf->n_overrides < S2C_CONF_MIRRORS_MAX)
		assert_ok(s2c_conf_add_mirror(conf, "a.b=c.d", &terr));
	assert_fails(s2c_conf_add_mirror(conf, "a.b=c.d", &terr), S2C_ELIMIT,
		"more than 32 registry mirrors");
}

/* ---- files ---- */

static void set_env(const struct tmp *tmp, const char *name, const char *below)
{
	CLEAN_FREE char *value = below ? xasprintf("%s/%s", tmp->path, below) : NULL;

	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static int load_setup(void **state)
{
	if (tmp_setup(state) < 0)
		return -1;
	set_env(*state, "HOME", "home");
	set_env(*state, "XDG_CONFIG_HOME", NULL);
	set_env(*state, "CONTAINERS_REGISTRIES_CONF", NULL);
	return 0;
}

#define load_test(f) cmocka_unit_test_setup_teardown(f, load_setup, tmp_teardown)

static int load(const char *file, struct s2c_conf **out)
{
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	const char *mirrors[] = {"x.y=m.y", NULL};
	struct s2c_conf_opts opts = {.file = file, .mirrors = mirrors};

	return s2c_conf_load(ctx, &opts, out, &terr);
}

static void test_load_user(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CONF struct s2c_conf *conf = NULL;

	tmp_write(tmp, "home/.config/containers/registries.conf",
		"[aliases]\nmain = 'r.b/main'\nboth = 'r.b/main'\n");
	tmp_write(tmp, "home/.config/containers/registries.conf.d/20.conf",
		"[aliases]\nboth = 'r.b/20'\nlate = 'r.b/20'\n");
	tmp_write(tmp, "home/.config/containers/registries.conf.d/10.conf",
		"[aliases]\nboth = 'r.b/10'\nearly = 'r.b/10'\n");
	tmp_write(tmp, "home/.config/containers/registries.conf.d/30.conf.bak", "x");
	tmp_write(tmp, "home/.config/containers/registries.conf.d/.conf", "x");
	tmp_write(tmp, "home/.config/containers/registries.conf.d/dir.conf/x", "x");
	assert_ok(load(NULL, &conf));
	assert_string_equal(s2c_env_get(&conf->aliases, "main"), "r.b/main");
	assert_string_equal(s2c_env_get(&conf->aliases, "both"), "r.b/20");
	assert_string_equal(s2c_env_get(&conf->aliases, "early"), "r.b/10");
	/* With a file of the user, nothing is read of the system. */
	assert_int_equal(conf->aliases.len, 4);
	assert_int_equal(conf->n_overrides, 1);
}

static void test_load_named(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CONF struct s2c_conf *conf = NULL, *named = NULL;
	CLEAN_FREE char *file = xasprintf("%s/flag.conf", tmp->path);

	tmp_write(tmp, "xdg/containers/registries.conf.d/a.conf",
		"[aliases]\nuser = 'r.b/user'\n");
	tmp_write(tmp, "env.conf", "[aliases]\nenv = 'r.b/env'\n");
	tmp_write(tmp, "flag.conf", "[aliases]\nflag = 'r.b/flag'\n");
	set_env(tmp, "XDG_CONFIG_HOME", "xdg");
	set_env(tmp, "CONTAINERS_REGISTRIES_CONF", "env.conf");
	assert_ok(load(NULL, &conf));
	assert_int_equal(conf->aliases.len, 1);
	assert_string_equal(s2c_env_get(&conf->aliases, "env"), "r.b/env");
	assert_ok(load(file, &named));
	assert_int_equal(named->aliases.len, 1);
	assert_string_equal(s2c_env_get(&named->aliases, "flag"), "r.b/flag");
	set_env(tmp, "CONTAINERS_REGISTRIES_CONF", "missing.conf");
	assert_fails(load(NULL, &conf), S2C_ENOENT, "missing.conf");
}

static void test_load_bad(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_conf *conf = NULL;

	tmp_write(tmp, "home/.config/containers/registries.conf", "\nx\n");
	assert_fails(load(NULL, &conf), S2C_EPROTO,
		"home/.config/containers/registries.conf': line 2");
	tmp_write(tmp, "home/.config/containers/registries.conf", "");
	tmp_write(tmp, "home/.config/containers/registries.conf.d/a.conf", "\n\nx\n");
	assert_fails(load(NULL, &conf), S2C_EPROTO, "registries.conf.d/a.conf': line 3");
	assert_int_equal(mkfifoat(tmp->fd, "fifo", 0600), 0);
	CLEAN_FREE char *fifo = xasprintf("%s/fifo", tmp->path);
	assert_fails(load(fifo, &conf), S2C_EINVAL, "not a regular file");
}

static void test_load_no_home(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CONF struct s2c_conf *conf = NULL, *again = NULL;

	set_env(tmp, "HOME", NULL);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	assert_ok(load(NULL, &conf));
	/* A home that is no directory has no configuration. */
	tmp_write(tmp, "home", "");
	set_env(tmp, "HOME", "home");
	assert_ok(load(NULL, &again));
	assert_int_equal(conf->n_registries, again->n_registries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_mirror_specs),
		load_test(test_load_user),
		load_test(test_load_named),
		load_test(test_load_bad),
		load_test(test_load_no_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
