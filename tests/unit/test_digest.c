/* SPDX-License-Identifier: Apache-2.0 */
/* Digests: the grammar, known hashes, and the two streams. */
#include "helper.h"

#include "codec/digest.h"

#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                           \
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"        \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void test_parse(void **state)
{
	static const char *const good[] = {EMPTY, ABC, ABC512};
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"", "no algorithm"},
		{"sha256", "no algorithm"},
		{":", "neither"},
		{"sha256:", "needs 64"},
		{"sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "neither"},
		{"SHA256:"
		 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"neither"},
		{"sha256:"
		 "E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"needs 64"},
		{EMPTY "0", "needs 64"},
		{EMPTY "\n", "needs 64"},
		{EMPTY ":", "needs 64"},
		{"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
			"needs 64"},
		{"sha256:../../../../../../../../../../../../../../../../etc/"
		 "passwdxxxxxxx",
			"needs 64"},
		{"sha512:"
		 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"needs 128"},
		{" " ABC, "neither"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct s2c_digest d;

		assert_ok(s2c_digest_parse(good[i], &d, &terr));
		assert_string_equal(d.str, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct s2c_digest d = {"untouched"};

		assert_fails(s2c_digest_parse(bad[i].text, &d, &terr), S2C_EINVAL,
			bad[i].words);
		assert_string_equal(d.str, "untouched");
	}
}

static void test_parts(void **state)
{
	struct s2c_digest a, b, unset = {""};
	char text[13];

	assert_ok(s2c_digest_parse(ABC, &a, &terr));
	assert_ok(s2c_digest_parse(ABC512, &b, &terr));
	assert_true(s2c_digest_equal(&a, &a));
	assert_false(s2c_digest_equal(&a, &b));
	assert_string_equal(s2c_digest_algo(&a), "sha256");
	assert_string_equal(s2c_digest_algo(&b), "sha512");
	assert_string_equal(s2c_digest_algo(&unset), "");
	assert_string_equal(s2c_digest_hex(&a), &(ABC)[7]);
	assert_string_equal(s2c_digest_hex(&unset), "");
	s2c_digest_short(&a, text);
	assert_string_equal(text, "ba7816bf8f01");
	s2c_digest_short(&unset, text);
	assert_string_equal(text, "");
}

static void test_hash(void **state)
{
	struct s2c_hasher *hasher = s2c_hasher_new("sha512");
	struct s2c_digest d;

	s2c_digest_of("", 0, &d);
	assert_string_equal(d.str, EMPTY);
	s2c_digest_of("abc", 3, &d);
	assert_string_equal(d.str, ABC);
	s2c_hasher_update(hasher, "a", 1);
	s2c_hasher_update(hasher, "", 0);
	s2c_hasher_update(hasher, "bc", 2);
	s2c_hasher_final(hasher, &d);
	assert_string_equal(d.str, ABC512);
	s2c_hasher_free(hasher);
	s2c_hasher_free(NULL);
}

static void test_writer(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
	CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(&buf);
	struct s2c_digest first = {""}, second = {""};
	uint64_t size = 7;
	CLEAN_WRITER struct s2c_writer *inner = s2c_writer_digest(end, &second, NULL);
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_digest(inner, &first, &size);
	CLEAN_WRITER struct s2c_writer *sink = s2c_writer_digest(NULL, NULL, &size);

	assert_ok(s2c_write(w, "ab", 2, &terr));
	assert_ok(s2c_write(w, "c", 1, &terr));
	assert_string_equal(first.str, "");
	assert_int_equal(size, 7);
	assert_ok(s2c_finish(w, &terr));
	assert_string_equal(first.str, ABC);
	assert_string_equal(second.str, ABC);
	assert_int_equal(size, 3);
	assert_string_equal(s2c_buf_str(&buf), "abc");
	assert_ok(s2c_write(sink, "abcd", 4, &terr));
	assert_ok(s2c_finish(sink, &terr));
	assert_int_equal(size, 4);
}

/* The failure of what is behind passes through. */
static void test_writer_full(void **state)
{
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(2);
	CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(&buf);
	struct s2c_digest d = {""};
	CLEAN_WRITER struct s2c_writer *w = s2c_writer_digest(end, &d, NULL);

	assert_fails(s2c_write(w, "abc", 3, &terr), S2C_ELIMIT, "2");
	assert_string_equal(d.str, "");
}

/* Reads to the end or the error in pieces of `piece`; the number of bytes or -1. */
static ssize_t drain(struct s2c_reader *r, size_t piece, struct s2c_error **err)
{
	ssize_t total = 0, n;
	char buf[64];

	while ((n = s2c_read(r, buf, piece, err)) > 0)
		total += n;
	return n < 0 ? -1 : total;
}

static void test_reader(void **state)
{
	static const struct {
		const char *content, *digest;
		uint64_t size;
		const char *words; /* NULL: good */
	} rows[] = {
		{"abc", ABC, 3, NULL},
		{"abc", ABC, UINT64_MAX, NULL},
		{"abc", "", 3, NULL},
		{"abc", "", UINT64_MAX, NULL},
		{"abc", ABC512, 3, NULL},
		{"", EMPTY, 0, NULL},
		{"abd", ABC, 3, "blob 'x' is damaged: its digest is sha256:a52d"},
		{"abd", ABC512, 3, "blob 'x' is damaged: its digest is sha512:"},
		{"ab", ABC, 3, "blob 'x' has 2 bytes where 3 were promised"},
		{"", ABC, 3, "blob 'x' has 0 bytes where 3 were promised"},
		{"abcd", ABC, 3, "more than the promised 3 bytes"},
		{"abcd", "", 3, "more than the promised 3 bytes"},
		{"abcd", ABC, UINT64_MAX, "is damaged"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
		size_t row = i / 2, piece = i % 2 ? 1 : 64;
		struct s2c_digest_check check = {
			.size = rows[row].size, .what = "blob 'x'"};
		size_t len = strlen(rows[row].content);

		strcpy(check.digest.str, rows[row].digest);
		CLEAN_READER struct s2c_reader *r = s2c_reader_digest(
			s2c_reader_mem(rows[row].content, len), true, &check);
		if (!rows[row].words) {
			assert_ok(drain(r, piece, &terr));
			assert_ok(drain(r, piece, &terr));
		} else {
			assert_fails(
				drain(r, piece, &terr), S2C_EDIGEST, rows[row].words);
			assert_fails(drain(r, piece, &terr), S2C_EDIGEST, "blob 'x'");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_full),
		cmocka_unit_test(test_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
