/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole Dockerfile, built by s2c itself. All of it is read and tried before anything
 * runs: what is unknown or not allowed is found while nothing is there to be cleaned up.
 * Then stage after stage is carried out. Each is a job of its own (executor.h) with
 * an image that it begins with, a plan and containers; what the stages have in common
 * belongs to the job of the build. A stage that is over keeps its container, for COPY
 * --from; only the last one's becomes the image.
 *
 * The trial knows who will run what with which mounts. So files are put into the very
 * container in which they are needed, and what a RUN removes of them is in no layer.
 */
#include <s2c/build.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "build/dockerfile_build_impl.h"
#include "build/dockerfile_from.h"
#include "build/env.h"
#include "build/finish.h"
#include "build/labels.h"
#include "build/platform.h"
#include "build/resolve.h"
#include "util/fs.h"

static struct s2c_file_build *building_of(struct s2c_build_job *job)
{
	return (struct s2c_file_build *)job;
}

static void run_release(struct s2c_file_run *run)
{
	free(run->mounts);
	s2c_strv_release(&run->strings);
	s2c_strv_release(&run->env);
}

static void stage_release(struct s2c_file_stage *s)
{
	s2c_executor_release(&s->executor);
	s2c_plan_free(s->job.plan);
	s2c_users_release(&s->job.users);
	s2c_image_free(s->job.step);
	s2c_image_free(s->job.builder);
	for (size_t i = 0; i < s->n_runs; i++)
		run_release(&s->runs[i]);
	free(s->runs);
	s2c_strv_release(&s->texts);
}

static void building_release(struct s2c_file_build *b)
{
	for (size_t i = 0; b->stages && i < b->texts.n; i++)
		stage_release(&b->stages[i]);
	free(b->stages);
	s2c_stages_release(&b->texts);
	s2c_dockerfile_free(b->file);
	s2c_strv_release(&b->given);
	s2c_strv_release(&b->used);
	free(b->path);
	s2c_build_job_release(&b->job);
}

/* ---- what is known before any image ---- */

/* NAME=VALUE, or NAME for the value that the environment has. */
static int read_build_args(struct s2c_file_build *b, struct s2c_error **err)
{
	const char *const *list = b->what->build_args;

	for (size_t i = 0; list && list[i]; i++) {
		const char *value = strchr(list[i], '=') ? "" : getenv(list[i]);
		CLEAN_FREE char *both = NULL;

		if (!value)
			return s2c_fail(err, S2C_EINVAL,
				"--build-arg '%s' has no value, and there is no such "
				"variable: write NAME=VALUE",
				list[i]);
		both = strchr(list[i], '=') ? xstrdup(list[i])
					    : xasprintf("%s=%s", list[i], value);
		if (s2c_env_parse_flag("--build-arg", both, &b->given, err))
			return -1;
	}
	return 0;
}

/* The file says where things are, and of what it does not know nothing is given. */
static int check_mounts(const struct s2c_build_job *job, struct s2c_error **err)
{
	for (size_t i = 0; i < job->mounts.specs.n; i++) {
		const struct s2c_mount_spec *spec = &job->mounts.specs.items[i];
		CLEAN_FREE char *usual = spec->id ? xasprintf(S2C_SECRETS_DIR "/%s",
							    spec->id)
						  : NULL;

		if (usual && !streq(usual, spec->to))
			return s2c_fail(err, S2C_EINVAL,
				"--secret '%s': where it is says the Dockerfile: leave "
				"out dst",
				spec->text);
		if (spec->kind != S2C_SPEC_SECRET && spec->kind != S2C_SPEC_AGENT &&
			spec->kind != S2C_SPEC_HOST)
			return s2c_fail(err, S2C_EINVAL,
				"%s '%s' is for builds with a builder image",
				spec->origin, spec->text);
	}
	return 0;
}

static int check(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_file_build *b = building_of(job);

	if (job->options->engine)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"engines build Dockerfiles by themselves, with 'docker build' "
			"and "
			"'podman build': leave out --engine (or write --engine '')");
	if (s2c_build_check_options(job, err) || check_mounts(job, err) ||
		read_build_args(b, err))
		return -1;
	job->plan = xcalloc(1, sizeof(*job->plan));
	if (s2c_plan_check_options(job->options, job->plan, err))
		return -1;
	s2c_build_mounts_hosts(&job->mounts);
	return 0;
}

/* ---- the context and the file ---- */

