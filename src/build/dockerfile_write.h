/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build written down as a Dockerfile (--as-dockerfile, generate). Pure: the same plan
 * gives the same bytes. What is written is read by docker's classic builder, BuildKit and
 * buildah alike, and by dockerfile.h; mounts, which the classic builder does not know,
 * are only there when secrets or caches were asked for.
 *
 * The context beside it has "upload/src" (the source) and "upload/scripts" (those that
 * are not in the builder image): build/dockerfile_context.h.
 */
#ifndef S2C_BUILD_DOCKERFILE_WRITE_H
#define S2C_BUILD_DOCKERFILE_WRITE_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/strv.h"

/* Begins the line by which such a file is known again; who wrote it follows. */
#define S2C_DOCKERFILE_MARK "# Written by s2c "

enum s2c_dockerfile_mount_kind {
	S2C_DOCKERFILE_SECRET, /* one file */
	S2C_DOCKERFILE_CACHE,  /* a directory that lasts */
	S2C_DOCKERFILE_AGENT,  /* the SSH agent; id "default", no target */
};

/* What only the RUN of assemble sees, never a layer. */
struct s2c_dockerfile_mount {
	enum s2c_dockerfile_mount_kind kind;
	const char *id;     /* for "--secret id=..." */
	const char *target; /* absolute */
};

/* What a stage gets out of the stage before it. */
struct s2c_dockerfile_artifact {
	const char *from, *to; /* absolute paths of a file or a directory */
};

#define S2C_DOCKERFILE_RUNTIME_SCRIPTS "runtime-scripts" /* in upload */

/* A stage: an image and the script that runs in it. Strings are borrowed. */
struct s2c_dockerfile_stage {
	const char *image;  /* of FROM */
	const char *user;   /* numbers, "1001" or "1001:0"; "0" only where it may be */
	const char *owner;  /* of what is copied in, "1001:0" */
	const char *script; /* absolute path in the image; NULL: nothing runs */
	bool optional;      /* the script may be missing */
	bool copies_script; /* upload/scripts goes to scripts_dir first */
	/* Absolute paths that the script leaves behind and the image shall not have;
	 * NULL: none. */
	const struct s2c_strv *excludes;
};

struct s2c_dockerfile_plan {
	const char *by;                      /* the command, "build" */
	struct s2c_dockerfile_stage build;   /* assemble in the builder image */
	struct s2c_dockerfile_stage saving;  /* save-artifacts in the image so far; */
	struct s2c_dockerfile_stage runtime; /* assemble-runtime; image NULL: no stage */

	const char *platform;    /* of all images, "linux/arm64"; NULL: not said */
	const char *destination; /* directory of src, scripts, artifacts; absolute */
	bool copies_source;      /* upload/src is there */
	const char *run;         /* CMD, absolute path */
	const char *image_user;  /* USER of the result; NULL: the last stage's user */

	const struct s2c_strv *env;       /* NAME=VALUE, in the image too */
	const struct s2c_strv *build_env; /* NAME=VALUE for assemble alone */
	const struct s2c_strv *labels;    /* KEY=VALUE */
	const struct s2c_dockerfile_mount *mounts;
	size_t n_mounts;
	const struct s2c_dockerfile_artifact *artifacts; /* for the runtime stage */
	size_t n_artifacts;
};

/*
 * Writes the text. S2C_EINVAL names what no Dockerfile can hold: control characters (a
 * newline) in a value or path, a variable with a name that is none, an artifact whose
 * path is a pattern. Vectors may be NULL.
 */
S2C_CHECK int s2c_dockerfile_write(const struct s2c_dockerfile_plan *plan,
	struct s2c_buf *out, struct s2c_error **err);

#endif
