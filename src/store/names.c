/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the store: index.json read as a whole, and replaced as a whole under its own
 * lock. Readers take no lock: they see the old file or the new one.
 */
#include "store/names.h"

#include <ctype.h>
#include <fcntl.h>

#include "codec/json.h"
#include "store/blob.h"
#include "store/index.h"
#include "store/internal.h"
#include "util/fault.h"
#include "util/fs.h"

#define PREFIX_MIN 6 /* hex digits that may stand for an image */
#define CANDIDATES 5 /* named when a prefix is ambiguous */

int s2c_names_load(struct s2c_store *store, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_STORE_INDEX_MAX);

	if (s2c_fs_read_file(store->root_fd, "index.json", &text, err) < 0)
		return s2c_wrap(err, "names of store '%s'", store->path);
	if (s2c_layout_index_parse(s2c_buf_str(&text), text.len, out, err) < 0)
		return s2c_wrap(err,
			"'%s/index.json' is damaged, restore it or remove the store",
			store->path);
	return 0;
}

/*
 * Takes the lock, drops what matches, adds, and writes; nothing is written when nothing
 * changes. `need` makes it S2C_ENOENT when nothing matched.
 */
struct edit {
	struct s2c_index_match drop;
	const struct s2c_store_name *add;
	const char *need;
};

/* True if the very entry is there and no other one would go. */
static bool is_there(
	const struct s2c_json *index, const struct s2c_store_name *add, bool any_name)
{
	struct s2c_store_name *names;
	bool found = false;
	size_t n, unnamed = 0;

	s2c_layout_index_list(index, &names, &n);
	for (size_t i = 0; i < n; i++) {
		if (!s2c_digest_equal(&names[i].desc.digest, &add->desc.digest))
			continue;
		found = found || any_name || streq(names[i].name, add->name);
		unnamed += names[i].name[0] == '\0';
	}
	s2c_store_names_free(names, n);
	return found && (any_name || unnamed == 0);
}

static int write_index(
	struct s2c_store *store, const struct s2c_json *index, struct s2c_error **err)
{
	CLEAN_FREE char *text = s2c_json_print(index, S2C_JSON_COMPACT);
	size_t len = strlen(text);

	if (len > S2C_STORE_INDEX_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%s/index.json' would be too large",
			store->path);
	/* What is named must be as durable as its name. */
	if (s2c_store_sync_blobs(store, err) < 0)
		return -1;
	return s2c_store_put_file(store, store->root_fd, "index.json", text, len, err);
}

static int edit_index(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct edit *edit, size_t *out_dropped, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *index = NULL;
	CLEAN_JSON struct s2c_json *changed = NULL;
	CLEAN_FD int lock = -1;
	size_t dropped = 0;

	if (s2c_fault_point("store.index", err) < 0)
		return -1;
	if (s2c_fs_lock(ctx, store->root_fd, "index.lock",
		    (struct s2c_lock_opts){.exclusive = true}, &lock, err) < 0)
		return s2c_wrap(err, "names of store '%s'", store->path);
	if (s2c_names_load(store, &index, err) < 0)
		return -1;
	if (edit->add && is_there(index, edit->add, !edit->add->name[0]))
		return 0;
	if (s2c_layout_index_edit(
		    index, &edit->drop, edit->add, &changed, &dropped, err) < 0)
		return s2c_wrap(err, "names of store '%s'", store->path);
	if (edit->need && dropped == 0)
		return s2c_fail(err, S2C_ENOENT, "no image '%s' in store '%s'",
			edit->need, store->path);
	if ((edit->add || dropped > 0) && write_index(store, changed, err) < 0)
		return -1;
	if (out_dropped)
		*out_dropped = dropped;
	return 0;
}

/* ---- changing ---- */

static int check_blob(struct s2c_store *store, const struct s2c_descriptor *desc,
	const char *what, struct s2c_error **err)
{
	uint64_t size;

	if (s2c_blob_stat(store, &desc->digest, &size, err) < 0)
		return s2c_wrap(err, "image is incomplete: %s", what);
	if (size != desc->size)
		return s2c_fail(err, S2C_EDIGEST,
			"image is incomplete: %s '%s' has %llu bytes instead of %llu",
			what, desc->digest.str, (unsigned long long)size,
			(unsigned long long)desc->size);
	return 0;
}

