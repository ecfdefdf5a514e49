/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container engine as the home of a build's images. It pulls and pushes by itself, with
 * the credentials that s2c finds for it; what it cannot do (OCI layouts, our own way of
 * pushing) is done with a copy of the image in a store of its own.
 */
#include "build/home.h"

#include <fcntl.h>
#include <stdio.h>

#include "build/engine_gate.h"
#include "build/finish.h"
#include "registry/engine_auth.h"
#include "runtime/engine.h"
#include "store/work.h"
#include "util/fs.h"

#define COPY_FILE "image.tar"
#define COPY_STORE "store"

struct engine_home {
	struct s2c_home base;
	struct s2c_engine *engine;
	struct s2c_store *store; /* borrowed */
	bool push_with_s2c;
	/* A copy of the result, made when first needed. */
	struct s2c_work *work;
	struct s2c_store *copy_store;
	struct s2c_image *copy;
};

static struct engine_home *engine_of(struct s2c_home *home)
{
	return (struct engine_home *)home;
}

/* ---- find and pull ---- */

static enum s2c_found engine_find(struct s2c_ctx *ctx, struct s2c_home *home,
	const char *name, struct s2c_image **out, struct s2c_error **why,
	struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;
	char full[S2C_REFERENCE_MAX + 1];
	struct s2c_reference ref;

	/* With its tag, as labels and messages name it. An id is no reference. */
	if (strlen(name) < sizeof(full) && s2c_reference_parse(name, &ref, NULL) == 0 &&
		!starts_with(name, "sha256:")) {
		s2c_reference_format(&ref, full);
		name = full;
	}
	if (s2c_engine_image(ctx, engine_of(home)->engine, name, out, &failure) == 0)
		return S2C_FOUND;
	if (s2c_error_code(failure) == S2C_ENOENT)
		return S2C_ABSENT;
	s2c_error_move(err, &failure);
	return S2C_FIND_FAILED;
}

static int engine_pull(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_reference *ref, const struct s2c_pull_opts *how,
	struct s2c_image **out, struct s2c_error **err)
{
	struct s2c_engine *engine = engine_of(home)->engine;
	CLEAN(s2c_clean_secret) char *auth = NULL;
	char name[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(ref, name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "pull", name);
	if (s2c_engine_auth_find(ctx, how->registry->authfile, ref, &auth, err) ||
		s2c_engine_pull(ctx, engine, ref, auth, err))
		return s2c_wrap(err, "pull '%s'", name);
	return s2c_engine_image(ctx, engine, name, out, err);
}

static struct s2c_image *engine_before(
	struct s2c_home *home, const struct s2c_reference *ref)
{
	return NULL;
}

/* ---- the result ---- */

static int engine_made(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_finish *finish, struct s2c_image **out, struct s2c_error **err)
{
	return s2c_engine_image(
		ctx, engine_of(home)->engine, finish->commit->id.str, out, err);
}

static int engine_name(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, const struct s2c_reference *names, size_t n_names,
	struct s2c_error **err)
{
	for (size_t i = 0; i < n_names; i++)
		if (s2c_engine_tag(ctx, engine_of(home)->engine, s2c_image_id(image)->str,
			    &names[i], err))
			return s2c_wrap(err,
				"the image is in the engine as '%s', but not under all "
				"its names",
				s2c_image_id(image)->str);
	return 0;
}

static int engine_drop(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, struct s2c_error **err)
{
	return s2c_engine_remove_image(
		ctx, engine_of(home)->engine, s2c_image_id(image)->str, err);
}

static int write_copy(struct s2c_ctx *ctx, const struct engine_home *home,
	const struct s2c_image *image, struct s2c_error **err)
{
	CLEAN_WRITER struct s2c_writer *out = NULL;
	int fd;

	if (s2c_fs_open(s2c_work_fd(home->work), COPY_FILE, O_WRONLY | O_CREAT | O_EXCL,
		    0600, &fd, err))
		return -1;
	out = s2c_writer_fd(fd, true);
	if (s2c_engine_save(ctx, home->engine, s2c_image_id(image)->str, out, err))
		return -1;
	return s2c_finish(out, err);
}

static int load_copy(
	struct s2c_ctx *ctx, struct engine_home *home, struct s2c_error **err)
{
	CLEAN_FREE char *root = xasprintf("%s/" COPY_STORE, s2c_work_path(home->work));
	CLEAN_FREE char *file = xasprintf("%s/" COPY_FILE, s2c_work_path(home->work));
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	struct s2c_archive_spec spec = {.kind = S2C_ARCHIVE_DOCKER, .path = file};

