/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml reads the text into events; here they become a tree, or are refused. What its
 * scanner would forgive, or take for a line end that no editor shows, is refused before
 * it sees the text.
 */
#include "codec/yaml.h"

#include <stdio.h>
#include <yaml.h>

#include "util/escape.h"

struct parser {
	yaml_parser_t yaml;
	struct s2c_json_limits limits;
	unsigned nodes;
};

#define CLEAN_EVENT CLEAN(yaml_event_delete)

static int fail_at(yaml_mark_t mark, struct s2c_error **err, const char *fmt, ...)
	S2C_PRINTF(3, 4);
static int fail_at(yaml_mark_t mark, struct s2c_error **err, const char *fmt, ...)
{
	char what[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return s2c_fail(err, S2C_EPROTO, "line %zu, column %zu: %s", mark.line + 1,
		mark.column + 1, what);
}
#define fail_at(...) s2c_failed(fail_at(__VA_ARGS__))

/* --- the text --------------------------------------------------------------------- */

/* What is wrong with the character at `p` (in UTF-8, up to `end`), or NULL. */
static const char *bad_character(const char *p, const char *end)
{
	static const struct {
		const char *bytes, *why;
	} rows[] = {
		{"\t", "a tab; indent with blanks, and write \\t within double quotes"},
		{"\xef\xbb\xbf", "a byte order mark"},
		{"\xc2\x85", "a next-line character (U+0085)"},
		{"\xe2\x80\xa8", "a line separator (U+2028)"},
		{"\xe2\x80\xa9", "a paragraph separator (U+2029)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].bytes);

		if ((size_t)(end - p) >= len && memcmp(p, rows[i].bytes, len) == 0)
			return rows[i].why;
	}
	if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n'))
		return NULL;
	if (*p == '\r')
		return "a carriage return without a line feed";
	if ((unsigned char)*p < 0x20 || *p == 0x7f)
		return "a control character";
	return NULL;
}

static int check_text(const char *text, size_t len, struct s2c_error **err)
{
	yaml_mark_t mark = {0};

	if (!s2c_utf8_valid(text, len))
		return s2c_fail(err, S2C_EPROTO, "the document is not UTF-8");
	for (const char *p = text; p < text + len; p++) {
		const char *why = bad_character(p, text + len);

		if (why)
			return fail_at(mark, err, "%s", why);
		if (*p == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return 0;
}

/* --- events ----------------------------------------------------------------------- */

static int next_event(struct parser *p, yaml_event_t *event, struct s2c_error **err)
{
	if (yaml_parser_parse(&p->yaml, event))
		return 0;
	(void)s2c_must(p->yaml.error == YAML_MEMORY_ERROR ? NULL : p);
	return fail_at(p->yaml.problem_mark, err, "%s",
		p->yaml.problem ? p->yaml.problem : "this is no YAML");
}

/* Anchors and tags, whatever they are on, and aliases. */
static int check_plain_event(const yaml_event_t *event, struct s2c_error **err)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return fail_at(event->start_mark, err,
			"an alias; write the value where it belongs");
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor)
		return fail_at(event->start_mark, err, "an anchor; there are no aliases");
	if (tag)
		return fail_at(event->start_mark, err,
			"a tag; types follow from how a value is written");
	return 0;
}

/* --- scalars ---------------------------------------------------------------------- */

/* The text of a scalar event; libyaml puts a NUL behind it. */
static int scalar_text(
	const yaml_event_t *event, const char **out, size_t *len, struct s2c_error **err)
{
	const char *text = (const char *)event->data.scalar.value;

	*len = event->data.scalar.length;
	/* Escapes can say what the text may not hold. */
	if (!s2c_utf8_valid(text, *len))
		return fail_at(event->start_mark, err,
			"the value is not UTF-8, or has "
			"a NUL");
	*out = text;
	return 0;
}

static int check_plain_lines(const yaml_event_t *event, struct s2c_error **err)
{
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		event->start_mark.line != event->end_mark.line)
		return fail_at(event->start_mark, err,
			"a plain text of several lines; put it in quotes");
	return 0;
}

static int parse_scalar(
	const yaml_event_t *event, struct s2c_json **out, struct s2c_error **err)
{
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	const char *text;
	size_t len;

	if (scalar_text(event, &text, &len, err) < 0 || check_plain_lines(event, err) < 0)
		return -1;
	if (!plain)
		*out = s2c_json_new_str(text);
	else if (!len || streq(text, "~") || streq(text, "null"))
		*out = s2c_json_new_null();
	else if (streq(text, "true") || streq(text, "false"))
		*out = s2c_json_new_bool(*text == 't');
	else if (s2c_json_plain_integer(text))
		*out = s2c_json_new_int(strtoll(text, NULL, 10));
	else
		*out = s2c_json_new_str(text);
	return 0;
}

/* --- containers ------------------------------------------------------------------- */

static int parse_value(struct parser *p, const yaml_event_t *event, unsigned depth,
	struct s2c_json **out, struct s2c_error **err);

/* The event of a key as the name of a new member of `object`. Borrowed. */
static int parse_key(const yaml_event_t *event, const struct s2c_json *object,
	const char **out, struct s2c_error **err)
{
	const char *key;
	size_t len;

	if (check_plain_event(event, err) < 0)
		return -1;
	if (event->type != YAML_SCALAR_EVENT)
		return fail_at(event->start_mark, err, "a key that is no text");
	if (scalar_text(event, &key, &len, err) < 0 || check_plain_lines(event, err) < 0)
		return -1;
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		if (!len)
			return fail_at(event->start_mark, err, "a key is missing");
		if (streq(key, "<<"))
			return fail_at(event->start_mark, err,
				"a merge key; write the members out");
	}
	if (s2c_json_get(object, key))
		return fail_at(
			event->start_mark, err, "key '%.200s' is there twice", key);
	*out = key;
	return 0;
}

