/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in the form of engines: written anew, and found for a repository. */
#include "helper.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "registry/engine_auth.h"

/* base64url of a text with ' for ". */
static char *encode(const char *quoted, bool padded)
{
	CLEAN_FREE char *text = xstrdup(quoted);
	char *out;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	out = s2c_base64_encode(text, strlen(text));
	for (char *p = out; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	if (!padded && strchr(out, '='))
		*strchr(out, '=') = '\0';
	return out;
}

/* And back. */
static struct s2c_json *decode(const char *value)
{
	CLEAN_FREE char *standard = xstrdup(value);
	CLEAN_FREE char *text = NULL;
	struct s2c_json *root = NULL;
	size_t len;

	assert_null(strpbrk(value, "+/"));
	for (char *p = standard; *p; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	assert_ok(s2c_base64_decode(standard, &text, &len, &terr));
	assert_ok(s2c_json_parse(text, len, (struct s2c_json_limits){0}, &root, &terr));
	return root;
}

static void test_rewrite(void **state)
{
	static const char given[] = "{'username':'me','password':'?>?>~~','email':'x@y',"
				    "'serveraddress':'registry.example'}";

	for (int padded = 0; padded < 2; padded++) {
		CLEAN_FREE char *value = encode(given, padded);
		CLEAN(s2c_clean_secret) char *out = NULL;

		assert_ok(s2c_engine_auth_rewrite(value, &out, &terr));
		CLEAN_JSON struct s2c_json *root = decode(out);
		assert_int_equal(s2c_json_len(root), 3);
		assert_string_equal(
			s2c_json_str(s2c_json_get(root, "password")), "?>?>~~");
		assert_string_equal(s2c_json_str(s2c_json_get(root, "serveraddress")),
			"registry.example");
		assert_null(s2c_json_get(root, "email"));
	}
	static const char *const tokens[] = {
		"{'identitytoken':'t'}", "{'registrytoken':'t','username':''}"};
	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		CLEAN_FREE char *value = encode(tokens[i], true);
		CLEAN(s2c_clean_secret) char *out = NULL;

		assert_ok(s2c_engine_auth_rewrite(value, &out, &terr));
		assert_non_null(out);
	}
}

/* What clients send when they have none: docker's e30=, S2I's e30K and bnVsbA==. */
static void test_none(void **state)
{
	static const char *const rows[] = {
		"", "e30=", "e30", "e30K", "bnVsbA==", "bnVsbA"};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *out = (char[]){"untouched"};

		assert_ok(s2c_engine_auth_rewrite(rows[i], &out, &terr));
		assert_null(out);
	}
	CLEAN_FREE char *empty = encode("{'username':'','password':''}", true);
	char *out = NULL;
	assert_ok(s2c_engine_auth_rewrite(empty, &out, &terr));
	assert_null(out);
}

static void test_bad(void **state)
{
	static const char *const raw[] = {
		"!", "e", "e30=x", "e3 0=", "=", "====", "e30\n", "e30\r\nX: y"};
	static const char *const json[] = {"{", "[]", "'x'", "7", "{'username':1}",
		"{'username':null,'password':[]}", "{'username':'a','username':'b'}",
		"{'a':{'b':{'c':1}}}", "{} {}"};

	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) {
		char *out = NULL;

		if (s2c_engine_auth_rewrite(raw[i], &out, &terr) == 0)
			fail_msg("%s", raw[i]);
		assert_null(out);
		s2c_error_free(TAKE(terr));
	}
	for (size_t i = 0; i < ARRAY_SIZE(json); i++) {
		CLEAN_FREE char *value = encode(json[i], true);
		char *out = NULL;

		if (s2c_engine_auth_rewrite(value, &out, &terr) == 0)
			fail_msg("%s", json[i]);
		assert_null(out);
		/* No byte of it is in the sentence: it may be a password. */
		assert_null(strstr(s2c_error_message(terr), value));
		s2c_error_free(TAKE(terr));
	}
	CLEAN_FREE char *large = xmalloc(S2C_ENGINE_AUTH_MAX + 2);
	memset(large, 'A', S2C_ENGINE_AUTH_MAX + 1);
	large[S2C_ENGINE_AUTH_MAX + 1] = '\0';
	char *out = NULL;
	assert_fails(s2c_engine_auth_rewrite(large, &out, &terr), S2C_EPROTO, "base64");
}

static void test_find(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_FREE char *file = xasprintf("%s/auth.json", tmp->path);
	CLEAN(s2c_clean_secret) char *out = NULL;
	CLEAN(s2c_clean_secret) char *none = NULL;
	struct s2c_reference name;

	/* "me:pass" */
	tmp_write(tmp, "auth.json",
		"{\"auths\":{\"registry.example\":{\"auth\":\"bWU6cGFzcw==\"}}}");
	assert_ok(s2c_reference_parse("registry.example/team/app:1", &name, &terr));
	assert_ok(s2c_engine_auth_find(ctx, file, &name, &out, &terr));
	assert_non_null(out);
	CLEAN_JSON struct s2c_json *root = decode(out);
	assert_string_equal(s2c_json_str(s2c_json_get(root, "username")), "me");
	assert_string_equal(s2c_json_str(s2c_json_get(root, "password")), "pass");
	assert_string_equal(
		s2c_json_str(s2c_json_get(root, "serveraddress")), "registry.example");
	assert_ok(s2c_reference_parse("other.example/app:1", &name, &terr));
	assert_ok(s2c_engine_auth_find(ctx, file, &name, &none, &terr));
	assert_null(none);
	assert_int_equal(
		s2c_engine_auth_find(ctx, "/nonexistent/auth.json", &name, &none, &terr),
		-1);
	s2c_error_free(TAKE(terr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_bad),
		tmp_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
