/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection at choke points. In test builds (-Dfault=true) the environment
 * variable S2C_FAULT=N makes the N-th fault point passed in this process fail with EIO;
 * with S2C_FAULT_KILL set the process is killed there instead, as by kill -9;
 * S2C_FAULT_LOG=FILE appends the name of each point passed, which tells how many there
 * are. In release builds a fault point is nothing.
 */
#ifndef S2C_UTIL_FAULT_H
#define S2C_UTIL_FAULT_H

#include "util/error.h"

#ifdef S2C_WITH_FAULT
/* 0, or -1 with an injected S2C_EIO error that names the point. */
S2C_CHECK int s2c_fault_point(const char *name, struct s2c_error **err);
#else
static inline int s2c_fault_point(const char *name, struct s2c_error **err)
{
	(void)name;
	(void)err;
	return 0;
}
#endif

#endif
