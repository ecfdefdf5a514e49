/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON tree. cJSON holds the nodes and nothing else: its parser lets duplicate keys,
 * trailing bytes and half a dozen number forms through, and its numbers are doubles. Here
 * the scanner is our own (codec/json_lex.h) and a number is a node that keeps its text.
 */
#include "codec/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "codec/json_keys.h"
#include "codec/json_lex.h"

/* A struct s2c_json is a cJSON that nobody else sees. */
static cJSON *raw(const struct s2c_json *node)
{
	return (cJSON *)node;
}

static struct s2c_json *wrap(const cJSON *node)
{
	return (struct s2c_json *)node;
}

static cJSON *must(cJSON *node)
{
	return s2c_must(node);
}

static void must_be(cJSON_bool done)
{
	(void)s2c_must(done ? &done : NULL);
}

void s2c_json_free(struct s2c_json *root)
{
	cJSON_Delete(raw(root));
}

static void wipe(cJSON *node)
{
	if (node->valuestring)
		explicit_bzero(node->valuestring, strlen(node->valuestring));
	for (cJSON *child = node->child; child; child = child->next)
		wipe(child);
}

void s2c_json_free_secret(struct s2c_json *root)
{
	if (root)
		wipe(raw(root));
	cJSON_Delete(raw(root));
}

struct s2c_json *s2c_json_copy(const struct s2c_json *node)
{
	cJSON *copy = must(cJSON_Duplicate(raw(node), 1));

	/* A copied member is a root: it has no name any more. */
	cJSON_free(copy->string);
	copy->string = NULL;
	return wrap(copy);
}

/* --- keys ------------------------------------------------------------------------- */

/* The known key that `key` is in other case, or NULL. */
static const char *misspelt(const char *key, const char *const *known)
{
	for (; known && *known; known++)
		if (s2c_json_name_compare_folded(key, *known) == 0 && !streq(key, *known))
			return *known;
	return NULL;
}

int s2c_json_check_keys(
	const struct s2c_json *object, const char *const *known, struct s2c_error **err)
{
	CLEAN_FREE struct s2c_json_name *keys = NULL;
	const struct s2c_json_name *twice;
	size_t n = 0;

	if (!s2c_json_is_object(object))
		return 0;
	keys = xcalloc(s2c_json_len(object), sizeof(*keys));
	s2c_json_foreach (member, object) {
		const char *key = s2c_json_key(member), *right = misspelt(key, known);

		if (right)
			return s2c_fail(err, S2C_EPROTO, "key '%s' must be spelt '%s'",
				key, right);
		keys[n++].name = key;
	}
	twice = s2c_json_name_twice(keys, n, false);
	if (twice)
		return s2c_fail(err, S2C_EPROTO,
			"key '%s' is there twice, in upper or lower case", twice->name);
	return 0;
}

/* --- parsing ---------------------------------------------------------------------- */

struct parser {
	struct s2c_json_lex lex;
	struct s2c_json_limits limits;
	unsigned nodes, depth;
	/* Names of the objects that are open, outermost first. */
	struct s2c_json_name *keys;
	size_t n_keys, cap_keys;
};

static void parser_release(struct parser *p)
{
	free(p->keys);
}

static void delete_node(cJSON **node)
{
	cJSON_Delete(*node);
}

static int parse_value(struct parser *p, cJSON **out, struct s2c_error **err);

static void push_key(struct parser *p, const char *name, const char *at)
{
	if (p->n_keys == p->cap_keys) {
		p->cap_keys = p->cap_keys ? p->cap_keys * 2 : 64;
		p->keys = xreallocarray(p->keys, p->cap_keys, sizeof(*p->keys));
	}
	p->keys[p->n_keys++] = (struct s2c_json_name){name, at};
}

/* A key is why it is going to be refused. */
static void note_bad_key(const struct parser *p)
{
	if (p->limits.out_bad_key)
		*p->limits.out_bad_key = true;
}

