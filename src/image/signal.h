/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as images name them (STOPSIGNAL): engines write the same one in several ways.
 * Pure.
 */
#ifndef S2C_IMAGE_SIGNAL_H
#define S2C_IMAGE_SIGNAL_H

/*
 * The number that the signal has on Linux (signal(7), x86 and ARM): of "SIGTERM", "term",
 * "15", "RTMIN+3", "SIGRTMAX-1". -1 for what names none.
 */
int s2c_signal_number(const char *text);

#endif
