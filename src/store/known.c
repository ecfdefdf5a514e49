/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of what is known: read once, asked by any thread, written once. Notes are kept
 * apart from what was read, so that writing can put them on top of what other commands
 * wrote in the meantime.
 */
#include "store/known.h"

#include <stdio.h>
#include <time.h>

#include "store/internal.h"
#include "store/known_table.h"
#include "util/fault.h"
#include "util/fs.h"
#include "util/pool.h"

#define FILE_NAME "known"
#define LOCK_NAME "known.lock"
/* Nobody waits longer than that for the sake of hints. */
#define LOCK_SECONDS 5

struct s2c_known {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	struct s2c_monitor *lock;     /* of what follows */
	struct s2c_known_table table; /* the file, with our notes */
	struct s2c_known_table notes;
	struct s2c_known_table gone; /* places that turned out to be none */
	bool changed;
};

static int64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* An unreadable file leaves the table empty. */
static void load(
	struct s2c_ctx *ctx, struct s2c_store *store, struct s2c_known_table *table)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_KNOWN_BYTES_MAX);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_fs_read_file(store->root_fd, FILE_NAME, &text, &cause) == 0 &&
		s2c_known_parse(s2c_buf_str(&text), text.len, now(), table, &cause) == 0)
		return;
	s2c_known_table_release(table);
	if (s2c_error_code(cause) != S2C_ENOENT)
		s2c_emit_log(ctx, S2C_DEBUG, "'%s/%s' is ignored: %s", store->path,
			FILE_NAME, s2c_error_message(cause));
}

static int save(
	struct s2c_store *store, struct s2c_known_table *table, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_KNOWN_BYTES_MAX);

	s2c_known_bound(table);
	s2c_known_print(table, &text);
	if (s2c_fault_point("store.known", err) < 0)
		return -1;
	return s2c_store_put_file(
		store, store->root_fd, FILE_NAME, s2c_buf_str(&text), text.len, err);
}

static int take_lock(
	struct s2c_ctx *ctx, struct s2c_store *store, int *out_fd, struct s2c_error **err)
{
	return s2c_fs_lock(ctx, store->root_fd, LOCK_NAME,
		(struct s2c_lock_opts){.exclusive = true}, out_fd, err);
}

struct s2c_known *s2c_known_open(struct s2c_ctx *ctx, struct s2c_store *store)
{
	struct s2c_known *known = xcalloc(1, sizeof(*known));

	known->ctx = ctx;
	known->store = store;
	known->lock = s2c_monitor_new();
	load(ctx, store, &known->table);
	return known;
}

static struct s2c_known_place place_of(const struct s2c_known_place_entry *e)
{
	return (struct s2c_known_place){.digest = &e->digest,
		.registry = e->registry,
		.repository = e->repository};
}

/* Our notes on top of the file as it is now. */
static int write_notes(
	struct s2c_ctx *ctx, const struct s2c_known *known, struct s2c_error **err)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	CLEAN_FD int lock = -1;

	if (take_lock(ctx, known->store, &lock, err) < 0)
		return -1;
	load(ctx, known->store, &table);
	for (size_t i = 0; i < known->gone.n_places; i++) {
		struct s2c_known_place place = place_of(&known->gone.places[i]);

		(void)s2c_known_drop_place(&table, &place);
	}
	for (size_t i = 0; i < known->notes.n_forms; i++) {
		const struct s2c_known_form_entry *e = &known->notes.forms[i];

		(void)s2c_known_put_form(&table, e->when, &e->diff_id, &e->form);
	}
	for (size_t i = 0; i < known->notes.n_places; i++) {
		struct s2c_known_place place = place_of(&known->notes.places[i]);

		(void)s2c_known_put_place(&table, known->notes.places[i].when, &place);
	}
	return save(known->store, &table, err);
}

static void keep_notes(const struct s2c_known *known)
{
	/* Also what was found out before somebody pressed Ctrl-C is true. */
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_detached(known->ctx, LOCK_SECONDS);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (write_notes(ctx, known, &cause) < 0)
		s2c_emit_log(ctx, S2C_DEBUG, "what is known of blobs is not kept: %s",
			s2c_error_message(cause));
}

void s2c_known_close(struct s2c_known *known)
{
	if (!known)
		return;
	if (known->changed)
		keep_notes(known);
	s2c_known_table_release(&known->table);
	s2c_known_table_release(&known->notes);
	s2c_known_table_release(&known->gone);
	s2c_monitor_free(known->lock);
	free(known);
}

/* ---- forms ---- */

void s2c_known_method(
	enum s2c_compression kind, int level, char out[S2C_KNOWN_METHOD_MAX + 1])
{
	const struct s2c_compressor_ops *ops = s2c_compressor(kind);

