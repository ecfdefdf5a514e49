/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/guard.h"

#define PIECE 65536

struct guard {
	struct s2c_entries base;
	struct s2c_entries *next;
	struct s2c_needle_search search;
	const struct s2c_entry *entry; /* whose data is read; NULL: none */
};

static int found(const char *what, const char *where, struct s2c_error **err)
{
	return s2c_fail(err, S2C_EDENIED,
		"the image would hold what only the build may see: %s is in %s; assemble "
		"must not copy it there (a file that is no secret is better given with "
		"--volume)",
		what, where);
}

static int found_at(const struct s2c_entry *entry, const char *part, const char *what,
	struct s2c_error **err)
{
	/* A name may be the secret. */
	if (!part) {
		CLEAN_FREE char *where = xasprintf("'/%s'", entry->path);

		return found(what, where, err);
	}
	return found(what, part, err);
}

static int check_meta(
	const struct guard *g, const struct s2c_entry *entry, struct s2c_error **err)
{
	const struct s2c_needles *needles = g->search.needles;
	const char *what = s2c_needles_find(needles, entry->path, strlen(entry->path));

	if (what) {
		const char *slash = strrchr(entry->path, '/');
		size_t len = slash ? (size_t)(slash - entry->path) : 0;
		CLEAN_FREE char *where = NULL;

		if (s2c_needles_find(needles, entry->path, len))
			len = 0;
		where = xasprintf("a name below '/%.*s'", (int)len, entry->path);
		return found_at(entry, where, what, err);
	}
	if (entry->link &&
		(what = s2c_needles_find(needles, entry->link, strlen(entry->link))))
		return found_at(entry, NULL, what, err);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct s2c_xattr *x = &entry->xattrs[i];

		what = s2c_needles_find(needles, x->name, strlen(x->name));
		if (!what)
			what = s2c_needles_find(needles, x->value, x->len);
		if (what)
			return found_at(entry, NULL, what, err);
	}
	return 0;
}

static ssize_t guard_read(
	struct s2c_entries *e, void *buf, size_t len, struct s2c_error **err)
{
	struct guard *g = (struct guard *)e;
	ssize_t n = s2c_entries_read(g->next, buf, len, err);
	const char *what;

	if (n <= 0) {
		if (n == 0)
			g->entry = NULL;
		return n;
	}
	what = s2c_needle_search_next(&g->search, buf, (size_t)n);
	return what ? found_at(g->entry, NULL, what, err) : n;
}

/* The rest of a file that the caller did not read. */
static int drain(struct guard *g, struct s2c_error **err)
{
	CLEAN_FREE char *piece = NULL;
	ssize_t n = 1;

	while (g->entry && n > 0) {
		if (!piece)
			piece = xmalloc(PIECE);
		n = guard_read(&g->base, piece, PIECE, err);
	}
	return n < 0 ? -1 : 0;
}

static int guard_next(struct s2c_entries *e, struct s2c_ctx *ctx,
	const struct s2c_entry **out, struct s2c_error **err)
{
	struct guard *g = (struct guard *)e;
	const struct s2c_entry *entry;

	if (drain(g, err) < 0 || s2c_entries_next(g->next, ctx, &entry, err) < 0)
		return -1;
	if (entry && check_meta(g, entry, err) < 0)
		return -1;
	s2c_needle_search_begin(&g->search, g->search.needles);
	g->entry = entry && entry->type == S2C_ENTRY_FILE && entry->size ? entry : NULL;
	*out = entry;
	return 0;
}

static void guard_free(struct s2c_entries *e)
{
	struct guard *g = (struct guard *)e;

	s2c_entries_free(g->next);
	free(g);
}

struct s2c_entries *s2c_entries_guard(
	struct s2c_entries *entries, const struct s2c_needles *needles)
{
	/* No descriptor of the data: what is copied inside the kernel is not seen. */
	static const struct s2c_entries_ops ops = {
		.next = guard_next, .read = guard_read, .free = guard_free};
	struct guard *g = xcalloc(1, sizeof(*g));

	g->base.ops = &ops;
	g->next = entries;
	s2c_needle_search_begin(&g->search, needles);
	return &g->base;
}

int s2c_json_guard(const struct s2c_json *node, const struct s2c_needles *needles,
	const char *where, struct s2c_error **err)
{
	const char *key = s2c_json_key(node), *text = s2c_json_str(node);
	const char *what = key ? s2c_needles_find(needles, key, strlen(key)) : NULL;

	if (!what && text)
		what = s2c_needles_find(needles, text, strlen(text));
	if (what)
		return found(what, where, err);
	s2c_json_foreach (item, node)
		if (s2c_json_guard(item, needles, where, err) < 0)
			return -1;
	return 0;
}
