/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding: every step takes options and facts and fills its part of the plan.
 */
#include "build/plan.h"

#include "build/env.h"
#include "build/labels.h"
#include "build/paths.h"
#include "build/scripts_url.h"

void s2c_plan_free(struct s2c_plan *plan)
{
	if (!plan)
		return;
	free(plan->names);
	free(plan->user_spec);
	free(plan->previous);
	free(plan->image_user);
	free(plan->destination);
	free(plan->workdir);
	s2c_strv_release(&plan->assemble);
	s2c_strv_release(&plan->run);
	s2c_strv_release(&plan->env);
	s2c_strv_release(&plan->build_env);
	s2c_strv_release(&plan->not_kept);
	s2c_strv_release(&plan->only_env);
	s2c_strv_release(&plan->excludes);
	s2c_strv_release(&plan->triggers);
	s2c_config_free(plan->config);
	s2c_json_free(plan->annotations);
	for (size_t i = 0; i < plan->n_outputs; i++)
		s2c_archive_spec_release(&plan->outputs[i]);
	free(plan);
}

/* What is being decided, with what. */
struct making {
	const struct s2c_build_options *options;
	const struct s2c_plan_facts *facts;
	struct s2c_plan *plan;
};

/* The text of the first name; NULL: the image gets none. */
static const char *first_name(const struct s2c_build_options *o)
{
	return o->tag ? o->tag : o->tags ? o->tags[0] : NULL;
}

static int decide_outputs(
	struct s2c_plan *plan, const struct s2c_build_options *o, struct s2c_error **err)
{
	plan->push = o->push;
	for (size_t i = 0; o->outputs && o->outputs[i]; i++) {
		if (streq(o->outputs[i], "registry")) {
			plan->push = true;
			continue;
		}
		if (plan->n_outputs == S2C_OUTPUTS_MAX)
			return s2c_fail(
				err, S2C_ELIMIT, "more than %d outputs", S2C_OUTPUTS_MAX);
		if (s2c_archive_spec_parse(
			    o->outputs[i], &plan->outputs[plan->n_outputs], err))
			return s2c_wrap(err, "--output");
		plan->n_outputs++;
	}
	if (plan->push && !plan->has_tag)
		return s2c_fail(err, S2C_EINVAL,
			"there is nothing to push to without TAG; add registry/name:tag");
	if (plan->push && !*plan->tag.registry)
		return s2c_fail(err, S2C_EINVAL,
			"'%s' names no registry to push to; use registry/name:tag",
			first_name(o));
	return 0;
}

static int add_name(struct s2c_plan *plan, const char *option, const char *text,
	struct s2c_error **err)
{
	struct s2c_reference ref;

	if (s2c_reference_parse(text, &ref, err))
		return s2c_wrap(err, "%s", option);
	if (*ref.digest)
		return s2c_fail(err, S2C_EINVAL,
			"%s '%s' has a digest, which only the build can give", option,
			text);
	if (plan->n_names == S2C_NAMES_MAX)
		return s2c_fail(err, S2C_ELIMIT, "more than %d names", S2C_NAMES_MAX);
	plan->names = xreallocarray(plan->names, plan->n_names + 1, sizeof(*plan->names));
	plan->names[plan->n_names++] = ref;
	return 0;
}

static int decide_names(
	struct s2c_plan *plan, const struct s2c_build_options *o, struct s2c_error **err)
{
	if (o->tag && add_name(plan, "TAG", o->tag, err))
		return -1;
	for (size_t i = 0; o->tags && o->tags[i]; i++)
		if (add_name(plan, "--tag", o->tags[i], err))
			return -1;
	plan->has_tag = plan->n_names > 0;
	if (plan->has_tag)
		plan->tag = plan->names[0];
	return 0;
}

static int decide_previous(
	struct s2c_plan *plan, const struct s2c_build_options *o, struct s2c_error **err)
{
	if (!o->incremental)
		return 0;
	if (!plan->has_tag)
		return s2c_fail(err, S2C_EINVAL,
			"--incremental needs TAG: the image of that name has the "
			"artifacts");
	plan->previous = xstrdup(first_name(o));
	return 0;
}

