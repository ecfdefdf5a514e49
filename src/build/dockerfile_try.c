/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trial: who runs what with which mounts, by what the instructions say.
 */
#include "build/dockerfile_build_impl.h"
#include "build/dockerfile_from.h"
#include "build/paths.h"

/* ---- mounts ---- */

static const char *keep(struct s2c_file_run *run, char *text)
{
	s2c_strv_add_take(&run->strings, text);
	return text;
}

/* What was given to the build by this id; NULL: nothing. */
static const struct s2c_mount_spec *given(const struct s2c_file_build *b,
	enum s2c_mount_spec_kind kind, const char *id, size_t *out_index)
{
	const struct s2c_mount_specs *specs = &b->job.mounts.specs;

	for (size_t i = 0; i < specs->n; i++)
		if (specs->items[i].kind == kind &&
			(!id || streq(specs->items[i].id, id))) {
			*out_index = i;
			return &specs->items[i];
		}
	return NULL;
}

static int missing(const struct s2c_run_mount *m, const char *what, const char *option,
	struct s2c_error **err)
{
	if (!m->required)
		return 0;
	return s2c_fail(err, S2C_ENOENT, "%s '%s' is required: give it with %s", what,
		m->id, option);
}

static int plan_secret(struct s2c_file_stage *s, struct s2c_file_run *run,
	const struct s2c_run_mount *m, const char *path, struct s2c_error **err)
{
	CLEAN_FREE char *option = xasprintf("--secret id=%s,src=FILE", m->id);
	size_t i;

	if (!given(s->build, S2C_SPEC_SECRET, m->id, &i))
		return missing(m, "secret", option, err);
	s2c_strv_add(&s->build->used, m->id);
	run->mounts[run->n_mounts++] = (struct s2c_mount){
		.kind = S2C_MOUNT_SECRET,
		.destination = path,
		.files = s->build->job.mounts.secrets[i].files,
		.n_files = s->build->job.mounts.secrets[i].n,
	};
	return 0;
}

static int plan_agent(struct s2c_file_stage *s, struct s2c_file_run *run,
	const struct s2c_run_mount *m, const char *path, struct s2c_error **err)
{
	size_t i;
	const struct s2c_mount_spec *spec = given(s->build, S2C_SPEC_AGENT, NULL, &i);

	if (!spec)
		return missing(m, "SSH agent", "--ssh default", err);
	s2c_env_set(&run->env, "SSH_AUTH_SOCK", path);
	run->mounts[run->n_mounts++] = (struct s2c_mount){
		.kind = S2C_MOUNT_AGENT,
		.source = spec->from,
		.destination = path,
	};
	return 0;
}

static void plan_cache(struct s2c_file_stage *s, struct s2c_file_run *run,
	const struct s2c_run_mount *m, const char *path)
{
	char *key = s2c_build_cache_key(
		m->id, s->job.builder->name, run->owner.uid, run->owner.gid);

	run->mounts[run->n_mounts++] = (struct s2c_mount){
		.kind = S2C_MOUNT_CACHE,
		.destination = path,
		.key = keep(run, key),
		.about = keep(run, xstrdup(m->id)),
	};
}

static int plan_mount(struct s2c_file_stage *s, struct s2c_file_run *run,
	const struct s2c_run_mount *m, const char *cwd, struct s2c_error **err)
{
	CLEAN_FREE char *usual = m->kind == S2C_RUN_AGENT
					 ? xstrdup(S2C_AGENT_PATH)
					 : xasprintf(S2C_SECRETS_DIR "/%s", m->id);
	CLEAN_FREE char *joined = s2c_inner_join(cwd, m->target ? m->target : usual);
	char *path = NULL;

	if (m->has_uid && m->uid != run->owner.uid)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"its uid is %u, but this RUN's user is %u, whose a mount always "
			"is: write uid=%u, or leave it out",
			m->uid, run->owner.uid, run->owner.uid);
	if (s2c_inner_path(joined, &path, err))
		return -1;
	(void)keep(run, path);
	switch (m->kind) {
	case S2C_RUN_SECRET:
		return plan_secret(s, run, m, path, err);
	case S2C_RUN_AGENT:
		return plan_agent(s, run, m, path, err);
	case S2C_RUN_CACHE:
		break;
	}
	plan_cache(s, run, m, path);
	return 0;
}

/* ---- ops ---- */

static int allow_user(struct s2c_file_stage *s, const char *spec, struct s2c_user *out,
	struct s2c_error **err)
{
	if (s2c_executor_resolve_user(&s->executor, spec, out, err))
		return -1;
	return s2c_executor_allow_user(&s->executor, out->uid,
		"write a USER that is allowed before it, and --chown at COPY instead of "
		"a "
		"chown",
		err);
}

static int try_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	struct s2c_file_stage *s = self;
	struct s2c_user user;
	struct s2c_file_run *planned;

	if (allow_user(s, run->user, &user, err))
		return -1;
	s->runs = xreallocarray(s->runs, s->n_runs + 1, sizeof(*s->runs));
	planned = &s->runs[s->n_runs++];
	*planned = (struct s2c_file_run){
		.owner = {user.uid, user.gid},
		.mounts = run->n_mounts ? xcalloc(run->n_mounts, sizeof(*planned->mounts))
					: NULL,
	};
	for (size_t i = 0; i < run->n_mounts; i++)
		if (plan_mount(s, planned, &run->mounts[i], run->cwd, err))
			return s2c_wrap(err, "--mount of '%s'", run->mounts[i].id);
	return 0;
}

static int try_copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	struct s2c_file_stage *s = self;
	struct s2c_owner owner;
	size_t from;

	if (s2c_executor_copy_owner(&s->executor, copy, &owner, err))
		return -1;
	if (!copy->from)
		return 0;
	if (s2c_stages_find(&s->build->texts, s->number, copy->from, &from, err))
		return s2c_wrap(err, "--from");
	return s2c_from_check(copy, err);
}

int s2c_file_check_user(void *self, const char *spec, struct s2c_error **err)
{
	struct s2c_user user;

	return allow_user(self, spec, &user, err);
}

static int try_workdir(void *self, const char *path, struct s2c_error **err)
{
	(void)self;
	(void)path;
	(void)err;
	return 0;
}

int s2c_file_try(struct s2c_file_stage *s, struct s2c_error **err)
{
	static const struct s2c_eval_ops ops = {
		.run = try_run,
		.copy = try_copy,
		.user = s2c_file_check_user,
		.workdir = try_workdir,
	};
	CLEAN_CONFIG struct s2c_config *scratch = s2c_config_copy(s->job.plan->config);

	if (s2c_file_begin_ops(s, &ops, err))
		return -1;
	s->executor.eval.config = scratch;
	for (size_t i = 0; i < s->text->n; i++)
		if (s2c_file_apply(s, &s->text->items[i], err))
			return -1;
	return 0;
}
