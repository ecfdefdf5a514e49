/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write behind --volume, --inject, --secret, --ssh, --cache-mount, --add-host
 * and --cap-drop. Injections are S2I's, byte by byte.
 */
#include "helper.h"

#include "build/mount_spec.h"

#define CLEAN_SPECS CLEAN(s2c_mount_specs_release)

/* One text of one spec, or with to == NULL one that is refused with `from` in the
 * message.
 */
struct spec_case {
	const char *text, *from, *to;
	bool flag; /* read_only, variable */
};

static void check_cases(
	enum s2c_mount_spec_kind kind, const struct spec_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEAN_SPECS struct s2c_mount_specs specs = {.n = 0};
		const struct spec_case *c = &cases[i];

		if (!c->to) {
			assert_fails(s2c_mount_specs_add(&specs, kind, c->text, &terr),
				S2C_EINVAL, c->from);
			assert_int_equal(specs.n, 0);
			continue;
		}
		assert_ok(s2c_mount_specs_add(&specs, kind, c->text, &terr));
		assert_int_equal(specs.n, 1);
		assert_string_equal(
			specs.items[0].from ? specs.items[0].from : "(none)", c->from);
		assert_string_equal(specs.items[0].to, c->to);
		assert_int_equal(
			specs.items[0].read_only || specs.items[0].variable, c->flag);
	}
}

static void injections(void **state)
{
	static const struct spec_case cases[] = {
		{"/test:", "/test", ".", false},
		{"/test:/test", "/test", "/test", false},
		{"/test/foo:/etc/ssl", "/test/foo", "/etc/ssl", false},
		{":/foo", ".", "/foo", false},
		{"/foo", "/foo", ".", false},
		{":", ".", ".", false},
		{"/t est/foo:", "/t est/foo", ".", false},
		{"\"/test\":\"/foo\"", "/test", "/foo", false},
		{"'/test':\"/foo\"", "/test", "/foo", false},
		{"C:\\test:/bar", "C:\\test", "/bar", false},
		{"C:\\test:bar", "C:\\test", "bar", false},
		{"/a//b/./c/../d/:x/", "/a/b/d", "x", false},
		{"../../x:../y", "../../x", "../y", false},
		{"a/../../b:/../c", "../b", "/c", false},
		{"", "write SRC:DST", NULL, false},
		{"/te\"st:/foo", "characters", NULL, false},
		{"/a:/b$c", "characters", NULL, false},
		{"/a,b:/c", "characters", NULL, false},
		{"/a:/b`c`", "characters", NULL, false},
	};
	CLEAN_SPECS struct s2c_mount_specs specs = {.n = 0};

	check_cases(S2C_SPEC_INJECTION, cases, ARRAY_SIZE(cases));
	assert_ok(
		s2c_mount_specs_add(&specs, S2C_SPEC_INJECTION, "/a:/b;/c:/d;e:", &terr));
	assert_int_equal(specs.n, 3);
	assert_string_equal(specs.items[1].from, "/c");
	assert_string_equal(specs.items[2].to, ".");
	assert_fails(s2c_mount_specs_add(&specs, S2C_SPEC_INJECTION, "/a:/b;", &terr),
		S2C_EINVAL, "--inject");
}

static void volumes(void **state)
{
	static const struct spec_case cases[] = {
		{"/a:/b", "/a", "/b", false},
		{"/a:/b:ro", "/a", "/b", true},
		{"./a/:/b/", "a", "/b", false},
		{".:/b:rw,z", ".", "/b", false},
		{"a/b:/c:Z,ro", "a/b", "/c", true},
		{"/a:/b:ro,rw", "/a", "/b", false},
		{"name:/b", "volume of an engine", NULL, false},
		{"/a", "HOST:PATH", NULL, false},
		{"/a:b", "HOST:PATH", NULL, false},
		{":/b", "HOST:PATH", NULL, false},
		{"/a:/b:rx", "'rx' is not known", NULL, false},
		{"/a:/b:shared", "'shared' is not known", NULL, false},
		{"", "HOST:PATH", NULL, false},
	};

	check_cases(S2C_SPEC_VOLUME, cases, ARRAY_SIZE(cases));
}

