/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String vectors and environments. Whoever fills one from a peer bounds the number of
 * items first; nothing here does.
 */
#include "util/strv.h"

#include <stdarg.h>
#include <stdio.h>

void s2c_strv_release(struct s2c_strv *v)
{
	for (size_t i = 0; i < v->len; i++)
		free(v->items[i]);
	free(v->items);
	v->items = NULL;
	v->len = 0;
	v->cap = 0;
}

void s2c_strv_add_take(struct s2c_strv *v, char *s)
{
	if (v->len + 1 >= v->cap) {
		v->cap = v->cap ? v->cap * 2 : 8;
		v->items = xreallocarray(v->items, v->cap, sizeof(*v->items));
	}
	v->items[v->len++] = s;
	v->items[v->len] = NULL;
}

void s2c_strv_add(struct s2c_strv *v, const char *s)
{
	s2c_strv_add_take(v, xstrdup(s));
}

void s2c_strv_addf(struct s2c_strv *v, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	s2c_strv_add_take(v, s2c_must(n < 0 ? NULL : s));
}

void s2c_strv_add_all(struct s2c_strv *v, const struct s2c_strv *from)
{
	size_t n = from->len;

	for (size_t i = 0; i < n; i++)
		s2c_strv_add(v, from->items[i]);
}

void s2c_strv_remove(struct s2c_strv *v, size_t i)
{
	if (i >= v->len)
		return;
	free(v->items[i]);
	/* The NULL at the end moves along. */
	memmove(v->items + i, v->items + i + 1, (v->len - i) * sizeof(*v->items));
	v->len--;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void s2c_strv_sort(struct s2c_strv *v)
{
	if (v->len > 1)
		qsort(v->items, v->len, sizeof(*v->items), compare);
}

ssize_t s2c_strv_find(const struct s2c_strv *v, const char *s)
{
	for (size_t i = 0; i < v->len; i++)
		if (streq(v->items[i], s))
			return (ssize_t)i;
	return -1;
}

static int has_name(const char *assignment, const char *name, size_t n)
{
	return strncmp(assignment, name, n) == 0 &&
	       (assignment[n] == '=' || assignment[n] == '\0');
}

/* Puts `entry` (taken) in the place of the first of its name and drops the others. */
static void put(struct s2c_strv *env, char *entry, size_t name_len)
{
	size_t kept = 0;
	int placed = 0;

	for (size_t i = 0; i < env->len; i++) {
		if (!has_name(env->items[i], entry, name_len)) {
			env->items[kept++] = env->items[i];
			continue;
		}
		free(env->items[i]);
		if (!placed)
			env->items[kept++] = entry;
		placed = 1;
	}
	if (!placed) {
		s2c_strv_add_take(env, entry);
		return;
	}
	env->len = kept;
	env->items[kept] = NULL;
}

void s2c_env_set(struct s2c_strv *env, const char *name, const char *value)
{
	put(env, xasprintf("%s=%s", name, value), strlen(name));
}

void s2c_env_put(struct s2c_strv *env, const char *assignment)
{
	put(env, xstrdup(assignment), strcspn(assignment, "="));
}

const char *s2c_env_get(const struct s2c_strv *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = env->len; i > 0; i--)
		if (has_name(env->items[i - 1], name, n) && env->items[i - 1][n])
			return env->items[i - 1] + n + 1;
	return NULL;
}
