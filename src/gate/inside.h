/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside of containers. Pure.
 */
#ifndef S2C_GATE_INSIDE_H
#define S2C_GATE_INSIDE_H

#include <stdbool.h>

/*
 * Absolute, without "//", "." and "..", and not in /proc, /sys or /dev, which are the
 * host's in a way. A '/' at the end is fine.
 */
bool s2c_gate_path_allowed(const char *path);
/* True for the directory itself and all below it; both are allowed paths. */
bool s2c_gate_path_within(const char *path, const char *directory);

#endif
