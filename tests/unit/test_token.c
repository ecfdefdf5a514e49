/* SPDX-License-Identifier: Apache-2.0 */
/* Token responses, Retry-After, base64, and secrets kept out of a server's words. */
#include "helper.h"

#include "codec/base64.h"
#include "registry/auth.h"
#include "registry/exchange.h"

static void test_token_good(void **state)
{
	static const struct {
		const char *text, *value;
		unsigned seconds;
	} rows[] = {
		{"{\"token\":\"abc\"}", "abc", 60},
		{"{\"access_token\":\"abc\"}", "abc", 60},
		{"{\"token\":\"abc\",\"access_token\":\"def\"}", "abc", 60},
		{"{\"token\":\"\",\"access_token\":\"def\"}", "def", 60},
		{"{\"token\":null,\"access_token\":\"def\"}", "def", 60},
		{"{\"token\":\"abc\",\"expires_in\":300}", "abc", 300},
		{"{\"token\":\"abc\",\"expires_in\":1}", "abc", 60},
		{"{\"token\":\"abc\",\"expires_in\":-5}", "abc", 60},
		{"{\"token\":\"abc\",\"expires_in\":0}", "abc", 60},
		{"{\"token\":\"abc\",\"expires_in\":null}", "abc", 60},
		{"{\"token\":\"abc\",\"expires_in\":9000000000}", "abc", 86400},
		{"{\"token\":\"a.b-c_d~e+/==\",\"issued_at\":\"2009-01-01T00:00:00Z\"}",
			"a.b-c_d~e+/==", 60},
		{" {\"token\" : \"abc\" } ", "abc", 60},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN(s2c_token_release) struct s2c_token token = {0};
		assert_ok(s2c_token_parse(
			rows[i].text, strlen(rows[i].text), &token, &terr));
		assert_string_equal(token.value, rows[i].value);
		assert_int_equal(token.expires_in, rows[i].seconds);
	}
}

static void test_token_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"null",
		"[]",
		"\"canary\"",
		"{}",
		"{\"token\":\"\"}",
		"{\"token\":1}",
		"{\"token\":[\"canary\"]}",
		"{\"access_token\":{}}",
		"{\"token\":\"canary\",\"expires_in\":\"300\"}",
		"{\"token\":\"canary\",\"token\":\"canary\"}",
		"{\"token\":\"canary\"} x",
		"{\"token\":\"canary",
		"{\"token\":\"can ary\"}",
		"{\"token\":\"canary\\r\\nX-Evil: 1\"}",
		"{\"token\":\"canary\\u0000\"}",
		"{\"token\":\"can\\u00e4ry\"}",
		"<html>canary</html>",
		"token=canary",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_token token = {0};
		assert_int_equal(
			s2c_token_parse(rows[i], strlen(rows[i]), &token, &terr), -1);
		assert_int_equal(s2c_error_code(terr), S2C_EPROTO);
		assert_null(strstr(s2c_error_message(terr), "canary"));
		assert_null(token.value);
		s2c_error_free(TAKE(terr));
	}
}

static void test_token_size(void **state)
{
	CLEAN_FREE char *text = xmalloc(S2C_TOKEN_VALUE_MAX + 64);
	CLEAN(s2c_token_release) struct s2c_token token = {0};
	int head = snprintf(text, 64, "{\"token\":\"");

	memset(text + head, 'a', S2C_TOKEN_VALUE_MAX + 1);
	memcpy(text + head + S2C_TOKEN_VALUE_MAX + 1, "\"}", 3);
	assert_fails(
		s2c_token_parse(text, strlen(text), &token, &terr), S2C_ELIMIT, "larger");
	memcpy(text + head + S2C_TOKEN_VALUE_MAX, "\"}", 3);
	assert_ok(s2c_token_parse(text, strlen(text), &token, &terr));
}

