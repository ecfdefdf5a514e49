/* SPDX-License-Identifier: Apache-2.0 */
/* What COPY takes out of a source. */
#include "helper.h"

#include "build/dockerfile_copy.h"

/* a.js b.js sub/c.js sub/deep/d link->sub/c.js dir->sub up->../x abs->/sub/c.js loop */
static struct s2c_source *make_source(const struct tmp *tmp)
{
	struct s2c_source *source = xcalloc(1, sizeof(*source));

	tmp_write(tmp, "a.js", "a");
	tmp_write(tmp, "b.js", "bb");
	tmp_write(tmp, ".hidden.js", "h");
	tmp_write(tmp, "sub/c.js", "c");
	tmp_write(tmp, "sub/deep/d", "d");
	tmp_write(tmp, "we[ird", "w");
	assert_int_equal(linkat(tmp->fd, "a.js", tmp->fd, "sub/hard", 0), 0);
	assert_int_equal(symlinkat("sub/c.js", tmp->fd, "link"), 0);
	assert_int_equal(symlinkat("sub", tmp->fd, "dir"), 0);
	assert_int_equal(symlinkat("../x", tmp->fd, "up"), 0);
	assert_int_equal(symlinkat("/sub/c.js", tmp->fd, "abs"), 0);
	assert_int_equal(symlinkat("loop", tmp->fd, "loop"), 0);
	assert_int_equal(symlinkat("../sub/../a.js", tmp->fd, "sub/back"), 0);
	source->fd = openat(tmp->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	source->kind = "directory";
	return source;
}

static void free_source(struct s2c_source *source)
{
	close(source->fd);
	free(source);
}

/* "path=name/" for a directory, "path=name@" if a link has led there. */
static char *dump(const struct s2c_copy_roots *roots)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 16);

	for (size_t i = 0; i < roots->n; i++)
		s2c_buf_must_printf(&buf, "%s%s=%s%s%s", i ? " " : "",
			roots->items[i].path, roots->items[i].name,
			roots->items[i].dir ? "/" : "",
			roots->items[i].linked ? "@" : "");
	return s2c_buf_take(&buf);
}

static void test_find(void **state)
{
	static const struct {
		const char *pattern, *roots;
	} cases[] = {
		{".", ".=./"},
		{"", ".=./"},
		{"/", ".=./"},
		{"./././", ".=./"},
		{"a.js", "a.js=a.js"},
		{"/a.js", "a.js=a.js"},
		{".//a.js", "a.js=a.js"},
		{"sub", "sub=sub/"},
		{"sub/", "sub=sub/"},
		{"sub/deep", "sub/deep=deep/"},
		/* As Go's Match: a star takes a dot, and no slash. */
		{"*.js", ".hidden.js=.hidden.js a.js=a.js b.js=b.js"},
		{"[a-z].js", "a.js=a.js b.js=b.js"},
		{"?.js", "a.js=a.js b.js=b.js"},
		{"s*/*.js", "sub/c.js=c.js"},
		{"*/*/d", "sub/deep/d=d"},
		{"we\\[ird", "we[ird=we[ird"},
		{"link", "sub/c.js=link@"},
		{"abs", "sub/c.js=abs@"},
		{"dir", "sub=dir/@"},
		{"sub/back", "a.js=back@"},
	};
	struct s2c_source *source = make_source(*state);
	struct s2c_copy_from from = {.source = source};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_copy_roots_release) struct s2c_copy_roots roots = {0};

		assert_ok(s2c_copy_find(ctx, &from, cases[i].pattern, &roots, &terr));
		CLEAN_FREE char *text = dump(&roots);
		assert_string_equal(text, cases[i].roots);
	}
	free_source(source);
}

static void test_find_refused(void **state)
{
	static const struct {
		const char *pattern;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{"none", S2C_ENOENT, "there is no 'none'"},
		{"*.none", S2C_ENOENT, "there is no '*.none'"},
		{"js", S2C_ENOENT, "there is no"},
		{"sub/c.js/x", S2C_ENOENT, "there is no"},
		{"dir/c.js", S2C_ENOENT, "there is no"},
		{"..", S2C_EINVAL, "leads out of the source"},
		{"sub/../a.js", S2C_EINVAL, "leads out of the source"},
		{"/../etc/passwd", S2C_EINVAL, "leads out of the source"},
		{"[a", S2C_EINVAL, "malformed"},
		{"a\\", S2C_EINVAL, "pattern"},
		{"up", S2C_EINVAL, "link 'up' leads out of the source"},
		{"loop", S2C_EINVAL, "leads to too many others"},
	};
	struct s2c_source *source = make_source(*state);
	struct s2c_copy_from from = {.source = source};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_copy_roots_release) struct s2c_copy_roots roots = {0};

		assert_fails(s2c_copy_find(ctx, &from, cases[i].pattern, &roots, &terr),
			cases[i].code, cases[i].part);
	}
	free_source(source);
}