	if (s2c_store_open(ctx, root, &home->copy_store, err) ||
		s2c_archive_load(ctx, home->copy_store, &spec, &names, err))
		return -1;
	if (!names.len)
		return s2c_fail(err, S2C_EPROTO, "the engine saved an empty archive");
	if (s2c_store_find(home->copy_store, names.items[0], &desc, NULL, err))
		return -1;
	return s2c_image_load(home->copy_store, &desc, &home->copy, err);
}

static int make_copy(struct s2c_ctx *ctx, struct engine_home *home,
	const struct s2c_image *image, struct s2c_error **err)
{
	if (home->copy)
		return 0;
	if (s2c_work_create(home->store, "copy", &home->work, err) ||
		write_copy(ctx, home, image, err) || load_copy(ctx, home, err))
		return s2c_wrap(
			err, "image '%s' of the engine", s2c_image_id(image)->str);
	(void)snprintf(home->copy->name, sizeof(home->copy->name), "%s", image->name);
	return 0;
}

static int engine_save(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, const struct s2c_archive_spec *spec,
	struct s2c_error **err)
{
	struct engine_home *own = engine_of(home);

	if (make_copy(ctx, own, image, err))
		return -1;
	return s2c_archive_save(ctx, own->copy_store, own->copy, spec, err);
}

/* ---- push ---- */

static int engine_may_push(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_reference *ref, const struct s2c_registry_opts *registry,
	struct s2c_error **err)
{
	/* What the engine may do, it knows alone. */
	return engine_of(home)->push_with_s2c
		       ? s2c_registry_may_push(ctx, ref, registry, err)
		       : 0;
}

static int push_one(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_reference *ref, const struct s2c_registry_opts *registry,
	struct s2c_strv *pushed, struct s2c_error **err)
{
	CLEAN(s2c_clean_secret) char *auth = NULL;
	char name[S2C_REFERENCE_MAX + 1];
	struct s2c_digest digest;

	s2c_reference_format(ref, name);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(ctx, "push", name);
	if (s2c_engine_auth_find(ctx, registry->authfile, ref, &auth, err) ||
		s2c_engine_push(ctx, engine, ref, auth, &digest, err))
		return s2c_wrap(err, "push '%s'", name);
	s2c_reference_name(ref, name);
	CLEAN_FREE char *line = xasprintf("%s@%s", name, digest.str);
	/* Tags of one repository have one digest. */
	if (s2c_strv_find(pushed, line) < 0)
		s2c_strv_add(pushed, line);
	return 0;
}

static int engine_push(struct s2c_ctx *ctx, struct s2c_home *home,
	const struct s2c_image *image, const struct s2c_remote_push *push,
	struct s2c_strv *pushed, struct s2c_error **err)
{
	struct engine_home *own = engine_of(home);
	struct s2c_remote_push how = *push;

	if (own->push_with_s2c) {
		if (make_copy(ctx, own, image, err))
			return -1;
		how.desc = &own->copy->desc;
		how.compression = how.compression ? how.compression : "gzip";
		return s2c_remote_push(ctx, own->copy_store, &how, pushed, err);
	}
	for (size_t i = 0; i < push->n_names; i++)
		if (push_one(ctx, own->engine, &push->names[i], push->registry, pushed,
			    err))
			return -1;
	return 0;
}

static void engine_close(struct s2c_home *home)
{
	struct engine_home *own = engine_of(home);

	s2c_image_free(own->copy);
	s2c_store_close(own->copy_store);
	s2c_work_free(own->work);
	s2c_engine_close(own->engine);
	free(own);
}

struct s2c_engine *s2c_home_engine_of(struct s2c_home *home)
{
	return engine_of(home)->engine;
}

int s2c_home_engine(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_engine_gate *gate, bool push_with_s2c, struct s2c_home **out,
	struct s2c_error **err)
{
	static const struct s2c_home_ops ops = {
		.where = "in the engine",
		.digest_comes_from_push = true,
		.find = engine_find,
		.pull = engine_pull,
		.before = engine_before,
		.made = engine_made,
		.name = engine_name,
		.drop = engine_drop,
		.save = engine_save,
		.may_push = engine_may_push,
		.push = engine_push,
		.close = engine_close,
	};
	struct s2c_engine *engine;
	struct engine_home *home;
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_engine_open(ctx, s2c_engine_gate_socket(gate), s2c_engine_gate_name(gate),
		    &engine, &cause)) {
		/* A gate that could not start knows better. */
		if (s2c_engine_gate_await(ctx, gate, err) == 0)
			s2c_error_move(err, &cause);
		return -1;
	}
	home = xcalloc(1, sizeof(*home));
	home->base.ops = &ops;
	home->engine = engine;
	home->store = store;
	home->push_with_s2c = push_with_s2c;
	*out = &home->base;
	return 0;
}
