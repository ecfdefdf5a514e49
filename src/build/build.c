/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main job: gather facts, make the plan, carry it out phase by phase. All that a
 * build owns hangs on struct job, which is released in one place however the build ends.
 */
#include <s2c/build.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "build/engine_gate.h"
#include "build/env.h"
#include "build/finish.h"
#include "build/home.h"
#include "build/host_env.h"
#include "build/labels.h"
#include "build/plan.h"
#include "build/remote.h"
#include "build/resolve.h"
#include "build/rooted.h"
#include "build/users.h"
#include "codec/ahead.h"
#include "codec/progress.h"
#include "runtime/runtime.h"
#include "source/ignore.h"
#include "store/work.h"
#include "util/fs.h"

#define ENV_FILES_MAX 64
#define ENVIRONMENT ".s2i/environment"
#define DISK_FULL (1u << 20) /* bytes; with less left nothing much can be written */

struct job {
	struct s2c_ctx *ctx;
	struct s2c_store *store;
	const struct s2c_build_options *options;
	bool dry_run;

	struct s2c_engine_gate *gate; /* to an engine; NULL: s2c builds by itself */
	struct s2c_home *home;
	struct s2c_image *builder;
	struct s2c_work *work;
	struct s2c_source *source;
	struct s2c_ignore *ignore;
	struct s2c_runtime *runtime;
	struct s2c_scripts scripts;
	struct s2c_container *container;
	struct s2c_plan *plan;

	struct s2c_buf source_env;
	struct s2c_users users;
	struct s2c_buf env_files[ENV_FILES_MAX];
	struct s2c_plan_file env_file_texts[ENV_FILES_MAX];
	size_t n_env_files;
	char *ca_file;
	struct s2c_strv host_env;
	struct s2c_plan_facts facts;
	struct s2c_commit_result commit;
	struct s2c_image *before; /* what TAG means so far; NULL: nothing */
	struct s2c_json *timings; /* milliseconds of each phase */
	struct s2c_build_result result;
};

static void job_release(struct job *job)
{
	s2c_container_destroy(job->container);
	s2c_plan_free(job->plan);
	s2c_scripts_release(&job->scripts);
	s2c_runtime_close(job->runtime);
	s2c_home_close(job->home);
	s2c_engine_gate_end(job->gate);
	s2c_ignore_free(job->ignore);
	s2c_source_free(job->source);
	s2c_work_free(job->work);
	s2c_image_free(job->builder);
	s2c_image_free(job->before);
	s2c_buf_release(&job->source_env);
	s2c_users_release(&job->users);
	for (size_t i = 0; i < job->n_env_files; i++)
		s2c_buf_release(&job->env_files[i]);
	free(job->ca_file);
	s2c_strv_release(&job->host_env);
	s2c_descriptor_release(&job->commit.desc);
	s2c_json_free(job->timings);
	s2c_build_result_release(&job->result);
	s2c_engine_gate_close(job->gate);
}

static struct s2c_registry_opts registry_opts(const struct job *job)
{
	struct s2c_registry_opts opts = s2c_remote_opts(&job->options->remote);

	opts.ca_bundle = job->ca_file;
	return opts;
}

/* ---- facts ---- */

static const char *bundle_path(const struct job *job)
{
	return job->options->engine ? S2C_CA_BUNDLE_COPY_PATH : S2C_CA_BUNDLE_PATH;
}

static int check_options(struct job *job, struct s2c_error **err)
{
	CLEAN(s2c_clean_plan) struct s2c_plan *scratch = xcalloc(1, sizeof(*scratch));
	const char *bundle = job->options->ca_bundle;
	struct s2c_remote_push push = {.chunk_size = job->options->chunk_size};

	if (s2c_plan_check_options(job->options, scratch, err) ||
		s2c_remote_push_check(&push, err))
		return -1;
	return bundle ? s2c_host_env_collect(bundle, bundle_path(job), &job->ca_file,
				&job->host_env, err)
		      : 0;
}