/* Entries as "path:type:mode=data". */
static char *entries_text(struct s2c_ctx *ctx, struct s2c_entries *entries)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 16);
	const struct s2c_entry *entry;

	for (;;) {
		char data[64] = "";

		assert_ok(s2c_entries_next(entries, ctx, &entry, &terr));
		if (!entry)
			return s2c_buf_take(&buf);
		if (entry->type == S2C_ENTRY_FILE)
			assert_ok(
				s2c_entries_read(entries, data, sizeof(data) - 1, &terr));
		s2c_buf_must_printf(&buf, "%s%s:%c:%o=%s", buf.len ? " " : "",
			entry->path, "fdlh"[entry->type], entry -> mode,
			entry -> link ? entry -> link : data);
	}
}

static void test_entries(void **state)
{
	static const struct {
		const char *pattern, *rename;
		int mode;
		const char *text;
	} cases[] = {
		{"a.js", NULL, -1, "a.js:f:644=a"},
		{"a.js", "x", 0600, "x:f:600=a"},
		{"link", NULL, -1, "link:f:644=c"},
		{"sub/h*", NULL, -1, "hard:f:644=a"},
		{"[ab].js", NULL, -1, "a.js:f:644=a b.js:f:644=bb"},
		/* A file of two names is whole under each of them. */
		{"sub", NULL, -1,
			"back:l:777=../sub/../a.js c.js:f:644=c deep:d:755= "
			"deep/d:f:644=d "
			"hard:f:644=a"},
	};
	struct s2c_source *source = make_source(*state);
	struct s2c_copy_from from = {.source = source};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN(s2c_copy_roots_release) struct s2c_copy_roots roots = {0};
		CLEAN_ENTRIES struct s2c_entries *entries = NULL;

		assert_ok(s2c_copy_find(ctx, &from, cases[i].pattern, &roots, &terr));
		struct s2c_copy_map map = {.roots = roots.items,
			.n = roots.n,
			.rename = cases[i].rename,
			.mode = cases[i].mode};

		assert_ok(s2c_copy_entries(&from, &map, &entries, &terr));
		CLEAN_FREE char *text = entries_text(ctx, entries);
		assert_string_equal(text, cases[i].text);
	}
	free_source(source);
}

/* Scripts of elsewhere lie on top, and hide what has their names. */
static void test_scripts_on_top(void **state)
{
	struct s2c_source *source = make_source(*state);
	struct s2c_scripts scripts = {0};
	struct s2c_copy_from from = {.source = source, .scripts = &scripts};
	struct s2c_script_source *run = &scripts.items[S2C_SCRIPT_RUN];
	CLEAN(s2c_copy_roots_release) struct s2c_copy_roots roots = {0};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL, *archive = NULL;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	tmp_write(*state, "run", "the source's own");
	run->found = true;
	run->body = (struct s2c_buf)S2C_BUF_INIT(100);
	assert_ok(s2c_buf_puts(&run->body, "theirs", &terr));
	assert_ok(s2c_copy_find(ctx, &from, "run", &roots, &terr));
	struct s2c_copy_map map = {.roots = roots.items, .n = roots.n, .mode = -1};

	assert_int_equal(roots.n, 1);
	assert_ok(s2c_copy_entries(&from, &map, &entries, &terr));
	CLEAN_FREE char *text = entries_text(ctx, entries);
	assert_string_equal(text, "run:f:755=theirs");
	assert_ok(s2c_copy_archive(ctx, &from, "run", &archive, &terr));
	assert_null(archive);
	s2c_scripts_release(&scripts);
	free_source(source);
}

static void test_no_archives(void **state)
{
	static const char *const names[] = {"a.js", "zeros", "gz", "empty"};
	struct s2c_source *source = make_source(*state);
	struct s2c_copy_from from = {.source = source};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	static const char zeros[1024];
	struct tmp *tmp = *state;
	int fd;

	tmp_write(tmp, "empty", "");
	tmp_write(tmp, "gz", "\x1f\x8b no gzip at all");
	tmp_write(tmp, "bz", "BZh91AY");
	fd = openat(tmp->fd, "zeros", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct s2c_entries *entries = NULL;

		assert_ok(s2c_copy_archive(ctx, &from, names[i], &entries, &terr));
		assert_null(entries);
	}
	struct s2c_entries *entries = NULL;

	assert_fails(s2c_copy_archive(ctx, &from, "bz", &entries, &terr),
		S2C_EUNSUPPORTED, "bzip2 or xz");
	free_source(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(test_find),
		tmp_test(test_find_refused),
		tmp_test(test_entries),
		tmp_test(test_scripts_on_top),
		tmp_test(test_no_archives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
