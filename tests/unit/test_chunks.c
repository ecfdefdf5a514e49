/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads in pieces, as tables.
 */
#include "helper.h"

#include "image/manifest.h"
#include "registry/chunks.h"

#define MIB (1024u * 1024)

static void lengths(void **state)
{
	static const struct {
		struct s2c_chunks chunks;
		uint64_t offset, length;
	} cases[] = {
		{{.size = 100}, 0, 100},
		{{.size = 100}, 99, 1},
		{{.size = 100, .want = 40}, 0, 40},
		{{.size = 100, .want = 40}, 80, 20},
		{{.size = 100, .want = 40}, 61, 39},
		{{.size = 100, .want = 200}, 0, 100},
		{{.size = 100, .want = 40, .least = 50}, 0, 50},
		{{.size = 100, .want = 40, .least = 50}, 70, 30},
		{{.size = 100, .want = 60, .least = 50}, 0, 60},
		{{.size = 100, .want = 40, .least = 1u << 30}, 0, 100},
		{{.size = 100, .least = 50}, 10, 90},
		{{.size = S2C_BLOB_SIZE_MAX, .want = 1}, S2C_BLOB_SIZE_MAX - 1, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(s2c_chunk_length(&cases[i].chunks, cases[i].offset),
			cases[i].length);
}

static void shrinking_ends(void **state)
{
	struct s2c_chunks chunks = {.size = 100 * MIB, .want = 16 * MIB};
	unsigned times = 0;

	while (s2c_chunks_shrink(&chunks, s2c_chunk_length(&chunks, 0)))
		times++;
	assert_int_equal(times, 8);
	assert_int_equal(chunks.want, S2C_CHUNK_LEAST);
	chunks = (struct s2c_chunks){
		.size = 100 * MIB, .want = 16 * MIB, .least = 5 * MIB};
	assert_true(s2c_chunks_shrink(&chunks, 16 * MIB));
	assert_false(s2c_chunks_shrink(&chunks, 8 * MIB));
	assert_int_equal(chunks.want, 8 * MIB);
	/* What was too long may have been shorter than what is wanted. */
	assert_true(s2c_chunks_shrink(
		&(struct s2c_chunks){.size = MIB, .want = 16 * MIB}, MIB));
}

static void ranges(void **state)
{
	static const struct {
		const char *text;
		uint64_t have;
	} good[] = {
		{"0-0", 1},
		{"0-1", 2},
		{"0-4095", 4096},
		{"bytes=0-9", 10},
		{"0-1099511627776", S2C_BLOB_SIZE_MAX + 1},
	};
	static const char *const bad[] = {"", "0", "0-", "-1", "1-2", "0-1-2", "0-1 ",
		" 0-1", "0 - 1", "bytes 0-1", "bytes=bytes=0-1", "0-1/2", "a-b", "0--1",
		"0-x", "0-1099511627777", "0-18446744073709551616",
		"0-99999999999999999999999999", "00000000000000000000-",
		"18446744073709551616-1"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct s2c_upload_range range;

		assert_ok(s2c_upload_range_parse(good[i].text, &range, &terr));
		assert_int_equal(range.have, good[i].have);
		assert_int_equal(range.maybe_none, good[i].have == 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_upload_range range;

		assert_fails(s2c_upload_range_parse(bad[i], &range, &terr), S2C_EPROTO,
			"not the range");
	}
}

static void fates(void **state)
{
	static const struct {
		uint64_t start, length;
		const char *range;
		enum s2c_chunk_fate fate;
		uint64_t have;
	} cases[] = {
		{0, 100, "0-99", S2C_CHUNK_TAKEN, 0},
		{100, 100, "0-199", S2C_CHUNK_TAKEN, 0},
		{0, 1, "0-0", S2C_CHUNK_TAKEN, 0},
		{0, 100, "0-49", S2C_CHUNK_CUT, 50},
		{100, 100, "0-100", S2C_CHUNK_CUT, 101},
		/* The second of two chunks is dropped without a word. */
		{100, 100, "0-99", S2C_CHUNK_LOST, 0},
		{0, 100, "0-0", S2C_CHUNK_LOST, 0},
		{1, 1, "0-0", S2C_CHUNK_LOST, 0},
		{100, 100, "0-200", S2C_CHUNK_LOST, 0},
		{100, 100, "0-49", S2C_CHUNK_LOST, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_upload_range range;
		uint64_t have = 0;

		assert_ok(s2c_upload_range_parse(cases[i].range, &range, &terr));
		assert_int_equal(
			s2c_chunk_fate(cases[i].start, cases[i].length, &range, &have),
			cases[i].fate);
		assert_int_equal(have, cases[i].have);
	}
}

static void minima(void **state)
{
	assert_int_equal(s2c_chunk_least_parse("5242880"), 5 * MIB);
	assert_int_equal(s2c_chunk_least_parse("0"), 0);
	assert_int_equal(s2c_chunk_least_parse(""), 0);
	assert_int_equal(s2c_chunk_least_parse("-1"), 0);
	assert_int_equal(s2c_chunk_least_parse("4k"), 0);
	assert_int_equal(s2c_chunk_least_parse("99999999999999999999"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(shrinking_ends),
		cmocka_unit_test(ranges),
		cmocka_unit_test(fates),
		cmocka_unit_test(minima),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
