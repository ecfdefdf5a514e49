/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the keeper: code that runs in the forked warden and keeper and never
 * returns. Only keeper.c includes this.
 */
#ifndef S2C_RUNTIME_KEEPER_CHILD_H
#define S2C_RUNTIME_KEEPER_CHILD_H

#include "runtime/keeper.h"

/* Orders, as `event` of a message from s2c. */
#define S2C_KEEPER_ORDER_RUN 100    /* with four descriptors */
#define S2C_KEEPER_ORDER_SIGNAL 101 /* value: the signal */

__attribute__((noreturn)) void s2c_keeper_child(
	const struct s2c_keeper_opts *opts, int life_fd, int control_fd);

#endif
