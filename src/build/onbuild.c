/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers, one after the other. Files and processes are in a container for as long as
 * the runtime can do the next thing in it; else it is committed and a new one is made of
 * the image that this gives. Only the last container is left to be committed by the
 * build.
 */
#include "build/onbuild.h"

#include <strings.h>

#include "build/dockerfile_copy.h"
#include "build/dockerfile_eval.h"
#include "build/env.h"
#include "build/finish.h"
#include "build/host_env.h"
#include "build/labels.h"
#include "build/paths.h"

/* Names of programs that can be an image's entrypoint, as S2I has them. */
static const char *const stems[] = {"exec", "execute", "run", "start"};

struct onbuild {
	struct s2c_build_job *job;
	struct s2c_runtime_traits traits;
	struct s2c_eval eval;
	struct s2c_uids allowed;
	struct s2c_copy_from from;
	struct s2c_image *image; /* that of intermediate commits; NULL: the builder */
	struct s2c_container *container; /* NULL: none so far */
	struct s2c_owner owner;          /* whose processes and files it has */
	bool ran;                        /* something has run in it */
	bool user_set;                   /* by a trigger */
	const char *doing; /* text of the trigger, for messages and history */
};

static void onbuild_release(struct onbuild *o)
{
	s2c_container_destroy(o->container);
	s2c_image_free(o->image);
	s2c_eval_release(&o->eval);
	s2c_uids_release(&o->allowed);
}

static struct s2c_config *config_of(struct onbuild *o)
{
	return o->job->plan->config;
}

/* ---- users ---- */

static int resolve_user(const struct onbuild *o, const char *spec, struct s2c_user *out,
	struct s2c_error **err)
{
	return s2c_user_resolve(spec, s2c_buf_str(&o->job->users.passwd),
		s2c_buf_str(&o->job->users.group), out, err);
}

static int check_user(void *self, const char *spec, struct s2c_error **err)
{
	struct onbuild *o = self;
	CLEAN_FREE char *ranges = NULL;
	struct s2c_user user;

	if (resolve_user(o, spec, &user, err))
		return -1;
	o->user_set = true;
	if (s2c_uids_allow(&o->allowed, user.uid))
		return 0;
	ranges = s2c_uids_format(&o->allowed);
	return s2c_fail(err, S2C_EDENIED,
		"user %u%s is not among the allowed ones (%s): take a builder image "
		"whose "
		"triggers need no such user, or allow it with --allowed-uids",
		user.uid, user.uid ? "" : " (root)", ranges);
}

/* ---- containers ---- */

static const struct s2c_image *image_of(const struct onbuild *o)
{
	return o->image ? o->image : o->job->builder;
}

static int create(struct onbuild *o, const struct s2c_owner *owner,
	const struct s2c_exec_opts *first, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;
	struct s2c_mount bundle = {
		.source = job->ca_file, .destination = s2c_build_bundle_path(job)};
	struct s2c_container_foresight foresight = {
		.first = first,
		.excludes = &job->plan->excludes,
		.read_after = S2C_IMAGE_METADATA_PATH,
		.created_by = o->doing,
	};
	struct s2c_container_opts opts = {
		.image = image_of(o),
		.network = job->plan->network,
		.network_required = job->plan->network_asked,
		.limits = job->plan->limits,
		.uid = owner->uid,
		.gid = owner->gid,
		.mounts = &bundle,
		.n_mounts = job->ca_file ? 1 : 0,
		.foresight = &foresight,
	};

	o->owner = *owner;
	o->ran = false;
	return s2c_container_create(job->ctx, job->runtime, &opts, &o->container, err);
}

