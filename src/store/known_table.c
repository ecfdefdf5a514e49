/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what is known, and its text: a line that says the version, then a line for
 * each entry,
 *
 *     form WHEN DIFFID DIGEST SIZE METHOD
 *     place WHEN DIGEST REGISTRY/REPOSITORY
 *
 * Lines instead of JSON because a push waits for this: it is read in one pass.
 */
#include "store/known_table.h"

#define HEAD "s2c-known 1\n"
#define LINE_BYTES_MAX 1024
#define WORDS_MAX 6
#define DAY 86400000

static void place_release(struct s2c_known_place_entry *place)
{
	free(place->registry);
	free(place->repository);
}

void s2c_known_table_release(struct s2c_known_table *table)
{
	for (size_t i = 0; i < table->n_places; i++)
		place_release(&table->places[i]);
	free(table->places);
	free(table->forms);
	*table = (struct s2c_known_table){0};
}

/* ---- putting in ---- */

static bool grown_up(int64_t *entry, int64_t when)
{
	bool changed = when - *entry >= DAY;

	if (when > *entry)
		*entry = when;
	return changed;
}

static void add_form(
	struct s2c_known_table *table, const struct s2c_known_form_entry *entry)
{
	if (table->n_forms == table->forms_cap) {
		table->forms_cap = table->forms_cap ? 2 * table->forms_cap : 64;
		table->forms = xreallocarray(
			table->forms, table->forms_cap, sizeof(*table->forms));
	}
	table->forms[table->n_forms++] = *entry;
}

static void add_place(
	struct s2c_known_table *table, int64_t when, const struct s2c_known_place *place)
{
	if (table->n_places == table->places_cap) {
		table->places_cap = table->places_cap ? 2 * table->places_cap : 64;
		table->places = xreallocarray(
			table->places, table->places_cap, sizeof(*table->places));
	}
	table->places[table->n_places++] = (struct s2c_known_place_entry){.when = when,
		.digest = *place->digest,
		.registry = xstrdup(place->registry),
		.repository = xstrdup(place->repository)};
}

bool s2c_known_put_form(struct s2c_known_table *table, int64_t when,
	const struct s2c_digest *diff_id, const struct s2c_known_form *form)
{
	for (size_t i = 0; i < table->n_forms; i++) {
		struct s2c_known_form_entry *e = &table->forms[i];

		if (!s2c_digest_equal(&e->diff_id, diff_id) ||
			!s2c_digest_equal(&e->form.digest, &form->digest))
			continue;
		/* "gzip" tells nothing new of what is known to be "gzip:6". */
		size_t len = strlen(form->method);
		bool told = !starts_with(e->form.method, form->method) ||
			    (e->form.method[len] && e->form.method[len] != ':');
		if (told)
			e->form = *form;
		return grown_up(&e->when, when) || told;
	}
	add_form(table, &(struct s2c_known_form_entry){
				.when = when, .diff_id = *diff_id, .form = *form});
	return true;
}

static bool is_place(
	const struct s2c_known_place_entry *e, const struct s2c_known_place *p)
{
	return s2c_digest_equal(&e->digest, p->digest) &&
	       streq(e->repository, p->repository) && streq(e->registry, p->registry);
}

bool s2c_known_put_place(
	struct s2c_known_table *table, int64_t when, const struct s2c_known_place *place)
{
	for (size_t i = 0; i < table->n_places; i++)
		if (is_place(&table->places[i], place))
			return grown_up(&table->places[i].when, when);
	add_place(table, when, place);
	return true;
}

bool s2c_known_drop_place(
	struct s2c_known_table *table, const struct s2c_known_place *place)
{
	for (size_t i = 0; i < table->n_places; i++) {
		if (!is_place(&table->places[i], place))
			continue;
		place_release(&table->places[i]);
		table->places[i] = table->places[--table->n_places];
		return true;
	}
	return false;
}

/* ---- taking out ---- */