static void set_text(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

/* A directory, where it is; nothing is asked of git. */
static int open_context(struct s2c_file_build *b, struct s2c_error **err)
{
	CLEAN_SOURCE struct s2c_source *context = xcalloc(1, sizeof(*context));
	struct s2c_source_info *info = &context->info;
	char **members[] = {&info->location, &info->context_dir, &info->ref,
		&info->commit_id, &info->author, &info->date, &info->message};
	const char *path = b->what->context;
	CLEAN_FREE char *absolute = realpath(path, NULL);
	struct stat st;

	context->fd = -1;
	context->kind = "directory";
	context->is_context = true;
	if (!absolute || stat(absolute, &st) < 0)
		return s2c_fail_errno(err, errno, "context '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return s2c_fail(err, S2C_EINVAL,
			"context '%s' is no directory: name the one that the files are "
			"in, "
			"and the Dockerfile with --file",
			path);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		set_text(members[i], i ? "" : absolute);
	if (s2c_fs_open(AT_FDCWD, absolute, O_RDONLY | O_DIRECTORY, 0, &context->fd, err))
		return s2c_wrap(err, "context '%s'", path);
	b->job.source = TAKE(context);
	return 0;
}

static int read_ignore(struct s2c_file_build *b, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_IGNORE_BYTES_MAX);
	CLEAN_ERROR struct s2c_error *failure = NULL;

	if (s2c_source_read(b->job.source, ".dockerignore", &text, &failure) &&
		s2c_error_code(failure) != S2C_ENOENT) {
		s2c_error_move(err, &failure);
		return s2c_wrap(err, ".dockerignore");
	}
	return s2c_ignore_new_docker(s2c_buf_str(&text), text.len, &b->job.ignore, err);
}

static int read_text(
	struct s2c_file_build *b, struct s2c_buf *text, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *failure = NULL;

	if (b->what->file)
		return s2c_fs_read_file(AT_FDCWD, b->what->file, text, err);
	/* Of the context, so no link may lead out of it. */
	if (s2c_source_read(b->job.source, "Dockerfile", text, &failure) == 0)
		return 0;
	if (s2c_error_code(failure) == S2C_ENOENT)
		return s2c_fail(err, S2C_ENOENT,
			"there is no 'Dockerfile' in context '%s': name it with --file",
			b->what->context);
	s2c_error_move(err, &failure);
	return -1;
}

static int read_file(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_file_build *b = building_of(job);
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_DOCKERFILE_MAX);

	if (open_context(b, err) || read_ignore(b, err))
		return -1;
	b->path = b->what->file ? xstrdup(b->what->file)
				: xasprintf("%s/Dockerfile", b->what->context);
	if (read_text(b, &text, err))
		return s2c_wrap(err, "'%s'", b->path);
	if (s2c_dockerfile_parse(s2c_buf_str(&text), text.len, &b->file, err) ||
		s2c_stages_read(b->file, &b->given, &b->texts, err))
		return s2c_wrap(err, "'%s'", b->path);
	s2c_strv_foreach (name, &b->texts.unused)
		s2c_emit_log(job->ctx, S2C_WARN,
			"--build-arg '%s' is not used: no ARG of '%s' has this name",
			name, b->path);
	return 0;
}

/* ---- images ---- */

static int check_image(const struct s2c_image *image, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv triggers = S2C_STRV_INIT;

	s2c_config_onbuild(image->config, &triggers);
	if (triggers.len)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"image '%s' has ONBUILD triggers, which belong before the "
			"instructions of its stage: 's2c build' runs them, or write them "
			"down",
			image->name);
	return s2c_platform_check_host(image->config, image->name, err);
}

static int find_image(struct s2c_file_stage *s, struct s2c_error **err)
{
	struct s2c_build_job *job = &s->build->job;
	const char *asked = s->text->platform ? s->text->platform
					      : job->options->platform;
	struct s2c_platform platform;
	struct s2c_resolve_opts opts = {
		.name = s->text->image,
		.role = "image",
		.flag = "--pull-policy",
		.policy = job->options->pull_policy,
		.registry = s2c_build_registry(job),
	};

	if (s2c_platform_option(asked, &platform, &opts.platform, err) ||
		s2c_resolve_image(job->ctx, job->home, &opts, &s->job.builder, err))
		return -1;
	return check_image(s->job.builder, err);
}

