/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for many strings at once after Wu and Manber ("A fast algorithm for
 * multi-pattern searching", 1994): of each window of 8 bytes the last four say how far
 * the next window can begin that matches any string at all, which is most of the time
 * beyond all of this one. Where they say nothing, strings that begin with these 8 bytes
 * are compared.
 */
#include "codec/needles.h"

#include <ctype.h>

#include "util/buf.h"

#define WINDOW S2C_NEEDLE_MIN
#define BLOCK 4
#define SHIFT_MAX (WINDOW - BLOCK + 1)
#define SHIFT_BITS 17
#define BUCKET_BITS 16
#define PLACES_MAX 16 /* where a window is tried */
#define NONE UINT32_MAX
#define VARIETY_MIN 4        /* distinct bytes of anything */
#define LINE_VARIETY_MIN 6   /* of a line or token */
#define PIECE_VARIETY_MIN 16 /* of a piece of no text */
#define PIECES_MAX 1024      /* of one secret */

struct needle {
	char *bytes;
	uint32_t len;
	uint32_t at;        /* of the window that it is found by */
	uint32_t next;      /* with the same hash of the window, */
	uint32_t next_same; /* and with the same hash of all of it */
	const char *what;   /* borrowed from names */
	bool weak;          /* a line among others, without a token */
	bool forgiven;      /* and one that everybody may see */
};

struct s2c_needles {
	struct needle *items;
	size_t n, cap;
	size_t longest;
	char **names;
	size_t n_names;
	uint8_t shift[1u << SHIFT_BITS];
	uint32_t buckets[1u << BUCKET_BITS]; /* by window, */
	uint32_t same[1u << BUCKET_BITS];    /* and by content */
};

static uint32_t hash_block(const unsigned char *p)
{
	uint32_t block;

	memcpy(&block, p, sizeof(block));
	return block * 2654435761u >> (32 - SHIFT_BITS);
}

static uint32_t hash_window(const unsigned char *p)
{
	uint64_t window;

	memcpy(&window, p, sizeof(window));
	return (uint32_t)(window * 0x9e3779b97f4a7c15u >> (64 - BUCKET_BITS));
}

/* FNV-1a, folded. */
static uint32_t hash_content(const char *bytes, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return (uint32_t)((hash ^ hash >> 32) & ((1u << BUCKET_BITS) - 1));
}

struct s2c_needles *s2c_needles_new(void)
{
	struct s2c_needles *n = xcalloc(1, sizeof(*n));

	memset(n->shift, SHIFT_MAX, sizeof(n->shift));
	for (size_t i = 0; i < ARRAY_SIZE(n->buckets); i++)
		n->buckets[i] = n->same[i] = NONE;
	return n;
}

void s2c_needles_free(struct s2c_needles *needles)
{
	if (!needles)
		return;
	for (size_t i = 0; i < needles->n; i++) {
		explicit_bzero(needles->items[i].bytes, needles->items[i].len);
		free(needles->items[i].bytes);
	}
	free(needles->items);
	for (size_t i = 0; i < needles->n_names; i++)
		free(needles->names[i]);
	free(needles->names);
	free(needles);
}

size_t s2c_needles_count(const struct s2c_needles *needles)
{
	return needles->n;
}

/* ---- what a secret is recognised by ---- */

/* Distinct bytes. */
static unsigned variety(const char *bytes, size_t len)
{
	bool seen[256] = {false};
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		n += !seen[(unsigned char)bytes[i]];
		seen[(unsigned char)bytes[i]] = true;
	}
	return n;
}

/* The needle of exactly these bytes, or NULL. */
static struct needle *find_same(
	const struct s2c_needles *n, const char *bytes, size_t len)
{
	uint32_t i = n->same[hash_content(bytes, len)];

	for (; i != NONE; i = n->items[i].next_same)
		if (n->items[i].len == len && !memcmp(n->items[i].bytes, bytes, len))
			return &n->items[i];
	return NULL;
}

/* How many are found by this window, up to a few. */
static unsigned crowd(const struct s2c_needles *n, const unsigned char *window)
{
	uint32_t i = n->buckets[hash_window(window)];
	unsigned count = 0;

	for (; i != NONE && count < PLACES_MAX; i = n->items[i].next)
		count++;
	return count;
}

/* Lines often begin alike: a window that few others have, from the end on. */
static size_t choose_window(
	const struct s2c_needles *n, const unsigned char *bytes, size_t len)
{
	size_t last = len - WINDOW, best = last;
	size_t step = last / PLACES_MAX + 1;
	unsigned least = crowd(n, bytes + last);

	for (size_t at = last; least > 0 && at >= step;) {
		at -= step;
		unsigned here = crowd(n, bytes + at);

		if (here < least) {
			least = here;
			best = at;
		}
	}
	return best;
}

static int add(struct s2c_needles *n, const char *what, const char *bytes, size_t len,
	struct s2c_error **err)
{
	const unsigned char *u = (const unsigned char *)bytes;
	struct needle *item;
	uint32_t *bucket, *same;

