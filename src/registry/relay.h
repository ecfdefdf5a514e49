/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob straight out of another repository: the source of an upload for what the store
 * has not got, such as layers of an image that is only referenced. It is verified on its
 * way and never touches the disk.
 */
#ifndef S2C_REGISTRY_RELAY_H
#define S2C_REGISTRY_RELAY_H

#include "registry/places.h"
#include "store/known.h"

/* Repositories that are asked for one blob, at most. */
#define S2C_RELAY_PLACES_MAX 4

struct s2c_relay {
	struct s2c_ctx *ctx;
	struct s2c_known *known;
	const struct s2c_registry_opts *opts;
	const struct s2c_descriptor *desc;
	/* Its own: */
	struct s2c_reference places[S2C_RELAY_PLACES_MAX];
	size_t n_places, at;       /* those before `at` have not got it */
	struct s2c_places *source; /* places[at]; NULL: not opened yet */
};

/*
 * Looks up who is known to have the blob, all but the repository `to`. False: nobody. The
 * pointers of *relay are the caller's and outlive it.
 */
bool s2c_relay_begin(struct s2c_relay *relay, const struct s2c_reference *to);
void s2c_relay_release(struct s2c_relay *relay);
#define CLEAN_RELAY CLEAN(s2c_relay_release)

/*
 * The source; borrowed, for one thread. Opening asks one repository after the other until
 * one begins to send, and forgets of those that do not that they are known to have it.
 */
struct s2c_blob_source s2c_relay_source(struct s2c_relay *relay);

#endif