static void secrets(void **state)
{
	static const struct spec_case cases[] = {
		{"id=a,src=/x", "/x", "/run/secrets/a", false},
		{"src=x=y,id=a.b-C_1", "x=y", "/run/secrets/a.b-C_1", false},
		{"type=file,id=a,source=/x", "/x", "/run/secrets/a", false},
		{"id=a,env=B", "B", "/run/secrets/a", true},
		{"id=a,src=/x,dst=/etc/x//y", "/x", "/etc/x/y", false},
		{"id=a,env=B,target=y", "B", "y", true},
		{"id=a,src=b,dst=", "id=NAME", NULL, false},
		{"id=TOKEN", "TOKEN", "/run/secrets/TOKEN", true},
		{"", "id=NAME", NULL, false},
		{"src=/x", "id=NAME", NULL, false},
		{"id=a,src=", "id=NAME", NULL, false},
		{"id=a,src=b,env=c", "id=NAME", NULL, false},
		{"id=a,id=b", "id=NAME", NULL, false},
		{"id=a/b,src=x", "no name", NULL, false},
		{"id=..,src=x", "no name", NULL, false},
		{"id=a,uid=0,src=x", "'uid' is not known", NULL, false},
		{"id=a,type=tmp,src=x", "'type' is not known", NULL, false},
		{"id="
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aa",
			"no name", NULL, false},
	};

	check_cases(S2C_SPEC_SECRET, cases, ARRAY_SIZE(cases));
}

static void agents_caches_and_hosts(void **state)
{
	static const struct spec_case agents[] = {
		{"default", "(none)", S2C_AGENT_PATH, false},
		{"/run/a", "/run/a", S2C_AGENT_PATH, false},
		{"id=./a", "./a", S2C_AGENT_PATH, false},
		{"", "write 'default'", NULL, false},
		{"id=", "write 'default'", NULL, false},
	};
	static const struct spec_case caches[] = {
		{"npm:/root/.npm", "npm", "/root/.npm", false},
		{"a_b:./x/", "a_b", "x", false},
		{"npm:", "ID:PATH", NULL, false},
		{":/x", "no name", NULL, false},
		{"npm", "ID:PATH", NULL, false},
		{"a b:/x", "no name", NULL, false},
		{"a:/", "cannot be a cache", NULL, false},
		{"a:.", "cannot be a cache", NULL, false},
		{"a:../x", "cannot be a cache", NULL, false},
	};
	static const struct spec_case hosts[] = {
		{"db:192.0.2.1", "db", "192.0.2.1", false},
		{"six:2001:db8::1", "six", "2001:db8::1", false},
		{"six:[2001:db8::1]", "six", "2001:db8::1", false},
		{"db", "NAME:ADDRESS", NULL, false},
		{":1.2.3.4", "NAME:ADDRESS", NULL, false},
		{"db:", "NAME:ADDRESS", NULL, false},
	};

	check_cases(S2C_SPEC_AGENT, agents, ARRAY_SIZE(agents));
	check_cases(S2C_SPEC_CACHE, caches, ARRAY_SIZE(caches));
	check_cases(S2C_SPEC_HOST, hosts, ARRAY_SIZE(hosts));
}

static void a_label_gives_caches(void **state)
{
	CLEAN_SPECS struct s2c_mount_specs specs = {.n = 0};

	assert_ok(s2c_mount_specs_add(&specs, S2C_SPEC_CACHE, "mine:/srv/.npm", &terr));
	assert_ok(s2c_mount_specs_add_label(
		&specs, "npm:/srv/.npm; pip:/srv/.cache/pip;;", &terr));
	/* What the user says of the same directory counts. */
	assert_int_equal(specs.n, 2);
	assert_string_equal(specs.items[0].from, "mine");
	assert_string_equal(specs.items[1].from, "pip");
	assert_string_equal(specs.items[1].to, "/srv/.cache/pip");
	assert_fails(s2c_mount_specs_add_label(&specs, "x:/a;../../etc", &terr),
		S2C_EINVAL, "label 'io.s2c.cache-mounts' of the builder image");
}

static void there_is_a_limit(void **state)
{
	CLEAN_SPECS struct s2c_mount_specs specs = {.n = 0};

	for (unsigned i = 0; i < S2C_MOUNT_SPECS_MAX; i++)
		assert_ok(s2c_mount_specs_add(
			&specs, S2C_SPEC_HOST, "db:192.0.2.1", &terr));
	assert_fails(s2c_mount_specs_add(&specs, S2C_SPEC_HOST, "db:192.0.2.1", &terr),
		S2C_ELIMIT, "more than");
}

static void capabilities(void **state)
{
	static const char *const good[] = {
		"all", "ALL", "NET_RAW", "cap_net_raw,CAP_MKNOD", "setuid,setgid", ""};
	static const char *const bad[] = {
		"CAP_", "net", "setuid,,x", "every", "net_raw "};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_ok(s2c_capabilities_check(good[i], &terr));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(s2c_capabilities_check(bad[i], &terr), S2C_EINVAL,
			"no capability");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(injections),
		cmocka_unit_test(volumes),
		cmocka_unit_test(secrets),
		cmocka_unit_test(agents_caches_and_hosts),
		cmocka_unit_test(a_label_gives_caches),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(capabilities),
	};

	return cmocka_run_group_tests_name("mount_spec", tests, NULL, NULL);
}
