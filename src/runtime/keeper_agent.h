/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way to an SSH agent that only signs. A process of the keeper listens on a socket of
 * the container's user and asks the agent as the user who runs s2c, since an agent
 * answers nobody else. It hands on requests to list keys and to sign; to add, remove or
 * lock keys, and whatever else there is, it answers with a failure itself
 * (draft-ietf-sshm-ssh-agent, 3 and 6.1).
 */
#ifndef S2C_RUNTIME_KEEPER_AGENT_H
#define S2C_RUNTIME_KEEPER_AGENT_H

#include "runtime/keeper.h"

#define S2C_AGENT_MESSAGE_MAX (256u * 1024) /* bytes of one message */
#define S2C_AGENT_CLIENTS_MAX 16            /* at a time */

/* Starts it for memory->agents[i] at <dir>/agent-<i>; it ends with the keeper. */
S2C_CHECK int s2c_keeper_agent_start(const struct s2c_keeper_memory *memory,
	const char *dir, size_t i, struct s2c_error **err);

/* True for a request that is handed on; `type` is the message's first byte. */
bool s2c_keeper_agent_allows(unsigned char type);

#endif
