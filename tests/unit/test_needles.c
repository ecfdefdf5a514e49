/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What secrets are recognised by, and that looking for them finds all of it wherever it
 * is cut.
 */
#include "helper.h"

#include "codec/needles.h"

static struct s2c_needles *needles_of(const char *secret)
{
	struct s2c_needles *n = s2c_needles_new();

	assert_ok(s2c_needles_add(n, "it", secret, strlen(secret), NULL, &terr));
	return n;
}

static bool has(const struct s2c_needles *n, const char *text)
{
	return s2c_needles_find(n, text, strlen(text)) != NULL;
}

/* Lines that everybody may see are no secret; a token and a secret of one line are. */
static void lines_are_forgiven(void **state)
{
	static const char url[] = "registry=https://r.example/npm/";
	static const char token[] = "//r.example/:_authToken=npm_0123456789abcdef";
	CLEAN_FREE char *secret = xasprintf("%s\n%s\nalways-auth=true\n", url, token);
	CLEAN_FREE char *text = xasprintf("  %s\r\n%s", url, token);
	CLEAN_NEEDLES struct s2c_needles *n = needles_of(secret);

	assert_true(has(n, url));
	s2c_needles_forgive(n, "", 0);
	s2c_needles_forgive(n, "registry=https://r.example/npm/x\n", 33);
	assert_true(has(n, url));
	s2c_needles_forgive(n, text, strlen(text));
	assert_false(has(n, url));
	assert_true(has(n, token));
	assert_true(has(n, "npm_0123456789abcdef"));
	assert_true(has(n, "always-auth=true"));
	/* What looks for the others passes over it. */
	CLEAN_FREE char *both = xasprintf("%s %s always-auth=true", url, url);

	assert_true(has(n, both));
	assert_true(has(n, secret));
	/* All of another secret: it counts again, and stays. */
	assert_ok(s2c_needles_add(n, "word", "open sesame please", 18, NULL, &terr));
	assert_ok(
		s2c_needles_add(n, "lines", "a\nopen sesame please\n", 21, NULL, &terr));
	s2c_needles_forgive(n, "open sesame please", 18);
	assert_true(has(n, "open sesame please"));
}

