/* SPDX-License-Identifier: Apache-2.0 */
/* Image references: what parses to what, what is refused with which words. */
#include "helper.h"

#include <s2c/reference.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D256 "sha256:" HEX64
#define D512 "sha512:" HEX64 HEX64
#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A100 A50 A50
#define A128 A100 A10 A10 "aaaaaaaa"

static const struct good {
	const char *text, *registry, *repository, *tag, *digest;
} good[] = {
	/* local names */
	{"a", "", "a", "latest", ""},
	{"myapp", "", "myapp", "latest", ""},
	{"myapp:1", "", "myapp", "1", ""},
	{"myapp:latest", "", "myapp", "latest", ""},
	{"builder/python", "", "builder/python", "latest", ""},
	{"a/b/c/d:t", "", "a/b/c/d", "t", ""},
	{"my.app", "", "my.app", "latest", ""},
	{"my.app:5000", "", "my.app", "5000", ""},
	{"localhost", "", "localhost", "latest", ""},
	{"localhost:5000", "", "localhost", "5000", ""},
	{"a_b", "", "a_b", "latest", ""},
	{"a__b", "", "a__b", "latest", ""},
	{"a-b", "", "a-b", "latest", ""},
	{"a---b", "", "a---b", "latest", ""},
	{"a.b", "", "a.b", "latest", ""},
	{"0/1/2", "", "0/1/2", "latest", ""},
	{"app:_", "", "app", "_", ""},
	{"app:V1.0-rc_2", "", "app", "V1.0-rc_2", ""},
	{"app:1..2--3__4", "", "app", "1..2--3__4", ""},
	{"app:" A128, "", "app", A128, ""},
	{"app@" D256, "", "app", "", D256},
	{"app:1@" D256, "", "app", "1", D256},
	{"app@" D512, "", "app", "", D512},
	{"a/b:x@" D512, "", "a/b", "x", D512},
	{"library/x", "", "library/x", "latest", ""},
	{A100 A100 A50, "", A100 A100 A50, "latest", ""},
	{HEX64 ":1", "", HEX64, "1", ""},
	{HEX64 "a", "", HEX64 "a", "latest", ""},
	{"x/" HEX64, "", "x/" HEX64, "latest", ""},
	/* registries */
	{"localhost/a", "localhost", "a", "latest", ""},
	{"localhost:5000/a", "localhost:5000", "a", "latest", ""},
	{"localhost:5000/a:b", "localhost:5000", "a", "b", ""},
	{"host:1/a", "host:1", "a", "latest", ""},
	{"host:65535/a", "host:65535", "a", "latest", ""},
	{"quay.io/org/app", "quay.io", "org/app", "latest", ""},
	{"Quay.IO/org/app", "quay.io", "org/app", "latest", ""},
	{"quay.io/org/app:1@" D256, "quay.io", "org/app", "1", D256},
	{"127.0.0.1/a", "127.0.0.1", "a", "latest", ""},
	{"127.0.0.1:5000/a/b:c", "127.0.0.1:5000", "a/b", "c", ""},
	{"[::1]/a", "[::1]", "a", "latest", ""},
	{"[::1]:5000/a:b", "[::1]:5000", "a", "b", ""},
	{"[2001:DB8::1]:443/a", "[2001:db8::1]:443", "a", "latest", ""},
	{"my-host.example.com/a", "my-host.example.com", "a", "latest", ""},
	{"xn--n3h.com/myimage", "xn--n3h.com", "myimage", "latest", ""},
	{"r.x/a__b/c.d/e-f:g", "r.x", "a__b/c.d/e-f", "g", ""},
	/* Docker Hub */
	{"docker.io/python", "docker.io", "library/python", "latest", ""},
	{"docker.io/python:3", "docker.io", "library/python", "3", ""},
	{"docker.io/org/app", "docker.io", "org/app", "latest", ""},
	{"docker.io/library/python", "docker.io", "library/python", "latest", ""},
	{"index.docker.io/python", "docker.io", "library/python", "latest", ""},
	{"registry-1.docker.io/a/b:1", "docker.io", "a/b", "1", ""},
	{"DOCKER.IO/python@" D256, "docker.io", "library/python", "", D256},
	{"docker.io:443/python", "docker.io:443", "python", "latest", ""},
	{"hub.docker.io/python", "hub.docker.io", "python", "latest", ""},
};

