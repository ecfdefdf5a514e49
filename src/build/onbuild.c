/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers, one after the other. Files and processes are in a container for as long as
 * the runtime can do the next thing in it; else it is committed and a new one is made of
 * the image that this gives. Only the last container is left to be committed by the
 * build.
 */
#include "build/onbuild.h"

#include <strings.h>

#include "build/env.h"
#include "build/finish.h"
#include "build/host_env.h"
#include "build/labels.h"
#include "build/onbuild_impl.h"

void s2c_onbuild_release(struct s2c_onbuild *o)
{
	s2c_container_destroy(o->container);
	s2c_eval_release(&o->eval);
	s2c_uids_release(&o->allowed);
}

/* ---- users ---- */

int s2c_onbuild_resolve_user(const struct s2c_onbuild *o, const char *spec,
	struct s2c_user *out, struct s2c_error **err)
{
	return s2c_user_resolve(spec, s2c_buf_str(&o->job->users.passwd),
		s2c_buf_str(&o->job->users.group), out, err);
}

int s2c_onbuild_allow_user(const struct s2c_onbuild *o, uint32_t uid, const char *remedy,
	struct s2c_error **err)
{
	CLEAN_FREE char *ranges = NULL;

	if (s2c_uids_allow(&o->allowed, uid))
		return 0;
	ranges = s2c_uids_format(&o->allowed);
	return s2c_fail(err, S2C_EDENIED,
		"user %u%s is not among the allowed ones (%s): %s, or allow it with "
		"--allowed-uids",
		uid, uid ? "" : " (root)", ranges, remedy);
}

static int check_user(void *self, const char *spec, struct s2c_error **err)
{
	struct s2c_onbuild *o = self;
	struct s2c_user user;

	if (s2c_onbuild_resolve_user(o, spec, &user, err))
		return -1;
	o->user_set = true;
	return s2c_onbuild_allow_user(o, user.uid,
		"take a builder image whose triggers need no such user", err);
}

/* ---- containers ---- */

static int create(struct s2c_onbuild *o, const struct s2c_owner *owner,
	const struct s2c_exec_opts *first, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;
	CLEAN_FREE struct s2c_mount *mounts = xcalloc(job->mounts.n + 1, sizeof(*mounts));
	struct s2c_container_foresight foresight = {
		.first = first,
		.excludes = &job->plan->excludes,
		.read_after = S2C_IMAGE_METADATA_PATH,
		.created_by = o->doing,
	};
	struct s2c_container_opts opts;

	s2c_build_container_opts(job, mounts, &opts);
	opts.image = job->step ? job->step : job->builder;
	opts.uid = owner->uid;
	opts.gid = owner->gid;
	opts.foresight = &foresight;
	o->owner = *owner;
	o->mounted = job->mounts.items;
	o->ran = false;
	o->begun = o->doing;
	return s2c_container_create(job->ctx, job->runtime, &opts, &o->container, err);
}

/* The image that was just committed, to be built on. */
static int load(struct s2c_onbuild *o, const struct s2c_commit_result *made,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	struct s2c_build_job *job = o->job;

	if (!job->gate)
		return s2c_image_load(job->store, &made->desc, out, err);
	switch (job->home->ops->find(job->ctx, job->home, made->id.str, out, &why, err)) {
	case S2C_FOUND:
		return 0;
	case S2C_FIND_FAILED:
		return -1;
	case S2C_ABSENT:
	case S2C_BROKEN:
		break;
	}
	return s2c_fail(
		err, S2C_EPROTO, "the engine has lost the image '%s'", made->id.str);
}

/* An engine gives an image without any command that of the container. */
static void set_some_command(struct s2c_config *config)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	s2c_config_entrypoint(config, &argv);
	s2c_config_cmd(config, &argv);
	if (argv.len)
		return;
	s2c_strv_add(&argv, "/bin/sh");
	s2c_config_set_cmd(config, &argv);
}

