/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main job: gather facts, make the plan, carry it out phase by phase. All that a
 * build owns hangs on struct s2c_build_job, which is released in one place however it
 * ends.
 */
#include <s2c/build.h>

#include <errno.h>

#include "build/callback.h"
#include "build/job.h"
#include "build/onbuild.h"
#include "util/clock.h"

/* --save-temp-dir, of which there is one for each build. */
static void save_work(struct s2c_build_job *job)
{
	CLEAN_ERROR struct s2c_error *cause = NULL;
	CLEAN_FREE char *path = NULL;

	if (s2c_work_save(job->store, job->work, &path, &cause))
		s2c_emit_log(job->ctx, S2C_WARN, "the work directory is not kept: %s",
			s2c_error_message(cause));
	else
		s2c_emit_log(job->ctx, S2C_INFO,
			"the work directory is kept: '%s'; 's2c prune' removes it", path);
}

#define CLEANUP_SECONDS 20

/* With it go the images below it that nobody names: those are of the same build. */
static void drop_step(const struct s2c_build_job *job)
{
	CLEAN_CTX struct s2c_ctx *own = s2c_ctx_detached(job->ctx, CLEANUP_SECONDS);
	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (job->home->ops->drop(own, job->home, job->step, &cause))
		s2c_emit_log(own, S2C_WARN, "an unfinished image may be left: %s",
			s2c_error_message(cause));
}

struct s2c_build_job s2c_build_job_new(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options)
{
	struct s2c_ctx *own = s2c_ctx_child(ctx, options->timeout);

	return (struct s2c_build_job){
		.ctx = own, .own = own, .store = store, .options = options};
}

void s2c_build_job_release(struct s2c_build_job *job)
{
	s2c_extension_release(&job->extension);
	s2c_container_destroy(job->container);
	s2c_plan_free(job->plan);
	s2c_scripts_release(&job->scripts);
	s2c_runtime_close(job->runtime);
	if (job->step && job->gate)
		drop_step(job);
	s2c_image_free(job->step);
	s2c_home_close(job->home);
	s2c_engine_gate_end(job->gate);
	s2c_ignore_free(job->ignore);
	s2c_source_free(job->source);
	if (job->work && job->keeps_work)
		save_work(job);
	s2c_work_free(job->work);
	s2c_image_free(job->builder);
	s2c_image_free(job->before);
	s2c_buf_release(&job->source_env);
	s2c_users_release(&job->users);
	for (size_t i = 0; i < job->n_env_files; i++)
		s2c_buf_release(&job->env_files[i]);
	free(job->ca_file);
	s2c_strv_release(&job->host_env);
	s2c_build_mounts_release(&job->mounts);
	s2c_descriptor_release(&job->commit.desc);
	s2c_json_free(job->timings);
	s2c_build_result_release(&job->result);
	free(job->dockerfile_path);
	s2c_engine_gate_close(job->gate);
	s2c_ctx_free(job->own);
}

/* ---- the phases ---- */

/* What of the options a phase works on, for people. */
static const char *subject(
	const struct s2c_build_job *job, const struct s2c_build_phase *phase)
{
	return phase->run == s2c_build_open_source ? job->options->source
						   : job->options->builder;
}

/* Phases that may have a time of their own, in order; those of finish.c at the end. */
static const char *const timed[] = {"resolve", "source", "prepare", "restore", "assemble",
	"extend", "commit", "export", "push"};

