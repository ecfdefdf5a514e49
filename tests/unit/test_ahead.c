/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries read ahead: the same stream in another thread, whatever is in it and however
 * much of its data is read; errors behind what came before them; an end at any moment.
 */
#include "helper.h"

#include <sys/syscall.h>

#include "codec/ahead.h"
#include "sandbox.h"

#define BATCH S2C_ENTRIES_AHEAD_BYTES
/* More than can be on their way at once. */
#define MANY (2 * S2C_ENTRIES_AHEAD_BATCHES * S2C_ENTRIES_AHEAD_ENTRIES)

/* A stream of `n` made-up entries, then the end, an error, or a wait for ever. */
struct made {
	struct s2c_entries base;
	size_t n, next;
	size_t size;     /* of the data of every fourth entry */
	bool large;      /* some are larger than a batch, or have an attribute */
	size_t short_at; /* the data of this entry end early; 0: of none */
	bool fails, waits;
	bool *freed;
	struct s2c_entry entry;
	size_t pos;
};

static char byte_at(size_t entry, size_t pos)
{
	return (char)(entry * 31 + pos * 7 + pos / 251);
}

/* What the i-th entry is, for the stream and for who checks it. */
static void make_entry(const struct made *m, size_t i, struct s2c_entry *e)
{
	static const enum s2c_entry_type types[] = {
		S2C_ENTRY_DIR, S2C_ENTRY_FILE, S2C_ENTRY_SYMLINK, S2C_ENTRY_HARDLINK};

	*e = (struct s2c_entry){
		.path = xasprintf("dir%zu/entry%zu", i / 100, i),
		.type = types[i % ARRAY_SIZE(types)],
		.mode = i % 01000,
		.uid = (uint32_t)i,
		.mtime = (int64_t)i * 1000,
		.mtime_ns = (uint32_t)i,
	};
	if (e->type == S2C_ENTRY_SYMLINK || e->type == S2C_ENTRY_HARDLINK)
		e->link = xasprintf("link%zu", i);
	if (e->type == S2C_ENTRY_FILE)
		e->size = m->size + i % 3;
	if (m->large && i % 100 == 5)
		e->size = BATCH - 10 + i / 100;
	if (m->large && i % 100 == 8)
		assert_int_equal(s2c_entry_add_xattr(e, "user.x", "value", 5, &terr), 0);
}

static int made_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct made *m = (struct made *)e;

	s2c_entry_release(&m->entry);
	m->pos = 0;
	*out = NULL;
	if (m->next == m->n && m->waits)
		return s2c_ctx_poll(ctx, NULL, 0, -1, NULL, err);
	if (m->next == m->n && m->fails)
		return s2c_fail(err, S2C_EPROTO, "it breaks off");
	if (m->next == m->n)
		return 0;
	make_entry(m, m->next++, &m->entry);
	*out = &m->entry;
	return 0;
}

static ssize_t made_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct made *m = (struct made *)e;
	size_t i = m->next - 1, left = (size_t)m->entry.size - m->pos;

	(void)err;
	if (m->short_at && i == m->short_at)
		left = m->pos < 2 ? 2 - m->pos : 0;
	len = len < left ? len : left;
	/* Never all at once. */
	len = len > 1000 ? 1000 : len;
	for (size_t k = 0; k < len; k++)
		((char *)buf)[k] = byte_at(i, m->pos + k);
	m->pos += len;
	return (ssize_t)len;
}

static int made_data_fd(struct s2c_entries *e)
{
	(void)e;
	return 12345;
}

static void made_free(struct s2c_entries *e)
{
	struct made *m = (struct made *)e;

	s2c_entry_release(&m->entry);
	if (m->freed)
		*m->freed = true;
	free(m);
}

static struct s2c_entries *made(const struct made *what)
{
	static const struct s2c_entries_ops ops = {
		.next = made_next,
		.read = made_read,
		.data_fd = made_data_fd,
		.free = made_free,
	};
	struct made *m = xmalloc(sizeof(*m));

	*m = *what;
	m->base.ops = &ops;
	return &m->base;
}

static void check_entry(const struct made *m, size_t i, const struct s2c_entry *got)
{
	CLEAN_ENTRY struct s2c_entry e;

	make_entry(m, i, &e);
	assert_string_equal(got->path, e.path);
	assert_int_equal(got->type, e.type);
	assert_int_equal(got->mode, e.mode);
	assert_int_equal(got->uid, e.uid);
	assert_int_equal(got->size, e.size);
	assert_int_equal(got->mtime, e.mtime);
	assert_int_equal(got->mtime_ns, e.mtime_ns);
	assert_int_equal(!got->link, !e.link);
	if (e.link)
		assert_string_equal(got->link, e.link);
	assert_int_equal(got->n_xattrs, e.n_xattrs);
}

/* Reads up to `most` bytes of the i-th entry, in pieces of `piece`. */
static void check_data(struct s2c_entries *s, size_t i, size_t size, size_t most)
{
	char buf[777];
	size_t at = 0;

	while (at < most) {
		size_t want = most - at < sizeof(buf) ? most - at : sizeof(buf);
		ssize_t n = s2c_entries_read(s, buf, want, &terr);

		assert_ok((int)n);
		if (n == 0)
			break;
		for (ssize_t k = 0; k < n; k++)
			if (buf[k] != byte_at(i, at + (size_t)k))
				fail_msg("wrong byte at %zu of %zu", at + (size_t)k, i);
		at += (size_t)n;
	}
	assert_int_equal(at, most < size ? most : size);
}

