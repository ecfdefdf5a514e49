/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels of the builder image and of the result, in S2I's words.
 */
#include "build/labels.h"

#include "util/escape.h"

#define WISH(name)                                                                       \
	{name, S2C_LABEL_PREFIX, "label '" S2C_LABEL_PREFIX name "'"},                   \
	{                                                                                \
		name, S2C_LABEL_PREFIX_OLD, "label '" S2C_LABEL_PREFIX_OLD name "'"      \
	}

static const struct {
	const char *name, *prefix, *shown;
} wishes[] = {
	WISH(S2C_LABEL_SCRIPTS_URL),
	WISH(S2C_LABEL_DESTINATION),
	WISH(S2C_LABEL_ASSEMBLE_USER),
	WISH(S2C_LABEL_ASSEMBLE_RUNTIME_USER),
	WISH(S2C_LABEL_ASSEMBLE_INPUT_FILES),
};

const char *s2c_builder_label(
	const struct s2c_config *config, const char *name, const char **out_key)
{
	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		CLEAN_FREE char *key = xasprintf("%s%s", wishes[i].prefix, name);
		const char *value = streq(wishes[i].name, name)
					    ? s2c_config_label(config, key)
					    : NULL;

		if (!value || !*value)
			continue;
		if (out_key)
			*out_key = wishes[i].shown;
		return value;
	}
	return NULL;
}

static void set_if(struct s2c_config *config, const char *key, const char *value)
{
	if (value && *value)
		s2c_config_set_label(config, key, value);
}

/* An engine's commit adds and replaces labels, but takes none away. */
static void set_or_empty(struct s2c_config *config, const char *key, const char *value)
{
	if ((value && *value) || s2c_config_label(config, key))
		s2c_config_set_label(config, key, value ? value : "");
}

void s2c_labels_generate(struct s2c_config *config, const struct s2c_label_facts *facts)
{
	const struct s2c_source_info *source = facts->source;
	const struct {
		const char *key, *value;
	} of_build[] = {
		{"io.openshift.s2i.build.image", facts->builder_name},
		{"io.openshift.s2i.build.source-location", source->location},
		{"io.openshift.s2i.build.source-context-dir", source->context_dir},
		{"io.openshift.s2i.build.commit.ref", source->ref},
		{"io.openshift.s2i.build.commit.id", source->commit_id},
		{"io.openshift.s2i.build.commit.author", source->author},
		{"io.openshift.s2i.build.commit.date", source->date},
		{"io.openshift.s2i.build.commit.message", source->message},
		{S2C_LABEL_TOLD_SCRIPTS_URL, facts->scripts_url},
		{S2C_LABEL_TOLD_DESTINATION, facts->destination},
		{S2C_LABEL_TOLD_USER, facts->assemble_user},
		{S2C_LABEL_TOLD_RUNTIME, facts->runtime_image},
		{S2C_LABEL_TOLD_ARTIFACTS, facts->runtime_artifacts},
		{S2C_LABEL_TOLD_RUNTIME_USER, facts->assemble_runtime_user},
	};

	for (size_t i = 0; i < ARRAY_SIZE(of_build); i++)
		set_or_empty(config, of_build[i].key, of_build[i].value);
	set_if(config, "io.k8s.display-name",
		facts->application_name && *facts->application_name
			? facts->application_name
			: facts->tag);
	set_if(config, "io.k8s.description", facts->description);
}

void s2c_labels_new(const struct s2c_config *config, const struct s2c_config *base,
	struct s2c_strv *out)
{
	s2c_json_foreach (
		label, s2c_json_get(s2c_json_get(config->root, "config"), "Labels")) {
		const char *key = s2c_json_key(label), *value = s2c_json_str(label);
		const char *was = s2c_config_label(base, key);

		if (!was || !streq(was, value))
			s2c_strv_addf(out, "%s=%s", key, value);
	}
}

/* ---- those of the user ---- */

static bool is_key(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return len > 0;
}

