/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What refers to a manifest by its "subject": signatures, bills of materials, other
 * artifacts (distribution-spec, "Listing Referrers"). Registries without that list have
 * it as an index under the tag "sha256-<hex>", which clients keep.
 */
#ifndef S2C_REGISTRY_REFERRERS_H
#define S2C_REGISTRY_REFERRERS_H

#include "registry/parcel.h"
#include "registry/registry.h"

#define S2C_REFERRERS_PAGES_MAX 100

/*
 * An array of descriptors as they came, each of them valid; with `artifact_type` (may be
 * NULL) only those of that type. Nothing refers to it: an empty array. Caller frees *out.
 */
S2C_CHECK int s2c_registry_referrers(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_digest *digest, const char *artifact_type, struct s2c_json **out,
	struct s2c_error **err);

/*
 * After a manifest with a subject was put and the registry did not see that: adds it to
 * the list under the subject's tag. Who else writes there at the same time may undo that,
 * so it is looked at afterwards, and done again a few times. Without a subject: nothing.
 */
S2C_CHECK int s2c_referrers_add(struct s2c_ctx *ctx, struct s2c_registry *registry,
	const struct s2c_document *document, struct s2c_error **err);

/*
 * The target of `rel="next"` in a Link header (RFC 8288); NULL when there is none. Caller
 * frees. Pure.
 */
char *s2c_link_next(const char *value);

#endif
