/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of S2I: read, given, and asked for by assemble. */
#include "helper.h"

#include "build/labels.h"

static struct s2c_config *config_new(void)
{
	struct s2c_platform platform = {.os = "linux", .architecture = "amd64"};

	return s2c_config_new(&platform);
}

static void test_wishes(void **state)
{
	CLEAN_CONFIG struct s2c_config *config = config_new();
	const char *key = "untouched";

	assert_null(s2c_builder_label(config, S2C_LABEL_SCRIPTS_URL, &key));
	s2c_config_set_label(config, "io.s2i.scripts-url", "old");
	assert_string_equal(
		s2c_builder_label(config, S2C_LABEL_SCRIPTS_URL, &key), "old");
	assert_string_equal(key, "label 'io.s2i.scripts-url'");
	s2c_config_set_label(config, "io.openshift.s2i.scripts-url", "");
	assert_string_equal(
		s2c_builder_label(config, S2C_LABEL_SCRIPTS_URL, NULL), "old");
	s2c_config_set_label(config, "io.openshift.s2i.scripts-url", "new");
	assert_string_equal(
		s2c_builder_label(config, S2C_LABEL_SCRIPTS_URL, &key), "new");
	assert_string_equal(key, "label 'io.openshift.s2i.scripts-url'");
	assert_null(s2c_builder_label(config, S2C_LABEL_ASSEMBLE_USER, NULL));
	s2c_config_set_label(config, "io.s2i.assemble-user", "7");
	assert_string_equal(
		s2c_builder_label(config, S2C_LABEL_ASSEMBLE_USER, NULL), "7");
}

static void test_generated(void **state)
{
	struct s2c_source_info info = {
		.location = (char *)"https://h/r",
		.context_dir = (char *)"",
		.ref = (char *)"main",
		.commit_id = (char *)"abc",
		.author = (char *)"A <a@b>",
		.date = (char *)"today",
		.message = (char *)"first",
	};
	struct s2c_label_facts facts = {
		.builder_name = "b:latest", .tag = "app", .source = &info};
	static const char *const expected[][2] = {
		{"io.openshift.s2i.build.image", "b:latest"},
		{"io.k8s.display-name", "app"},
		{"io.openshift.s2i.build.source-location", "https://h/r"},
		{"io.openshift.s2i.build.commit.ref", "main"},
		{"io.openshift.s2i.build.commit.id", "abc"},
		{"io.openshift.s2i.build.commit.author", "A <a@b>"},
		{"io.openshift.s2i.build.commit.date", "today"},
		{"io.openshift.s2i.build.commit.message", "first"},
		{"inherited", "yes"},
	};
	CLEAN_CONFIG struct s2c_config *config = config_new();

	s2c_config_set_label(config, "inherited", "yes");
	s2c_config_set_label(config, "io.k8s.display-name", "the builder");
	s2c_labels_generate(config, &facts);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(
			s2c_config_label(config, expected[i][0]), expected[i][1]);
	assert_null(
		s2c_config_label(config, "io.openshift.s2i.build.source-context-dir"));
}

/* What options said is there for the next build, and nothing of the builder's own. */
static void test_told(void **state)
{
	static const char *const inherited[] = {"io.openshift.s2i.build.commit.id",
		"io.openshift.s2i.build.source-context-dir", S2C_LABEL_TOLD_SCRIPTS_URL,
		S2C_LABEL_TOLD_RUNTIME_USER};
	struct s2c_source_info info = {.location = (char *)"/a"};
	struct s2c_label_facts facts = {.builder_name = "b:latest",
		.destination = "/opt",
		.assemble_user = "1001",
		.runtime_artifacts = "/a;/b:c",
		.runtime_image = "",
		.source = &info};
	CLEAN_CONFIG struct s2c_config *config = config_new();

	for (size_t i = 0; i < ARRAY_SIZE(inherited); i++)
		s2c_config_set_label(config, inherited[i], "of the builder");
	s2c_labels_generate(config, &facts);
	for (size_t i = 0; i < ARRAY_SIZE(inherited); i++)
		assert_string_equal(s2c_config_label(config, inherited[i]), "");
	assert_string_equal(s2c_config_label(config, "io.s2c.build.destination"), "/opt");
	assert_string_equal(
		s2c_config_label(config, "io.s2c.build.assemble-user"), "1001");
	assert_string_equal(
		s2c_config_label(config, "io.s2c.build.runtime-artifacts"), "/a;/b:c");
	assert_string_equal(
		s2c_config_label(config, "io.openshift.s2i.build.source-location"), "/a");
}

static void test_names_for_people(void **state)
{
	struct s2c_source_info info = {.location = (char *)"/a"};
	struct s2c_label_facts facts = {.builder_name = "b:latest",
		.tag = "app",
		.application_name = "The App",
		.description = "does things",
		.source = &info};
	CLEAN_CONFIG struct s2c_config *config = config_new();

	s2c_labels_generate(config, &facts);
	assert_string_equal(s2c_config_label(config, "io.k8s.display-name"), "The App");
	assert_string_equal(
		s2c_config_label(config, "io.k8s.description"), "does things");
}

