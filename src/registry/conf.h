/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which registries are asked for an image: containers-registries.conf(5), version 2, as
 * podman and its relatives read it. Parsing and merging are pure; s2c_conf_load() knows
 * the files. Where it would be guessed what a name means, it is not guessed:
 * unqualified-search-registries and short-name-mode are ignored, a short name is what
 * [aliases] says or nothing.
 */
#ifndef S2C_REGISTRY_CONF_H
#define S2C_REGISTRY_CONF_H

#include <stdbool.h>

#include <s2c/reference.h>

#include "util/ctx.h"
#include "util/strv.h"

#define S2C_CONF_REGISTRIES_MAX 1000 /* [[registry]] tables of all files */
#define S2C_CONF_ALIASES_MAX 20000
#define S2C_CONF_MIRRORS_MAX 32 /* mirrors of one of them, and on a command line */
#define S2C_CONF_FILES_MAX 256  /* files of one registries.conf.d */

/* A registry, or a namespace or repository of one. */
struct s2c_place {
	char *registry; /* "host[:port]"; with `subdomains` what stands behind "*." */
	char *path;     /* "a/b", or "" for all of the registry */
	char *rest;     /* of a prefix: ":tag" or "@digest", or "" for all of them */
	bool subdomains;
};

/*
 * Parses "HOST[:PORT][/PATH]"; a prefix may be "*.DOMAIN" or end in a tag or digest, too.
 * Names of Docker Hub become docker.io. Pure; S2C_EINVAL quotes the text.
 */
S2C_CHECK int s2c_place_parse(
	const char *text, bool prefix, struct s2c_place *out, struct s2c_error **err);
void s2c_place_release(struct s2c_place *place);

enum s2c_mirror_use { S2C_MIRROR_ALL, S2C_MIRROR_DIGESTS, S2C_MIRROR_TAGS };

struct s2c_mirror {
	struct s2c_place location;
	bool insecure;
	enum s2c_mirror_use use;
};

/* One [[registry]] table, or with `flag` one --registry-mirror. */
struct s2c_conf_registry {
	struct s2c_place prefix;
	struct s2c_place location; /* .registry NULL: the image's own name stays */
	bool insecure, blocked;
	struct s2c_mirror *mirrors;
	size_t n_mirrors;
	char *source; /* the file, for messages */
};

struct s2c_conf {
	struct s2c_conf_registry *registries;
	size_t n_registries;
	struct s2c_conf_registry
		*overrides; /* of --registry-mirror: prefix and mirrors */
	size_t n_overrides;
	struct s2c_strv aliases; /* "short/name=registry/repository" */
};

struct s2c_conf *s2c_conf_new(void);
void s2c_conf_free(struct s2c_conf *conf);
S2C_DEFINE_CLEAN(conf, struct s2c_conf *, s2c_conf_free)
#define CLEAN_CONF CLEAN(s2c_clean_conf)

/* What a file says and s2c does not follow, as sentences. */
struct s2c_conf_notes {
	struct s2c_strv ignored; /* on purpose */
	struct s2c_strv unknown; /* perhaps a slip of somebody's pen */
};
void s2c_conf_notes_release(struct s2c_conf_notes *notes);

/*
 * Puts one file on top of what is there: tables with the same prefix are replaced,
 * aliases too, and an empty alias erases. On failure `conf` is as before; errors name
 * what is wrong, not `source`.
 */
S2C_CHECK int s2c_conf_add(struct s2c_conf *conf, const char *text, size_t len,
	const char *source, struct s2c_conf_notes *notes, struct s2c_error **err);

/*
 * "REGISTRY[/PATH]=MIRROR[/PATH]" of --registry-mirror: pulls of what begins with the
 * left side try the right side first, in the order given, before configured mirrors.
 */
S2C_CHECK int s2c_conf_add_mirror(
	struct s2c_conf *conf, const char *spec, struct s2c_error **err);

/*
 * The full name of a short one (no registry), with its tag and digest; false: no alias.
 */
bool s2c_conf_alias(const struct s2c_conf *conf, const struct s2c_reference *name,
	struct s2c_reference *out);

/*
 * Reads the configuration: `file` (--registries-conf), else CONTAINERS_REGISTRIES_CONF;
 * one that is named is the only one and must be there. Else the user's file with the
 * user's drop-ins, else the system's file with its drop-ins and then the user's. Missing
 * files are no error, unreadable or wrong ones are. `mirrors` may be NULL.
 */
struct s2c_conf_opts {
	const char *file;
	const char *const *mirrors; /* --registry-mirror, NULL-terminated */
};
S2C_CHECK int s2c_conf_load(struct s2c_ctx *ctx, const struct s2c_conf_opts *opts,
	struct s2c_conf **out, struct s2c_error **err);

#endif
