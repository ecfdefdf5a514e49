/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the triggers: what S2I adds to them, and what it leaves out.
 */
#include "build/onbuild_impl.h"
#include "build/paths.h"

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
static int find_entrypoint(struct s2c_onbuild *o, char **out, struct s2c_error **err)
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
static int keep_command(struct s2c_onbuild *o, const char *why, struct s2c_error **err)
{
	CLEAN_STRV struct s2c_strv argv = S2C_STRV_INIT;

	s2c_config_entrypoint(s2c_onbuild_config(o), &argv);
	s2c_config_cmd(s2c_onbuild_config(o), &argv);
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

static int set_entrypoint(struct s2c_onbuild *o, struct s2c_error **err)
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
	if (s2c_inner_workdir(s2c_config_workdir(s2c_onbuild_config(o)), &cwd, err))
		return -1;
	path = s2c_inner_join(cwd, name);
	if (!s2c_container_has_program(o->container, path)) {
		why = xasprintf("'%s' of the source was not copied to '%s'", name, cwd);
		return keep_command(o, why, err);
	}
	text = xasprintf("ENTRYPOINT [\"./%s\"]", name);
	return s2c_onbuild_apply(o, text, err);
}

/* An assemble of the source or of --scripts-url, where the triggers have put it. */
static int run_assemble(struct s2c_onbuild *o, struct s2c_error **err)
{
	const struct s2c_script_source *script =
		&o->job->scripts.items[S2C_SCRIPT_ASSEMBLE];

	if (!script->body.len)
		return 0;
	o->doing = "RUN sh assemble";
	if (s2c_onbuild_apply(o, o->doing, err))
		return s2c_wrap(err, "assemble (%s)", script->origin);
	return 0;
}

int s2c_onbuild_finish(struct s2c_onbuild *o, struct s2c_error **err)
{
	struct s2c_build_job *job = o->job;

	/* What the user has said wins over the triggers. */
	s2c_strv_foreach (variable, &job->plan->env)
		s2c_config_set_env(s2c_onbuild_config(o), variable);
	if (run_assemble(o, err))
		return -1;
	if (s2c_onbuild_need_any(o, err) || set_entrypoint(o, err))
		return -1;
	if (!o->user_set)
		s2c_config_set_user(s2c_onbuild_config(o), job->plan->image_user);
	return 0;
}