static int read_env_files(struct job *job, struct s2c_error **err)
{
	const char *const *files = job->options->env_files;

	for (; files && files[job->n_env_files]; job->n_env_files++) {
		size_t i = job->n_env_files;

		if (i == ENV_FILES_MAX)
			return s2c_fail(err, S2C_ELIMIT, "more than %d environment files",
				ENV_FILES_MAX);
		job->env_files[i] = (struct s2c_buf)S2C_BUF_INIT(S2C_ENV_FILE_MAX);
		if (s2c_fs_read_file(AT_FDCWD, files[i], &job->env_files[i], err)) {
			s2c_buf_release(&job->env_files[i]);
			return s2c_wrap(err, "--environment-file");
		}
		job->env_file_texts[i] = (struct s2c_plan_file){
			.name = files[i],
			.text = s2c_buf_str(&job->env_files[i]),
			.len = job->env_files[i].len,
		};
	}
	return 0;
}

static int open_home(struct job *job, struct s2c_error **err)
{
	const char *with = job->options->push_with;

	if (!job->options->engine) {
		job->home = s2c_home_store(job->store);
		return 0;
	}
	if (s2c_engine_gate_open(
		    job->ctx, job->store, job->work, job->options, &job->gate, err))
		return -1;
	return s2c_home_engine(job->ctx, job->store, job->gate,
		with && streq(with, "s2c"), &job->home, err);
}

static int resolve(struct job *job, struct s2c_error **err)
{
	struct s2c_resolve_opts opts = {
		.name = job->options->builder,
		.policy = job->options->pull_policy,
		.registry = registry_opts(job),
		.dry_run = job->dry_run,
	};

	if (s2c_work_create(job->store, "build", &job->work, err) || open_home(job, err))
		return -1;
	return s2c_resolve_image(job->ctx, job->home, &opts, &job->builder, err);
}

/* Reads a file of the source if it is there; `what` ends up in messages. */
static int read_optional(
	struct job *job, const char *path, struct s2c_buf *buf, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;

	if (s2c_source_read(job->source, path, buf, &failure) == 0 ||
		s2c_error_code(failure) == S2C_ENOENT)
		return 0;
	s2c_error_move(err, &failure);
	return -1;
}

static int open_source(struct job *job, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf ignore = S2C_BUF_INIT(S2C_IGNORE_BYTES_MAX);
	struct s2c_source_opts opts = {
		.spec = job->options->source,
		.ref = job->options->ref,
		.context_dir = job->options->context_dir,
		.stdin_fd = job->options->stdin_fd,
	};
	CLEAN_FREE char *stage_path = NULL;
	CLEAN_FD int stage = -1;

	if (s2c_fs_mkdir_p(s2c_work_fd(job->work), "source", 0700, err) ||
		s2c_fs_open(s2c_work_fd(job->work), "source", O_RDONLY | O_DIRECTORY, 0,
			&stage, err))
		return -1;
	stage_path = xasprintf("%s/source", s2c_work_path(job->work));
	opts.stage_fd = stage;
	opts.stage_path = stage_path;
	if (s2c_source_open(job->ctx, &opts, &job->source, err))
		return -1;
	if (job->source->info.dirty)
		s2c_emit_log(job->ctx, S2C_WARN,
			"'%s' has uncommitted changes, which are built too",
			job->options->source);
	if (read_optional(job, ".s2iignore", &ignore, err) ||
		s2c_ignore_new(ignore.len ? ignore.data : NULL, ignore.len,
			job->options->exclude, &job->ignore, err))
		return -1;
	job->source_env = (struct s2c_buf)S2C_BUF_INIT(S2C_ENV_FILE_MAX);
	/* What is left out of the source is not there, as S2I has it. */
	if (s2c_ignore_match(job->ignore, ENVIRONMENT, false))
		return 0;
	return read_optional(job, ENVIRONMENT, &job->source_env, err);
}

static int open_runtime(struct job *job, struct s2c_error **err)
{
	struct s2c_runtime_opts opts = {
		.name = job->gate ? "engine" : NULL,
		.store = job->store,
		.oci_runtime = job->options->oci_runtime,
		.opened = job->gate ? s2c_home_engine_of(job->home) : NULL,
	};

	CLEAN_ERROR struct s2c_error *cause = NULL;

	if (s2c_runtime_open(job->ctx, &opts, &job->runtime, &cause) == 0)
		return 0;
	/* A plan can be made on a machine that could not build it. */
	if (job->dry_run && s2c_error_code(cause) == S2C_EUNSUPPORTED) {
		s2c_emit_log(job->ctx, S2C_WARN, "%s", s2c_error_message(cause));
		return 0;
	}
	s2c_error_move(err, &cause);
	return -1;
}

