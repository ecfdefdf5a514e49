/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls a container may make: an allow-list of our own, rendered in the form
 * of the OCI runtime-spec ("linux.seccomp"). Pure. Made for processes without
 * capabilities, so nothing depends on any. Only the host's own architecture is allowed:
 * calls through a foreign ABI (i386, x32) end the process.
 */
#ifndef S2C_RUNTIME_SECCOMP_H
#define S2C_RUNTIME_SECCOMP_H

#include <stdbool.h>

#include "codec/json.h"

/* clone(2) flags that make namespaces; OCI calls with any of them are refused. */
#define S2C_SECCOMP_CLONE_NS_FLAGS 0x7E020000u

/* True when a call of that name is allowed whatever its arguments. */
bool s2c_seccomp_allows(const char *name);

/* The "linux.seccomp" object for this host; NULL on an architecture without table. */
struct s2c_json *s2c_seccomp_json(void);

#endif
