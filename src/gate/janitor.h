/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clears away: containers whose time is up, what is left when the gate ends, and what
 * runs that were killed have left on the engine.
 */
#ifndef S2C_GATE_JANITOR_H
#define S2C_GATE_JANITOR_H

#include "gate/session.h"

/* Ends containers that have run for too long. What cannot be ended is tried again. */
void s2c_janitor_end_due(struct s2c_core *core, struct s2c_ctx *ctx);

/* Removes what does not run and what nobody has asked about for long. */
void s2c_janitor_remove_forgotten(struct s2c_core *core, struct s2c_ctx *ctx);

/* Removes all containers of the ledger. */
void s2c_janitor_remove_all(struct s2c_core *core, struct s2c_ctx *ctx);

/*
 * Removes containers that bear the name of a run that does not live any more; *out_n is
 * their number. Others' containers are left alone, whatever they are called.
 */
S2C_CHECK int s2c_janitor_remove_orphans(struct s2c_core *core, struct s2c_ctx *ctx,
	unsigned *out_n, struct s2c_error **err);

#endif