static int parse_mapping(
	struct parser *p, unsigned depth, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *object = s2c_json_new_object();

	for (unsigned members = 0;; members++) {
		CLEAN_EVENT yaml_event_t name = {0}, value = {0};
		struct s2c_json *node = NULL;
		const char *key;

		if (next_event(p, &name, err) < 0)
			return -1;
		if (name.type == YAML_MAPPING_END_EVENT)
			break;
		if (members == S2C_YAML_MEMBERS_MAX)
			return s2c_fail(err, S2C_ELIMIT,
				"more than %d keys in the mapping up to line %zu",
				S2C_YAML_MEMBERS_MAX, name.start_mark.line + 1);
		if (parse_key(&name, object, &key, err) < 0 ||
			next_event(p, &value, err) < 0 ||
			parse_value(p, &value, depth, &node, err) < 0)
			return -1;
		s2c_json_set(object, key, node);
	}
	*out = TAKE(object);
	return 0;
}

static int parse_sequence(
	struct parser *p, unsigned depth, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *array = s2c_json_new_array();

	for (;;) {
		CLEAN_EVENT yaml_event_t event = {0};
		struct s2c_json *node = NULL;

		if (next_event(p, &event, err) < 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (parse_value(p, &event, depth, &node, err) < 0)
			return -1;
		s2c_json_add(array, node);
	}
	*out = TAKE(array);
	return 0;
}

/* The value that starts with `event`, inside of `depth` containers. */
static int parse_value(struct parser *p, const yaml_event_t *event, unsigned depth,
	struct s2c_json **out, struct s2c_error **err)
{
	if (check_plain_event(event, err) < 0)
		return -1;
	if (p->nodes++ == p->limits.nodes)
		return s2c_fail(err, S2C_ELIMIT, "more than %u values", p->limits.nodes);
	if (event->type == YAML_SCALAR_EVENT)
		return parse_scalar(event, out, err);
	if (depth == p->limits.depth)
		return s2c_fail(
			err, S2C_ELIMIT, "nested deeper than %u levels", p->limits.depth);
	if (event->type == YAML_MAPPING_START_EVENT)
		return parse_mapping(p, depth + 1, out, err);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return parse_sequence(p, depth + 1, out, err);
	return fail_at(event->start_mark, err, "a value was expected");
}

/* --- the document ----------------------------------------------------------------- */

static int document_start(const yaml_event_t *event, struct s2c_error **err)
{
	if (event->type == YAML_STREAM_END_EVENT)
		return s2c_fail(err, S2C_EPROTO, "the document is empty");
	if (event->data.document_start.version_directive ||
		event->data.document_start.tag_directives.start !=
			event->data.document_start.tag_directives.end)
		return fail_at(event->start_mark, err, "a directive; there are none");
	return 0;
}

/* STREAM-START DOCUMENT-START value DOCUMENT-END STREAM-END, as libyaml sees to. */
static int parse_document(struct parser *p, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_EVENT yaml_event_t stream = {0}, start = {0}, first = {0};
	CLEAN_EVENT yaml_event_t end = {0}, last = {0};
	CLEAN_JSON struct s2c_json *root = NULL;

	if (next_event(p, &stream, err) < 0 || next_event(p, &start, err) < 0 ||
		document_start(&start, err) < 0 || next_event(p, &first, err) < 0 ||
		parse_value(p, &first, 0, &root, err) < 0 ||
		next_event(p, &end, err) < 0 || next_event(p, &last, err) < 0)
		return -1;
	if (last.type != YAML_STREAM_END_EVENT)
		return fail_at(last.start_mark, err, "a second document");
	*out = TAKE(root);
	return 0;
}

static void parser_release(struct parser *p)
{
	yaml_parser_delete(&p->yaml);
}

int s2c_yaml_parse(const char *text, size_t len, struct s2c_json_limits limits,
	struct s2c_json **out, struct s2c_error **err)
{
	CLEAN(parser_release) struct parser p = {.limits = limits};

	if (!p.limits.bytes)
		p.limits.bytes = S2C_YAML_BYTES_MAX;
	if (!p.limits.depth)
		p.limits.depth = S2C_YAML_DEPTH_MAX;
	if (!p.limits.nodes)
		p.limits.nodes = S2C_YAML_NODES_MAX;
	if (len > p.limits.bytes)
		return s2c_fail(err, S2C_ELIMIT, "larger than %zu bytes", p.limits.bytes);
	if (check_text(text, len, err) < 0)
		return -1;
	(void)s2c_must(yaml_parser_initialize(&p.yaml) ? &p : NULL);
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)text, len);
	return parse_document(&p, out, err);
}
