/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: parse, redact, resolve, compare, and what kind of host one names. */
#include "helper.h"

#include "http/client.h"
#include "http/url.h"

static const struct {
	const char *text, *host;
	unsigned port;
	bool https, userinfo;
	const char *rest;
} good[] = {
	{"https://a", "a", 443, true, false, ""},
	{"http://a", "a", 80, false, false, ""},
	{"HTTPS://Registry.Example/V2/", "registry.example", 443, true, false, "/V2/"},
	{"https://a:5000/v2/", "a", 5000, true, false, "/v2/"},
	{"https://a:/v2/", "a", 443, true, false, "/v2/"},
	{"https://a:00443", "a", 443, true, false, ""},
	{"http://a?x=y", "a", 80, false, false, "?x=y"},
	{"http://[::1]:5000/", "::1", 5000, false, false, "/"},
	{"http://[2001:DB8::1]", "2001:db8::1", 80, false, false, ""},
	{"https://user:pw@a/b", "a", 443, true, true, "/b"},
	{"https://x@y@a/b", "a", 443, true, true, "/b"},
	{"https://a/b@c:d", "a", 443, true, false, "/b@c:d"},
	{"https://a/b%2fc?d=e/f", "a", 443, true, false, "/b%2fc?d=e/f"},
	{"https://a_b.c-d/", "a_b.c-d", 443, true, false, "/"},
};

static const struct {
	const char *text, *why;
} bad[] = {
	{"", "neither https nor http"},
	{"a", "neither https nor http"},
	{"/v2/", "neither https nor http"},
	{"//a/b", "neither https nor http"},
	{"ftp://a", "neither https nor http"},
	{"file:///etc/passwd", "neither https nor http"},
	{"https:/a", "neither https nor http"},
	{"https://", "no host"},
	{"https:///v2/", "no host"},
	{"https://:443/", "no host"},
	{"https://user@/", "no host"},
	{"https://a:b/", "bad port"},
	{"https://a:0/", "bad port"},
	{"https://a:65536/", "bad port"},
	{"https://a:99999999999/", "bad port"},
	{"https://a:-1/", "bad port"},
	{"https://a:443:443/", "bad port"},
	{"https://a b/", "character"},
	{"https://a\t/", "character"},
	{"https://a/\r\nX: y", "character"},
	{"https://a\\@b/", "character"},
	{"https://a/\"", "character"},
	{"https://\xc3\xa4/", "character"},
	{"https://a/\x7f", "character"},
	{"https://a/#f", "fragment"},
	{"https://a%2eb/", "host"},
	{"https://[::1/", "']'"},
	{"https://[::1]x/", "host"},
	{"https://[]/", "no host"},
	{"https://[::g]/", "IPv6"},
	{"https://[fe80::1%25eth0]/", "IPv6"},
	{"https://[127.0.0.1]/", "IPv6"},
	{"https://a,b/", "host"},
	{"https://a;b/", "host"},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct s2c_url url;

		assert_ok(s2c_url_parse(good[i].text, &url, &terr));
		assert_string_equal(url.host, good[i].host);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.https, good[i].https);
		assert_int_equal(url.has_userinfo, good[i].userinfo);
		assert_string_equal(url.rest, good[i].rest);
		assert_ptr_equal(good[i].text + url.origin_len, url.rest);
	}
}

static void test_bad(void **state)
{
	struct s2c_url url = {.port = 7};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(
			s2c_url_parse(bad[i].text, &url, &terr), S2C_EINVAL, bad[i].why);
	assert_int_equal(url.port, 7);
}

static void test_bounds(void **state)
{
	struct s2c_url url;
	CLEAN_FREE char *text = xmalloc(S2C_HTTP_URL_MAX + 2);

	memset(text, 'a', S2C_HTTP_URL_MAX + 1);
	memcpy(text, "https://h/", 10);
	text[S2C_HTTP_URL_MAX + 1] = '\0';
	assert_fails(s2c_url_parse(text, &url, &terr), S2C_EINVAL, "bytes");
	text[S2C_HTTP_URL_MAX] = '\0';
	assert_ok(s2c_url_parse(text, &url, &terr));
	memset(text, 'a', 600);
	memcpy(text, "https://", 8);
	text[8 + S2C_HTTP_HOST_MAX + 1] = '\0';
	assert_fails(s2c_url_parse(text, &url, &terr), S2C_EINVAL, "too long");
	text[8 + S2C_HTTP_HOST_MAX] = '\0';
	assert_ok(s2c_url_parse(text, &url, &terr));
}

