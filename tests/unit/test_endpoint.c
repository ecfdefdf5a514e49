/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked for a name: one configuration, many names, the whole list each time. */
#include "helper.h"

#include "registry/endpoint.h"

#define DIGEST "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char conf_text[] =
	"[[registry]]\nprefix = 'docker.io'\n"
	"[[registry.mirror]]\nlocation = 'hub.example/cache'\n"
	"[[registry.mirror]]\nlocation = 'tags.example'\npull-from-mirror = 'tag-only'\n"
	"[[registry.mirror]]\nlocation = 'dig.example:5000'\ninsecure = true\n"
	"pull-from-mirror = 'digest-only'\n"
	"[[registry]]\nprefix = 'docker.io/library/secret'\nblocked = true\n"
	"[[registry]]\nprefix = 'old.example/team'\nlocation = 'new.example/a/team'\n"
	"insecure = true\n"
	"[[registry]]\nprefix = 'old.example/team/own'\n"
	"[[registry]]\nlocation = 'plain.example'\ninsecure = true\n"
	"[[registry]]\nprefix = '*.evil.example'\nblocked = true\n"
	"[[registry]]\nprefix = 'good.evil.example'\n"
	"[[registry]]\nprefix = '*.wild.example'\nlocation = 'tame.example/w'\n"
	"[[registry]]\nprefix = '*.as.wild.example'\ninsecure = true\n"
	"[[registry]]\nprefix = 'pin.example/a:v1'\nlocation = 'pinned.example/b'\n"
	"[[registry]]\nprefix = 'dead.example'\nlocation = 'x.evil.example/d'\n"
	"[[registry]]\nprefix = 'alive.example'\n"
	"[[registry.mirror]]\nlocation = 'x.evil.example/d'\n"
	"[[registry]]\nprefix = 'self.example'\n"
	"[[registry.mirror]]\nlocation = 'self.example'\n"
	"[[registry.mirror]]\nlocation = 'plain.example'\n"
	"[[registry]]\nprefix = 'tohub.example'\nlocation = 'docker.io'\n"
	"[[registry]]\nprefix = 'digests.example'\nmirror-by-digest-only = true\n"
	"[[registry.mirror]]\nlocation = 'dm.example'\n";

/* "ref" or "ref!" (insecure), mirrors with "~", separated by blanks. */
static char *list_of(const struct s2c_endpoints *e)
{
	struct s2c_buf text = S2C_BUF_INIT(65536);

	for (size_t i = 0; i < e->n; i++) {
		char name[S2C_REFERENCE_MAX + 1];

		s2c_reference_format(&e->items[i].ref, name);
		s2c_buf_must_printf(&text, "%s%s%s%s", i ? " " : "",
			e->items[i].mirror ? "~" : "", name,
			e->items[i].insecure ? "!" : "");
	}
	return s2c_buf_take(&text);
}

static struct s2c_conf *make_conf(const char *const *mirrors)
{
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};
	struct s2c_conf *conf = s2c_conf_new();

	assert_ok(s2c_conf_add(
		conf, conf_text, strlen(conf_text), "the-file", &notes, &terr));
	assert_int_equal(notes.unknown.len, 0);
	for (; mirrors && *mirrors; mirrors++)
		assert_ok(s2c_conf_add_mirror(conf, *mirrors, &terr));
	return conf;
}

struct row {
	const char *name, *pull, *push; /* NULL: denied */
};

static void check(const struct s2c_conf *conf, const struct row *row)
{
	const char *const wanted[] = {
		[S2C_PULLING] = row->pull, [S2C_PUSHING] = row->push};
	struct s2c_reference ref;

	assert_ok(s2c_reference_parse(row->name, &ref, &terr));
	for (int op = S2C_PULLING; op <= S2C_PUSHING; op++) {
		CLEAN_ENDPOINTS struct s2c_endpoints found = {.n = 0};
		CLEAN_FREE char *text = NULL;

		if (!wanted[op]) {
			assert_fails(s2c_endpoints_of(conf, &ref, (enum s2c_operation)op,
					     &found, &terr),
				S2C_EDENIED, "blocked");
			continue;
		}
		assert_ok(s2c_endpoints_of(
			conf, &ref, (enum s2c_operation)op, &found, &terr));
		text = list_of(&found);
		assert_string_equal(text, wanted[op]);
	}
}

