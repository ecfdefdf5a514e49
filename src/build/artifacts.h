/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Artifacts: what the save-artifacts script of an image that an earlier build made hands
 * to the next build, a tar on its standard output.
 */
#ifndef S2C_BUILD_ARTIFACTS_H
#define S2C_BUILD_ARTIFACTS_H

#include "build/scripts.h"
#include "codec/entry.h"
#include "image/passwd.h"
#include "runtime/runtime.h"

#define S2C_ARTIFACTS_BYTES_MAX (64ull << 30) /* of the files in it */
#define S2C_ARTIFACTS_ENTRIES_MAX 4000000u

struct s2c_artifacts_opts {
	struct s2c_runtime *runtime;
	const struct s2c_image *image;          /* that the earlier build made */
	const struct s2c_script_source *script; /* save-artifacts, found */
	const struct s2c_scripts *scripts;      /* what is copied in where it runs */
	const char *destination;                /* absolute; scripts go below it */
	const struct s2c_mount *volumes;        /* of the build; NULL: none */
	size_t n_volumes;
	const struct s2c_user *user; /* who runs it: the assemble user */
	struct s2c_limits limits;
};

/*
 * Who gets the entries while the script writes them. Devices, fifos and sockets are left
 * out. take() is called at most once, in another thread, and not when there is nothing at
 * all; it reads to the end. What it did is of no use when s2c_artifacts_save() fails.
 */
struct s2c_artifacts_taker {
	S2C_CHECK int (*take)(void *self, struct s2c_ctx *ctx,
		struct s2c_entries *entries, struct s2c_error **err);
	void *self;
};

/*
 * Runs the script in a container of the image, without a network and, but for volumes,
 * without what the build gives to assemble. Fails when the script is not there or fails,
 * when what it wrote is no whole tar or too large, or when the taker fails: S2C_ENOENT,
 * S2C_ECHILD, S2C_EINVAL, S2C_ELIMIT and the like.
 */
S2C_CHECK int s2c_artifacts_save(struct s2c_ctx *ctx,
	const struct s2c_artifacts_opts *opts, const struct s2c_artifacts_taker *taker,
	struct s2c_error **err);

/*
 * The entries of an archive that was kept in a file, from the start, without devices,
 * fifos and sockets. fd is borrowed until they are freed.
 */
struct s2c_entries *s2c_artifacts_entries(int fd);

#endif
