/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test needs: cmocka with its includes, asserts on s2c_error, a temporary
 * directory, a quiet context. Include it first.
 *
 *     assert_ok(s2c_fs_mkdir_p(tmp->fd, "a/b", 0755, &terr));
 *     assert_fails(s2c_buf_puts(&buf, "too long", &terr), S2C_ELIMIT, "larger than");
 */
#ifndef S2C_TESTS_UNIT_HELPER_H
#define S2C_TESTS_UNIT_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/ctx.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/mem.h"

#define UNUSED __attribute__((unused))

/* Ends the test as skipped, with a reason for the report (see tests/tap.py). */
#define skip_because(reason)                                                             \
	do {                                                                             \
		printf("# skip: %s\n", (reason));                                        \
		skip();                                                                  \
	} while (0)

/* The error of the call under test; empty between asserts. */
UNUSED static struct s2c_error *terr;

/* `call` returns 0 (or a count) and leaves `terr` alone. */
#define assert_ok(call)                                                                  \
	do {                                                                             \
		if ((call) < 0)                                                          \
			fail_with_error(#call, __FILE__, __LINE__);                      \
		assert_null(terr);                                                       \
	} while (0)

/* `call` returns -1 with this code and a message that contains `part`. */
#define assert_fails(call, code, part)                                                   \
	do {                                                                             \
		if ((call) != -1)                                                        \
			fail_msg("%s did not fail", #call);                              \
		if (s2c_error_code(terr) != (code) ||                                    \
			!strstr(s2c_error_message(terr), part))                          \
			fail_with_error("wanted " #code " with " #part " from " #call,   \
				__FILE__, __LINE__);                                     \
		s2c_error_free(TAKE(terr));                                              \
	} while (0)

/* Ends the test; the error goes first, so that the next test starts without one. */
UNUSED static void fail_with_error(const char *what, const char *file, int line)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s: (code %d) %s", what, (int)s2c_error_code(terr),
		s2c_error_message(terr));
	s2c_error_free(TAKE(terr));
	print_error("%s\n", text);
	_fail(file, line);
}

/* A directory for one test: cmocka_unit_test_setup_teardown(t, tmp_setup, tmp_teardown).
 */
struct tmp {
	char path[64];
	int fd;
};

UNUSED static int tmp_setup(void **state)
{
	struct tmp *tmp = xcalloc(1, sizeof(*tmp));

	snprintf(tmp->path, sizeof(tmp->path), "/tmp/s2c-unit-XXXXXX");
	if (!mkdtemp(tmp->path))
		return -1;
	tmp->fd = open(tmp->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = tmp;
	return tmp->fd < 0 ? -1 : 0;
}

UNUSED static int tmp_teardown(void **state)
{
	struct tmp *tmp = *state;
	struct s2c_error *err = NULL;
	int rc = s2c_fs_rm_rf(AT_FDCWD, tmp->path, &err);

	if (rc < 0)
		fprintf(stderr, "%s\n", s2c_error_message(err));
	s2c_error_free(err);
	s2c_error_free(terr);
	terr = NULL;
	close(tmp->fd);
	free(tmp);
	return rc;
}

#define tmp_test(f) cmocka_unit_test_setup_teardown(f, tmp_setup, tmp_teardown)

/* Writes a file below the directory, with its parents. */
UNUSED static void tmp_write(const struct tmp *tmp, const char *name, const char *text)
{
	const char *slash = strrchr(name, '/');
	int fd;

	if (slash) {
		CLEAN_FREE char *dir = xstrndup(name, (size_t)(slash - name));

		assert_ok(s2c_fs_mkdir_p(tmp->fd, dir, 0755, &terr));
	}
	fd = openat(tmp->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Content of a file below the directory; caller frees. */
UNUSED static char *tmp_read(const struct tmp *tmp, const char *name)
{
	struct s2c_buf buf = S2C_BUF_INIT(64u * 1024 * 1024);

	assert_ok(s2c_fs_read_file(tmp->fd, name, &buf, &terr));
	return s2c_buf_take(&buf);
}

/* True if the name exists, whatever it is. */
UNUSED static bool tmp_has(const struct tmp *tmp, const char *name)
{
	struct stat st;

	return fstatat(tmp->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A context that nobody listens to. */
UNUSED static struct s2c_ctx *quiet_ctx(void)
{
	return s2c_ctx_new((struct s2c_sink){.emit = NULL});
}

#endif