/* What limits say of the string whose text starts at `at` and that was just read. */
static int check_string(const struct parser *p, const char *at, const char *value,
	bool key, struct s2c_error **err)
{
	size_t len = (size_t)(p->lex.at - at);

	if (p->limits.string_bytes && strlen(value) > p->limits.string_bytes)
		return s2c_fail(err, S2C_ELIMIT, "a string of more than %zu bytes",
			p->limits.string_bytes);
	if (!key || !p->limits.plain_keys)
		return 0;
	if (memchr(at, '\\', len)) {
		note_bad_key(p);
		return s2c_json_lex_fail(&p->lex, at, err, "an escape in a key");
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)at[i] >= 0x7f) {
			note_bad_key(p);
			return s2c_json_lex_fail(
				&p->lex, at, err, "a key that is not ASCII");
		}
	return 0;
}

/* `"key": value`, put into the object. */
static int parse_member(struct parser *p, cJSON *object, struct s2c_error **err)
{
	CLEAN(delete_node) cJSON *value = NULL;
	CLEAN_FREE char *key = NULL;
	const char *at;

	s2c_json_lex_space(&p->lex);
	at = p->lex.at;
	if (s2c_json_lex_string(&p->lex, &key, err) < 0 ||
		check_string(p, at, key, true, err) < 0)
		return -1;
	s2c_json_lex_space(&p->lex);
	if (!s2c_json_lex_take(&p->lex, ':'))
		return s2c_json_lex_fail(
			&p->lex, p->lex.at, err, "':' was expected behind a key");
	if (parse_value(p, &value, err) < 0)
		return -1;
	must_be(cJSON_AddItemToObject(object, key, value));
	push_key(p, value->string, at);
	value = NULL;
	return 0;
}

static int parse_element(struct parser *p, cJSON *array, struct s2c_error **err)
{
	cJSON *value = NULL;

	if (parse_value(p, &value, err) < 0)
		return -1;
	must_be(cJSON_AddItemToArray(array, value));
	return 0;
}

/* A container behind its opening bracket. */
static int parse_container(
	struct parser *p, bool object, cJSON **out, struct s2c_error **err)
{
	CLEAN(delete_node)
	cJSON *node = must(object ? cJSON_CreateObject() : cJSON_CreateArray());
	int (*parse_one)(struct parser *, cJSON *,
		struct s2c_error **) = object ? parse_member : parse_element;
	const char close = object ? '}' : ']';
	size_t first_key = p->n_keys;
	const struct s2c_json_name *twice;

	if (++p->depth > p->limits.depth)
		return s2c_fail(
			err, S2C_ELIMIT, "nested deeper than %u levels", p->limits.depth);
	s2c_json_lex_space(&p->lex);
	if (!s2c_json_lex_take(&p->lex, close)) {
		do {
			if (parse_one(p, node, err) < 0)
				return -1;
			s2c_json_lex_space(&p->lex);
		} while (s2c_json_lex_take(&p->lex, ','));
		if (!s2c_json_lex_take(&p->lex, close))
			return s2c_json_lex_fail(&p->lex, p->lex.at, err,
				"',' or '%c' was expected", close);
	}
	/* No array of keys yet means nothing to compare, nor to point into. */
	twice = p->n_keys == first_key
			? NULL
			: s2c_json_name_twice(p->keys + first_key, p->n_keys - first_key,
				  p->limits.mixed_case);
	if (twice) {
		note_bad_key(p);
		return s2c_json_lex_fail(
			&p->lex, twice->at, err, "duplicate key '%.200s'", twice->name);
	}
	p->n_keys = first_key;
	p->depth--;
	*out = TAKE(node);
	return 0;
}

