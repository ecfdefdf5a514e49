/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the images of a build live: in s2c's store, or in a container engine. What is
 * decided about images (pull policies, names, outputs, pushes) is decided once, in
 * resolve.c and finish.c; a home carries it out.
 */
#ifndef S2C_BUILD_HOME_H
#define S2C_BUILD_HOME_H

#include "build/remote.h"
#include "runtime/runtime.h"
#include "store/archive.h"

enum s2c_found {
	S2C_FOUND,
	S2C_ABSENT,
	S2C_BROKEN,      /* parts of it are missing: *why says which */
	S2C_FIND_FAILED, /* *err says why */
};

struct s2c_home;
struct s2c_finish;

struct s2c_home_ops {
	const char *where; /* "in the store" */
	/* Only a registry tells the digest of an image's manifest. */
	bool digest_comes_from_push;
	enum s2c_found (*find)(struct s2c_ctx *ctx, struct s2c_home *home,
		const char *name, struct s2c_image **out, struct s2c_error **why,
		struct s2c_error **err);
	S2C_CHECK int (*pull)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_reference *ref, const struct s2c_pull_opts *how,
		struct s2c_image **out, struct s2c_error **err);
	/* What a name means so far, to be compared with; NULL: nothing. */
	struct s2c_image *(*before)(
		struct s2c_home *home, const struct s2c_reference *ref);
	/* The image that is the result of the build. */
	S2C_CHECK int (*made)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_finish *finish, struct s2c_image **out,
		struct s2c_error **err);
	/* Gives it these names; with none it is kept under its id. */
	S2C_CHECK int (*name)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_image *image, const struct s2c_reference *names,
		size_t n_names, struct s2c_error **err);
	/* Removes an image that nothing names any more. */
	S2C_CHECK int (*drop)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_image *image, struct s2c_error **err);
	S2C_CHECK int (*save)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_image *image, const struct s2c_archive_spec *spec,
		struct s2c_error **err);
	/* S2C_EAUTH and the like when pushing to a name will not work. */
	S2C_CHECK int (*may_push)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_reference *ref, const struct s2c_registry_opts *registry,
		struct s2c_error **err);
	/* As s2c_remote_push(); push->desc is filled in here. */
	S2C_CHECK int (*push)(struct s2c_ctx *ctx, struct s2c_home *home,
		const struct s2c_image *image, const struct s2c_remote_push *push,
		struct s2c_strv *pushed, struct s2c_error **err);
	void (*close)(struct s2c_home *home);
};

struct s2c_home {
	const struct s2c_home_ops *ops;
};

static inline void s2c_home_close(struct s2c_home *home)
{
	if (home)
		home->ops->close(home);
}

struct s2c_home *s2c_home_store(struct s2c_store *store);

struct s2c_engine_gate;

/*
 * The engine behind the gate (build/engine_gate.h; borrowed). Images are exported and,
 * with push_with_s2c, pushed by way of a store of their own below `store`.
 */
S2C_CHECK int s2c_home_engine(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_engine_gate *gate, bool push_with_s2c, struct s2c_home **out,
	struct s2c_error **err);
/* The engine of such a home. Borrowed. */
struct s2c_engine *s2c_home_engine_of(struct s2c_home *home);

#endif
