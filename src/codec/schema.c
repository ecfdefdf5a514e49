/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder: what is in the object is looked up in the table, and never the other way.
 */
#include "codec/schema.h"

#include "codec/json_keys.h"

/* Bytes of one name that a message shows; a path is as deep as the tables are. */
#define NAME_SHOWN 64
#define PATH_MAX_BYTES (64u * 1024)

/* Where in the document we are, innermost first; lives on the stack. */
struct place {
	const struct place *up; /* NULL: the document itself */
	const char *name;       /* NULL: element `index` */
	size_t index;
};

struct report {
	enum s2c_schema_fault *fault; /* may be NULL */
	struct s2c_error **err;
};

static const char *const fault_names[] = {
	[S2C_SCHEMA_OK] = "ok",
	[S2C_SCHEMA_BAD_JSON] = "json_syntax",
	[S2C_SCHEMA_JSON_LIMIT] = "json_limit",
	[S2C_SCHEMA_KEY_CASE] = "key_case",
	[S2C_SCHEMA_FIELD_TYPE] = "field_type",
	[S2C_SCHEMA_FIELD_MISSING] = "field_missing",
	[S2C_SCHEMA_FIELD_UNKNOWN] = "field_unknown",
	[S2C_SCHEMA_FIELD_DENIED] = "field_denied",
};

const char *s2c_schema_fault_name(enum s2c_schema_fault fault)
{
	return (size_t)fault < ARRAY_SIZE(fault_names) ? fault_names[fault] : "unknown";
}

/* Appends "a.b[2].c". */
static void put_path(struct s2c_buf *path, const struct place *place)
{
	if (place->up)
		put_path(path, place->up);
	if (place->name)
		s2c_buf_must_printf(path, "%s%.*s", path->len ? "." : "", NAME_SHOWN,
			*place->name ? place->name : "''");
	else if (place->up)
		s2c_buf_must_printf(path, "[%zu]", place->index);
}

/* "<path> <what>"; always -1. */
static int refuse(struct report report, enum s2c_schema_fault fault,
	const struct place *place, const char *what)
{
	CLEAN_BUF struct s2c_buf path = S2C_BUF_INIT(PATH_MAX_BYTES);
	bool denied = fault == S2C_SCHEMA_FIELD_DENIED ||
		      fault == S2C_SCHEMA_FIELD_UNKNOWN;

	put_path(&path, place);
	if (report.fault)
		*report.fault = fault;
	return s2c_fail(report.err, denied ? S2C_EDENIED : S2C_EPROTO, "%s %s",
		path.len ? s2c_buf_str(&path) : "the document", what);
}

/* --- what says nothing ------------------------------------------------------------ */

/* null, false, 0, "", [], {} */
static bool is_empty(const struct s2c_json *value)
{
	const char *number = s2c_json_number(value), *text = s2c_json_str(value);
	bool flag;

	if (s2c_json_is_null(value))
		return true;
	if (s2c_json_is_bool(value, &flag))
		return !flag;
	if (number)
		return streq(number, "0") || streq(number, "-0");
	if (text)
		return !*text;
	return !s2c_json_first(value);
}

bool s2c_schema_is_zero(const struct s2c_json *value)
{
	if (!s2c_json_is_object(value))
		return is_empty(value);
	s2c_json_foreach (member, value)
		if (!s2c_schema_is_zero(member))
			return false;
	return true;
}

/* --- values ----------------------------------------------------------------------- */

/* One value into where it goes; `at` is zeroed before. */
struct slot {
	const struct s2c_schema_field *field;
	void *at;
};

static int decode_object(const struct s2c_schema *schema, const struct s2c_json *object,
	void *out, const struct place *place, struct report report);

static int take_strings(struct s2c_strv *out, const struct s2c_json *array,
	const struct place *place, struct report report)
{
	struct place element = {.up = place};

	if (!s2c_json_is_array(array))
		return refuse(report, S2C_SCHEMA_FIELD_TYPE, place,
			"must be an array of strings");
	s2c_json_foreach (item, array) {
		if (!s2c_json_is_string(item))
			return refuse(report, S2C_SCHEMA_FIELD_TYPE, &element,
				"must be a string");
		s2c_strv_add(out, s2c_json_str(item));
		element.index++;
	}
	return 0;
}

