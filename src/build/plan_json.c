/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for people and programs that look before they build.
 */
#include "build/plan.h"

static void add_builder(struct s2c_json *root, const struct s2c_plan_facts *facts)
{
	struct s2c_json *builder = s2c_json_object_at(root, "builder");

	s2c_json_set_str(builder, "name", facts->builder_name);
	s2c_json_set_str(builder, "digest", facts->builder_digest);
}

static void add_source(struct s2c_json *root, const struct s2c_plan_facts *facts)
{
	const struct s2c_source_info *info = facts->source;
	struct s2c_json *source = s2c_json_object_at(root, "source");

	s2c_json_set_str(source, "kind", facts->source_kind);
	s2c_json_set_str(source, "location", info->location);
	s2c_json_set_str(source, "contextDir", info->context_dir);
	s2c_json_set_str(source, "ref", info->ref);
	s2c_json_set_str(source, "commit", info->commit_id);
	s2c_json_set_bool(source, "uncommittedChanges", info->dirty);
}

static void add_user(struct s2c_json *root, const struct s2c_plan *plan)
{
	struct s2c_json *user = s2c_json_object_at(root, "user");

	s2c_json_set_str(user, "spec", plan->user_spec);
	s2c_json_set_str(user, "origin", plan->user_origin);
	s2c_json_set_int(user, "uid", plan->user.uid);
	s2c_json_set_int(user, "gid", plan->user.gid);
}

static void add_scripts(struct s2c_json *root, const struct s2c_scripts *scripts)
{
	struct s2c_json *object = s2c_json_object_at(root, "scripts");

	for (size_t i = 0; i < S2C_SCRIPTS; i++) {
		const struct s2c_script_source *script = &scripts->items[i];
		struct s2c_json *one;

		if (!script->found)
			continue;
		one = s2c_json_object_at(object, s2c_script_name((enum s2c_script)i));
		s2c_json_set_str(one, "path", script->path);
		s2c_json_set_str(one, "url", script->url);
		s2c_json_set_str(one, "origin", script->origin);
	}
}

static void add_container(struct s2c_json *root, const struct s2c_plan *plan)
{
	struct s2c_json *limits = s2c_json_object_at(root, "limits");

	s2c_json_set_str(root, "network", s2c_network_name(plan->network));
	s2c_json_set_int(limits, "memory", (int64_t)plan->limits.memory);
	s2c_json_set_int(limits, "milliCpus", plan->limits.milli_cpus);
	s2c_json_set_int(limits, "pids", plan->limits.pids);
	s2c_json_set_str(root, "destination", plan->destination);
	s2c_json_set_str(root, "workdir", plan->workdir);
	s2c_json_set_strv(root, "assemble", &plan->assemble);
	s2c_json_set_strv(root, "triggers", &plan->triggers);
	if (plan->previous)
		s2c_json_set_str(root, "artifactsOf", plan->previous);
}

static void add_only_env(struct s2c_json *root, const struct s2c_strv *only_env)
{
	struct s2c_json *names = s2c_json_array_at(root, "buildOnlyEnv");

	s2c_strv_foreach (variable, only_env) {
		CLEAN_FREE char *name = xstrndup(variable, strcspn(variable, "="));

		s2c_json_add_str(names, name);
	}
}

static void add_labels(struct s2c_json *image, const struct s2c_plan *plan)
{
	const struct s2c_json *labels = s2c_json_get(
		s2c_json_get(plan->config->root, "config"), "Labels");

	if (labels)
		s2c_json_set(image, "labels", s2c_json_copy(labels));
	if (plan->annotations)
		s2c_json_set(image, "annotations", s2c_json_copy(plan->annotations));
}

/* What the build gets besides; of secrets where they come from, not what they are. */
static void add_mounts(struct s2c_json *root, const struct s2c_mount_specs *specs)
{
	struct s2c_json *list = s2c_json_array_at(root, "mounts");

	for (size_t i = 0; specs && i < specs->n; i++) {
		const struct s2c_mount_spec *spec = &specs->items[i];
		struct s2c_json *one = s2c_json_new_object();

		s2c_json_set_str(one, "origin", spec->origin);
		s2c_json_set_str(one, "from", spec->from ? spec->from : "");
		s2c_json_set_str(one, "to", spec->to);
		s2c_json_set_bool(one, "readOnly", spec->read_only);
		s2c_json_add(list, one);
	}
}

static void add_result(struct s2c_json *root, const struct s2c_plan *plan)
{
	static const char *const kinds[] = {
		[S2C_ARCHIVE_OCI_DIR] = "oci",
		[S2C_ARCHIVE_OCI] = "oci-archive",
		[S2C_ARCHIVE_DOCKER] = "docker-archive",
	};
	const struct s2c_compressor_ops *compressor = s2c_compressor(plan->compression);
	CLEAN_FREE char *compression = xasprintf("%s:%d", compressor->name,
		plan->compression_level ? plan->compression_level
					: compressor->default_level);
	struct s2c_json *image = s2c_json_object_at(root, "image");
	struct s2c_json *outputs = s2c_json_array_at(root, "outputs");
	struct s2c_json *names = s2c_json_array_at(image, "names");
	char tag[S2C_REFERENCE_MAX + 1] = "";

	if (plan->has_tag)
		s2c_reference_format(&plan->tag, tag);
	s2c_json_set_str(image, "name", tag);
	for (size_t i = 0; i < plan->n_names; i++) {
		char name[S2C_REFERENCE_MAX + 1];

		s2c_reference_format(&plan->names[i], name);
		s2c_json_add_str(names, name);
	}
	s2c_json_set_str(image, "user", plan->image_user);
	s2c_json_set_strv(image, "cmd", &plan->run);
	s2c_json_set_strv(image, "env", &plan->env);
	s2c_json_set_strv(image, "leftOut", &plan->excludes);
	add_labels(image, plan);
	for (size_t i = 0; i < plan->n_outputs; i++) {
		CLEAN_FREE char *text = xasprintf(
			"%s:%s", kinds[plan->outputs[i].kind], plan->outputs[i].path);

		s2c_json_add_str(outputs, text);
	}
	s2c_json_set_str(root, "compression", compression);
	s2c_json_set_bool(root, "push", plan->push);
}

char *s2c_plan_json(const struct s2c_plan *plan, const struct s2c_plan_facts *facts)
{
	CLEAN_JSON struct s2c_json *root = s2c_json_new_object();

	add_builder(root, facts);
	add_source(root, facts);
	add_user(root, plan);
	add_scripts(root, facts->scripts);
	add_container(root, plan);
	add_only_env(root, &plan->only_env);
	add_mounts(root, facts->mounts);
	add_result(root, plan);
	s2c_json_sort(root);
	return s2c_json_print(root, S2C_JSON_PRETTY);
}