/* The image that was just committed, to be built on. */
static int load(struct onbuild *o, const struct s2c_commit_result *made,
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

/* Makes an image of the container and goes on with that one. */
static int commit(struct onbuild *o, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;
	CLEAN(s2c_descriptor_release) struct s2c_descriptor desc = {0};
	struct s2c_commit_result made = {0};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	char created[S2C_TIME_TEXT];
	CLEAN_CONFIG struct s2c_config *config = s2c_config_copy(config_of(o));
	CLEAN_STRV struct s2c_strv cmd = S2C_STRV_INIT;
	struct s2c_commit_opts opts = {
		.config = config,
		.compression = job->plan->compression,
		.level = job->plan->compression_level,
		.created = created,
		.created_by = o->doing,
	};
	int rc;

	s2c_config_cmd(config, &cmd);
	set_some_command(config);
	if (s2c_creation_time(created, &opts.newest, err) ||
		s2c_container_commit(job->ctx, o->container, &opts, &made, err))
		return -1;
	s2c_descriptor_copy(&desc, &made.desc);
	rc = load(o, &made, &image, err);
	s2c_descriptor_release(&made.desc);
	if (rc)
		return -1;
	s2c_container_destroy(TAKE(o->container));
	s2c_image_free(o->image);
	o->image = TAKE(image);
	/* It has everything that the old one has, and one layer more. */
	s2c_config_free(job->plan->config);
	job->plan->config = s2c_config_copy(o->image->config);
	s2c_config_set_cmd(job->plan->config, &cmd);
	o->eval.config = job->plan->config;
	return 0;
}

static bool same_owner(const struct s2c_owner *a, const struct s2c_owner *b)
{
	return a->uid == b->uid && a->gid == b->gid;
}

/* A container whose processes are the owner's, in which `first` can run. */
static int need_for_run(struct onbuild *o, const struct s2c_owner *owner,
	const struct s2c_exec_opts *first, struct s2c_error **err)
{
	if (o->container && same_owner(&o->owner, owner) && (o->traits.mixes || !o->ran))
		return 0;
	if (o->container && commit(o, err))
		return -1;
	return create(o, owner, first, err);
}

/* The user in force as numbers. */
static int current_owner(struct onbuild *o, struct s2c_owner *out, struct s2c_error **err)
{
	struct s2c_user user;

	if (resolve_user(o, s2c_config_user(config_of(o)), &user, err))
		return -1;
	*out = (struct s2c_owner){user.uid, user.gid};
	return 0;
}

/* A container that files of this owner can be put into. */
static int need_for_copy(
	struct onbuild *o, const struct s2c_owner *owner, struct s2c_error **err)
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
	return current_owner(o, &user, err) ? -1 : create(o, &user, NULL, err);
}

/* ---- what triggers do ---- */

static int put(struct onbuild *o, const char *path, struct s2c_entries *entries,
	const struct s2c_owner *owner, struct s2c_error **err)
{
	return s2c_container_copy_as(
		o->job->ctx, o->container, path, entries, owner, err);
}

/* As docker has it, whoever is the user: root's. */
static int do_workdir(void *self, const char *path, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *nothing = s2c_copy_nothing();
	static const struct s2c_owner root = {0, 0};
	struct onbuild *o = self;

	if (need_for_copy(o, &root, err))
		return -1;
	if (s2c_container_is_dir(o->container, path))
		return 0;
	return put(o, path, nothing, &root, err);
}

static void environment(const struct onbuild *o, const struct s2c_eval_run *run,
	const char *home, struct s2c_strv *out)
{
	s2c_strv_add_all(out, run->env);
	s2c_env_default(out, home);
	s2c_strv_foreach (variable, &o->job->host_env) {
		CLEAN_FREE char *name = xstrndup(variable, strcspn(variable, "="));

		if (!s2c_env_get(run->env, name))
			s2c_env_put(out, variable);
	}
}

static int do_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	struct onbuild *o = self;
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

	if (resolve_user(o, run->user, &user, err))
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

/* --chown; a lone user's group has the same name or number. */
static int copy_owner(struct onbuild *o, const struct s2c_eval_copy *copy,
	struct s2c_owner *out, struct s2c_error **err)
{
	CLEAN_FREE char *both = NULL;
	struct s2c_user user;

	*out = (struct s2c_owner){0, 0};
	if (!copy->owner)
		return 0;
	both = strchr(copy->owner, ':') ? xstrdup(copy->owner)
					: xasprintf("%s:%s", copy->owner, copy->owner);
	if (resolve_user(o, both, &user, err))
		return s2c_wrap(err, "--chown");
	*out = (struct s2c_owner){user.uid, user.gid};
	return 0;
}

/* One COPY on its way. */
struct copying {
	struct onbuild *o;
	const struct s2c_eval_copy *copy;
	struct s2c_owner owner;
	bool into; /* the destination is a directory for files */
};

/* Some roots by one walk: files below the destination, or one that is the destination. */
static int put_roots(const struct copying *c, const struct s2c_copy_root *roots, size_t n,
	struct s2c_error **err)
{
	const char *dest = c->copy->destination, *slash = strrchr(dest, '/');
	bool is_name = !roots[0].dir && !c->into;
	struct s2c_copy_map map = {
		.roots = roots,
		.n = n,
		.rename = is_name ? slash + 1 : NULL,
		.mode = c->copy->mode,
	};
	CLEAN_FREE char *dir = is_name ? xstrndup(dest, (size_t)(slash - dest))
				       : xstrdup(dest);
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;

