/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result of a build: what changed becomes an image, which gets its names and goes
 * where it was asked for.
 */
#include "build/job.h"

#include "build/finish.h"
#include "build/labels.h"
#include "build/remote.h"

static int check_push_to(struct s2c_build_job *job, const struct s2c_reference *name,
	struct s2c_error **err)
{
	struct s2c_registry_opts opts = s2c_build_registry(job);
	char text[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(name, text);
	if (job->home->ops->may_push(job->ctx, job->home, name, &opts, err))
		return s2c_wrap(err, "push to '%s'", text);
	return 0;
}

/* Once for each repository. */
int s2c_build_check_push(struct s2c_build_job *job, struct s2c_error **err)
{
	const struct s2c_plan *plan = job->plan;

	for (size_t i = 0; plan->push && i < plan->n_names; i++) {
		bool asked = !*plan->names[i].registry;

		for (size_t k = 0; k < i; k++)
			asked = asked ||
				s2c_remote_same(&plan->names[k], &plan->names[i]);
		if (!asked && check_push_to(job, &plan->names[i], err))
			return -1;
	}
	return 0;
}

/* Labels that the script left behind, read inside the container's root. */
static int merge_metadata(struct s2c_build_job *job, struct s2c_error **err)
{
	const struct s2c_plan *plan = s2c_build_last_plan(job);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_IMAGE_METADATA_MAX);
	CLEAN_ERROR struct s2c_error *failure = NULL;

	if (s2c_container_read_file(s2c_build_last_container(job),
		    S2C_IMAGE_METADATA_PATH, &text, &failure)) {
		if (s2c_error_code(failure) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &failure);
		return s2c_wrap(err, "'%s' of the build", S2C_IMAGE_METADATA_PATH);
	}
	if (s2c_labels_merge_metadata(plan->config, s2c_buf_str(&text), text.len, err))
		return -1;
	return s2c_labels_check(plan->config, err);
}

int s2c_build_commit(struct s2c_build_job *job, struct s2c_error **err)
{
	const struct s2c_plan *plan = s2c_build_last_plan(job);
	const char *run = plan->run.len ? plan->run.items[0] : NULL;
	char created[S2C_TIME_TEXT];
	CLEAN_FREE char *by = s2c_build_created_by(job);
	struct s2c_commit_opts opts = {
		.config = plan->config,
		.excludes = &plan->excludes,
		.annotations = plan->annotations,
		.compression = plan->compression,
		.level = plan->compression_level,
		.created = created,
		.created_by = by,
		.forbidden = job->mounts.needles,
		.keep_tree = job->options->incremental,
	};

	if (run && !s2c_container_has_program(s2c_build_last_container(job), run))
		s2c_emit_log(job->ctx, S2C_WARN,
			"the image's command '%s' is no executable file in it", run);
	if (s2c_creation_time(created, &opts.newest, err) || merge_metadata(job, err))
		return -1;
	s2c_config_set_created(plan->config, created);
	if (plan->has_tag && !job->before)
		job->before = job->home->ops->before(job->home, &plan->tag);
	opts.before = job->before;
	return s2c_container_commit(
		job->ctx, s2c_build_last_container(job), &opts, &job->commit, err);
}

/* With --rm; that it cannot be done is no reason to lose what was built. */
static void remove_previous(struct s2c_build_job *job)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (!job->options->remove_previous || !job->replaces ||
		streq(s2c_image_id(job->before)->str, job->result.image_id))
		return;
	/* An image in use cannot be removed. */
	s2c_container_destroy(TAKE(job->extension.container));
	s2c_container_destroy(TAKE(job->container));
	s2c_runtime_close(TAKE(job->runtime));
	if (job->home->ops->drop(job->ctx, job->home, job->before, &cause))
		s2c_emit_log(job->ctx, S2C_WARN,
			"the previous image was not removed (--rm): %s",
			s2c_error_message(cause));
}

int s2c_build_finish(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_finish opts = {
		.options = job->options,
		.plan = s2c_build_last_plan(job),
		.facts = &job->facts,
		.commit = &job->commit,
		.before = job->before,
		.registry = s2c_build_registry(job),
		.chunk_size = job->options->chunk_size,
		.timings = job->timings,
	};

	if (s2c_finish_build(job->ctx, job->home, &opts, &job->result, err))
		return -1;
	remove_previous(job);
	return 0;
}
