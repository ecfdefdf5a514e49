/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole Dockerfile as stages: what stands before the first FROM, and from each FROM to
 * the next. Pure. Meaning: Dockerfile reference ("FROM", "Understand how ARG and FROM
 * interact").
 */
#ifndef S2C_BUILD_DOCKERFILE_STAGES_H
#define S2C_BUILD_DOCKERFILE_STAGES_H

#include "build/dockerfile.h"

#define S2C_STAGES_MAX 64
#define S2C_STAGE_NAME_MAX 128 /* bytes */

struct s2c_stage_text {
	char *image;                         /* of FROM, with its variables put in */
	char *platform;                      /* of --platform; NULL: none */
	char *name;                          /* of AS, in lower case; NULL: none */
	unsigned line;                       /* of FROM */
	const struct s2c_instruction *items; /* behind FROM; of the file, borrowed */
	size_t n;
};

struct s2c_stages {
	struct s2c_stage_text *items; /* at least one */
	size_t n;
	struct s2c_strv before_from; /* what ARG before the first FROM gives */
	struct s2c_strv unused;      /* names in `given` that no ARG has */
};
void s2c_stages_release(struct s2c_stages *stages);

/*
 * Takes a file apart, which must outlive *out. `given` are values for ARG from outside,
 * NAME=VALUE. S2C_EINVAL for a file without FROM, for what may not stand before it and
 * for names of stages that are none or are there twice; S2C_EUNSUPPORTED for a FROM that
 * names a stage or "scratch", and for ONBUILD; S2C_ELIMIT. All name the line.
 */
S2C_CHECK int s2c_stages_read(const struct s2c_dockerfile *file,
	const struct s2c_strv *given, struct s2c_stages *out, struct s2c_error **err);

/*
 * The stage before stage `of` that COPY --from=text names, by name or number. S2C_EINVAL
 * when there is none; images are no stages.
 */
S2C_CHECK int s2c_stages_find(const struct s2c_stages *stages, size_t of,
	const char *text, size_t *out, struct s2c_error **err);

#endif
