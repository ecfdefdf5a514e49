/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build is given besides its image and source, as people write it: --volume,
 * --inject, --secret, --ssh, --cache-mount, --add-host. Pure: nothing is looked at yet.
 */
#ifndef S2C_BUILD_MOUNT_SPEC_H
#define S2C_BUILD_MOUNT_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define S2C_MOUNT_SPECS_MAX 200
#define S2C_MOUNT_ID_MAX 64 /* bytes of the name of a secret or cache */
#define S2C_SECRETS_DIR "/run/secrets"
#define S2C_AGENT_PATH "/run/s2c/ssh-agent"
#define S2C_LABEL_CACHE_MOUNTS "io.s2c.cache-mounts"

enum s2c_mount_spec_kind {
	/* HOST:PATH[:OPTION,...] of an engine's bind (docs.docker.com, "docker run -v"):
	 * from is a path of the host, to an absolute one of the container. */
	S2C_SPEC_VOLUME,
	/* SRC:DST of S2I, several with ";" between: the last ":" divides, quotes around
	 * either go, either is cleaned as Go's filepath.Clean does, "" becomes ".". */
	S2C_SPEC_INJECTION,
	/* SRC:DST as an injection: from a path of the build container to a directory
	 * relative to WORKDIR, "." without it. */
	S2C_SPEC_ARTIFACT,
	/* id=NAME[,src=FILE|,env=VAR][,dst=PATH]: from is the file or variable. */
	S2C_SPEC_SECRET,
	/* [ID=]SOCKET or a word: from is the socket, or NULL for SSH_AUTH_SOCK. */
	S2C_SPEC_AGENT,
	/* ID:PATH: from is the id, to a path that may be relative to WORKDIR. */
	S2C_SPEC_CACHE,
	/* NAME:ADDRESS; an IPv6 address may stand in brackets. */
	S2C_SPEC_HOST,
};

struct s2c_mount_spec {
	enum s2c_mount_spec_kind kind;
	char *text; /* as it was given, for messages */
	char *from, *to;
	char *id;           /* SECRET: its name; else NULL */
	bool read_only;     /* VOLUME */
	bool variable;      /* SECRET: from names a variable of the environment */
	const char *origin; /* "--volume", or the label; static */
};

struct s2c_mount_specs {
	struct s2c_mount_spec *items;
	size_t n;
};

void s2c_mount_specs_release(struct s2c_mount_specs *specs);

/*
 * Adds what one option, given once, asks for. S2C_EINVAL names option and text.
 */
S2C_CHECK int s2c_mount_specs_add(struct s2c_mount_specs *specs,
	enum s2c_mount_spec_kind kind, const char *text, struct s2c_error **err);

/*
 * Adds the caches of a builder image's label: "ID:PATH;..." as S2C_SPEC_CACHE. One whose
 * path an option has already is left out.
 */
S2C_CHECK int s2c_mount_specs_add_label(
	struct s2c_mount_specs *specs, const char *label, struct s2c_error **err);

/*
 * S2C_EINVAL for what is no name of a secret or cache: up to S2C_MOUNT_ID_MAX letters,
 * digits, '.', '_' and '-', the first one a letter or digit or '_'.
 */
S2C_CHECK int s2c_mount_id_check(const char *id, struct s2c_error **err);

/*
 * Checks names of capabilities (capabilities(7), with or without "CAP_", in any case, or
 * "all"), comma separated. All are dropped whatever is asked for: only typing errors
 * matter.
 */
S2C_CHECK int s2c_capabilities_check(const char *text, struct s2c_error **err);

#endif