/*
 * What an image says of itself without any effect on files is the last one's alone. An
 * engine would mount a volume over what comes after it.
 */
static void keep_as_it_was(struct s2c_config *config, const struct s2c_config *was)
{
	static const char *const members[] = {
		"ExposedPorts", "Volumes", "StopSignal", "Healthcheck", "Shell"};
	const struct s2c_json *from = s2c_json_get(was->root, "config");
	struct s2c_json *to = s2c_json_object_at(config->root, "config");

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct s2c_json *member = s2c_json_get(from, members[i]);

		if (member)
			s2c_json_set(to, members[i], s2c_json_copy(member));
		else
			s2c_json_remove(to, members[i]);
	}
}

/* A gate lets a container be committed that has run: one that has not runs nothing. */
static int settle(struct s2c_onbuild *o, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT, env = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {
		.argv = &argv, .env = &env, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	int status;

	if (!o->job->gate || o->ran)
		return 0;
	s2c_strv_add(&argv, "/bin/sh");
	s2c_strv_add(&argv, "-c");
	s2c_strv_add(&argv, ":");
	s2c_env_default(&env, "");
	if (s2c_container_run(o->job->ctx, o->container, &opts, &status, err))
		return -1;
	o->ran = true;
	return status ? s2c_fail(err, S2C_EUNSUPPORTED,
				"the image's /bin/sh does nothing but fail (status %d)",
				status)
		      : 0;
}

/* Makes an image of the container and goes on with that one. */
static int commit(struct s2c_onbuild *o, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;
	CLEAN(s2c_descriptor_release) struct s2c_descriptor desc = {0};
	struct s2c_commit_result made = {0};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	char created[S2C_TIME_TEXT];
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(s2c_onbuild_config(o));
	CLEAN_STRV struct s2c_strv cmd = S2C_STRV_INIT;
	struct s2c_commit_opts opts = {
		.config = config,
		.compression = job->plan->compression,
		.level = job->plan->compression_level,
		.forbidden = job->mounts.needles,
		.created = created,
		.created_by = o->begun,
	};
	int rc;

	s2c_config_cmd(config, &cmd);
	set_some_command(config);
	if (job->gate)
		keep_as_it_was(config, (job->step ? job->step : job->builder)->config);
	if (settle(o, err) || s2c_creation_time(created, &opts.newest, err) ||
		s2c_container_commit(job->ctx, o->container, &opts, &made, err))
		return -1;
	s2c_descriptor_copy(&desc, &made.desc);
	rc = load(o, &made, &image, err);
	s2c_descriptor_release(&made.desc);
	if (rc)
		return -1;
	s2c_container_destroy(TAKE(o->container));
	s2c_image_free(job->step);
	job->step = TAKE(image);
	/* An engine keeps count of layers itself, and forgets other things. */
	if (job->gate)
		return 0;
	/* It has everything that the old one has, and one layer more. */
	s2c_config_free(job->plan->config);
	job->plan->config = s2c_config_copy(job->step->config);
	s2c_config_set_cmd(job->plan->config, &cmd);
	o->eval.config = job->plan->config;
	return 0;
}

static bool same_owner(const struct s2c_owner *a, const struct s2c_owner *b)
{
	return a->uid == b->uid && a->gid == b->gid;
}

/* A container whose processes are the owner's, in which `first` can run. */
static int need_for_run(struct s2c_onbuild *o, const struct s2c_owner *owner,
	const struct s2c_exec_opts *first, struct s2c_error **err)
{
	if (o->container && same_owner(&o->owner, owner) &&
		o->mounted == o->job->mounts.items && (o->traits.mixes || !o->ran))
		return 0;
	if (o->container && commit(o, err))
		return -1;
	return create(o, owner, first, err);
}

/* Who will most likely run next: the user in force, if nothing else is known. */
static int next_owner(
	struct s2c_onbuild *o, struct s2c_owner *out, struct s2c_error **err)
{
	struct s2c_user user;

	if (o->ahead) {
		*out = *o->ahead;
		return 0;
	}
	if (s2c_onbuild_resolve_user(
		    o, s2c_config_user(s2c_onbuild_config(o)), &user, err))
		return -1;
	*out = (struct s2c_owner){user.uid, user.gid};
	return 0;
}

/* A container that files of this owner can be put into. */
int s2c_onbuild_need_for_copy(
	struct s2c_onbuild *o, const struct s2c_owner *owner, struct s2c_error **err)
{
	struct s2c_owner user;

	if (o->container && (o->traits.owners || same_owner(&o->owner, owner)) &&
		(o->traits.mixes || !o->ran))
		return 0;
	if (o->container && commit(o, err))
		return -1;
	if (!o->traits.owners)
		return create(o, owner, NULL, err);
	/* Most likely the next RUN can use it too. */
	return next_owner(o, &user, err) ? -1 : create(o, &user, NULL, err);
}

int s2c_onbuild_need_any(struct s2c_onbuild *o, struct s2c_error **err)
{
	struct s2c_owner owner;

	if (o->container)
		return 0;
	return next_owner(o, &owner, err) ? -1 : create(o, &owner, NULL, err);
}

/* ---- what triggers do ---- */

static void environment(const struct s2c_onbuild *o, const struct s2c_eval_run *run,
	const char *home, struct s2c_strv *out)
{
	s2c_strv_add_all(out, run->env);
	s2c_env_default(out, home);
	s2c_strv_foreach (variable, &o->job->plan->only_env) {
		CLEAN_FREE char *name = xstrndup(variable, strcspn(variable, "="));

		/* The host's give way, those of --build-env do not. */
		if (s2c_strv_find(&o->job->host_env, variable) < 0 ||
			!s2c_env_get(run->env, name))
			s2c_env_put(out, variable);
	}
}

int s2c_onbuild_do_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	struct s2c_onbuild *o = self;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {
		.argv = run->argv,
		.env = &env,
		.cwd = run->cwd,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
	};
	struct s2c_owner owner;
	struct s2c_user user;
	int status;

	if (s2c_onbuild_resolve_user(o, run->user, &user, err))
		return -1;
	owner = (struct s2c_owner){user.uid, user.gid};
	environment(o, run, user.home, &env);
	if (need_for_run(o, &owner, &opts, err) ||
		s2c_container_run(o->job->ctx, o->container, &opts, &status, err))
		return -1;
	o->ran = true;
	if (status > 128)
		return s2c_fail_status(err, S2C_ECHILD, status,
			"it was ended by signal %d (status %d)", status - 128, status);
	return status ? s2c_fail_status(err, S2C_ECHILD, status,
				"it failed with status %d", status)
		      : 0;
}