static void test_redact(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"https://a/b", "https://a/b"},
		{"https://user:canary@a/b", "https://a/b"},
		{"https://canary@a", "https://a"},
		{"https://x:y@z:canary@a:1/b", "https://a:1/b"},
		{"https://a/b?x=canary", "https://a/b?x=..."},
		{"https://a/b?x=canary&y=canary#canary", "https://a/b?x=...&y=..."},
		{"https://a/b?canary", "https://a/b?..."},
		{"https://a?x=canary=canary&&y", "https://a?x=...&...&..."},
		{"https://a#canary", "https://a"},
		{"https://a?u=http://b:canary@c/", "https://a?u=..."},
		{"/v2/x?_state=canary", "/v2/x?_state=..."},
		{"", ""},
		{"no url at all", "no url at all"},
		{"git+ssh://u:canary@h/x", "git+ssh://h/x"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *out = s2c_http_redact(rows[i].in);
		assert_string_equal(out, rows[i].out);
		assert_null(strstr(out, "canary"));
	}
}

static void test_resolve(void **state)
{
	/* RFC 3986 5.4 as far as http goes, then what registries send. */
	static const struct {
		const char *base, *location, *out;
	} rows[] = {
		{"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
		{"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"},
		{"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
		{"http://a/b/c/d;p?q", "/g", "http://a/g"},
		{"http://a/b/c/d;p?q", "//g", "http://g"},
		{"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
		{"http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y"},
		{"http://a/b/c/d;p?q", "g?y/./x", "http://a/b/c/g?y/./x"},
		{"http://a/b/c/d;p?q", "g?y/../x#s", "http://a/b/c/g?y/../x"},
		{"http://a/b/c/d;p?q", ";x", "http://a/b/c/;x"},
		{"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
		{"http://a/b/c/d;p?q", "./", "http://a/b/c/"},
		{"http://a/b/c/d;p?q", "..", "http://a/b/"},
		{"http://a/b/c/d;p?q", "../g", "http://a/b/g"},
		{"http://a/b/c/d;p?q", "../..", "http://a/"},
		{"http://a/b/c/d;p?q", "../../../../g", "http://a/g"},
		{"http://a/b/c/d;p?q", "/./g", "http://a/g"},
		{"http://a/b/c/d;p?q", "/../g", "http://a/g"},
		{"http://a/b/c/d;p?q", "g.", "http://a/b/c/g."},
		{"http://a/b/c/d;p?q", "..g", "http://a/b/c/..g"},
		{"http://a/b/c/d;p?q", "./../g", "http://a/b/g"},
		{"http://a/b/c/d;p?q", "g/./h", "http://a/b/c/g/h"},
		{"http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h"},
		{"http://a", "g", "http://a/g"},
		{"http://a?x", "g", "http://a/g"},
		{"https://r:5000/v2/x/blobs/uploads/",
			"/v2/x/blobs/uploads/1?_state=a%3D",
			"https://r:5000/v2/x/blobs/uploads/1?_state=a%3D"},
		{"https://r/v2/x/blobs/uploads/", "7-8?_state=q",
			"https://r/v2/x/blobs/uploads/7-8?_state=q"},
		{"https://r/v2/", "https://cdn.example/b?sig=1",
			"https://cdn.example/b?sig=1"},
		{"https://r/v2/", "//cdn.example/b", "https://cdn.example/b"},
		{"https://r/v2/", "http://r/v2/", "http://r/v2/"},
	};
	static const struct {
		const char *location, *why;
	} refused[] = {
		{"", "empty"},
		{"#x", "empty"},
		{"ftp://a/b", "neither"},
		{"javascript:x", "neither"},
		{"file:///etc/passwd", "neither"},
		{"https://u:p@a/", "credentials"},
		{"//u@a/", "credentials"},
		{"https://", "no host"},
		{"/a b", "character"},
		{"/a\r\nx", "character"},
		{"https://a:0/", "port"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_FREE char *out = NULL;
		assert_ok(s2c_http_resolve(rows[i].base, rows[i].location, &out, &terr));
		assert_string_equal(out, rows[i].out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char *out = NULL;
		assert_fails(s2c_http_resolve(
				     "https://r/v2/", refused[i].location, &out, &terr),
			S2C_EPROTO, refused[i].why);
		assert_null(out);
	}
}

static void test_same_origin(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"https://a/x", "https://a/y?z", true},
		{"https://a", "https://A:443/", true},
		{"http://a:80", "http://a", true},
		{"https://a", "http://a", false},
		{"https://a:443", "http://a:443", false},
		{"https://a", "https://a:444", false},
		{"https://a", "https://b", false},
		{"https://a", "https://a.b", false},
		{"https://a", "https://b@a", true},
		{"https://a", "https://a@b", false},
		{"https://[::1]:1", "https://[::1]:1/x", true},
		{"https://a.", "https://a", false},
		{"nonsense", "nonsense", false},
		{"https://a", "", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			s2c_http_same_origin(rows[i].a, rows[i].b), rows[i].same);
		assert_int_equal(
			s2c_http_same_origin(rows[i].b, rows[i].a), rows[i].same);
	}
}

static void test_host_kind(void **state)
{
	static const struct {
		const char *host;
		enum s2c_host_kind kind;
	} rows[] = {
		{"localhost", S2C_HOST_LOOPBACK},
		{"LOCALHOST", S2C_HOST_LOOPBACK},
		{"127.0.0.1", S2C_HOST_LOOPBACK},
		{"127.255.1.2", S2C_HOST_LOOPBACK},
		{"::1", S2C_HOST_LOOPBACK},
		{"0:0:0:0:0:0:0:1", S2C_HOST_LOOPBACK},
		/* odd spellings of loopback never earn plain http */
		{"127.1", S2C_HOST_PRIVATE},
		{"0x7f.0.0.1", S2C_HOST_PRIVATE},
		{"0x7f000001", S2C_HOST_PRIVATE},
		{"2130706433", S2C_HOST_PRIVATE},
		{"017700000001", S2C_HOST_PRIVATE},
		{"::ffff:127.0.0.1", S2C_HOST_PRIVATE},
		{"64:ff9b::7f00:1", S2C_HOST_PRIVATE},
		{"localhost.", S2C_HOST_PRIVATE},
		{"x.localhost", S2C_HOST_PRIVATE},
		{"0.0.0.0", S2C_HOST_PRIVATE},
		{"::", S2C_HOST_PRIVATE},
		{"10.1.2.3", S2C_HOST_PRIVATE},
		{"100.64.0.1", S2C_HOST_PRIVATE},
		{"169.254.169.254", S2C_HOST_PRIVATE},
		{"172.16.0.1", S2C_HOST_PRIVATE},
		{"172.31.255.255", S2C_HOST_PRIVATE},
		{"192.168.0.1", S2C_HOST_PRIVATE},
		{"224.0.0.1", S2C_HOST_PRIVATE},
		{"255.255.255.255", S2C_HOST_PRIVATE},
		{"fe80::1", S2C_HOST_PRIVATE},
		{"fc00::1", S2C_HOST_PRIVATE},
		{"fd12::1", S2C_HOST_PRIVATE},
		{"ff02::1", S2C_HOST_PRIVATE},
		{"::ffff:10.0.0.1", S2C_HOST_PRIVATE},
		{"172.32.0.1", S2C_HOST_PUBLIC},
		{"172.15.0.1", S2C_HOST_PUBLIC},
		{"100.63.0.1", S2C_HOST_PUBLIC},
		{"8.8.8.8", S2C_HOST_PUBLIC},
		{"2001:4860::1", S2C_HOST_PUBLIC},
		{"::ffff:8.8.8.8", S2C_HOST_PUBLIC},
		{"registry.example", S2C_HOST_NAME},
		{"localhost.example", S2C_HOST_NAME},
		{"notlocalhost", S2C_HOST_NAME},
		{"127.0.0.1.example", S2C_HOST_NAME},
		{"harbor", S2C_HOST_NAME},
		{"", S2C_HOST_NAME},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (s2c_host_kind(rows[i].host) != rows[i].kind)
			fail_msg("'%s': %d", rows[i].host, s2c_host_kind(rows[i].host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_same_origin),
		cmocka_unit_test(test_host_kind),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
