/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime for tests: directories and chroot instead of overlays and containers. It
 * isolates nothing and needs root, but keeps the whole contract of runtime.h, which shows
 * that the contract does not depend on how the native runtime does it.
 */
#ifndef S2C_TESTS_FAKE_RUNTIME_H
#define S2C_TESTS_FAKE_RUNTIME_H

#include "runtime/backend.h"

extern const struct s2c_runtime_ops s2c_runtime_fake;

#endif
