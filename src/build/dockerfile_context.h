/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Dockerfile on the disk with what it is built from beside it: "upload/src" and
 * "upload/scripts". Replaces what an earlier run of the same command has left there, and
 * nothing else.
 */
#ifndef S2C_BUILD_DOCKERFILE_CONTEXT_H
#define S2C_BUILD_DOCKERFILE_CONTEXT_H

#include "codec/entry.h"

struct s2c_dockerfile_context {
	const char *path; /* of the file; with "/" at its end: of the directory */
	const struct s2c_buf *text;
	const char
		*by; /* the command whose files may be replaced, see dockerfile_write.h */
	/*
	 * The source, and the directory that it is in (-1: none). NULL: upload/src is
	 * made if it is missing and left as it is.
	 */
	struct s2c_entries *source;
	int source_fd;
	struct s2c_entries *scripts; /* NULL: none */
	struct s2c_entries *runtime_scripts;
};

/*
 * Writes all of it; the Dockerfile comes last. S2C_EEXIST when something is in the way
 * that s2c has not written, S2C_EINVAL when the files would lie inside of the source.
 * *out_path is where the file is; caller frees. The streams are borrowed.
 */
S2C_CHECK int s2c_dockerfile_context_put(struct s2c_ctx *ctx,
	const struct s2c_dockerfile_context *context, char **out_path,
	struct s2c_error **err);

#endif