static int parse_scalar(struct parser *p, cJSON **out, struct s2c_error **err)
{
	static const struct {
		const char *word;
		cJSON *(*create)(void);
	} words[] = {
		{"null", cJSON_CreateNull},
		{"true", cJSON_CreateTrue},
		{"false", cJSON_CreateFalse},
	};
	char number[S2C_JSON_NUMBER_MAX + 1];
	struct s2c_json_lex *lex = &p->lex;
	const char *at;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (s2c_json_lex_word(lex, words[i].word)) {
			*out = must(words[i].create());
			return 0;
		}
	}
	if (lex->at == lex->end)
		return s2c_json_lex_fail(
			lex, lex->at, err, "the document ends too early");
	if (*lex->at != '-' && (*lex->at < '0' || *lex->at > '9'))
		return s2c_json_lex_fail(lex, lex->at, err, "a value was expected");
	at = lex->at;
	if (s2c_json_lex_number(lex, number, err) < 0)
		return -1;
	if (p->limits.integers && !s2c_json_plain_integer(number))
		return s2c_json_lex_fail(
			lex, at, err, "a number that is no integer of at most 16 digits");
	*out = must(cJSON_CreateRaw(number));
	return 0;
}

static int parse_value(struct parser *p, cJSON **out, struct s2c_error **err)
{
	CLEAN_FREE char *string = NULL;
	const char *at;

	if (p->nodes++ == p->limits.nodes)
		return s2c_fail(err, S2C_ELIMIT, "more than %u values", p->limits.nodes);
	s2c_json_lex_space(&p->lex);
	if (s2c_json_lex_take(&p->lex, '{'))
		return parse_container(p, true, out, err);
	if (s2c_json_lex_take(&p->lex, '['))
		return parse_container(p, false, out, err);
	if (p->lex.at == p->lex.end || *p->lex.at != '"')
		return parse_scalar(p, out, err);
	at = p->lex.at;
	if (s2c_json_lex_string(&p->lex, &string, err) < 0 ||
		check_string(p, at, string, false, err) < 0)
		return -1;
	*out = must(cJSON_CreateNull());
	(*out)->type = cJSON_String;
	(*out)->valuestring = TAKE(string);
	return 0;
}

int s2c_json_parse(const char *text, size_t len, struct s2c_json_limits limits,
	struct s2c_json **out, struct s2c_error **err)
{
	CLEAN(parser_release)
	struct parser p = {
		.lex = {text, text, text + len},
		.limits = limits,
	};
	CLEAN(delete_node) cJSON *root = NULL;

	if (!p.limits.bytes)
		p.limits.bytes = S2C_JSON_BYTES_MAX;
	if (!p.limits.depth)
		p.limits.depth = S2C_JSON_DEPTH_MAX;
	if (!p.limits.nodes)
		p.limits.nodes = S2C_JSON_NODES_MAX;
	if (len > p.limits.bytes)
		return s2c_fail(err, S2C_ELIMIT, "larger than %zu bytes", p.limits.bytes);
	if (parse_value(&p, &root, err) < 0)
		return -1;
	s2c_json_lex_space(&p.lex);
	if (p.lex.at != p.lex.end)
		return s2c_json_lex_fail(
			&p.lex, p.lex.at, err, "more bytes behind the document");
	*out = wrap(TAKE(root));
	return 0;
}

/* --- reading ---------------------------------------------------------------------- */

bool s2c_json_is_object(const struct s2c_json *node)
{
	return cJSON_IsObject(raw(node));
}

bool s2c_json_is_array(const struct s2c_json *node)
{
	return cJSON_IsArray(raw(node));
}

bool s2c_json_is_string(const struct s2c_json *node)
{
	return cJSON_IsString(raw(node));
}

bool s2c_json_is_null(const struct s2c_json *node)
{
	return cJSON_IsNull(raw(node));
}

bool s2c_json_is_bool(const struct s2c_json *node, bool *out)
{
	if (!cJSON_IsBool(raw(node)))
		return false;
	*out = cJSON_IsTrue(raw(node));
	return true;
}

const char *s2c_json_number(const struct s2c_json *node)
{
	return cJSON_IsRaw(raw(node)) ? raw(node)->valuestring : NULL;
}

bool s2c_json_plain_integer(const char *text)
{
	const char *p = text + (*text == '-');
	size_t digits = strspn(p, "0123456789");

	return digits && digits <= 16 && !p[digits] && (*p != '0' || digits == 1);
}

const char *s2c_json_str(const struct s2c_json *node)
{
	return cJSON_IsString(raw(node)) ? raw(node)->valuestring : NULL;
}

