/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns which images, across restarts of the gate: the images of the ledger as a file
 * in the gate's state. Without it a name that a user gave yesterday would be taken for
 * somebody else's.
 */
#ifndef S2C_GATE_ESTATE_H
#define S2C_GATE_ESTATE_H

#include "gate/ledger.h"

#define S2C_ESTATE_MAX (16u * 1024 * 1024) /* bytes of the file */

/*
 * Reads the file into the ledger; that there is none is fine. S2C_EPROTO for a damaged
 * one: it is to be removed, and then all names are free again.
 */
S2C_CHECK int s2c_estate_load(
	int state_dir, struct s2c_ledger *ledger, struct s2c_error **err);

/* Writes it anew, atomically. One at a time. */
S2C_CHECK int s2c_estate_save(
	int state_dir, struct s2c_ledger *ledger, struct s2c_error **err);

#endif
