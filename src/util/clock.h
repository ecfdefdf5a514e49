/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monotonic clock, for deadlines and for how long something took.
 */
#ifndef S2C_UTIL_CLOCK_H
#define S2C_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t s2c_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static inline int64_t s2c_now_ms(void)
{
	return s2c_now_us() / 1000;
}

#endif
