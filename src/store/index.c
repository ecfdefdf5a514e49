/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document index.json: see index.h. s2c_index of image/manifest is not used for it,
 * because a store has more entries than an image index may have, and because what other
 * tools wrote into an entry must survive.
 */
#include "store/index.h"

#include "codec/json.h"

/* An entry has about ten nodes; annotations of other tools come on top. */
#define INDEX_NODES_MAX 4000000u
#define INDEX_DEPTH_MAX 16

static int check_entry(const struct s2c_json *node, size_t i, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};

	if (s2c_descriptor_from_json(node, &desc, err) < 0)
		return s2c_wrap(err, "entry %zu", i);
	return 0;
}

int s2c_layout_index_parse(
	const char *text, size_t len, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_STORE_INDEX_MAX,
		.depth = INDEX_DEPTH_MAX,
		.nodes = INDEX_NODES_MAX};
	const struct s2c_json *manifests = NULL;
	const char *media_type = S2C_MT_OCI_INDEX;
	int64_t version = 0;
	size_t i = 0;

	if (s2c_json_parse(text, len, limits, &root, err) < 0)
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EPROTO, "not a JSON object");
	if (s2c_json_get_int(root, "schemaVersion", S2C_REQUIRED, &version, err) < 0 ||
		s2c_json_get_str(root, "mediaType", S2C_OPTIONAL, &media_type, err) < 0 ||
		s2c_json_get_array(root, "manifests", S2C_REQUIRED, &manifests, err) < 0)
		return -1;
	if (version != 2 || !streq(media_type, S2C_MT_OCI_INDEX))
		return s2c_fail(err, S2C_EPROTO, "not an OCI image index");
	if (s2c_json_get(root, "layers"))
		return s2c_fail(err, S2C_EPROTO, "both 'manifests' and 'layers'");
	if (s2c_json_len(manifests) > S2C_STORE_NAMES_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d entries", S2C_STORE_NAMES_MAX);
	s2c_json_foreach (node, manifests) {
		if (check_entry(node, i++, err) < 0)
			return -1;
	}
	*out = TAKE(root);
	return 0;
}

struct s2c_json *s2c_layout_index_new(void)
{
	struct s2c_json *root = s2c_json_new_object();

	s2c_json_set_int(root, "schemaVersion", 2);
	s2c_json_set_str(root, "mediaType", S2C_MT_OCI_INDEX);
	s2c_json_set(root, "manifests", s2c_json_new_array());
	return root;
}

static const char *entry_name(const struct s2c_json *node)
{
	const char *name = s2c_json_str(
		s2c_json_get(s2c_json_get(node, "annotations"), S2C_ANNOTATION_REF_NAME));

	return name && strlen(name) <= S2C_REFERENCE_MAX ? name : "";
}

void s2c_layout_index_list(
	const struct s2c_json *index, struct s2c_store_name **out, size_t *out_n)
{
	const struct s2c_json *manifests = s2c_json_get(index, "manifests");
	struct s2c_store_name *names = xcalloc(s2c_json_len(manifests), sizeof(*names));
	size_t n = 0;

	s2c_json_foreach (node, manifests) {
		const char *name = entry_name(node);

		/* Checked by the parser, and by who added it. */
		if (s2c_descriptor_from_json(node, &names[n].desc, NULL) < 0)
			continue;
		memcpy(names[n].name, name, strlen(name) + 1);
		n++;
	}
	*out = names;
	*out_n = n;
}

void s2c_store_names_free(struct s2c_store_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s2c_descriptor_release(&names[i].desc);
	free(names);
}

static bool matches(const struct s2c_json *node, const struct s2c_index_match *match)
{
	const char *name = entry_name(node);
	const char *digest = s2c_json_str(s2c_json_get(node, "digest"));

	if (match->name && match->name[0] && streq(match->name, name))
		return true;
	if (match->digest && digest && streq(match->digest->str, digest))
		return true;
	if (name[0])
		return false;
	return match->all_unnamed ||
	       (match->unnamed && digest && streq(match->unnamed->str, digest));
}

static struct s2c_json *make_entry(const struct s2c_store_name *add)
{
	struct s2c_json *node = s2c_descriptor_to_json(&add->desc);

	/* A name that the descriptor brought along from elsewhere must not survive. */
	s2c_json_remove(s2c_json_object_at(node, "annotations"), S2C_ANNOTATION_REF_NAME);
	if (add->name[0])
		s2c_json_set_str(s2c_json_object_at(node, "annotations"),
			S2C_ANNOTATION_REF_NAME, add->name);
	if (s2c_json_len(s2c_json_get(node, "annotations")) == 0)
		s2c_json_remove(node, "annotations");
	return node;
}

int s2c_layout_index_edit(const struct s2c_json *index,
	const struct s2c_index_match *drop, const struct s2c_store_name *add,
	struct s2c_json **out, size_t *out_dropped, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_json *kept = s2c_json_new_array();
	size_t dropped = 0;

	s2c_json_foreach (node, s2c_json_get(index, "manifests")) {
		if (drop && matches(node, drop))
			dropped++;
		else
			s2c_json_add(kept, s2c_json_copy(node));
	}
	if (add)
		s2c_json_add(kept, make_entry(add));
	s2c_json_foreach (member, index) {
		const char *key = s2c_json_key(member);

		if (!streq(key, "manifests"))
			s2c_json_set(root, key, s2c_json_copy(member));
	}
	s2c_json_set(root, "manifests", kept);
	if (s2c_json_len(kept) > S2C_STORE_NAMES_MAX)
		return s2c_fail(
			err, S2C_ELIMIT, "more than %d entries", S2C_STORE_NAMES_MAX);
	*out = TAKE(root);
	if (out_dropped)
		*out_dropped = dropped;
	return 0;
}
