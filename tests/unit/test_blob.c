/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs: what goes in comes out, and what was altered does not.
 */
#include "helper.h"

#include "store_helper.h"

#define ABC_SHA256                                                                       \
	"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_SHA512                                                                       \
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"        \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static struct s2c_digest digest(const char *text)
{
	struct s2c_digest d;

	assert_ok(s2c_digest_parse(text, &d, &terr));
	return d;
}

static void put_and_read(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
	CLEAN_BUF struct s2c_buf tiny = S2C_BUF_INIT(2);
	struct s2c_descriptor desc = put_text(store, "abc");
	uint64_t size = 0;

	assert_string_equal(desc.digest.str, ABC_SHA256);
	assert_int_equal(desc.size, 3);
	assert_ok(s2c_blob_stat(store, &desc.digest, &size, &terr));
	assert_int_equal(size, 3);
	assert_true(s2c_blob_exists(store, &desc.digest, 3));
	assert_false(s2c_blob_exists(store, &desc.digest, 4));
	assert_ok(s2c_blob_read(store, &desc.digest, &buf, &terr));
	assert_string_equal(s2c_buf_str(&buf), "abc");
	assert_fails(
		s2c_blob_read(store, &desc.digest, &tiny, &terr), S2C_ELIMIT, ABC_SHA256);

	/* Again, and empty. */
	desc = put_text(store, "abc");
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 1);
	desc = put_text(store, "");
	assert_true(s2c_blob_exists(store, &desc.digest, 0));
}

static void missing_is_named(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_digest abc = digest(ABC_SHA256), abc512 = digest(ABC_SHA512);
	struct s2c_reader *reader = NULL;
	uint64_t size = 77;

	assert_fails(s2c_blob_stat(store, &abc, &size, &terr), S2C_ENOENT, ABC_SHA256);
	assert_int_equal(size, 77);
	assert_fails(
		s2c_blob_open(store, &abc, 3, &reader, &terr), S2C_ENOENT, ABC_SHA256);
	assert_fails(s2c_blob_stat(store, &abc512, &size, &terr), S2C_ENOENT, ABC_SHA512);
	assert_false(tmp_has(tmp, "s/blobs/sha512"));
	assert_null(reader);
}

/* Many writes of odd sizes, so that the gathering in between is met. */
static void ingest_large(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_READER struct s2c_reader *reader = NULL;
	struct s2c_hasher *hasher = s2c_hasher_new("sha256");
	CLEAN_FREE char *piece = xcalloc(1, 300000);
	struct s2c_digest want, got;
	uint64_t total = 0, size = 0;
	ssize_t n;

	assert_ok(s2c_ingest_begin(store, &ingest, &terr));
	for (size_t i = 0; i < 60; i++) {
		size_t len = (i * 7919 * 37) % 300000 + 1;

		memset(piece, (int)i, len);
		s2c_hasher_update(hasher, piece, len);
		assert_ok(s2c_write(s2c_ingest_writer(ingest), piece, len, &terr));
		total += len;
	}
	s2c_hasher_final(hasher, &want);
	s2c_hasher_free(hasher);
	assert_true(total > 8u * 1024 * 1024); /* past one WRITEOUT_STEP */
	/* Chains of writers finish their last one; commit must live with both. */
	assert_ok(s2c_finish(s2c_ingest_writer(ingest), &terr));
	assert_ok(s2c_ingest_commit(ingest, NULL, &got, &size, &terr));
	assert_string_equal(want.str, got.str);
	assert_int_equal(size, total);
	assert_ok(s2c_blob_open(store, &got, total, &reader, &terr));
	for (uint64_t back = 0;; back += (uint64_t)n) {
		n = s2c_read(reader, piece, 300000, &terr);
		assert_ok(n);
		if (n == 0) {
			assert_int_equal(back, total);
			break;
		}
	}
}

static void ingest_text(
	struct s2c_store *store, const char *text, struct s2c_ingest **out)
{
	assert_ok(s2c_ingest_begin(store, out, &terr));
	assert_ok(s2c_write(s2c_ingest_writer(*out), text, strlen(text), &terr));
}

static void ingest_compares(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_digest abc = digest(ABC_SHA256), abc512 = digest(ABC_SHA512), got;
	const struct {
		const char *text;
		struct s2c_ingest_expect expect;
		const char *message; /* NULL: success */
	} cases[] = {
		{"abd", {&abc, 3}, "altered"},
		{"abd", {&abc512, 3}, "sha512:ddaf"},
		{"ab", {&abc, 3}, "2 bytes instead of 3"},
		{"abcd", {NULL, 3}, "4 bytes instead of 3"},
		{"abc", {&abc, UINT64_MAX}, NULL},
		{"abc", {&abc512, 3}, NULL},
		{"abc", {NULL, UINT64_MAX}, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_INGEST struct s2c_ingest *ingest = NULL;

		ingest_text(store, cases[i].text, &ingest);
		got.str[0] = '\0';
		if (cases[i].message) {
			assert_fails(s2c_ingest_commit(
					     ingest, &cases[i].expect, &got, NULL, &terr),
				S2C_EDIGEST, cases[i].message);
			assert_string_equal(got.str, "");
			continue;
		}
		assert_ok(s2c_ingest_commit(ingest, &cases[i].expect, &got, NULL, &terr));
		assert_string_equal(got.str,
			cases[i].expect.digest ? cases[i].expect.digest->str : abc.str);
	}
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 1);
	assert_int_equal(count_dir(tmp, "s/blobs/sha512"), 1);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
}

