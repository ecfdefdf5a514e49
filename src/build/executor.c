/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions, one after the other. Files and processes are in a container for as long
 * as the runtime can do the next thing in it; else it is committed and a new one is made
 * of the image that this gives. Only the last container is left to be committed by the
 * build.
 */
#include "build/executor.h"

#include "build/env.h"
#include "build/finish.h"
#include "build/labels.h"

void s2c_executor_release(struct s2c_executor *x)
{
	s2c_container_destroy(x->container);
	s2c_eval_release(&x->eval);
	s2c_uids_release(&x->allowed);
}

/* ---- users ---- */

int s2c_executor_resolve_user(const struct s2c_executor *x, const char *spec,
	struct s2c_user *out, struct s2c_error **err)
{
	return s2c_user_resolve(spec, s2c_buf_str(&x->job->users.passwd),
		s2c_buf_str(&x->job->users.group), out, err);
}

int s2c_executor_allow_user(const struct s2c_executor *x, uint32_t uid,
	const char *remedy, struct s2c_error **err)
{
	CLEAN_FREE char *ranges = NULL;

	if (s2c_uids_allow(&x->allowed, uid))
		return 0;
	ranges = s2c_uids_format(&x->allowed);
	return s2c_fail(err, S2C_EDENIED,
		"user %u%s is not among the allowed ones (%s): %s, or allow it with "
		"--allowed-uids",
		uid, uid ? "" : " (root)", ranges, remedy);
}

/* ---- containers ---- */

static int create(struct s2c_executor *x, const struct s2c_owner *owner,
	const struct s2c_exec_opts *first, struct s2c_error **err)
{
	struct s2c_build_job *job = x->job;
	CLEAN_FREE struct s2c_mount *mounts = xcalloc(job->mounts.n + 1, sizeof(*mounts));
	struct s2c_container_foresight foresight = {
		.first = first,
		.excludes = &job->plan->excludes,
		.read_after = S2C_IMAGE_METADATA_PATH,
		.created_by = x->doing,
	};
	struct s2c_container_opts opts;

	s2c_build_container_opts(job, mounts, &opts);
	opts.image = job->step ? job->step : job->builder;
	opts.uid = owner->uid;
	opts.gid = owner->gid;
	opts.foresight = &foresight;
	x->owner = *owner;
	x->mounted = job->mounts.items;
	x->ran = false;
	x->begun = x->doing;
	return s2c_container_create(job->ctx, job->runtime, &opts, &x->container, err);
}

/* The image that was just committed, to be built on. */
static int load(struct s2c_executor *x, const struct s2c_commit_result *made,
	struct s2c_image **out, struct s2c_error **err)
{
	CLEAN_ERROR struct s2c_error *why = NULL;
	struct s2c_build_job *job = x->job;

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
int s2c_executor_settle(struct s2c_executor *x, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT, env = S2C_STRV_INIT;
	struct s2c_exec_opts opts = {
		.argv = &argv, .env = &env, .fd_in = -1, .fd_out = -1, .fd_err = -1};
	int status;

	if (!x->job->gate || x->ran)
		return 0;
	s2c_strv_add(&argv, "/bin/sh");
	s2c_strv_add(&argv, "-c");
	s2c_strv_add(&argv, ":");
	s2c_env_default(&env, "");
	if (s2c_container_run(x->job->ctx, x->container, &opts, &status, err))
		return -1;
	x->ran = true;
	return status ? s2c_fail(err, S2C_EUNSUPPORTED,
				"the image's /bin/sh does nothing but fail (status %d)",
				status)
		      : 0;
}

/* Makes an image of the container and goes on with that one. */
static int commit(struct s2c_executor *x, struct s2c_error **err)
{
	struct s2c_build_job *job = x->job;
	CLEAN(s2c_descriptor_release) struct s2c_descriptor desc = {0};
	struct s2c_commit_result made = {0};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	char created[S2C_TIME_TEXT];
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(s2c_executor_config(x));
	CLEAN_STRV struct s2c_strv cmd = S2C_STRV_INIT;
	struct s2c_commit_opts opts = {
		.config = config,
		.compression = job->plan->compression,
		.level = job->plan->compression_level,
		.forbidden = job->mounts.needles,
		.keep_tree = true,
		.created = created,
		.created_by = x->begun,
	};
	int rc;

	s2c_config_cmd(config, &cmd);
	set_some_command(config);
	if (job->gate)
		keep_as_it_was(config, (job->step ? job->step : job->builder)->config);
	if (s2c_executor_settle(x, err) ||
		s2c_creation_time(created, &opts.newest, err) ||
		s2c_container_commit(job->ctx, x->container, &opts, &made, err))
		return -1;
	s2c_descriptor_copy(&desc, &made.desc);
	rc = load(x, &made, &image, err);
	s2c_descriptor_release(&made.desc);
	if (rc)
		return -1;
	s2c_container_destroy(TAKE(x->container));
	s2c_image_free(job->step);
	job->step = TAKE(image);
	/* An engine keeps count of layers itself, and forgets other things. */
	if (job->gate)
		return 0;
	/* It has everything that the old one has, and one layer more. */
	s2c_config_free(job->plan->config);
	job->plan->config = s2c_config_copy(job->step->config);
	s2c_config_set_cmd(job->plan->config, &cmd);
	x->eval.config = job->plan->config;
	return 0;
}

static bool same_owner(const struct s2c_owner *a, const struct s2c_owner *b)
{
	return a->uid == b->uid && a->gid == b->gid;
}

/* A container whose processes are the owner's, in which `first` can run. */
static int need_for_run(struct s2c_executor *x, const struct s2c_owner *owner,
	const struct s2c_exec_opts *first, struct s2c_error **err)
{
	if (x->container && same_owner(&x->owner, owner) &&
		x->mounted == x->job->mounts.items && (x->traits.mixes || !x->ran))
		return 0;
	if (x->container && commit(x, err))
		return -1;
	return create(x, owner, first, err);
}

/* Who will most likely run next: the user in force, if nothing else is known. */
static int next_owner(
	struct s2c_executor *x, struct s2c_owner *out, struct s2c_error **err)
{
	struct s2c_user user;

