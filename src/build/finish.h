/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to an image once it was made: it gets its name, is written to the
 * outputs, pushed, and described.
 */
#ifndef S2C_BUILD_FINISH_H
#define S2C_BUILD_FINISH_H

#include <s2c/build.h>

#include "build/home.h"
#include "build/plan.h"
#include "registry/registry.h"
#include "runtime/runtime.h"

/* "2026-01-02T03:04:05Z" + NUL */
#define S2C_TIME_TEXT 32

/*
 * Creation time of an image: SOURCE_DATE_EPOCH when it is set (S2C_EINVAL when it is no
 * number of seconds), else now. *out_epoch (may be NULL) is the former, or 0.
 */
S2C_CHECK int s2c_creation_time(
	char out[S2C_TIME_TEXT], int64_t *out_epoch, struct s2c_error **err);

struct s2c_finish {
	const struct s2c_build_options *options;
	const struct s2c_plan *plan;
	const struct s2c_plan_facts *facts;
	const struct s2c_commit_result *commit;
	const struct s2c_image *before; /* what the name means already; NULL: nothing */
	struct s2c_registry_opts registry;
	const char *chunk_size;         /* of uploads, as it was given; NULL */
	const struct s2c_json *timings; /* for the record; borrowed */
};

/* Names, exports, pushes; fills *out. A failing output leaves the image where it is. */
S2C_CHECK int s2c_finish_build(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_finish *finish, struct s2c_build_result *out,
	struct s2c_error **err);

#endif