static int decide_limits(
	struct s2c_plan *plan, const struct s2c_build_options *o, struct s2c_error **err)
{
	struct s2c_limit_options asked = {
		.network = o->network,
		.memory = o->memory,
		.cpus = o->cpus,
		.pids = o->pids_limit,
	};

	plan->network_asked = o->network != NULL;
	return s2c_limits_parse(&asked, &plan->network, &plan->limits, err);
}

static int decide_annotations(
	struct s2c_plan *plan, const struct s2c_build_options *o, struct s2c_error **err)
{
	/* Manifests of an engine are its own, and change with each push. */
	if (o->engine && o->annotations)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"--annotation: an engine's images have no annotations; use "
			"--label, or build without --engine");
	return s2c_annotations_make(o->annotations, &plan->annotations, err);
}

static int parse_build_env(const struct s2c_build_options *options, struct s2c_strv *env,
	struct s2c_error **err)
{
	const char *const *list = options->build_env;

	for (size_t i = 0; list && list[i]; i++)
		if (s2c_env_parse_flag("--build-env", list[i], env, err))
			return -1;
	return 0;
}

int s2c_plan_check_options(const struct s2c_build_options *options, struct s2c_plan *plan,
	struct s2c_error **err)
{
	struct s2c_platform platform;
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT;
	CLEAN_UIDS struct s2c_uids uids = {0};

	if (decide_names(plan, options, err) || decide_previous(plan, options, err))
		return -1;
	for (size_t i = 0; options->env && options->env[i]; i++)
		if (s2c_env_parse_flag("--env", options->env[i], &env, err))
			return -1;
	if (parse_build_env(options, &env, err))
		return -1;
	if (s2c_uids_parse(options->allowed_uids, &uids, err))
		return s2c_wrap(err, "--allowed-uids");
	if (s2c_compression_parse(options->compression ? options->compression : "gzip",
		    &plan->compression, &plan->compression_level, err))
		return s2c_wrap(err, "--compression");
	if (options->platform && s2c_platform_parse(options->platform, &platform, err))
		return s2c_wrap(err, "--platform");
	if (s2c_labels_add(NULL, options->labels, err) ||
		decide_annotations(plan, options, err) ||
		decide_limits(plan, options, err))
		return -1;
	return decide_outputs(plan, options, err);
}

/* Where the user comes from that runs a script. */
static const struct stage {
	const char *option, *label, *of_image, *of_none;
} stages[] = {
	{"--assemble-user", S2C_LABEL_ASSEMBLE_USER, "USER of the builder image",
		"the builder image, which has no USER,"},
	{"--assemble-runtime-user", S2C_LABEL_ASSEMBLE_RUNTIME_USER,
		"USER of the runtime image", "the runtime image, which has no USER,"},
};

/* Whether the user of these words may run at all. Unknown ones may not. */
static bool may_run(
	const struct making *m, const struct s2c_uids *allowed, const char *spec)
{
	CLEAN_ERROR struct s2c_error *ignored = NULL;
	struct s2c_user user;

	return *spec &&
	       s2c_user_resolve(
		       spec, m->facts->passwd, m->facts->group, &user, &ignored) == 0 &&
	       s2c_uids_allow(allowed, user.uid);
}

/*
 * The user of assemble: option, label, USER of the image; first that is there. An image
 * that is built again may have got its USER from an option of then, because that of the
 * builder image could not be: then it is that user again.
 */
static int decide_user(const struct making *m, struct s2c_error **err)
{
	const struct s2c_config *builder = m->facts->builder;
	const struct stage *stage = &stages[m->facts->is_runtime];
	const char *option = m->options->assemble_user;
	const char *kept = m->options->kept_user;
	const char *spec = s2c_config_user(builder), *label;
	CLEAN_UIDS struct s2c_uids allowed = {0};
	struct s2c_policy_request request;
	struct s2c_plan *plan = m->plan;

	if (s2c_uids_parse(m->options->allowed_uids, &allowed, err))
		return s2c_wrap(err, "--allowed-uids");
	plan->user_origin = *spec ? stage->of_image : stage->of_none;
	if (kept && *kept && !may_run(m, &allowed, spec)) {
		plan->user_origin = "USER of the image that is built again";
		spec = kept;
	}
	label = s2c_builder_label(builder, stage->label, &plan->user_origin);
	if (option && *option)
		plan->user_origin = stage->option;
	plan->user_spec = xstrdup(option && *option ? option : label ? label : spec);
	if (s2c_user_resolve(
		    plan->user_spec, m->facts->passwd, m->facts->group, &plan->user, err))
		return s2c_wrap(err, "%s", plan->user_origin);
	request = (struct s2c_policy_request){
		.uid = plan->user.uid,
		.gid = plan->user.gid,
		.user_origin = plan->user_origin,
		.host_network_asked = plan->network_asked,
		.network = plan->network,
		.limits = plan->limits,
	};
	return s2c_policy_check(&allowed, &request, err);
}