static int take_map(struct s2c_schema_map *out, const struct s2c_json *object,
	const struct place *place, struct report report)
{
	if (!s2c_json_is_object(object))
		return refuse(report, S2C_SCHEMA_FIELD_TYPE, place,
			"must be an object of strings");
	s2c_json_foreach (item, object) {
		struct place member = {place, s2c_json_key(item), 0};

		if (!s2c_json_is_string(item))
			return refuse(report, S2C_SCHEMA_FIELD_TYPE, &member,
				"must be a string");
		s2c_strv_add(&out->keys, s2c_json_key(item));
		s2c_strv_add(&out->values, s2c_json_str(item));
	}
	return 0;
}

static int take_objects(struct slot slot, const struct s2c_json *array,
	const struct place *place, struct report report)
{
	const struct s2c_schema *schema = slot.field->schema;
	struct s2c_schema_array *out = slot.at;
	struct place element = {.up = place};

	if (!s2c_json_is_array(array))
		return refuse(report, S2C_SCHEMA_FIELD_TYPE, place,
			"must be an array of objects");
	out->items = xcalloc(s2c_json_len(array), schema->size);
	s2c_json_foreach (item, array) {
		element.index = out->len++;
		if (decode_object(schema, item,
			    (char *)out->items + element.index * schema->size, &element,
			    report) < 0)
			return -1;
	}
	return 0;
}

static int take_scalar(struct slot slot, const struct s2c_json *value,
	const struct place *place, struct report report)
{
	const char *text = s2c_json_str(value), *number = s2c_json_number(value);

	if (slot.field->type == S2C_SCHEMA_TYPE_STRING) {
		if (!text)
			return refuse(
				report, S2C_SCHEMA_FIELD_TYPE, place, "must be a string");
		*(char **)slot.at = xstrdup(text);
	} else if (slot.field->type == S2C_SCHEMA_TYPE_BOOL) {
		if (!s2c_json_is_bool(value, slot.at))
			return refuse(report, S2C_SCHEMA_FIELD_TYPE, place,
				"must be true or false");
	} else {
		if (!number || !s2c_json_plain_integer(number))
			return refuse(report, S2C_SCHEMA_FIELD_TYPE, place,
				"must be an integer of at most 16 digits");
		*(int64_t *)slot.at = strtoll(number, NULL, 10);
	}
	return 0;
}

static int take_value(struct slot slot, const struct s2c_json *value,
	const struct place *place, struct report report)
{
	switch (slot.field->type) {
	case S2C_SCHEMA_TYPE_STRINGS:
		return take_strings(slot.at, value, place, report);
	case S2C_SCHEMA_TYPE_MAP:
		return take_map(slot.at, value, place, report);
	case S2C_SCHEMA_TYPE_OBJECT:
		return decode_object(slot.field->schema, value, slot.at, place, report);
	case S2C_SCHEMA_TYPE_OBJECTS:
		return take_objects(slot, value, place, report);
	case S2C_SCHEMA_TYPE_STRING:
	case S2C_SCHEMA_TYPE_BOOL:
	case S2C_SCHEMA_TYPE_INT:
		break;
	}
	return take_scalar(slot, value, place, report);
}

/* --- members ---------------------------------------------------------------------- */

/* The field of exactly that name, or NULL; *alike is then one that differs by case. */
static const struct s2c_schema_field *find_field(const struct s2c_schema *schema,
	const char *name, const struct s2c_schema_field **alike)
{
	*alike = NULL;
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct s2c_schema_field *field = &schema->fields[i];

		if (streq(field->name, name))
			return field;
		if (s2c_json_name_compare_folded(field->name, name) == 0)
			*alike = field;
	}
	return NULL;
}

static int unknown_member(const struct s2c_schema *schema, const struct s2c_json *value,
	const struct s2c_schema_field *alike, const struct place *place,
	struct report report)
{
	CLEAN_FREE char *what = NULL;

	if (alike) {
		what = xasprintf("must be spelt '%s'", alike->name);
		return refuse(report, S2C_SCHEMA_KEY_CASE, place, what);
	}
	if (schema->closed)
		return refuse(report, S2C_SCHEMA_FIELD_UNKNOWN, place, "is not known");
	if (!s2c_schema_is_zero(value))
		return refuse(report, S2C_SCHEMA_FIELD_UNKNOWN, place,
			"is not known and must be left out");
	return 0;
}

