/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull policies. A name that has no registry is never guessed to live in a public one.
 */
#include "build/resolve.h"

#include "build/platform.h"
#include "registry/places.h"

static int pull(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_resolve_opts *opts, const struct s2c_reference *ref,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_pull_opts how = {
		.registry = &opts->registry, .platform = opts->platform};

	if (home->ops->pull(ctx, home, ref, &how, out, &cause) == 0)
		return 0;
	if (s2c_error_code(cause) == S2C_ENET && opts->policy == S2C_PULL_ALWAYS)
		(void)s2c_wrap(&cause,
			"the %s must be pulled (%s always), and its registry cannot be "
			"reached",
			opts->role, opts->flag);
	else if (s2c_error_code(cause) == S2C_ENET)
		(void)s2c_wrap(&cause,
			"the %s is not %s, and its registry cannot be reached",
			opts->role, home->ops->where);
	s2c_error_move(err, &cause);
	return -1;
}

static int not_found(const struct s2c_home *home, const struct s2c_resolve_opts *opts,
	const struct s2c_reference *ref, struct s2c_error **err)
{
	if (!*ref->registry)
		return s2c_fail(err, S2C_ENOENT,
			"%s '%s' is not %s, names no registry and has no alias; see "
			"'s2c images', or name one: registry.example/%s",
			opts->role, opts->name, home->ops->where, opts->name);
	return s2c_fail(err, S2C_ENOENT,
		"%s '%s' is not %s: pull it, or build without '%s never'", opts->role,
		opts->name, home->ops->where, opts->flag);
}

/* Finds the full name that a short one is an alias of, which goes into *ref. */
static enum s2c_found from_alias(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_resolve_opts *opts, struct s2c_reference *ref,
	struct s2c_image **out, struct s2c_error **why, struct s2c_error **err)
{
	char full[S2C_REFERENCE_MAX + 1];
	bool is_alias = false;

	if (s2c_places_alias(ctx, &opts->registry, ref, &is_alias, ref, err))
		return S2C_FIND_FAILED;
	if (!is_alias || opts->policy == S2C_PULL_ALWAYS)
		return S2C_ABSENT;
	s2c_reference_format(ref, full);
	return home->ops->find(ctx, home, full, out, why, err);
}

/* Drops an image that was found for another platform than the one asked for. */
static enum s2c_found check_platform(
	const struct s2c_resolve_opts *opts, enum s2c_found found, struct s2c_image **out)
{
	if (found != S2C_FOUND || s2c_platform_serves(opts->platform, (*out)->config))
		return found;
	s2c_image_free(*out);
	*out = NULL;
	return S2C_ABSENT;
}

/* The registry's word, or the engine's, is taken for nothing. */
static int check_pulled(const struct s2c_home *home, const struct s2c_resolve_opts *opts,
	struct s2c_image **out, struct s2c_error **err)
{
	char asked[S2C_PLATFORM_TEXT], got[S2C_PLATFORM_TEXT];
	struct s2c_platform is;

	if (s2c_platform_serves(opts->platform, (*out)->config))
		return 0;
	s2c_config_platform((*out)->config, &is);
	s2c_image_free(*out);
	*out = NULL;
	return s2c_fail(err, S2C_ENOENT,
		"%s '%s' %s is for platform '%s', and '%s' was asked for "
		"(--platform)",
		opts->role, opts->name, home->ops->where, s2c_platform_text(&is, got),
		s2c_platform_text(opts->platform, asked));
}

static int find_or_pull(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_resolve_opts *opts, struct s2c_image **out,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	struct s2c_reference ref;
	enum s2c_found found;

	if (s2c_reference_parse(opts->name, &ref, err))
		return s2c_wrap(err, "%s", opts->role);
	if (opts->policy == S2C_PULL_ALWAYS && *ref.registry && !opts->dry_run)
		return pull(ctx, home, opts, &ref, out, err);
	found = home->ops->find(ctx, home, opts->name, out, &why, err);
	if (found == S2C_ABSENT && !*ref.registry)
		found = from_alias(ctx, home, opts, &ref, out, &why, err);
	found = check_platform(opts, found, out);
	if (found == S2C_FOUND || found == S2C_FIND_FAILED)
		return found == S2C_FOUND ? 0 : -1;
	if (opts->policy != S2C_PULL_NEVER && *ref.registry)
		return opts->dry_run ? 0 : pull(ctx, home, opts, &ref, out, err);
	if (found == S2C_ABSENT)
		return not_found(home, opts, &ref, err);
	s2c_error_move(err, &why);
	return -1;
}

int s2c_resolve_image(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_resolve_opts *opts, struct s2c_image **out,
	struct s2c_error **err)
{
	if (find_or_pull(ctx, home, opts, out, err))
		return -1;
	return *out ? check_pulled(home, opts, out, err) : 0;
}
