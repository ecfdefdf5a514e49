/* SPDX-License-Identifier: Apache-2.0 */
/* WWW-Authenticate values: which challenge is chosen, and what is refused. */
#include "helper.h"

#include "registry/auth.h"

#define B S2C_AUTH_BASIC
#define T S2C_AUTH_BEARER
#define N S2C_AUTH_NONE

static const struct {
	const char *one, *two; /* header values */
	enum s2c_auth_scheme scheme;
	const char *realm, *service, *scope, *error;
} good[] = {
	{"Basic realm=\"r\"", NULL, B, "r", NULL, NULL, NULL},
	{"basic realm=\"r\"", NULL, B, "r", NULL, NULL, NULL},
	{"BASIC REALM=\"r\"", NULL, B, "r", NULL, NULL, NULL},
	{"Basic", NULL, B, NULL, NULL, NULL, NULL},
	{"Basic realm=\"\"", NULL, B, "", NULL, NULL, NULL},
	{"Basic realm=r", NULL, B, "r", NULL, NULL, NULL},
	{"Basic realm = \"r\"", NULL, B, "r", NULL, NULL, NULL},
	{"Basic realm=\"a, b\"", NULL, B, "a, b", NULL, NULL, NULL},
	{"Basic realm=\"a \\\"b\\\" \\\\c\"", NULL, B, "a \"b\" \\c", NULL, NULL, NULL},
	{"Basic realm=\"r\", charset=\"UTF-8\"", NULL, B, "r", NULL, NULL, NULL},
	{"Basic charset=\"UTF-8\",realm=\"r\"", NULL, B, "r", NULL, NULL, NULL},
	{", ,Basic realm=\"r\",,", NULL, B, "r", NULL, NULL, NULL},
	{"  Basic\trealm=\"r\"\t", NULL, B, "r", NULL, NULL, NULL},
	{"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"", NULL,
		T, "https://a/t", "s", "repository:x:pull", NULL},
	{"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
		NULL, T, "https://a/t", "s", "repository:x:pull,push", NULL},
	{"Bearer realm=\"https://a/t\" , service=\"s\" , error=\"invalid_token\"", NULL,
		T, "https://a/t", "s", NULL, "invalid_token"},
	{"Bearer realm=https://a/t,service=s", NULL, T, "https://a/t", "s", NULL, NULL},
	{"Bearer scope=\"a b\",realm=\"https://a/t\"", NULL, T, "https://a/t", NULL,
		"a b", NULL},
	{"bEaReR rEaLm=\"https://a/t\"", NULL, T, "https://a/t", NULL, NULL, NULL},
	{"Bearer realm=\"https://a/t?x=y&z=a,b\"", NULL, T, "https://a/t?x=y&z=a,b", NULL,
		NULL, NULL},
	{"Bearer realm=\"https://a/t\",unknown=\"x\",unknown=\"y\"", NULL, T,
		"https://a/t", NULL, NULL, NULL},
	/* several in one value */
	{"Basic realm=\"b\", Bearer realm=\"https://a/t\",service=\"s\"", NULL, T,
		"https://a/t", "s", NULL, NULL},
	{"Bearer realm=\"https://a/t\",service=\"s\", Basic realm=\"b\"", NULL, T,
		"https://a/t", "s", NULL, NULL},
	{"Negotiate, Basic realm=\"b\"", NULL, B, "b", NULL, NULL, NULL},
	{"Negotiate abc==, Basic realm=\"b\"", NULL, B, "b", NULL, NULL, NULL},
	{"Negotiate a=, Basic realm=\"b\"", NULL, B, "b", NULL, NULL, NULL},
	{"NTLM,Basic realm=\"b\"", NULL, B, "b", NULL, NULL, NULL},
	{"Digest realm=\"d\", qop=\"auth,auth-int\", nonce=\"n\", Basic realm=\"b\"",
		NULL, B, "b", NULL, NULL, NULL},
	{"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic "
	 "realm=\"simple\"",
		NULL, B, "simple", NULL, NULL, NULL},
	{"Digest realm=\"Basic realm=fake\", Bearer realm=\"https://a/t\"", NULL, T,
		"https://a/t", NULL, NULL, NULL},
	{"Basic realm=\"1\", Basic realm=\"2\"", NULL, B, "1", NULL, NULL, NULL},
	{"Bearer realm=\"https://1/\", Bearer realm=\"https://2/\"", NULL, T,
		"https://1/", NULL, NULL, NULL},
	/* several values */
	{"Basic realm=\"b\"", "Bearer realm=\"https://a/t\"", T, "https://a/t", NULL,
		NULL, NULL},
	{"Bearer realm=\"https://a/t\"", "Basic realm=\"b\"", T, "https://a/t", NULL,
		NULL, NULL},
	{"Negotiate", "Basic realm=\"b\"", B, "b", NULL, NULL, NULL},
	/* a Bearer challenge that cannot be answered is none */
	{"Bearer service=\"s\"", NULL, N, NULL, NULL, NULL, NULL},
	{"Bearer", "Basic realm=\"b\"", B, "b", NULL, NULL, NULL},
	/* nothing we know */
	{"Negotiate", NULL, N, NULL, NULL, NULL, NULL},
	{"Negotiate YII=", NULL, N, NULL, NULL, NULL, NULL},
	{"AWS4-HMAC-SHA256 realm=\"x\"", NULL, N, NULL, NULL, NULL, NULL},
	{"", NULL, N, NULL, NULL, NULL, NULL},
	{" , ,", NULL, N, NULL, NULL, NULL, NULL},
	/* only sixteen are looked at */
	{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,Basic realm=\"16\"", NULL, B, "16", NULL, NULL,
		NULL},
	{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,Basic realm=\"17\"", NULL, N, NULL, NULL, NULL,
		NULL},
};

