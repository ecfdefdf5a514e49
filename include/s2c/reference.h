/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references: [REGISTRY/]REPOSITORY[:TAG][@DIGEST]. Pure parsing.
 *
 * The first component is a registry if it holds '.' or ':' or is "localhost" (as Docker
 * decides it). A name without registry is a local name: it is looked up in the store and
 * never guessed to live in some public registry.
 */
#ifndef S2C_REFERENCE_H
#define S2C_REFERENCE_H

#include <s2c/error.h>

#define S2C_REFERENCE_MAX 512  /* bytes of a whole reference */
#define S2C_REPOSITORY_MAX 255 /* bytes of registry and repository */
#define S2C_TAG_MAX 128

struct s2c_reference {
	char registry[256];   /* "host[:port]", or "" for a local name */
	char repository[256]; /* lower-case path */
	char tag[129];	      /* "" when there is a digest and no tag */
	char digest[136];     /* "sha256:..." or "" */
};

/*
 * Parses; neither tag nor digest gives tag "latest". S2C_EINVAL names what is wrong.
 * The docker.io aliases (index.docker.io, registry-1.docker.io) become docker.io, and
 * docker.io/x becomes docker.io/library/x; a registry comes out in lower case.
 */
int s2c_reference_parse(
	const char *text, struct s2c_reference *out, struct s2c_error **err);

/* Writes the full form; `out` has S2C_REFERENCE_MAX + 1 bytes. */
void s2c_reference_format(const struct s2c_reference *ref, char *out);

/* Writes registry/repository without tag and digest; same size of `out`. */
void s2c_reference_name(const struct s2c_reference *ref, char *out);

#endif
