/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triggers: first tried without any effect, then carried out by an executor, and after
 * them what S2I adds.
 */
#include "build/onbuild.h"

#include <strings.h>

#include "build/executor.h"
#include "build/labels.h"
#include "build/paths.h"

static int check_user(void *self, const char *spec, struct s2c_error **err)
{
	struct s2c_executor *x = self;
	struct s2c_user user;

	if (s2c_executor_resolve_user(x, spec, &user, err))
		return -1;
	x->user_set = true;
	return s2c_executor_allow_user(x, user.uid,
		"take a builder image whose triggers need no such user", err);
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

	return s2c_executor_copy_owner(self, copy, &owner, err);
}

static int try_workdir(void *self, const char *path, struct s2c_error **err)
{
	(void)self;
	(void)path;
	(void)err;
	return 0;
}

/* ---- what S2I does after them ---- */

/* Names of programs that can be an image's entrypoint, as S2I has them. */
static const char *const stems[] = {"exec", "execute", "run", "start"};

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
static int find_entrypoint(struct s2c_executor *x, char **out, struct s2c_error **err)
{
	struct s2c_copy_root all = {
		.path = (char *)".", .name = (char *)".", .dir = true};
	struct s2c_copy_map map = {.roots = &all, .n = 1, .mode = -1};
	CLEAN_ENTRIES struct s2c_entries *entries = NULL;
	const struct s2c_entry *entry;
	CLEAN_FREE char *best = NULL;

	if (s2c_copy_entries(&x->from, &map, &entries, err))
		return -1;
	for (;;) {
		if (s2c_entries_next(entries, x->job->ctx, &entry, err) < 0)
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
static int keep_command(struct s2c_executor *x, const char *why, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	s2c_config_entrypoint(s2c_executor_config(x), &argv);
	s2c_config_cmd(s2c_executor_config(x), &argv);
	if (!argv.len)
		return s2c_fail(err, S2C_EINVAL,
			"no valid entrypoint: %s, and neither '%s' nor its triggers set "
			"a "
			"CMD; name the program that starts the application run, start, "
			"exec or "
			"execute (or the same with .sh), and make it executable",
			why, x->job->builder->name);
	s2c_emit_log(x->job->ctx, S2C_INFO,
		"%s, so the image starts with '%s', as its "
		"builder image has it",
		why, argv.items[0]);
	return 0;
}

static int set_entrypoint(struct s2c_executor *x, struct s2c_error **err)
{
	CLEAN_FREE char *name = NULL, *cwd = NULL, *path = NULL, *text = NULL,
			*why = NULL;

	if (find_entrypoint(x, &name, err))
		return -1;
	if (!name)
		return keep_command(x,
			"the source has no executable file run, start, exec or execute "
			"(or the same with .sh)",
			err);
	if (s2c_inner_workdir(s2c_config_workdir(s2c_executor_config(x)), &cwd, err))
		return -1;
	path = s2c_inner_join(cwd, name);
	if (!s2c_container_has_program(x->container, path)) {
		why = xasprintf("'%s' of the source was not copied to '%s'", name, cwd);
		return keep_command(x, why, err);
	}
	text = xasprintf("ENTRYPOINT [\"./%s\"]", name);
	return s2c_executor_apply(x, text, err);
}

/* An assemble of the source or of --scripts-url, where the triggers have put it. */
static int run_assemble(struct s2c_executor *x, struct s2c_error **err)
{
	const struct s2c_script_source *script =
		&x->job->scripts.items[S2C_SCRIPT_ASSEMBLE];

	if (!script->body.len)
		return 0;
	x->doing = "RUN sh assemble";
	if (s2c_executor_apply(x, x->doing, err))
		return s2c_wrap(err, "assemble (%s)", script->origin);
	return 0;
}

static int finish(struct s2c_executor *x, struct s2c_error **err)
{
	struct s2c_build_job *job = x->job;

	/* What the user has said wins over the triggers. */
	s2c_strv_foreach (variable, &job->plan->env)
		s2c_config_set_env(s2c_executor_config(x), variable);
	if (run_assemble(x, err))
		return -1;
	if (s2c_executor_need_any(x, err) || set_entrypoint(x, err))
		return -1;
	if (!x->user_set)
		s2c_config_set_user(s2c_executor_config(x), job->plan->image_user);
	return 0;
}

/* ---- all of them ---- */

static const struct s2c_eval_ops doing_ops = {
	.run = s2c_executor_run,
	.copy = s2c_executor_copy,
	.user = check_user,
	.workdir = s2c_executor_workdir,
};
static const struct s2c_eval_ops trying_ops = {
	.run = try_run,
	.copy = try_copy,
	.user = check_user,
	.workdir = try_workdir,
};

static int apply_triggers(struct s2c_executor *x, struct s2c_error **err)
{
	s2c_strv_foreach (trigger, &x->job->plan->triggers) {
		x->doing = trigger;
		if (x->eval.ops == &doing_ops)
			s2c_emit_log(x->job->ctx, S2C_INFO, "ONBUILD %s", trigger);
		if (s2c_executor_apply(x, trigger, err))
			return s2c_wrap(err, "trigger 'ONBUILD %.200s' of '%s'", trigger,
				x->job->builder->name);
	}
	return 0;
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
	CLEAN(s2c_executor_release) struct s2c_executor x = {.job = job};

	if (s2c_executor_begin(&x, &trying_ops, err))
		return -1;
	s2c_config_set_user(scratch, job->plan->user_spec);
	x.eval.config = scratch;
	return apply_triggers(&x, err);
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
	CLEAN(s2c_executor_release) struct s2c_executor x = {.job = job};
	CLEAN_STRV struct s2c_strv labels = S2C_STRV_INIT;

	if (s2c_executor_begin(&x, &doing_ops, err))
		return -1;
	s2c_labels_new(s2c_executor_config(&x), job->builder->config, &labels);
	s2c_config_set_user(s2c_executor_config(&x), job->plan->user_spec);
	if (apply_triggers(&x, err) || finish(&x, err) || s2c_executor_settle(&x, err)) {
		/* What failed is there for as long as the job. */
		job->container = TAKE(x.container);
		return -1;
	}
	s2c_config_set_labels(s2c_executor_config(&x), &labels);
	if (s2c_labels_check(s2c_executor_config(&x), err))
		return -1;
	job->container = TAKE(x.container);
	return 0;
}