/* What a stage borrows of the build, and a plan of its own. */
static int begin_stage(struct s2c_file_stage *s, struct s2c_error **err)
{
	const struct s2c_build_job *of = &s->build->job;

	s->job = (struct s2c_build_job){
		.ctx = of->ctx,
		.store = of->store,
		.options = of->options,
		.home = of->home,
		.work = of->work,
		.runtime = of->runtime,
		.source = of->source,
		.ignore = of->ignore,
		.ca_file = of->ca_file,
		.host_env = of->host_env,
		.mounts = {.needles = of->mounts.needles,
			.hosts = of->mounts.hosts,
			.n_hosts = of->mounts.n_hosts},
		.plan = xcalloc(1, sizeof(*s->job.plan)),
	};
	s->executor = (struct s2c_executor){.job = &s->job};
	if (s2c_plan_check_options(of->options, s->job.plan, err) || find_image(s, err) ||
		s2c_users_read(of->ctx, of->runtime, s->job.builder, &s->job.users, err))
		return -1;
	s->job.plan->config = s2c_config_copy(s->job.builder->config);
	return 0;
}

static int resolve(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_file_build *b = building_of(job);

	if (s2c_build_open_home(job, err) || s2c_build_open_runtime(job, err))
		return -1;
	b->stages = xcalloc(b->texts.n, sizeof(*b->stages));
	for (size_t i = 0; i < b->texts.n; i++) {
		struct s2c_file_stage *s = &b->stages[i];

		s->build = b;
		s->number = i;
		s->text = &b->texts.items[i];
		if (begin_stage(s, err))
			return s2c_wrap(
				err, "'%s', line %u: FROM", b->path, s->text->line);
	}
	return 0;
}

/* ---- applying instructions ---- */

int s2c_file_begin_ops(
	struct s2c_file_stage *s, const struct s2c_eval_ops *ops, struct s2c_error **err)
{
	s2c_executor_release(&s->executor);
	s->executor = (struct s2c_executor){.job = &s->job};
	if (s2c_executor_begin(&s->executor, ops, err))
		return -1;
	s->executor.eval.whole_file = true;
	s->executor.eval.given = &s->build->given;
	s->executor.eval.before_from = &s->build->texts.before_from;
	return 0;
}

int s2c_file_apply(struct s2c_file_stage *s, const struct s2c_instruction *item,
	struct s2c_error **err)
{
	if (s2c_eval_apply(&s->executor.eval, item, s->build->file->escape, err))
		return s2c_wrap(err, "'%s', line %u", s->build->path, item->line);
	return 0;
}

static void warn_of_unused(const struct s2c_file_build *b)
{
	for (size_t i = 0; i < b->job.mounts.specs.n; i++) {
		const struct s2c_mount_spec *spec = &b->job.mounts.specs.items[i];

		if (spec->id && s2c_strv_find(&b->used, spec->id) < 0)
			s2c_emit_log(b->job.ctx, S2C_WARN,
				"--secret '%s' is not used: no RUN of '%s' mounts it",
				spec->id, b->path);
	}
}

static int prepare(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_file_build *b = building_of(job);

	for (size_t i = 0; i < b->texts.n; i++)
		if (s2c_file_try(&b->stages[i], err))
			return -1;
	warn_of_unused(b);
	return s2c_build_check_push(job, err);
}

/* ---- carrying it out ---- */

/* What the next RUN needs, so that files are put where it finds them. */
static void look_ahead(struct s2c_file_stage *s)
{
	static struct s2c_file_run nothing;
	struct s2c_file_run *next = s->done < s->n_runs ? &s->runs[s->done] : &nothing;
	struct s2c_strv *only = &s->job.plan->only_env;

	s->job.mounts.items = next->mounts;
	s->job.mounts.n = next->n_mounts;
	s->executor.ahead = next == &nothing ? NULL : &next->owner;
	s2c_strv_release(only);
	s2c_strv_add_all(only, &s->job.host_env);
	s2c_strv_add_all(only, &next->env);
}

static int copy_from_stage(struct s2c_file_stage *s, const struct s2c_eval_copy *copy,
	const struct s2c_owner *owner, struct s2c_error **err)
{
	struct s2c_from how = {
		.owner = *owner, .dir_fd = s2c_work_fd(s->build->job.work)};
	struct s2c_file_stage *from;
	size_t number;

	if (s2c_stages_find(&s->build->texts, s->number, copy->from, &number, err))
		return -1;
	from = &s->build->stages[number];
	if (s2c_executor_need_any(&from->executor, err) ||
		s2c_executor_need_for_copy(&s->executor, owner, err))
		return -1;
	how.from = from->executor.container;
	how.to = s->executor.container;
	return s2c_from_copy(s->job.ctx, &how, copy, err);
}

