/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects into structs by a const table, where it matters that nothing was overlooked: a
 * request that is checked here and carried out by somebody else, a policy.
 *
 * A table names every member that is known, with what becomes of it. A name is known
 * byte by byte; one that another decoder takes for a known one although it is not (Go
 * ignores case, and U+017F and U+212A are letters to it) is refused. A member that no
 * table names may only say nothing: newer clients send what they know as zero.
 *
 *     struct limits { int64_t memory; };
 *     struct request { char *image; struct limits limits; };
 *     static const struct s2c_schema_field limit_fields[] = {
 *             S2C_SCHEMA_INT("Memory", struct limits, memory),
 *             S2C_SCHEMA_ZERO("CgroupParent"),
 *     };
 *     static const struct s2c_schema limits = S2C_SCHEMA(limit_fields, struct limits);
 *     static const struct s2c_schema_field fields[] = {
 *             S2C_SCHEMA_STRING("Image", struct request, image, .presence =
 * S2C_REQUIRED), S2C_SCHEMA_OBJECT("HostConfig", struct request, limits, struct limits,
 *                     &limits),
 *     };
 */
#ifndef S2C_CODEC_SCHEMA_H
#define S2C_CODEC_SCHEMA_H

#include "codec/json.h"

/* For documents of peers; see S2C_SCHEMA_LIMITS. */
#define S2C_SCHEMA_BYTES_MAX (256u * 1024)
#define S2C_SCHEMA_STRING_MAX (64u * 1024)
#define S2C_SCHEMA_DEPTH_MAX 16
#define S2C_SCHEMA_VALUES_MAX 4096

/* JSON that every decoder reads the same way. Cases are told apart by the schema. */
#define S2C_SCHEMA_LIMITS                                                                \
	{                                                                                \
		.bytes = S2C_SCHEMA_BYTES_MAX, .depth = S2C_SCHEMA_DEPTH_MAX,            \
		.nodes = S2C_SCHEMA_VALUES_MAX, .string_bytes = S2C_SCHEMA_STRING_MAX,   \
		.mixed_case = true, .plain_keys = true, .integers = true                 \
	}

/* Where a member goes. All of it is owned by the struct. */
enum s2c_schema_type {
	S2C_SCHEMA_TYPE_STRING,  /* char * */
	S2C_SCHEMA_TYPE_BOOL,    /* bool */
	S2C_SCHEMA_TYPE_INT,     /* int64_t; -?(0|[1-9][0-9]{0,15}) */
	S2C_SCHEMA_TYPE_STRINGS, /* struct s2c_strv */
	S2C_SCHEMA_TYPE_MAP,    /* struct s2c_schema_map: free names, strings as values */
	S2C_SCHEMA_TYPE_OBJECT, /* a struct, by its own schema */
	S2C_SCHEMA_TYPE_OBJECTS, /* struct s2c_schema_array of them */
};

struct s2c_schema_map {
	struct s2c_strv keys, values; /* of the same length */
};

struct s2c_schema_array {
	void *items; /* of the size that the schema says, one behind the other */
	size_t len;
};

enum s2c_schema_rule {
	S2C_SCHEMA_RULE_TAKE, /* decoded */
	/*
	 * Denied unless null, false, 0, "", [] or {}. {"name": {}} is not zero: in a map
	 * (volumes, ports, networks) the name itself asks for something.
	 */
	S2C_SCHEMA_RULE_ZERO,
	/* Denied unless s2c_schema_is_zero(): for a struct whose members all say nothing.
	 */
	S2C_SCHEMA_RULE_ZEROS,
	S2C_SCHEMA_RULE_NULL,   /* denied unless null: where [] means something */
	S2C_SCHEMA_RULE_IGNORE, /* whatever it is, it has no effect */
};

struct s2c_schema;

/* A known member. The types and offset are for TAKE only. */
struct s2c_schema_field {
	const char *name;
	enum s2c_schema_rule rule;
	enum s2c_schema_type type;
	enum s2c_presence presence; /* null counts as missing */
	size_t offset;
	size_t present; /* S2C_SCHEMA_PRESENT of a bool: it was there and not null; 0:
			   none */
	const struct s2c_schema *schema; /* of OBJECT and OBJECTS */
};

struct s2c_schema {
	const struct s2c_schema_field *fields;
	size_t n_fields;
	size_t size; /* of the struct */
	bool closed; /* members that are not named are refused, also if they are zero */
};

#define S2C_SCHEMA_(table, struct_type, ...)                                             \
	{                                                                                \
		.fields = (table), .n_fields = ARRAY_SIZE(table),                        \
		.size = sizeof(struct_type), __VA_ARGS__                                 \
	}
/* S2C_SCHEMA(table, struct type), and .closed if need be. */
#define S2C_SCHEMA(table, ...) S2C_SCHEMA_(table, __VA_ARGS__, )

/* Offset of a member, which the compiler compares with the type that will be there. */
#define S2C_SCHEMA_OFFSET(type, struct_type, member)                                     \
	(offsetof(struct_type, member) +                                                 \
		0 * sizeof((type *)0 == &((struct_type *)0)->member))
