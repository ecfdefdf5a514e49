/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What refers to an image of a registry: signatures, bills of materials and the like.
 */
#include <s2c/image.h>

#include "build/remote.h"
#include "registry/places.h"
#include "registry/referrers.h"

/* The digest of a name; asks the registry for that of a tag. */
static int digest_of(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_reference *ref, struct s2c_digest *out, struct s2c_error **err)
{
	struct s2c_descriptor desc = {0};

	if (*ref->digest)
		return s2c_digest_parse(ref->digest, out, err);
	if (s2c_registry_head_manifest(ctx, registry, ref->tag, &desc, err))
		return -1;
	*out = desc.digest;
	return 0;
}

int s2c_images_referrers(struct s2c_ctx *ctx, const char *image,
	const struct s2c_remote_options *options, const char *artifact_type,
	char **out_json, struct s2c_error **err)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_child(ctx, options->timeout);
	struct s2c_registry_opts opts = s2c_remote_opts(options);
	CLEAN_PLACES struct s2c_places *places = NULL;
	CLEAN_JSON struct s2c_json *list = NULL;
	struct s2c_registry *registry;
	struct s2c_reference ref;
	struct s2c_digest digest;

	/* The registry itself and no mirror, which may not know of them yet. */
	if (s2c_remote_parse(image, &ref, err) ||
		s2c_places_open(own, &ref, S2C_PUSHING, &opts, &places, err))
		return -1;
	registry = s2c_places_current(places);
	if (digest_of(own, registry, &ref, &digest, err) ||
		s2c_registry_referrers(own, registry, &digest, artifact_type, &list, err))
		return s2c_wrap(err, "referrers of '%s'", image);
	*out_json = s2c_json_print(list, S2C_JSON_PRETTY);
	return 0;
}