/* Takes `n` entries and as much of their data as is said. */
static void take(struct s2c_ctx *ctx, struct s2c_entries *s, const struct made *m,
	size_t n, size_t most)
{
	for (size_t i = 0; i < n; i++) {
		const struct s2c_entry *e = NULL;

		assert_ok(s2c_entries_next(s, ctx, &e, &terr));
		assert_non_null(e);
		check_entry(m, i, e);
		check_data(s, i, (size_t)e->size, most);
	}
}

static void gives_the_same(void **state)
{
	static const struct made rows[] = {
		{.n = 0},
		{.n = 1},
		{.n = MANY + 3},
		{.n = MANY, .size = 5000},
		{.n = MANY, .size = 100, .large = true},
		{.n = 100, .size = BATCH - 100},
		{.n = 100, .size = BATCH + 1},
		{.n = 300, .size = 100, .fails = true},
		{.n = 300, .size = BATCH, .fails = true},
	};
	static const size_t most[] = {0, 10, SIZE_MAX};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(most); i++) {
		struct made m = rows[i % ARRAY_SIZE(rows)];
		CLEAN_ENTRIES struct s2c_entries *s = s2c_entries_ahead(
			ctx, made(&m), true);
		const struct s2c_entry *e = NULL;

		take(ctx, s, &m, m.n, most[i / ARRAY_SIZE(rows)]);
		if (m.fails) {
			assert_fails(s2c_entries_next(s, ctx, &e, &terr), S2C_EPROTO,
				"breaks off");
			assert_fails(s2c_entries_next(s, ctx, &e, &terr), S2C_EIO,
				"after a failure");
		} else {
			assert_ok(s2c_entries_next(s, ctx, &e, &terr));
			assert_null(e);
			assert_ok(s2c_entries_next(s, ctx, &e, &terr));
			assert_null(e);
		}
		assert_int_equal(s2c_entries_read(s, (char[1]){0}, 1, &terr), 0);
	}
}

/* Only what is still in the stream below can be copied from there. */
static void data_fd_of_large_ones(void **state)
{
	struct made m = {.n = 200, .size = 10, .large = true};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *s = s2c_entries_ahead(ctx, made(&m), true);

	(void)state;
	assert_int_equal(s2c_entries_data_fd(s), -1);
	for (size_t i = 0; i < m.n; i++) {
		const struct s2c_entry *e = NULL;

		assert_ok(s2c_entries_next(s, ctx, &e, &terr));
		assert_int_equal(s2c_entries_data_fd(s),
			e->size > BATCH - 20 || e->n_xattrs ? 12345 : -1);
	}
}

static void data_that_end_early(void **state)
{
	struct made m = {.n = 50, .size = 10, .short_at = 41};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *s = s2c_entries_ahead(ctx, made(&m), true);
	const struct s2c_entry *e = NULL;

	(void)state;
	take(ctx, s, &m, 41, SIZE_MAX);
	assert_fails(s2c_entries_next(s, ctx, &e, &terr), S2C_EINVAL,
		"'dir0/entry41' changed");
}

/* Before the first entry, half-way, while the thread waits for room or for a large one.
 */
static void freed_early(void **state)
{
	static const size_t taken[] = {0, 1, 6, 9, 500, MANY};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		bool freed = false;
		struct made m = {
			.n = SIZE_MAX, .size = 50, .large = true, .freed = &freed};
		struct s2c_entries *s = s2c_entries_ahead(ctx, made(&m), true);

		take(ctx, s, &m, taken[i], 10);
		s2c_entries_free(s);
		assert_true(freed);
	}
	/* What is above it goes on. */
	assert_ok(s2c_ctx_check(ctx, &terr));
}

static void freed_in_a_wait(void **state)
{
	bool freed = false;
	struct made m = {.n = 0, .waits = true, .freed = &freed};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *next = made(&m);
	struct made first = {.n = 3000, .waits = true};
	struct s2c_entries *s;

	(void)state;
	s = s2c_entries_ahead(ctx, next, false);
	s2c_entries_free(s);
	assert_false(freed);
	s = s2c_entries_ahead(ctx, made(&first), true);
	take(ctx, s, &first, 100, 0);
	s2c_entries_free(s);
	assert_ok(s2c_ctx_check(ctx, &terr));
}

static void cancelled(void **state)
{
	struct made m = {.n = MANY, .waits = true};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *s = s2c_entries_ahead(ctx, made(&m), true);
	const struct s2c_entry *e = NULL;

	(void)state;
	take(ctx, s, &m, 10, 0);
	s2c_ctx_cancel(ctx);
	assert_fails(s2c_entries_next(s, ctx, &e, &terr), S2C_ECANCELED, "cancelled");
}

static int without_threads(void *arg)
{
	struct made m = {.n = 600, .size = 1000, .large = true, .fails = true};
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_ENTRIES struct s2c_entries *s = s2c_entries_ahead(ctx, made(&m), true);
	const struct s2c_entry *e = NULL;

	(void)arg;
	if (deny_syscall(SYS_clone3, EAGAIN) < 0 || deny_syscall(SYS_clone, EAGAIN) < 0)
		return SANDBOX_SKIP;
	take(ctx, s, &m, m.n, SIZE_MAX);
	if (s2c_entries_next(s, ctx, &e, &terr) == 0)
		return 1;
	s2c_error_free(TAKE(terr));
	return 0;
}

static void no_threads_to_be_had(void **state)
{
	int got = in_child(without_threads, *state);

	if (got == SANDBOX_SKIP)
		skip_because("system calls cannot be denied here");
	assert_int_equal(got, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_same),
		cmocka_unit_test(data_fd_of_large_ones),
		cmocka_unit_test(data_that_end_early),
		cmocka_unit_test(freed_early),
		cmocka_unit_test(freed_in_a_wait),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(no_threads_to_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