static void parts_give_a_secret_away(void **state)
{
	static const struct {
		const char *secret, *text;
		bool found;
	} cases[] = {
		{"hunter2!pass", "x hunter2!pass y", true},
		{"hunter2!pass\n", "hunter2!pass", true},
		{"  hunter2!pass \n\n", "(hunter2!pass)", true},
		{"hunter2!pass", "hunter2!pas", false},
		{"hunter2!pass", "Hunter2!pass", false},
		{"12345678", "0123456789", true},
		/* too short, too uniform */
		{"1234567", "1234567", false},
		{"aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", false},
		/* lines */
		{"first line of it\nsecond line of it\n", "..second line of it..", true},
		{"first line of it\r\nsecond line of it\r\n", "..first line of it..",
			true},
		{"a=1\nanother=2345678\n", "another=2345678", true},
		{"# a comment of it\nabcdefgh-ijkl\n", "# a comment of it", false},
		{"# a comment of it\nabcdefgh-ijkl\n", "abcdefgh-ijkl", true},
		{"<settings>\n<password>12-ab-34-cd</password>\n", "<settings>", false},
		{"<settings>\n<password>12-ab-34-cd</password>\n",
			"<password>12-ab-34-cd</password>", true},
		{"<server id=\"a\" password=\"secret\"/>\nx",
			"<server id=\"a\" password=\"secret\"/>", true},
		{"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n"
		 "-----END PRIVATE KEY-----\n",
			"-----BEGIN PRIVATE KEY-----", false},
		{"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n"
		 "-----END PRIVATE KEY-----\n",
			"MIIEvQIBADANBgkqhkiG9w0B", true},
		{"------------------\n==================", "------------------", false},
		/* values */
		{"a\n//r.example/:_authToken=npm_0123456789abcdef\n",
			"token: npm_0123456789abcdef!", true},
		{"a: b\n  token: 'abcdefghij0123456789'\n", "abcdefghij0123456789", true},
		{"{\n\"auth\": \"dXNlcjpwYXNzd29yZDE=\"\n}",
			"dXNlcjpwYXNzd29yZDE=", true},
		{"x\n<password>abcdefgh12345678</password>", "abcdefgh12345678", true},
		{"x\nregistry=https://nexus01.example/npm/\n",
			"https://nexus01.example/npm/", false},
		{"x\nurl=https://user:pa55@nexus01.example/\n",
			"https://user:pa55@nexus01.example/", true},
		{"x\ndir=/opt/app-root/v2/something\n", "/opt/app-root/v2/something",
			false},
		{"x\nsentence = twelve words and the number 12\n",
			"twelve words and the number 12", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_NEEDLES struct s2c_needles *n = needles_of(cases[i].secret);

		if (has(n, cases[i].text) != cases[i].found)
			fail_msg("case %zu: '%s' in '%s'", i, cases[i].secret,
				cases[i].text);
	}
}

static void it_is_told_what_cannot_be_found(void **state)
{
	CLEAN_NEEDLES struct s2c_needles *n = s2c_needles_new();
	bool known = true;

	assert_ok(s2c_needles_add(n, "pin", "1234", 4, &known, &terr));
	assert_false(known);
	assert_ok(s2c_needles_add(n, "empty", "", 0, &known, &terr));
	assert_false(known);
	assert_int_equal(s2c_needles_count(n), 0);
	assert_null(s2c_needles_find(n, "1234", 4));
	assert_ok(s2c_needles_add(n, "a", "0123abcd", 8, &known, &terr));
	assert_true(known);
	known = false;
	assert_ok(s2c_needles_add(n, "again", "0123abcd", 8, &known, &terr));
	assert_true(known);
	assert_int_equal(s2c_needles_count(n), 1);
	assert_string_equal(s2c_needles_find(n, "<0123abcd>", 10), "a");
}

static void bytes_are_found_by_pieces(void **state)
{
	unsigned char secret[5000], zeroes[5000] = {0};
	CLEAN_NEEDLES struct s2c_needles *n = s2c_needles_new();
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
	assert_ok(s2c_needles_add(n, "key", secret, sizeof(secret), NULL, &terr));
	/* All of it, its beginning, its end, and something of its middle. */
	assert_non_null(s2c_needles_find(n, secret, sizeof(secret)));
	assert_non_null(s2c_needles_find(n, secret, 100));
	assert_non_null(s2c_needles_find(n, secret + 4900, 100));
	assert_non_null(s2c_needles_find(n, secret + 1001, 2 * S2C_NEEDLE_PIECE));
	assert_null(s2c_needles_find(n, secret + 1, S2C_NEEDLE_PIECE));
	assert_null(s2c_needles_find(n, zeroes, sizeof(zeroes)));
	assert_ok(s2c_needles_add(n, "zeroes", zeroes, sizeof(zeroes), NULL, &terr));
	assert_null(s2c_needles_find(n, zeroes, sizeof(zeroes)));
}

static void cuts_hide_nothing(void **state)
{
	static char data[5 * S2C_NEEDLE_MAX];
	static const size_t pieces[] = {1, 2, 7, 8, 9, 63, 4095, 4096, 4097, 8192};
	char longest[S2C_NEEDLE_MAX + 100];

	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = (char)('a' + i * i % 23);
	for (int which = 0; which < 2; which++) {
		const char *secret = which ? longest : "tiny-one";
		size_t len = which ? sizeof(longest) : 8;

		for (size_t p = 0; p < ARRAY_SIZE(pieces); p++) {
			CLEAN_NEEDLES struct s2c_needles *n = s2c_needles_new();
			size_t at = 3000 + 611 * p, done = 0;
			struct s2c_needle_search search;
			const char *found = NULL;

			assert_ok(s2c_needles_add(n, "it", secret, len, NULL, &terr));
			memset(data, '.', sizeof(data));
			memcpy(data + at, secret, len);
			s2c_needle_search_begin(&search, n);
			while (done < sizeof(data) && !found) {
				size_t now = sizeof(data) - done;

				now = now < pieces[p] ? now : pieces[p];
				found = s2c_needle_search_next(&search, data + done, now);
				done += now;
			}
			if (!found)
				fail_msg("pieces of %zu, needle %d", pieces[p], which);
		}
	}
}

static void there_is_a_limit(void **state)
{
	CLEAN_NEEDLES struct s2c_needles *n = s2c_needles_new();
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(8u << 20);

	for (unsigned i = 0; i < S2C_NEEDLES_MAX + 10; i++)
		s2c_buf_must_printf(&text, "line number %08u\n", i);
	assert_fails(s2c_needles_add(n, "it", text.data, text.len, NULL, &terr),
		S2C_ELIMIT, "--volume");
	/* Those that are in are found, however many. */
	assert_true(has(n, "xxxxxline number 00000017xx"));
	assert_false(has(n, "line number 0000001x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_forgiven),
		cmocka_unit_test(parts_give_a_secret_away),
		cmocka_unit_test(it_is_told_what_cannot_be_found),
		cmocka_unit_test(bytes_are_found_by_pieces),
		cmocka_unit_test(cuts_hide_nothing),
		cmocka_unit_test(there_is_a_limit),
	};

	return cmocka_run_group_tests_name("needles", tests, NULL, NULL);
}