static const char *const bad[] = {
	"Basic realm=\"r",
	"Basic realm=\"r\\",
	"Basic realm=\"r\\\"",
	"Basic realm=",
	"Basic realm=,x=y",
	"Basic realm=\"a\"b",
	"Basic realm=a\"b\"",
	"Basic realm=\"a\" service=\"b\"",
	"Basic realm=\"a\", realm=\"b\"",
	"Bearer realm=\"https://a\", Realm=\"https://b\"",
	"Bearer realm=\"a\", scope=\"x\", scope=\"y\"",
	"Basic realm=\"a\nb\"",
	"Basic realm=\"a\x01\"",
	"Basic@x",
	"\"Basic\"",
	"=x",
	"Basic realm=\"r\", =x",
	"Basic realm=\"r\", \"x\"",
	"(Basic) realm=\"r\"",
	"Basic: realm=\"r\"",
};

static int parse(const char *one, const char *two, struct s2c_challenge *out,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv values = S2C_STRV_INIT;

	s2c_strv_add(&values, one);
	if (two)
		s2c_strv_add(&values, two);
	return s2c_challenge_parse(&values, out, err);
}

static void same(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got, want);
	}
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CLEAN(s2c_challenge_release) struct s2c_challenge c = {0};

		assert_ok(parse(good[i].one, good[i].two, &c, &terr));
		if (c.scheme != good[i].scheme)
			fail_msg("%s: scheme %d", good[i].one, c.scheme);
		same(c.realm, good[i].realm);
		same(c.service, good[i].service);
		same(c.scope, good[i].scope);
		same(c.error, good[i].error);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_challenge c = {0};

		assert_fails(
			parse(bad[i], NULL, &c, &terr), S2C_EPROTO, "WWW-Authenticate");
		assert_null(c.realm);
		/* A good one before it does not help. */
		assert_fails(parse("Basic realm=\"r\"", bad[i], &c, &terr), S2C_EPROTO,
			"WWW-Authenticate");
		assert_null(c.realm);
	}
}

static void test_none(void **state)
{
	CLEAN_STRV struct s2c_strv values = S2C_STRV_INIT;
	struct s2c_challenge c = {.scheme = S2C_AUTH_BASIC};

	assert_ok(s2c_challenge_parse(&values, &c, &terr));
	assert_int_equal(c.scheme, S2C_AUTH_NONE);
}

static void test_realm(void **state)
{
	static const struct {
		const char *realm, *registry, *why; /* why: NULL when allowed */
	} rows[] = {
		{"https://auth.docker.io/token", "https://registry-1.docker.io", NULL},
		{"https://harbor.internal/service/token", "https://harbor.internal",
			NULL},
		{"https://auth:8443/t", "https://registry.corp:5000", NULL},
		{"https://8.8.8.8/t", "https://a", NULL},
		{"https://10.0.0.1/t", "https://10.0.0.1:5000", NULL},
		{"http://127.0.0.1:5001/t", "http://127.0.0.1:5000", NULL},
		{"https://127.0.0.1/t", "https://127.0.0.1:5000", NULL},
		{"http://localhost:1/t", "http://localhost:2", NULL},
		{"http://auth.corp/t", "http://registry.corp", NULL},
		{"https://auth.corp/t", "http://registry.corp", NULL},
		{"http://auth.docker.io/token", "https://registry-1.docker.io",
			"plain http"},
		{"http://a/t", "https://a", "plain http"},
		{"https://u:p@a/t", "https://a", "credentials"},
		{"https://169.254.169.254/latest", "https://a", "private"},
		{"http://169.254.169.254/latest", "http://a", "private"},
		{"https://127.0.0.1/t", "https://a", "private"},
		{"https://localhost/t", "https://a", "private"},
		{"https://[::1]/t", "https://a", "private"},
		{"https://[::ffff:127.0.0.1]/t", "https://a", "private"},
		{"https://[fe80::1]/t", "https://a", "private"},
		{"https://10.0.0.2/t", "https://10.0.0.1", "private"},
		{"https://192.168.1.1/t", "https://a", "private"},
		{"https://2130706433/t", "https://a", "private"},
		{"https://127.1/t", "https://127.0.0.1", "private"},
		{"https://0x7f.1/t", "https://a", "private"},
		{"https://0.0.0.0/t", "https://a", "private"},
		{"ftp://a/t", "https://a", "neither"},
		{"/token", "https://a", "neither"},
		{"token", "https://a", "neither"},
		{"", "https://a", "neither"},
		{"https://a/t\r\nX: y", "https://a", "character"},
		{"https://a/#x", "https://a", "fragment"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].why)
			assert_ok(
				s2c_realm_check(rows[i].realm, rows[i].registry, &terr));
		else
			assert_fails(
				s2c_realm_check(rows[i].realm, rows[i].registry, &terr),
				S2C_EPROTO, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_realm),
	};

	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
