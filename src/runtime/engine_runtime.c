/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine runtime: the table of slots and the two that read files.
 */
#include "runtime/engine_impl.h"

#include "util/fs.h"

static void engine_close(struct s2c_runtime *runtime)
{
	struct s2c_engine_runtime *rt = s2c_engine_runtime_of(runtime);

	s2c_engine_probe_drop(rt);
	if (rt->own_engine)
		s2c_engine_close(rt->engine);
	s2c_strv_release(&rt->told);
	free(rt->build);
	free(rt);
}

static int engine_open(struct s2c_ctx *ctx, const struct s2c_runtime_opts *opts,
	struct s2c_runtime **out, struct s2c_error **err)
{
	struct s2c_engine_runtime *rt;
	struct s2c_engine *engine = opts->opened;

	if (!engine && !opts->engine)
		return s2c_fail(err, S2C_EINVAL, "the engine's socket was not named");
	if (!engine &&
		s2c_engine_open(ctx, opts->engine, opts->engine_name, &engine, err) < 0)
		return -1;
	rt = xcalloc(1, sizeof(*rt));
	rt->base.ops = &s2c_runtime_engine;
	rt->engine = engine;
	rt->own_engine = !opts->opened;
	rt->ctx = ctx;
	rt->store = opts->store;
	rt->look_uid = opts->look_uid;
	rt->build = s2c_fs_random_name("build");
	*out = &rt->base;
	return 0;
}

/* A run may have shown the file before it was removed. */
static int read_kept(
	const struct s2c_engine_kept *kept, struct s2c_buf *buf, struct s2c_error **err)
{
	if (!kept->there)
		return s2c_fail(
			err, S2C_ENOENT, "there is no '%s' in the container", kept->path);
	if (kept->too_large || kept->text.len > buf->max - buf->len)
		return s2c_fail(err, S2C_ELIMIT,
			"'%s' in the container is larger than %zu bytes", kept->path,
			buf->max);
	return s2c_buf_add(buf, kept->text.data, kept->text.len, err);
}

static int engine_read_file(struct s2c_container *container, const char *path,
	struct s2c_buf *buf, struct s2c_error **err)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);

	if (c->kept.taken && streq(c->kept.path, path))
		return read_kept(&c->kept, buf, err);
	return s2c_engine_read_file(c->runtime->ctx, &c->files, path, buf, err);
}

static int engine_copy_out(struct s2c_ctx *ctx, struct s2c_container *container,
	const char *path, struct s2c_writer *out, struct s2c_error **err)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);

	return s2c_engine_get_tar(ctx, &c->files, path, out, err);
}

static bool engine_has_program(struct s2c_container *container, const char *path)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);

	return s2c_engine_is_program(c->runtime->ctx, c, path);
}

static bool engine_is_dir(struct s2c_container *container, const char *path)
{
	struct s2c_engine_container *c = s2c_engine_container_of(container);
	CLEAN_ENGINE_STAT struct s2c_engine_stat st = {.kind = S2C_ENGINE_MISSING};
	CLEAN_ERROR struct s2c_error *ignored = NULL;

	return s2c_engine_stat(c->runtime->ctx, &c->files, path, &st, &ignored) == 0 &&
	       st.kind == S2C_ENGINE_DIR;
}

/* A gate of somebody else makes the container's user the owner of all. */
static struct s2c_runtime_traits engine_traits(const struct s2c_runtime *runtime)
{
	const struct s2c_engine_runtime *rt = (const struct s2c_engine_runtime *)runtime;

	return (struct s2c_runtime_traits){
		.owners = rt->engine->own_gate || !rt->engine->gate};
}

const struct s2c_runtime_ops s2c_runtime_engine = {
	.name = "engine",
	.open = engine_open,
	.close = engine_close,
	.read_image_file = s2c_engine_rt_read_image_file,
	.create = s2c_engine_rt_create,
	.copy_in = s2c_engine_rt_copy_in,
	.read_file = engine_read_file,
	.copy_out = engine_copy_out,
	.has_program = engine_has_program,
	.is_dir = engine_is_dir,
	.traits = engine_traits,
	.run = s2c_engine_rt_run,
	.commit = s2c_engine_rt_commit,
	.destroy = s2c_engine_rt_destroy,
};
