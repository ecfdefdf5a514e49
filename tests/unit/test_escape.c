/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 and escaping of foreign bytes. */
#include "helper.h"

#include "util/escape.h"

/* The lines of RFC 3629 section 4 and what lies just outside of them. */
static const struct {
	const char *bytes;
	size_t len;
	bool valid;
} sequences[] = {
	{"", 0, true}, {"a\x7f", 2, true}, {"\xc2\x80", 2, true}, {"\xdf\xbf", 2, true},
	{"\xe0\xa0\x80", 3, true}, {"\xed\x9f\xbf", 3, true}, {"\xee\x80\x80", 3, true},
	{"\xef\xbf\xbf", 3, true}, {"\xf0\x90\x80\x80", 4, true},
	{"\xf4\x8f\xbf\xbf", 4, true}, {"a\0b", 3, false}, /* NUL */
	{"\x80", 1, false},             /* continuation without a start */
	{"\xc0\x80", 2, false},         /* overlong NUL */
	{"\xc1\xbf", 2, false},         /* overlong */
	{"\xc2", 1, false},             /* cut */
	{"\xc2\x41", 2, false},         /* no continuation */
	{"\xe0\x9f\xbf", 3, false},     /* overlong */
	{"\xe1\x80", 2, false},         /* cut */
	{"\xe1\x80\xc0", 3, false},     /* third byte is none */
	{"\xed\xa0\x80", 3, false},     /* surrogate D800 */
	{"\xed\xbf\xbf", 3, false},     /* surrogate DFFF */
	{"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
	{"\xf4\x90\x80\x80", 4, false}, /* above 10FFFF */
	{"\xf5\x80\x80\x80", 4, false}, /* no such start */
	{"\xf0\x90\x80", 3, false},     /* cut */
	{"\xff", 1, false}, {"ok\xc3\xa9\xff", 5, false}, /* good, then bad */
};

static void test_utf8(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
		/* A copy of exactly that length, so that ASan sees a read past it. */
		CLEAN_FREE char *copy = xmalloc(sequences[i].len);

		memcpy(copy, sequences[i].bytes, sequences[i].len);
		if (s2c_utf8_valid(copy, sequences[i].len) != sequences[i].valid)
			fail_msg("sequence %zu", i);
	}
}

static void test_escape(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, max;
		bool tab;
		const char *shown;
	} cases[] = {
		{"plain", 5, 100, false, "plain"},
		{"", 0, 100, false, ""},
		{"a\nb\x1b[2J", 7, 100, false, "a\\x0ab\\x1b[2J"},
		{"a\tb", 3, 100, false, "a\\x09b"},
		{"a\tb", 3, 100, true, "a\tb"},
		{"a\0b", 3, 100, true, "a\\x00b"},
		{"\x7f", 1, 100, false, "\\x7f"},
		/* C1: CSI as UTF-8 and as a raw byte. */
		{"\xc2\x9b", 2, 100, false, "\\xc2\\x9b"},
		{"\x9b", 1, 100, false, "\\x9b"},
		{"\xc2\xa0", 2, 100, false, "\xc2\xa0"},
		{"\xc3\xa9\xf0\x9f\x98\x80", 6, 100, false, "\xc3\xa9\xf0\x9f\x98\x80"},
		{"\xed\xa0\x80", 3, 100, false, "\\xed\\xa0\\x80"},
		{"\xc3", 1, 100, false, "\\xc3"},
		/* Cut between characters, never inside one or inside an escape. */
		{"abcdef", 6, 6, false, "abcdef"},
		{"abcdef", 6, 5, false, "abcde..."},
		{"ab\xc3\xa9", 4, 3, false, "ab..."},
		{"ab\n", 3, 5, false, "ab..."},
		{"ab\n", 3, 6, false, "ab\\x0a"},
		{"abc", 3, 0, false, "..."},
		{"", 0, 0, false, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *copy = xmalloc(cases[i].len);

		memcpy(copy, cases[i].bytes, cases[i].len);

		CLEAN_FREE char *shown = s2c_escape(
			copy, cases[i].len, cases[i].max, cases[i].tab);

		assert_string_equal(shown, cases[i].shown);
	}
}

static void test_escape_all_bytes(void **state)
{
	char all[512];

	for (int i = 0; i < 512; i++)
		all[i] = (char)(i / 2);

	CLEAN_FREE char *shown = s2c_escape(all, sizeof(all), 4096, false);
	CLEAN_FREE char *again = s2c_escape(shown, strlen(shown), 4096, false);

	assert_true(s2c_utf8_valid(shown, strlen(shown)));
	assert_string_equal(shown, again);
	for (const char *p = shown; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