/* ---- trying them without doing anything ---- */

static int try_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	(void)self;
	(void)run;
	(void)err;
	return 0;
}

static int try_copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	struct s2c_owner owner;

	return s2c_onbuild_copy_owner(self, copy, &owner, err);
}

static int try_workdir(void *self, const char *path, struct s2c_error **err)
{
	(void)self;
	(void)path;
	(void)err;
	return 0;
}

static const struct s2c_eval_ops doing_ops = {
	.run = s2c_onbuild_do_run,
	.copy = s2c_onbuild_copy,
	.user = check_user,
	.workdir = s2c_onbuild_workdir,
};
static const struct s2c_eval_ops trying_ops = {
	.run = try_run,
	.copy = try_copy,
	.user = check_user,
	.workdir = try_workdir,
};

/* ---- all of them ---- */

int s2c_onbuild_apply(struct s2c_onbuild *o, const char *text, struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;

	if (s2c_dockerfile_parse_one(text, &file, err))
		return -1;
	return s2c_eval_apply(&o->eval, &file->items[0], file->escape, err);
}

static int apply_triggers(struct s2c_onbuild *o, struct s2c_error **err)
{
	s2c_strv_foreach (trigger, &o->job->plan->triggers) {
		o->doing = trigger;
		if (o->eval.ops == &doing_ops)
			s2c_emit_log(o->job->ctx, S2C_INFO, "ONBUILD %s", trigger);
		if (s2c_onbuild_apply(o, trigger, err))
			return s2c_wrap(err, "trigger 'ONBUILD %.200s' of '%s'", trigger,
				o->job->builder->name);
	}
	return 0;
}