static void test_table(void **state)
{
	static const struct row rows[] = {
		/* Nothing said. */
		{"r.example/a", "r.example/a:latest", "r.example/a:latest"},
		{"r.example/a:1" DIGEST, "r.example/a:1" DIGEST, "r.example/a:1" DIGEST},
		/* Mirrors by kind; pushes never go there. */
		{"docker.io/x:1",
			"~hub.example/cache/library/x:1 ~tags.example/library/x:1 "
			"docker.io/library/x:1",
			"docker.io/library/x:1"},
		{"docker.io/a/x" DIGEST,
			"~hub.example/cache/a/x" DIGEST " ~dig.example:5000/a/x" DIGEST
			"! docker.io/a/x" DIGEST,
			"docker.io/a/x" DIGEST},
		{"docker.io/a/x:1" DIGEST,
			"~hub.example/cache/a/x:1" DIGEST
			" ~dig.example:5000/a/x:1" DIGEST "! docker.io/a/x:1" DIGEST,
			"docker.io/a/x:1" DIGEST},
		{"digests.example/a:1", "digests.example/a:1", "digests.example/a:1"},
		{"digests.example/a" DIGEST,
			"~dm.example/a" DIGEST " digests.example/a" DIGEST,
			"digests.example/a" DIGEST},
		/* Blocked, also below and whatever the tag. */
		{"docker.io/secret:1", NULL, NULL},
		{"docker.io/library/secret/x:1", NULL, NULL},
		{"docker.io/library/secrets:1",
			"~hub.example/cache/library/secrets:1 "
			"~tags.example/library/secrets:1 docker.io/library/secrets:1",
			"docker.io/library/secrets:1"},
		/* Rewritten; its insecurity is that of the place it leads to. */
		{"old.example/team/x:1", "new.example/a/team/x:1!",
			"old.example/team/x:1"},
		{"old.example/team:1", "new.example/a/team:1!", "old.example/team:1"},
		{"old.example/teams/x:1", "old.example/teams/x:1",
			"old.example/teams/x:1"},
		{"old.example/team/own/x:1", "old.example/team/own/x:1",
			"old.example/team/own/x:1"},
		{"tohub.example/x:1", "docker.io/library/x:1", "tohub.example/x:1"},
		{"tohub.example/secret:1", NULL, "tohub.example/secret:1"},
		/* Whole components only. */
		{"plain.example/a:1", "plain.example/a:1!", "plain.example/a:1!"},
		{"plain.example:5000/a:1", "plain.example:5000/a:1",
			"plain.example:5000/a:1"},
		{"xplain.example/a:1", "xplain.example/a:1", "xplain.example/a:1"},
		/* Subdomains on any port, but not the domain; a host beats a wildcard. */
		{"a.evil.example/x:1", NULL, NULL},
		{"a.b.evil.example:5000/x:1", NULL, NULL},
		{"evil.example/x:1", "evil.example/x:1", "evil.example/x:1"},
		{"xevil.example/x:1", "xevil.example/x:1", "xevil.example/x:1"},
		{"good.evil.example/x:1", "good.evil.example/x:1",
			"good.evil.example/x:1"},
		{"b.good.evil.example/x:1", NULL, NULL},
		{"r.example/a.evil.example/x:1", "r.example/a.evil.example/x:1",
			"r.example/a.evil.example/x:1"},
		{"a.wild.example:443/x/y:1", "tame.example/w/x/y:1",
			"a.wild.example:443/x/y:1"},
		{"zoo.as.wild.example/x:1", "zoo.as.wild.example/x:1!",
			"zoo.as.wild.example/x:1!"},
		/* One tag of one image. */
		{"pin.example/a:v1", "pinned.example/b:v1", "pin.example/a:v1"},
		{"pin.example/a:v2", "pin.example/a:v2", "pin.example/a:v2"},
		{"pin.example/a/b:v1", "pin.example/a/b:v1", "pin.example/a/b:v1"},
		/* Places that are blocked themselves. */
		{"dead.example/x:1", NULL, "dead.example/x:1"},
		{"alive.example/x:1", "alive.example/x:1", "alive.example/x:1"},
		/* No place twice; a mirror is as insecure as its own table says. */
		{"self.example/x:1", "~self.example/x:1 ~plain.example/x:1!",
			"self.example/x:1"},
	};
	CLEAN_CONF struct s2c_conf *conf = make_conf(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(conf, &rows[i]);
}

static void test_flags(void **state)
{
	static const char *const mirrors[] = {
		"docker.io=plain.example/hub",
		"docker.io/library=lib.example/l",
		"r.example=m.example",
		"*.wild.example=sub.invalid",
		"docker.io/a=x.evil.example",
		NULL,
	};
	static const struct row rows[] = {
		{"docker.io/x:1",
			"~plain.example/hub/library/x:1! ~lib.example/l/x:1 "
			"~hub.example/cache/library/x:1 ~tags.example/library/x:1 "
			"docker.io/library/x:1",
			"docker.io/library/x:1"},
		{"docker.io/a/x" DIGEST,
			"~plain.example/hub/a/x" DIGEST "! ~hub.example/cache/a/x" DIGEST
			" ~dig.example:5000/a/x" DIGEST "! docker.io/a/x" DIGEST,
			"docker.io/a/x" DIGEST},
		{"r.example/x:1", "~m.example/x:1 r.example/x:1", "r.example/x:1"},
		{"docker.io/secret:1", NULL, NULL},
		{"a.wild.example/x:1", "~sub.invalid/x:1 tame.example/w/x:1",
			"a.wild.example/x:1"},
	};
	CLEAN_CONF struct s2c_conf *conf = make_conf(mirrors);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(conf, &rows[i]);
}

static void test_no_conf(void **state)
{
	static const struct row row = {"r.example/a:1", "r.example/a:1", "r.example/a:1"};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();

	check(NULL, &row);
	check(conf, &row);
}

static void test_rewritten_too_long(void **state)
{
	struct s2c_buf text = S2C_BUF_INIT(4096);
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
	CLEAN_ENDPOINTS struct s2c_endpoints found = {.n = 0};
	struct s2c_reference ref;

	s2c_buf_must_printf(&text, "[[registry]]\nprefix = 'a.b'\nlocation = 'c.d/");
	for (int i = 0; i < 230; i++)
		s2c_buf_must_printf(&text, "x");
	s2c_buf_must_printf(&text, "'\n");
	assert_ok(s2c_conf_add(conf, s2c_buf_str(&text), text.len, "f", &notes, &terr));
	assert_ok(s2c_reference_parse("a.b/ccccccccccccccccccccccccccccc", &ref, &terr));
	assert_fails(s2c_endpoints_of(conf, &ref, S2C_PULLING, &found, &terr), S2C_EINVAL,
		"'a.b/ccccccccccccccccccccccccccccc:latest' is at another place");
	assert_ok(s2c_endpoints_of(conf, &ref, S2C_PUSHING, &found, &terr));
	s2c_buf_release(&text);
}

/* A repository that is moved to a whole registry is nowhere. */
static void test_rewritten_to_nothing(void **state)
{
	static const char text[] =
		"[[registry]]\nprefix = 'a.b/c'\nlocation = 'd.e'\n"
		"[[registry]]\nprefix = 'f.g/h:5000'\nlocation = 'd.e'\n";
	static const char *const names[] = {"a.b/c:5000", "a.b/c" DIGEST, "f.g/h:5000"};
	CLEAN(s2c_conf_notes_release) struct s2c_conf_notes notes = {.ignored.len = 0};
	CLEAN_CONF struct s2c_conf *conf = s2c_conf_new();
	CLEAN_ENDPOINTS struct s2c_endpoints found = {.n = 0};
	struct s2c_reference ref;

	assert_ok(s2c_conf_add(conf, text, strlen(text), "f", &notes, &terr));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_ok(s2c_reference_parse(names[i], &ref, &terr));
		assert_fails(s2c_endpoints_of(conf, &ref, S2C_PULLING, &found, &terr),
			S2C_EINVAL, "names no repository");
	}
	assert_ok(s2c_reference_parse("a.b/c/x:5000", &ref, &terr));
	assert_ok(s2c_endpoints_of(conf, &ref, S2C_PULLING, &found, &terr));
	assert_string_equal(found.items[0].ref.registry, "d.e");
	assert_string_equal(found.items[0].ref.repository, "x");
}

static void test_message(void **state)
{
	CLEAN_CONF struct s2c_conf *conf = make_conf(NULL);
	CLEAN_ENDPOINTS struct s2c_endpoints found = {.n = 0};
	struct s2c_reference ref;

	assert_ok(s2c_reference_parse("docker.io/secret", &ref, &terr));
	assert_fails(s2c_endpoints_of(conf, &ref, S2C_PULLING, &found, &terr),
		S2C_EDENIED, "'docker.io/library/secret' is blocked by 'the-file'");
	assert_ok(s2c_reference_parse("dead.example/x", &ref, &terr));
	assert_fails(s2c_endpoints_of(conf, &ref, S2C_PULLING, &found, &terr),
		S2C_EDENIED, "at another place by 'the-file', and that place is blocked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_no_conf),
		cmocka_unit_test(test_rewritten_too_long),
		cmocka_unit_test(test_rewritten_to_nothing),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
