/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .s2ifile: the command line of a build, kept in the directory it was given in. The form
 * is S2I's: {"source","builderImage","tag","flags":{NAME:VALUE}}, of a flag that may be
 * repeated "NAME-0", "NAME-1" and so on. S2I itself writes some of these in other ways,
 * which are read too: "[a,b]" (volume, add-host, cap-drop) and "a,b" (inject,
 * runtime-artifact).
 */
#ifndef S2C_S2IFILE_H
#define S2C_S2IFILE_H

#include <stddef.h>

#include <s2c/error.h>

#define S2C_S2IFILE ".s2ifile"
#define S2C_S2IFILE_OLD ".stifile"     /* read where the other one is missing */
#define S2C_S2IFILE_MAX (1024u * 1024) /* bytes */
#define S2C_S2IFILE_FLAGS_MAX 1000     /* values of flags */
#define S2C_S2IFILE_NAME_MAX 64        /* bytes of a flag's name */

struct s2c_s2ifile_flag {
	char *name;  /* without dashes and number */
	char *value; /* of one occurrence */
	int index;   /* of those with the same name; -1: the flag is not repeatable */
};

struct s2c_s2ifile {
	char *source, *builder, *tag;   /* "" when it says none */
	struct s2c_s2ifile_flag *flags; /* by name, then by index */
	size_t n_flags;
};

struct s2c_s2ifile *s2c_s2ifile_new(void);
/* Appends copies; index as in struct s2c_s2ifile_flag. */
void s2c_s2ifile_add(
	struct s2c_s2ifile *file, const char *name, const char *value, int index);
void s2c_s2ifile_free(struct s2c_s2ifile *file);

/* S2C_EPROTO for what is no such document, S2C_ELIMIT for one that is too large. */
int s2c_s2ifile_parse(
	const char *text, size_t len, struct s2c_s2ifile **out, struct s2c_error **err);
/* Caller frees. Passwords in the URL of the source are left out. */
char *s2c_s2ifile_print(const struct s2c_s2ifile *file);

/* Of the current directory. S2C_ENOENT when there is neither the file nor the old one. */
int s2c_s2ifile_read(struct s2c_s2ifile **out, struct s2c_error **err);
/* Replaces the file of the current directory as a whole; mode 0644. */
int s2c_s2ifile_write(const struct s2c_s2ifile *file, struct s2c_error **err);

#endif
