/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of strings for argv and environments. `items` is NULL-terminated once
 * anything was added, so it can be handed to execve as it is.
 */
#ifndef S2C_UTIL_STRV_H
#define S2C_UTIL_STRV_H

#include <stddef.h>

#include "util/mem.h"

struct s2c_strv {
	char **items;
	size_t len;
	size_t cap;
};

#define S2C_STRV_INIT                                                                    \
	{                                                                                \
		.items = NULL                                                            \
	}

void s2c_strv_release(struct s2c_strv *v);
#define CLEAN_STRV CLEAN(s2c_strv_release)

/* Appends a copy. */
void s2c_strv_add(struct s2c_strv *v, const char *s);
void s2c_strv_addf(struct s2c_strv *v, const char *fmt, ...) S2C_PRINTF(2, 3);
/* Appends and takes ownership of a heap string. */
void s2c_strv_add_take(struct s2c_strv *v, char *s);
/* Appends copies of all of `from`. */
void s2c_strv_add_all(struct s2c_strv *v, const struct s2c_strv *from);
/* Removes item `i`. */
void s2c_strv_remove(struct s2c_strv *v, size_t i);
/* Sorts bytewise. */
void s2c_strv_sort(struct s2c_strv *v);
/* Index of an equal string, or -1. */
ssize_t s2c_strv_find(const struct s2c_strv *v, const char *s);

/* NAME=VALUE vectors. The last of two equal names wins, in the place of the first. */
void s2c_env_set(struct s2c_strv *env, const char *name, const char *value);
/* The same for one whole "NAME=VALUE" string. */
void s2c_env_put(struct s2c_strv *env, const char *assignment);
/* Borrowed value or NULL. */
const char *s2c_env_get(const struct s2c_strv *env, const char *name);

#define s2c_strv_foreach(item, v)                                                        \
	for (size_t i_##item = 0; i_##item < (v)->len; i_##item++)                       \
		for (const char *item = (v)->items[i_##item]; item; item = NULL)

#endif