/*
 * USER of the result: that of the builder image, as S2I has it, if it may run at all by
 * the same rule as assemble; else the user that assemble ran as. So no image becomes root
 * because a label or option named another user for assemble.
 */
static int decide_image_user(const struct making *m, struct s2c_error **err)
{
	CLEAN_UIDS struct s2c_uids allowed = {0};
	const char *image = s2c_config_user(m->facts->builder);

	if (s2c_uids_parse(m->options->allowed_uids, &allowed, err))
		return -1;
	if (may_run(m, &allowed, image))
		m->plan->image_user = xstrdup(image);
	else
		m->plan->image_user = xasprintf(
			"%u:%u", m->plan->user.uid, m->plan->user.gid);
	s2c_config_set_user(m->plan->config, m->plan->image_user);
	return 0;
}

/*
 * Variables of an image that is built again. One that the builder image has too may have
 * come from there, and be older than the builder is now: then the builder's is right.
 */
static void keep_env(const struct making *m)
{
	CLEAN_STRV struct s2c_strv own = S2C_STRV_INIT;
	const char *const *kept = m->options->kept_env;

	s2c_config_env(m->facts->builder, &own);
	for (size_t i = 0; kept && kept[i]; i++) {
		CLEAN_FREE char *name = xstrndup(kept[i], strcspn(kept[i], "="));
		const char *builders = s2c_env_get(&own, name);

		if (!builders)
			s2c_env_put(&m->plan->env, kept[i]);
		else if (!streq(builders, kept[i] + strlen(name) + 1))
			s2c_strv_add(&m->plan->not_kept, name);
	}
}

static int decide_env(const struct making *m, struct s2c_error **err)
{
	const struct s2c_plan_facts *facts = m->facts;
	CLEAN_STRV struct s2c_strv only = S2C_STRV_INIT;
	struct s2c_plan *plan = m->plan;

	keep_env(m);
	if (parse_build_env(m->options, &only, err))
		return -1;
	if (facts->source_env &&
		s2c_env_parse_file(facts->source_env, facts->source_env_len,
			".s2i/environment", &plan->env, err))
		return -1;
	for (size_t i = 0; m->options->env && m->options->env[i]; i++)
		if (s2c_env_parse_flag("--env", m->options->env[i], &plan->env, err))
			return -1;
	for (size_t i = 0; i < facts->n_env_files; i++)
		if (s2c_env_parse_file(facts->env_files[i].text, facts->env_files[i].len,
			    facts->env_files[i].name, &plan->env, err))
			return -1;

	s2c_config_env(facts->builder, &plan->build_env);
	s2c_env_default(&plan->build_env, plan->user.home);
	if (facts->host_env)
		s2c_strv_add_all(&plan->only_env, facts->host_env);
	s2c_strv_foreach (variable, &plan->only_env)
		s2c_env_put(&plan->build_env, variable);
	s2c_strv_foreach (own, &plan->env) {
		s2c_env_put(&plan->build_env, own);
		s2c_config_set_env(plan->config, own);
	}
	/* What is for the build alone wins there over what it leaves behind. */
	s2c_strv_foreach (variable, &only) {
		s2c_env_put(&plan->build_env, variable);
		s2c_env_put(&plan->only_env, variable);
	}
	return 0;
}

/* What is below the destination and no part of the image. */
static void exclude(struct s2c_plan *plan, const char *name)
{
	s2c_strv_add_take(&plan->excludes, s2c_inner_join(plan->destination, name));
}