/* Checks "KEY=VALUE"; *out_key is a copy of the key, owned by the caller. */
static int split_pair(const char *option, const char *text, char **out_key,
	const char **out_value, struct s2c_error **err)
{
	size_t len = strcspn(text, "=");

	if (!s2c_utf8_valid(text, strlen(text)))
		return s2c_fail(
			err, S2C_EINVAL, "%s: what was given is not UTF-8", option);
	if (!text[len] || !is_key(text, len))
		return s2c_fail(err, S2C_EINVAL,
			"%s '%s' is not KEY=VALUE with a key without blanks", option,
			text);
	*out_key = xstrndup(text, len);
	*out_value = text + len + 1;
	return 0;
}

int s2c_labels_add(
	struct s2c_config *config, const char *const *labels, struct s2c_error **err)
{
	for (size_t i = 0; labels && labels[i]; i++) {
		CLEAN_FREE char *key = NULL;
		const char *value;

		if (split_pair("--label", labels[i], &key, &value, err))
			return -1;
		if (config)
			s2c_config_set_label(config, key, value);
	}
	return 0;
}

int s2c_annotations_make(
	const char *const *annotations, struct s2c_json **out, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *made = NULL;
	size_t bytes = 0;

	for (size_t i = 0; annotations && annotations[i]; i++) {
		CLEAN_FREE char *key = NULL;
		const char *value;

		if (split_pair("--annotation", annotations[i], &key, &value, err))
			return -1;
		bytes += strlen(annotations[i]);
		if (bytes > S2C_ANNOTATIONS_BYTES_MAX)
			return s2c_fail(err, S2C_ELIMIT,
				"the annotations have more than %d bytes; use fewer or "
				"shorter ones",
				S2C_ANNOTATIONS_BYTES_MAX);
		if (!made)
			made = s2c_json_new_object();
		s2c_json_set_str(made, key, value);
	}
	*out = TAKE(made);
	return 0;
}

/* ---- those of assemble ---- */

static int merge_one(
	struct s2c_config *config, const struct s2c_json *item, struct s2c_error **err)
{
	if (!s2c_json_is_object(item))
		return s2c_fail(err, S2C_EINVAL, "'labels' must be an array of objects");
	s2c_json_foreach (member, item) {
		if (!s2c_json_is_string(member))
			return s2c_fail(err, S2C_EINVAL, "label '%s' must be a string",
				s2c_json_key(member));
		if (!*s2c_json_key(member))
			return s2c_fail(err, S2C_EINVAL, "a label has no name");
		s2c_config_set_label(config, s2c_json_key(member), s2c_json_str(member));
	}
	return 0;
}

static int merge(
	struct s2c_config *config, const char *text, size_t len, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *root = NULL;
	const struct s2c_json *labels = NULL;

	if (s2c_json_parse(
		    text, len, (struct s2c_json_limits){.mixed_case = true}, &root, err))
		return -1;
	if (!s2c_json_is_object(root))
		return s2c_fail(err, S2C_EINVAL, "the document must be an object");
	if (s2c_json_get_array(root, "labels", S2C_OPTIONAL, &labels, err))
		return -1;
	s2c_json_foreach (item, labels) {
		if (merge_one(config, item, err))
			return -1;
	}
	return 0;
}

int s2c_labels_merge_metadata(
	struct s2c_config *config, const char *text, size_t len, struct s2c_error **err)
{
	if (merge(config, text, len, err))
		return s2c_wrap(err, "'%s' of the build", S2C_IMAGE_METADATA_PATH);
	return 0;
}

int s2c_labels_check(const struct s2c_config *config, struct s2c_error **err)
{
	const struct s2c_json *labels = s2c_json_get(
		s2c_json_get(config->root, "config"), "Labels");
	size_t bytes = 0;

	s2c_json_foreach (label, labels) {
		const char *value = s2c_json_str(label);

		bytes += strlen(s2c_json_key(label)) + (value ? strlen(value) : 0);
	}
	if (bytes > S2C_LABELS_BYTES_MAX)
		return s2c_fail(err, S2C_ELIMIT,
			"the labels of the image have %zu bytes, more than the %d that "
			"platforms "
			"take; use fewer or shorter ones",
			bytes, S2C_LABELS_BYTES_MAX);
	return 0;
}