static void test_of_the_user(void **state)
{
	static const char *const given[] = {"a=1", "b=x=y", "a=", NULL};
	CLEAN_CONFIG struct s2c_config *config = config_new();
	CLEAN_JSON struct s2c_json *object = NULL, *none = NULL;

	assert_ok(s2c_labels_add(config, given, &terr));
	assert_ok(s2c_labels_add(config, NULL, &terr));
	assert_string_equal(s2c_config_label(config, "a"), "");
	assert_string_equal(s2c_config_label(config, "b"), "x=y");
	assert_ok(s2c_annotations_make(given, &object, &terr));
	assert_int_equal(s2c_json_len(object), 2);
	assert_string_equal(s2c_json_str(s2c_json_get(object, "b")), "x=y");
	assert_ok(s2c_annotations_make(NULL, &none, &terr));
	assert_null(none);
}

static void test_bad_pairs(void **state)
{
	static const char *const bad[] = {
		"", "a", "=v", "a b=v", "a\n=v", "a=\xff", "\xc3=v"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *given[] = {"fine=1", bad[i], NULL};
		struct s2c_json *object = NULL;

		assert_fails(s2c_labels_add(NULL, given, &terr), S2C_EINVAL, "--label");
		assert_fails(s2c_annotations_make(given, &object, &terr), S2C_EINVAL,
			"--annotation");
		assert_null(object);
	}
}

static void test_annotations_cap(void **state)
{
	CLEAN_FREE char *text = xmalloc(S2C_ANNOTATIONS_BYTES_MAX + 2);
	const char *given[] = {text, NULL};
	struct s2c_json *object = NULL;

	memset(text, 'v', S2C_ANNOTATIONS_BYTES_MAX + 1);
	text[1] = '=';
	text[S2C_ANNOTATIONS_BYTES_MAX + 1] = '\0';
	assert_fails(s2c_annotations_make(given, &object, &terr), S2C_ELIMIT, "65536");
}

static void test_metadata(void **state)
{
	static const struct {
		const char *text, *key, *value;
	} cases[] = {
		{"{}", "a", NULL},
		{"{\"labels\":null}", "a", NULL},
		{"{\"labels\":[]}", "a", NULL},
		{"{\"labels\":[{\"a\":\"b\"}]}", "a", "b"},
		{"{\"labels\":[{\"a\":\"b\"},{\"a\":\"c\",\"d\":\"e\"}]}", "a", "c"},
		{"{\"labels\":[{\"a\":\"b\",\"A\":\"c\"}],\"more\":[1]}", "A", "c"},
		{"{\"labels\":[{\"io.k8s.description\":\"\"}]}", "io.k8s.description",
			""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = config_new();
		const char *value;

		assert_ok(s2c_labels_merge_metadata(
			config, cases[i].text, strlen(cases[i].text), &terr));
		value = s2c_config_label(config, cases[i].key);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
		else
			assert_null(value);
	}
}

/* S2I panics on most of these. */
static void test_bad_metadata(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{"", S2C_EPROTO, S2C_IMAGE_METADATA_PATH},
		{"{", S2C_EPROTO, S2C_IMAGE_METADATA_PATH},
		{"[]", S2C_EINVAL, "must be an object"},
		{"\"x\"", S2C_EINVAL, "must be an object"},
		{"{\"labels\":{}}", S2C_EPROTO, "'labels' must be an array"},
		{"{\"labels\":\"a=b\"}", S2C_EPROTO, "'labels' must be an array"},
		{"{\"labels\":[\"a=b\"]}", S2C_EINVAL, "array of objects"},
		{"{\"labels\":[[]]}", S2C_EINVAL, "array of objects"},
		{"{\"labels\":[null]}", S2C_EINVAL, "array of objects"},
		{"{\"labels\":[{\"a\":1}]}", S2C_EINVAL, "label 'a' must be a string"},
		{"{\"labels\":[{\"a\":null}]}", S2C_EINVAL, "label 'a' must be a string"},
		{"{\"labels\":[{\"\":\"x\"}]}", S2C_EINVAL, "no name"},
		{"{\"labels\":[]} x", S2C_EPROTO, S2C_IMAGE_METADATA_PATH},
		{"{\"labels\":[{\"a\":\"\\u0000\"}]}", S2C_EPROTO,
			S2C_IMAGE_METADATA_PATH},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = config_new();

		assert_fails(s2c_labels_merge_metadata(
				     config, cases[i].text, strlen(cases[i].text), &terr),
			cases[i].code, cases[i].part);
	}
}

static void test_cap(void **state)
{
	CLEAN_CONFIG struct s2c_config *config = config_new();
	CLEAN_FREE char *value = xmalloc(S2C_LABELS_BYTES_MAX + 1);

	assert_ok(s2c_labels_check(config, &terr));
	memset(value, 'v', S2C_LABELS_BYTES_MAX);
	value[S2C_LABELS_BYTES_MAX - 3] = '\0';
	s2c_config_set_label(config, "key", value);
	assert_ok(s2c_labels_check(config, &terr));
	s2c_config_set_label(config, "k", "");
	assert_fails(s2c_labels_check(config, &terr), S2C_ELIMIT, "10241 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_names_for_people),
		cmocka_unit_test(test_of_the_user),
		cmocka_unit_test(test_bad_pairs),
		cmocka_unit_test(test_annotations_cap),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_bad_metadata),
		cmocka_unit_test(test_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