static int take_member(const struct s2c_schema *schema, const struct s2c_json *value,
	char *out, const struct place *place, struct report report)
{
	const struct s2c_schema_field *alike,
		*field = find_field(schema, place->name, &alike);

	if (!field)
		return unknown_member(schema, value, alike, place, report);
	switch (field->rule) {
	case S2C_SCHEMA_RULE_TAKE:
		if (s2c_json_is_null(value))
			return 0;
		if (field->present)
			*(bool *)(out + field->present - 1) = true;
		return take_value(
			(struct slot){field, out + field->offset}, value, place, report);
	case S2C_SCHEMA_RULE_ZERO:
	case S2C_SCHEMA_RULE_ZEROS:
		if (field->rule == S2C_SCHEMA_RULE_ZERO ? !is_empty(value)
							: !s2c_schema_is_zero(value))
			return refuse(report, S2C_SCHEMA_FIELD_DENIED, place,
				"is not allowed and must be left out");
		return 0;
	case S2C_SCHEMA_RULE_NULL:
		if (!s2c_json_is_null(value))
			return refuse(report, S2C_SCHEMA_FIELD_DENIED, place,
				"is not allowed and must be null or left out");
		return 0;
	case S2C_SCHEMA_RULE_IGNORE:
		break;
	}
	return 0;
}

static int decode_object(const struct s2c_schema *schema, const struct s2c_json *object,
	void *out, const struct place *place, struct report report)
{
	if (!s2c_json_is_object(object))
		return refuse(report, S2C_SCHEMA_FIELD_TYPE, place, "must be an object");
	s2c_json_foreach (value, object) {
		struct place member = {place, s2c_json_key(value), 0};

		if (take_member(schema, value, out, &member, report) < 0)
			return -1;
	}
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct s2c_schema_field *field = &schema->fields[i];
		const struct s2c_json *value = s2c_json_get(object, field->name);
		struct place member = {place, field->name, 0};

		if (field->presence == S2C_REQUIRED &&
			(!value || s2c_json_is_null(value)))
			return refuse(
				report, S2C_SCHEMA_FIELD_MISSING, &member, "is missing");
	}
	return 0;
}

/* --- the document ----------------------------------------------------------------- */

int s2c_schema_decode(const struct s2c_schema *schema, const struct s2c_json *object,
	void *out, enum s2c_schema_fault *fault, struct s2c_error **err)
{
	struct report report = {fault, err};
	struct place root = {.up = NULL};

	if (decode_object(schema, object, out, &root, report) < 0) {
		s2c_schema_release(schema, out);
		return -1;
	}
	if (fault)
		*fault = S2C_SCHEMA_OK;
	return 0;
}

int s2c_schema_parse(const struct s2c_schema *schema, const char *text, size_t len,
	void *out, enum s2c_schema_fault *fault, struct s2c_error **err)
{
	static const struct s2c_json_limits limits = S2C_SCHEMA_LIMITS;
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_json_parse(text, len, limits, &root, &cause) < 0) {
		if (fault)
			*fault = s2c_error_code(cause) == S2C_ELIMIT
					 ? S2C_SCHEMA_JSON_LIMIT
					 : S2C_SCHEMA_BAD_JSON;
		s2c_error_move(err, &cause);
		return -1;
	}
	return s2c_schema_decode(schema, root, out, fault, err);
}

static void release_field(const struct s2c_schema_field *field, void *at)
{
	struct s2c_schema_array *array = at;
	struct s2c_schema_map *map = at;

	switch (field->type) {
	case S2C_SCHEMA_TYPE_STRING:
		free(*(char **)at);
		break;
	case S2C_SCHEMA_TYPE_STRINGS:
		s2c_strv_release(at);
		break;
	case S2C_SCHEMA_TYPE_MAP:
		s2c_strv_release(&map->keys);
		s2c_strv_release(&map->values);
		break;
	case S2C_SCHEMA_TYPE_OBJECT:
		s2c_schema_release(field->schema, at);
		break;
	case S2C_SCHEMA_TYPE_OBJECTS:
		for (size_t i = 0; i < array->len; i++)
			s2c_schema_release(field->schema,
				(char *)array->items + i * field->schema->size);
		free(array->items);
		break;
	case S2C_SCHEMA_TYPE_BOOL:
	case S2C_SCHEMA_TYPE_INT:
		break;
	}
}

void s2c_schema_release(const struct s2c_schema *schema, void *out)
{
	for (size_t i = 0; i < schema->n_fields; i++)
		if (schema->fields[i].rule == S2C_SCHEMA_RULE_TAKE)
			release_field(&schema->fields[i],
				(char *)out + schema->fields[i].offset);
	memset(out, 0, schema->size);
}
