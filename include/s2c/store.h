/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store on disk: an OCI image layout plus unpacked layers and work directories.
 * Opening it also sweeps what a killed command left behind.
 */
#ifndef S2C_STORE_H
#define S2C_STORE_H

#include <s2c/context.h>
#include <s2c/error.h>

struct s2c_store;

/*
 * Opens the store at `root`, making it (0700) when it is missing. Work directories whose
 * owner process is gone are removed. S2C_EDENIED when root belongs to someone else or is
 * writable by others.
 */
int s2c_store_open(struct s2c_ctx *ctx, const char *root, struct s2c_store **out,
	struct s2c_error **err);
void s2c_store_close(struct s2c_store *store);

#endif
