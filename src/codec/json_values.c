/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds where an object ends by its brackets and strings; what is in it the parser
 * judges.
 */
#include "codec/json_values.h"

struct values {
	struct s2c_writer base;
	s2c_json_value_fn *take;
	void *self;
	struct s2c_buf text; /* of the object that is not complete */
	unsigned depth;
	bool in_string, escaped;
	unsigned count;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether the object ends with this byte. */
static bool step(struct values *v, char c)
{
	if (v->in_string) {
		if (v->escaped)
			v->escaped = false;
		else if (c == '\\')
			v->escaped = true;
		else if (c == '"')
			v->in_string = false;
		return false;
	}
	if (c == '"')
		v->in_string = true;
	else if (c == '{' || c == '[')
		v->depth++;
	else if (c == '}' || c == ']')
		return --v->depth == 0;
	return false;
}

static int end_value(struct values *v, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.mixed_case = true};

	if (++v->count > S2C_JSON_VALUES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d objects in a stream",
			S2C_JSON_VALUES_MAX);
	if (s2c_json_parse(v->text.data, v->text.len, limits, &root, err) < 0)
		return s2c_wrap(err, "object %u of the stream", v->count);
	s2c_buf_clear(&v->text);
	return v->take(v->self, root, err);
}

static int values_write(
	struct s2c_writer *w, const void *buf, size_t len, struct s2c_error **err)
{
	struct values *v = (struct values *)w;
	const char *data = buf;
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		if (!v->depth && is_space(data[i])) {
			start = i + 1;
			continue;
		}
		if (!v->depth && data[i] != '{')
			return s2c_fail(err, S2C_EPROTO,
				"a stream of JSON objects holds something else");
		if (!step(v, data[i]))
			continue;
		if (s2c_buf_add(&v->text, data + start, i + 1 - start, err) < 0 ||
			end_value(v, err) < 0)
			return -1;
		start = i + 1;
	}
	return start < len ? s2c_buf_add(&v->text, data + start, len - start, err) : 0;
}

static int values_finish(struct s2c_writer *w, struct s2c_error **err)
{
	struct values *v = (struct values *)w;

	if (v->depth)
		return s2c_fail(
			err, S2C_EPROTO, "a stream of JSON objects ends inside of one");
	return 0;
}

static void values_free(struct s2c_writer *w)
{
	struct values *v = (struct values *)w;

	s2c_buf_release(&v->text);
	free(v);
}

struct s2c_writer *s2c_json_values(s2c_json_value_fn *take, void *self)
{
	static const struct s2c_writer_ops ops = {
		.write = values_write, .finish = values_finish, .free = values_free};
	struct values *v = xcalloc(1, sizeof(*v));

	v->base.ops = &ops;
	v->take = take;
	v->self = self;
	v->text.max = S2C_JSON_VALUE_MAX;
	return &v->base;
}
