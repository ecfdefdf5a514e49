/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing of JSON trees, through the same public face as everyone else's reading. The
 * bytes are a function of the tree only: no locale, no doubles, no order but the tree's.
 */
#include <stdio.h>

#include "codec/json.h"
#include "util/escape.h"

struct printer {
	struct s2c_buf out;
	enum s2c_json_style style;
	unsigned level;
};

static void put(struct printer *p, const char *bytes, size_t len)
{
	int added = s2c_buf_add(&p->out, bytes, len, NULL);

	(void)s2c_must(added < 0 ? NULL : p);
}

/* Bytes of the UTF-8 sequence at `s` that stands for itself in a string, or 0. */
static size_t plain(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t len;

	if (c < 0x80)
		return c >= 0x20 && c != '"' && c != '\\';
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return strnlen(s, len) == len && s2c_utf8_valid(s, len) ? len : 0;
}

/* One byte that does not stand for itself. */
static void print_escape(struct printer *p, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *hit = strchr(from, c);
	char text[8];

	if (c >= 0x80) {
		put(p, "\xef\xbf\xbd", 3);
	} else if (hit) {
		put(p, (char[]){'\\', to[hit - from]}, 2);
	} else {
		(void)snprintf(text, sizeof(text), "\\u%04x", c);
		put(p, text, 6);
	}
}

static void print_string(struct printer *p, const char *s)
{
	put(p, "\"", 1);
	for (;;) {
		size_t run = 0, len;

		while ((len = plain(s + run)) > 0)
			run += len;
		put(p, s, run);
		s += run;
		if (!*s)
			break;
		print_escape(p, (unsigned char)*s++);
	}
	put(p, "\"", 1);
}

static void print_break(struct printer *p)
{
	if (p->style != S2C_JSON_PRETTY)
		return;
	put(p, "\n", 1);
	for (unsigned i = 0; i < p->level; i++)
		put(p, "    ", 4);
}

static void print_node(struct printer *p, const struct s2c_json *node);

static void print_container(struct printer *p, const struct s2c_json *node)
{
	bool object = s2c_json_is_object(node);
	const char *separator = object ? "{" : "[";

	if (!s2c_json_first(node)) {
		put(p, object ? "{}" : "[]", 2);
		return;
	}
	p->level++;
	s2c_json_foreach (item, node) {
		put(p, separator, 1);
		separator = ",";
		print_break(p);
		if (object) {
			print_string(p, s2c_json_key(item));
			put(p, ": ", p->style == S2C_JSON_PRETTY ? 2 : 1);
		}
		print_node(p, item);
	}
	p->level--;
	print_break(p);
	put(p, object ? "}" : "]", 1);
}

static void print_node(struct printer *p, const struct s2c_json *node)
{
	bool value;

	if (s2c_json_str(node))
		print_string(p, s2c_json_str(node));
	else if (s2c_json_number(node))
		put(p, s2c_json_number(node), strlen(s2c_json_number(node)));
	else if (s2c_json_is_bool(node, &value))
		put(p, value ? "true" : "false", value ? 4 : 5);
	else if (s2c_json_is_null(node))
		put(p, "null", 4);
	else
		print_container(p, node);
}

char *s2c_json_print(const struct s2c_json *node, enum s2c_json_style style)
{
	struct printer p = {.out = S2C_BUF_INIT(SIZE_MAX / 2), .style = style};

	print_node(&p, node);
	return s2c_buf_take(&p.out);
}