static const struct bad {
	const char *text, *words;
} bad[] = {
	{"", "is empty"},
	{":tag", "the name is missing"},
	{"@" D256, "the name is missing"},
	{"quay.io/", "the name is missing"},
	{"quay.io/:1", "the name is missing"},
	{"/a", "is empty"},
	{"a/", "is empty"},
	{"a//b", "is empty"},
	{"quay.io//a", "is empty"},
	{"A", "lower case"},
	{"aBc", "lower case"},
	{"Foo/bar", "lower case"},
	{"quay.io/Org/app", "lower case"},
	{"a_", "made of a-z"},
	{"_a", "made of a-z"},
	{"a___b", "made of a-z"},
	{"a..b", "made of a-z"},
	{"a._b", "made of a-z"},
	{".", "made of a-z"},
	{"..", "made of a-z"},
	{"a/../b", "made of a-z"},
	{"-a", "made of a-z"},
	{"a-", "made of a-z"},
	{"--help", "made of a-z"},
	{"a b", "made of a-z"},
	{" a", "made of a-z"},
	{"a ", "made of a-z"},
	{"a\n", "made of a-z"},
	{"caf\xc3\xa9", "made of a-z"},
	{"a%2fb", "made of a-z"},
	{"a\\b", "made of a-z"},
	{"a?b=c", "made of a-z"},
	{"a#b", "made of a-z"},
	{"a/b:", "tag behind ':' is empty"},
	{"a:b:c", "a tag is made of"},
	{"a:.b", "a tag is made of"},
	{"a:-b", "a tag is made of"},
	{"a:b/c", "the registry must be"},
	{"a/b:c/d", "a tag is made of"},
	{"a:\xc3\xa9", "a tag is made of"},
	{"a: b", "a tag is made of"},
	{"a:" A128 "a", "longer than 128"},
	{"a@", "no algorithm"},
	{"a@" HEX64, "no algorithm"},
	{"a@sha256:", "needs 64"},
	{"a@sha256:abc", "needs 64"},
	{"a@sha256:" HEX64 "0", "needs 64"},
	{"a@SHA256:" HEX64, "neither sha256"},
	{"a@md5:d41d8cd98f00b204e9800998ecf8427e", "neither sha256"},
	{"a@sha256:../../../../etc/passwd", "needs 64"},
	{"a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"needs 64"},
	{"a@" D256 "@" D256, "needs 64"},
	{"a@" D256 ":tag", "needs 64"},
	{"host:/a", "the registry must be"},
	{"host:0/a", "the registry must be"},
	{"host:65536/a", "the registry must be"},
	{"host:123456/a", "the registry must be"},
	{"host:5x/a", "the registry must be"},
	{"host:-1/a", "the registry must be"},
	{":5000/a", "the registry must be"},
	{".com/a", "the registry must be"},
	{"a..b/c", "the registry must be"},
	{"a.b./c", "the registry must be"},
	{"-a.b/c", "the registry must be"},
	{"a-.b/c", "the registry must be"},
	{"a_b.c/d", "the registry must be"},
	{"u:p@quay.io/a", "no algorithm"},
	{"../a", "the registry must be"},
	{"[::1/a", "the registry must be"},
	{"[::1]5000/a", "the registry must be"},
	{"[::1]:/a", "the registry must be"},
	{"[zz::1]/a:b", "the registry must be"},
	{"[fe80::1%eth0]/a", "the registry must be"},
	{"[]:1/a", "the registry must be"},
	{"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]/a", "the registry must be"},
	{"https://quay.io/a", "leave out 'https://'"},
	{"docker://busybox", "leave out 'docker://'"},
	{"oci-archive://x", "leave out 'oci-archive://'"},
	{HEX64, "looks like an image id"},
	{A100 A100 A50 "aaaaaa", "longer than 255"},
	{"quay.io/" A100 A100 A50, "longer than 255"},
	{A100 A100 A100 A100 A100 A10 "aaa", "longer than 512"},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct good *row = &good[i];
		char text[S2C_REFERENCE_MAX + 1], again[S2C_REFERENCE_MAX + 1];
		struct s2c_reference ref, second;

		assert_ok(s2c_reference_parse(row->text, &ref, &terr));
		assert_string_equal(ref.registry, row->registry);
		assert_string_equal(ref.repository, row->repository);
		assert_string_equal(ref.tag, row->tag);
		assert_string_equal(ref.digest, row->digest);
		s2c_reference_format(&ref, text);
		assert_ok(s2c_reference_parse(text, &second, &terr));
		assert_memory_equal(&ref, &second, sizeof(ref));
		s2c_reference_format(&second, again);
		assert_string_equal(text, again);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_reference ref, before;

		memset(&ref, 0x5a, sizeof(ref));
		before = ref;
		assert_fails(s2c_reference_parse(bad[i].text, &ref, &terr), S2C_EINVAL,
			bad[i].words);
		assert_memory_equal(&ref, &before, sizeof(ref));
	}
}

static void test_text(void **state)
{
	char text[S2C_REFERENCE_MAX + 1];
	struct s2c_reference ref;

	assert_ok(s2c_reference_parse("index.docker.io/a:1@" D256, &ref, &terr));
	s2c_reference_format(&ref, text);
	assert_string_equal(text, "docker.io/library/a:1@" D256);
	s2c_reference_name(&ref, text);
	assert_string_equal(text, "docker.io/library/a");
	assert_ok(s2c_reference_parse("a/b", &ref, &terr));
	s2c_reference_format(&ref, text);
	assert_string_equal(text, "a/b:latest");
	s2c_reference_name(&ref, text);
	assert_string_equal(text, "a/b");
}

/* The longest parts together do not fit; the sum is refused and never cut. */
static void test_total(void **state)
{
	char text[S2C_REFERENCE_MAX + 64];
	struct s2c_reference ref;
	int len = snprintf(text, sizeof(text), "%s:%s@%s", A100 A100 A50, A128, D512);

	assert_true(len > S2C_REFERENCE_MAX);
	assert_fails(s2c_reference_parse(text, &ref, &terr), S2C_EINVAL, "longer than");
	/* 512 bytes as given, and 8 more with the library/ of Docker Hub. */
	len = snprintf(text, sizeof(text), "docker.io/%.*s:%s@%s",
		S2C_REFERENCE_MAX - 10 - 1 - 128 - 1 - 135, A100 A100 A100, A128, D512);
	assert_int_equal(len, S2C_REFERENCE_MAX);
	assert_fails(s2c_reference_parse(text, &ref, &terr), S2C_EINVAL, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
