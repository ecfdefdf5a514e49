/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull policies. A name that has no registry is never guessed to live in a public one.
 */
#include "build/resolve.h"

#include <stdio.h>

#include "build/remote.h"
#include "registry/places.h"

static int load(struct s2c_store *store, const struct s2c_descriptor *desc,
	const char *name, struct s2c_image **out, struct s2c_error **err)
{
	if (s2c_image_load(store, desc, out, err))
		return -1;
	/* An image without a name was found by its id: then its digest names it. */
	(void)snprintf((*out)->name, sizeof((*out)->name), "%s",
		*name ? name : (*out)->desc.digest.str);
	return 0;
}

static int pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_resolve_opts *opts, const struct s2c_reference *ref,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_pull_opts how = {.registry = &opts->registry};
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	if (s2c_remote_pull(ctx, store, ref, &how, &desc, &cause) == 0)
		return load(store, &desc, name, out, err);
	if (s2c_error_code(cause) == S2C_ENET)
		(void)s2c_wrap(&cause, "%s, and its registry cannot be reached",
			opts->policy == S2C_PULL_ALWAYS
				? "the builder image must be pulled (--pull-policy "
				  "always)"
				: "the builder image is not in the store");
	s2c_error_move(err, &cause);
	return -1;
}

static int not_found(
	const char *name, const struct s2c_reference *ref, struct s2c_error **err)
{
	if (!*ref->registry)
		return s2c_fail(err, S2C_ENOENT,
			"builder image '%s' is not in the store, names no registry and "
			"has no alias; see 's2c images', or name one: "
			"registry.example/%s",
			name, name);
	return s2c_fail(err, S2C_ENOENT,
		"builder image '%s' is not in the store: pull it, or build without "
		"'--pull-policy never'",
		name);
}

enum found {
	FOUND,
	ABSENT,
	BROKEN, /* blobs of it are missing: *why says which */
	FAILED, /* *err says why */
};

/* What the store has; that it is not whole is found now, not when all the work is done.
 */
static enum found from_store(struct s2c_store *store, const char *asked,
	struct s2c_image **out, struct s2c_error **why, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	char name[S2C_REFERENCE_MAX + 1] = "";

	if (s2c_store_find(store, asked, &desc, name, &failure)) {
		if (s2c_error_code(failure) == S2C_ENOENT)
			return ABSENT;
		s2c_error_move(err, &failure);
		return FAILED;
	}
	if (load(store, &desc, name, &image, err))
		return FAILED;
	if (s2c_image_check(store, image, why)) {
		(void)s2c_wrap(why, "builder image '%s' must be pulled or built again",
			image->name);
		return BROKEN;
	}
	*out = TAKE(image);
	return FOUND;
}

/* The same for the full name that a short one is an alias of, which goes into *ref. */
static enum found from_alias(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_resolve_opts *opts, struct s2c_reference *ref,
	struct s2c_image **out, struct s2c_error **why, struct s2c_error **err)
{
	char full[S2C_REFERENCE_MAX + 1];
	bool is_alias = false;

	if (s2c_places_alias(ctx, &opts->registry, ref, &is_alias, ref, err))
		return FAILED;
	if (!is_alias || opts->policy == S2C_PULL_ALWAYS)
		return ABSENT;
	s2c_reference_format(ref, full);
	return from_store(store, full, out, why, err);
}

int s2c_resolve_image(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_resolve_opts *opts, struct s2c_image **out,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	struct s2c_reference ref;
	enum found found;

	if (s2c_reference_parse(opts->name, &ref, err))
		return s2c_wrap(err, "BUILDER");
	if (opts->policy == S2C_PULL_ALWAYS && *ref.registry && !opts->dry_run)
		return pull(ctx, store, opts, &ref, out, err);
	found = from_store(store, opts->name, out, &why, err);
	if (found == ABSENT && !*ref.registry)
		found = from_alias(ctx, store, opts, &ref, out, &why, err);
	if (found == FOUND || found == FAILED)
		return found == FOUND ? 0 : -1;
	if (opts->policy != S2C_PULL_NEVER && *ref.registry)
		return opts->dry_run ? 0 : pull(ctx, store, opts, &ref, out, err);
	if (found == ABSENT)
		return not_found(opts->name, &ref, err);
	s2c_error_move(err, &why);
	return -1;
}
