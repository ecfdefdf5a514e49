/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of Dockerfiles applied to a configuration. */
#include "helper.h"

#include "build/dockerfile_eval.h"
#include "build/dockerfile_values.h"
#include "build/paths.h"

/* Ops that write down what they are asked to do. */
struct recorder {
	struct s2c_buf log;
	const char *denied; /* a user that may not be */
};

static void log_words(struct s2c_buf *log, const char *name, const struct s2c_strv *words)
{
	s2c_buf_must_printf(log, "%s", name);
	s2c_strv_foreach (word, words)
		s2c_buf_must_printf(log, "{%s}", word);
}

static int record_run(void *self, const struct s2c_eval_run *run, struct s2c_error **err)
{
	struct s2c_buf *log = &((struct recorder *)self)->log;

	(void)err;
	log_words(log, "run", run->argv);
	log_words(log, " env", run->env);
	s2c_buf_must_printf(log, " in %s as '%s'", run->cwd, run->user);
	for (size_t i = 0; i < run->n_mounts; i++)
		s2c_buf_must_printf(log, " mount %s", run->mounts[i].id);
	s2c_buf_must_printf(log, ";");
	return 0;
}

static int record_copy(
	void *self, const struct s2c_eval_copy *copy, struct s2c_error **err)
{
	struct s2c_buf *log = &((struct recorder *)self)->log;

	(void)err;
	log_words(log, copy->unpack ? "add" : "copy", copy->sources);
	s2c_buf_must_printf(log, " to %s owner %s mode %o", copy->destination,
		copy->owner ? copy->owner : "-", (unsigned)copy->mode);
	s2c_buf_must_printf(
		log, "%s%s;", copy->from ? " from " : "", copy->from ? copy->from : "");
	return 0;
}

static int record_user(void *self, const char *user, struct s2c_error **err)
{
	struct recorder *r = self;

	if (r->denied && streq(r->denied, user))
		return s2c_fail(err, S2C_EDENIED, "user '%s' is not allowed", user);
	s2c_buf_must_printf(&r->log, "user %s;", user);
	return 0;
}

static int record_workdir(void *self, const char *path, struct s2c_error **err)
{
	(void)err;
	s2c_buf_must_printf(&((struct recorder *)self)->log, "mkdir %s;", path);
	return 0;
}

static const struct s2c_eval_ops recording = {
	.run = record_run,
	.copy = record_copy,
	.user = record_user,
	.workdir = record_workdir,
};

static struct s2c_config *base(void)
{
	static const char text[] =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"User\":"
		"\"1001\","
		"\"Env\":[\"PATH=/bin\",\"V=base\"],\"Cmd\":[\"old\"],"
		"\"WorkingDir\":\"/"
		"w\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
	struct s2c_config *config = NULL;

	assert_ok(s2c_config_parse(text, strlen(text), &config, &terr));
	return config;
}

/* Applies a file; the first error ends it. */
static int apply(struct s2c_config *config, struct recorder *r, const char *text,
	struct s2c_error **err)
{
	CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
	CLEAN(s2c_eval_release)
	struct s2c_eval eval = {.config = config, .ops = &recording, .self = r};

	r->log.max = 1u << 20;
	if (s2c_dockerfile_parse(text, strlen(text), &file, err) < 0)
		return -1;
	for (size_t i = 0; i < file->n; i++)
		if (s2c_eval_apply(&eval, &file->items[i], file->escape, err) < 0)
			return -1;
	return 0;
}

/* A member of the result's "config" as JSON text; "" if it is not there. Caller frees. */
static char *member_text(const struct s2c_config *config, const char *name)
{
	const struct s2c_json *node = s2c_json_get(
		s2c_json_get(config->root, "config"), name);

	return node ? s2c_json_print(node, S2C_JSON_COMPACT) : xstrdup("");
}