	if (len > S2C_NEEDLE_MAX)
		len = S2C_NEEDLE_MAX;
	item = find_same(n, bytes, len);
	if (item) {
		item->weak = item->forgiven = false;
		return 0;
	}
	if (n->n == S2C_NEEDLES_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"the secrets of this build have more than %d lines and pieces to "
			"look for; give large files that are no secrets with --volume",
			S2C_NEEDLES_MAX);
	if (n->n == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 64;
		n->items = xreallocarray(n->items, n->cap, sizeof(*n->items));
	}
	item = &n->items[n->n];
	*item = (struct needle){.bytes = xmalloc(len),
		.len = (uint32_t)len,
		.at = (uint32_t)choose_window(n, u, len),
		.what = what};
	memcpy(item->bytes, bytes, len);
	u += item->at;
	bucket = &n->buckets[hash_window(u)];
	same = &n->same[hash_content(bytes, len)];
	item->next = *bucket;
	item->next_same = *same;
	*bucket = *same = (uint32_t)n->n++;
	if (len > n->longest)
		n->longest = len;
	for (unsigned at = 0; at < SHIFT_MAX; at++) {
		uint8_t *shift = &n->shift[hash_block(u + at)];
		uint8_t far = (uint8_t)(SHIFT_MAX - 1 - at);

		if (far < *shift)
			*shift = far;
	}
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without what surrounds it, of these characters. */
static void trim(const char **text, size_t *len, const char *of)
{
	while (*len && (is_blank(**text) || strchr(of, **text))) {
		(*text)++;
		(*len)--;
	}
	while (*len && (is_blank((*text)[*len - 1]) || strchr(of, (*text)[*len - 1])))
		(*len)--;
}

static bool is_text(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)bytes[i] < ' ' && !is_blank(bytes[i]))
			return false;
	return true;
}

static bool begins(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(line, with, n) == 0;
}

/* What stands in many files that are no secret. */
static bool is_common(const char *line, size_t len)
{
	static const char *const openings[] = {"#", ";", "//", "<!--", "<?xml",
		"-----BEGIN ", "-----END ", "<settings ", "xmlns", "xsi:"};
	size_t alnum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
		if (begins(line, len, openings[i]) && !memmem(line, len, "_auth", 5))
			return true;
	/* "<servers>", "</server>" */
	if (line[0] == '<' && line[len - 1] == '>' && !memchr(line, '>', len - 1) &&
		!memchr(line, '=', len))
		return true;
	for (size_t i = 0; i < len; i++)
		alnum += isalnum((unsigned char)line[i]) != 0;
	return alnum < S2C_NEEDLE_MIN;
}

/* Random enough to be nothing but itself; addresses are not, unless they hold a password.
 */
static bool is_token(const char *text, size_t len)
{
	bool letters = false, digits = false, address = false, user = false;

	if (len < S2C_NEEDLE_TOKEN_MIN || variety(text, len) < LINE_VARIETY_MIN ||
		text[0] == '/' || text[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (is_blank(text[i]) || strchr("\"'<>(){}", text[i]))
			return false;
		letters = letters || isalpha((unsigned char)text[i]);
		digits = digits || isdigit((unsigned char)text[i]);
		user = user || text[i] == '@';
		address = address || (i && text[i] == '/' && text[i - 1] == '/');
	}
	return letters && digits && (!address || user);
}

/* Where the value of a line stands: "<password>VALUE</password>", else behind the last
 * ": ", else behind the first "="; 0 when nowhere. */
static size_t value_of(const char *line, size_t len, size_t *out_from)
{
	const char *end = line + len, *from = memchr(line, '>', len), *to;

	if (line[0] == '<' && from) {
		to = memmem(from, (size_t)(end - from), "</", 2);
		*out_from = (size_t)(from - line) + 1;
		return to ? (size_t)(to - from) - 1 : 0;
	}
	from = memrchr(line, ':', len);
	if (!from || from + 1 == end || !is_blank(from[1]))
		from = memchr(line, '=', len);
	if (!from)
		return 0;
	*out_from = (size_t)(from - line) + 1;
	return (size_t)(end - from) - 1;
}

/* A line, and the token in it, if there is one. */
static int add_line(struct s2c_needles *n, const char *what, const char *line, size_t len,
	struct s2c_error **err)
{
	size_t from = 0, size = value_of(line, len, &from);
	const char *value = line + from;
	struct needle *same = find_same(n, line, len);
	bool weak = len <= S2C_NEEDLE_MAX && (!same || same->weak);

	trim(&value, &size, "\"',");
	if (add(n, what, line, len, err) < 0)
		return -1;
	if (is_token(value, size))
		return add(n, what, value, size, err);
	if (weak && !is_token(line, len))
		find_same(n, line, len)->weak = true;
	return 0;
}

static int add_lines(struct s2c_needles *n, const char *what, const char *text,
	size_t len, struct s2c_error **err)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const char *line = text;
		size_t size = (size_t)((stop ? stop : end) - text);

		text += size + 1;
		trim(&line, &size, "");
		if (size < S2C_NEEDLE_LINE_MIN || is_common(line, size) ||
			variety(line, size) < LINE_VARIETY_MIN)
			continue;
		if (add_line(n, what, line, size, err) < 0)
			return -1;
	}
	return 0;
}

