/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user of a container as clients write it. Pure.
 */
#ifndef S2C_GATE_USER_H
#define S2C_GATE_USER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * "UID" or "UID:GID" in decimal without leading zeros, up to 2^32-2; a group that is not
 * named is 0, as S2I images expect it. False for anything else, names among it.
 */
bool s2c_gate_user_parse(const char *text, uint32_t *uid, uint32_t *gid);

#endif
