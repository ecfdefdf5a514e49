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
	int run; /* the directory */
	int lock;
};
#define S2C_GATE_INSTANCE_INIT                                                           \
	{                                                                                \
		.run = -1, .lock = -1                                                    \
	}

/* Makes what is missing. The directory is for this user alone. */
S2C_CHECK int s2c_gate_instance_open(
	const char *state, struct s2c_gate_instance *out, struct s2c_error **err);
/* Removes the file; harmless if it was not opened. */
void s2c_gate_instance_close(struct s2c_gate_instance *instance);
#define CLEAN_GATE_INSTANCE CLEAN(s2c_gate_instance_close)

/* Whether another run of that name lives; its file is removed if not. */
bool s2c_gate_instance_lives(const struct s2c_gate_instance *instance, const char *id);

/* The label that proves that a container of `owner` is of the run `id`. */
void s2c_gate_instance_mac(const struct s2c_gate_instance *instance, const char *id,
	const char *owner, char out[65]);

#endif
