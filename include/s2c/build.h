/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main job: application source + builder image -> runnable image.
 */
#ifndef S2C_BUILD_H
#define S2C_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include <s2c/image.h>

enum s2c_pull_policy { S2C_PULL_IF_NOT_PRESENT, S2C_PULL_ALWAYS, S2C_PULL_NEVER };

/* Everything a user can ask of a build. Strings are borrowed; NULL or 0: the default. */
struct s2c_build_options {
	const char *source;
	const char *builder;
	const char *tag;
	const char *const *tags; /* more names, NULL-terminated; may be NULL */

	const char *ref;
	const char *context_dir;
	bool ignore_submodules; /* of git: leave their directories empty */
	bool git_credentials;	/* of git: ask the user's credential helpers and .netrc */
	bool copy; /* a local repository as it is; then `ref` makes no sense */
	const char *exclude;

	const char *const *env;	      /* "NAME=VALUE", NULL-terminated; may be NULL */
	const char *const *env_files; /* -E, NULL-terminated; may be NULL */

	const char *const *build_env; /* "NAME=VALUE", for assemble alone */

	/* What the build is given besides; forms are in docs/build.md. NULL-terminated. */
	const char *const *volumes;	 /* "HOST:PATH[:ro]" */
	const char *const *injections;	 /* "SRC:DST[;SRC:DST...]" */
	const char *const *secrets;	 /* "id=NAME,src=FILE", "id=NAME,env=VARIABLE" */
	const char *ssh;		 /* "default", or the socket of an agent */
	const char *const *cache_mounts; /* "ID:PATH" */
	bool no_cache_mounts;		 /* nor those that the builder image asks for */
	const char *const *add_hosts;	 /* "NAME:ADDRESS" */
	const char *const *cap_drops;	 /* names; all are dropped in any case */

	const char *scripts_url;
	const char *destination;
	const char *assemble_user;
	const char *allowed_uids;

	enum s2c_pull_policy pull_policy;
	/*
	 * Whether save-artifacts of the image that the tag means so far is run and what it
	 * saves is given to assemble; when that image is pulled; and whether it is removed
	 * once there is a new one.
	 */
	bool incremental, remove_previous;
	enum s2c_pull_policy incremental_pull_policy;

	/*
	 * Another image than the builder's that the result stands on, when it is pulled,
	 * what of the build goes into it ("SRC[:DST];...", NULL-terminated), and who runs
	 * assemble-runtime there.
	 */
	const char *runtime_image;
	enum s2c_pull_policy runtime_pull_policy;
	const char *const *runtime_artifacts;
	const char *assemble_runtime_user;
	const char *oci_runtime;
	/*
	 * A container engine that builds instead of s2c itself: "docker", "podman",
	 * "unix:///path", "tcp://host:port", or "gate" and "gate:///path" for a gate
	 * before one. Its images are the ones that are built from, named and pushed.
	 */
	const char *engine;
	/* For "tcp://host:port": TLS, its CA, and who s2c is; PEM files, NULL: as docker. */
	bool engine_tls;
	const char *engine_ca, *engine_cert, *engine_key;
	const char *push_with; /* "engine" (the default where there is one) or "s2c" */
	const char *network; /* "isolated", "none", "host"; NULL: isolated where it works */
	const char *memory, *cpus;
	unsigned pids_limit;
	unsigned timeout;	 /* seconds for the whole build */
	const char *const *phase_timeouts; /* "PHASE=SECONDS", NULL-terminated or NULL */
	const char *ca_bundle;	 /* file, or "host" */
	bool keep_failed;	 /* what a failed assemble left, for s2c_shell_last() */
	bool save_temp_dir;	 /* keep the work directory, and say where it is */
	bool keep_build_files;	 /* leave <destination>/src and scripts in the image */

	const char *compression; /* of the new layer: "gzip", "zstd:9"; NULL: gzip */
	const char *const *outputs; /* "oci:...", "docker-archive:...", "registry" */
	bool push;		    /* as output "registry" */
	struct s2c_remote_options remote;
	const char *chunk_size;	 /* see struct s2c_push_options */

	/* What the image says of itself. */
	const char *const *labels;	/* "KEY=VALUE", NULL-terminated; may be NULL */
	const char *const *annotations; /* of the manifest; the same form */
	const char *application_name;	/* label io.k8s.display-name; NULL: the tag */
	const char *description;	/* label io.k8s.description */
	const char *platform;		/* of the builder image: "linux/arm64" */

