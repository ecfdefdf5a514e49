/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar as source: a file, a pipe or standard input, plain or compressed, by its content
 * and not by its name. It is unpacked into the stage with the confined extractor and from
 * then on a directory like any other. A single directory at its top stays what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/statvfs.h>

#include "codec/compress.h"
#include "codec/extract.h"
#include "codec/tar.h"
#include "source/backend.h"
#include "util/fs.h"

/* Reads an fd that may block, so that cancel and deadline hold. */
struct input {
	struct s2c_reader base;
	struct s2c_ctx *ctx;
	int fd;
};

static ssize_t input_read(
	struct s2c_reader *r, void *buf, size_t len, struct s2c_error **err)
{
	struct input *input = (struct input *)r;

	for (;;) {
		struct pollfd p = {.fd = input->fd, .events = POLLIN};
		int ready = 0;

		if (s2c_ctx_poll(input->ctx, &p, 1, -1, &ready, err) < 0)
			return -1;
		ssize_t n = read(input->fd, buf, len);

		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return s2c_fail_errno(err, errno, "cannot read the archive");
	}
}

static void input_free(struct s2c_reader *r)
{
	free(r);
}

static struct s2c_reader *input_new(struct s2c_ctx *ctx, int fd)
{
	static const struct s2c_reader_ops ops = {.read = input_read, .free = input_free};
	struct input *input = xmalloc(sizeof(*input));

	*input = (struct input){.base.ops = &ops, .ctx = ctx, .fd = fd};
	return &input->base;
}

static bool tar_matches(const struct s2c_source_ask *ask)
{
	if (ask->spec.form == S2C_SPEC_STDIN)
		return true;
	return ask->spec.form == S2C_SPEC_PATH && ask->exists &&
	       (S_ISREG(ask->st.st_mode) || S_ISFIFO(ask->st.st_mode));
}

/* As much as a source may have, and not more than fits on the disk. */
static struct s2c_tar_limits limits_of(int stage_fd)
{
	struct s2c_tar_limits limits = {
		.entries = S2C_SOURCE_ENTRIES_MAX,
		.bytes = S2C_SOURCE_BYTES_MAX,
	};
	struct statvfs fs;

	if (fstatvfs(stage_fd, &fs) == 0 && fs.f_bavail > 0 &&
		fs.f_bavail < limits.bytes / fs.f_frsize)
		limits.bytes = fs.f_bavail * fs.f_frsize;
	limits.file_bytes = limits.bytes;
	return limits;
}

static int unpack(struct s2c_ctx *ctx, int fd, int tree_fd,
	struct s2c_extract_count *count, struct s2c_error **err)
{
	const struct s2c_extract_opts opts = {
		.no_owner = true,
		.no_special = true,
		.no_xattrs = true,
		.mode_mask = 01777,
	};
	struct s2c_reader *plain = NULL;

	if (s2c_decompress_auto(input_new(ctx, fd), true, NULL, &plain, err) < 0)
		return -1;
	CLEAN_ENTRIES struct s2c_entries *entries = s2c_tar_reader(
		plain, true, limits_of(tree_fd));

	return s2c_extract_all(ctx, entries, tree_fd, &opts, count, err);
}

static int tar_open(struct s2c_ctx *ctx, const struct s2c_source_ask *ask,
	struct s2c_source *out, struct s2c_error **err)
{
	bool is_stdin = ask->spec.form == S2C_SPEC_STDIN;
	const char *shown = is_stdin ? "standard input" : ask->spec.address;
	struct s2c_extract_count count = {0};
	CLEAN_FREE char *absolute = NULL;
	CLEAN_FD int opened = -1;
	int fd = ask->opts->stdin_fd;

	if (ask->ref)
		return s2c_fail(err, S2C_EINVAL,
			"source '%s' is no git repository, so there is no ref '%s' in it",
			shown, ask->ref);
	if (is_stdin && isatty(fd))
		return s2c_fail(err, S2C_EINVAL,
			"standard input is a terminal: pipe a tar into it, as in "
			"'tar c . | s2c build - ...'");
	if (!is_stdin) {
		if (s2c_fs_open(AT_FDCWD, shown, O_RDONLY | O_NOCTTY, 0, &opened, err) <
			0)
			return s2c_wrap(err, "source '%s'", shown);
		fd = opened;
		absolute = realpath(shown, NULL);
	}
	if (s2c_fs_mkdir_p(ask->opts->stage_fd, "tree", 0700, err) < 0 ||
		s2c_fs_open(ask->opts->stage_fd, "tree", O_RDONLY | O_DIRECTORY, 0,
			&out->fd, err) < 0)
		return -1;
	if (unpack(ctx, fd, out->fd, &count, err) < 0)
		return s2c_wrap(err, "source '%s'", shown);
	if (count.entries == 0)
		return s2c_fail(err, S2C_EINVAL,
			"source '%s' is empty: give a tar of the application", shown);
	s2c_source_set(&out->info.location,
		absolute ? TAKE(absolute) : xstrdup(is_stdin ? "-" : shown));
	return 0;
}

const struct s2c_source_ops s2c_source_tar_ops = {
	.name = "tar",
	.matches = tar_matches,
	.open = tar_open,
};