	if (x->ahead) {
		*out = *x->ahead;
		return 0;
	}
	if (s2c_executor_resolve_user(
		    x, s2c_config_user(s2c_executor_config(x)), &user, err))
		return -1;
	*out = (struct s2c_owner){user.uid, user.gid};
	return 0;
}

/* A container that files of this owner can be put into. */
int s2c_executor_need_for_copy(
	struct s2c_executor *x, const struct s2c_owner *owner, struct s2c_error **err)
{
	struct s2c_owner user;

	if (x->container && (x->traits.owners || same_owner(&x->owner, owner)) &&
		(x->traits.mixes || !x->ran))
		return 0;
	if (x->container && commit(x, err))
		return -1;
	if (!x->traits.owners)
		return create(x, owner, NULL, err);
	/* Most likely the next RUN can use it too. */
	return next_owner(x, &user, err) ? -1 : create(x, &user, NULL, err);
}

int s2c_executor_need_any(struct s2c_executor *x, struct s2c_error **err)
{
	struct s2c_owner owner;

	if (x->container)
		return 0;
	return next_owner(x, &owner, err) ? -1 : create(x, &owner, NULL, err);
}

/* ---- RUN ---- */

static void environment(const struct s2c_executor *x, const struct s2c_eval_run *run,
	const char *home, struct s2c_strv *out)
{
	s2c_strv_add_all(out, run->env);
	s2c_env_default(out, home);
	s2c_strv_foreach (variable, &x->job->plan->only_env) {
		CLEAN_FREE char *name = xstrndup(variable, strcspn(variable, "="));

		/* The host's give way, those of --build-env do not. */
		if (s2c_strv_find(&x->job->host_env, variable) < 0 ||
			!s2c_env_get(run->env, name))
			s2c_env_put(out, variable);
	}
}

int s2c_executor_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	struct s2c_executor *x = self;
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

	if (s2c_executor_resolve_user(x, run->user, &user, err))
		return -1;
	owner = (struct s2c_owner){user.uid, user.gid};
	environment(x, run, user.home, &env);
	if (need_for_run(x, &owner, &opts, err) ||
		s2c_container_run(x->job->ctx, x->container, &opts, &status, err))
		return -1;
	x->ran = true;
	if (status > 128)
		return s2c_fail_status(err, S2C_ECHILD, status,
			"it was ended by signal %d (status %d)", status - 128, status);
	return status ? s2c_fail_status(err, S2C_ECHILD, status,
				"it failed with status %d", status)
		      : 0;
}

/* ---- from begin to end ---- */

int s2c_executor_begin(
	struct s2c_executor *x, const struct s2c_eval_ops *ops, struct s2c_error **err)
{
	struct s2c_build_job *job = x->job;

	if (job->runtime)
		x->traits = s2c_runtime_traits(job->runtime);
	x->eval = (struct s2c_eval){
		.config = s2c_executor_config(x), .ops = ops, .self = x};
	x->from = (struct s2c_copy_from){
		.source = job->source, .ignore = job->ignore, .scripts = &job->scripts};
	x->doing = "";
	return s2c_uids_parse(job->options->allowed_uids, &x->allowed, err);
}

int s2c_executor_apply(struct s2c_executor *x, const char *text, struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;

	if (s2c_dockerfile_parse_one(text, &file, err))
		return -1;
	return s2c_eval_apply(&x->eval, &file->items[0], file->escape, err);
}