int s2c_onbuild_begin(
	struct s2c_onbuild *o, const struct s2c_eval_ops *ops, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;

	if (job->runtime)
		o->traits = s2c_runtime_traits(job->runtime);
	o->eval = (struct s2c_eval){
		.config = s2c_onbuild_config(o), .ops = ops, .self = o};
	o->from = (struct s2c_copy_from){
		.source = job->source, .ignore = job->ignore, .scripts = &job->scripts};
	o->doing = "";
	return s2c_uids_parse(job->options->allowed_uids, &o->allowed, err);
}

bool s2c_onbuild_wanted(const struct s2c_build_job *job)
{
	CLEAN_STRV struct s2c_strv triggers = S2C_STRV_INIT;

	if (!job->builder || job->describing)
		return false;
	s2c_config_onbuild(job->builder->config, &triggers);
	return triggers.len > 0;
}

int s2c_onbuild_check(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_CONFIG struct s2c_config *scratch = s2c_config_copy(job->plan->config);
	CLEAN(s2c_onbuild_release) struct s2c_onbuild o = {.job = job};

	if (s2c_onbuild_begin(&o, &trying_ops, err))
		return -1;
	s2c_config_set_user(scratch, job->plan->user_spec);
	o.eval.config = scratch;
	return apply_triggers(&o, err);
}

/* Who may not run is told for what. */
static int name_first_run(const struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv triggers = S2C_STRV_INIT;

	s2c_config_onbuild(job->builder->config, &triggers);
	s2c_strv_foreach (trigger, &triggers)
		if (strncasecmp(trigger, "RUN", 3) == 0)
			return s2c_wrap(err, "trigger 'ONBUILD %.200s' of '%s'", trigger,
				job->builder->name);
	return -1;
}

int s2c_onbuild_prepare(struct s2c_build_job *job, struct s2c_error **err)
{
	if (s2c_build_decide(job, err))
		return err && s2c_error_code(*err) == S2C_EDENIED
			       ? name_first_run(job, err)
			       : -1;
	if (s2c_onbuild_check(job, err))
		return -1;
	if (job->options->keep_failed)
		s2c_emit_log(job->ctx, S2C_WARN,
			"--keep-failed means nothing to the triggers of '%s'",
			job->builder->name);
	if (job->options->incremental)
		s2c_emit_log(job->ctx, S2C_WARN,
			"--incremental means nothing to the triggers of '%s', which save "
			"no "
			"artifacts",
			job->builder->name);
	return s2c_build_check_push(job, err);
}

int s2c_onbuild_run(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN(s2c_onbuild_release) struct s2c_onbuild o = {.job = job};
	CLEAN_STRV struct s2c_strv labels = S2C_STRV_INIT;

	if (s2c_onbuild_begin(&o, &doing_ops, err))
		return -1;
	s2c_labels_new(s2c_onbuild_config(&o), job->builder->config, &labels);
	s2c_config_set_user(s2c_onbuild_config(&o), job->plan->user_spec);
	if (apply_triggers(&o, err) || s2c_onbuild_finish(&o, err) || settle(&o, err)) {
		/* What failed is there for as long as the job. */
		job->container = TAKE(o.container);
		return -1;
	}
	s2c_config_set_labels(s2c_onbuild_config(&o), &labels);
	if (s2c_labels_check(s2c_onbuild_config(&o), err))
		return -1;
	job->container = TAKE(o.container);
	return 0;
}
