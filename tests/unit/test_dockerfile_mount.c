/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind --mount= of a RUN. */
#include "helper.h"

#include "build/dockerfile_mount.h"

/* "kind id target required uid". */
static char *dump(const struct s2c_run_mounts *mounts)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 16);

	for (size_t i = 0; i < mounts->n; i++) {
		const struct s2c_run_mount *m = &mounts->items[i];

		s2c_buf_must_printf(&buf, "%d %s %s %d %d;", (int)m->kind, m->id,
			m->target ? m->target : "-", m->required,
			m->has_uid ? (int)m->uid : -1);
	}
	return s2c_buf_take(&buf);
}

static void test_taken(void **state)
{
	static const struct {
		const char *text, *found;
	} cases[] = {
		/* As dockerfile_write.c has them. */
		{"type=secret,id=settings,target=/etc/s.xml,uid=1001,mode=0400,"
		 "required=true",
			"0 settings /etc/s.xml 1 1001;"},
		{"type=cache,id=pip,target=/c,uid=0,mode=0755", "1 pip /c 0 0;"},
		{"type=ssh,id=default,uid=7,mode=0600", "2 default - 0 7;"},
		/* And as people may. */
		{"id=a,type=secret", "0 a - 0 -1;"},
		{"type=secret,id=a,required", "0 a - 1 -1;"},
		{"type=secret,id=a,required=0,mode=400", "0 a - 0 -1;"},
		{"type=cache,target=/root/.cache", "1 /root/.cache /root/.cache 0 -1;"},
		{"type=cache,dst=c,mode=755", "1 c c 0 -1;"},
		{"type=cache,destination=/c", "1 /c /c 0 -1;"},
		{"type=ssh", "2 default - 0 -1;"},
		{"type=ssh,", "2 default - 0 -1;"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_run_mounts_release) struct s2c_run_mounts mounts = {.n = 0};

		assert_ok(s2c_run_mounts_add(&mounts, cases[i].text, &terr));
		CLEAN_FREE char *found = dump(&mounts);
		assert_string_equal(found, cases[i].found);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{"", S2C_EUNSUPPORTED, "a bind of the context"},
		{"target=/x", S2C_EUNSUPPORTED, "COPY the files"},
		{"type=bind,target=/x", S2C_EUNSUPPORTED, "a bind of the context"},
		{"type=tmpfs,target=/x", S2C_EUNSUPPORTED, "type=tmpfs is not"},
		{"type=frob", S2C_EINVAL, "type 'frob' is not known"},
		{"type", S2C_EINVAL, "type '' is not known"},
		{"type=secret", S2C_EINVAL, "type=secret needs an id"},
		{"type=secret,id", S2C_EINVAL, "'id': it is empty"},
		{"type=secret,id=", S2C_EINVAL, "'id': it is empty"},
		{"type=secret,id=a,id=b", S2C_EINVAL, "'id': it is there twice"},
		{"type=secret,id=a/b", S2C_EINVAL, "'a/b' is no name"},
		{"type=secret,id=a,target=/x,dst=/y", S2C_EINVAL, "'dst': it is there"},
		{"type=secret,id=a,required=maybe", S2C_EINVAL, "true or false"},
		{"type=secret,id=a,uid=-1", S2C_EINVAL, "'uid': it takes a number"},
		{"type=secret,id=a,uid=01", S2C_EINVAL, "'uid'"},
		{"type=secret,id=a,uid=4294967296", S2C_EINVAL, "'uid'"},
		{"type=secret,id=a,mode=0444", S2C_EUNSUPPORTED, "has mode 0400"},
		{"type=secret,id=a,mode", S2C_EUNSUPPORTED, "has mode 0400"},
		{"type=secret,id=a,env=A", S2C_EUNSUPPORTED, "'env' is not supported"},
		{"type=cache", S2C_EINVAL, "type=cache needs a target"},
		{"type=cache,target=/c,required", S2C_EINVAL, "not for type=cache"},
		{"type=cache,target=/c,sharing=locked", S2C_EUNSUPPORTED, "'sharing'"},
		{"type=cache,target=/c,from=x", S2C_EUNSUPPORTED, "'from'"},
		{"type=ssh,id=github", S2C_EUNSUPPORTED, "there is one agent"},
		{"type=secret,id=\"a\"", S2C_EINVAL, "holds a quote"},
		{"type=secret,id=a\tb", S2C_EINVAL, "a control character"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_run_mounts_release) struct s2c_run_mounts mounts = {.n = 0};

		assert_fails(s2c_run_mounts_add(&mounts, cases[i].text, &terr),
			cases[i].code, cases[i].part);
		assert_int_equal(mounts.n, 0);
	}
}

static void test_too_many(void **state)
{
	CLEAN(s2c_run_mounts_release) struct s2c_run_mounts mounts = {.n = 0};

	for (int i = 0; i < S2C_RUN_MOUNTS_MAX; i++)
		assert_ok(s2c_run_mounts_add(&mounts, "type=ssh", &terr));
	assert_fails(s2c_run_mounts_add(&mounts, "type=ssh", &terr), S2C_ELIMIT,
		"more than 64 mounts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