	/*
	 * Gets {"labels":{...},"success":true} by POST when the build is over, however it
	 * ended; http or https. What comes of that changes nothing but a warning.
	 */
	const char *callback_url;

	/*
	 * Of the image that is built again: its Env, of which what its builder has not is
	 * kept; its USER, who runs assemble if its builder's USER must not; and whether
	 * scripts_url comes from its labels, so that it may be no place of this host.
	 */
	const char *const *kept_env;
	const char *kept_user;
	bool scripts_url_of_image;

	int stdin_fd; /* for source "-" */

	/* Of s2c_build_as_dockerfile(): where scripts are that an image has not told. */
	const char *image_scripts_url;
};
#define S2C_BUILD_OPTIONS_INIT                                                           \
	{                                                                                \
		.stdin_fd = 0                                                            \
	}

struct s2c_build_result {
	char image_id[136];	     /* config digest */
	char digest[136];	     /* manifest digest */
	char name[513];		     /* full reference, or "" */
	char *pushed;		     /* lines "ref@digest" when pushed, or NULL; owned */
	char *metadata;		     /* JSON for --metadata-file; owned */
};
void s2c_build_result_release(struct s2c_build_result *result);

/* Whether the options make sense whatever the images say. S2C_EINVAL and the like. */
int s2c_build_check(const struct s2c_build_options *options, struct s2c_error **err);

/* Runs the build. S2C_ECHILD: a script failed, s2c_error_status() is its exit status. */
int s2c_build_run(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, struct s2c_build_result *out,
	struct s2c_error **err);

/*
 * Building an image again: what it was built from, by its labels, as options of a build.
 * Labels are the word of whoever made the image: what looks like an option, has control
 * characters or leads to files of this host is refused with S2C_EDENIED.
 */
struct s2c_rebuild_options {
	const char *image;	 /* a name or id, as for s2c_images_inspect() */
	bool allow_local_source; /* its source may be a path of this host */
};
struct s2c_rebuild;

/*
 * What is set in `given` wins: source, builder, tag (else the image's name) and so on; it
 * is borrowed until *out is freed. S2C_EINVAL for an image that says too little.
 */
int s2c_rebuild_prepare(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_rebuild_options *options, const struct s2c_build_options *given,
	struct s2c_rebuild **out, struct s2c_error **err);
/* For s2c_build_run() or s2c_build_plan(). Borrowed. */
const struct s2c_build_options *s2c_rebuild_build_options(
	const struct s2c_rebuild *rebuild);
void s2c_rebuild_free(struct s2c_rebuild *rebuild);

/*
 * Runs the usage script of options->builder as its assemble user, found where a build
 * without source finds scripts, in a container that nothing is kept of. Its standard
 * output goes to fd_out. S2C_ECHILD: it failed, s2c_error_status() is its exit status.
 */
int s2c_builder_usage(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, int fd_out, struct s2c_error **err);

/*
 * The plan without acting on it: a JSON document of what would be done with which values
 * and where they come from. Reads the source and, when it is there, the builder image.
 * Caller frees *out_json.
 */
int s2c_build_plan(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, char **out_json, struct s2c_error **err);

/*
 * Writes the build down as a Dockerfile at `path` ("dir/" for dir/Dockerfile) with its
 * context beside it, for docker or podman to build; carries nothing out. Without
 * options->source any source is meant, which goes to "upload/src". Of the builder image
 * only its labels are looked at: in the store or engine, else at its registry, else the
 * usual ones are taken with a warning. *out_path is the file; caller frees.
 */
int s2c_build_as_dockerfile(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, const char *path, char **out_path,
	struct s2c_error **err);

/*
 * Builds a Dockerfile of the kind that s2c_build_as_dockerfile() writes; which
 * instructions those are is in docs/s2i.md. Of the options those for a builder image and
 * a source mean nothing; an engine is S2C_EUNSUPPORTED. The errors name the line:
 * S2C_EINVAL for what is wrong, S2C_EUNSUPPORTED (with the remedy) for what docker has
 * and this has not, S2C_EDENIED for a user that allowed_uids has not, S2C_ECHILD for a
 * RUN that failed, with its status.
 */
struct s2c_dockerfile_options {
	const char *context;		/* a directory, which COPY takes files of */
	const char *file;		/* NULL: "Dockerfile" in the context */
	const char *const *build_args;	/* "NAME=VALUE", or "NAME" of the environment */
};
int s2c_dockerfile_build(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options,
	const struct s2c_dockerfile_options *what, struct s2c_build_result *out,
	struct s2c_error **err);

#endif
