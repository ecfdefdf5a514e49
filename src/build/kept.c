/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a failed container, and going back into it.
 */
#include "build/kept.h"

#include <stdio.h>
#include <unistd.h>

#include <s2c/run.h>

#include "build/finish.h"
#include "util/fs.h"

/* ---- keeping ---- */

/* It may have secrets that were for assemble alone, so only the user may read it. */
static int write_record(struct s2c_build_job *job, const struct s2c_commit_result *commit,
	struct s2c_error **err)
{
	CLEAN_JSON_SECRET struct s2c_json *root = s2c_json_new_object();
	CLEAN(s2c_clean_secret) char *text = NULL;

	s2c_json_set_str(root, "image", commit->desc.digest.str);
	s2c_json_set_str(root, "builder", job->builder->name);
	s2c_json_set_strv(root, "env", &job->plan->build_env);
	text = s2c_json_print(root, S2C_JSON_PRETTY);
	return s2c_fs_write_file(
		s2c_store_fd(job->store), S2C_KEPT_RECORD, text, strlen(text), 0600, err);
}

/* A shell is what it starts with, as the user and where assemble was. */
static struct s2c_config *config_of(const struct s2c_build_job *job)
{
	struct s2c_config *config = s2c_config_copy(job->plan->config);
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;
	CLEAN_FREE char *user = xasprintf(
		"%u:%u", job->plan->user.uid, job->plan->user.gid);

	s2c_config_set_entrypoint(config, &argv);
	s2c_strv_add(&argv, "/bin/sh");
	s2c_config_set_cmd(config, &argv);
	s2c_config_set_user(config, user);
	s2c_config_set_workdir(config, job->plan->workdir);
	return config;
}

static int keep(struct s2c_ctx *ctx, struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_CONFIG struct s2c_config *config = config_of(job);
	CLEAN_STRV struct s2c_strv none = S2C_STRV_INIT;
	CLEAN_DESCRIPTOR struct s2c_descriptor desc = {0};
	struct s2c_commit_result commit = {0};
	char created[S2C_TIME_TEXT];
	struct s2c_reference name;
	struct s2c_commit_opts opts = {
		.config = config,
		.excludes = &none,
		.compression = S2C_COMPRESS_ZSTD,
		.level = 1,
		.created = created,
		.created_by = "s2c build --keep-failed",
		.forbidden = job->mounts.needles,
	};

	if (s2c_creation_time(created, &opts.newest, err) ||
		s2c_container_commit(ctx, job->container, &opts, &commit, err))
		return -1;
	desc = commit.desc;
	if (s2c_reference_parse(S2C_KEPT_NAME, &name, err) ||
		s2c_store_tag(ctx, job->store, &name, &desc, err))
		return -1;
	return write_record(job, &commit, err);
}

void s2c_kept_make(struct s2c_build_job *job)
{
	/* The time of the build may be over. */
	CLEAN_CTX struct s2c_ctx *ctx = s2c_ctx_detached(job->ctx, S2C_KEPT_SECONDS);
	CLEAN_PHASE struct s2c_phase phase = s2c_phase_begin(
		ctx, "keep", job->options->builder);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (keep(ctx, job, &cause))
		s2c_emit_log(ctx, S2C_WARN, "the failed container is not kept: %s",
			s2c_error_message(cause));
	else
		s2c_emit_log(ctx, S2C_INFO,
			"the failed container is kept: 's2c shell --last' goes into it, "
			"'s2c prune' removes it");
}

/* ---- forgetting ---- */

int s2c_kept_drop(struct s2c_ctx *ctx, struct s2c_store *store, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	struct s2c_reference name;

	if (unlinkat(s2c_store_fd(store), S2C_KEPT_RECORD, 0) == 0) {
		if (s2c_reference_parse(S2C_KEPT_NAME, &name, err))
			return -1;
		/* Somebody may have removed it by its name. */
		if (s2c_store_untag(ctx, store, &name, &cause) &&
			s2c_error_code(cause) != S2C_ENOENT) {
			s2c_error_move(err, &cause);
			return -1;
		}
	}
	return s2c_work_drop_saved(store, err);
}

/* ---- going back ---- */

static int read_record(struct s2c_store *store, char **out_image, struct s2c_strv *env,
	struct s2c_error **err)
{
	CLEAN(s2c_buf_wipe) struct s2c_buf text = S2C_BUF_INIT(S2C_KEPT_RECORD_MAX);
	CLEAN_JSON_SECRET struct s2c_json *root = NULL;
	CLEAN_ERROR struct s2c_error *cause = NULL;
	const char *image = NULL, *hex;

	if (s2c_fs_read_file(s2c_store_fd(store), S2C_KEPT_RECORD, &text, &cause)) {
		if (s2c_error_code(cause) == S2C_ENOENT)
			return s2c_fail(err, S2C_ENOENT,
				"no failed build is kept: build with --keep-failed "
				"first");
		s2c_error_move(err, &cause);
		return -1;
	}
	if (s2c_json_parse(s2c_buf_str(&text), text.len, (struct s2c_json_limits){0},
		    &root, err) ||
		s2c_json_get_str(root, "image", S2C_REQUIRED, &image, err) ||
		s2c_json_get_strv(root, "env", S2C_REQUIRED, env, err))
		return s2c_wrap(err, "record '%s' of the store", S2C_KEPT_RECORD);
	hex = strchr(image, ':');
	*out_image = xstrdup(hex ? hex + 1 : image);
	return 0;
}

int s2c_shell_last(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_run_options *options, int *out_status, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_run_options own = *options;
	CLEAN_FREE char *image = NULL;

	if (read_record(store, &image, &env, err))
		return -1;
	/* There are always variables; PATH at least. */
	own.whole_env = (const char *const *)env.items;
	own.image = image;
	own.user = NULL;
	own.ports = NULL;
	return s2c_image_run(ctx, store, &own, out_status, err);
}
