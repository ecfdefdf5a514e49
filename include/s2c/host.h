/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host lets us do: entering a user namespace as an ordinary user, and the
 * report of `s2c doctor`.
 */
#ifndef S2C_HOST_H
#define S2C_HOST_H

#include <stddef.h>

#include <s2c/context.h>
#include <s2c/error.h>

/*
 * For an ordinary user: puts the calling process (which must have one thread) into a user
 * and mount namespace of its own as root there, with the ranges of /etc/subuid and
 * newuidmap, or with a single id when there are none. For root: nothing. Called once, by
 * main, before a store is opened. S2C_EUNSUPPORTED says why there are no user namespaces
 * and what to do.
 */
int s2c_host_enter(struct s2c_ctx *ctx, struct s2c_error **err);

enum s2c_check_state { S2C_CHECK_OK, S2C_CHECK_WARN, S2C_CHECK_FAIL };

struct s2c_check_result {
	enum s2c_check_state state;
	const char *name; /* "oci-runtime", "overlay", "user-namespace", "network", ... */
	char *detail;	  /* what was found, and the remedy when not OK */
};

/*
 * Runs all checks; never fails itself. Enters a user namespace like s2c_host_enter() when
 * the caller has not. `oci_runtime` may be NULL.
 */
void s2c_host_doctor(struct s2c_ctx *ctx, const char *root, const char *oci_runtime,
	struct s2c_check_result **out, size_t *out_n);
void s2c_check_results_free(struct s2c_check_result *results, size_t n);

#endif
