/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tars as source: from a file, a pipe and standard input, plain and compressed, friendly
 * and hostile. The extractor's own confinement is tested with codec/extract; here it is
 * what of it a source needs.
 */
#include "helper.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/compress.h"
#include "source/source.h"

/* An archive in memory, header by header, so that it can be as wrong as it likes. */
struct archive {
	struct s2c_buf buf;
};

static void add(struct archive *a, char type, const char *name, const char *link,
	const char *data)
{
	char block[512] = "";
	unsigned sum = 0;
	size_t size = data ? strlen(data) : 0;

	snprintf(block, 100, "%s", name);
	snprintf(block + 100, 8, "%07o", type == '5' ? 0750 : 06755);
	snprintf(block + 108, 8, "%07o", 1234);
	snprintf(block + 116, 8, "%07o", 1234);
	snprintf(block + 124, 12, "%011o", (unsigned)size);
	snprintf(block + 136, 12, "%011o", 1700000000);
	block[156] = type;
	snprintf(block + 157, 100, "%s", link ? link : "");
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
	assert_ok(s2c_buf_add(&a->buf, block, sizeof(block), &terr));
	if (size > 0) {
		memset(block, 0, sizeof(block));
		assert_true(size <= sizeof(block));
		memcpy(block, data, size);
		assert_ok(s2c_buf_add(&a->buf, block, sizeof(block), &terr));
	}
}

static void add_end(struct archive *a)
{
	static const char zeros[1024];

	assert_ok(s2c_buf_add(&a->buf, zeros, sizeof(zeros), &terr));
}

#define ARCHIVE_INIT                                                                     \
	{                                                                                \
		.buf = S2C_BUF_INIT(1u << 20)                                            \
	}

static void archive_release(struct archive *a)
{
	s2c_buf_release(&a->buf);
}

/* A small application. */
static void add_app(struct archive *a)
{
	add(a, '5', "app/", NULL, NULL);
	add(a, '0', "./app/a", NULL, "one");
	add(a, '0', "b", NULL, "two");
	add(a, '1', "app/c", "b", NULL);
	add(a, '2', "app/l", "../../../etc/passwd", NULL);
	add_end(a);
}

static int open_tar(const struct tmp *tmp, const char *spec, int stdin_fd,
	struct s2c_source **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_ctx) struct s2c_ctx *parent = quiet_ctx();
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = s2c_ctx_child(parent, 60);
	CLEAN_FD int stage_fd = -1;
	struct s2c_source_opts opts = {
		.spec = spec, .stage_path = "/nowhere", .stdin_fd = stdin_fd};

	assert_ok(s2c_fs_rm_rf(tmp->fd, "stage", &terr));
	assert_ok(s2c_fs_mkdir_p(tmp->fd, "stage", 0700, &terr));
	assert_ok(s2c_fs_open(
		tmp->fd, "stage", O_RDONLY | O_DIRECTORY, 0, &stage_fd, &terr));
	opts.stage_fd = stage_fd;
	return s2c_source_open(ctx, &opts, out, err);
}

static int open_bytes(const struct tmp *tmp, const void *data, size_t len,
	struct s2c_source **out, struct s2c_error **err)
{
	CLEAN_FREE char *path = xasprintf("%s/x.tar", tmp->path);

	assert_ok(s2c_fs_write_file(tmp->fd, "x.tar", data, len, 0644, &terr));
	return open_tar(tmp, path, -1, out, err);
}

static void assert_app(struct s2c_source *source)
{
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(4096);
	const struct s2c_entry *e = NULL;

	assert_string_equal(source->kind, "tar");
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	for (;;) {
		assert_ok(s2c_entries_next(entries, ctx, &e, &terr));
		if (!e)
			break;
		assert_int_equal(e->uid, geteuid());
		if (e->type == S2C_ENTRY_FILE)
			assert_int_equal(e->mtime, 1700000000);
		s2c_buf_must_printf(&text, "%d %04o %s%s%s\n", (int)e->type,
			(unsigned)e->mode, e->path, e->link ? " -> " : "",
			e->link ? e->link : "");
	}
	/* A single directory at the top would stay; the setuid bits do not. */
	assert_string_equal(s2c_buf_str(&text), "1 0750 app\n"
						"0 0755 app/a\n"
						"0 0755 app/c\n"
						"2 0777 app/l -> ../../../etc/passwd\n"
						"3 0755 b -> app/c\n");
}

