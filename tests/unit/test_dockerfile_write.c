/* SPDX-License-Identifier: Apache-2.0 */
/* Builds written down as Dockerfiles, and read again. */
#include "helper.h"

#include "build/dockerfile.h"
#include "build/dockerfile_eval.h"
#include "build/dockerfile_write.h"
#include "image/config.h"

static void fill(struct s2c_strv *v, const char *const *items)
{
	for (; *items; items++)
		s2c_strv_add(v, *items);
}

/* The simplest build: all scripts are the image's. */
static struct s2c_dockerfile_plan simple(void)
{
	return (struct s2c_dockerfile_plan){
		.by = "build",
		.build = {.image = "example.com/builder:1",
			.user = "1001",
			.owner = "1001:0",
			.script = "/usr/libexec/s2i/assemble"},
		.destination = "/tmp",
		.copies_source = true,
		.run = "/usr/libexec/s2i/run",
	};
}

static char *written(const struct s2c_dockerfile_plan *plan)
{
	struct s2c_buf buf = S2C_BUF_INIT(1u << 20);

	assert_ok(s2c_dockerfile_write(plan, &buf, &terr));
	return s2c_buf_take(&buf);
}

static void test_simple(void **state)
{
	struct s2c_dockerfile_plan plan = simple();
	CLEAN_FREE char *text = written(&plan), *again = written(&plan);

	assert_string_equal(text,
		"# Written by s2c build; what it is built from is in 'upload'.\n"
		"\n"
		"FROM example.com/builder:1\n"
		"COPY --chown=1001:0 upload/src /tmp/src\n"
		"USER 1001\n"
		"RUN /usr/libexec/s2i/assemble\n"
		"CMD [\"/usr/libexec/s2i/run\"]\n");
	assert_string_equal(text, again);
}

/* Of every image, or the stages would not fit together. */
static void test_platform(void **state)
{
	static const char *const wrong[] = {"", "linux/a b", "linux/arm64\nRUN x", "$X"};
	struct s2c_buf buf = S2C_BUF_INIT(1u << 16);
	struct s2c_dockerfile_plan plan = simple();

	plan.platform = "linux/arm/v7";
	plan.saving = plan.runtime = plan.build;
	plan.saving.image = "app:latest";
	plan.runtime.image = "slim";
	CLEAN_FREE char *text = written(&plan);

	assert_non_null(
		strstr(text, "\nFROM --platform=linux/arm/v7 app:latest AS cached\n"));
	assert_non_null(strstr(text, "\nFROM --platform=linux/arm/v7 "
				     "example.com/builder:1 AS built\n"));
	assert_non_null(strstr(text, "\nFROM --platform=linux/arm/v7 slim\n"));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		plan.platform = wrong[i];
		assert_fails(s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL,
			"cannot be written in a Dockerfile");
	}
	s2c_buf_release(&buf);
}

