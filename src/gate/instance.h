/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a gate, so that what it leaves behind when it is killed is known for its own
 * by the next one: a key that labels are signed with, and a file that is locked for as
 * long as the run lives.
 *
 *	STATE/key             32 random bytes, made once
 *	STATE/run/INSTANCE    locked while that one runs
 */
#ifndef S2C_GATE_INSTANCE_H
#define S2C_GATE_INSTANCE_H

#include <stdbool.h>

#include "util/error.h"

#define S2C_GATE_KEY_BYTES 32
#define S2C_GATE_INSTANCE_DIGITS 32

struct s2c_gate_instance {
	char id[S2C_GATE_INSTANCE_DIGITS + 1]; /* hex */
	unsigned char key[S2C_GATE_KEY_BYTES];
	int state, run; /* directories */
	int lock;
};
#define S2C_GATE_INSTANCE_INIT                                                           \
	{                                                                                \
		.state = -1, .run = -1, .lock = -1                                       \
	}

/* Makes what is missing. The directory is for this user alone. */
S2C_CHECK int s2c_gate_instance_open(
	const char *state, struct s2c_gate_instance *out, struct s2c_error **err);
/* Removes the file; harmless if it was not opened. */
void s2c_gate_instance_close(struct s2c_gate_instance *instance);
#define CLEAN_GATE_INSTANCE CLEAN(s2c_gate_instance_close)

/* Whether another run of that name lives; its file is removed if not. */
bool s2c_gate_instance_lives(const struct s2c_gate_instance *instance, const char *id);

/*
 * The name of a container: with the run and a proof that this gate made it up. (Labels
 * would do as well, but engines hand them on to the images that are committed.)
 */
#define S2C_GATE_NAME_MAX 128
#define S2C_GATE_NAME_PREFIX "s2c-gate-"
void s2c_gate_instance_name(const struct s2c_gate_instance *instance,
	unsigned long number, char out[S2C_GATE_NAME_MAX]);

/*
 * Whether a name is one that a gate with this key made up; then *out_id has the run's id.
 */
bool s2c_gate_instance_known(const struct s2c_gate_instance *instance, const char *name,
	char out_id[S2C_GATE_INSTANCE_DIGITS + 1]);

#endif