	if (s2c_copy_entries(&c->o->from, &map, &entries, err))
		return -1;
	return put(c->o, *dir ? dir : "/", entries, &c->owner, err);
}

/* ADD: an archive is unpacked at the destination. *out_done: it was one. */
static int put_archive(const struct copying *c, const struct s2c_copy_root *root,
	bool *out_done, struct s2c_error **err)
{
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;

	*out_done = false;
	if (!c->copy->unpack || root->dir)
		return 0;
	if (s2c_copy_archive(c->o->job->ctx, &c->o->from, root->path, &entries, err))
		return -1;
	if (!entries)
		return 0;
	*out_done = true;
	if (put(c->o, c->copy->destination, entries, &c->owner, err))
		return s2c_wrap(err, "archive '%s'", root->path);
	return 0;
}

/* What a link has led to goes by itself: it may be there under its own name as well. */
static int put_all(const struct copying *c, const struct s2c_copy_roots *roots,
	struct s2c_error **err)
{
	for (size_t i = 0; i < roots->n;) {
		size_t n = 1;
		bool done;

		if (put_archive(c, &roots->items[i], &done, err))
			return -1;
		while (!c->copy->unpack && !roots->items[i].linked && i + n < roots->n &&
			!roots->items[i + n].linked)
			n++;
		if (!done && put_roots(c, &roots->items[i], n, err))
			return -1;
		i += n;
	}
	return 0;
}

static int do_copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	struct onbuild *o = self;
	struct copying c = {.o = o, .copy = copy};
	size_t len = strlen(copy->destination), n = 0;

	c.into = copy->destination[len - 1] == '/';
	if (copy_owner(o, copy, &c.owner, err) || need_for_copy(o, &c.owner, err))
		return -1;
	s2c_strv_foreach (source, copy->sources) {
		CLEAN(s2c_copy_roots_release) struct s2c_copy_roots roots = {0};

		if (s2c_copy_find(o->job->ctx, &o->from, source, &roots, err))
			return -1;
		n += roots.n;
		if (!c.into && (n > 1 || copy->sources->len > 1))
			return s2c_fail(err, S2C_EINVAL,
				"several sources need a directory as destination: end "
				"'%s' with a '/'",
				copy->destination);
		if (!c.into && s2c_container_is_dir(o->container, copy->destination))
			c.into = true;
		if (put_all(&c, &roots, err))
			return -1;
	}
	return 0;
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

	return copy_owner(self, copy, &owner, err);
}

static int try_workdir(void *self, const char *path, struct s2c_error **err)
{
	(void)self;
	(void)path;
	(void)err;
	return 0;
}

static const struct s2c_eval_ops doing_ops = {
	.run = do_run,
	.copy = do_copy,
	.user = check_user,
	.workdir = do_workdir,
};
static const struct s2c_eval_ops trying_ops = {
	.run = try_run,
	.copy = try_copy,
	.user = check_user,
	.workdir = try_workdir,
};

/* ---- all of them ---- */

static int apply_text(struct onbuild *o, const char *text, struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;

	if (s2c_dockerfile_parse_one(text, &file, err))
		return -1;
	return s2c_eval_apply(&o->eval, &file->items[0], file->escape, err);
}

static int apply_triggers(struct onbuild *o, struct s2c_error **err)
{
	s2c_strv_foreach (trigger, &o->job->plan->triggers) {
		o->doing = trigger;
		if (o->eval.ops == &doing_ops)
			s2c_emit_log(o->job->ctx, S2C_INFO, "ONBUILD %s", trigger);
		if (apply_text(o, trigger, err))
			return s2c_wrap(err, "trigger 'ONBUILD %.200s' of '%s'", trigger,
				o->job->builder->name);
	}
	return 0;
}

static int begin(
	struct onbuild *o, const struct s2c_eval_ops *ops, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;

	if (job->runtime)
		o->traits = s2c_runtime_traits(job->runtime);
	o->eval = (struct s2c_eval){.config = config_of(o), .ops = ops, .self = o};
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
	CLEAN(onbuild_release) struct onbuild o = {.job = job};

	if (begin(&o, &trying_ops, err))
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
	if (job->options->incremental)
		s2c_emit_log(job->ctx, S2C_WARN,
			"--incremental means nothing to the triggers of '%s', which save "
			"no "
			"artifacts",
			job->builder->name);
	return s2c_build_check_push(job, err);
}

/* ---- what S2I adds ---- */