static void test_everything(void **state)
{
	static const char *const envs[] = {"A=1", "B=it's \"$5\" \\ x", NULL};
	static const char *const builds[] = {"TOKEN=t", NULL};
	static const char *const labels[] = {"k=v", "a b=\"$x\" \\", NULL};
	static const char *const left[] = {"/opt/my app/src", "/tmp/.s2i", NULL};
	static const struct s2c_dockerfile_mount mounts[] = {
		{.id = "settings", .target = "/etc/settings.xml"},
		{.kind = S2C_DOCKERFILE_CACHE, .id = "pip", .target = "/home/.cache"},
	};
	static const struct s2c_dockerfile_artifact artifacts[] = {
		{"/opt/app/out", "/srv/out"}};
	struct s2c_dockerfile_plan plan = simple();
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, build_env = S2C_STRV_INIT,
				   label = S2C_STRV_INIT, excludes = S2C_STRV_INIT;

	fill(&env, envs);
	fill(&build_env, builds);
	fill(&label, labels);
	fill(&excludes, left);
	plan.env = &env;
	plan.build_env = &build_env;
	plan.labels = &label;
	plan.build.excludes = &excludes;
	plan.destination = "/opt/my app";
	plan.build.copies_script = true;
	plan.build.script = "/opt/my app/scripts/assemble";
	plan.saving = plan.build;
	plan.saving.image = "app:latest";
	plan.saving.script = "/opt/my app/scripts/save-artifacts";
	plan.runtime = (struct s2c_dockerfile_stage){.image = "slim",
		.user = "7:8",
		.owner = "7:8",
		.script = "/opt/my app/scripts/assemble-runtime",
		.copies_script = true,
		.excludes = &excludes};
	plan.mounts = mounts;
	plan.n_mounts = ARRAY_SIZE(mounts);
	plan.artifacts = artifacts;
	plan.n_artifacts = ARRAY_SIZE(artifacts);
	plan.image_user = "7";
	CLEAN_FREE char *text = written(&plan);
	assert_string_equal(text,
		"# syntax=docker/dockerfile:1\n"
		"# Written by s2c build; what it is built from is in 'upload'.\n"
		"# Its secrets are given to the build:\n"
		"#     --secret id=settings,src=FILE\n"
		"\n"
		"FROM app:latest AS cached\n"
		"COPY --chown=1001:0 [\"upload/scripts\",\"/opt/my app/scripts\"]\n"
		"USER 1001\n"
		"RUN if [ -x '/opt/my app/scripts/save-artifacts' ] && "
		"'/opt/my app/scripts/save-artifacts' > /tmp/artifacts.tar; then :; "
		"else : > /tmp/artifacts.tar; fi\n"
		"\n"
		"FROM example.com/builder:1 AS built\n"
		"ENV A=\"1\"\n"
		"ENV B=\"it's \\\"\\$5\\\" \\\\ x\"\n"
		"ARG TOKEN=\"t\"\n"
		"COPY --from=cached --chown=1001:0 /tmp/artifacts.tar "
		"/tmp/artifacts.tar\n"
		"COPY --chown=1001:0 [\"upload/scripts\",\"/opt/my app/scripts\"]\n"
		"COPY --chown=1001:0 [\"upload/src\",\"/opt/my app/src\"]\n"
		"USER 1001\n"
		"RUN if [ -s /tmp/artifacts.tar ]; then mkdir -p '/opt/my app/artifacts' "
		"&& tar -xf /tmp/artifacts.tar -C '/opt/my app/artifacts'; fi && "
		"rm -f /tmp/artifacts.tar\n"
		"RUN --mount=type=secret,id=settings,target=/etc/settings.xml,uid=1001,"
		"mode=0400,required=true \\\n"
		"    --mount=type=cache,id=pip,target=/home/.cache,uid=1001,mode=0755 "
		"\\\n"
		"    '/opt/my app/scripts/assemble' && { rm -rf '/opt/my app/src' "
		"/tmp/.s2i 2>/dev/null || :; }\n"
		"\n"
		"FROM slim\n"
		"ENV A=\"1\"\n"
		"ENV B=\"it's \\\"\\$5\\\" \\\\ x\"\n"
		"COPY --chown=7:8 [\"upload/runtime-scripts\",\"/opt/my app/scripts\"]\n"
		"COPY --from=built --chown=7:8 /opt/app/out /srv/out\n"
		"USER 7:8\n"
		"RUN '/opt/my app/scripts/assemble-runtime' && { rm -rf '/opt/my "
		"app/src' "
		"/tmp/.s2i 2>/dev/null || :; }\n"
		"USER 7\n"
		"CMD [\"/usr/libexec/s2i/run\"]\n"
		"LABEL \"k\"=\"v\" \\\n"
		"      \"a b\"=\"\\\"\\$x\\\" \\\\\"\n");
	/* The parser takes the same instructions out of it. */
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	static const char names[] = "FROM COPY USER RUN FROM ENV ENV ARG COPY COPY COPY "
				    "USER RUN RUN FROM ENV "
				    "ENV COPY COPY USER RUN USER CMD LABEL ";
	struct s2c_buf seen = S2C_BUF_INIT(4096);

	assert_ok(s2c_dockerfile_parse(text, strlen(text), &file, &terr));
	for (size_t i = 0; i < file->n; i++)
		s2c_buf_must_printf(
			&seen, "%s ", s2c_instruction_name(file->items[i].kind));
	assert_string_equal(s2c_buf_str(&seen), names);
	assert_string_equal(file->syntax, "docker/dockerfile:1");
	assert_int_equal(file->items[13].flags.len, 2);
	assert_string_equal(file->items[13].rest,
		"'/opt/my app/scripts/assemble' && { rm -rf '/opt/my app/src' /tmp/.s2i "
		"2>/dev/null || :; }");
	s2c_buf_release(&seen);
}

static int log_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	(void)err;
	s2c_buf_must_printf(self, "run as %s: %s;", run->user, run->argv->items[2]);
	return 0;
}

static int log_copy(void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	(void)err;
	s2c_buf_must_printf(self, "copy %s to %s for %s;", copy->sources->items[0],
		copy->destination, copy->owner);
	return 0;
}

static int log_nothing(void *self, const char *text, struct s2c_error **err)
{
	(void)self;
	(void)text;
	(void)err;
	return 0;
}