static int newest_first(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

/* By what they are about, then the newest first; the digest makes the order total. */
static int forms_by_content(const void *a, const void *b)
{
	const struct s2c_known_form_entry *x = a, *y = b;
	int order = strcmp(x->diff_id.str, y->diff_id.str);

	if (order == 0)
		order = newest_first(x->when, y->when);
	return order ? order : strcmp(x->form.digest.str, y->form.digest.str);
}

static int forms_by_time(const void *a, const void *b)
{
	const struct s2c_known_form_entry *x = a, *y = b;
	int order = newest_first(x->when, y->when);

	return order ? order : forms_by_content(a, b);
}

static int places_by_blob(const void *a, const void *b)
{
	const struct s2c_known_place_entry *x = a, *y = b;
	int order = strcmp(x->digest.str, y->digest.str);

	if (order == 0)
		order = newest_first(x->when, y->when);
	if (order == 0)
		order = strcmp(x->registry, y->registry);
	return order ? order : strcmp(x->repository, y->repository);
}

static int places_by_time(const void *a, const void *b)
{
	const struct s2c_known_place_entry *x = a, *y = b;
	int order = newest_first(x->when, y->when);

	return order ? order : places_by_blob(a, b);
}

static void bound_forms(struct s2c_known_table *table)
{
	struct s2c_known_form_entry *all = table->forms;
	size_t kept = 0, each = 0;

	if (table->n_forms == 0)
		return;
	qsort(all, table->n_forms, sizeof(*all), forms_by_content);
	for (size_t i = 0; i < table->n_forms; i++) {
		/* What was kept last is of the same content, or of the one before. */
		each = kept && s2c_digest_equal(&all[i].diff_id, &all[kept - 1].diff_id)
			       ? each + 1
			       : 1;
		if (each <= S2C_KNOWN_FORMS_EACH)
			all[kept++] = all[i];
	}
	qsort(all, kept, sizeof(*all), forms_by_time);
	table->n_forms = kept < S2C_KNOWN_FORMS_MAX ? kept : S2C_KNOWN_FORMS_MAX;
}

static void bound_places(struct s2c_known_table *table)
{
	struct s2c_known_place_entry *all = table->places;
	size_t kept = 0, each = 0;

	if (table->n_places == 0)
		return;
	qsort(all, table->n_places, sizeof(*all), places_by_blob);
	for (size_t i = 0; i < table->n_places; i++) {
		each = kept && s2c_digest_equal(&all[i].digest, &all[kept - 1].digest)
			       ? each + 1
			       : 1;
		if (each <= S2C_KNOWN_PLACES_EACH)
			all[kept++] = all[i];
		else
			place_release(&all[i]);
	}
	qsort(all, kept, sizeof(*all), places_by_time);
	while (kept > S2C_KNOWN_PLACES_MAX)
		place_release(&all[--kept]);
	table->n_places = kept;
}

void s2c_known_bound(struct s2c_known_table *table)
{
	bound_forms(table);
	bound_places(table);
}

static int compare_str(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Also what forms that stay are made of is worth knowing where it is. */
static void filter_places(
	struct s2c_known_table *table, const struct s2c_known_filter *filter)
{
	CLEAN_FREE const char **forms = xcalloc(table->n_forms, sizeof(*forms));
	size_t kept = 0;

	for (size_t i = 0; i < table->n_forms; i++)
		forms[i] = table->forms[i].form.digest.str;
	if (table->n_forms)
		qsort(forms, table->n_forms, sizeof(*forms), compare_str);
	for (size_t i = 0; i < table->n_places; i++) {
		const char *text = table->places[i].digest.str;

		if (filter->keep(filter->self, NULL, &table->places[i].digest) ||
			(table->n_forms && bsearch(&text, forms, table->n_forms,
						   sizeof(*forms), compare_str)))
			table->places[kept++] = table->places[i];
		else
			place_release(&table->places[i]);
	}
	table->n_places = kept;
}

bool s2c_known_filter(
	struct s2c_known_table *table, const struct s2c_known_filter *filter)
{
	size_t before = table->n_forms + table->n_places, kept = 0;

	for (size_t i = 0; i < table->n_forms; i++) {
		const struct s2c_known_form_entry *e = &table->forms[i];

		if (filter->keep(filter->self, &e->diff_id, &e->form.digest))
			table->forms[kept++] = *e;
	}
	table->n_forms = kept;
	filter_places(table, filter);
	return table->n_forms + table->n_places != before;
}

/* ---- text ---- */

/* The words of a line, cut apart in place. */
struct words {
	char line[LINE_BYTES_MAX + 1];
	char *items[WORDS_MAX];
	size_t n;
};

static int split(const char *text, size_t len, struct words *w, struct s2c_error **err)
{
	char *at = w->line;

	if (len > LINE_BYTES_MAX || memchr(text, '\0', len))
		return s2c_fail(err, S2C_EPROTO, "a line that is too long or no text");
	memcpy(w->line, text, len);
	w->line[len] = '\0';
	w->n = 0;
	for (;;) {
		char *end = at + strcspn(at, " ");
		bool last = !*end;

		if (end == at || w->n == WORDS_MAX)
			return s2c_fail(err, S2C_EPROTO, "a line that is none of ours");
		*end = '\0';
		w->items[w->n++] = at;
		if (last)
			return 0;
		at = end + 1;
	}
}

/* Decimal digits, without a zero before them. */
static int parse_number(
	const char *text, uint64_t max, uint64_t *out, struct s2c_error **err)
{
	uint64_t n = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || n > max / 10 || (*text == '0' && text[1]))
			return s2c_fail(err, S2C_EPROTO, "'%.30s' is no number", text);
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (n > max)
		return s2c_fail(err, S2C_EPROTO, "'%.30s' is too large", text);
	*out = n;
	return 0;
}

static int parse_when(const char *text, int64_t now, int64_t *out, struct s2c_error **err)
{
	uint64_t when;

	if (parse_number(text, INT64_MAX, &when, err) < 0)
		return -1;
	*out = (int64_t)when < now ? (int64_t)when : now;
	return 0;
}

static bool is_method(const char *text)
{
	size_t len = strlen(text);

	return len <= S2C_KNOWN_METHOD_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789:.-") == len;
}

static int parse_form(const struct words *w, int64_t now, struct s2c_known_table *table,
	struct s2c_error **err)
{
	struct s2c_known_form_entry e = {0};

	if (w->n != 6 || !is_method(w->items[5]))
		return s2c_fail(err, S2C_EPROTO, "a form that is none");
	if (parse_when(w->items[1], now, &e.when, err) < 0 ||
		s2c_digest_parse(w->items[2], &e.diff_id, err) < 0 ||
		s2c_digest_parse(w->items[3], &e.form.digest, err) < 0 ||
		parse_number(w->items[4], S2C_BLOB_SIZE_MAX, &e.form.size, err) < 0)
		return -1;
	memcpy(e.form.method, w->items[5], strlen(w->items[5]) + 1);
	add_form(table, &e);
	return 0;
}

static int parse_place(const struct words *w, int64_t now, struct s2c_known_table *table,
	struct s2c_error **err)
{
	struct s2c_digest digest;
	struct s2c_reference ref;
	int64_t when;

	if (w->n != 4)
		return s2c_fail(err, S2C_EPROTO, "a place that is none");
	if (parse_when(w->items[1], now, &when, err) < 0 ||
		s2c_digest_parse(w->items[2], &digest, err) < 0 ||
		s2c_reference_parse(w->items[3], &ref, err) < 0)
		return -1;
	if (!*ref.registry || *ref.digest || !streq(ref.tag, "latest"))
		return s2c_fail(err, S2C_EPROTO, "'%s' is no repository", w->items[3]);
	add_place(table, when,
		&(struct s2c_known_place){.digest = &digest,
			.registry = ref.registry,
			.repository = ref.repository});
	return 0;
}

static int parse_line(const char *text, size_t len, int64_t now,
	struct s2c_known_table *table, struct s2c_error **err)
{
	struct words w;

	if (split(text, len, &w, err) < 0)
		return -1;
	if (table->n_forms >= 2 * S2C_KNOWN_FORMS_MAX ||
		table->n_places >= 2 * S2C_KNOWN_PLACES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "too many entries");
	if (streq(w.items[0], "form"))
		return parse_form(&w, now, table, err);
	if (streq(w.items[0], "place"))
		return parse_place(&w, now, table, err);
	return s2c_fail(err, S2C_EPROTO, "'%.30s' is no kind of entry", w.items[0]);
}

int s2c_known_parse(const char *text, size_t len, int64_t now,
	struct s2c_known_table *table, struct s2c_error **err)
{
	const char *end = text + len;
	size_t number = 1;

	if (len < strlen(HEAD) || memcmp(text, HEAD, strlen(HEAD)) != 0)
		return s2c_fail(err, S2C_EPROTO, "not of this version");
	for (const char *at = text + strlen(HEAD); at < end; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (!stop)
			return s2c_fail(err, S2C_EPROTO, "the last line is cut off");
		if (parse_line(at, (size_t)(stop - at), now, table, err) < 0)
			return s2c_wrap(err, "line %zu", number + 1);
		at = stop + 1;
	}
	return 0;
}

void s2c_known_print(const struct s2c_known_table *table, struct s2c_buf *buf)
{
	s2c_buf_must_printf(buf, "%s", HEAD);
	for (size_t i = 0; i < table->n_forms; i++) {
		const struct s2c_known_form_entry *e = &table->forms[i];

		s2c_buf_must_printf(buf, "form %lld %s %s %llu %s\n", (long long)e->when,
			e->diff_id.str, e->form.digest.str,
			(unsigned long long)e->form.size, e->form.method);
	}
	for (size_t i = 0; i < table->n_places; i++) {
		const struct s2c_known_place_entry *e = &table->places[i];

		s2c_buf_must_printf(buf, "place %lld %s %s/%s\n", (long long)e->when,
			e->digest.str, e->registry, e->repository);
	}
}