const struct s2c_json *s2c_json_get(const struct s2c_json *object, const char *key)
{
	if (!cJSON_IsObject(raw(object)))
		return NULL;
	return wrap(cJSON_GetObjectItemCaseSensitive(raw(object), key));
}

const struct s2c_json *s2c_json_first(const struct s2c_json *node)
{
	return node ? wrap(raw(node)->child) : NULL;
}

const struct s2c_json *s2c_json_next(const struct s2c_json *node)
{
	return wrap(raw(node)->next);
}

const char *s2c_json_key(const struct s2c_json *node)
{
	return raw(node)->string;
}

size_t s2c_json_len(const struct s2c_json *node)
{
	size_t n = 0;

	s2c_json_foreach (item, node)
		n++;
	return n;
}

enum type { STRING, INTEGER, BOOLEAN, OBJECT, ARRAY };

/*
 * The member `key`, which must be of a type; *out is NULL if it is missing or null and
 * may be.
 */
static int typed_member(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, enum type type, const struct s2c_json **out,
	struct s2c_error **err)
{
	static const struct {
		const char *name;
		int mask;
	} types[] = {
		[STRING] = {"a string", cJSON_String},
		[INTEGER] = {"an integer", cJSON_Raw},
		[BOOLEAN] = {"a boolean", cJSON_True | cJSON_False},
		[OBJECT] = {"an object", cJSON_Object},
		[ARRAY] = {"an array", cJSON_Array},
	};
	const struct s2c_json *node = s2c_json_get(object, key);

	*out = NULL;
	if (!node && presence == S2C_REQUIRED)
		return s2c_fail(err, S2C_EPROTO, "'%s' is missing", key);
	if (!node || (s2c_json_is_null(node) && presence == S2C_OPTIONAL))
		return 0;
	if (!(raw(node)->type & types[type].mask))
		return s2c_fail(
			err, S2C_EPROTO, "'%s' must be %s", key, types[type].name);
	*out = node;
	return 0;
}

int s2c_json_get_str(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, const char **out, struct s2c_error **err)
{
	const struct s2c_json *node;

	if (typed_member(object, key, presence, STRING, &node, err) < 0)
		return -1;
	if (node)
		*out = raw(node)->valuestring;
	return 0;
}

int s2c_json_get_int(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, int64_t *out, struct s2c_error **err)
{
	const struct s2c_json *node;
	long long value;
	char *end;

	if (typed_member(object, key, presence, INTEGER, &node, err) < 0)
		return -1;
	if (!node)
		return 0;
	errno = 0;
	value = strtoll(raw(node)->valuestring, &end, 10);
	if (*end)
		return s2c_fail(err, S2C_EPROTO, "'%s' must be an integer", key);
	if (errno)
		return s2c_fail(err, S2C_EPROTO, "'%s' is out of range", key);
	*out = value;
	return 0;
}

int s2c_json_get_bool(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, bool *out, struct s2c_error **err)
{
	const struct s2c_json *node;

	if (typed_member(object, key, presence, BOOLEAN, &node, err) < 0)
		return -1;
	if (node)
		*out = cJSON_IsTrue(raw(node));
	return 0;
}

int s2c_json_get_object(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, const struct s2c_json **out, struct s2c_error **err)
{
	const struct s2c_json *node;

	if (typed_member(object, key, presence, OBJECT, &node, err) < 0)
		return -1;
	if (node)
		*out = node;
	return 0;
}

int s2c_json_get_array(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, const struct s2c_json **out, struct s2c_error **err)
{
	const struct s2c_json *node;

	if (typed_member(object, key, presence, ARRAY, &node, err) < 0)
		return -1;
	if (node)
		*out = node;
	return 0;
}

int s2c_json_get_strv(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, struct s2c_strv *out, struct s2c_error **err)
{
	const struct s2c_json *node;

	if (typed_member(object, key, presence, ARRAY, &node, err) < 0)
		return -1;
	s2c_json_foreach (item, node)
		if (!s2c_json_is_string(item))
			return s2c_fail(
				err, S2C_EPROTO, "'%s' must be an array of strings", key);
	s2c_json_foreach (item, node)
		s2c_strv_add(out, s2c_json_str(item));
	return 0;
}