/* Values survive every quoting: what the evaluator makes of the text is what went in. */
static void test_values_survive(void **state)
{
	static const char *const values[] = {"", "plain", "two words", " blanks ", "it's",
		"\"quoted\"", "$HOME ${A} $$", "back\\slash\\", "\\", "\\\\n", "#hash",
		"a=b", "tab\there", "`cmd`", "gr\xc3\xbc\xc3\x9f", "'", "\"", "\\\"$\\'"};
	static const struct s2c_eval_ops ops = {.run = log_run,
		.copy = log_copy,
		.user = log_nothing,
		.workdir = log_nothing};
	static const char base[] = "{\"os\":\"linux\",\"architecture\":\"amd64\","
				   "\"config\":{},\"rootfs\":{\"type\":\"layers\","
				   "\"diff_ids\":[]}}";
	struct s2c_dockerfile_plan plan = simple();
	CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, label = S2C_STRV_INIT,
				   got = S2C_STRV_INIT;
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN_CONFIG struct s2c_config *config = NULL;
	struct s2c_buf log = S2C_BUF_INIT(1u << 16);
	CLEAN(s2c_eval_release)
	struct s2c_eval eval = {.ops = &ops, .self = &log};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		s2c_strv_addf(&env, "V%zu=%s", i, values[i]);
		s2c_strv_addf(
			&label, "k%s%zu=%s", i % 2 ? " '$x\" \\" : "", i, values[i]);
	}
	plan.env = &env;
	plan.labels = &label;
	plan.destination = "/we'ird $d\"ir\\";
	CLEAN_FREE char *text = written(&plan);
	assert_ok(s2c_dockerfile_parse(text, strlen(text), &file, &terr));
	assert_ok(s2c_config_parse(base, strlen(base), &config, &terr));
	eval.config = config;
	for (size_t i = 0; i < file->n; i++)
		if (file->items[i].kind != S2C_INSTRUCTION_FROM)
			assert_ok(s2c_eval_apply(
				&eval, &file->items[i], file->escape, &terr));
	s2c_config_env(config, &got);
	assert_int_equal(got.len, env.len);
	for (size_t i = 0; i < env.len; i++) {
		const char *equals = strchr(label.items[i], '=');
		CLEAN_FREE char *key = xstrndup(
			label.items[i], (size_t)(equals - label.items[i]));

		assert_string_equal(got.items[i], env.items[i]);
		assert_non_null(s2c_config_label(config, key));
		assert_string_equal(s2c_config_label(config, key), equals + 1);
	}
	assert_string_equal(s2c_buf_str(&log),
		"copy upload/src to /we'ird $d\"ir\\/src for 1001:0;"
		"run as 1001: /usr/libexec/s2i/assemble;");
	assert_string_equal(s2c_config_user(config), "1001");
	s2c_buf_release(&log);
}

static void test_refused(void **state)
{
	static const struct {
		const char *env, *label, *build_env, *part;
	} cases[] = {
		{"A=two\nlines", NULL, NULL,
			"variable 'A' holds a control character (0x0a)"},
		{"A=\x7f", NULL, NULL, "0x7f"},
		{"A B=1", NULL, NULL, "the name 'A B'"},
		{"#A=1", NULL, NULL, "the name '#A'"},
		{"1A=1", NULL, NULL, "the name '1A'"},
		{"=1", NULL, NULL, "the name ''"},
		{NULL, "k=a\nRUN evil", NULL, "label 'k' holds"},
		{NULL, "k\n=a", NULL, "the name of a label"},
		{NULL, "=a", NULL, "no name"},
		{NULL, NULL, "T=secret\r", "variable 'T' holds"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct s2c_dockerfile_plan plan = simple();
		CLEAN_STRV struct s2c_strv env = S2C_STRV_INIT, label = S2C_STRV_INIT,
					   build_env = S2C_STRV_INIT;
		struct s2c_buf buf = S2C_BUF_INIT(1u << 16);

		if (cases[i].env)
			s2c_strv_add(&env, cases[i].env);
		if (cases[i].label)
			s2c_strv_add(&label, cases[i].label);
		if (cases[i].build_env)
			s2c_strv_add(&build_env, cases[i].build_env);
		plan.env = &env;
		plan.labels = &label;
		plan.build_env = &build_env;
		assert_fails(s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL,
			cases[i].part);
		s2c_buf_release(&buf);
	}
}

static void test_refused_paths(void **state)
{
	static const struct s2c_dockerfile_mount comma = {.id = "a,b", .target = "/x"};
	static const struct s2c_dockerfile_mount blank = {.id = "a", .target = "/x y"};
	static const struct s2c_dockerfile_artifact pattern = {"/a/*.jar", "/b"};
	struct s2c_dockerfile_plan plan = simple();
	struct s2c_buf buf = S2C_BUF_INIT(1u << 16);

	plan.mounts = &comma;
	plan.n_mounts = 1;
	assert_fails(s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL,
		"mount 'a,b' at '/x' cannot be written");
	plan.mounts = &blank;
	assert_fails(s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL, "'/x y'");
	plan = simple();
	plan.destination = "/x\ny";
	assert_fails(
		s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL, "a path holds");
	plan = simple();
	plan.run = "/x\ny";
	assert_fails(s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL,
		"the path of run holds");
	plan = simple();
	plan.build.user = "1\nUSER 0";
	assert_fails(
		s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL, "a user holds");
	plan = simple();
	plan.runtime = plan.build;
	plan.artifacts = &pattern;
	plan.n_artifacts = 1;
	assert_fails(s2c_dockerfile_write(&plan, &buf, &terr), S2C_EINVAL,
		"artifact '/a/*.jar' would be a pattern");
	s2c_buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_values_survive),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