static int do_copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	struct s2c_file_stage *s = self;
	struct s2c_owner owner;

	if (!copy->from)
		return s2c_executor_copy(&s->executor, copy, err);
	if (s2c_executor_copy_owner(&s->executor, copy, &owner, err))
		return -1;
	/* What comes out of an image has an owner there already. */
	owner.kept = !copy->owner;
	return copy_from_stage(s, copy, &owner, err);
}

static void note(struct s2c_file_stage *s, char *text)
{
	s2c_strv_add_take(&s->texts, text);
	s->executor.doing = text;
	s2c_emit_log(s->job.ctx, S2C_INFO, "%s", text);
}

static int do_stage(struct s2c_file_stage *s, struct s2c_error **err)
{
	static const struct s2c_eval_ops ops = {
		.run = s2c_executor_run,
		.copy = do_copy,
		.user = s2c_file_check_user,
		.workdir = s2c_executor_workdir,
	};

	if (s2c_file_begin_ops(s, &ops, err))
		return -1;
	note(s, xasprintf("FROM %s%s%s", s->job.builder->name,
			s->text->name ? " AS " : "", s->text->name ? s->text->name : ""));
	for (size_t i = 0; i < s->text->n; i++) {
		const struct s2c_instruction *item = &s->text->items[i];

		look_ahead(s);
		note(s, xasprintf("%s %s", s2c_instruction_name(item->kind), item->rest));
		if (s2c_file_apply(s, item, err))
			return -1;
		s->done += item->kind == S2C_INSTRUCTION_RUN;
	}
	look_ahead(s);
	return 0;
}

static int assemble(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_file_build *b = building_of(job);

	for (size_t i = 0; i < b->texts.n; i++)
		if (do_stage(&b->stages[i], err))
			return -1;
	return s2c_executor_need_any(&b->stages[b->texts.n - 1].executor, err);
}

/* ---- the result ---- */

static int commit(struct s2c_build_job *job, struct s2c_error **err)
{
	struct s2c_file_build *b = building_of(job);
	struct s2c_file_stage *last = &b->stages[b->texts.n - 1];
	struct s2c_config *config = last->job.plan->config;
	const struct s2c_plan *plan = job->plan;
	char created[S2C_TIME_TEXT];
	struct s2c_commit_opts opts = {
		.config = config,
		.annotations = plan->annotations,
		.compression = plan->compression,
		.level = plan->compression_level,
		.created = created,
		.created_by = last->executor.begun,
		.forbidden = job->mounts.needles,
	};

	if (s2c_labels_add(config, job->options->labels, err) ||
		s2c_labels_check(config, err) ||
		s2c_creation_time(created, &opts.newest, err))
		return -1;
	s2c_config_set_created(config, created);
	if (plan->has_tag)
		job->before = job->home->ops->before(job->home, &plan->tag);
	opts.before = job->before;
	job->facts = (struct s2c_plan_facts){
		.builder_name = last->job.builder->name,
		.builder_digest = last->job.builder->desc.digest.str,
		.source = &job->source->info,
		.source_kind = job->source->kind,
	};
	return s2c_container_commit(
		job->ctx, last->executor.container, &opts, &job->commit, err);
}

int s2c_dockerfile_build(struct s2c_ctx *ctx, struct s2c_store *store,
	const struct s2c_build_options *options,
	const struct s2c_dockerfile_options *what, struct s2c_build_result *out,
	struct s2c_error **err)
{
	static const struct s2c_build_phase phases[] = {
		{NULL, check},
		{NULL, s2c_build_read_mounts},
		{"source", read_file},
		{"resolve", resolve},
		{"prepare", prepare},
		{"assemble", assemble},
		{"commit", commit},
		{NULL, s2c_build_finish},
	};
	CLEAN(building_release)
	struct s2c_file_build b = {
		.job = s2c_build_job_new(ctx, store, options),
		.what = what,
	};

	b.job.keeps_work = options->save_temp_dir;

	if (s2c_build_run_phases(&b.job, phases, ARRAY_SIZE(phases), err))
		return -1;
	*out = b.job.result;
	b.job.result = (struct s2c_build_result){0};
	return 0;
}
