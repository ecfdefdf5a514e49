/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull policies. A name that has no registry is never guessed to live in a public one.
 */
#include "build/resolve.h"

#include "registry/transfer.h"

static int load(struct s2c_store *store, const struct s2c_descriptor *desc,
	const struct s2c_reference *ref, struct s2c_image **out, struct s2c_error **err)
{
	if (s2c_image_load(store, desc, out, err))
		return -1;
	s2c_reference_format(ref, (*out)->name);
	return 0;
}

static int pull(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_resolve_opts *opts, const struct s2c_reference *ref,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "pull", opts->name);

	if (s2c_transfer_pull(ctx, store, ref, &opts->registry, &desc, err))
		return s2c_wrap(err, "pull '%s'", opts->name);
	return load(store, &desc, ref, out, err);
}

static int not_found(const char *name, const struct s2c_reference *ref,
	enum s2c_pull_policy policy, struct s2c_error **err)
{
	if (!*ref->registry)
		return s2c_fail(err, S2C_ENOENT,
			"builder image '%s' is not in the store, and the name has no "
			"registry to "
			"pull it from; see 's2c images', or name it as "
			"registry.example/%s",
			name, name);
	return s2c_fail(err, S2C_ENOENT,
		"builder image '%s' is not in the store, and the pull policy is '%s'",
		name, policy == S2C_PULL_NEVER ? "never" : "if-not-present");
}

int s2c_resolve_image(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_resolve_opts *opts, struct s2c_image **out,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_reference ref;

	if (s2c_reference_parse(opts->name, &ref, err))
		return s2c_wrap(err, "BUILDER");
	if (opts->policy == S2C_PULL_ALWAYS && *ref.registry)
		return pull(ctx, store, opts, &ref, out, err);
	if (s2c_store_resolve(store, &ref, &desc, &failure) == 0)
		return load(store, &desc, &ref, out, err);
	if (s2c_error_code(failure) != S2C_ENOENT) {
		s2c_error_move(err, &failure);
		return -1;
	}
	if (opts->policy == S2C_PULL_NEVER || !*ref.registry)
		return not_found(opts->name, &ref, opts->policy, err);
	return pull(ctx, store, opts, &ref, out, err);
}
