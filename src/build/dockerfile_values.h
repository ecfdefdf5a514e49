/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as Dockerfiles write them: ports, durations, modes. Pure.
 */
#ifndef S2C_BUILD_DOCKERFILE_VALUES_H
#define S2C_BUILD_DOCKERFILE_VALUES_H

#include <stdint.h>

#include "util/error.h"
#include "util/strv.h"

#define S2C_PORT_RANGE_MAX 4096 /* ports of one EXPOSE */

/*
 * PORT[-PORT][/PROTOCOL] as "PORT/protocol" of each port, appended; S2C_EINVAL for what
 * is none, S2C_ELIMIT for a range larger than S2C_PORT_RANGE_MAX.
 */
S2C_CHECK int s2c_ports_parse(
	const char *text, struct s2c_strv *out, struct s2c_error **err);

/*
 * A duration as Go writes them ("1m30s", "1.5h", "250ms", "0"), in nanoseconds. Negative
 * ones, and those between 0 and a millisecond, are S2C_EINVAL, as with docker.
 */
S2C_CHECK int s2c_duration_parse(const char *text, int64_t *out, struct s2c_error **err);

/* A whole number from 0 to 1,000,000. S2C_EINVAL. */
S2C_CHECK int s2c_retries_parse(const char *text, int64_t *out, struct s2c_error **err);

/* An octal mode of at most 07777. S2C_EINVAL (symbolic ones are BuildKit's). */
S2C_CHECK int s2c_mode_parse(const char *text, int *out, struct s2c_error **err);

#endif
