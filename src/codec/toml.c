/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of TOML. The tree is made of JSON nodes; beside it, while parsing, stands a tree
 * of the tables that may still be extended, with how each came to be. A member without
 * such a table (a value, an inline table, a plain array) is closed for good.
 */
#include "codec/toml.h"

#include "codec/toml_lex.h"
#include "util/escape.h"

enum kind {
	IMPLICIT, /* a parent that a header named on the way to its own table */
	HEADER,   /* [table], or an element of [[array]] */
	DOTTED,   /* made by a dotted key */
	ARRAY,    /* [[array]]: its newest element is `first` */
};

struct table {
	struct s2c_json *json; /* borrowed from the document */
	char *key;
	enum kind kind;
	unsigned depth;
	struct table *first, *next; /* children, newest first */
};

struct parser {
	struct s2c_toml_lex lex;
	struct s2c_json_limits limits;
	unsigned nodes;
};

static void table_release(struct table *table)
{
	while (table->first) {
		struct table *child = table->first;

		table->first = child->next;
		table_release(child);
		free(child->key);
		free(child);
	}
}

static struct table *child_of(const struct table *table, const char *key)
{
	struct table *child = table->first;

	while (child && !streq(child->key, key))
		child = child->next;
	return child;
}

static int count_node(struct parser *p, struct s2c_error **err)
{
	if (p->nodes++ == p->limits.nodes)
		return s2c_fail(err, S2C_ELIMIT, "more than %u values", p->limits.nodes);
	return 0;
}

/* A new table (or array of tables) under `parent`; NULL and *err at a limit. */
static struct table *add_child(struct parser *p, struct table *parent, const char *key,
	enum kind kind, struct s2c_error **err)
{
	struct table *child;

	if (count_node(p, err) < 0)
		return NULL;
	if (parent->depth == p->limits.depth) {
		(void)s2c_fail(
			err, S2C_ELIMIT, "nested deeper than %u levels", p->limits.depth);
		return NULL;
	}
	child = xcalloc(1, sizeof(*child));
	child->key = xstrdup(key);
	child->kind = kind;
	child->depth = parent->depth + 1;
	if (parent->kind == ARRAY) {
		child->json = s2c_json_new_object();
		s2c_json_add(parent->json, child->json);
	} else {
		child->json = kind == ARRAY ? s2c_json_array_at(parent->json, key)
					    : s2c_json_object_at(parent->json, key);
	}
	child->next = parent->first;
	parent->first = child;
	return child;
}

/* ---- keys ---- */

/* A dotted key: its parts, at most as many as levels are allowed. */
static int take_path(struct parser *p, struct s2c_strv *path, struct s2c_error **err)
{
	do {
		char *part = NULL;

		s2c_toml_lex_blank(&p->lex);
		if (s2c_toml_lex_key(&p->lex, &part, err) < 0)
			return -1;
		s2c_strv_add_take(path, part);
		if (path->len > p->limits.depth)
			return s2c_fail(err, S2C_ELIMIT, "nested deeper than %u levels",
				p->limits.depth);
		s2c_toml_lex_blank(&p->lex);
	} while (s2c_toml_lex_take(&p->lex, "."));
	return 0;
}

static int twice(
	struct parser *p, const char *at, const char *key, struct s2c_error **err)
{
	return s2c_toml_lex_fail(
		&p->lex, at, err, "'%.200s' is defined a second time", key);
}

/* ---- values ---- */

static int parse_value(
	struct parser *p, unsigned depth, struct s2c_json **out, struct s2c_error **err);
static int parse_pair(struct parser *p, struct table *table, struct s2c_error **err);

static int parse_array(
	struct parser *p, unsigned depth, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *array = s2c_json_new_array();

	for (;;) {
		struct s2c_json *value = NULL;

		if (s2c_toml_lex_gap(&p->lex, err) < 0)
			return -1;
		if (s2c_toml_lex_take(&p->lex, "]"))
			break;
		if (parse_value(p, depth + 1, &value, err) < 0)
			return -1;
		s2c_json_add(array, value);
		if (s2c_toml_lex_gap(&p->lex, err) < 0)
			return -1;
		if (s2c_toml_lex_take(&p->lex, "]"))
			break;
		if (!s2c_toml_lex_take(&p->lex, ","))
			return s2c_toml_lex_fail(
				&p->lex, p->lex.at, err, "',' or ']' was expected");
	}
	*out = TAKE(array);
	return 0;
}

