/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON in, deterministic JSON out. This is the only module that knows cJSON.
 *
 * Input rules beyond RFC 8259: valid UTF-8, no NUL in strings (also not as escape), no
 * duplicate keys (also not by ASCII case: other decoders fold it), no bytes after the
 * value, strict number grammar, integers within int64 kept exactly, other numbers finite.
 * A node is either the root (owned, s2c_json_free) or borrowed from its root.
 */
#ifndef S2C_CODEC_JSON_H
#define S2C_CODEC_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/strv.h"

struct s2c_json;

struct s2c_json_limits {
	size_t bytes;   /* 0: S2C_JSON_BYTES_MAX */
	unsigned depth; /* 0: S2C_JSON_DEPTH_MAX */
	unsigned nodes; /* 0: S2C_JSON_NODES_MAX */
	/*
	 * Keys that differ by case only are two keys: for documents with maps of free
	 * names (labels, annotations). Their reader checks the objects whose keys have a
	 * meaning with s2c_json_check_keys().
	 */
	bool mixed_case;
	/* For documents that another decoder reads after us, and that has rules of its
	 * own.
	 */
	size_t string_bytes; /* of a string or key, decoded; 0: no own limit */
	bool plain_keys;     /* keys are ASCII and have no escapes */
	bool integers;       /* numbers are s2c_json_plain_integer() */
	bool *out_bad_key;   /* set if a key is why it was refused; NULL: no matter */
};
#define S2C_JSON_BYTES_MAX (4u * 1024 * 1024)
#define S2C_JSON_DEPTH_MAX 32
#define S2C_JSON_NODES_MAX 200000

/* Parses one document; S2C_EPROTO names line and column, S2C_ELIMIT names the limit. */
S2C_CHECK int s2c_json_parse(const char *text, size_t len, struct s2c_json_limits limits,
	struct s2c_json **out, struct s2c_error **err);
void s2c_json_free(struct s2c_json *root);
S2C_DEFINE_CLEAN(json, struct s2c_json *, s2c_json_free)
#define CLEAN_JSON CLEAN(s2c_clean_json)
/* The same for a document that holds secrets: its strings are overwritten first. */
void s2c_json_free_secret(struct s2c_json *root);
S2C_DEFINE_CLEAN(json_secret, struct s2c_json *, s2c_json_free_secret)
#define CLEAN_JSON_SECRET CLEAN(s2c_clean_json_secret)

/*
 * S2C_EPROTO if two keys of `object` (not of what is below it) are equal but for case, or
 * one is a `known` key (array ended by NULL, or NULL) in other case: decoders that ignore
 * case would find a member there that s2c_json_get() does not. Case is that of other
 * decoders: ASCII, and U+017F and U+212A, which fold to s and k.
 */
S2C_CHECK int s2c_json_check_keys(
	const struct s2c_json *object, const char *const *known, struct s2c_error **err);

/* Deep copy; caller owns. */
struct s2c_json *s2c_json_copy(const struct s2c_json *node);

bool s2c_json_is_object(const struct s2c_json *node);
bool s2c_json_is_array(const struct s2c_json *node);
bool s2c_json_is_string(const struct s2c_json *node);
bool s2c_json_is_null(const struct s2c_json *node);
/* A number; its exact text (as it was read or printed), or NULL. Borrowed. */
const char *s2c_json_number(const struct s2c_json *node);
/*
 * True for -?(0|[1-9][0-9]{0,15}): every decoder, also one that has only doubles, reads
 * the same number.
 */
bool s2c_json_plain_integer(const char *text);
/* A boolean; *out is its value. */
bool s2c_json_is_bool(const struct s2c_json *node, bool *out);

/* Exact-case member or NULL (also when `object` is NULL or no object). Borrowed. */
const struct s2c_json *s2c_json_get(const struct s2c_json *object, const char *key);
/* Number of elements or members; 0 for NULL and scalars. */
size_t s2c_json_len(const struct s2c_json *node);
/* First / next element or member of a container; NULL at the end. */
const struct s2c_json *s2c_json_first(const struct s2c_json *node);
const struct s2c_json *s2c_json_next(const struct s2c_json *node);
/* Name of a member; NULL for array elements. Borrowed. */
const char *s2c_json_key(const struct s2c_json *node);
/* Borrowed string of a string node, or NULL. */
const char *s2c_json_str(const struct s2c_json *node);

#define s2c_json_foreach(item, node)                                                     \
	for (const struct s2c_json *item = s2c_json_first(node); item;                   \
		item = s2c_json_next(item))

/*
 * Typed members. `required` missing: S2C_EPROTO "'key' is missing"; wrong type:
 * S2C_EPROTO "'key' must be a string". Missing or null and not required: success, *out
 * untouched. Strings are borrowed.
 */
enum s2c_presence { S2C_OPTIONAL, S2C_REQUIRED };
S2C_CHECK int s2c_json_get_str(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, const char **out, struct s2c_error **err);
S2C_CHECK int s2c_json_get_int(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, int64_t *out, struct s2c_error **err);
S2C_CHECK int s2c_json_get_bool(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, bool *out, struct s2c_error **err);
S2C_CHECK int s2c_json_get_object(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, const struct s2c_json **out, struct s2c_error **err);
S2C_CHECK int s2c_json_get_array(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, const struct s2c_json **out, struct s2c_error **err);
/* An array of strings, appended to `out`; null counts as missing. */
S2C_CHECK int s2c_json_get_strv(const struct s2c_json *object, const char *key,
	enum s2c_presence presence, struct s2c_strv *out, struct s2c_error **err);

/* Building. Setters copy strings, take ownership of nodes, replace an equal key in place.
 */
struct s2c_json *s2c_json_new_object(void);
struct s2c_json *s2c_json_new_array(void);
struct s2c_json *s2c_json_new_str(const char *value);
struct s2c_json *s2c_json_new_int(int64_t value);
struct s2c_json *s2c_json_new_bool(bool value);
struct s2c_json *s2c_json_new_null(void);
void s2c_json_set(struct s2c_json *object, const char *key, struct s2c_json *value);
void s2c_json_set_str(struct s2c_json *object, const char *key, const char *value);
void s2c_json_set_int(struct s2c_json *object, const char *key, int64_t value);
void s2c_json_set_bool(struct s2c_json *object, const char *key, bool value);
void s2c_json_set_strv(
	struct s2c_json *object, const char *key, const struct s2c_strv *value);
void s2c_json_remove(struct s2c_json *object, const char *key);
/* Mutable member: the existing one, or a new empty object / array put there. */
struct s2c_json *s2c_json_object_at(struct s2c_json *object, const char *key);
struct s2c_json *s2c_json_array_at(struct s2c_json *object, const char *key);
void s2c_json_add(struct s2c_json *array, struct s2c_json *value);
void s2c_json_add_str(struct s2c_json *array, const char *value);
void s2c_json_add_int(struct s2c_json *array, int64_t value);

/*
 * Prints: members in their order (sort them with s2c_json_sort for canonical form),
 * integers exactly, UTF-8 kept, no HTML escapes, no trailing newline. Strings that are
 * not UTF-8 (own building) get U+FFFD for each byte that is none. Pretty: four blanks a
 * level. Caller frees.
 */
enum s2c_json_style { S2C_JSON_COMPACT, S2C_JSON_PRETTY };
char *s2c_json_print(const struct s2c_json *node, enum s2c_json_style style);

/* Sorts members of all objects below bytewise. */
void s2c_json_sort(struct s2c_json *node);

#endif
