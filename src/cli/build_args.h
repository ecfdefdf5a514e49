/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands that build have in common: build, rebuild and usage parse into one
 * struct, by one table.
 */
#ifndef S2C_CLI_BUILD_ARGS_H
#define S2C_CLI_BUILD_ARGS_H

#include <s2c/build.h>
#include <s2c/s2ifile.h>

#include "cli/remote.h"

struct s2c_build_args {
	struct s2c_build_options o;
	struct s2c_strv env, env_files, build_env, outputs, tags;
	struct s2c_strv volumes, injections, secrets, cache_mounts, add_hosts, cap_drops;
	struct s2c_strv labels, annotations;
	const char *pull_policy, *incremental_pull_policy, *runtime_pull_policy;
	struct s2c_strv runtime_artifacts;
	const char *iidfile, *digest_file, *metadata_file;
	struct s2c_remote_args remote;
	bool dry_run;
	/* Of S2I, and without effect: it is always so. */
	bool keep_symlinks;
	/* And these of usage, where there is nothing that they could be about. */
	bool unused;
	const char *unused_text;
	struct s2c_strv timeouts;
	bool run;
	/* Of build alone. */
	bool use_config;
	struct s2c_s2ifile *stored; /* what .s2ifile said; NULL: it was not read */
	const char *as_dockerfile;
	/* Of rebuild. */
	struct s2c_rebuild_options again;
	const char *again_source, *again_builder;
};

/* The options of s2c build, for a struct s2c_build_args. */
extern const struct s2c_option s2c_build_option_table[];

/* Copies the rows of these names to `out`, which has room for n and stays zeroed behind.
 */
void s2c_build_options_named(const char *const *names, size_t n, struct s2c_option *out);

/*
 * Brings what was parsed into args->o, but for source, builder and tag, and warns of
 * names of options that are no longer to be used.
 */
S2C_CHECK int s2c_build_args_settle(struct s2c_call *call, struct s2c_error **err);

/*
 * Builds with these options, or prints the plan, as the arguments of the call say, and
 * writes the records they ask for. The status of a command.
 */
S2C_CHECK int s2c_build_perform(
	struct s2c_call *call, const struct s2c_build_options *o, struct s2c_error **err);

/* Writes the files of --iidfile, --digest-file and --metadata-file. */
S2C_CHECK int s2c_build_record(const struct s2c_build_args *args,
	const struct s2c_build_result *result, struct s2c_error **err);

/*
 * --use-config: takes from .s2ifile what was not given, source, builder image and tag
 * among the operands. A file that is missing is none; S2C_EINVAL for flags that s2c does
 * not know.
 */
S2C_CHECK int s2c_s2ifile_restore(struct s2c_call *call, struct s2c_error **err);
/* Writes what was given and restored; that it cannot be done is a warning. */
void s2c_s2ifile_keep(struct s2c_call *call);

#endif