static void test_retry_after(void **state)
{
	static const struct {
		const char *value;
		int ms;
	} rows[] = {
		{"0", 0},
		{"1", 1000},
		{"59", 59000},
		{"60", 60000},
		{"61", 60000},
		{"99999999999999999999999", 60000},
		{"-1", 0},
		{"1.5", 0},
		{"1 ", 0},
		{"", 0},
		{"soon", 0},
		/* now is Wed, 21 Oct 2015 07:28:00 GMT */
		{"Wed, 21 Oct 2015 07:28:05 GMT", 5000},
		{"Wed, 21 Oct 2015 07:28:00 GMT", 0},
		{"Wed, 21 Oct 2015 07:27:00 GMT", 0},
		{"Thu, 21 Oct 2100 07:28:00 GMT", 60000},
		{"Wed, 21 Oct 2015 07:28:05", 0},
		{"Wed, 21 Oct 2015 07:28:05 GMT x", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (s2c_retry_after_ms(rows[i].value, 1445412480) != rows[i].ms)
			fail_msg("'%s': %d", rows[i].value,
				s2c_retry_after_ms(rows[i].value, 1445412480));
}

static void test_base64(void **state)
{
	/* RFC 4648 section 10 */
	static const struct {
		const char *plain, *coded;
	} rows[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfd", "//79"},
		{"Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
	};
	static const char *const bad[] = {
		"Z",
		"Zg",
		"Zg=",
		"Zg===",
		"=",
		"====",
		"Zg==Zg==",
		"Zh==",
		"Zm9=",
		"Zm9v\n",
		"Zm9v Zm9v",
		"Zm-_",
		"Z===",
		"Zm9\xc3",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *coded = s2c_base64_encode(
			rows[i].plain, strlen(rows[i].plain));
		CLEAN_FREE char *plain = NULL;
		size_t len = 99;
		assert_string_equal(coded, rows[i].coded);
		assert_ok(s2c_base64_decode(coded, &plain, &len, &terr));
		assert_int_equal(len, strlen(rows[i].plain));
		assert_string_equal(plain, rows[i].plain);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *plain = NULL;
		size_t len;
		assert_fails(s2c_base64_decode(bad[i], &plain, &len, &terr), S2C_EINVAL,
			"base64");
		assert_null(plain);
	}
}

/* A 401 with this challenge, as far as s2c_auth_answer looks at it. */
static void make_401(struct s2c_http_response *response, const char *challenge)
{
	response->status = 401;
	s2c_strv_addf(&response->headers, "www-authenticate: %s", challenge);
}

static int answer(struct s2c_ctx *ctx, struct s2c_auth *auth, struct s2c_http *http,
	const struct s2c_auth_refusal *refusal)
{
	return s2c_auth_answer(ctx, auth, http, refusal, &terr);
}

static void test_basic(void **state)
{
	struct s2c_ctx *ctx = s2c_ctx_new((struct s2c_sink){.emit = NULL});
	struct s2c_http *http = s2c_http_new(NULL);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_credentials creds = {
		.username = xstrdup("user"), .password = xstrdup("canary")};
	struct s2c_auth *auth = s2c_auth_new("https://r.example", &creds);
	struct s2c_auth_refusal refusal = {
		.response = &response, .scope = "repository:x:pull"};
	char text[] = "bad login user:canary, header dXNlcjpjYW5hcnk= canary";
	char *header;

	assert_null(creds.password);
	make_401(&response, "Basic realm=\"r\"");
	assert_null(s2c_auth_header(auth, "repository:x:pull"));
	assert_ok(answer(ctx, auth, http, &refusal));
	header = s2c_auth_header(auth, "repository:x:pull");
	assert_string_equal(header, "Authorization: Basic dXNlcjpjYW5hcnk=");
	/* Another thread that was refused without it only has to use it. */
	assert_ok(answer(ctx, auth, http, &refusal));
	s2c_auth_scrub(auth, text);
	assert_null(strstr(text, "canary"));
	assert_null(strstr(text, "dXNl"));
	assert_non_null(strstr(text, "bad login user:******"));
	refusal.header = header;
	assert_fails(answer(ctx, auth, http, &refusal), S2C_EAUTH,
		"credentials for 'r.example' were refused");
	s2c_secret_free(header);
	s2c_auth_free(auth);
	s2c_http_free(http);
	s2c_ctx_free(ctx);
}

static void test_anonymous(void **state)
{
	struct s2c_ctx *ctx = s2c_ctx_new((struct s2c_sink){.emit = NULL});
	struct s2c_http *http = s2c_http_new(NULL);
	struct s2c_credentials none = {0};
	struct s2c_auth *auth = s2c_auth_new("https://r.example", &none);
	static const struct {
		const char *challenge;
		enum s2c_code code;
		const char *why;
	} rows[] = {
		{"Basic realm=\"r\"", S2C_EAUTH, "none were found"},
		{"Negotiate", S2C_EAUTH, "does not know"},
		{"Bearer service=\"x\"", S2C_EAUTH, "does not know"},
		{"Basic realm=\"r", S2C_EPROTO, "not closed"},
		/* no request is ever made to these */
		{"Bearer realm=\"http://r.example/t\"", S2C_EPROTO, "plain http"},
		{"Bearer realm=\"https://169.254.169.254/t\"", S2C_EPROTO, "private"},
		{"Bearer realm=\"https://u:p@r.example/t\"", S2C_EPROTO, "credentials"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
		struct s2c_auth_refusal refusal = {.response = &response, .scope = "s"};
		make_401(&response, rows[i].challenge);
		assert_fails(
			answer(ctx, auth, http, &refusal), rows[i].code, rows[i].why);
		assert_null(s2c_auth_header(auth, "s"));
	}
	s2c_auth_free(auth);
	s2c_http_free(http);
	s2c_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_good),
		cmocka_unit_test(test_token_bad),
		cmocka_unit_test(test_token_size),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_anonymous),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