	if (ops->max_level == 0)
		(void)snprintf(out, S2C_KNOWN_METHOD_MAX + 1, "%s", ops->name);
	else
		(void)snprintf(out, S2C_KNOWN_METHOD_MAX + 1, "%s:%d", ops->name,
			level ? level : ops->default_level);
}

void s2c_known_note_form(struct s2c_known *known, const struct s2c_digest *diff_id,
	const struct s2c_known_form *form)
{
	int64_t when = now();

	s2c_monitor_enter(known->lock);
	if (s2c_known_put_form(&known->table, when, diff_id, form)) {
		(void)s2c_known_put_form(&known->notes, when, diff_id, form);
		known->changed = true;
	}
	s2c_monitor_leave(known->lock);
}

bool s2c_known_find_form(struct s2c_known *known, const struct s2c_digest *diff_id,
	const char *method, struct s2c_known_form *out)
{
	const struct s2c_known_form_entry *best = NULL;

	s2c_monitor_enter(known->lock);
	for (size_t i = 0; i < known->table.n_forms; i++) {
		const struct s2c_known_form_entry *e = &known->table.forms[i];

		if (s2c_digest_equal(&e->diff_id, diff_id) &&
			streq(e->form.method, method) && (!best || e->when > best->when))
			best = e;
	}
	if (best)
		*out = best->form;
	s2c_monitor_leave(known->lock);
	return best != NULL;
}

/* ---- places ---- */

static struct s2c_known_place place_at(
	const struct s2c_reference *at, const struct s2c_digest *digest)
{
	return (struct s2c_known_place){
		.digest = digest, .registry = at->registry, .repository = at->repository};
}

void s2c_known_note_place(struct s2c_known *known, const struct s2c_reference *at,
	const struct s2c_digest *digest)
{
	struct s2c_known_place place = place_at(at, digest);
	int64_t when = now();

	s2c_monitor_enter(known->lock);
	if (s2c_known_put_place(&known->table, when, &place)) {
		(void)s2c_known_drop_place(&known->gone, &place);
		(void)s2c_known_put_place(&known->notes, when, &place);
		known->changed = true;
	}
	s2c_monitor_leave(known->lock);
}

void s2c_known_forget_place(struct s2c_known *known, const struct s2c_reference *at,
	const struct s2c_digest *digest)
{
	struct s2c_known_place place = place_at(at, digest);

	s2c_monitor_enter(known->lock);
	if (s2c_known_drop_place(&known->table, &place)) {
		(void)s2c_known_drop_place(&known->notes, &place);
		(void)s2c_known_put_place(&known->gone, now(), &place);
		known->changed = true;
	}
	s2c_monitor_leave(known->lock);
}

/* Puts an entry among the newest that were found; returns how many there are. */
static size_t insert(const struct s2c_known_place_entry **found, size_t n, size_t max,
	const struct s2c_known_place_entry *e)
{
	size_t at = n < max ? n : max;

	while (at > 0 && found[at - 1]->when < e->when)
		at--;
	if (at == max)
		return n;
	if (n == max)
		n--;
	memmove(&found[at + 1], &found[at], (n - at) * sizeof(*found));
	found[at] = e;
	return n + 1;
}

size_t s2c_known_find_places(struct s2c_known *known, const struct s2c_digest *digest,
	const char *registry, struct s2c_reference *out, size_t max)
{
	const struct s2c_known_place_entry *found[S2C_KNOWN_PLACES_EACH];
	size_t n = 0;

	if (max > S2C_KNOWN_PLACES_EACH)
		max = S2C_KNOWN_PLACES_EACH;
	s2c_monitor_enter(known->lock);
	for (size_t i = 0; i < known->table.n_places; i++) {
		const struct s2c_known_place_entry *e = &known->table.places[i];

		if (s2c_digest_equal(&e->digest, digest) &&
			(!registry || streq(e->registry, registry)))
			n = insert(found, n, max, e);
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct s2c_reference){0};
		(void)snprintf(out[i].registry, sizeof(out[i].registry), "%s",
			found[i]->registry);
		(void)snprintf(out[i].repository, sizeof(out[i].repository), "%s",
			found[i]->repository);
	}
	s2c_monitor_leave(known->lock);
	return n;
}

/* ---- garbage ---- */

static int prune(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_known_filter *filter, struct s2c_error **err)
{
	CLEAN_KNOWN_TABLE struct s2c_known_table table = {0};
	CLEAN_FD int lock = -1;

	if (take_lock(ctx, store, &lock, err) < 0)
		return -1;
	load(ctx, store, &table);
	return s2c_known_filter(&table, filter) ? save(store, &table, err) : 0;
}

void s2c_known_prune(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_known_filter *filter)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_child(ctx, LOCK_SECONDS);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (prune(own, store, filter, &cause) < 0)
		s2c_emit_log(ctx, S2C_DEBUG, "what is known of blobs is not pruned: %s",
			s2c_error_message(cause));
}