/* Reads "PHASE=SECONDS"; *out is the index of the phase. */
static int parse_timeout(
	const char *text, size_t *out, unsigned *out_seconds, struct s2c_error **err)
{
	CLEAN_FREE char *names = xstrdup("");
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : 0;
	unsigned long seconds = 0;
	char *end = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(timed); i++) {
		char *more = xasprintf("%s%s%s", names, i ? ", " : "", timed[i]);

		free(names);
		names = more;
	}
	for (*out = 0; *out < ARRAY_SIZE(timed); (*out)++)
		if (strlen(timed[*out]) == len && memcmp(timed[*out], text, len) == 0)
			break;
	if (*out == ARRAY_SIZE(timed))
		return s2c_fail(err, S2C_EINVAL,
			"--timeout '%s' is neither SECONDS nor PHASE=SECONDS with one of "
			"these phases: %s",
			text, names);
	errno = 0;
	if (value[1] >= '0' && value[1] <= '9')
		seconds = strtoul(value + 1, &end, 10);
	if (!end || *end || errno || seconds == 0 || seconds > S2C_TIMEOUT_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"--timeout '%s': the seconds must be a number from 1 to %u", text,
			S2C_TIMEOUT_MAX);
	*out_seconds = (unsigned)seconds;
	return 0;
}

int s2c_build_check_timeouts(const char *const *timeouts, struct s2c_error **err)
{
	unsigned seconds;
	size_t phase;

	for (size_t i = 0; timeouts && timeouts[i]; i++)
		if (parse_timeout(timeouts[i], &phase, &seconds, err))
			return -1;
	return 0;
}

void s2c_build_stage_begin(
	const struct s2c_build_options *options, struct s2c_ctx *ctx, const char *phase)
{
	const char *const *timeouts = options->phase_timeouts;
	unsigned found = 0, seconds;
	size_t which;

	/* The last one counts; they were checked before. */
	for (size_t i = 0; timeouts && timeouts[i]; i++)
		if (parse_timeout(timeouts[i], &which, &seconds, NULL) == 0 &&
			streq(timed[which], phase))
			found = seconds;
	s2c_ctx_stage(ctx, found);
}

int s2c_build_stage_end(
	struct s2c_ctx *ctx, const char *phase, int rc, struct s2c_error **err)
{
	s2c_ctx_stage(ctx, 0);
	if (rc && err && s2c_error_code(*err) == S2C_ETIMEOUT)
		return s2c_wrap(err, "phase '%s', under --timeout", phase);
	return rc;
}

static int run_phase(struct s2c_build_job *job, const struct s2c_build_phase *phase,
	struct s2c_error **err)
{
	int64_t started = s2c_now_ms();
	int rc;

	if (phase->wanted && !phase->wanted(job))
		return 0;
	if (s2c_ctx_check(job->ctx, err))
		return -1;
	if (!phase->name)
		return phase->run(job, err);

	CLEAN_PHASE struct s2c_phase event = s2c_phase_begin(
		job->ctx, phase->name, subject(job, phase));

	s2c_build_stage_begin(job->options, job->ctx, phase->name);
	rc = phase->run(job, err);
	s2c_json_set_int(job->timings, phase->name, s2c_now_ms() - started);
	return s2c_build_stage_end(job->ctx, phase->name, rc, err);
}

int s2c_build_run_phases(struct s2c_build_job *job, const struct s2c_build_phase *phases,
	size_t n, struct s2c_error **err)
{
	job->timings = s2c_json_new_object();
	for (size_t i = 0; i < n; i++)
		if (run_phase(job, &phases[i], err))
			return -1;
	return 0;
}

static bool without_triggers(const struct s2c_build_job *job)
{
	return !s2c_onbuild_wanted(job);
}

static bool restores(const struct s2c_build_job *job)
{
	return without_triggers(job) && s2c_build_is_incremental(job);
}

static bool has_plan(const struct s2c_build_job *job)
{
	return job->plan && s2c_onbuild_wanted(job);
}

static int run_build(struct s2c_build_job *job, struct s2c_error **err)
{
	/* In the order in which mistakes are cheapest to find. */
	static const struct s2c_build_phase phases[] = {
		{NULL, s2c_build_check_options},
		{NULL, s2c_build_read_env_files},
		{NULL, s2c_build_read_mounts},
		{"resolve", s2c_build_resolve},
		{"source", s2c_build_open_source},
		{"prepare", s2c_build_prepare, without_triggers},
		{"restore", s2c_build_restore, restores},
		{"assemble", s2c_build_assemble, without_triggers},
		{"extend", s2c_extension_run, s2c_build_is_extended},
		{"prepare", s2c_onbuild_prepare, s2c_onbuild_wanted},
		{"assemble", s2c_onbuild_run, s2c_onbuild_wanted},
		{"commit", s2c_build_commit},
		{NULL, s2c_build_finish},
	};

	return s2c_build_run_phases(job, phases, ARRAY_SIZE(phases), err);
}