/* --- building --------------------------------------------------------------------- */

struct s2c_json *s2c_json_new_object(void)
{
	return wrap(must(cJSON_CreateObject()));
}

struct s2c_json *s2c_json_new_array(void)
{
	return wrap(must(cJSON_CreateArray()));
}

void s2c_json_set(struct s2c_json *object, const char *key, struct s2c_json *value)
{
	if (s2c_json_get(object, key))
		must_be(cJSON_ReplaceItemInObjectCaseSensitive(
			raw(object), key, raw(value)));
	else
		must_be(cJSON_AddItemToObject(raw(object), key, raw(value)));
}

struct s2c_json *s2c_json_new_str(const char *value)
{
	return wrap(must(cJSON_CreateString(value)));
}

struct s2c_json *s2c_json_new_int(int64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return wrap(must(cJSON_CreateRaw(text)));
}

struct s2c_json *s2c_json_new_bool(bool value)
{
	return wrap(must(cJSON_CreateBool(value)));
}

struct s2c_json *s2c_json_new_null(void)
{
	return wrap(must(cJSON_CreateNull()));
}

void s2c_json_set_str(struct s2c_json *object, const char *key, const char *value)
{
	s2c_json_set(object, key, s2c_json_new_str(value));
}

void s2c_json_set_int(struct s2c_json *object, const char *key, int64_t value)
{
	s2c_json_set(object, key, s2c_json_new_int(value));
}

void s2c_json_set_bool(struct s2c_json *object, const char *key, bool value)
{
	s2c_json_set(object, key, s2c_json_new_bool(value));
}

void s2c_json_set_strv(
	struct s2c_json *object, const char *key, const struct s2c_strv *value)
{
	struct s2c_json *array = s2c_json_new_array();

	s2c_strv_foreach (item, value)
		s2c_json_add_str(array, item);
	s2c_json_set(object, key, array);
}

void s2c_json_remove(struct s2c_json *object, const char *key)
{
	if (s2c_json_is_object(object))
		cJSON_DeleteItemFromObjectCaseSensitive(raw(object), key);
}

struct s2c_json *s2c_json_object_at(struct s2c_json *object, const char *key)
{
	if (!s2c_json_is_object(s2c_json_get(object, key)))
		s2c_json_set(object, key, s2c_json_new_object());
	return wrap(raw(s2c_json_get(object, key)));
}

struct s2c_json *s2c_json_array_at(struct s2c_json *object, const char *key)
{
	if (!s2c_json_is_array(s2c_json_get(object, key)))
		s2c_json_set(object, key, s2c_json_new_array());
	return wrap(raw(s2c_json_get(object, key)));
}

void s2c_json_add(struct s2c_json *array, struct s2c_json *value)
{
	must_be(cJSON_AddItemToArray(raw(array), raw(value)));
}

void s2c_json_add_str(struct s2c_json *array, const char *value)
{
	s2c_json_add(array, s2c_json_new_str(value));
}

void s2c_json_add_int(struct s2c_json *array, int64_t value)
{
	s2c_json_add(array, s2c_json_new_int(value));
}

/* --- order ------------------------------------------------------------------------ */

static int member_compare(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

void s2c_json_sort(struct s2c_json *node)
{
	size_t n = s2c_json_len(node), i = 0;
	CLEAN_FREE cJSON **members = xcalloc(n, sizeof(cJSON *));

	s2c_json_foreach (item, node) {
		members[i++] = raw(item);
		s2c_json_sort(wrap(raw(item)));
	}
	if (n < 2 || !s2c_json_is_object(node))
		return;
	qsort(members, n, sizeof(*members), member_compare);
	/* cJSON's list: the first one's prev is the last one, the last one's next NULL.
	 */
	for (i = 0; i < n; i++) {
		members[i]->prev = members[i ? i - 1 : n - 1];
		members[i]->next = i + 1 < n ? members[i + 1] : NULL;
	}
	raw(node)->child = members[0];
}