static int add_pieces(struct s2c_needles *n, const char *what, const char *bytes,
	size_t len, struct s2c_error **err)
{
	unsigned count = 0;

	for (size_t i = 0; i + S2C_NEEDLE_PIECE <= len && count < PIECES_MAX;
		i += S2C_NEEDLE_PIECE) {
		if (variety(bytes + i, S2C_NEEDLE_PIECE) < PIECE_VARIETY_MIN)
			continue;
		count++;
		if (add(n, what, bytes + i, S2C_NEEDLE_PIECE, err) < 0)
			return -1;
	}
	return 0;
}

int s2c_needles_add(struct s2c_needles *needles, const char *what, const void *secret,
	size_t len, bool *out_known, struct s2c_error **err)
{
	const char *bytes = secret;
	size_t before = needles->n;
	char *name;

	needles->names = xreallocarray(
		needles->names, needles->n_names + 1, sizeof(*needles->names));
	name = needles->names[needles->n_names++] = xstrdup(what);
	if (is_text(bytes, len)) {
		trim(&bytes, &len, "");
		if (add_lines(needles, name, bytes, len, err) < 0)
			return -1;
	} else if (add_pieces(needles, name, bytes, len, err) < 0) {
		return -1;
	}
	if (len >= S2C_NEEDLE_MIN && variety(bytes, len) >= VARIETY_MIN &&
		add(needles, name, bytes, len, err) < 0)
		return -1;
	if (out_known)
		*out_known = needles->n > before ||
			     s2c_needles_find(needles, bytes, len) != NULL;
	return 0;
}

void s2c_needles_forgive(struct s2c_needles *needles, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const char *line = text;
		size_t size = (size_t)((stop ? stop : end) - text);
		struct needle *item;

		text += size + 1;
		trim(&line, &size, "");
		item = size >= S2C_NEEDLE_LINE_MIN ? find_same(needles, line, size)
						   : NULL;
		if (item && item->weak)
			item->forgiven = true;
	}
}

/* ---- looking ---- */

/* What is looked through. */
struct span {
	const unsigned char *begin, *end;
};

static const char *compare(
	const struct s2c_needles *n, const struct span *span, const unsigned char *window)
{
	uint32_t i = n->buckets[hash_window(window)];

	for (; i != NONE; i = n->items[i].next) {
		const struct needle *item = &n->items[i];
		const unsigned char *from = window - item->at;

		if (!item->forgiven && (size_t)(window - span->begin) >= item->at &&
			(size_t)(span->end - from) >= item->len &&
			memcmp(item->bytes, from, item->len) == 0)
			return item->what;
	}
	return NULL;
}

const char *s2c_needles_find(
	const struct s2c_needles *needles, const void *data, size_t len)
{
	const unsigned char *p = data;
	const struct span span = {p, p + len};

	if (!needles->n || len < WINDOW)
		return NULL;
	while (p <= span.end - WINDOW) {
		unsigned far = needles->shift[hash_block(p + WINDOW - BLOCK)];

		if (far == 0) {
			const char *what = compare(needles, &span, p);

			if (what)
				return what;
			far = 1;
		}
		p += far;
	}
	return NULL;
}

void s2c_needle_search_begin(
	struct s2c_needle_search *search, const struct s2c_needles *needles)
{
	search->needles = needles;
	search->len = 0;
}

/* Keeps the end of what was seen: all of a string but one byte can be there. */
static void keep_tail(struct s2c_needle_search *s, const char *data, size_t len)
{
	size_t keep = s->needles->longest - 1;

	if (len >= keep) {
		memcpy(s->tail, data + len - keep, keep);
		s->len = keep;
		return;
	}
	if (s->len + len > keep) {
		size_t drop = s->len + len - keep;

		memmove(s->tail, s->tail + drop, s->len - drop);
		s->len -= drop;
	}
	memcpy(s->tail + s->len, data, len);
	s->len += len;
}

const char *s2c_needle_search_next(
	struct s2c_needle_search *s, const void *data, size_t len)
{
	size_t reach, before = s->len;
	const char *what;

	if (!s->needles->n || !len)
		return NULL;
	if (before) {
		/* Strings that begin before and end in here. */
		reach = s->needles->longest - 1;
		reach = len < reach ? len : reach;
		memcpy(s->tail + before, data, reach);
		what = s2c_needles_find(s->needles, s->tail, before + reach);
		if (what)
			return what;
	}
	what = s2c_needles_find(s->needles, data, len);
	if (!what)
		keep_tail(s, data, len);
	return what;
}
