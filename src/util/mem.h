/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and scope. Small allocations abort when memory is exhausted; whatever a peer
 * can size goes through a capped buf or a stream instead. Owned locals are CLEAN, and
 * ownership leaves a scope only through TAKE.
 */
#ifndef S2C_UTIL_MEM_H
#define S2C_UTIL_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S2C_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
/* Results of fallible functions must be looked at. */
#define S2C_CHECK __attribute__((warn_unused_result))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void *s2c_must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* malloc family that aborts on exhaustion; a size of 0 yields a unique pointer. */
static inline void *xmalloc(size_t n)
{
	return s2c_must(malloc(n ? n : 1));
}

static inline void *xcalloc(size_t count, size_t size)
{
	return s2c_must(calloc(count ? count : 1, size ? size : 1));
}

static inline void *xreallocarray(void *p, size_t count, size_t size)
{
	return s2c_must(reallocarray(p, count ? count : 1, size ? size : 1));
}

static inline char *xstrdup(const char *s)
{
	return s2c_must(strdup(s));
}

static inline char *xstrndup(const char *s, size_t n)
{
	return s2c_must(strndup(s, n));
}

/* printf into a fresh string. */
char *xasprintf(const char *fmt, ...) S2C_PRINTF(1, 2);

/* CLEAN(f) runs `f(&variable)` when the variable leaves its scope. */
#define CLEAN(f) __attribute__((cleanup(f)))

static inline void s2c_clean_free(void *p)
{
	free(*(void **)p);
}

static inline void s2c_clean_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define CLEAN_FREE CLEAN(s2c_clean_free)
#define CLEAN_FD CLEAN(s2c_clean_fd)

/* Defines `s2c_clean_<name>` for `CLEAN(...)` out of a free function that takes NULL. */
#define S2C_DEFINE_CLEAN(name, type, free_fn)                                            \
	static inline void s2c_clean_##name(type *p)                                     \
	{                                                                                \
		free_fn(*p);                                                             \
	}

/* Hands a pointer over and leaves NULL behind. */
#define TAKE(p)                                                                          \
	__extension__({                                                                  \
		__typeof__(p) s2c_taken_ = (p);                                          \
		(p) = NULL;                                                              \
		s2c_taken_;                                                              \
	})

/* Hands a descriptor over and leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Overwrites a secret before freeing it; NULL is fine. */
void s2c_secret_free(char *secret);
S2C_DEFINE_CLEAN(secret, char *, s2c_secret_free)

static inline int streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline int starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

#endif
