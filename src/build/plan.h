/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a build: every decision with its value and where the value comes from, made
 * before anything runs and not changed afterwards. Pure, printable as JSON (--dry-run).
 */
#ifndef S2C_BUILD_PLAN_H
#define S2C_BUILD_PLAN_H

#include <s2c/build.h>
#include <s2c/reference.h>

#include "build/mount_spec.h"
#include "build/scripts.h"
#include "image/passwd.h"
#include "policy/policy.h"
#include "store/archive.h"

#define S2C_OUTPUTS_MAX 16
#define S2C_NAMES_MAX 100 /* of one image */

/* The text of a file given with -E. */
struct s2c_plan_file {
	const char *name; /* for messages */
	const char *text;
	size_t len;
};

/* What was found out about the outside before planning. All borrowed. */
struct s2c_plan_facts {
	const struct s2c_config *builder; /* config of the builder image */
	const char *builder_name;         /* full reference, as resolved */
	const char *builder_digest;       /* manifest digest */
	/* `builder` and what belongs to it are a runtime image's; the name is not. */
	bool is_runtime;
	/* All options, where those of the plan are of a part; NULL: they are the same. */
	const struct s2c_build_options *asked;
	const struct s2c_source_info *source;
	const char *source_kind;
	const char *source_env; /* text of .s2i/environment, or NULL */
	size_t source_env_len;
	const struct s2c_scripts *scripts;
	bool run_triggers; /* ONBUILD of the builder image is what the build does */
	const char *passwd, *group;            /* of the builder image; NULL: none */
	const struct s2c_plan_file *env_files; /* of -E, in order */
	size_t n_env_files;
	/* Variables for assemble alone, never for the image: CA bundle, proxies. */
	const struct s2c_strv *host_env;
	const struct s2c_mount_specs *mounts; /* for the printed plan; NULL: none */
};

struct s2c_plan {
	struct s2c_reference tag; /* names[0] */
	bool has_tag;
	struct s2c_reference *names;
	size_t n_names;
	struct s2c_user user;      /* of assemble */
	const char *user_origin;   /* static string */
	char *user_spec;           /* as it was given */
	char *previous;            /* image whose artifacts are asked for; NULL: none */
	char *image_user;          /* USER of the result */
	char *destination;         /* absolute */
	char *workdir;             /* cwd of assemble */
	struct s2c_strv assemble;  /* argv */
	struct s2c_strv run;       /* Cmd of the result */
	struct s2c_strv env;       /* S2I variables: they stay in the image */
	struct s2c_strv build_env; /* whole environment of assemble */
	struct s2c_strv not_kept;  /* names of the image that is built again, which the
				      builder image has with other values */
	struct s2c_strv only_env;  /* of these, what assemble alone gets */
	struct s2c_strv excludes;  /* paths that never enter the layer */
	enum s2c_network network;
	bool network_asked;
	struct s2c_limits limits;
	struct s2c_config *config;    /* of the result, without the new layer */
	struct s2c_json *annotations; /* of its manifest; NULL: none */
	struct s2c_archive_spec outputs[S2C_OUTPUTS_MAX];
	size_t n_outputs;
	/* ONBUILD of the builder image: then there is neither `assemble` nor `run`. */
	struct s2c_strv triggers;
	bool push;
	enum s2c_compression compression; /* of the layer */
	int compression_level;            /* 0: the method's default */
};

/*
 * The part of the plan that needs no facts, so that a wrong option is found before
 * anything is read: tag, limits, network, outputs,
 * compression. *plan must be zeroed.
 */
S2C_CHECK int s2c_plan_check_options(const struct s2c_build_options *options,
	struct s2c_plan *plan, struct s2c_error **err);

/*
 * Decides everything. S2C_EINVAL for options that make no sense, S2C_EDENIED for a user
 * that is not allowed, each naming the option or label at fault.
 */
S2C_CHECK int s2c_plan_make(const struct s2c_build_options *options,
	const struct s2c_plan_facts *facts, struct s2c_plan **out,
	struct s2c_error **err);
void s2c_plan_free(struct s2c_plan *plan);
S2C_DEFINE_CLEAN(plan, struct s2c_plan *, s2c_plan_free)

/*
 * The plan as JSON, with origins. Of variables for assemble alone only the names are
 * printed, since proxies carry passwords. Caller frees.
 */
char *s2c_plan_json(const struct s2c_plan *plan, const struct s2c_plan_facts *facts);

#endif