static void decide_scripts(const struct making *m)
{
	const struct s2c_script_source *scripts = m->facts->scripts->items;
	const struct s2c_script_source *assemble = &scripts[S2C_SCRIPT_ASSEMBLE];
	struct s2c_plan *plan = m->plan;
	bool run_is_copied;

	if (plan->triggers.len) {
		/* The source goes where they say. */
		if (!m->options->keep_build_files)
			s2c_strv_add(&plan->excludes, S2C_IMAGE_METADATA_DIR);
		return;
	}
	run_is_copied = !starts_with(scripts[S2C_SCRIPT_RUN].url, S2C_SCRIPT_URL_IMAGE);
	if (m->facts->is_runtime)
		assemble = &scripts[S2C_SCRIPT_ASSEMBLE_RUNTIME];
	if (assemble->found)
		s2c_strv_add(&plan->assemble, assemble->path);
	s2c_strv_add(&plan->run, scripts[S2C_SCRIPT_RUN].path);
	s2c_config_set_cmd(plan->config, &plan->run);
	if (m->options->keep_build_files)
		return;
	s2c_strv_add(&plan->excludes, S2C_IMAGE_METADATA_DIR);
	exclude(plan, "src");
	exclude(plan, "artifacts");
	/* A run script that was copied in is the image's command: then scripts stay. */
	if (!run_is_copied)
		exclude(plan, "scripts");
}

/* Several values of an option as one. Caller frees. */
static char *joined(const char *const *list)
{
	char *out = xstrdup("");

	for (size_t i = 0; list && list[i]; i++) {
		char *more = xasprintf("%s%s%s", out, i ? ";" : "", list[i]);

		free(out);
		out = more;
	}
	return out;
}

static int decide_config(const struct making *m, struct s2c_error **err)
{
	const struct s2c_build_options *asked = m->facts->asked ? m->facts->asked
								: m->options;
	CLEAN_FREE char *artifacts = joined(asked->runtime_artifacts);
	struct s2c_label_facts labels = {
		.builder_name = m->facts->builder_name,
		.tag = first_name(m->options),
		.application_name = m->options->application_name,
		.description = m->options->description,
		.source = m->facts->source,
		.scripts_url = asked->scripts_url,
		.destination = asked->destination,
		.assemble_user = asked->assemble_user,
		.runtime_image = asked->runtime_image,
		.runtime_artifacts = artifacts,
		.assemble_runtime_user = asked->assemble_runtime_user,
	};

	if (s2c_inner_workdir(
		    s2c_config_workdir(m->facts->builder), &m->plan->workdir, err) < 0)
		return -1;
	s2c_config_clear_onbuild(m->plan->config);
	s2c_labels_generate(m->plan->config, &labels);
	if (s2c_labels_add(m->plan->config, m->options->labels, err))
		return -1;
	return s2c_labels_check(m->plan->config, err);
}

static int make(const struct making *m, struct s2c_error **err)
{
	struct s2c_plan *plan = m->plan;

	if (m->facts->run_triggers)
		s2c_config_onbuild(m->facts->builder, &plan->triggers);
	if (m->facts->builder->n_diff_ids >= S2C_LAYERS_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"the builder image has %zu layers, and %d is the most that an "
			"image can have; flatten it",
			m->facts->builder->n_diff_ids, S2C_LAYERS_MAX);
	plan->config = s2c_config_copy(m->facts->builder);
	if (s2c_builder_destination(m->facts->builder, m->options->destination,
		    &plan->destination, err) ||
		decide_user(m, err) || decide_image_user(m, err) || decide_env(m, err))
		return -1;
	decide_scripts(m);
	return decide_config(m, err);
}

int s2c_plan_make(const struct s2c_build_options *options,
	const struct s2c_plan_facts *facts, struct s2c_plan **out, struct s2c_error **err)
{
	CLEAN(s2c_clean_plan) struct s2c_plan *plan = xcalloc(1, sizeof(*plan));
	struct making m = {options, facts, plan};

	if (s2c_plan_check_options(options, plan, err) || make(&m, err))
		return -1;
	*out = TAKE(plan);
	return 0;
}