static int find_scripts(struct job *job, struct s2c_error **err)
{
	CLEAN_FREE char *destination = NULL;
	struct s2c_scripts_opts opts = {
		.scripts_url = job->options->scripts_url,
		.builder = job->builder->config,
		.source = job->source,
		.ca_file = job->ca_file,
		.dry_run = job->dry_run,
	};

	if (s2c_builder_destination(
		    job->builder->config, job->options->destination, &destination, err))
		return -1;
	opts.destination = destination;
	return s2c_scripts_find(job->ctx, &opts, &job->scripts, err);
}

static int make_plan(struct job *job, struct s2c_error **err)
{
	job->facts = (struct s2c_plan_facts){
		.builder = job->builder->config,
		.builder_name = job->builder->name,
		.builder_digest = job->builder->desc.digest.str,
		.source = &job->source->info,
		.source_kind = job->source->kind,
		.source_env = job->source_env.len ? job->source_env.data : NULL,
		.source_env_len = job->source_env.len,
		.scripts = &job->scripts,
		.passwd = s2c_buf_str(&job->users.passwd),
		.group = s2c_buf_str(&job->users.group),
		.env_files = job->env_file_texts,
		.n_env_files = job->n_env_files,
		.host_env = &job->host_env,
	};
	return s2c_plan_make(job->options, &job->facts, &job->plan, err);
}

/* Decides, with what only the builder image knows. */
static int decide(struct job *job, struct s2c_error **err)
{
	if (!job->builder)
		return 0;
	if (open_runtime(job, err) || find_scripts(job, err))
		return -1;
	if (job->runtime &&
		s2c_users_read(job->ctx, job->runtime, job->builder, &job->users, err))
		return -1;
	return make_plan(job, err);
}

/* ---- doing it ---- */

static int check_push_to(
	struct job *job, const struct s2c_reference *name, struct s2c_error **err)
{
	struct s2c_registry_opts opts = registry_opts(job);
	char text[S2C_REFERENCE_MAX + 1];

	s2c_reference_format(name, text);
	if (job->home->ops->may_push(job->ctx, job->home, name, &opts, err))
		return s2c_wrap(err, "push to '%s'", text);
	return 0;
}

/*
 * Whether the result may be pushed is found out before the work, not after it: once for
 * each repository.
 */
static int check_push(struct job *job, struct s2c_error **err)
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

/* The source's files; the directory itself is as old as the source's. */
static int open_entries(struct job *job, struct s2c_entries **out, struct s2c_error **err)
{
	/* Named as the phase that it is a part of. */
	struct s2c_progress told = {.phase = "prepare", .subject = job->options->source};
	struct s2c_entries *files = NULL;
	struct stat st;

	if (fstat(job->source->fd, &st) < 0)
		return s2c_fail_errno(err, errno, "cannot look at it");
	if (s2c_source_walk(job->source, job->ignore, &files, err))
		return -1;
	files = s2c_entries_ahead(job->ctx, files, true);
	files = s2c_entries_progress(job->ctx, files, true, &told);
	if (job->source->from_commit)
		*out = s2c_rooted(files, job->source->commit_time, 0);
	else
		*out = s2c_rooted(files, st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec);
	return 0;
}

static int copy_source(struct job *job, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *source = NULL;
	CLEAN_ENTRIES struct s2c_entries *scripts = s2c_scripts_entries(&job->scripts);
	CLEAN_FREE char *src = xasprintf("%s/src", job->plan->destination);
	CLEAN_FREE char *bin = xasprintf("%s/scripts", job->plan->destination);

	if (open_entries(job, &source, err) ||
		s2c_container_copy_in(job->ctx, job->container, src, source, err))
		return s2c_wrap(err, "source '%s'", job->options->source);
	if (!scripts)
		return 0;
	scripts = s2c_rooted(TAKE(scripts), 0, 0);
	if (s2c_container_copy_in(job->ctx, job->container, bin, scripts, err))
		return s2c_wrap(err, "scripts");
	return 0;
}

