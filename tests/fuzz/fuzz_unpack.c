/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzer of unpacking layers: no input may do more than fail, and nothing may change next
 * to the root. The diffID of what was unpacked is that of the input.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "layer/unpack.h"
#include "util/fs.h"
#include "util/strv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base[] = "/tmp/s2c-fuzz-XXXXXX";
static int base_fd = -1;

static void leave(void)
{
	if (s2c_fs_rm_rf(AT_FDCWD, base, NULL))
		fprintf(stderr, "cannot remove %s\n", base);
}

/* root/ for the layer, outside/secret to be left alone. */
static void enter(void)
{
	int fd;

	if (base_fd >= 0)
		return;
	if (!mkdtemp(base))
		abort();
	atexit(leave);
	base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base_fd < 0 || mkdirat(base_fd, "outside", 0755))
		abort();
	fd = openat(base_fd, "outside/secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "secret", 6) != 6)
		abort();
	close(fd);
}

static void must_be_untouched(const struct stat *dir, const struct stat *file)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	struct stat st;

	assert(fstatat(base_fd, "outside", &st, 0) == 0 && st.st_mode == dir->st_mode);
	assert(st.st_ctim.tv_sec == dir->st_ctim.tv_sec &&
		st.st_ctim.tv_nsec == dir->st_ctim.tv_nsec);
	assert(fstatat(base_fd, "outside/secret", &st, 0) == 0 && st.st_nlink == 1);
	assert(st.st_ctim.tv_sec == file->st_ctim.tv_sec &&
		st.st_ctim.tv_nsec == file->st_ctim.tv_nsec);
	if (s2c_fs_list(base_fd, 10, &names, NULL))
		abort();
	assert(names.len == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s2c_ctx *ctx CLEAN_CTX = s2c_ctx_new((struct s2c_sink){.emit = NULL});
	struct s2c_unpack_opts opts = {.xattr_prefix = "user.overlay.",
		.single_id = geteuid() != 0,
		.max_entries = 1000,
		.max_bytes = 4u * 1024 * 1024};
	struct s2c_error *err CLEAN_ERROR = NULL;
	struct s2c_digest want, got;
	struct stat dir, file;
	CLEAN_FD int root = -1;

	enter();
	if (mkdirat(base_fd, "root", 0755) || fstatat(base_fd, "outside", &dir, 0) ||
		fstatat(base_fd, "outside/secret", &file, 0))
		abort();
	root = openat(base_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct s2c_unpack_input input = {s2c_reader_mem(data, size), true};
	if (s2c_layer_unpack(ctx, input, root, &opts, &got, &err)) {
		assert(err && s2c_error_message(err)[0]);
	} else {
		s2c_digest_of(data, size, &want);
		assert(streq(want.str, got.str));
	}
	must_be_untouched(&dir, &file);
	if (s2c_fs_rm_rf(base_fd, "root", NULL))
		abort();
	return 0;
}
