/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image configuration: a document that keeps every field it does not know, with typed
 * access to those that s2c uses. OCI image-spec config.md; Docker's config is the same.
 */
#ifndef S2C_IMAGE_CONFIG_H
#define S2C_IMAGE_CONFIG_H

#include "codec/digest.h"
#include "codec/json.h"
#include "image/manifest.h"

#define S2C_CONFIG_MAX (4u * 1024 * 1024) /* bytes of a config */
#define S2C_CONFIG_ENV_MAX 4096           /* variables */
#define S2C_CONFIG_LABELS_MAX 4096
#define S2C_LABELS_BYTES_MAX 10240 /* S2I's cap on the sum of key and value bytes */

struct s2c_config {
	struct s2c_json *root; /* the whole document, owned */
	/* Read from root and kept in step by the setters below. */
	struct s2c_digest *diff_ids; /* lowest first */
	size_t n_diff_ids;
};

/*
 * Parses and validates the parts s2c reads: S2C_EPROTO or S2C_ELIMIT. Two keys that
 * differ by case only are refused where keys have a meaning; labels may differ so.
 */
S2C_CHECK int s2c_config_parse(
	const char *text, size_t len, struct s2c_config **out, struct s2c_error **err);
/* A minimal config for a platform, without layers and without a date. */
struct s2c_config *s2c_config_new(const struct s2c_platform *platform);
struct s2c_config *s2c_config_copy(const struct s2c_config *config);
void s2c_config_free(struct s2c_config *config);
S2C_DEFINE_CLEAN(config, struct s2c_config *, s2c_config_free)
#define CLEAN_CONFIG CLEAN(s2c_clean_config)

/* Bytes of the document; caller frees. */
char *s2c_config_print(const struct s2c_config *config);

/* Borrowed until the next change. "" when absent; an absent label is NULL. */
const char *s2c_config_user(const struct s2c_config *config);
const char *s2c_config_workdir(const struct s2c_config *config);
const char *s2c_config_label(const struct s2c_config *config, const char *key);
/* All labels, an object; NULL: none. */
const struct s2c_json *s2c_config_labels(const struct s2c_config *config);
const char *s2c_config_stop_signal(const struct s2c_config *config);
const char *s2c_config_created(const struct s2c_config *config);
void s2c_config_platform(const struct s2c_config *config, struct s2c_platform *out);
/* True if the two differ in times of creation at most, their own and those of history. */
bool s2c_config_same_but_times(const struct s2c_config *a, const struct s2c_config *b);
/* Appended copies. */
void s2c_config_env(const struct s2c_config *config, struct s2c_strv *out);
void s2c_config_entrypoint(const struct s2c_config *config, struct s2c_strv *out);
void s2c_config_cmd(const struct s2c_config *config, struct s2c_strv *out);
void s2c_config_volumes(const struct s2c_config *config, struct s2c_strv *out);

/*
 * Whether a bind of a container ("NAME:PATH:OPTIONS") is a volume without a name that an
 * engine made because the image declares one at PATH: podman lists those among the binds,
 * under 64 hexadecimal digits of its own.
 */
bool s2c_bind_is_volume_of(const struct s2c_strv *volumes, const char *bind);
/*
 * Whether a bind that an engine shows is one of those asked for ("FROM:TO:ro",
 * "FROM:TO:rw"): podman adds options of its own. The other one is for a member of
 * "Mounts".
 */
bool s2c_bind_is_one_of(const struct s2c_strv *binds, const char *bind);
bool s2c_mount_is_one_of(const struct s2c_strv *binds, const struct s2c_json *mount);
void s2c_config_exposed_ports(const struct s2c_config *config, struct s2c_strv *out);
void s2c_config_onbuild(const struct s2c_config *config, struct s2c_strv *out);

void s2c_config_set_user(struct s2c_config *config, const char *user);
void s2c_config_set_workdir(struct s2c_config *config, const char *workdir);
void s2c_config_set_label(struct s2c_config *config, const char *key, const char *value);
/* Each of "KEY=VALUE", later ones win. */
void s2c_config_set_labels(struct s2c_config *config, const struct s2c_strv *pairs);
void s2c_config_set_env(struct s2c_config *config, const char *assignment);
/* An empty vector removes the member. */
void s2c_config_set_entrypoint(struct s2c_config *config, const struct s2c_strv *argv);
void s2c_config_set_cmd(struct s2c_config *config, const struct s2c_strv *argv);
void s2c_config_add_port(struct s2c_config *config, const char *port);
void s2c_config_add_volume(struct s2c_config *config, const char *path);
void s2c_config_set_stop_signal(struct s2c_config *config, const char *signal);
/* The shell of shell forms ("SHELL"), an appended copy; nothing when absent. */
void s2c_config_shell(const struct s2c_config *config, struct s2c_strv *out);
void s2c_config_set_shell(struct s2c_config *config, const struct s2c_strv *argv);
void s2c_config_set_author(struct s2c_config *config, const char *author);

/* How an engine finds out whether a container is well; times in nanoseconds, 0: none. */
struct s2c_healthcheck {
	struct s2c_strv test; /* "NONE", or "CMD" or "CMD-SHELL" and what follows */
	int64_t interval, timeout, start_period, start_interval;
	int64_t retries;
};
void s2c_config_set_healthcheck(
	struct s2c_config *config, const struct s2c_healthcheck *check);
void s2c_config_set_created(struct s2c_config *config, const char *rfc3339);
/* Removes OnBuild: triggers are not inherited by an application image. */
void s2c_config_clear_onbuild(struct s2c_config *config);

/*
 * Adds a history entry and, unless diff_id is NULL (empty layer), the diffID. A base
 * whose history does not have one entry per layer (or none at all) ends without any
 * history: registries refuse images whose count does not match. The caller keeps to
 * S2C_LAYERS_MAX.
 */
struct s2c_history {
	const char *created; /* RFC 3339 */
	const char *created_by;
	const char *comment; /* may be NULL */
};
void s2c_config_add_layer(struct s2c_config *config, const struct s2c_digest *diff_id,
	const struct s2c_history *history);

/*
 * Applies one Dockerfile-like change: USER, WORKDIR, ENV K=V, LABEL K=V, CMD, ENTRYPOINT
 * (JSON array or shell form), EXPOSE, VOLUME, STOPSIGNAL. Values may be quoted as in a
 * shell; nothing is expanded. S2C_EINVAL names the change, and nothing is changed then.
 */
S2C_CHECK int s2c_config_change(
	struct s2c_config *config, const char *change, struct s2c_error **err);

#endif