static struct s2c_exec_opts assemble_opts(const struct job *job)
{
	return (struct s2c_exec_opts){
		.argv = &job->plan->assemble,
		.env = &job->plan->build_env,
		.cwd = job->plan->workdir,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
	};
}

/* What history says of the new layer; caller frees. */
static char *created_by(const struct job *job)
{
	return xasprintf(
		"s2c build %s %s", job->source->info.location, job->builder->name);
}

static int create(struct job *job, struct s2c_error **err)
{
	struct s2c_mount bundle = {
		.source = job->ca_file, .destination = bundle_path(job)};
	struct s2c_exec_opts first = assemble_opts(job);
	CLEAN_FREE char *by = created_by(job);
	struct s2c_container_foresight foresight = {
		.first = &first,
		.excludes = &job->plan->excludes,
		.read_after = S2C_IMAGE_METADATA_PATH,
		.created_by = by,
	};
	struct s2c_container_opts opts = {
		.image = job->builder,
		.network = job->plan->network,
		.network_required = job->plan->network_asked,
		.limits = job->plan->limits,
		.uid = job->plan->user.uid,
		.gid = job->plan->user.gid,
		.mounts = &bundle,
		.n_mounts = job->ca_file ? 1 : 0,
		.foresight = &foresight,
	};

	return s2c_container_create(job->ctx, job->runtime, &opts, &job->container, err);
}

/* An image:// script was only promised so far. */
static int check_assemble(struct job *job, struct s2c_error **err)
{
	const struct s2c_script_source *script = &job->scripts.items[S2C_SCRIPT_ASSEMBLE];

	if (s2c_container_has_program(job->container, script->path))
		return 0;
	return s2c_fail(err, S2C_ENOENT,
		"builder image '%s' has no executable file '%s', where its assemble "
		"script should be (%s '%s'): take another builder image, or name a place "
		"with --scripts-url",
		job->builder->name, script->path, script->origin, script->url);
}

static int prepare(struct job *job, struct s2c_error **err)
{
	if (decide(job, err) || check_push(job, err) || create(job, err) ||
		copy_source(job, err))
		return -1;
	return check_assemble(job, err);
}

/* What a script often cannot say itself: "" or ": cause and remedy". */
static const char *likely_cause(const struct job *job, int status)
{
	struct statvfs fs;

	/* What it wrote is still there, so a disk that was full is full. */
	if (fstatvfs(s2c_work_fd(job->work), &fs) == 0 &&
		(uint64_t)fs.f_bavail * fs.f_frsize < DISK_FULL)
		return ": the disk of the store is full, free some; 's2c prune' may help";
	if (status == 128 + SIGKILL && job->plan->limits.memory)
		return ": probably it needs more than --memory allows";
	return "";
}

static int fail_assemble(struct job *job, int status, struct s2c_error **err)
{
	const char *why = likely_cause(job, status);

	if (status > 128)
		return s2c_fail_status(err, S2C_ECHILD, status,
			"assemble of '%s' was ended by signal %d (status %d)%s",
			job->builder->name, status - 128, status, why);
	return s2c_fail_status(err, S2C_ECHILD, status,
		"assemble of '%s' failed with status %d%s", job->builder->name, status,
		why);
}

static int assemble(struct job *job, struct s2c_error **err)
{
	struct s2c_exec_opts opts = assemble_opts(job);
	int status;

	if (s2c_container_run(job->ctx, job->container, &opts, &status, err))
		return s2c_wrap(err, "assemble of '%s'", job->builder->name);
	return status ? fail_assemble(job, status, err) : 0;
}

/* Labels that the script left behind, read inside the container's root. */
static int merge_metadata(struct job *job, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_IMAGE_METADATA_MAX);
	CLEAN_ERROR struct s2c_error *failure = NULL;

	if (s2c_container_read_file(
		    job->container, S2C_IMAGE_METADATA_PATH, &text, &failure)) {
		if (s2c_error_code(failure) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &failure);
		return s2c_wrap(err, "'%s' of the build", S2C_IMAGE_METADATA_PATH);
	}
	if (s2c_labels_merge_metadata(
		    job->plan->config, s2c_buf_str(&text), text.len, err))
		return -1;
	return s2c_labels_check(job->plan->config, err);
}

