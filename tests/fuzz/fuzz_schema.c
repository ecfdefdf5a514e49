/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a document into a table. What is taken is looked at again the way a
 * decoder that ignores case would look for members: it must not find one that the table
 * refuses.
 */
#include <stdint.h>

#include "codec/json_keys.h"
#include "codec/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
	bool flag;
	struct s2c_schema_array list;
};

struct outer {
	char *image;
	int64_t number;
	bool has_number;
	struct s2c_strv env;
	struct s2c_schema_map labels;
	struct inner inner;
};

struct element {
	char *name;
};

static const struct s2c_schema_field element_fields[] = {
	S2C_SCHEMA_STRING("Name", struct element, name, .presence = S2C_REQUIRED),
};
static const struct s2c_schema element_schema = S2C_SCHEMA(
	element_fields, struct element, .closed = true);

static const struct s2c_schema_field inner_fields[] = {
	S2C_SCHEMA_BOOL("Flag", struct inner, flag),
	S2C_SCHEMA_OBJECTS("List", struct inner, list, &element_schema),
	S2C_SCHEMA_ZERO("Binds"),
	S2C_SCHEMA_NULL("MaskedPaths"),
};
static const struct s2c_schema inner_schema = S2C_SCHEMA(inner_fields, struct inner);

static const struct s2c_schema_field outer_fields[] = {
	S2C_SCHEMA_STRING("Image", struct outer, image),
	S2C_SCHEMA_INT("Number", struct outer, number,
		.present = S2C_SCHEMA_PRESENT(struct outer, has_number)),
	S2C_SCHEMA_STRINGS("Env", struct outer, env),
	S2C_SCHEMA_MAP("Labels", struct outer, labels),
	S2C_SCHEMA_OBJECT("HostConfig", struct outer, inner, struct inner, &inner_schema),
};
static const struct s2c_schema outer_schema = S2C_SCHEMA(outer_fields, struct outer);

static void outer_release(struct outer *out)
{
	s2c_schema_release(&outer_schema, out);
}

/* The member that such a decoder finds under a name, the last one counting. */
static const struct s2c_json *find(const struct s2c_json *object, const char *name)
{
	const struct s2c_json *found = NULL;

	s2c_json_foreach (member, object)
		if (s2c_json_name_compare_folded(s2c_json_key(member), name) == 0)
			found = member;
	return found;
}

static void check(const struct outer *out, const struct s2c_json *root)
{
	const struct s2c_json *host = find(root, "HOSTCONFIG");
	const struct s2c_json *binds = find(host, "binds");
	const struct s2c_json *masked = find(host, "maskedpaths");
	const char *image = s2c_json_str(find(root, "image"));

	if (binds && !s2c_schema_is_zero(binds))
		abort();
	if (masked && !s2c_json_is_null(masked))
		abort();
	if (!image != !out->image || (image && !streq(image, out->image)))
		abort();
	if (out->labels.keys.len != out->labels.values.len)
		abort();
	if (s2c_json_len(find(root, "env")) != out->env.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_json_limits exact = {.mixed_case = true};
	CLEAN(outer_release) struct outer out = {0};
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;
	enum s2c_schema_fault fault = S2C_SCHEMA_OK;
	static const struct outer empty;

	if (s2c_schema_parse(
		    &outer_schema, (const char *)data, size, &out, &fault, &err) < 0) {
		if (!err || fault == S2C_SCHEMA_OK ||
			memcmp(&out, &empty, sizeof(out)) != 0)
			abort();
		return 0;
	}
	if (fault != S2C_SCHEMA_OK ||
		s2c_json_parse((const char *)data, size, exact, &root, NULL) < 0)
		abort();
	check(&out, root);
	return 0;
}
