/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push of whole images: blobs that are missing, then the manifest by digest, then the
 * tag.
 */
#include "registry/push.h"

#include "registry/places.h"
#include "store/blob.h"

struct stored_blob {
	struct s2c_store *store;
	const struct s2c_descriptor *desc;
};

static int open_stored(void *self, struct s2c_reader **out, struct s2c_error **err)
{
	const struct stored_blob *blob = self;

	return s2c_blob_open(
		blob->store, &blob->desc->digest, blob->desc->size, out, err);
}

/* The repository of the same registry that the image's name says it came from, or "". */
static void mount_source(const struct s2c_image *image, const struct s2c_reference *to,
	struct s2c_reference *from)
{
	if (!*image->name || s2c_reference_parse(image->name, from, NULL) < 0 ||
		!streq(from->registry, to->registry) ||
		streq(from->repository, to->repository))
		*from = (struct s2c_reference){0};
}

static int push_blob(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_registry *registry, const struct s2c_descriptor *desc,
	const char *from, struct s2c_error **err)
{
	struct stored_blob blob = {.store = store, .desc = desc};
	struct s2c_blob_upload upload = {
		.desc = desc, .source = {.open = open_stored, .self = &blob}};
	CLEAN(s2c_blob_mount_release) struct s2c_blob_mount mount = {0};
	bool there = false;

	if (s2c_media_kind(desc->media_type, NULL) == S2C_MEDIA_FOREIGN_LAYER) {
		s2c_emit_log(ctx, S2C_WARN,
			"layer '%s' is not distributable and is not pushed",
			desc->digest.str);
		return 0;
	}
	if (s2c_registry_has_blob(ctx, registry, &desc->digest, &there, err) < 0)
		return -1;
	if (!there && *from &&
		s2c_registry_mount_blob(ctx, registry, &desc->digest, from, &mount, err) <
			0)
		return -1;
	if (there || mount.mounted)
		return 0;
	upload.session = mount.session;
	return s2c_registry_put_blob(ctx, registry, &upload, err);
}

static int push_image(struct s2c_ctx *ctx, struct s2c_store *store,
	struct s2c_registry *registry, const struct s2c_image *image,
	const struct s2c_reference *ref, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf body = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	const struct s2c_manifest *manifest = image->manifest;
	const struct s2c_descriptor *desc = &image->desc;
	struct s2c_reference from;

	mount_source(image, ref, &from);
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (push_blob(ctx, store, registry, &manifest->layers[i], from.repository,
			    err) < 0)
			return -1;
	if (push_blob(ctx, store, registry, &manifest->config, "", err) < 0)
		return -1;
	if (s2c_blob_read(store, &desc->digest, &body, err) < 0)
		return -1;
	if (body.len != desc->size)
		return s2c_fail(err, S2C_EDIGEST, "manifest '%s' has %zu bytes, not %llu",
			desc->digest.str, body.len, (unsigned long long)desc->size);
	if (s2c_registry_put_manifest(
		    ctx, registry, desc->digest.str, desc, body.data, err) < 0)
		return -1;
	if (!*ref->tag)
		return 0;
	return s2c_registry_put_manifest(ctx, registry, ref->tag, desc, body.data, err);
}

int s2c_registry_push(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_image *image, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err)
{
	CLEAN_PLACES struct s2c_places *places = NULL;

	if (*ref->digest && !streq(ref->digest, image->desc.digest.str))
		return s2c_fail(err, S2C_EINVAL,
			"the image has the digest '%s' and not '%s'; name a tag instead",
			image->desc.digest.str, ref->digest);
	if (s2c_places_open(ctx, ref, S2C_PUSHING, opts, &places, err) < 0)
		return -1;
	return push_image(ctx, store, s2c_places_current(places), image, ref, err);
}

int s2c_registry_may_push(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	const struct s2c_registry_opts *opts, struct s2c_error **err)
{
	CLEAN_PLACES struct s2c_places *places = NULL;

	if (s2c_places_open(ctx, ref, S2C_PUSHING, opts, &places, err) < 0)
		return -1;
	return s2c_registry_check_push(ctx, s2c_places_current(places), err);
}
