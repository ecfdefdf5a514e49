/* SPDX-License-Identifier: Apache-2.0 */
#include "build/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "util/fs.h"

#define DEPTH_MAX 32
#define NAMES_MAX 10000 /* in a directory */

void s2c_secret_release(struct s2c_secret *secret)
{
	for (size_t i = 0; i < secret->n; i++) {
		struct s2c_secret_file *f = &secret->files[i];

		explicit_bzero((void *)(uintptr_t)f->data, f->len);
		free((void *)(uintptr_t)f->data);
		free((void *)(uintptr_t)f->path);
	}
	free(secret->files);
	*secret = (struct s2c_secret){.files = NULL};
}

/* One option's reading. */
struct reading {
	struct s2c_ctx *ctx;
	const struct s2c_mount_spec *spec;
	struct s2c_secret_total *total;
	struct s2c_secret *out;
	int root; /* of a directory */
};

/* Takes over the bytes of `data`. */
static int take(struct reading *r, const char *path, struct s2c_buf *data, bool program,
	struct s2c_error **err)
{
	struct s2c_secret *out = r->out;
	CLEAN_FREE char *what = *path ? xasprintf("'%s' of %s '%s'", path,
						r->spec->origin, r->spec->text)
				      : xasprintf("%s '%s'", r->spec->origin,
						r->spec->text);
	size_t len = data->len;
	bool known = true;

	if (++r->total->files > S2C_SECRET_FILES_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"there are more than %d secret files; give large directories "
			"that are no secret with --volume",
			S2C_SECRET_FILES_MAX);
	r->total->bytes += len;
	if (s2c_needles_add(
		    r->total->needles, what, s2c_buf_str(data), len, &known, err) < 0)
		return -1;
	if (len && !known)
		s2c_emit_log(r->ctx, S2C_WARN,
			"%s is too short or too uniform to be recognised; the image is "
			"not looked through for it",
			what);
	out->files = xreallocarray(out->files, out->n + 1, sizeof(*out->files));
	out->files[out->n++] = (struct s2c_secret_file){.path = xstrdup(path),
		.data = s2c_buf_take(data),
		.len = len,
		.program = program};
	return 0;
}

static int read_file(struct reading *r, int fd, const struct stat *st, const char *path,
	struct s2c_error **err)
{
	uint64_t left = S2C_SECRETS_BYTES_MAX - r->total->bytes;
	CLEAN_BUF_SECRET struct s2c_buf data = S2C_BUF_INIT((size_t)left);

	if (!S_ISREG(st->st_mode))
		return s2c_fail(err, S2C_EINVAL, "'%s' is not a file",
			*path ? path : r->spec->from);
	if ((uint64_t)st->st_size > left)
		return s2c_fail(err, S2C_ELIMIT,
			"the secrets of a build have more than %u bytes; give large "
			"files that are no secret with --volume",
			S2C_SECRETS_BYTES_MAX);
	if (s2c_fs_read_fd(fd, &data, err) < 0)
		return s2c_wrap(err, "'%s'", *path ? path : r->spec->from);
	return take(r, path, &data, st->st_mode & 0111, err);
}

static int read_dir(
	struct reading *r, int fd, const char *path, int depth, struct s2c_error **err);

/* Links stay inside; what is no file ends it, and a fifo does not hold it up. */
static int read_below(
	struct reading *r, const char *path, int depth, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	struct stat st;

	if (s2c_fs_open_in(r->root, path, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at '%s'", path);
	return S_ISDIR(st.st_mode) ? read_dir(r, fd, path, depth, err)
				   : read_file(r, fd, &st, path, err);
}

static int read_dir(
	struct reading *r, int fd, const char *path, int depth, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;

	if (depth == DEPTH_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' is more than %d directories deep, or a link that leads "
			"back",
			path, DEPTH_MAX);
	if (s2c_ctx_check(r->ctx, err) < 0 || s2c_fs_list(fd, NAMES_MAX, &names, err) < 0)
		return -1;
	s2c_strv_foreach (name, &names) {
		CLEAN_FREE char *below = *path ? xasprintf("%s/%s", path, name)
					       : xstrdup(name);

		if (!starts_with(name, "..") && read_below(r, below, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int read_path(struct reading *r, struct s2c_error **err)
{
	CLEAN_FD int fd = -1;
	struct stat st;

	if (s2c_fs_open(AT_FDCWD, r->spec->from, O_RDONLY | O_NONBLOCK, 0, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at '%s'", r->spec->from);
	if (!S_ISDIR(st.st_mode))
		return read_file(r, fd, &st, "", err);
	if (r->spec->kind == S2C_SPEC_SECRET)
		return s2c_fail(err, S2C_EINVAL, "'%s' is a directory", r->spec->from);
	r->out->is_dir = true;
	r->root = fd;
	return read_dir(r, fd, "", 0, err);
}

static int read_variable(struct reading *r, struct s2c_error **err)
{
	const char *value = getenv(r->spec->from);
	CLEAN_BUF_SECRET struct s2c_buf data = S2C_BUF_INIT(S2C_SECRETS_BYTES_MAX);

	if (!value)
		return s2c_fail(err, S2C_ENOENT,
			"variable '%s' is not set; or write src=FILE", r->spec->from);
	if (s2c_buf_puts(&data, value, err) < 0)
		return -1;
	return take(r, "", &data, false, err);
}

int s2c_secret_read(struct s2c_ctx *ctx, const struct s2c_mount_spec *spec,
	struct s2c_secret_total *total, struct s2c_secret *out, struct s2c_error **err)
{
	CLEAN(s2c_secret_release) struct s2c_secret secret = {.files = NULL};
	struct reading r = {.ctx = ctx, .spec = spec, .total = total, .out = &secret};

	if ((spec->variable ? read_variable(&r, err) : read_path(&r, err)) < 0)
		return s2c_wrap(err, "%s '%s'", spec->origin, spec->text);
	*out = secret;
	secret = (struct s2c_secret){.files = NULL};
	return 0;
}
