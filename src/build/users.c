/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the users of an image.
 */
#include "build/users.h"

static int read_one(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, const char *path, struct s2c_buf *buf,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;

	*buf = (struct s2c_buf)S2C_BUF_INIT(S2C_PASSWD_BYTES_MAX);
	if (s2c_runtime_read_image_file(ctx, runtime, image, path, buf, &failure) == 0 ||
		s2c_error_code(failure) == S2C_ENOENT)
		return 0;
	if (s2c_error_code(failure) == S2C_ELIMIT && buf->len > 0)
		return s2c_fail(err, S2C_ELIMIT,
			"image '%s': its '%s' is larger than %u bytes, which no "
			"image needs: take another one",
			image->name, path, S2C_PASSWD_BYTES_MAX);
	s2c_error_move(err, &failure);
	return s2c_wrap(err, "image '%s'", image->name);
}

int s2c_users_read(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
	const struct s2c_image *image, struct s2c_users *out, struct s2c_error **err)
{
	if (read_one(ctx, runtime, image, "/etc/passwd", &out->passwd, err))
		return -1;
	return read_one(ctx, runtime, image, "/etc/group", &out->group, err);
}

void s2c_users_release(struct s2c_users *users)
{
	s2c_buf_release(&users->passwd);
	s2c_buf_release(&users->group);
}
