/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of one image from a registry into the store, side by side: several
 * connections, large blobs in pieces where the registry can do that, and each layer
 * verified and handed to the caller's sink while it still arrives.
 */
#ifndef S2C_REGISTRY_FETCH_H
#define S2C_REGISTRY_FETCH_H

#include "registry/places.h"
#include "registry/pull.h"

/* Transfers at a time. */
#define S2C_FETCH_TRANSFERS 4
/* A blob larger than two of these may come in pieces of this size. */
#define S2C_FETCH_PIECE (16ull * 1024 * 1024)

/*
 * Fetches those of the layers that the store lacks, and hands those that `sink` lacks to
 * it (NULL: to nobody), with a `stop` made for each. After a failure, which is the first
 * one that happened, what has arrived stays for the next time unless it is wrong.
 */
struct s2c_fetch_opts {
	struct s2c_store *store;
	struct s2c_places *places;
	const struct s2c_layer_sink *sink;
};
S2C_CHECK int s2c_fetch_layers(struct s2c_ctx *ctx, const struct s2c_fetch_opts *opts,
	const struct s2c_layer *layers, size_t n, struct s2c_error **err);

#endif