static bool is_entrypoint(const struct s2c_entry *entry)
{
	size_t len = strlen(entry->path);

	if (entry->type != S2C_ENTRY_FILE || !(entry->mode & 0111) ||
		strchr(entry->path, '/'))
		return false;
	if (len > 3 && streq(entry->path + len - 3, ".sh"))
		len -= 3;
	for (size_t i = 0; i < ARRAY_SIZE(stems); i++)
		if (strlen(stems[i]) == len && memcmp(stems[i], entry->path, len) == 0)
			return true;
	return false;
}

/* The first of the source's files that can be one, by name; NULL: none. Caller frees. */
static int find_entrypoint(struct onbuild *o, char **out, struct s2c_error **err)
{
	struct s2c_copy_root all = {
		.path = (char *)".", .name = (char *)".", .dir = true};
	struct s2c_copy_map map = {.roots = &all, .n = 1, .mode = -1};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *entry;
	CLEAN_FREE char *best = NULL;

	if (s2c_copy_entries(&o->from, &map, &entries, err))
		return -1;
	for (;;) {
		if (s2c_entries_next(entries, o->job->ctx, &entry, err) < 0)
			return -1;
		if (!entry)
			break;
		if (!is_entrypoint(entry) || (best && strcmp(best, entry->path) <= 0))
			continue;
		free(best);
		best = xstrdup(entry->path);
	}
	*out = TAKE(best);
	return 0;
}

/* Keeps what the image starts with, if it starts with anything. */
static int keep_command(struct onbuild *o, const char *why, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	s2c_config_entrypoint(config_of(o), &argv);
	s2c_config_cmd(config_of(o), &argv);
	if (!argv.len)
		return s2c_fail(err, S2C_EINVAL,
			"no valid entrypoint: %s, and neither '%s' nor its triggers set "
			"a "
			"CMD; name the program that starts the application run, start, "
			"exec or "
			"execute (or the same with .sh), and make it executable",
			why, o->job->builder->name);
	s2c_emit_log(o->job->ctx, S2C_INFO,
		"%s, so the image starts with '%s', as its "
		"builder image has it",
		why, argv.items[0]);
	return 0;
}

static int set_entrypoint(struct onbuild *o, struct s2c_error **err)
{
	CLEAN_FREE char *name = NULL, *cwd = NULL, *path = NULL, *text = NULL,
			*why = NULL;

	if (find_entrypoint(o, &name, err))
		return -1;
	if (!name)
		return keep_command(o,
			"the source has no executable file run, start, exec or execute "
			"(or the same with .sh)",
			err);
	if (s2c_inner_workdir(s2c_config_workdir(config_of(o)), &cwd, err))
		return -1;
	path = s2c_inner_join(cwd, name);
	if (!s2c_container_has_program(o->container, path)) {
		why = xasprintf("'%s' of the source was not copied to '%s'", name, cwd);
		return keep_command(o, why, err);
	}
	text = xasprintf("ENTRYPOINT [\"./%s\"]", name);
	return apply_text(o, text, err);
}

/* An assemble of the source or of --scripts-url, where the triggers have put it. */
static int run_assemble(struct onbuild *o, struct s2c_error **err)
{
	const struct s2c_script_source *script =
		&o->job->scripts.items[S2C_SCRIPT_ASSEMBLE];

	if (!script->body.len)
		return 0;
	o->doing = "RUN sh assemble";
	if (apply_text(o, o->doing, err))
		return s2c_wrap(err, "assemble (%s)", script->origin);
	return 0;
}

static int finish(struct onbuild *o, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;
	struct s2c_owner owner;

	/* What the user has said wins over the triggers. */
	s2c_strv_foreach (variable, &job->plan->env)
		s2c_config_set_env(config_of(o), variable);
	if (run_assemble(o, err))
		return -1;
	if (!o->container &&
		(current_owner(o, &owner, err) || create(o, &owner, NULL, err)))
		return -1;
	if (set_entrypoint(o, err))
		return -1;
	if (!o->user_set)
		s2c_config_set_user(config_of(o), job->plan->image_user);
	return 0;
}

int s2c_onbuild_run(struct s2c_build_job *job, struct s2c_error **err)
{
	CLEAN(onbuild_release) struct onbuild o = {.job = job};
	CLEAN_STRV struct s2c_strv labels = S2C_STRV_INIT;

	if (begin(&o, &doing_ops, err))
		return -1;
	s2c_labels_new(config_of(&o), job->builder->config, &labels);
	s2c_config_set_user(config_of(&o), job->plan->user_spec);
	if (apply_triggers(&o, err) || finish(&o, err))
		return -1;
	s2c_labels_put(config_of(&o), &labels);
	if (s2c_labels_check(config_of(&o), err))
		return -1;
	job->container = TAKE(o.container);
	return 0;
}