static void test_forms(void **state)
{
	static const enum s2c_compression kinds[] = {
		S2C_COMPRESS_NONE, S2C_COMPRESS_GZIP, S2C_COMPRESS_ZSTD};
	const struct tmp *tmp = *state;
	CLEAN(archive_release) struct archive a = ARCHIVE_INIT;

	add_app(&a);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CLEAN_SOURCE struct s2c_source *source = NULL;
		CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(1u << 20);
		CLEAN_WRITER struct s2c_writer *buf = s2c_writer_buf(&packed);
		CLEAN_WRITER struct s2c_writer *w = s2c_compress(kinds[i], 0, buf);

		assert_ok(s2c_write(w, a.buf.data, a.buf.len, &terr));
		assert_ok(s2c_finish(w, &terr));
		assert_ok(open_bytes(tmp, packed.data, packed.len, &source, &terr));
		assert_app(source);
		assert_true(starts_with(source->info.location, tmp->path));

		/* The same through a pipe, in small pieces. */
		CLEAN_SOURCE struct s2c_source *piped = NULL;
		int fds[2];

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid_t pid = fork();

		if (pid == 0) {
			for (size_t at = 0; at < packed.len; at += 100) {
				size_t n = packed.len - at < 100 ? packed.len - at : 100;

				if (write(fds[1], packed.data + at, n) != (ssize_t)n)
					_exit(1);
			}
			_exit(0);
		}
		close(fds[1]);
		assert_ok(open_tar(tmp, "-", fds[0], &piped, &terr));
		close(fds[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_app(piped);
		assert_string_equal(piped->info.location, "-");
	}
}

static void test_context(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN(archive_release) struct archive a = ARCHIVE_INIT;
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(64);
	CLEAN_FREE char *spec = xasprintf("%s/x.tar#:app", tmp->path);
	CLEAN_FREE char *with_ref = xasprintf("%s/x.tar#main", tmp->path);
	struct s2c_source *none = NULL;

	add_app(&a);
	assert_ok(
		s2c_fs_write_file(tmp->fd, "x.tar", a.buf.data, a.buf.len, 0644, &terr));
	assert_ok(open_tar(tmp, spec, -1, &source, &terr));
	assert_ok(s2c_source_read(source, "a", &text, &terr));
	assert_string_equal(s2c_buf_str(&text), "one");
	assert_fails(open_tar(tmp, with_ref, -1, &none, &terr), S2C_EINVAL,
		"is no git repository, so there is no ref 'main'");
}

/* One entry after a good one. Nothing may appear beside the stage's tree. */
static void test_hostile(void **state)
{
	static const struct {
		char type;
		const char *name, *link;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{'0', "../pwned", NULL, S2C_EINVAL, "../pwned"},
		{'0', "a/../../pwned", NULL, S2C_EINVAL, "pwned"},
		{'0', "out/pwned", NULL, S2C_EINVAL, "out"},
		{'1', "pwned", "../../x.tar", S2C_EINVAL, "x.tar"},
		{'1', "pwned", "out/x.tar", S2C_EINVAL, "out"},
		{'3', "dev", NULL, S2C_EINVAL, "dev"},
		{'4', "dev", NULL, S2C_EINVAL, "dev"},
		{'6', "fifo", NULL, S2C_EINVAL, "fifo"},
	};
	const struct tmp *tmp = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(archive_release) struct archive a = ARCHIVE_INIT;
		CLEAN_FREE char *up = xasprintf("%s", tmp->path);
		struct s2c_source *none = NULL;

		add(&a, '0', "a", NULL, "one");
		add(&a, '2', "out", up, NULL);
		add(&a, cases[i].type, cases[i].name, cases[i].link,
			cases[i].type == '0' ? "x" : NULL);
		add_end(&a);
		if (open_bytes(tmp, a.buf.data, a.buf.len, &none, &terr) == 0) {
			/* Replacing the link by a directory is as good as refusing. */
			s2c_source_free(TAKE(none));
			assert_string_equal(cases[i].part, "out");
		} else if (!strstr(s2c_error_message(terr), cases[i].part) ||
			   !strstr(s2c_error_message(terr), "/x.tar': ")) {
			fail_with_error(cases[i].name, __FILE__, __LINE__);
		}
		s2c_error_free(TAKE(terr));
		assert_false(tmp_has(tmp, "pwned"));
		assert_false(tmp_has(tmp, "stage/pwned"));
	}
}

static void test_broken(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN(archive_release) struct archive a = ARCHIVE_INIT;
	CLEAN(archive_release) struct archive nothing = ARCHIVE_INIT;
	CLEAN(archive_release) struct archive wh = ARCHIVE_INIT;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_SOURCE struct s2c_source *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *e = NULL;
	struct s2c_source *none = NULL;
	static const char garbage[2048] = "this is no archive";

	add_app(&a);
	assert_fails(
		open_bytes(tmp, a.buf.data, 600, &none, &terr), S2C_EPROTO, "/x.tar': ");
	assert_fails(open_bytes(tmp, garbage, sizeof(garbage), &none, &terr), S2C_EPROTO,
		"/x.tar': ");
	assert_int_equal(open_bytes(tmp, "", 0, &none, &terr), -1);
	assert_non_null(strstr(s2c_error_message(terr), "/x.tar'"));
	s2c_error_free(TAKE(terr));
	add_end(&nothing);
	assert_fails(open_bytes(tmp, nothing.buf.data, nothing.buf.len, &none, &terr),
		S2C_EINVAL, "is empty");
	/* A whiteout is a name like any other until it is to be sent. */
	add(&wh, '0', ".wh.x", NULL, "1");
	add_end(&wh);
	assert_ok(open_bytes(tmp, wh.buf.data, wh.buf.len, &source, &terr));
	assert_ok(s2c_source_walk(source, NULL, &entries, &terr));
	assert_fails(s2c_entries_next(entries, ctx, &e, &terr), S2C_EINVAL,
		"'.wh.x' has a name that means a deletion");
}

/* Standard input that never comes does not outlive the deadline. */
static void test_silent(void **state)
{
	const struct tmp *tmp = *state;
	CLEAN(s2c_clean_ctx) struct s2c_ctx *parent = quiet_ctx();
	CLEAN(s2c_clean_ctx) struct s2c_ctx *ctx = s2c_ctx_child(parent, 1);
	struct s2c_source_opts opts = {.spec = "-", .stage_fd = tmp->fd};
	struct s2c_source *none = NULL;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	opts.stdin_fd = fds[0];
	assert_fails(s2c_source_open(ctx, &opts, &none, &terr), S2C_ETIMEOUT,
		"source 'standard input'");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_forms),
		tmp_test(test_context),
		tmp_test(test_hostile),
		tmp_test(test_broken),
		tmp_test(test_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
