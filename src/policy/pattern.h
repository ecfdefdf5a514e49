/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of image names in the gate's policy: a registry, then segments of the
 * repository. '*' is one whole segment, '**' at the end is one or more. Tags have globs,
 * in which '*' is any bytes. There are no regular expressions: what one allows is easily
 * more than it looks like. Pure.
 */
#ifndef S2C_POLICY_PATTERN_H
#define S2C_POLICY_PATTERN_H

#include <stdbool.h>

#include <s2c/reference.h>

#include "util/error.h"
#include "util/strv.h"

#define S2C_TAG_GLOB_MAX 128 /* bytes */

struct s2c_pattern {
	char *text;     /* as it was written */
	char *registry; /* lower case; never a wildcard */
	struct s2c_strv segments;
	bool wild; /* there is a '*' in it */
};

/*
 * A registry, then segments. S2C_EINVAL for a name without registry,
 * with a tag, a digest, or a '*' that is only a part of a segment. docker.io/x is
 * docker.io/library/x, as in references.
 */
S2C_CHECK int s2c_pattern_parse(
	const char *text, struct s2c_pattern *out, struct s2c_error **err);
void s2c_pattern_release(struct s2c_pattern *pattern);
/* Registry and repository of `ref`; its tag and digest do not matter. */
bool s2c_pattern_match(
	const struct s2c_pattern *pattern, const struct s2c_reference *ref);

/* S2C_EINVAL if this is no tag with '*' for any bytes. */
S2C_CHECK int s2c_tag_glob_check(const char *glob, struct s2c_error **err);
bool s2c_tag_glob_match(const char *glob, const char *tag);

#endif
