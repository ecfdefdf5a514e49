/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container engine (dockerd, podman's service, or s2c's own gate before one of them) by
 * its HTTP API on a unix socket: what is asked of it besides running containers. Its
 * images live in the engine and not in s2c's store.
 *
 * One API version is used for everything, as low as the engine allows but at least 1.41:
 * what a field means depends on it.
 */
#ifndef S2C_RUNTIME_ENGINE_H
#define S2C_RUNTIME_ENGINE_H

#include <s2c/reference.h>

#include "store/image.h"

#define S2C_ENGINE_API_OLDEST 40      /* 1.40: older ones differ in defaults */
#define S2C_ENGINE_API_WANTED 41      /* 1.41 */
#define S2C_ENGINE_NAME_PREFIX "s2c-" /* of all containers that s2c makes */

struct s2c_engine;

/*
 * Connects to a socket and agrees on a version; S2C_EUNSUPPORTED says what is wrong.
 * `name` is how messages call the engine; NULL: by its socket. With a name what answers
 * is a gate of this build's own, whose words are then told as the engine's.
 */
S2C_CHECK int s2c_engine_open(struct s2c_ctx *ctx, const char *socket_path,
	const char *name, struct s2c_engine **out, struct s2c_error **err);
void s2c_engine_close(struct s2c_engine *engine);
S2C_DEFINE_CLEAN(engine, struct s2c_engine *, s2c_engine_close)
#define CLEAN_ENGINE CLEAN(s2c_clean_engine)

/*
 * An image that the engine has, by name or id, without its layers: the manifest names the
 * config alone, whose diff_ids are all there. `name` of the image is `name`. S2C_ENOENT.
 */
S2C_CHECK int s2c_engine_image(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const char *name, struct s2c_image **out, struct s2c_error **err);

/*
 * Adds to such an image what podman leaves out when it describes one: triggers, health
 * check and shell, out of its export; what was read once is known to the store. Nothing
 * to do for other engines. Behind a gate that is not the build's own it cannot be known,
 * which is a warning.
 */
S2C_CHECK int s2c_engine_complete(struct s2c_ctx *ctx, struct s2c_engine *engine,
	struct s2c_store *store, struct s2c_image *image, struct s2c_error **err);

/* `auth` is the value of X-Registry-Auth, a secret; NULL: anonymous. */
S2C_CHECK int s2c_engine_pull(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_reference *ref, const char *auth, struct s2c_error **err);
S2C_CHECK int s2c_engine_tag(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const char *image, const struct s2c_reference *ref, struct s2c_error **err);
/* out_digest: that of the manifest in the registry. */
S2C_CHECK int s2c_engine_push(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const struct s2c_reference *ref, const char *auth, struct s2c_digest *out_digest,
	struct s2c_error **err);
/* Writes an image as the archive of `docker save`. */
S2C_CHECK int s2c_engine_save(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const char *image, struct s2c_writer *out, struct s2c_error **err);
/* Removes a name, or an image that has none. */
S2C_CHECK int s2c_engine_remove_image(struct s2c_ctx *ctx, struct s2c_engine *engine,
	const char *image, struct s2c_error **err);

#endif
