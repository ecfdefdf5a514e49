/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name and the configuration to the places that are asked for it, in order. Pure.
 */
#ifndef S2C_REGISTRY_ENDPOINT_H
#define S2C_REGISTRY_ENDPOINT_H

#include "registry/conf.h"

enum s2c_operation { S2C_PULLING, S2C_PUSHING };

struct s2c_endpoint {
	struct s2c_reference
		ref;   /* where it is there: registry and repository rewritten */
	bool insecure; /* plain http and any certificate are fine */
	bool mirror;
};

struct s2c_endpoints {
	struct s2c_endpoint *items;
	size_t n;
};
void s2c_endpoints_release(struct s2c_endpoints *endpoints);
#define CLEAN_ENDPOINTS CLEAN(s2c_endpoints_release)

/*
 * Mirrors of the command line, then mirrors of the table with the longest prefix that
 * fits, then its location; pushes go to the name itself. A place that a table blocks is
 * left out; S2C_EDENIED when the name is blocked or nothing is left. At least one item.
 * For a push the repository may be empty: the registry as a whole.
 * `conf` may be NULL: the name itself.
 */
S2C_CHECK int s2c_endpoints_of(const struct s2c_conf *conf,
	const struct s2c_reference *ref, enum s2c_operation operation,
	struct s2c_endpoints *out, struct s2c_error **err);

#endif