#define S2C_SCHEMA_PRESENT(struct_type, member)                                          \
	(S2C_SCHEMA_OFFSET(bool, struct_type, member) + 1)

#define S2C_SCHEMA_FIELD_(key, kind, c_type, struct_type, member, ...)                   \
	{                                                                                \
		.name = (key), .type = S2C_SCHEMA_TYPE_##kind,                           \
		.offset = S2C_SCHEMA_OFFSET(c_type, struct_type, member), __VA_ARGS__    \
	}
/* Entries of a table; behind the member more may be set: .presence, .present. */
#define S2C_SCHEMA_STRING(key, struct_type, ...)                                         \
	S2C_SCHEMA_FIELD_(key, STRING, char *, struct_type, __VA_ARGS__, )
#define S2C_SCHEMA_BOOL(key, struct_type, ...)                                           \
	S2C_SCHEMA_FIELD_(key, BOOL, bool, struct_type, __VA_ARGS__, )
#define S2C_SCHEMA_INT(key, struct_type, ...)                                            \
	S2C_SCHEMA_FIELD_(key, INT, int64_t, struct_type, __VA_ARGS__, )
#define S2C_SCHEMA_STRINGS(key, struct_type, ...)                                        \
	S2C_SCHEMA_FIELD_(key, STRINGS, struct s2c_strv, struct_type, __VA_ARGS__, )
#define S2C_SCHEMA_MAP(key, struct_type, ...)                                            \
	S2C_SCHEMA_FIELD_(key, MAP, struct s2c_schema_map, struct_type, __VA_ARGS__, )
#define S2C_SCHEMA_OBJECT(key, struct_type, member_, member_type, ...)                   \
	{                                                                                \
		.name = (key), .type = S2C_SCHEMA_TYPE_OBJECT,                           \
		.offset = S2C_SCHEMA_OFFSET(member_type, struct_type, member_),          \
		.schema = __VA_ARGS__                                                    \
	}
#define S2C_SCHEMA_OBJECTS(key, struct_type, member_, ...)                               \
	{                                                                                \
		.name = (key), .type = S2C_SCHEMA_TYPE_OBJECTS,                          \
		.offset = S2C_SCHEMA_OFFSET(                                             \
			struct s2c_schema_array, struct_type, member_),                  \
		.schema = __VA_ARGS__                                                    \
	}
#define S2C_SCHEMA_ZERO(key)                                                             \
	{                                                                                \
		.name = (key), .rule = S2C_SCHEMA_RULE_ZERO                              \
	}
#define S2C_SCHEMA_ZEROS(key)                                                            \
	{                                                                                \
		.name = (key), .rule = S2C_SCHEMA_RULE_ZEROS                             \
	}
#define S2C_SCHEMA_NULL(key)                                                             \
	{                                                                                \
		.name = (key), .rule = S2C_SCHEMA_RULE_NULL                              \
	}
#define S2C_SCHEMA_IGNORE(key)                                                           \
	{                                                                                \
		.name = (key), .rule = S2C_SCHEMA_RULE_IGNORE                            \
	}

/* What was wrong, for programs. */
enum s2c_schema_fault {
	S2C_SCHEMA_OK = 0,
	S2C_SCHEMA_BAD_JSON,      /* no JSON, or not within the rules of the limits */
	S2C_SCHEMA_JSON_LIMIT,    /* too large, deep or many; S2C_ELIMIT */
	S2C_SCHEMA_KEY_CASE,      /* a known name in other case */
	S2C_SCHEMA_FIELD_TYPE,    /* a known member of another type */
	S2C_SCHEMA_FIELD_MISSING, /* a required one is not there, or null */
	S2C_SCHEMA_FIELD_UNKNOWN, /* not known, and not zero; S2C_EDENIED */
	S2C_SCHEMA_FIELD_DENIED,  /* known, and neither zero nor null; S2C_EDENIED */
};

/* The stable name of a fault for logs and answers, "field_denied" say; "ok" for none. */
const char *s2c_schema_fault_name(enum s2c_schema_fault fault);

/*
 * Decodes an object (of JSON, TOML or YAML) into the zeroed struct at `out`, which the
 * caller releases; on failure it is empty again. Errors name the path of the member,
 * "HostConfig.Binds" or "builders[2].name"; S2C_EPROTO but for those said above. `fault`
 * may be NULL.
 */
S2C_CHECK int s2c_schema_decode(const struct s2c_schema *schema,
	const struct s2c_json *object, void *out, enum s2c_schema_fault *fault,
	struct s2c_error **err);

/* The same for the text of a JSON object within S2C_SCHEMA_LIMITS. */
S2C_CHECK int s2c_schema_parse(const struct s2c_schema *schema, const char *text,
	size_t len, void *out, enum s2c_schema_fault *fault, struct s2c_error **err);

/* Frees what a struct owns and zeroes it; for a zeroed one, too. */
void s2c_schema_release(const struct s2c_schema *schema, void *out);

/*
 * True for what says nothing: null, false, 0, "", [] and objects whose members all are
 * zero. Arrays with elements say something.
 */
bool s2c_schema_is_zero(const struct s2c_json *value);

#endif