/* Layers are hashed by who makes them; sizes are compared all the same. */
static void hashed_by_the_caller(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_digest abc = digest(ABC_SHA256), got;
	struct s2c_ingest_expect expect = {.digest = &abc, .size = 4};
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);

	assert_ok(s2c_ingest_begin(store, &ingest, &terr));
	s2c_ingest_hashed_by_caller(ingest);
	assert_ok(s2c_write(s2c_ingest_writer(ingest), "abc", 3, &terr));
	assert_fails(s2c_ingest_commit(ingest, &expect, &got, NULL, &terr), S2C_EDIGEST,
		"3 bytes instead of 4");
	expect.size = 3;
	assert_ok(s2c_ingest_commit(ingest, &expect, &got, NULL, &terr));
	assert_string_equal(got.str, ABC_SHA256);
	assert_ok(s2c_blob_read(store, &abc, &buf, &terr));
}

static void uncommitted_leaves_nothing(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_ingest *ingest = NULL;

	ingest_text(store, "abc", &ingest);
	s2c_ingest_free(ingest);
	s2c_ingest_free(NULL);
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 0);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
}

/* What a disk or a person may do to a blob; every reader must say which one it is. */
static void damage_is_found(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	static const char *const damaged[] = {"abd", "ab", "abcd", ""};

	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
		CLEAN_READER struct s2c_reader *reader = NULL;
		struct s2c_descriptor desc = put_text(store, "abc");
		char c[16];

		tmp_write(tmp, blob_file(&desc.digest), damaged[i]);
		assert_fails(s2c_blob_read(store, &desc.digest, &buf, &terr), S2C_EDIGEST,
			ABC_SHA256);
		if (strlen(damaged[i]) != 3) {
			assert_fails(
				s2c_blob_open(store, &desc.digest, 3, &reader, &terr),
				S2C_EDIGEST, "bytes instead of 3");
		} else {
			assert_ok(s2c_blob_open(store, &desc.digest, 3, &reader, &terr));
			while (s2c_read(reader, c, sizeof(c), &terr) > 0)
				;
			assert_fails(-1, S2C_EDIGEST, ABC_SHA256);
		}
		/* Putting it again heals it, also when the size is right. */
		desc = put_text(store, "abc");
		assert_ok(s2c_blob_read(store, &desc.digest, &buf, &terr));
	}
}

static void ingest_heals(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_INGEST struct s2c_ingest *ingest = NULL;
	CLEAN_BUF struct s2c_buf buf = S2C_BUF_INIT(100);
	struct s2c_digest abc = digest(ABC_SHA256);

	tmp_write(tmp, blob_file(&abc), "abd");
	ingest_text(store, "abc", &ingest);
	assert_ok(s2c_ingest_commit(ingest, NULL, NULL, NULL, &terr));
	assert_ok(s2c_blob_read(store, &abc, &buf, &terr));
}

/* ggcr #2306: a symlink in a layout must not hand out another file. */
static void odd_files_are_no_blobs(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_digest abc = digest(ABC_SHA256);
	CLEAN_FREE char *path = xstrdup(blob_file(&abc));
	CLEAN_FREE char *outside = xasprintf("%s/outside", tmp->path);
	struct s2c_reader *reader = NULL;
	CLEAN_FREE char *content = NULL;
	struct stat st;

	tmp_write(tmp, "outside", "abc");
	for (int kind = 0; kind < 3; kind++) {
		if (kind == 0)
			assert_int_equal(symlinkat(outside, tmp->fd, path), 0);
		else if (kind == 1)
			assert_int_equal(mkfifoat(tmp->fd, path, 0600), 0);
		else
			assert_int_equal(mkdirat(tmp->fd, path, 0700), 0);
		assert_false(s2c_blob_exists(store, &abc, 3));
		assert_fails(s2c_blob_open(store, &abc, 3, &reader, &terr), S2C_ENOENT,
			"not a regular file");
		if (kind == 2)
			break;
		/* The blob takes its place without going through it. */
		put_text(store, "abc");
		assert_int_equal(fstatat(tmp->fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_int_equal(unlinkat(tmp->fd, path, 0), 0);
	}
	content = tmp_read(tmp, "outside");
	assert_string_equal(content, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(put_and_read),
		tmp_test(missing_is_named),
		tmp_test(ingest_large),
		tmp_test(ingest_compares),
		tmp_test(hashed_by_the_caller),
		tmp_test(uncommitted_leaves_nothing),
		tmp_test(damage_is_found),
		tmp_test(ingest_heals),
		tmp_test(odd_files_are_no_blobs),
	};

	return cmocka_run_group_tests_name("blob", tests, NULL, NULL);
}
