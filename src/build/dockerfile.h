/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dockerfiles as text: lines become instructions. Pure; what an instruction's arguments
 * mean is dockerfile_eval's. The grammar is that of the Dockerfile reference ("Format",
 * "Parser directives", "Escape"): comments and empty lines may stand inside of a
 * continued instruction, a line goes on when the escape character is its last one.
 * Heredocs are refused: they are BuildKit's, and other builders read the same bytes
 * differently.
 */
#ifndef S2C_BUILD_DOCKERFILE_H
#define S2C_BUILD_DOCKERFILE_H

#include <stdbool.h>

#include "util/error.h"
#include "util/strv.h"

#define S2C_DOCKERFILE_MAX (1024u * 1024) /* bytes */
#define S2C_DOCKERFILE_LINE_MAX                                                          \
	131072 /* bytes of an instruction, continued lines too                           \
		*/
#define S2C_DOCKERFILE_INSTRUCTIONS_MAX 4096
#define S2C_DOCKERFILE_FLAGS_MAX 64 /* of an instruction */

enum s2c_instruction_kind {
	S2C_INSTRUCTION_ADD,
	S2C_INSTRUCTION_ARG,
	S2C_INSTRUCTION_CMD,
	S2C_INSTRUCTION_COPY,
	S2C_INSTRUCTION_ENTRYPOINT,
	S2C_INSTRUCTION_ENV,
	S2C_INSTRUCTION_EXPOSE,
	S2C_INSTRUCTION_FROM,
	S2C_INSTRUCTION_HEALTHCHECK,
	S2C_INSTRUCTION_LABEL,
	S2C_INSTRUCTION_MAINTAINER,
	S2C_INSTRUCTION_ONBUILD,
	S2C_INSTRUCTION_RUN,
	S2C_INSTRUCTION_SHELL,
	S2C_INSTRUCTION_STOPSIGNAL,
	S2C_INSTRUCTION_USER,
	S2C_INSTRUCTION_VOLUME,
	S2C_INSTRUCTION_WORKDIR,
};
#define S2C_INSTRUCTION_KINDS (S2C_INSTRUCTION_WORKDIR + 1)

struct s2c_instruction {
	enum s2c_instruction_kind kind;
	unsigned line;         /* its first line, from 1 */
	struct s2c_strv flags; /* "--chown=1001:0", as written, without quotes */
	/* What follows, continued lines joined, without blanks at both ends. */
	char *rest;
	/* True if `rest` is a JSON array of strings, which are `words` then. */
	bool exec_form;
	struct s2c_strv words;
};

struct s2c_dockerfile {
	char escape;  /* '\\' or '`' */
	char *syntax; /* value of "# syntax=", or NULL */
	struct s2c_instruction *items;
	size_t n;
};

/* "RUN", ... Static. */
const char *s2c_instruction_name(enum s2c_instruction_kind kind);

/*
 * Reads a whole file. S2C_EINVAL for what is no Dockerfile (bytes that are no UTF-8 text,
 * unknown instructions, missing arguments, bad directives, heredocs), S2C_ELIMIT above
 * the maxima; both name the line. Whether the order of instructions makes sense is not
 * asked.
 */
S2C_CHECK int s2c_dockerfile_parse(const char *text, size_t len,
	struct s2c_dockerfile **out, struct s2c_error **err);
/* Reads one instruction, as a trigger of an image is; of more than one: S2C_EINVAL. */
S2C_CHECK int s2c_dockerfile_parse_one(
	const char *text, struct s2c_dockerfile **out, struct s2c_error **err);
void s2c_dockerfile_free(struct s2c_dockerfile *file);
S2C_DEFINE_CLEAN(dockerfile, struct s2c_dockerfile *, s2c_dockerfile_free)
#define CLEAN_DOCKERFILE CLEAN(s2c_clean_dockerfile)

/*
 * The value of a flag: "1001:0" for "chown" of "--chown=1001:0", "" for a flag without
 * one, NULL when it is not there. Borrowed.
 */
const char *s2c_instruction_flag(
	const struct s2c_instruction *instruction, const char *name);
/* S2C_EINVAL for a flag that is not among `known` (ended by NULL), or is there twice. */
S2C_CHECK int s2c_instruction_check_flags(const struct s2c_instruction *instruction,
	const char *const *known, struct s2c_error **err);

#endif