static int parse_inline_table(
	struct parser *p, unsigned depth, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *object = s2c_json_new_object();
	CLEAN(table_release)
	struct table table = {.json = object, .kind = HEADER, .depth = depth};

	s2c_toml_lex_blank(&p->lex);
	if (!s2c_toml_lex_take(&p->lex, "}")) {
		do {
			if (parse_pair(p, &table, err) < 0)
				return -1;
			s2c_toml_lex_blank(&p->lex);
		} while (s2c_toml_lex_take(&p->lex, ","));
		if (!s2c_toml_lex_take(&p->lex, "}"))
			return s2c_toml_lex_fail(&p->lex, p->lex.at, err,
				"',' or '}' was expected on the same line");
	}
	*out = TAKE(object);
	return 0;
}

static int parse_string(struct parser *p, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_FREE char *text = NULL;

	if (s2c_toml_lex_string(&p->lex, &text, err) < 0)
		return -1;
	*out = s2c_json_new_str(text);
	return 0;
}

static int parse_scalar(struct parser *p, struct s2c_json **out, struct s2c_error **err)
{
	const char *start = p->lex.at;
	char text[S2C_TOML_WORD_MAX + 1];

	if (s2c_toml_lex_scalar(&p->lex, text, err) < 0)
		return -1;
	/* What is left to say about it, JSON says too: a float must be finite. */
	if (s2c_json_parse(text, strlen(text), (struct s2c_json_limits){0}, out, NULL) <
		0)
		return s2c_toml_lex_fail(
			&p->lex, start, err, "the number '%s' is out of range", text);
	return 0;
}

/* A value at `depth` levels below the document. */
static int parse_value(
	struct parser *p, unsigned depth, struct s2c_json **out, struct s2c_error **err)
{
	char c = p->lex.at < p->lex.end ? *p->lex.at : '\0';

	if (count_node(p, err) < 0)
		return -1;
	if (depth > p->limits.depth)
		return s2c_fail(
			err, S2C_ELIMIT, "nested deeper than %u levels", p->limits.depth);
	if (c == '"' || c == '\'')
		return parse_string(p, out, err);
	if (s2c_toml_lex_take(&p->lex, "["))
		return parse_array(p, depth, out, err);
	if (s2c_toml_lex_take(&p->lex, "{"))
		return parse_inline_table(p, depth, out, err);
	return parse_scalar(p, out, err);
}

/* From a table down a dotted key to the table of its last part. */
static struct table *dotted_table(struct parser *p, struct table *table,
	const struct s2c_strv *path, const char *at, struct s2c_error **err)
{
	for (size_t i = 0; table && i + 1 < path->len; i++) {
		const char *key = path->items[i];
		struct table *child = child_of(table, key);

		if ((child && child->kind != DOTTED) ||
			(!child && s2c_json_get(table->json, key))) {
			(void)twice(p, at, key, err);
			return NULL;
		}
		table = child ? child : add_child(p, table, key, DOTTED, err);
	}
	return table;
}

/* `key = value` without what is around it. */
static int parse_pair(struct parser *p, struct table *table, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv path = S2C_STRV_INIT;
	const char *start, *key;
	struct s2c_json *value = NULL;

	s2c_toml_lex_blank(&p->lex);
	start = p->lex.at;
	if (take_path(p, &path, err) < 0)
		return -1;
	if (!s2c_toml_lex_take(&p->lex, "="))
		return s2c_toml_lex_fail(
			&p->lex, p->lex.at, err, "'=' was expected behind a key");
	table = dotted_table(p, table, &path, start, err);
	if (!table)
		return -1;
	key = path.items[path.len - 1];
	if (s2c_json_get(table->json, key))
		return twice(p, start, key, err);
	s2c_toml_lex_blank(&p->lex);
	if (parse_value(p, table->depth + 1, &value, err) < 0)
		return -1;
	s2c_json_set(table->json, key, value);
	return 0;
}

/* ---- headers ---- */

