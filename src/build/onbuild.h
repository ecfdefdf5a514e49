/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builder images with ONBUILD triggers: instead of a copy of the source and assemble,
 * the triggers run, as the first instructions of a Dockerfile that begins with FROM the
 * builder image would. Then what S2I adds to that: assemble of the source (if it has
 * one), and an entrypoint among the source's files.
 */
#ifndef S2C_BUILD_ONBUILD_H
#define S2C_BUILD_ONBUILD_H

#include "build/job.h"

/* True if the builder image of the job has triggers. */
bool s2c_onbuild_wanted(const struct s2c_build_job *job);

/*
 * Reads all triggers and tries them without doing anything, so that what is wrong or not
 * allowed is found before the first of them runs: S2C_EINVAL, S2C_EUNSUPPORTED,
 * S2C_EDENIED (a user that --allowed-uids has not), each naming the trigger.
 */
S2C_CHECK int s2c_onbuild_check(struct s2c_build_job *job, struct s2c_error **err);

/* Phases: the plan and the checks; then the triggers, up to a container to commit. */
S2C_CHECK int s2c_onbuild_prepare(struct s2c_build_job *job, struct s2c_error **err);
S2C_CHECK int s2c_onbuild_run(struct s2c_build_job *job, struct s2c_error **err);

#endif
