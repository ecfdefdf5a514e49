/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's memory: what of a container is on no disk. In the keeper's process only,
 * after it has a mount namespace of its own.
 */
#ifndef S2C_RUNTIME_KEEPER_MEMORY_H
#define S2C_RUNTIME_KEEPER_MEMORY_H

#include "runtime/keeper.h"

/*
 * Mounts the tmpfs, writes the files, and opens the sockets to the agents, for each of
 * which a process begins to listen. Does nothing where there are none of both.
 */
S2C_CHECK int s2c_keeper_memory_make(const struct s2c_keeper_memory *memory,
	const char *work_path, struct s2c_error **err);

#endif
