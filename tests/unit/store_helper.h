/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the store: a store below the test's directory, what lies in its directories,
 * and children to be killed. Include it after helper.h.
 */
#ifndef S2C_TESTS_UNIT_STORE_HELPER_H
#define S2C_TESTS_UNIT_STORE_HELPER_H

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/blob.h"
#include "store/store.h"

UNUSED static struct s2c_store *open_store(struct s2c_ctx *ctx, const struct tmp *tmp)
{
	CLEAN_FREE char *root = xasprintf("%s/s", tmp->path);
	struct s2c_store *store = NULL;

	assert_ok(s2c_store_open(ctx, root, &store, &terr));
	return store;
}

/* Entries of a directory below the test's. */
UNUSED static size_t count_dir(const struct tmp *tmp, const char *name)
{
	int fd = openat(tmp->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	assert_true(fd >= 0);
	dir = fdopendir(fd);
	while ((entry = readdir(dir)))
		n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
	closedir(dir);
	return n;
}

UNUSED static struct s2c_descriptor put_text(struct s2c_store *store, const char *text)
{
	struct s2c_descriptor desc = {.media_type = "text/plain"};

	assert_ok(s2c_blob_put(store, text, strlen(text), &desc, &terr));
	return desc;
}

/* Path of a blob below the test's directory. Static memory. */
UNUSED static const char *blob_file(const struct s2c_digest *digest)
{
	static char path[256];

	snprintf(path, sizeof(path), "s/blobs/%s/%s", s2c_digest_algo(digest),
		s2c_digest_hex(digest));
	return path;
}

/*
 * Runs `fn` in a child that ends without any clean-up, as if it was killed, when fn
 * returns; a child that fails an assert ends otherwise. Returns its wait status.
 */
UNUSED static int run_child(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fn(arg);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#define assert_killed(status)                                                            \
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)

#endif
