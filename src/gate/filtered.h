/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients see of an engine's descriptions: the fields that a build needs and none
 * that tells of the host or of others. Pure.
 */
#ifndef S2C_GATE_FILTERED_H
#define S2C_GATE_FILTERED_H

#include "codec/json.h"

/* Of GET /containers/ID/json; the caller frees it. */
struct s2c_json *s2c_filtered_container(const struct s2c_json *inspect);
/* True if it says that the container's process has ended, with its status. */
bool s2c_filtered_has_exited(const struct s2c_json *inspect, int *out_status);

/* Of GET /images/NAME/json; `name` is the one tag that is shown, or NULL. */
struct s2c_json *s2c_filtered_image(const struct s2c_json *inspect, const char *name);

#endif