int s2c_store_check_blobs(struct s2c_store *store, const struct s2c_manifest *manifest,
	struct s2c_error **err)
{
	if (check_blob(store, &manifest->config, "config", err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->n_layers; i++) {
		if (check_blob(store, &manifest->layers[i], "layer", err) < 0)
			return -1;
	}
	return 0;
}

/* The manifest of desc, which must be complete in the store. */
static int check_image(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);

	if (check_blob(store, desc, "manifest", err) < 0 ||
		s2c_blob_read(store, &desc->digest, &text, err) < 0 ||
		s2c_manifest_parse(s2c_buf_str(&text), text.len, desc->media_type,
			&manifest, err) < 0)
		return -1;
	return s2c_store_check_blobs(store, manifest, err);
}

static int put_name(struct s2c_ctx *ctx, struct s2c_store *store, const char *name,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	struct s2c_store_name add = {.desc = *desc}; /* borrowed members */
	struct edit edit = {
		.drop = {.name = name, .unnamed = &desc->digest}, .add = &add};

	memcpy(add.name, name, strlen(name) + 1);
	return edit_index(ctx, store, &edit, NULL, err);
}

int s2c_store_tag(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, const struct s2c_descriptor *desc,
	struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	if (check_image(store, desc, err) < 0 ||
		put_name(ctx, store, name, desc, err) < 0)
		return s2c_wrap(err, "cannot name '%s'", name);
	return 0;
}

int s2c_store_keep(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_descriptor *desc, struct s2c_error **err)
{
	if (check_image(store, desc, err) < 0 || put_name(ctx, store, "", desc, err) < 0)
		return s2c_wrap(err, "cannot keep '%s'", desc->digest.str);
	return 0;
}

int s2c_store_untag(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_reference *ref, struct s2c_error **err)
{
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_digest digest;
	struct edit edit = {.drop = {.name = name}, .need = name};

	s2c_reference_format(ref, name);
	if (ref->digest[0]) {
		if (s2c_digest_parse(ref->digest, &digest, err) < 0)
			return -1;
		edit.drop.digest = &digest;
	}
	return edit_index(ctx, store, &edit, NULL, err);
}

int s2c_names_drop(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_index_match *match, size_t *out_dropped, struct s2c_error **err)
{
	struct edit edit = {.drop = *match};

	return edit_index(ctx, store, &edit, out_dropped, err);
}

/* ---- looking up ---- */

int s2c_store_list(struct s2c_store *store, struct s2c_store_name **out, size_t *out_n,
	struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *index = NULL;

	if (s2c_names_load(store, &index, err) < 0)
		return -1;
	s2c_layout_index_list(index, out, out_n);
	return 0;
}

struct names {
	struct s2c_store_name *items;
	size_t n;
};

static void names_release(struct names *names)
{
	s2c_store_names_free(names->items, names->n);
}

/* By the whole name, else (with a digest) by that of the manifest; NULL: none. */
static const struct s2c_store_name *lookup(
	const struct names *names, const struct s2c_reference *ref)
{
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	for (size_t i = 0; i < names->n; i++) {
		if (streq(names->items[i].name, name))
			return &names->items[i];
	}
	for (size_t i = 0; ref->digest[0] && i < names->n; i++) {
		if (streq(names->items[i].desc.digest.str, ref->digest))
			return &names->items[i];
	}
	return NULL;
}

static int no_image(
	const struct s2c_store *store, const char *text, struct s2c_error **err)
{
	return s2c_fail(err, S2C_ENOENT,
		"no image '%s' in store '%s': 's2c images' lists what there is", text,
		store->path);
}

int s2c_store_resolve(struct s2c_store *store, const struct s2c_reference *ref,
	struct s2c_descriptor *out, struct s2c_error **err)
{
	CLEAN(names_release) struct names names = {0};
	const struct s2c_store_name *found;
	char name[S2C_REFERENCE_MAX + 1];

	if (s2c_store_list(store, &names.items, &names.n, err) < 0)
		return -1;
	found = lookup(&names, ref);
	if (!found) {
		s2c_reference_format(ref, name);
		return no_image(store, name, err);
	}
	s2c_descriptor_copy(out, &found->desc);
	return 0;
}