/* A context of its own: also a build that was cancelled has ended. */
static void call_back(struct s2c_ctx *ctx, const struct s2c_build_job *job, bool success)
{
	struct s2c_callback callback = {
		.url = job->options->callback_url,
		.labels = success ? s2c_config_labels(s2c_build_last_plan(job)->config)
				  : NULL,
		.success = success,
		.ca_file = job->options->remote.ca_file,
		.insecure_tls = job->options->remote.tls_verify_off,
	};

	if (callback.url)
		s2c_callback_send(ctx, &callback);
}

int s2c_build_run(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, struct s2c_build_result *out,
	struct s2c_error **err)
{
	CLEAN(s2c_build_job_release)
	struct s2c_build_job job = s2c_build_job_new(ctx, store, options);
	int rc;

	job.keeps_work = options->save_temp_dir;
	rc = run_build(&job, err);
	call_back(ctx, &job, rc == 0);
	if (rc)
		return -1;
	/* The result is on top of it. */
	s2c_image_free(TAKE(job.step));
	*out = job.result;
	job.result = (struct s2c_build_result){0};
	return 0;
}

/* What can be said when the builder image would have to be pulled first. */
static char *short_plan(const struct s2c_build_job *job)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();
	struct s2c_json *builder = s2c_json_object_at(root, "builder");

	s2c_json_set_str(builder, "name", job->options->builder);
	s2c_json_set_str(builder, "action", "pull");
	s2c_json_set_str(root, "note",
		"the rest of the plan depends on the builder image, which is not here "
		"yet; 's2c pull' fetches it");
	return s2c_json_print(root, S2C_JSON_PRETTY);
}

int s2c_build_plan(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, char **out_json, struct s2c_error **err)
{
	static const struct s2c_build_phase phases[] = {
		{NULL, s2c_build_check_options},
		{NULL, s2c_build_read_env_files},
		{NULL, s2c_build_read_mounts},
		{"resolve", s2c_build_resolve},
		{"source", s2c_build_open_source},
		{"prepare", s2c_build_decide},
		{NULL, s2c_onbuild_check, has_plan},
	};
	CLEAN(s2c_build_job_release)
	struct s2c_build_job job = s2c_build_job_new(ctx, store, options);

	job.dry_run = true;
	if (s2c_build_run_phases(&job, phases, ARRAY_SIZE(phases), err))
		return -1;
	*out_json = job.plan ? s2c_plan_json(job.plan, &job.facts) : short_plan(&job);
	return 0;
}

static bool has_source(const struct s2c_build_job *job)
{
	return job->options->source != NULL;
}

int s2c_build_as_dockerfile(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, const char *path, char **out_path,
	struct s2c_error **err)
{
	static const struct s2c_build_phase phases[] = {
		{NULL, s2c_build_check_options},
		{NULL, s2c_build_read_env_files},
		{NULL, s2c_build_read_mounts},
		{"resolve", s2c_build_describe},
		{"resolve", s2c_build_describe_runtime, s2c_build_is_extended},
		{"source", s2c_build_open_source, has_source},
		{"prepare", s2c_build_decide_described},
		{"write", s2c_build_write_dockerfile},
	};
	CLEAN(s2c_build_job_release)
	struct s2c_build_job job = s2c_build_job_new(ctx, store, options);

	job.describing = true;
	job.dockerfile = path;
	if (s2c_build_run_phases(&job, phases, ARRAY_SIZE(phases), err))
		return -1;
	*out_path = TAKE(job.dockerfile_path);
	return 0;
}