static void test_members(void **state)
{
	static const struct {
		const char *text, *member, *value;
	} cases[] = {
		{"ENV A=1 B=\"x y\" C='$V' D=$V E=a\\ b", "Env",
			"[\"PATH=/bin\",\"V=base\",\"A=1\",\"B=x y\",\"C=$V\","
			"\"D=base\",\"E=a b\"]"},
		{"ENV A two \"words\" $V", "Env",
			"[\"PATH=/bin\",\"V=base\",\"A=two words base\"]"},
		/* All of an instruction see the values from before it. */
		{"ENV V=new W=$V", "Env", "[\"PATH=/bin\",\"V=new\",\"W=base\"]"},
		{"ENV V=new\nENV W=$V", "Env", "[\"PATH=/bin\",\"V=new\",\"W=new\"]"},
		{"ENV A=", "Env", "[\"PATH=/bin\",\"V=base\",\"A=\"]"},
		{"ARG A=1\nENV B=${A}x", "Env", "[\"PATH=/bin\",\"V=base\",\"B=1x\"]"},
		{"ARG V=arg\nENV B=$V", "Env", "[\"PATH=/bin\",\"V=base\",\"B=base\"]"},
		{"ARG A\nENV B=${A:-none}", "Env",
			"[\"PATH=/bin\",\"V=base\",\"B=none\"]"},
		{"LABEL a=1 \"b c\"=\"$V\"", "Labels", "{\"a\":\"1\",\"b c\":\"base\"}"},
		{"LABEL a the rest", "Labels", "{\"a\":\"the rest\"}"},
		{"USER $V:2", "User", "\"base:2\""},
		{"WORKDIR /a/b/../c/", "WorkingDir", "\"/a/c\""},
		{"WORKDIR x", "WorkingDir", "\"/w/x\""},
		{"WORKDIR x\nWORKDIR ../y", "WorkingDir", "\"/w/y\""},
		{"WORKDIR ../../..", "WorkingDir", "\"/\""},
		{"WORKDIR /$V", "WorkingDir", "\"/base\""},
		{"CMD a $V", "Cmd", "[\"/bin/sh\",\"-c\",\"a $V\"]"},
		{"CMD [\"a\",\"$V\"]", "Cmd", "[\"a\",\"$V\"]"},
		{"CMD []", "Cmd", ""},
		{"ENTRYPOINT [\"e\"]", "Entrypoint", "[\"e\"]"},
		{"ENTRYPOINT [\"e\"]", "Cmd", ""}, /* the inherited one is not meant */
		{"CMD [\"c\"]\nENTRYPOINT e", "Cmd", "[\"c\"]"},
		{"SHELL [\"/bin/bash\",\"-ec\"]\nCMD x", "Cmd",
			"[\"/bin/bash\",\"-ec\",\"x\"]"},
		{"SHELL [\"/bin/bash\",\"-ec\"]", "Shell", "[\"/bin/bash\",\"-ec\"]"},
		{"EXPOSE 80 53/UDP", "ExposedPorts", "{\"80/tcp\":{},\"53/udp\":{}}"},
		{"ENV P=\"80 81\"\nEXPOSE $P", "ExposedPorts",
			"{\"80/tcp\":{},\"81/tcp\":{}}"},
		{"EXPOSE 8000-8001/tcp", "ExposedPorts",
			"{\"8000/tcp\":{},\"8001/tcp\":{}}"},
		{"VOLUME /a \"/b c\"", "Volumes", "{\"/a\":{},\"/b c\":{}}"},
		{"VOLUME [\"/a\",\"/$V\"]", "Volumes", "{\"/a\":{},\"/base\":{}}"},
		{"STOPSIGNAL SIGQUIT", "StopSignal", "\"SIGQUIT\""},
		{"HEALTHCHECK NONE", "Healthcheck", "{\"Test\":[\"NONE\"]}"},
		{"HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=3 CMD curl $V",
			"Healthcheck",
			"{\"Test\":[\"CMD-SHELL\",\"curl $V\"],\"Interval\":90000000000,"
			"\"Timeout\":1500000000,\"Retries\":3}"},
		{"HEALTHCHECK --start-period=0 CMD [\"a\"]", "Healthcheck",
			"{\"Test\":[\"CMD\",\"a\"]}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = base();
		struct recorder r = {0};

		assert_ok(apply(config, &r, cases[i].text, &terr));
		CLEAN_FREE char *value = member_text(config, cases[i].member);
		if (!streq(value, cases[i].value))
			print_message("%s\n", cases[i].text);
		assert_string_equal(value, cases[i].value);
		s2c_buf_release(&r.log);
	}
}

static void test_doing(void **state)
{
	static const struct {
		const char *text, *log;
	} cases[] = {
		{"RUN a  b", "run{/bin/sh}{-c}{a  b} env{PATH=/bin}{V=base} in /w as "
			     "'1001';"},
		{"ARG V=arg\nARG A=1\nENV B=2\nUSER 7:8\nWORKDIR /x\nRUN [\"p\",\"$V\"]",
			"user 7:8;mkdir /x;run{p}{$V} env{V=base}{A=1}{PATH=/bin}{B=2} "
			"in "
			"/x as '7:8';"},
		{"SHELL [\"b\",\"-c\"]\nRUN x",
			"run{b}{-c}{x} env{PATH=/bin}{V=base} in /w as '1001';"},
		{"COPY a b", "copy{a} to /w/b owner - mode 37777777777;"},
		{"COPY a b .", "copy{a}{b} to /w/ owner - mode 37777777777;"},
		{"COPY a b/", "copy{a} to /w/b/ owner - mode 37777777777;"},
		{"COPY a /b/..", "copy{a} to / owner - mode 37777777777;"},
		{"COPY $V* \"/x y\"", "copy{base*} to /x y owner - mode 37777777777;"},
		{"COPY --chown=$V:0 --chmod=0640 [\"a b\",\"/$V/\"]",
			"copy{a b} to /base/ owner base:0 mode 640;"},
		{"ADD --link a.tar /", "add{a.tar} to / owner - mode 37777777777;"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = base();
		struct recorder r = {0};

		assert_ok(apply(config, &r, cases[i].text, &terr));
		assert_string_equal(s2c_buf_str(&r.log), cases[i].log);
		s2c_buf_release(&r.log);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum s2c_code code;
		const char *part;
	} cases[] = {
		{"FROM a", S2C_EUNSUPPORTED, "FROM: it cannot stand here"},
		{"ONBUILD RUN x", S2C_EUNSUPPORTED, "ONBUILD: it cannot stand here"},
		{"RUN --mount=type=cache,target=/c x", S2C_EUNSUPPORTED, "take it off"},
		{"RUN []", S2C_EINVAL, "RUN: there is no program"},
		{"COPY --from=x a b", S2C_EUNSUPPORTED, "COPY: --from is not supported"},
		{"COPY --parents a b", S2C_EINVAL, "COPY has no flag '--parents'"},
		{"ADD http://x/y /z", S2C_EUNSUPPORTED, "ADD: 'http://x/y' is no file"},
		{"ADD git@x:y /z", S2C_EUNSUPPORTED, "is no file of the source"},
		{"COPY a", S2C_EINVAL, "COPY: it takes sources and a destination"},
		{"COPY [\"a\",\"\"]", S2C_EINVAL, "the destination is empty"},
		{"COPY \"$NONE\" /x", S2C_EINVAL, "a source is empty"},
		{"COPY --chmod=u+x a b", S2C_EINVAL, "--chmod: 'u+x' is no octal mode"},
		{"COPY --chmod=10000 a b", S2C_EINVAL, "no octal mode"},
		{"ENV A", S2C_EINVAL, "ENV: it takes NAME=VALUE"},
		{"ENV A=1 B", S2C_EINVAL, "ENV: 'B' has no '='"},
		{"ENV =1", S2C_EINVAL, "ENV: it takes NAME=VALUE"},
		{"ENV A=\"", S2C_EINVAL, "ENV: a quote"},
		{"LABEL a", S2C_EINVAL, "LABEL: it takes"},
		{"CMD --x a", S2C_EINVAL, "CMD has no flag '--x'"},
		{"SHELL bash", S2C_EINVAL, "SHELL: it takes a JSON array"},
		{"SHELL []", S2C_EINVAL, "SHELL: it takes a JSON array"},
		{"EXPOSE http", S2C_EINVAL, "EXPOSE: 'http' is no port"},
		{"EXPOSE 0", S2C_EINVAL, "no port"},
		{"EXPOSE 65536", S2C_EINVAL, "no port"},
		{"EXPOSE 9-8", S2C_EINVAL, "no port"},
		{"EXPOSE 80/ip", S2C_EINVAL, "no port"},
		{"EXPOSE 1-60000", S2C_ELIMIT, "more than 4096 ports"},
		{"VOLUME a", S2C_EINVAL, "'a' is no absolute path"},
		{"VOLUME $NONE", S2C_EINVAL, "no absolute path"},
		{"USER $NONE", S2C_EINVAL, "USER: '$NONE' is empty"},
		{"USER root", S2C_EDENIED, "USER: user 'root' is not allowed"},
		{"WORKDIR /proc/1", S2C_EINVAL, "file system of the kernel"},
		{"WORKDIR \"\"", S2C_EINVAL, "is empty"},
		{"STOPSIGNAL kill now", S2C_EINVAL, "it takes a signal"},
		{"HEALTHCHECK curl x", S2C_EINVAL, "HEALTHCHECK: line 1: 'curl'"},
		{"HEALTHCHECK RUN x", S2C_EINVAL, "it takes CMD and a command"},
		{"HEALTHCHECK --interval=x CMD a", S2C_EINVAL, "--interval: 'x' is no"},
		{"HEALTHCHECK --interval=5 CMD a", S2C_EINVAL, "no duration"},
		{"HEALTHCHECK --interval=-5s CMD a", S2C_EINVAL, "no duration"},
		{"HEALTHCHECK --interval=10us CMD a", S2C_EINVAL, "less than a millisec"},
		{"HEALTHCHECK --retries=-1 CMD a", S2C_EINVAL, "--retries: '-1' is no"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = base();
		struct recorder r = {.denied = "root"};
		CLEAN_FREE char *before = s2c_config_print(config);

		assert_fails(apply(config, &r, cases[i].text, &terr), cases[i].code,
			cases[i].part);
		CLEAN_FREE char *after = s2c_config_print(config);
		assert_string_equal(before, after);
		s2c_buf_release(&r.log);
	}
}

/* Stages, mounts, and values from outside. */
static void test_whole_file(void **state)
{
	static const struct {
		const char *text, *log;
	} cases[] = {
		{"COPY --from=$V a b",
			"copy{a} to /w/b owner - mode 37777777777 from base;"},
		{"ARG ID=one\nRUN --mount=type=ssh --mount=type=secret,id=$ID x",
			"run{/bin/sh}{-c}{x} env{ID=one}{PATH=/bin}{V=base} in /w as "
			"'1001' "
			"mount default mount one;"},
		/* From outside, by default, and of before the first FROM. */
		{"ARG GIVEN=1\nARG OUTER=1\nCOPY $GIVEN $OUTER",
			"copy{outside} to /w/1 owner - mode 37777777777;"},
		{"ARG GIVEN\nARG OUTER\nARG NONE\nCOPY $GIVEN$NONE $OUTER",
			"copy{outside} to /w/before owner - mode 37777777777;"},
	};
	CLEAN_STRV struct s2c_strv given = S2C_STRV_INIT, before = S2C_STRV_INIT;

	s2c_strv_add(&given, "GIVEN=outside");
	s2c_strv_add(&before, "OUTER=before");
	s2c_strv_add(&before, "GIVEN=before");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_CONFIG struct s2c_config *config = base();
		CLEAN_DOCKERFILE struct s2c_dockerfile *file = NULL;
		struct recorder r = {.log = S2C_BUF_INIT(1u << 20)};
		CLEAN(s2c_eval_release)
		struct s2c_eval eval = {.config = config,
			.ops = &recording,
			.self = &r,
			.whole_file = true,
			.given = &given,
			.before_from = &before};

		assert_ok(s2c_dockerfile_parse(
			cases[i].text, strlen(cases[i].text), &file, &terr));
		for (size_t k = 0; k < file->n; k++)
			assert_ok(s2c_eval_apply(
				&eval, &file->items[k], file->escape, &terr));
		assert_string_equal(s2c_buf_str(&r.log), cases[i].log);
		s2c_buf_release(&r.log);
	}
}

static void test_author(void **state)
{
	CLEAN_CONFIG struct s2c_config *config = base();
	struct recorder r = {0};

	assert_ok(apply(config, &r, "MAINTAINER Some One <one@example.com>", &terr));
	assert_string_equal(s2c_json_str(s2c_json_get(config->root, "author")),
		"Some One <one@example.com>");
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{"0", 0},
		{"0s", 0},
		{"30s", 30000000000},
		{"1h2m3s", 3723000000000},
		{"1.5h", 5400000000000},
		{".5s", 500000000},
		{"1ms", 1000000},
		{"100000h", 360000000000000000},
	};
	static const char *const bad[] = {"", "s", "1", "1d", "1s1", "+1s", "1..5s", ".",
		"100001h", "9999999999s", "100000h1s", "1 s"};
	int64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ok(s2c_duration_parse(cases[i].text, &ns, &terr));
		assert_int_equal(ns, cases[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(s2c_duration_parse(bad[i], &ns, &terr), S2C_EINVAL,
			"is no duration");
}

static void test_join(void **state)
{
	static const struct {
		const char *base, *path, *joined;
	} cases[] = {
		{"/", "", "/"},
		{"/", "a", "/a"},
		{"/a", "b/./c//", "/a/b/c"},
		{"/a/b", "../c", "/a/c"},
		{"/a/b", "../../../c", "/c"},
		{"/a/b", "/c/..", "/"},
		{"/a", "..b", "/a/..b"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *path = s2c_inner_join(cases[i].base, cases[i].path);

		assert_string_equal(path, cases[i].joined);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_doing),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_author),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