/* A parent on the way to the table of a header; arrays stand for their newest element. */
static struct table *header_parent(struct parser *p, struct table *table, const char *key,
	const char *at, struct s2c_error **err)
{
	struct table *child = child_of(table, key);

	if (!child && s2c_json_get(table->json, key)) {
		(void)s2c_toml_lex_fail(&p->lex, at, err,
			"'%.200s' is a value and has no tables in it", key);
		return NULL;
	}
	if (!child)
		return add_child(p, table, key, IMPLICIT, err);
	return child->kind == ARRAY ? child->first : child;
}

static struct table *open_table(struct parser *p, struct table *parent, const char *key,
	const char *at, struct s2c_error **err)
{
	struct table *child = child_of(parent, key);

	if (!child && !s2c_json_get(parent->json, key))
		return add_child(p, parent, key, HEADER, err);
	if (!child || child->kind != IMPLICIT) {
		(void)twice(p, at, key, err);
		return NULL;
	}
	child->kind = HEADER;
	return child;
}

static struct table *open_element(struct parser *p, struct table *parent, const char *key,
	const char *at, struct s2c_error **err)
{
	struct table *child = child_of(parent, key);

	if (!child && !s2c_json_get(parent->json, key))
		child = add_child(p, parent, key, ARRAY, err);
	else if (!child || child->kind != ARRAY)
		(void)twice(p, at, key, err);
	if (!child || child->kind != ARRAY)
		return NULL;
	return add_child(p, child, key, HEADER, err);
}

/* [table] or [[array]] behind the first bracket; *table is the one that is open now. */
static int parse_header(struct parser *p, struct table *root, struct table **table,
	struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv path = S2C_STRV_INIT;
	const char *start = p->lex.at;
	bool element = s2c_toml_lex_take(&p->lex, "[");
	struct table *at = root;
	const char *key;

	if (take_path(p, &path, err) < 0)
		return -1;
	if (!s2c_toml_lex_take(&p->lex, element ? "]]" : "]"))
		return s2c_toml_lex_fail(&p->lex, p->lex.at, err, "'%s' was expected",
			element ? "]]" : "]");
	for (size_t i = 0; at && i + 1 < path.len; i++)
		at = header_parent(p, at, path.items[i], start, err);
	if (!at)
		return -1;
	key = path.items[path.len - 1];
	at = element ? open_element(p, at, key, start, err)
		     : open_table(p, at, key, start, err);
	if (!at)
		return -1;
	*table = at;
	return 0;
}

/* ---- the document ---- */

static int parse_lines(struct parser *p, struct table *root, struct s2c_error **err)
{
	struct table *table = root;

	for (;;) {
		if (s2c_toml_lex_gap(&p->lex, err) < 0)
			return -1;
		if (p->lex.at == p->lex.end)
			return 0;
		if ((s2c_toml_lex_take(&p->lex, "[") ? parse_header(p, root, &table, err)
						     : parse_pair(p, table, err)) < 0 ||
			s2c_toml_lex_line_end(&p->lex, err) < 0)
			return -1;
	}
}

int s2c_toml_parse(const char *text, size_t len, struct s2c_json_limits limits,
	struct s2c_json **out, struct s2c_error **err)
{
	struct parser p = {.lex = {text, text, text + len}, .limits = limits};
	CLEAN_JSON struct s2c_json *document = NULL;

	if (!p.limits.bytes)
		p.limits.bytes = S2C_TOML_BYTES_MAX;
	if (!p.limits.depth)
		p.limits.depth = S2C_TOML_DEPTH_MAX;
	if (!p.limits.nodes)
		p.limits.nodes = S2C_TOML_NODES_MAX;
	if (len > p.limits.bytes)
		return s2c_fail(err, S2C_ELIMIT, "larger than %zu bytes", p.limits.bytes);
	if (!s2c_utf8_valid(text, len))
		return s2c_fail(err, S2C_EPROTO, "not a text in UTF-8");
	document = s2c_json_new_object();
	CLEAN(table_release) struct table root = {.json = document, .kind = HEADER};
	if (parse_lines(&p, &root, err) < 0)
		return -1;
	*out = TAKE(document);
	return 0;
}