/* The digits of "abc123" or "sha256:abc123"; NULL when it can be no prefix of an id. */
static const char *id_prefix(const char *text)
{
	const char *hex = starts_with(text, "sha256:") ? text + strlen("sha256:") : text;
	size_t n = strspn(hex, "0123456789abcdef");

	return n >= PREFIX_MIN && n <= 64 && hex[n] == '\0' ? hex : NULL;
}

/* The config digest of a manifest in the store; "" when that cannot be read. */
static void config_digest(struct s2c_store *store, const struct s2c_descriptor *desc,
	struct s2c_digest *out)
{
	CLEAN_MANIFEST struct s2c_manifest *manifest = NULL;
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_MANIFEST_MAX);

	out->str[0] = '\0';
	if (s2c_media_kind(desc->media_type, NULL) == S2C_MEDIA_MANIFEST &&
		s2c_blob_read(store, &desc->digest, &text, NULL) == 0 &&
		s2c_manifest_parse(s2c_buf_str(&text), text.len, desc->media_type,
			&manifest, NULL) == 0)
		*out = manifest->config.digest;
}

static bool has_prefix(const struct s2c_digest *digest, const char *hex)
{
	return digest->str[0] && starts_with(s2c_digest_hex(digest), hex);
}

/* Different images that a prefix may mean. */
struct candidates {
	const struct s2c_store_name *items[CANDIDATES];
	struct s2c_digest ids[CANDIDATES];
	size_t n;
};

/*
 * Two manifests of one config are one image (say with other compression): the later one
 * counts, as the config digest is the id that people see.
 */
static void add_candidate(struct candidates *c, const struct s2c_store_name *name,
	const struct s2c_digest *id)
{
	for (size_t i = 0; i < c->n; i++) {
		if (s2c_digest_equal(&c->items[i]->desc.digest, &name->desc.digest))
			return;
		if (id->str[0] && s2c_digest_equal(&c->ids[i], id)) {
			c->items[i] = name;
			return;
		}
	}
	if (c->n < CANDIDATES) {
		c->items[c->n] = name;
		c->ids[c->n++] = *id;
	}
}

static int find_prefix(struct s2c_store *store, const struct names *names,
	const char *hex, const struct s2c_store_name **out, struct s2c_error **err)
{
	struct candidates c = {.n = 0};
	CLEAN_BUF struct s2c_buf list = S2C_BUF_INIT(S2C_ERROR_MESSAGE_MAX);

	for (size_t i = 0; i < names->n && c.n < CANDIDATES; i++) {
		struct s2c_digest id;

		config_digest(store, &names->items[i].desc, &id);
		if (has_prefix(&names->items[i].desc.digest, hex) || has_prefix(&id, hex))
			add_candidate(&c, &names->items[i], &id);
	}
	if (c.n <= 1) {
		*out = c.n ? c.items[0] : NULL;
		return 0;
	}
	for (size_t i = 0; i < c.n; i++) {
		const struct s2c_digest *shown = has_prefix(&c.ids[i], hex)
							 ? &c.ids[i]
							 : &c.items[i]->desc.digest;

		s2c_buf_must_printf(&list, "%s%s (%s)", i ? ", " : "", shown->str,
			c.items[i]->name[0] ? c.items[i]->name : "no name");
	}
	return s2c_fail(err, S2C_EINVAL, "'%s' may mean %s: give more digits", hex,
		s2c_buf_str(&list));
}

int s2c_store_find(struct s2c_store *store, const char *text, struct s2c_descriptor *out,
	char *out_name, struct s2c_error **err)
{
	CLEAN(names_release) struct names names = {0};
	CLEAN_ERROR struct s2c_error *bad_name = NULL;
	const struct s2c_store_name *found = NULL;
	const char *hex = id_prefix(text);
	struct s2c_reference ref;

	if (s2c_store_list(store, &names.items, &names.n, err) < 0)
		return -1;
	if (s2c_reference_parse(text, &ref, &bad_name) == 0)
		found = lookup(&names, &ref);
	if (!found && hex && find_prefix(store, &names, hex, &found, err) < 0)
		return -1;
	if (!found && bad_name && !hex) {
		s2c_error_move(err, &bad_name);
		return -1;
	}
	if (!found)
		return no_image(store, text, err);
	s2c_descriptor_copy(out, &found->desc);
	if (out_name)
		memcpy(out_name, found->name, sizeof(found->name));
	return 0;
}