static int commit(struct job *job, struct s2c_error **err)
{
	const char *run = job->plan->run.items[0];
	char created[S2C_TIME_TEXT];
	CLEAN_FREE char *by = created_by(job);
	struct s2c_commit_opts opts = {
		.config = job->plan->config,
		.excludes = &job->plan->excludes,
		.compression = job->plan->compression,
		.level = job->plan->compression_level,
		.created = created,
		.created_by = by,
	};

	if (!s2c_container_has_program(job->container, run))
		s2c_emit_log(job->ctx, S2C_WARN,
			"the image's command '%s' is no executable file in it", run);
	if (s2c_creation_time(created, &opts.newest, err) || merge_metadata(job, err))
		return -1;
	s2c_config_set_created(job->plan->config, created);
	if (job->plan->has_tag)
		job->before = job->home->ops->before(job->home, &job->plan->tag);
	opts.before = job->before;
	return s2c_container_commit(job->ctx, job->container, &opts, &job->commit, err);
}

static int finish(struct job *job, struct s2c_error **err)
{
	struct s2c_finish opts = {
		.plan = job->plan,
		.facts = &job->facts,
		.commit = &job->commit,
		.before = job->before,
		.registry = registry_opts(job),
		.chunk_size = job->options->chunk_size,
		.timings = job->timings,
	};

	return s2c_finish_build(job->ctx, job->home, &opts, &job->result, err);
}

/* ---- the phases ---- */

struct phase {
	const char *name; /* NULL: too short, or with phases of its own */
	int (*run)(struct job *job, struct s2c_error **err);
};

/* What of the options a phase works on, for people. */
static const char *subject(const struct job *job, const struct phase *phase)
{
	return phase->run == open_source ? job->options->source : job->options->builder;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int run_phase(struct job *job, const struct phase *phase, struct s2c_error **err)
{
	uint64_t started = now_ms();
	int rc;

	if (s2c_ctx_check(job->ctx, err))
		return -1;
	if (phase->name) {
		CLEAN_PHASE struct s2c_phase event = s2c_phase_begin(
			job->ctx, phase->name, subject(job, phase));

		rc = phase->run(job, err);
		s2c_json_set_int(
			job->timings, phase->name, (int64_t)(now_ms() - started));
	} else {
		rc = phase->run(job, err);
	}
	if (rc && phase->name && err && s2c_error_code(*err) == S2C_ETIMEOUT)
		return s2c_wrap(err, "phase '%s', under --timeout", phase->name);
	return rc;
}

static int run_phases(
	struct job *job, const struct phase *phases, size_t n, struct s2c_error **err)
{
	job->timings = s2c_json_new_object();
	for (size_t i = 0; i < n; i++)
		if (run_phase(job, &phases[i], err))
			return -1;
	return 0;
}

int s2c_build_run(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options, struct s2c_build_result *out,
	struct s2c_error **err)
{
	/* In the order in which mistakes are cheapest to find. */
	static const struct phase phases[] = {
		{NULL, check_options},
		{NULL, read_env_files},
		{"resolve", resolve},
		{"source", open_source},
		{"prepare", prepare},
		{"assemble", assemble},
		{"commit", commit},
		{NULL, finish},
	};
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, options->timeout);
	CLEAN(job_release)
	struct job job = {
		.ctx = child,
		.store = store,
		.options = options,
	};

	if (run_phases(&job, phases, ARRAY_SIZE(phases), err))
		return -1;
	*out = job.result;
	job.result = (struct s2c_build_result){0};
	return 0;
}

/* What can be said when the builder image would have to be pulled first. */
static char *short_plan(const struct job *job)
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
	static const struct phase phases[] = {
		{NULL, check_options},
		{NULL, read_env_files},
		{"resolve", resolve},
		{"source", open_source},
		{"prepare", decide},
	};
	CLEAN_CTX struct s2c_ctx *child = s2c_ctx_child(ctx, options->timeout);
	CLEAN(job_release)
	struct job job = {
		.ctx = child,
		.store = store,
		.options = options,
		.dry_run = true,
	};

	if (run_phases(&job, phases, ARRAY_SIZE(phases), err))
		return -1;
	*out_json = job.plan ? s2c_plan_json(job.plan, &job.facts) : short_plan(&job);
	return 0;
}
