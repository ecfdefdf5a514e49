/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of one name, opened: what registries.conf and --registry-mirror make of it.
 * They are tried in order. Each has its own trust and its own credentials, those of its
 * host; nothing of one is ever shown to another.
 */
#ifndef S2C_REGISTRY_PLACES_H
#define S2C_REGISTRY_PLACES_H

#include "registry/endpoint.h"
#include "registry/registry.h"

/* Tries at a place that others come after; the last one has those of the options. */
#define S2C_MIRROR_RETRIES 1

struct s2c_places;

S2C_CHECK int s2c_places_open(struct s2c_ctx *ctx, const struct s2c_reference *ref,
	enum s2c_operation operation, const struct s2c_registry_opts *opts,
	struct s2c_places **out, struct s2c_error **err);
void s2c_places_close(struct s2c_places *places);
S2C_DEFINE_CLEAN(places, struct s2c_places *, s2c_places_close)
#define CLEAN_PLACES CLEAN(s2c_clean_places)

/* The first one, or the one that an attempt settled on. Borrowed. */
struct s2c_registry *s2c_places_current(const struct s2c_places *places);

/*
 * Something to do at a place. `run` is called with one after the other, from the current
 * one on, until it succeeds. It goes on to the next after S2C_ENOENT, S2C_EAUTH, S2C_ENET
 * and S2C_EPROTO, with a line in the log; never after S2C_EDIGEST or anything else that
 * is not the place's absence. When all have failed the error names each.
 */
struct s2c_attempt {
	int (*run)(void *self, struct s2c_registry *registry, struct s2c_error **err);
	void *self;
	bool settle; /* where it succeeds is the current place from then on */
};
/* Several threads may try at once, if none of their attempts settles. */
S2C_CHECK int s2c_places_try(struct s2c_ctx *ctx, struct s2c_places *places,
	const struct s2c_attempt *attempt, struct s2c_error **err);

/* s2c_registry_distrust_ranges() of all of them: true if any has sent pieces. */
bool s2c_places_distrust_ranges(struct s2c_places *places);

/*
 * The full name that [aliases] has for one without registry; *out_found false: none, and
 * *out is not touched.
 */
S2C_CHECK int s2c_places_alias(struct s2c_ctx *ctx, const struct s2c_registry_opts *opts,
	const struct s2c_reference *name, bool *out_found, struct s2c_reference *out,
	struct s2c_error **err);

#endif
